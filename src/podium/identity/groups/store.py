"""SQL of groups and their members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from podium.kernel.db import Connection

ADD_BUILT_IN = """
INSERT INTO identity.groups (organization_id, id, name, name_key, is_built_in, created_at)
SELECT $1::uuid, g.id, g.name, g.name_key, true, $5::timestamptz
  FROM unnest($2::uuid[], $3::text[], $4::text[]) AS g(id, name, name_key)
ON CONFLICT (organization_id, name_key) DO NOTHING
"""

ADD_MEMBER = """
INSERT INTO identity.group_members (organization_id, group_id, member_id, added_at)
SELECT organization_id, id, $3::uuid, $4::timestamptz FROM identity.groups
 WHERE organization_id = $1 AND name_key = $2
ON CONFLICT DO NOTHING
"""

# Everyone has no member rows: who is an active user is in it.
GROUPS_OF = """
SELECT group_id FROM identity.group_members WHERE member_id = $1
UNION ALL
SELECT g.id FROM identity.users u
  JOIN identity.groups g ON g.organization_id = u.organization_id AND g.is_built_in AND g.name_key = $2
 WHERE u.id = $1 AND u.is_active AND u.deleted_at IS NULL
"""

IS_MEMBER = """
SELECT EXISTS (
  SELECT FROM identity.group_members m
    JOIN identity.groups g ON (g.organization_id, g.id) = (m.organization_id, m.group_id)
   WHERE m.member_id = $1 AND g.is_built_in AND g.name_key = $2)
"""


async def add_built_in(
    db: Connection, organization_id: UUID, ids: Sequence[UUID], names: Sequence[str], keys: Sequence[str], now: datetime
) -> None:
    """Make the built-in groups that are missing."""
    await db.execute(ADD_BUILT_IN, organization_id, ids, names, keys, now)


async def add_member(db: Connection, organization_id: UUID, group_key: str, member_id: UUID, now: datetime) -> None:
    """Put a principal into the group of that folded name; nothing when it is in it."""
    await db.execute(ADD_MEMBER, organization_id, group_key, member_id, now)


async def groups_of(db: Connection, member_id: UUID, everyone_key: str) -> list[UUID]:
    """Ids of the groups that a principal is in, Everyone with them."""
    return [row["group_id"] for row in await db.fetch(GROUPS_OF, member_id, everyone_key)]


async def is_member(db: Connection, member_id: UUID, group_key: str) -> bool:
    """Whether a principal is in the built-in group of that folded name."""
    return bool(await db.fetchval(IS_MEMBER, member_id, group_key))
