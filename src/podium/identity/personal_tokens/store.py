"""SQL of personal access tokens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

# The one statement of every call with a personal token: what ends the token, the user or the organization counts at once.
HOLDING = """
SELECT p.organization_id, p.id, p.user_id, p.token_hash, p.scopes, p.expires_at, p.last_used_at, u.user_name, u.email,
       u.first_name, u.last_name, u.display_name
  FROM identity.personal_tokens p
  JOIN identity.users u ON (u.organization_id, u.id) = (p.organization_id, p.user_id)
  JOIN identity.organizations o ON o.id = p.organization_id
 WHERE p.token_hash = $1 AND p.revoked_at IS NULL AND p.expires_at > $2
   AND u.is_active AND u.deleted_at IS NULL AND o.is_active AND o.deleted_at IS NULL
"""

USED = """
UPDATE identity.personal_tokens SET last_used_at = $3::timestamptz
 WHERE organization_id = $1 AND id = $2
   AND (last_used_at IS NULL OR last_used_at <= $3::timestamptz - make_interval(secs => $4::int))
"""

# Locked, so that two calls at once cannot both be the last that the limit lets through.
LOCK_USER = """
SELECT id FROM identity.users
 WHERE organization_id = $1 AND id = $2 AND is_active AND deleted_at IS NULL FOR NO KEY UPDATE
"""

HELD = """
SELECT count(*) FROM identity.personal_tokens
 WHERE organization_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3 AND id <> $4
"""

ADD = """
INSERT INTO identity.personal_tokens (organization_id, id, user_id, token_hash, description, scopes, created_at,
                                      expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

LOCK_ONE = """
SELECT id, description, scopes, token_hash FROM identity.personal_tokens
 WHERE organization_id = $1 AND user_id = $2 AND id = $3 AND revoked_at IS NULL FOR UPDATE
"""

RENEW = """
UPDATE identity.personal_tokens SET token_hash = $3, created_at = $4, expires_at = $5, last_used_at = NULL
 WHERE organization_id = $1 AND id = $2
"""

REVOKE = """
UPDATE identity.personal_tokens SET revoked_at = $3
 WHERE organization_id = $1 AND id = $2 AND revoked_at IS NULL
"""

REVOKE_ALL_OF = """
UPDATE identity.personal_tokens SET revoked_at = $3
 WHERE organization_id = $1 AND user_id = ANY($2::uuid[]) AND revoked_at IS NULL
RETURNING id, token_hash
"""


async def holding(db: Connection, token_hash: bytes, now: datetime) -> Record | None:
    """The token of that hash with its user, if both may come in."""
    return await db.fetchrow(HOLDING, token_hash, now)


async def used(db: Connection, organization_id: UUID, token_id: UUID, now: datetime, every_s: int) -> None:
    """Note the use, unless one was noted within so many seconds."""
    await db.execute(USED, organization_id, token_id, now, every_s)


async def lock_user(db: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Let nobody else count the user's tokens until the transaction ends; false when he may not come in."""
    return await db.fetchval(LOCK_USER, organization_id, user_id) is not None


async def held(db: Connection, organization_id: UUID, user_id: UUID, now: datetime, but: UUID) -> int:
    """How many tokens of the user hold, without that one."""
    count: int = await db.fetchval(HELD, organization_id, user_id, now, but)
    return count


async def add(
    db: Connection,
    organization_id: UUID,
    token_id: UUID,
    user_id: UUID,
    token_hash: bytes,
    description: str,
    scopes: Collection[str],
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep a new token."""
    await db.execute(ADD, organization_id, token_id, user_id, token_hash, description, list(scopes), now, expires_at)


async def lock_one(db: Connection, organization_id: UUID, user_id: UUID, token_id: UUID) -> Record | None:
    """id, description, scopes, token_hash of a token of the user, ended by time perhaps, but not revoked."""
    return await db.fetchrow(LOCK_ONE, organization_id, user_id, token_id)


async def renew(
    db: Connection, organization_id: UUID, token_id: UUID, token_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """Put another text in the place of the token's; the old one is nobody's from now on."""
    await db.execute(RENEW, organization_id, token_id, token_hash, now, expires_at)


async def revoke(db: Connection, organization_id: UUID, token_id: UUID, now: datetime) -> None:
    """End one token."""
    await db.execute(REVOKE, organization_id, token_id, now)


async def revoke_all_of(
    db: Connection, organization_id: UUID, user_ids: Collection[UUID], now: datetime
) -> list[Record]:
    """End every token of the users; id and token_hash of those that ended."""
    return await db.fetch(REVOKE_ALL_OF, organization_id, list(user_ids), now)
