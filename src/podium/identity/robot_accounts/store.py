"""SQL of robot accounts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Connection

# A blank text is contained in every name.
FOUND = """t.organization_id = $1 AND t.deleted_at IS NULL
   AND (strpos(t.name_key, $2::text) > 0 OR strpos(lower(t.display_name), $2::text) > 0)"""
ONE = "t.organization_id = $1 AND t.id = $2 AND t.deleted_at IS NULL"

ADD = """
INSERT INTO identity.robot_accounts (organization_id, id, name, name_key, display_name, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, name_key) WHERE deleted_at IS NULL DO NOTHING RETURNING id
"""

REPLACE = """
UPDATE identity.robot_accounts SET display_name = coalesce($3::text, display_name), updated_at = $4
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING name
"""

REMOVE = """
UPDATE identity.robot_accounts SET deleted_at = $3
 WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL RETURNING id, name
"""


class Account(NamedTuple):
    """A robot account to add. The name never changes."""

    id: UUID
    name: str
    display_name: str


async def add(db: Connection, organization_id: UUID, account: Account, name_key: str, now: datetime) -> bool:
    """Keep a new account; false when another has the name."""
    values = (account.id, account.name, name_key, account.display_name, now)
    return bool(await db.fetchval(ADD, organization_id, *values))


async def replace(
    db: Connection, organization_id: UUID, account_id: UUID, display_name: str | None, now: datetime
) -> str | None:
    """The account's name after its shown name was changed (None: kept); None when there is no such account."""
    name: str | None = await db.fetchval(REPLACE, organization_id, account_id, display_name, now)
    return name


async def remove(db: Connection, organization_id: UUID, ids: Collection[UUID], now: datetime) -> dict[UUID, str]:
    """Mark accounts as deleted, which frees their names; id and name of those that were there."""
    rows = await db.fetch(REMOVE, organization_id, list(ids), now)
    return {row["id"]: row["name"] for row in rows}
