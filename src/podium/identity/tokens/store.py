"""SQL of refresh tokens and revocations."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection


class Family(NamedTuple):
    """One sign-in that may be renewed until `expires_at`."""

    organization_id: UUID
    id: UUID
    client_id: str
    subject: UUID
    session_id: UUID | None
    scopes: list[str]
    authenticated_at: datetime
    expires_at: datetime
    methods: list[str]
    revoked_at: datetime | None = None


START_FAMILY = """
INSERT INTO identity.refresh_families
  (organization_id, id, client_id, subject, session_id, scopes, authenticated_at, expires_at, methods)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

# Everything that changes a family or its tokens locks the family first: no two renewals at once, and no deadlock.
LOCK_FAMILY = """
SELECT organization_id, id, client_id, subject, session_id, scopes, authenticated_at, expires_at, methods, revoked_at
  FROM identity.refresh_families WHERE organization_id = $1 AND id = $2 FOR UPDATE
"""

LIVE_FAMILY = """
SELECT f.organization_id, f.id, f.client_id, f.subject, f.session_id, f.scopes, f.authenticated_at, f.expires_at,
       f.methods, f.revoked_at
  FROM identity.refresh_families f
  JOIN identity.refresh_tokens t ON (t.organization_id, t.family_id) = (f.organization_id, f.id)
 WHERE f.organization_id = $1 AND f.id = $2 AND t.token_hash = $3 AND f.revoked_at IS NULL AND f.expires_at > $4
   AND t.used_at IS NULL AND t.superseded_at IS NULL
"""

STATE = """
SELECT t.used_at, t.superseded_at, t.successor_hash, s.used_at IS NOT NULL AS is_successor_used
  FROM identity.refresh_tokens t
  LEFT JOIN identity.refresh_tokens s
    ON (s.organization_id, s.family_id, s.token_hash) = (t.organization_id, t.family_id, t.successor_hash)
 WHERE t.organization_id = $1 AND t.family_id = $2 AND t.token_hash = $3
"""

ADD_ONE = """
INSERT INTO identity.refresh_tokens (organization_id, family_id, token_hash, created_at) VALUES ($1, $2, $3, $4)
"""

SPEND = """
WITH superseded AS (
  UPDATE identity.refresh_tokens SET superseded_at = $5
   WHERE organization_id = $1 AND family_id = $2 AND token_hash = $6 AND superseded_at IS NULL)
UPDATE identity.refresh_tokens SET used_at = coalesce(used_at, $5), successor_hash = $4
 WHERE organization_id = $1 AND family_id = $2 AND token_hash = $3
"""

REVOKE_FAMILY = """
UPDATE identity.refresh_families SET revoked_at = $3
 WHERE organization_id = $1 AND id = $2 AND revoked_at IS NULL
RETURNING true
"""

REVOKE_FAMILIES_OF_SUBJECT = """
UPDATE identity.refresh_families SET revoked_at = $3
 WHERE organization_id = $1 AND subject = $2 AND revoked_at IS NULL
   AND ($4::uuid IS NULL OR session_id IS DISTINCT FROM $4::uuid)
"""

REVOKE_FAMILIES_OF_SESSION = """
UPDATE identity.refresh_families SET revoked_at = $3
 WHERE organization_id = $1 AND session_id = $2 AND revoked_at IS NULL
"""

REVOKE_FAMILIES_OF_CLIENT = (
    "UPDATE identity.refresh_families SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL"
)

REVOKE_FAMILIES_OF_AGREEMENT = """
UPDATE identity.refresh_families SET revoked_at = $4
 WHERE organization_id = $1 AND subject = $2 AND client_id = $3 AND revoked_at IS NULL
"""

REVOKE = """
INSERT INTO identity.revocations (kind, name, revoked_at, until) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, name) DO UPDATE
   SET revoked_at = greatest(revocations.revoked_at, excluded.revoked_at),
       until = greatest(revocations.until, excluded.until)
"""

REVOCATIONS = "SELECT kind, name, revoked_at FROM identity.revocations WHERE until > $1"

FORGET_ENDED = """
WITH families AS (
  DELETE FROM identity.refresh_families
   WHERE (organization_id, id) IN (
     SELECT organization_id, id FROM identity.refresh_families WHERE expires_at <= $1
      ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING 1),
revocations AS (DELETE FROM identity.revocations WHERE until <= $1 RETURNING 1)
SELECT (SELECT count(*) FROM families) + (SELECT count(*) FROM revocations)
"""


async def start_family(db: Connection, family: Family) -> None:
    """Keep a new family, without a token yet."""
    await db.execute(START_FAMILY, *family[:9])


async def lock_family(db: Connection, organization_id: UUID, family_id: UUID) -> Family | None:
    """The family, locked until the end of the transaction; None when there is none."""
    row = await db.fetchrow(LOCK_FAMILY, organization_id, family_id)
    return Family(**dict(row)) if row else None


async def token(db: Connection, family: Family, token_hash: bytes) -> Record | None:
    """The token of a locked family: used_at, superseded_at, successor_hash, is_successor_used."""
    return await db.fetchrow(STATE, family.organization_id, family.id, token_hash)


async def add_token(db: Connection, family: Family, token_hash: bytes, now: datetime) -> None:
    """Keep a token of the family, unused."""
    await db.execute(ADD_ONE, family.organization_id, family.id, token_hash, now)


async def spend_token(
    db: Connection, family: Family, token_hash: bytes, successor: bytes, now: datetime, superseded: bytes | None
) -> None:
    """Mark a token used for a successor; the successor it had before is dead from now on."""
    await db.execute(SPEND, family.organization_id, family.id, token_hash, successor, now, superseded)


async def revoke_family(db: Connection, organization_id: UUID, family_id: UUID, now: datetime) -> bool:
    """End a family; false when it had been ended before."""
    return bool(await db.fetchval(REVOKE_FAMILY, organization_id, family_id, now))


async def live_family(
    db: Connection, organization_id: UUID, family_id: UUID, token_hash: bytes, now: datetime
) -> Family | None:
    """The family, if it has not ended and the token is the one that leads on."""
    row = await db.fetchrow(LIVE_FAMILY, organization_id, family_id, token_hash, now)
    return Family(**dict(row)) if row else None


async def revoke_families_of_subject(
    db: Connection, organization_id: UUID, subject: UUID, now: datetime, but: UUID | None
) -> None:
    """End every family of a user, but for those of one session."""
    await db.execute(REVOKE_FAMILIES_OF_SUBJECT, organization_id, subject, now, but)


async def revoke_families_of_session(db: Connection, organization_id: UUID, session_id: UUID, now: datetime) -> None:
    """End every family of a browser session."""
    await db.execute(REVOKE_FAMILIES_OF_SESSION, organization_id, session_id, now)


async def revoke_families_of_client(db: Connection, client_id: str, now: datetime) -> None:
    """End every family that a client holds."""
    await db.execute(REVOKE_FAMILIES_OF_CLIENT, client_id, now)


async def revoke_families_of_agreement(
    db: Connection, organization_id: UUID, subject: UUID, client_id: str, now: datetime
) -> None:
    """End every family that a client holds of one user."""
    await db.execute(REVOKE_FAMILIES_OF_AGREEMENT, organization_id, subject, client_id, now)


async def revoke(db: Connection, kind: str, name: str, now: datetime, until: datetime) -> None:
    """Remember that access tokens made before `now` have ended; `until` is when the last would end by itself."""
    await db.execute(REVOKE, kind, name, now, until)


async def revocations(db: Connection, now: datetime) -> list[Record]:
    """kind, name, revoked_at of what may still matter."""
    return await db.fetch(REVOCATIONS, now)


async def forget_ended(db: Connection, now: datetime, limit: int) -> int:
    """Delete what no longer matters, families up to a limit; how many rows went."""
    count: int = await db.fetchval(FORGET_ENDED, now, limit)
    return count
