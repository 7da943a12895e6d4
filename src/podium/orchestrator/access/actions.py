"""Changes of access that happen outside the API: a new tenant, a person seen for the first time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from podium.kernel.db import Connection
from podium.kernel.ids import uuid7
from podium.orchestrator.access import rules, store
from podium.orchestrator.ports import Directory


async def make_tenant(db: Connection, organization_id: UUID, name: str, now: datetime) -> tuple[int, bool]:
    """Id of the organization's tenant of that name, made with its default roles when there is none; whether it is new."""
    found = await db.fetchval(store.TENANT_NAMED, organization_id, name.casefold())
    if found is not None:
        await add_missing_roles(db, found, now)
        return found, False
    tenant_id: int = await db.fetchval(store.ADD_TENANT, uuid7(), organization_id, name, name.casefold(), now)
    await add_missing_roles(db, tenant_id, now)
    return tenant_id, True


async def add_missing_roles(db: Connection, tenant_id: int, now: datetime) -> None:
    """Give the tenant the default roles that it does not have; static ones get their permissions of this version."""
    for role in rules.DEFAULT_ROLES:
        await db.execute(
            store.ADD_ROLE,
            tenant_id,
            role.name,
            role.name.casefold(),
            role.type,
            sorted(role.permissions),
            role.is_static,
            role.is_editable,
            now,
        )


async def make_user(
    db: Connection,
    tenant_id: int,
    principal: UUID,
    name: str,
    email: str,
    now: datetime,
    *,
    type_: str = "DirectoryUser",
) -> int:
    """Id of the tenant's user for a principal; made without a role when the tenant does not know it."""
    found = await store.user_of_principal(db, tenant_id, principal)
    if found is not None:
        return found[0]
    user_name = name or email or str(principal)
    user_id: int = await db.fetchval(
        store.ADD_USER, tenant_id, uuid7(), principal, type_, user_name, user_name.casefold(), email or None, now
    )
    await store.announce_change(db, tenant_id)
    return user_id


async def grant_tenant_role(db: Connection, tenant_id: int, user_id: int, role_name: str) -> None:
    """Give a user a role tenant-wide; nothing happens when it has it."""
    await db.execute(store.GRANT_TENANT_ROLE, tenant_id, user_id, role_name.casefold())
    await store.announce_change(db, tenant_id)


async def join_folder(
    db: Connection, tenant_id: int, folder_id: int, user_id: int, role_names: list[str], now: datetime
) -> None:
    """Make a user a member of a folder and add these roles to those it has there."""
    await db.execute(store.ADD_MEMBER, tenant_id, folder_id, user_id, now)
    await db.execute(store.ADD_MEMBER_ROLES, tenant_id, folder_id, user_id, [name.casefold() for name in role_names])
    await store.announce_change(db, tenant_id)


async def users_with(
    db: Connection,
    tenant_id: int,
    folder_id: int | None,
    permissions: Collection[str],
    *,
    directory: Directory | None = None,
    disabled: frozenset[str] = frozenset(),
) -> list[store.UserRow]:
    """The tenant's active principals, groups among them, that hold every one of the permissions in the folder.

    By name; without a folder those that hold them tenant-wide. With a directory the members of groups are found as
    well. `AccessResolver.users_with` knows both the directory and the permissions that the operator has disabled.
    """
    wanted = frozenset(permissions)
    if wanted & disabled or not wanted <= rules.ALL_PERMISSIONS:
        return []
    members: Sequence[tuple[UUID, UUID]] = ()
    if directory is not None:
        members = await directory.members_of(await store.active_groups(db, tenant_id))
    return await store.who_may(db, tenant_id, folder_id, wanted, members)


async def users_of(db: Connection, tenant_id: int, principals: Collection[UUID]) -> list[int]:
    """Ids of the tenant's users behind these principals; those that the tenant does not know are left out."""
    return [row["id"] for row in await db.fetch(store.USERS_OF_PRINCIPALS, tenant_id, list(principals))]


async def has_user(db: Connection, tenant_id: int, user_id: int) -> bool:
    """Whether the tenant still has the user."""
    return bool(await db.fetchval(store.HAS_USER, tenant_id, user_id))


async def remove_users(db: Connection, tenant_id: int, user_ids: Collection[int]) -> None:
    """Users go, with roles, memberships and robots; what they made and their workspaces stay."""
    await db.execute(store.REMOVE_USERS, tenant_id, list(user_ids))
    await store.announce_change(db, tenant_id)
