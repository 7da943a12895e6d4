"""SQL of organizations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

ADD_OR_FIND = """
WITH added AS (
  INSERT INTO identity.organizations (id, type, name, name_key, created_at)
  VALUES ($1, 'organization', $2, $3, $4) ON CONFLICT (name_key) DO NOTHING RETURNING id)
SELECT id FROM added UNION ALL
SELECT id FROM identity.organizations WHERE name_key = $3 AND type = 'organization'
LIMIT 1
"""


ACTIVE = """
SELECT name_key, id FROM identity.organizations
 WHERE type = 'organization' AND is_active AND deleted_at IS NULL
"""

NAME_OF = "SELECT name FROM identity.organizations WHERE id = $1"

ONE = "SELECT id, type, name, language, is_active, deleted_at FROM identity.organizations WHERE id = $1"

SET_LANGUAGE = "UPDATE identity.organizations SET language = $2 WHERE id = $1"


async def one(db: Connection, organization_id: UUID) -> Record | None:
    """id, type, name, language, is_active, deleted_at of an organization."""
    return await db.fetchrow(ONE, organization_id)


async def set_language(db: Connection, organization_id: UUID, language: str) -> None:
    """Keep the code of the language that people are written to in."""
    await db.execute(SET_LANGUAGE, organization_id, language)


async def active(db: Connection) -> list[Record]:
    """Folded name and id of every organization that is in use."""
    return await db.fetch(ACTIVE)


async def name_of(db: Connection, organization_id: UUID) -> str | None:
    """The name of an organization, None when it is unknown."""
    found: str | None = await db.fetchval(NAME_OF, organization_id)
    return found


async def add_or_find(db: Connection, organization_id: UUID, name: str, name_key: str, now: datetime) -> UUID:
    """The id of the organization of that name, made with the given id when there was none."""
    found: UUID = await db.fetchval(ADD_OR_FIND, organization_id, name, name_key, now)
    return found
