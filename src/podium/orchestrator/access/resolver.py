"""Turns a principal into its reach, from a cache that every change of access empties."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection
from functools import lru_cache
from typing import Generic, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from podium.kernel.call import NO_REACH, Actor, Folder, Reach
from podium.kernel.clock import Clock
from podium.kernel.db import Connection, Database
from podium.orchestrator.access import actions, rules, store
from podium.orchestrator.ports import Directory

K = TypeVar("K")
V = TypeVar("V")

KEPT_FOR_S = 60.0
TENANTS_KEPT_FOR_S = 5.0


class _Kept(Generic[K, V]):
    """A bounded map whose entries end after some seconds; one event loop, so no lock.

    `changes` counts how often it was emptied: what was read before that is not kept after it.
    """

    def __init__(self, size: int = 20_000, seconds: float = KEPT_FOR_S) -> None:
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._size = size
        self._seconds = seconds
        self.changes = 0

    def get(self, key: K) -> V | None:
        found = self._entries.get(key)
        if found is None or found[0] < time.monotonic():
            return None
        return found[1]

    def put(self, key: K, value: V, read_at: int) -> V:
        """Keep a value that was read when `changes` was `read_at`."""
        if read_at != self.changes:
            return value
        self._entries[key] = (time.monotonic() + self._seconds, value)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value

    def clear(self) -> None:
        self._entries.clear()
        self.changes += 1


@lru_cache(maxsize=4096)
def application_principal(client_id: str) -> UUID:
    """The GUID under which a tenant knows an application; client ids that are no GUID are mapped to one."""
    try:
        return UUID(client_id)
    except ValueError:
        return uuid5(NAMESPACE_URL, f"podium:client:{client_id}")


class AccessResolver:
    """Access by tenant and principal. One per process; `forget` is called at every change, local or announced.

    `disabled` are the permissions that the operator lets nobody have.
    """

    def __init__(
        self, db: Database, directory: Directory, clock: Clock, disabled: frozenset[str] = frozenset()
    ) -> None:
        self.disabled = disabled
        self._db = db
        self._clock = clock
        self._directory = directory
        self._tenants: _Kept[None, list[store.TenantRow]] = _Kept(1, TENANTS_KEPT_FOR_S)
        self._users: _Kept[tuple[int, UUID], tuple[int, bool]] = _Kept()
        self._reach: _Kept[tuple[int, int], Reach] = _Kept()
        self._machine_reach: _Kept[tuple[int, int], Reach] = _Kept()
        self._machines: _Kept[str, store.MachineRow] = _Kept()
        self._robots: _Kept[UUID, store.RobotRow] = _Kept()

    def forget(self) -> None:
        """Drop everything that is remembered."""
        for kept in (self._tenants, self._users, self._reach, self._machine_reach, self._machines, self._robots):
            kept.clear()

    async def tenants(self) -> list[store.TenantRow]:
        """All tenants; read again every few seconds."""
        found, at = self._tenants.get(None), self._tenants.changes
        if found is None:
            async with self._db.acquire() as connection:
                found = await store.all_tenants(connection)
            self._tenants.put(None, found, at)
        return found

    async def is_open(self, tenant_id: int) -> bool:
        """Whether the tenant is there and active."""
        return any(row.id == tenant_id and row.is_active for row in await self.tenants())

    async def user(self, tenant_id: int, principal: UUID) -> tuple[int, bool] | None:
        """User id and activity of a principal in a tenant; None when the tenant does not know it."""
        found, at = self._users.get((tenant_id, principal)), self._users.changes
        if found is None:
            async with self._db.acquire() as connection:
                row = await store.user_of_principal(connection, tenant_id, principal)
            found = None if row is None else self._users.put((tenant_id, principal), row, at)
        return found

    async def user_or_new(self, tenant: store.TenantRow, actor: Actor) -> tuple[int, bool] | None:
        """As `user`; a person of the organization whom the tenant does not know yet is made known, without a role.

        Applications are made known by an administrator only.
        """
        assert actor.subject is not None
        found = await self.user(tenant.id, actor.subject)
        if found is None and actor.kind == "user":
            async with self._db.transaction() as connection:
                await actions.make_user(connection, tenant.id, actor.subject, actor.name, actor.email, self._clock())
            found = await self.user(tenant.id, actor.subject)
        return found

    async def reach(self, tenant_id: int, user_id: int) -> Reach:
        """What a user may do, with the roles of its directory groups; nothing for one that is inactive or gone."""
        found, at = self._reach.get((tenant_id, user_id)), self._reach.changes
        if found is None:
            async with self._db.acquire() as connection:
                row = await store.user(connection, tenant_id, user_id)
            if row is None or not row.is_active:
                return self._reach.put((tenant_id, user_id), NO_REACH, at)
            groups = [] if row.directory_id is None else await self._directory.groups_of(row.directory_id)
            async with self._db.acquire() as connection:
                found = await load_reach(connection, tenant_id, user_id, groups, self.disabled)
            self._reach.put((tenant_id, user_id), found, at)
        return found

    async def users_with(
        self, db: Connection, tenant_id: int, folder_id: int | None, permissions: Collection[str]
    ) -> list[store.UserRow]:
        """The tenant's active principals that hold every one of the permissions in the folder, by name.

        Groups are among them, and their members. Without a folder: those that hold them tenant-wide.
        """
        return await actions.users_with(
            db, tenant_id, folder_id, permissions, directory=self._directory, disabled=self.disabled
        )

    async def machine(self, license_key: str) -> store.MachineRow | None:
        """The machine of a licence key."""
        found, at = self._machines.get(license_key), self._machines.changes
        if found is None:
            async with self._db.acquire() as connection:
                row = await store.machine_of_license(connection, license_key)
            found = None if row is None else self._machines.put(license_key, row, at)
        return found

    async def machine_by_id(self, tenant_id: int, machine_id: int) -> store.MachineRow:
        """The machine of an authenticated host."""
        async with self._db.acquire() as connection:
            return await store.machine_by_id(connection, tenant_id, machine_id)

    async def robot(self, key: UUID) -> store.RobotRow | None:
        """The robot of a robot key."""
        found, at = self._robots.get(key), self._robots.changes
        if found is None:
            async with self._db.acquire() as connection:
                row = await store.robot_of_key(connection, key)
            found = None if row is None else self._robots.put(key, row, at)
        return found

    async def machine_reach(self, tenant_id: int, machine_id: int) -> Reach:
        """What a machine may do by itself: run jobs in the folders it is assigned to."""
        found, at = self._machine_reach.get((tenant_id, machine_id)), self._machine_reach.changes
        if found is None:
            async with self._db.acquire() as connection:
                served = await store.machine_folders(connection, tenant_id, machine_id)
            in_folder = rules.MACHINE_IN_FOLDER - self.disabled
            reached = {id_: Folder(id_, key, path, in_folder) for id_, key, path in served}
            found = Reach(rules.MACHINE_IN_TENANT - self.disabled, reached, in_folder if reached else frozenset())
            self._machine_reach.put((tenant_id, machine_id), found, at)
        return found


async def load_reach(
    db: Connection, tenant_id: int, user_id: int, groups: list[UUID], disabled: frozenset[str] = frozenset()
) -> Reach:
    """Compute the reach of a user from the tables; `groups` are directory ids."""
    users = [user_id, *(await store.group_users(db, tenant_id, groups) if groups else [])]
    roles = await store.tenant_roles(db, tenant_id, users)
    grants = await store.grants(db, tenant_id, users)
    own = frozenset({user_id})
    reached: dict[int, Folder] = {}
    for folder in await store.folders(db, tenant_id):
        permissions = rules.folder_permissions(folder, roles, grants, own, disabled)
        if permissions is not None:
            reached[folder.id] = Folder(folder.id, folder.key, folder.path, permissions)
    anywhere = frozenset[str]().union(*(folder.permissions for folder in reached.values()))
    return Reach(rules.tenant_permissions(roles, disabled), reached, anywhere)
