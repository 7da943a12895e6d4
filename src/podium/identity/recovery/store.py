"""SQL of the requests for a new password."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

# Bounded: whoever asks for a million names fills no disk. The bound is looked at in every case, so it tells nothing.
ASK = """
INSERT INTO identity.reset_requests (organization_id, name_key, asked_at)
SELECT $1::uuid, $2::text, $3::timestamptz
 WHERE (SELECT count(*) FROM identity.reset_requests) < $4::int
"""

TAKE = """
DELETE FROM identity.reset_requests
 WHERE id IN (SELECT id FROM identity.reset_requests ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING organization_id, name_key
"""


async def ask(db: Connection, organization_id: UUID, name_key: str, now: datetime, most: int) -> None:
    """Keep a request, unless too many wait."""
    await db.execute(ASK, organization_id, name_key, now, most)


async def take(db: Connection, limit: int) -> list[Record]:
    """organization_id and name_key of waiting requests, which are gone then."""
    return await db.fetch(TAKE, limit)
