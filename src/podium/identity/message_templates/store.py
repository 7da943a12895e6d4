"""SQL of mail texts. A built-in text whose value is blank is the one that the server brings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

ENSURE = """
INSERT INTO identity.message_templates (organization_id, name, name_key, value, is_built_in, created_at)
SELECT $1, new.name, new.name_key, '', true, $4 FROM unnest($2::text[], $3::text[]) AS new (name, name_key)
 WHERE NOT EXISTS (SELECT FROM identity.message_templates t
                    WHERE t.organization_id = $1 AND t.name_key = new.name_key)
ON CONFLICT (organization_id, name_key) DO NOTHING
"""

BY_NAME = """
SELECT id, name, value, is_built_in FROM identity.message_templates WHERE organization_id = $1 AND name_key = $2
"""

BY_ID = "SELECT id, name, value, is_built_in FROM identity.message_templates WHERE organization_id = $1 AND id = $2"

ADD = """
INSERT INTO identity.message_templates (organization_id, name, name_key, value, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization_id, name_key) DO NOTHING RETURNING id
"""

CHANGE = """
UPDATE identity.message_templates SET value = $3, updated_at = $4 WHERE organization_id = $1 AND id = $2
"""

DELETE = "DELETE FROM identity.message_templates WHERE organization_id = $1 AND id = $2"


async def ensure(
    db: Connection, organization_id: UUID, names: Sequence[str], folded: Sequence[str], now: datetime
) -> None:
    """Make rows for the built-in texts that have none."""
    await db.execute(ENSURE, organization_id, list(names), list(folded), now)


async def by_name(db: Connection, organization_id: UUID, name_key: str) -> Record | None:
    """id, name, value, is_built_in of a text."""
    return await db.fetchrow(BY_NAME, organization_id, name_key)


async def by_id(db: Connection, organization_id: UUID, template_id: int) -> Record | None:
    """id, name, value, is_built_in of a text."""
    return await db.fetchrow(BY_ID, organization_id, template_id)


async def add(db: Connection, organization_id: UUID, name: str, name_key: str, value: str, now: datetime) -> int | None:
    """The id of a new text; None when there is one of that name."""
    found: int | None = await db.fetchval(ADD, organization_id, name, name_key, value, now)
    return found


async def change(db: Connection, organization_id: UUID, template_id: int, value: str, now: datetime) -> None:
    """Write a text anew."""
    await db.execute(CHANGE, organization_id, template_id, value, now)


async def delete(db: Connection, organization_id: UUID, template_id: int) -> None:
    """Remove a text."""
    await db.execute(DELETE, organization_id, template_id)
