"""SQL of access: tenants, principals, roles, memberships, machine and robot credentials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Connection
from podium.kernel.errors import NotFound
from podium.orchestrator.access import rules


class TenantRow(NamedTuple):
    """A tenant by its stable facts."""

    id: int
    key: UUID
    name: str
    organization_id: UUID
    is_active: bool


class MachineRow(NamedTuple):
    """The machine behind a licence key."""

    tenant_id: int
    id: int
    key: UUID
    name: str
    type: str
    scope: str
    owner_id: int | None


class RobotRow(NamedTuple):
    """The robot behind a robot key. `user_id` None: the account that a machine brings itself."""

    tenant_id: int
    id: int
    key: UUID
    name: str
    user_id: int | None
    machine_id: int | None


ALL_TENANTS = "SELECT id, key, name, organization_id, is_active FROM orchestrator.tenants ORDER BY id"
USER_OF_PRINCIPAL = """
SELECT t.id, t.is_active, t.user_name FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.directory_id = $2
"""
GROUP_USERS = """
SELECT t.id FROM orchestrator.users t
 WHERE t.tenant_id = $1 AND t.directory_id = ANY($2::uuid[]) AND t.type = 'DirectoryGroup' AND t.is_active
"""
TENANT_ROLES = """
SELECT DISTINCT r.name, r.type, r.permissions
  FROM orchestrator.user_roles t JOIN orchestrator.roles r ON r.tenant_id = t.tenant_id AND r.id = t.role_id
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[])
"""
FOLDERS = """
SELECT t.id, t.key, t.path, t.ancestor_ids, t.folder_type = 'Personal' AS is_personal, t.owner_id
  FROM orchestrator.folders t WHERE t.tenant_id = $1
"""
GRANTS = """
SELECT t.folder_id, r.permissions
  FROM orchestrator.folder_members t
  LEFT JOIN orchestrator.folder_member_roles m
    ON m.tenant_id = t.tenant_id AND m.folder_id = t.folder_id AND m.user_id = t.user_id
  LEFT JOIN orchestrator.roles r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[])
"""
MACHINE_OF_LICENSE = """
SELECT t.tenant_id, t.id, t.key, t.name, t.type, t.scope, t.owner_id
  FROM orchestrator.machines t JOIN orchestrator.tenants o ON o.id = t.tenant_id AND o.is_active
 WHERE t.license_key = $1
"""
MACHINE_BY_ID = """
SELECT t.tenant_id, t.id, t.key, t.name, t.type, t.scope, t.owner_id FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.id = $2
"""
ROBOT_OF_KEY = """
SELECT t.tenant_id, t.id, t.key, t.name, t.user_id, t.machine_id
  FROM orchestrator.robots t JOIN orchestrator.tenants o ON o.id = t.tenant_id AND o.is_active
 WHERE t.key = $1 AND t.is_enabled
"""
MACHINE_FOLDERS = """
SELECT DISTINCT f.id, f.key, f.path
  FROM orchestrator.machine_folders t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id
   AND (f.id = t.folder_id OR (t.is_propagated AND t.folder_id = ANY(f.ancestor_ids)))
 WHERE t.tenant_id = $1 AND t.machine_id = $2
"""
TENANT_NAMED = "SELECT id FROM orchestrator.tenants WHERE organization_id = $1 AND name_key = $2"
ADD_TENANT = """
INSERT INTO orchestrator.tenants (key, organization_id, name, name_key, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id
"""
ADD_ROLE = """
INSERT INTO orchestrator.roles (tenant_id, name, name_key, display_name, type, permissions, is_static, is_editable, created_at)
VALUES ($1, $2, $3, $2, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, name_key) DO UPDATE SET permissions = excluded.permissions WHERE NOT roles.is_editable
"""
ADD_USER = """
INSERT INTO orchestrator.users (tenant_id, key, directory_id, type, user_name, name_key, email, provision_type, created_at,
                                last_login_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'Automatic', $8, NULL)
ON CONFLICT (tenant_id, directory_id) WHERE directory_id IS NOT NULL DO UPDATE SET user_name = users.user_name
RETURNING id
"""
GRANT_TENANT_ROLE = """
INSERT INTO orchestrator.user_roles (tenant_id, user_id, role_id)
SELECT t.tenant_id, $2::bigint, t.id FROM orchestrator.roles t WHERE t.tenant_id = $1 AND t.name_key = $3
ON CONFLICT DO NOTHING
"""
ADD_MEMBER = """
INSERT INTO orchestrator.folder_members (tenant_id, folder_id, user_id, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
ADD_MEMBER_ROLES = """
INSERT INTO orchestrator.folder_member_roles (tenant_id, folder_id, user_id, role_id)
SELECT t.tenant_id, $2::bigint, $3::bigint, t.id FROM orchestrator.roles t
 WHERE t.tenant_id = $1 AND t.name_key = ANY($4::text[])
ON CONFLICT DO NOTHING
"""
USERS_OF_PRINCIPALS = """
SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.directory_id = ANY($2::uuid[]) ORDER BY t.id
"""
REMOVE_USERS = "DELETE FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
HAS_USER = "SELECT EXISTS (SELECT FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = $2)"
ACCESS_CHANGED = "SELECT pg_notify('podium_access', $1::text)"
SEEN = "UPDATE orchestrator.users SET last_login_at = $3 WHERE tenant_id = $1 AND id = $2"


async def all_tenants(db: Connection) -> list[TenantRow]:
    """Every tenant of the installation; they are few."""
    return [TenantRow(*row) for row in await db.fetch(ALL_TENANTS)]


async def user_of_principal(db: Connection, tenant_id: int, directory_id: UUID) -> tuple[int, bool] | None:
    """Row id and activity of the principal's user; None when the tenant does not know it."""
    row = await db.fetchrow(USER_OF_PRINCIPAL, tenant_id, directory_id)
    return None if row is None else (row["id"], row["is_active"])


async def group_users(db: Connection, tenant_id: int, group_ids: Sequence[UUID]) -> list[int]:
    """User rows of those directory groups that the tenant knows."""
    return [row["id"] for row in await db.fetch(GROUP_USERS, tenant_id, list(group_ids))]


async def tenant_roles(db: Connection, tenant_id: int, user_ids: Sequence[int]) -> list[rules.TenantRole]:
    """Roles held tenant-wide by any of the users."""
    rows = await db.fetch(TENANT_ROLES, tenant_id, list(user_ids))
    return [rules.TenantRole(row["name"], row["type"], frozenset(row["permissions"])) for row in rows]


async def folders(db: Connection, tenant_id: int) -> list[rules.FolderRow]:
    """All folders of the tenant, in no order."""
    return [rules.FolderRow(*row) for row in await db.fetch(FOLDERS, tenant_id)]


async def grants(db: Connection, tenant_id: int, user_ids: Sequence[int]) -> dict[int, frozenset[str] | None]:
    """Folder id -> permissions of the roles that any of the users has there; None for membership without a role."""
    found: dict[int, frozenset[str] | None] = {}
    for row in await db.fetch(GRANTS, tenant_id, list(user_ids)):
        here = found.get(row["folder_id"])
        permissions = None if row["permissions"] is None else frozenset[str](row["permissions"])
        found[row["folder_id"]] = here if permissions is None else permissions | (here or frozenset())
    return found


async def machine_of_license(db: Connection, license_key: str) -> MachineRow | None:
    """The machine of an active tenant that has this licence key."""
    row = await db.fetchrow(MACHINE_OF_LICENSE, license_key)
    return None if row is None else MachineRow(*row)


async def machine_by_id(db: Connection, tenant_id: int, machine_id: int) -> MachineRow:
    """The machine of that id. Raises NotFound."""
    row = await db.fetchrow(MACHINE_BY_ID, tenant_id, machine_id)
    if row is None:
        raise NotFound("Machine does not exist.")
    return MachineRow(*row)


async def robot_of_key(db: Connection, key: UUID) -> RobotRow | None:
    """The enabled robot of an active tenant that has this key."""
    row = await db.fetchrow(ROBOT_OF_KEY, key)
    return None if row is None else RobotRow(*row)


async def machine_folders(db: Connection, tenant_id: int, machine_id: int) -> list[tuple[int, UUID, str]]:
    """Id, key and path of the folders that the machine serves, inherited ones among them."""
    return [(row["id"], row["key"], row["path"]) for row in await db.fetch(MACHINE_FOLDERS, tenant_id, machine_id)]


async def announce_change(db: Connection, tenant_id: int) -> None:
    """Tell every node, at the commit, that cached access of the tenant is stale."""
    await db.execute(ACCESS_CHANGED, str(tenant_id))


async def seen(db: Connection, tenant_id: int, user_id: int, now: datetime) -> None:
    """Note the user's sign-in."""
    await db.execute(SEEN, tenant_id, user_id, now)
