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
BUCKETS = SealedColumn(
    "orchestrator.buckets",
    "sealed",
    """
SELECT t.ctid::text AS at, t.tenant_id::text AS owner, t.id::text AS row, t.sealed FROM orchestrator.buckets t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE orchestrator.buckets t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
TENANT_SETTINGS = SealedColumn(
    "orchestrator.settings",
    "sealed",
    """
SELECT t.ctid::text AS at, t.tenant_id::text AS owner, t.name_key AS row, t.sealed FROM orchestrator.settings t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE orchestrator.settings t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
CREDENTIAL_STORES = SealedColumn(
    "orchestrator.credential_stores",
    "sealed",
    """
SELECT t.ctid::text AS at, t.tenant_id::text AS owner, t.id::text AS row, t.sealed FROM orchestrator.credential_stores t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE orchestrator.credential_stores t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
IDEMPOTENCY_KEYS = SealedColumn(
    "kernel.idempotency_keys",
    "sealed",
    """
SELECT t.ctid::text AS at, t.tenant_id::text AS owner, t.id::text AS row, t.sealed FROM kernel.idempotency_keys t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE kernel.idempotency_keys t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)
ROBOTS = SealedColumn(
    "orchestrator.robots",
    "sealed",
    """
SELECT t.ctid::text AS at, t.tenant_id::text AS owner, t.id::text AS row, t.sealed FROM orchestrator.robots t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE orchestrator.robots t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)

QUEUE_ITEM_SECRETS = SealedColumn(
    "orchestrator.queue_item_secrets",
    "sealed",
    """
SELECT t.ctid::text AS at, t.tenant_id::text AS owner, t.item_id || '/' || t.part AS row, t.sealed
  FROM orchestrator.queue_item_secrets t
 WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND substring(t.sealed FROM 2 FOR 4) <> ALL($3::bytea[])
""",
    """
UPDATE orchestrator.queue_item_secrets t SET sealed = n.fresh FROM unnest($2::bytea[], $3::bytea[]) AS n(stale, fresh)
 WHERE t.ctid = ANY($1::text[]::tid[]) AND t.sealed = n.stale
""",
)

SEALED_COLUMNS = (
    SECRETS,
    SIGNING_KEYS,
    SETTINGS,
    MAILS,
    TOTP,
    ASSET_VALUES,
    BUCKETS,
    TENANT_SETTINGS,
    CREDENTIAL_STORES,
    IDEMPOTENCY_KEYS,
    ROBOTS,
    QUEUE_ITEM_SECRETS,
)
