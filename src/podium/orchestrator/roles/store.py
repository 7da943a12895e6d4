"""SQL of roles and of who holds them tenant-wide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from podium.kernel.db import Connection
from podium.orchestrator import scope

ITSELF = f"{scope.IN_TENANT} AND t.id = $2::bigint"
# The role orders the users and limits nothing.
ALL_USERS = f"{scope.IN_TENANT} AND $2::bigint IS NOT NULL"
LOCK = "SELECT t.id FROM orchestrator.roles t WHERE t.tenant_id = $1 AND t.id = $2 FOR UPDATE"
NAMED = "SELECT t.id FROM orchestrator.roles t WHERE t.tenant_id = $1 AND t.name_key = $2"
ADD = """
INSERT INTO orchestrator.roles (tenant_id, name, name_key, display_name, type, permissions, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, name_key) DO NOTHING RETURNING id
"""
CHANGE = """
UPDATE orchestrator.roles t SET name = $3, name_key = $4, display_name = $5, permissions = $6
 WHERE t.tenant_id = $1 AND t.id = $2
"""
REMOVE = "DELETE FROM orchestrator.roles t WHERE t.tenant_id = $1 AND t.id = $2"
HOLDERS = "SELECT t.user_id FROM orchestrator.user_roles t WHERE t.tenant_id = $1 AND t.role_id = $2 ORDER BY t.user_id"
FOLDERS = """
SELECT DISTINCT t.folder_id FROM orchestrator.folder_member_roles t WHERE t.tenant_id = $1 AND t.role_id = $2
"""
KNOWN_USERS = "SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
ROLES_OF = """
SELECT t.user_id, t.role_id FROM orchestrator.user_roles t WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[])
"""
GIVE = """
INSERT INTO orchestrator.user_roles (tenant_id, user_id, role_id)
SELECT $1, u.id, r.id FROM unnest($2::bigint[]) u(id), unnest($3::bigint[]) r(id)
ON CONFLICT DO NOTHING
"""
TAKE = """
DELETE FROM orchestrator.user_roles t
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[]) AND t.role_id = ANY($3::bigint[])
"""


async def lock(db: Connection, tenant_id: int, role_id: int) -> bool:
    """Whether there is such a role; nobody else changes it until the transaction ends."""
    return await db.fetchval(LOCK, tenant_id, role_id) is not None


async def id_of(db: Connection, tenant_id: int, name: str) -> int | None:
    """The role of that name."""
    found: int | None = await db.fetchval(NAMED, tenant_id, name.casefold())
    return found


async def add(
    db: Connection,
    tenant_id: int,
    name: str,
    display_name: str,
    type_: str,
    permissions: Collection[str],
    now: datetime,
) -> int | None:
    """Id of the new role; None when the name is taken."""
    found: int | None = await db.fetchval(
        ADD, tenant_id, name, name.casefold(), display_name, type_, sorted(permissions), now
    )
    return found


async def change(
    db: Connection, tenant_id: int, role_id: int, name: str, display_name: str, permissions: Collection[str]
) -> None:
    """Another name and other permissions for a locked role."""
    await db.execute(CHANGE, tenant_id, role_id, name, name.casefold(), display_name, sorted(permissions))


async def holders(db: Connection, tenant_id: int, role_id: int) -> list[int]:
    """Users who hold the role tenant-wide."""
    return [row["user_id"] for row in await db.fetch(HOLDERS, tenant_id, role_id)]


async def folders(db: Connection, tenant_id: int, role_id: int) -> list[int]:
    """Folders in which somebody holds the role."""
    return [row["folder_id"] for row in await db.fetch(FOLDERS, tenant_id, role_id)]


async def known_users(db: Connection, tenant_id: int, user_ids: Sequence[int]) -> set[int]:
    """Those of the users that exist."""
    return {row["id"] for row in await db.fetch(KNOWN_USERS, tenant_id, list(user_ids))}


async def roles_of(db: Connection, tenant_id: int, user_ids: Sequence[int]) -> dict[int, set[int]]:
    """The tenant-wide roles of each of the users, without those of its groups."""
    found: dict[int, set[int]] = {user_id: set() for user_id in user_ids}
    for row in await db.fetch(ROLES_OF, tenant_id, list(user_ids)):
        found[row["user_id"]].add(row["role_id"])
    return found


async def give(db: Connection, tenant_id: int, user_ids: Collection[int], role_ids: Collection[int]) -> None:
    """Give each of the users each of the roles; what they have they keep."""
    await db.execute(GIVE, tenant_id, list(user_ids), list(role_ids))


async def take(db: Connection, tenant_id: int, user_ids: Collection[int], role_ids: Collection[int]) -> None:
    """Take each of the roles from each of the users."""
    await db.execute(TAKE, tenant_id, list(user_ids), list(role_ids))
