"""SQL over the principals of an organization."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from asyncpg import Record

from podium.identity.directory_search.entity import Found
from podium.kernel.db import Connection

BY_ID = """
SELECT id, kind, user_type, name, email, first_name, last_name, display_name, attributes, external_id, created_at
  FROM identity.principals
 WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND kind = ANY($3::text[])
"""

# The oldest first, people before robot accounts.
BY_NAME = """
SELECT name_key, email_key, id, kind, user_type, name, email, first_name, last_name, display_name, attributes,
       external_id, created_at
  FROM identity.principals
 WHERE organization_id = $1 AND kind = ANY($3::text[])
   AND (name_key = ANY($2::text[]) OR email_key = ANY($2::text[]))
 ORDER BY user_type, created_at, id
"""

STARTING_WITH = """
SELECT id, kind, user_type, name, email, first_name, last_name, display_name, attributes, external_id, created_at
  FROM identity.principals
 WHERE organization_id = $1 AND kind = ANY($2::text[])
   AND (name_key ^@ $3::text OR email_key ^@ $3::text OR lower(display_name) ^@ $3::text)
 ORDER BY name_key, id LIMIT $4
"""

# A join alone would read all users: the view takes ids, but no joins, down to the indexes of its tables.
MEMBERS_OF = """
SELECT m.group_id, p.id, p.kind, p.user_type, p.name, p.email, p.first_name, p.last_name, p.display_name, p.attributes,
       p.external_id, p.created_at
  FROM identity.group_members m
  JOIN identity.principals p ON (p.organization_id, p.id) = (m.organization_id, m.member_id)
 WHERE m.organization_id = $1 AND m.group_id = ANY($2::uuid[]) AND p.organization_id = $1
   AND p.id = ANY(ARRAY(
     SELECT member_id FROM identity.group_members
      WHERE organization_id = $1 AND group_id = ANY($2::uuid[])
        AND ($3::uuid[] IS NULL OR member_id = ANY($3::uuid[]))))
 ORDER BY p.name_key, p.id
"""

TAKEN = """
SELECT EXISTS (SELECT FROM identity.users WHERE id = $1) OR EXISTS (SELECT FROM identity.groups WHERE id = $1)
    OR EXISTS (SELECT FROM identity.robot_accounts WHERE id = $1) OR EXISTS (SELECT FROM identity.clients WHERE id = $1)
"""

ORGANIZATION_NAME = "SELECT name FROM identity.organizations WHERE id = $1"


async def by_id(db: Connection, organization_id: UUID, ids: Collection[UUID], kinds: Sequence[str]) -> list[Found]:
    """Those of the ids that are principals of the organization and of these kinds, in no order."""
    return [Found(*row) for row in await db.fetch(BY_ID, organization_id, list(ids), kinds)]


async def by_name(
    db: Connection, organization_id: UUID, keys: Collection[str], kinds: Sequence[str]
) -> dict[str, Found]:
    """The principal of each folded name or e-mail that is somebody's.

    A user name wins over another user's e-mail, the older application over a younger one of the same name.
    """
    rows = await db.fetch(BY_NAME, organization_id, list(keys), kinds)
    named: dict[str, Found] = {}
    mailed: dict[str, Found] = {}
    for row in rows:
        named.setdefault(row["name_key"], _found(row))
        if row["email_key"] is not None:
            mailed.setdefault(row["email_key"], _found(row))
    return {key: found for key in keys if (found := named.get(key) or mailed.get(key)) is not None}


async def starting_with(
    db: Connection, organization_id: UUID, prefix: str, kinds: Sequence[str], limit: int
) -> list[Found]:
    """Principals whose name, e-mail or shown name begins with the folded prefix, by name."""
    return [Found(*row) for row in await db.fetch(STARTING_WITH, organization_id, kinds, prefix, limit)]


async def members_of(
    db: Connection, organization_id: UUID, group_ids: Collection[UUID], among: Collection[UUID] | None
) -> dict[UUID, list[Found]]:
    """The members of each group by name, all of them or those among the given ids."""
    wanted = None if among is None else list(among)
    found: dict[UUID, list[Found]] = {id_: [] for id_ in group_ids}
    for row in await db.fetch(MEMBERS_OF, organization_id, list(group_ids), wanted):
        found[row["group_id"]].append(_found(row))
    return found


async def is_taken(db: Connection, id_: UUID) -> bool:
    """Whether any principal of the installation has or had the id."""
    return bool(await db.fetchval(TAKEN, id_))


async def organization_name(db: Connection, organization_id: UUID) -> str:
    """The organization's name."""
    return str(await db.fetchval(ORGANIZATION_NAME, organization_id))


def _found(row: Record) -> Found:
    return Found(*(row[name] for name in Found._fields))
