"""Every column that holds sealed values, for whoever replaces the keys: one entry per column, no column left out."""

from __future__ import annotations

from podium.kernel.key_rotation import SealedColumn

SECRETS = SealedColumn(
    "kernel.secrets",
    "sealed",
    """
SELECT t.ctid::text AS at, '0' AS owner, t.name AS row, t.sealed FROM kernel.secrets t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE kernel.secrets t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
SIGNING_KEYS = SealedColumn(
    "identity.signing_keys",
    "sealed",
    """
SELECT t.ctid::text AS at, '0' AS owner, t.kid AS row, t.sealed FROM identity.signing_keys t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE identity.signing_keys t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
SETTINGS = SealedColumn(
    "identity.settings",
    "sealed",
    """
SELECT t.ctid::text AS at, t.organization_id::text AS owner, t.user_id || '/' || t.key_key AS row, t.sealed
  FROM identity.settings t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE identity.settings t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
MAILS = SealedColumn(
    "identity.mails",
    "sealed",
    """
SELECT t.ctid::text AS at, t.organization_id::text AS owner, t.id::text AS row, t.sealed FROM identity.mails t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE identity.mails t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
TOTP = SealedColumn(
    "identity.totp",
    "sealed",
    """
SELECT t.ctid::text AS at, t.organization_id::text AS owner, t.user_id::text AS row, t.sealed FROM identity.totp t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE identity.totp t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)

ASSET_VALUES = SealedColumn(
    "orchestrator.asset_values",
    "sealed",
    """
SELECT t.ctid::text AS at, t.tenant_id::text AS owner, t.id::text AS row, t.sealed FROM orchestrator.asset_values t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE orchestrator.asset_values t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)

SEALED_COLUMNS = (SECRETS, SIGNING_KEYS, SETTINGS, MAILS, TOTP, ASSET_VALUES)
