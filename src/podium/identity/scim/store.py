"""SQL of what SCIM reads; a condition that is null lets everything through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from podium.identity.groups.rules import Group
from podium.identity.names import fold
from podium.identity.requests import GUID
from podium.identity.scim.entity import UserRow
from podium.kernel.db import Connection

Filter = Mapping[str, str | bool]

USERS = """
SELECT id, user_name, email, first_name, last_name, display_name, is_active, external_id, created_at, updated_at
  FROM identity.users
 WHERE organization_id = $1 AND deleted_at IS NULL
   AND ($2::uuid IS NULL OR id = $2::uuid) AND ($3::text IS NULL OR user_name_key = $3::text)
   AND ($4::text IS NULL OR external_id = $4::text) AND ($5::text IS NULL OR lower(display_name) = lower($5::text))
   AND ($6::text IS NULL OR email_key = $6::text) AND ($7::boolean IS NULL OR is_active = $7::boolean)
 ORDER BY created_at, id LIMIT $8 OFFSET $9
"""

COUNT_USERS = """
SELECT count(*) FROM identity.users
 WHERE organization_id = $1 AND deleted_at IS NULL
   AND ($2::uuid IS NULL OR id = $2::uuid) AND ($3::text IS NULL OR user_name_key = $3::text)
   AND ($4::text IS NULL OR external_id = $4::text) AND ($5::text IS NULL OR lower(display_name) = lower($5::text))
   AND ($6::text IS NULL OR email_key = $6::text) AND ($7::boolean IS NULL OR is_active = $7::boolean)
"""

GROUPS = """
SELECT g.id, g.name, g.is_built_in, g.external_id, g.created_at, g.updated_at FROM identity.groups g
 WHERE g.organization_id = $1
   AND ($2::uuid IS NULL OR g.id = $2::uuid) AND ($3::text IS NULL OR g.name_key = $3::text)
   AND ($4::text IS NULL OR g.external_id = $4::text)
   AND ($5::uuid IS NULL OR EXISTS (
     SELECT FROM identity.group_members m
      WHERE m.organization_id = $1 AND m.group_id = g.id AND m.member_id = $5::uuid))
 ORDER BY g.created_at, g.id LIMIT $6 OFFSET $7
"""

COUNT_GROUPS = """
SELECT count(*) FROM identity.groups g
 WHERE g.organization_id = $1
   AND ($2::uuid IS NULL OR g.id = $2::uuid) AND ($3::text IS NULL OR g.name_key = $3::text)
   AND ($4::text IS NULL OR g.external_id = $4::text)
   AND ($5::uuid IS NULL OR EXISTS (
     SELECT FROM identity.group_members m
      WHERE m.organization_id = $1 AND m.group_id = g.id AND m.member_id = $5::uuid))
"""


class Part(NamedTuple):
    """Which part of a list: at most `rows` after the first `skip`."""

    rows: int = 1
    skip: int = 0


FIRST = Part()


async def users(db: Connection, organization_id: UUID, wanted: Filter, part: Part = FIRST) -> tuple[list[UserRow], int]:
    """The users of a part, oldest first, and how many there are in all."""
    if "id" in wanted and not _is_guid(wanted["id"]):
        return [], 0
    args = (
        organization_id,
        wanted.get("id"),
        _folded(wanted.get("userName")),
        wanted.get("externalId"),
        wanted.get("displayName"),
        _folded(wanted.get("emails")),
        wanted.get("active"),
    )
    total = int(await db.fetchval(COUNT_USERS, *args))
    return [UserRow(*row) for row in await db.fetch(USERS, *args, *part)], total


async def groups(db: Connection, organization_id: UUID, wanted: Filter, part: Part = FIRST) -> tuple[list[Group], int]:
    """The groups of a part, oldest first, and how many there are in all."""
    if any(name in wanted and not _is_guid(wanted[name]) for name in ("id", "members")):
        return [], 0
    args = (
        organization_id,
        wanted.get("id"),
        _folded(wanted.get("displayName")),
        wanted.get("externalId"),
        wanted.get("members"),
    )
    total = int(await db.fetchval(COUNT_GROUPS, *args))
    return [Group(*row) for row in await db.fetch(GROUPS, *args, *part)], total


def _folded(value: str | bool | None) -> str | None:
    return fold(value) if isinstance(value, str) else None


def _is_guid(value: str | bool) -> bool:
    return isinstance(value, str) and GUID.fullmatch(value) is not None
