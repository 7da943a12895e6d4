"""SQL of the facts that decide on access."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope

USER_OF_KEY = """
SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND (t.directory_id = $2 OR t.key = $2) LIMIT 1
"""
USER_NAMED = """
SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND (t.name_key = $2::text OR lower(t.email) = $2::text)
 ORDER BY t.name_key = $2::text DESC, t.id LIMIT 1
"""
FOLDER = """
SELECT t.id, t.key, t.path, t.ancestor_ids, t.folder_type = 'Personal' AS is_personal, t.owner_id,
       t.permission_model = 'InheritFromTenant' AS is_of_tenant
  FROM orchestrator.folders t
 WHERE t.tenant_id = $1 AND (t.id = $2::bigint OR t.key = $3::uuid OR t.path_key = $4::text)
"""
TENANT_ROLES = """
SELECT u.id AS holder_id, u.user_name AS holder, r.name, r.type, r.permissions
  FROM orchestrator.user_roles t
  JOIN orchestrator.roles r ON r.tenant_id = t.tenant_id AND r.id = t.role_id
  JOIN orchestrator.users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[]) ORDER BY r.id, u.id
"""
MEMBERS = f"""
SELECT u.id AS holder_id, u.user_name AS holder, f.id AS folder_id, f.path, r.name, r.type, r.permissions
  FROM orchestrator.folder_members t
  JOIN orchestrator.users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
  LEFT JOIN orchestrator.folder_member_roles m
    ON m.tenant_id = t.tenant_id AND m.folder_id = t.folder_id AND m.user_id = t.user_id
  LEFT JOIN orchestrator.roles r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
 WHERE {scope.IN_FOLDERS} AND t.user_id = ANY($3::bigint[])
 ORDER BY f.path_key, r.id, u.id
"""


class FolderRow(NamedTuple):
    """A folder by what decides on access to it."""

    id: int
    key: UUID
    path: str
    ancestor_ids: Sequence[int]
    is_personal: bool
    owner_id: int | None
    is_of_tenant: bool


async def user_named(db: Connection, tenant_id: int, name: str) -> int | None:
    """The user of that GUID, user name or e-mail, in this order."""
    try:
        found: int | None = await db.fetchval(USER_OF_KEY, tenant_id, UUID(name))
    except ValueError:
        found = await db.fetchval(USER_NAMED, tenant_id, name.rpartition("\\")[2].casefold())
    return found


async def folder_named(db: Connection, tenant_id: int, name: str) -> FolderRow | None:
    """The folder of that id, key or path."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 19 else None
    try:
        key: UUID | None = UUID(name)
    except ValueError:
        key = None
    row = await db.fetchrow(FOLDER, tenant_id, number, key, None if number or key else name.casefold())
    return None if row is None else FolderRow(*row)


async def tenant_roles(db: Connection, tenant_id: int, holders: Sequence[int]) -> list[Record]:
    """The roles that these users hold tenant-wide."""
    return await db.fetch(TENANT_ROLES, tenant_id, list(holders))


async def members(db: Connection, tenant_id: int, holders: Sequence[int], folders: Sequence[int]) -> list[Record]:
    """The assignments of these users to these folders, those without a role too."""
    return await db.fetch(MEMBERS, tenant_id, list(folders), list(holders))
