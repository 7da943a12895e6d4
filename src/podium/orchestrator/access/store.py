"""SQL of access: tenants, principals, roles, memberships, machine and robot credentials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection
from podium.kernel.errors import NotFound
from podium.orchestrator import scope
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


class RoleRow(NamedTuple):
    """A role: what it grants, and whether it may be deleted and changed."""

    id: int
    name: str
    type: str
    permissions: frozenset[str]
    is_static: bool
    is_editable: bool


class UserRow(NamedTuple):
    """A principal as the tenant knows it. `directory_id`: the GUID of the identity server, None without one."""

    id: int
    key: UUID
    directory_id: UUID | None
    type: str
    user_name: str
    name: str | None
    surname: str | None
    email: str | None
    is_active: bool


ALL_TENANTS = """
SELECT id, key, name, organization_id, is_active FROM orchestrator.tenants WHERE deleted_at IS NULL ORDER BY id
"""
USER_OF_PRINCIPAL = """
SELECT t.id, t.is_active, t.user_name FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.directory_id = $2
"""
USER = """
SELECT t.id, t.key, t.directory_id, t.type, t.user_name, t.name, t.surname, t.email, t.is_active
  FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = $2
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
SELECT t.id, t.key, t.path, t.ancestor_ids, t.folder_type = 'Personal' AS is_personal, t.owner_id,
       t.permission_model = 'InheritFromTenant' AS is_of_tenant
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
GROUPS = """
SELECT t.directory_id FROM orchestrator.users t
 WHERE t.tenant_id = $1 AND t.type = 'DirectoryGroup' AND t.is_active AND t.directory_id IS NOT NULL
"""
# The rule of `rules.folder_permissions` for every user at once. $3 are permissions of the tenant and $4 of folders, of
# which a user has all; $5 and $6 are principals and the groups that they are in, pair by pair. Without a folder ($2 is
# NULL) only the tenant's count.
WHO_MAY = """
WITH place AS (
  SELECT f.ancestor_ids, f.folder_type = 'Personal' AS is_personal, f.owner_id,
         f.permission_model = 'InheritFromTenant' AS is_of_tenant
    FROM orchestrator.folders f WHERE f.tenant_id = $1 AND f.id = $2::bigint
  UNION ALL
  SELECT '{}', false, NULL, false WHERE $2::bigint IS NULL),
holders AS (
  SELECT u.id AS user_id, u.id AS holder_id FROM orchestrator.users u WHERE u.tenant_id = $1 AND u.is_active
  UNION
  SELECT u.id, g.id
    FROM unnest($5::uuid[], $6::uuid[]) m(principal_id, group_id)
    JOIN orchestrator.users u ON u.tenant_id = $1 AND u.directory_id = m.principal_id AND u.is_active
    JOIN orchestrator.users g ON g.tenant_id = $1 AND g.directory_id = m.group_id AND g.is_active
     AND g.type = 'DirectoryGroup'),
held AS (
  SELECT h.user_id, bool_or(r.name = $7::text) AS is_administrator,
         array_agg(p.name) FILTER (WHERE r.type IN ('Tenant', 'Mixed')) AS in_tenant,
         array_agg(p.name) FILTER (WHERE r.type = 'Mixed') AS mixed
    FROM holders h
    JOIN orchestrator.user_roles o ON o.tenant_id = $1 AND o.user_id = h.holder_id
    JOIN orchestrator.roles r ON r.tenant_id = o.tenant_id AND r.id = o.role_id
    LEFT JOIN LATERAL unnest(r.permissions) p(name) ON true
   GROUP BY h.user_id),
assigned AS (
  SELECT h.user_id, count(r.id) > 0 AS has_role, array_agg(p.name) AS in_folder
    FROM holders h
    CROSS JOIN place
    JOIN orchestrator.folder_members o
      ON o.tenant_id = $1 AND o.user_id = h.holder_id AND o.folder_id = ANY(place.ancestor_ids)
    LEFT JOIN orchestrator.folder_member_roles m
      ON m.tenant_id = o.tenant_id AND m.folder_id = o.folder_id AND m.user_id = o.user_id
    LEFT JOIN orchestrator.roles r ON r.tenant_id = m.tenant_id AND r.id = m.role_id
    LEFT JOIN LATERAL unnest(r.permissions) p(name) ON true
   GROUP BY h.user_id),
reached AS (
  SELECT t.id, held.in_tenant,
         coalesce(held.is_administrator, false)
           AND (NOT place.is_personal OR place.owner_id IS NOT DISTINCT FROM t.id) AS is_master,
         assigned.user_id IS NOT NULL AS is_member,
         CASE WHEN assigned.has_role AND NOT place.is_of_tenant THEN assigned.in_folder ELSE held.mixed END AS in_folder
    FROM orchestrator.users t
    CROSS JOIN place
    LEFT JOIN held ON held.user_id = t.id
    LEFT JOIN assigned ON assigned.user_id = t.id
   WHERE t.tenant_id = $1 AND t.is_active)
SELECT t.id, t.key, t.directory_id, t.type, t.user_name, t.name, t.surname, t.email, t.is_active
  FROM reached JOIN orchestrator.users t ON t.tenant_id = $1 AND t.id = reached.id
 WHERE (reached.is_master OR reached.is_member OR $2::bigint IS NULL)
   AND $3::text[] <@ coalesce(reached.in_tenant, '{}')
   AND (reached.is_master OR $4::text[] <@ coalesce(reached.in_folder, '{}'))
 ORDER BY t.name_key
"""
ROLES = """
SELECT t.id, t.name, t.type, t.permissions, t.is_static, t.is_editable
  FROM orchestrator.roles t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) ORDER BY t.id
"""
ROLES_NAMED = """
SELECT t.id, t.name, t.type, t.permissions, t.is_static, t.is_editable
  FROM orchestrator.roles t WHERE t.tenant_id = $1 AND t.name_key = ANY($2::text[]) ORDER BY t.id
"""
ROLES_IN_FOLDERS = f"""
SELECT DISTINCT r.id, r.name, r.type, r.permissions, r.is_static, r.is_editable
  FROM orchestrator.folder_member_roles t JOIN orchestrator.roles r ON r.tenant_id = t.tenant_id AND r.id = t.role_id
 WHERE {scope.IN_FOLDERS} ORDER BY r.id
"""
MIXED_ROLES = """
SELECT o.user_id, t.id, t.name, t.type, t.permissions, t.is_static, t.is_editable
  FROM orchestrator.roles t JOIN orchestrator.user_roles o ON o.tenant_id = t.tenant_id AND o.role_id = t.id
 WHERE t.tenant_id = $1 AND t.type = 'Mixed' AND t.name <> $2 ORDER BY t.id
"""
# -2 is no user's id and not the tree's (LOCK_TREE of folders), which share the space of two-part keys.
LOCK_MANAGERS = "SELECT pg_advisory_xact_lock($1::int, -2)"
ACCESS_CHANGED = "SELECT pg_notify('podium_access', $1::text)"
SEEN = "UPDATE orchestrator.users SET last_login_at = $3 WHERE tenant_id = $1 AND id = $2"


async def all_tenants(db: Connection) -> list[TenantRow]:
    """Every tenant of the installation; they are few."""
    return [TenantRow(*row) for row in await db.fetch(ALL_TENANTS)]


async def user_of_principal(db: Connection, tenant_id: int, directory_id: UUID) -> tuple[int, bool] | None:
    """Row id and activity of the principal's user; None when the tenant does not know it."""
    row = await db.fetchrow(USER_OF_PRINCIPAL, tenant_id, directory_id)
    return None if row is None else (row["id"], row["is_active"])


async def user(db: Connection, tenant_id: int, user_id: int) -> UserRow | None:
    """The tenant's user of that id, active or not."""
    row = await db.fetchrow(USER, tenant_id, user_id)
    return None if row is None else UserRow(*row)


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


async def active_groups(db: Connection, tenant_id: int) -> list[UUID]:
    """Directory ids of the groups that the tenant knows."""
    return [row["directory_id"] for row in await db.fetch(GROUPS, tenant_id)]


async def who_may(
    db: Connection,
    tenant_id: int,
    folder_id: int | None,
    permissions: frozenset[str],
    members: Sequence[tuple[UUID, UUID]],
) -> list[UserRow]:
    """Active principals that hold every one of the permissions in the folder, or tenant-wide without one; by name.

    `members`: principals with the directory groups that they are in.
    """
    rows = await db.fetch(
        WHO_MAY,
        tenant_id,
        folder_id,
        sorted(permissions & rules.TENANT_PERMISSIONS),
        sorted(permissions - rules.TENANT_PERMISSIONS),
        [principal for principal, _ in members],
        [group for _, group in members],
        rules.ADMINISTRATOR,
    )
    return [UserRow(*row) for row in rows]


async def roles(db: Connection, tenant_id: int, role_ids: Sequence[int]) -> dict[int, RoleRow]:
    """Those of the roles that exist, by id."""
    return {row["id"]: _role(row) for row in await db.fetch(ROLES, tenant_id, list(role_ids))}


async def roles_named(db: Connection, tenant_id: int, name_keys: Sequence[str]) -> dict[str, RoleRow]:
    """Those of the roles that exist, by folded name."""
    found = [_role(row) for row in await db.fetch(ROLES_NAMED, tenant_id, list(name_keys))]
    return {role.name.casefold(): role for role in found}


async def roles_in_folders(db: Connection, tenant_id: int, folder_ids: Sequence[int]) -> list[RoleRow]:
    """The roles that somebody holds in one of the folders itself."""
    return [_role(row) for row in await db.fetch(ROLES_IN_FOLDERS, tenant_id, list(folder_ids))]


async def mixed_roles(db: Connection, tenant_id: int, apart_from: str) -> list[tuple[int, RoleRow]]:
    """Who holds which mixed role tenant-wide, without the role of that name."""
    return [(row["user_id"], _role(row)) for row in await db.fetch(MIXED_ROLES, tenant_id, apart_from)]


async def lock_managers(db: Connection, tenant_id: int) -> None:
    """Wait for other changes of who may manage access, until they have ended."""
    await db.execute(LOCK_MANAGERS, tenant_id)


def _role(row: Record) -> RoleRow:
    return RoleRow(
        row["id"], row["name"], row["type"], frozenset(row["permissions"]), row["is_static"], row["is_editable"]
    )


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
