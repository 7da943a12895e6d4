"""SQL of the links."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

ADD = """
INSERT INTO identity.links (organization_id, token_hash, purpose, user_id, redirect_url, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

END_OF_USER = """
UPDATE identity.links SET used_at = $4
 WHERE organization_id = $1 AND user_id = $2 AND purpose = $3 AND used_at IS NULL
"""

FIND = """
SELECT organization_id, user_id, redirect_url FROM identity.links
 WHERE organization_id = $1 AND token_hash = $2 AND purpose = $3 AND used_at IS NULL AND expires_at > $4::timestamptz
"""

# Guarded: of two uses at the same moment one finds the row.
USE = """
UPDATE identity.links SET used_at = $4::timestamptz
 WHERE organization_id = $1 AND token_hash = $2 AND purpose = $3 AND used_at IS NULL AND expires_at > $4::timestamptz
RETURNING organization_id, user_id, redirect_url
"""

MADE_SINCE = """
SELECT count(*) FROM identity.links
 WHERE organization_id = $1 AND user_id = $2 AND purpose = $3 AND created_at > $4
"""

FORGET = """
WITH gone AS (
  DELETE FROM identity.links
   WHERE (organization_id, token_hash) IN
         (SELECT organization_id, token_hash FROM identity.links WHERE expires_at < $1 LIMIT $2)
  RETURNING 1)
SELECT count(*) FROM gone
"""


async def add(
    db: Connection,
    organization_id: UUID,
    token_hash: bytes,
    purpose: str,
    user_id: UUID,
    redirect_url: str | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    """Keep a new link."""
    await db.execute(ADD, organization_id, token_hash, purpose, user_id, redirect_url, now, expires_at)


async def end_of_user(db: Connection, organization_id: UUID, user_id: UUID, purpose: str, now: datetime) -> None:
    """The user's links of a purpose that hold do not hold any more."""
    await db.execute(END_OF_USER, organization_id, user_id, purpose, now)


async def find(db: Connection, organization_id: UUID, token_hash: bytes, purpose: str, now: datetime) -> Record | None:
    """The link, if it holds."""
    return await db.fetchrow(FIND, organization_id, token_hash, purpose, now)


async def use(db: Connection, organization_id: UUID, token_hash: bytes, purpose: str, now: datetime) -> Record | None:
    """The link, if it held until now."""
    return await db.fetchrow(USE, organization_id, token_hash, purpose, now)


async def made_since(db: Connection, organization_id: UUID, user_id: UUID, purpose: str, since: datetime) -> int:
    """How many links of a purpose were made for the user since an instant."""
    found: int = await db.fetchval(MADE_SINCE, organization_id, user_id, purpose, since)
    return found


async def forget(db: Connection, before: datetime, limit: int) -> int:
    """Delete links that ended before an instant, up to a limit; how many went."""
    found: int = await db.fetchval(FORGET, before, limit)
    return found
