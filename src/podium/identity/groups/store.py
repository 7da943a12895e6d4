"""SQL of groups and their members."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from podium.identity.groups.rules import Group
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

MEMBERS_OF = """
SELECT member_id, group_id FROM identity.group_members WHERE group_id = ANY($1::uuid[])
UNION ALL
SELECT u.id, g.id FROM identity.groups g
  JOIN identity.users u ON u.organization_id = g.organization_id AND u.is_active AND u.deleted_at IS NULL
 WHERE g.id = ANY($1::uuid[]) AND g.is_built_in AND g.name_key = $2
"""

IS_MEMBER = """
SELECT EXISTS (
  SELECT FROM identity.group_members m
    JOIN identity.groups g ON (g.organization_id, g.id) = (m.organization_id, m.group_id)
   WHERE m.member_id = $1 AND g.is_built_in AND g.name_key = $2)
"""

JOIN = """
INSERT INTO identity.group_members (organization_id, group_id, member_id, added_at)
SELECT g.organization_id, g.id, m.id, $4::timestamptz
  FROM identity.groups g CROSS JOIN unnest($3::uuid[]) AS m(id)
 WHERE g.organization_id = $1 AND g.id = ANY($2::uuid[]) AND NOT (g.is_built_in AND g.name_key = $5)
ON CONFLICT DO NOTHING
RETURNING group_id
"""

LEAVE = """
DELETE FROM identity.group_members
 WHERE organization_id = $1 AND group_id = ANY($2::uuid[]) AND member_id = ANY($3::uuid[])
RETURNING group_id
"""

LEAVE_ALL = """
DELETE FROM identity.group_members WHERE organization_id = $1 AND member_id = ANY($2::uuid[]) RETURNING group_id
"""

UNKNOWN = """
SELECT w.id FROM unnest($2::uuid[]) AS w(id)
 WHERE NOT EXISTS (SELECT FROM identity.groups WHERE organization_id = $1 AND id = w.id)
"""

GROUPS_OF_MEMBERS = """
SELECT member_id, array_agg(group_id ORDER BY added_at, group_id) AS group_ids FROM identity.group_members
 WHERE organization_id = $1 AND member_id = ANY($2::uuid[]) GROUP BY member_id
"""

BUILT_IN_ID = "SELECT id FROM identity.groups WHERE organization_id = $1 AND is_built_in AND name_key = $2"

# Held to the end of the transaction, so that two callers cannot each take the other for the one who stays.
LOCK_GROUP = "SELECT id FROM identity.groups WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE"

ACTIVE_USERS_IN = """
SELECT m.member_id FROM identity.group_members m
  JOIN identity.users u ON (u.organization_id, u.id) = (m.organization_id, m.member_id)
 WHERE m.organization_id = $1 AND m.group_id = $2 AND u.is_active AND u.deleted_at IS NULL
"""

ALL = """
SELECT id, name, is_built_in, external_id, created_at, updated_at FROM identity.groups
 WHERE organization_id = $1 AND ($2::uuid[] IS NULL OR id = ANY($2::uuid[]))
 ORDER BY is_built_in DESC, name_key
"""

# A change of the row waits for the present one to end.
ONE = """
SELECT id, name, is_built_in, external_id, created_at, updated_at FROM identity.groups
 WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE
"""

ADD = """
INSERT INTO identity.groups (organization_id, id, name, name_key, external_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, name_key) DO NOTHING RETURNING id
"""

REPLACE = """
UPDATE identity.groups SET name = $3, name_key = $4::text, external_id = $5, updated_at = $6
 WHERE organization_id = $1 AND id = $2
   AND NOT EXISTS (SELECT FROM identity.groups WHERE organization_id = $1 AND name_key = $4::text AND id <> $2)
RETURNING id
"""

REMOVE = "DELETE FROM identity.groups WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND NOT is_built_in"


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


async def members_of(db: Connection, group_ids: Collection[UUID], everyone_key: str) -> list[tuple[UUID, UUID]]:
    """Member and group for every membership in these groups, those in Everyone with them."""
    rows = await db.fetch(MEMBERS_OF, list(group_ids), everyone_key)
    return [(row["member_id"], row["group_id"]) for row in rows]


async def is_member(db: Connection, member_id: UUID, group_key: str) -> bool:
    """Whether a principal is in the built-in group of that folded name."""
    return bool(await db.fetchval(IS_MEMBER, member_id, group_key))


async def join(
    db: Connection,
    organization_id: UUID,
    group_ids: Collection[UUID],
    member_ids: Collection[UUID],
    now: datetime,
    everyone_key: str,
) -> bool:
    """Put every one of the principals into every one of the groups but Everyone; whether that changed anything."""
    return bool(await db.fetch(JOIN, organization_id, list(group_ids), list(member_ids), now, everyone_key))


async def leave(
    db: Connection, organization_id: UUID, group_ids: Collection[UUID], member_ids: Collection[UUID]
) -> bool:
    """Take the principals out of the groups; whether that changed anything."""
    return bool(await db.fetch(LEAVE, organization_id, list(group_ids), list(member_ids)))


async def leave_all(db: Connection, organization_id: UUID, member_ids: Collection[UUID]) -> bool:
    """Take the principals out of all their groups; whether that changed anything."""
    return bool(await db.fetch(LEAVE_ALL, organization_id, list(member_ids)))


async def unknown(db: Connection, organization_id: UUID, group_ids: Collection[UUID]) -> list[UUID]:
    """Those of the ids that no group of the organization has."""
    return [row["id"] for row in await db.fetch(UNKNOWN, organization_id, list(group_ids))]


async def groups_of_members(
    db: Connection, organization_id: UUID, member_ids: Collection[UUID]
) -> dict[UUID, list[UUID]]:
    """The groups of each principal that has some, in the order in which it joined them."""
    rows = await db.fetch(GROUPS_OF_MEMBERS, organization_id, list(member_ids))
    return {row["member_id"]: list(row["group_ids"]) for row in rows}


async def built_in_id(db: Connection, organization_id: UUID, group_key: str) -> UUID | None:
    """The id of the built-in group of that folded name."""
    found: UUID | None = await db.fetchval(BUILT_IN_ID, organization_id, group_key)
    return found


async def lock(db: Connection, organization_id: UUID, group_id: UUID) -> None:
    """Wait for, and keep out, everybody else who locks the group, until the transaction ends."""
    await db.execute(LOCK_GROUP, organization_id, group_id)


async def active_users_in(db: Connection, organization_id: UUID, group_id: UUID) -> set[UUID]:
    """The members of the group that are active users."""
    return {row["member_id"] for row in await db.fetch(ACTIVE_USERS_IN, organization_id, group_id)}


async def groups(db: Connection, organization_id: UUID, ids: Collection[UUID] | None = None) -> list[Group]:
    """The groups of these ids, or all; built-in ones first, then by name."""
    wanted = None if ids is None else list(ids)
    return [Group(*row) for row in await db.fetch(ALL, organization_id, wanted)]


async def locked_group(db: Connection, organization_id: UUID, group_id: UUID) -> Group | None:
    """The group, held for a change until the transaction ends."""
    row = await db.fetchrow(ONE, organization_id, group_id)
    return Group(*row) if row else None


async def add(db: Connection, organization_id: UUID, group: Group, name_key: str) -> bool:
    """Keep a new group; false when the name is taken."""
    values = (group.id, group.name, name_key, group.external_id, group.created_at)
    return bool(await db.fetchval(ADD, organization_id, *values))


async def replace(db: Connection, organization_id: UUID, group: Group, name_key: str, now: datetime) -> bool:
    """Store name and external id; false when another group has the name."""
    values = (group.id, group.name, name_key, group.external_id, now)
    return bool(await db.fetchval(REPLACE, organization_id, *values))


async def remove(db: Connection, organization_id: UUID, ids: Collection[UUID]) -> None:
    """Delete groups with their memberships; built-in ones stay."""
    await db.execute(REMOVE, organization_id, list(ids))
