"""SQL of organizations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from podium.kernel.db import Connection

ADD_OR_FIND = """
WITH added AS (
  INSERT INTO identity.organizations (id, type, name, name_key, created_at)
  VALUES ($1, 'organization', $2, $3, $4) ON CONFLICT (name_key) DO NOTHING RETURNING id)
SELECT id FROM added UNION ALL
SELECT id FROM identity.organizations WHERE name_key = $3 AND type = 'organization'
LIMIT 1
"""


async def add_or_find(db: Connection, organization_id: UUID, name: str, name_key: str, now: datetime) -> UUID:
    """The id of the organization of that name, made with the given id when there was none."""
    found: UUID = await db.fetchval(ADD_OR_FIND, organization_id, name, name_key, now)
    return found
