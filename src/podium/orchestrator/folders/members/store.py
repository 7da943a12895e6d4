"""SQL of members: assignments of users to folders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.folders.members.rules import Assignment, Source

KNOWN_USERS = "SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
ROLES = "SELECT t.id, t.name, t.type FROM orchestrator.roles t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
USER_OF_KEY = "SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.key = $2"
USER_NAMED = """
SELECT t.id, t.type, t.directory_id FROM orchestrator.users t
 WHERE t.tenant_id = $1 AND (t.name_key = $2::text OR lower(t.email) = $2::text)
   AND ($3::text[] IS NULL OR t.type = ANY($3::text[]))
 ORDER BY t.name_key = $2::text DESC, t.id LIMIT 1
"""
GROUPS_AS_USERS = """
SELECT t.id FROM orchestrator.users t
 WHERE t.tenant_id = $1 AND t.directory_id = ANY($2::uuid[]) AND t.type = 'DirectoryGroup'
"""
ADD_MEMBERS = """
INSERT INTO orchestrator.folder_members (tenant_id, folder_id, user_id, created_at)
SELECT $1, $2, u.id, $4 FROM unnest($3::bigint[]) u(id)
ON CONFLICT DO NOTHING
"""
DROP_ROLES = f"""
DELETE FROM orchestrator.folder_member_roles t
 WHERE {scope.IN_FOLDERS} AND t.user_id = ANY($3::bigint[])
"""
ADD_ROLES = """
INSERT INTO orchestrator.folder_member_roles (tenant_id, folder_id, user_id, role_id)
SELECT $1, $2, u.id, r.id FROM unnest($3::bigint[]) u(id), unnest($4::bigint[]) r(id)
ON CONFLICT DO NOTHING
"""
REMOVE_MEMBER = f"""
DELETE FROM orchestrator.folder_members t WHERE {scope.IN_FOLDERS} AND t.user_id = $3
RETURNING t.user_id
"""
ASSIGNMENTS = f"""
SELECT t.user_id, t.folder_id, r.id AS role_id, r.name AS role_name, r.type AS role_type
  FROM orchestrator.folder_members t
  LEFT JOIN orchestrator.folder_member_roles m
    ON m.tenant_id = t.tenant_id AND m.folder_id = t.folder_id AND m.user_id = t.user_id
  LEFT JOIN orchestrator.roles r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
 WHERE {scope.IN_FOLDERS}
 ORDER BY t.user_id, t.folder_id, r.id
"""
TENANT_WIDE = """
SELECT t.user_id, NULL::bigint AS folder_id, r.id AS role_id, r.name AS role_name, r.type AS role_type
  FROM orchestrator.user_roles t JOIN orchestrator.roles r ON r.tenant_id = t.tenant_id AND r.id = t.role_id
 WHERE t.tenant_id = $1 AND r.name_key = $2::text
 ORDER BY t.user_id
"""
USERS = """
SELECT t.id, t.user_name, t.type, nullif(concat_ws(' ', t.name, t.surname), '') AS full_name,
       t.may_have_robot_session AS may_have_attended, t.may_have_unattended_session AS may_have_unattended
  FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) ORDER BY t.name_key
"""
SOURCES = """
SELECT t.id, t.display_name, t.path FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])
"""
TENANT_ROLES = """
SELECT r.id AS role_id, r.name AS role_name, t.user_id
  FROM orchestrator.user_roles t JOIN orchestrator.roles r ON r.tenant_id = t.tenant_id AND r.id = t.role_id
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[]) ORDER BY r.id, t.user_id
"""
FOLDERS_OF = """
WITH found AS (
  SELECT DISTINCT f.id, f.display_name, f.path, f.path_key
    FROM orchestrator.folder_members t
    JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
   WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[]) AND strpos(f.name_key, $3::text) > 0
     AND (f.id = ANY($4::bigint[]) OR ($5::boolean AND f.folder_type <> 'Personal')))
SELECT found.id, found.display_name, found.path, (SELECT count(*) FROM found) AS total
  FROM found ORDER BY found.path_key LIMIT $6::bigint OFFSET $7::bigint
"""


class Role(NamedTuple):
    """A role that may be given in a folder or not."""

    id: int
    name: str
    type: str


async def replace_roles(
    db: Connection,
    tenant_id: int,
    folder_id: int,
    user_ids: Sequence[int],
    role_ids: Sequence[int],
    now: datetime,
) -> None:
    """Make the users members of the folder, with exactly these roles there."""
    await db.execute(ADD_MEMBERS, tenant_id, folder_id, list(user_ids), now)
    await db.execute(DROP_ROLES, tenant_id, [folder_id], list(user_ids))
    await db.execute(ADD_ROLES, tenant_id, folder_id, list(user_ids), list(role_ids))


async def roles(db: Connection, tenant_id: int, role_ids: Sequence[int]) -> dict[int, Role]:
    """Those of the roles that exist, by id."""
    return {row["id"]: Role(*row) for row in await db.fetch(ROLES, tenant_id, list(role_ids))}


async def known_users(db: Connection, tenant_id: int, user_ids: Sequence[int]) -> set[int]:
    """Those of the users that exist."""
    return {row["id"] for row in await db.fetch(KNOWN_USERS, tenant_id, list(user_ids))}


async def user_of_key(db: Connection, tenant_id: int, key: UUID) -> int | None:
    """Id of the user with this key."""
    found: int | None = await db.fetchval(USER_OF_KEY, tenant_id, key)
    return found


async def assignments(db: Connection, tenant_id: int, folder_ids: Sequence[int]) -> list[Assignment]:
    """What is assigned on the folders themselves."""
    return [Assignment(*row) for row in await db.fetch(ASSIGNMENTS, tenant_id, list(folder_ids))]


async def tenant_wide(db: Connection, tenant_id: int, role_key: str) -> list[Assignment]:
    """Who holds the role tenant-wide."""
    return [Assignment(*row) for row in await db.fetch(TENANT_WIDE, tenant_id, role_key)]


async def users(db: Connection, tenant_id: int, user_ids: Sequence[int]) -> list[dict[str, Any]]:
    """The users as a folder's list shows them, by name."""
    return [dict(row) for row in await db.fetch(USERS, tenant_id, list(user_ids))]


async def sources(db: Connection, tenant_id: int, folder_ids: Sequence[int]) -> dict[int, Source]:
    """Name and path of the folders, by id."""
    return {row["id"]: Source(*row) for row in await db.fetch(SOURCES, tenant_id, list(folder_ids))}
