"""Makes, assigns and removes machines: asked by the API, by personal workspaces and by the first start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from podium.kernel.db import Connection
from podium.kernel.errors import Code, Conflict, NotFound
from podium.kernel.ids import uuid7
from podium.kernel.secrets import new_secret
from podium.orchestrator.access import store as access
from podium.orchestrator.jobs import hand_out
from podium.orchestrator.machines import rules, store
from podium.orchestrator.ports import Clients


class NewMachine(NamedTuple):
    """A machine that was just made; the secret is told here and never again."""

    id: int
    key: UUID
    license_key: str
    client_secret: str


class Slots(NamedTuple):
    """How many jobs of a runtime type each connected host of the machine runs at once."""

    unattended: int = 0
    non_production: int = 0
    headless: int = 0
    test_automation: int = 0
    development: int = 0


async def make_machine(
    db: Connection,
    clients: Clients,
    tenant_id: int,
    organization_id: UUID,
    name: str,
    slots: Slots,
    now: datetime,
    *,
    type_: str = "Template",
    scope: str = "Default",
    description: str | None = None,
    license_key: str | None = None,
    automation_type: str = "Any",
    target_framework: str = "Any",
    tags: str = "[]",
    owner_id: int | None = None,
    created_by: int | None = None,
    update_policy: str | None = None,
    maintenance_window: str | None = None,
) -> NewMachine:
    """A new machine with its credential at the identity server. The caller checked that the name is free.

    `tags`, `update_policy` and `maintenance_window` are JSON texts.
    """
    key, license_, secret = uuid7(), license_key or str(uuid4()), new_secret()
    id_: int = await db.fetchval(
        store.ADD_MACHINE,
        tenant_id,
        key,
        name,
        name.casefold(),
        description,
        type_,
        scope,
        license_,
        *slots,
        automation_type,
        target_framework,
        tags,
        owner_id,
        now,
        created_by,
        update_policy,
        maintenance_window,
    )
    await clients.register_machine(db, organization_id, license_, secret, name, now)
    await access.announce_change(db, tenant_id)
    return NewMachine(id_, key, license_, secret)


async def assign_to_folder(
    db: Connection, tenant_id: int, machine_id: int, folder_id: int, *, is_propagated: bool = False
) -> None:
    """Let the machine serve a folder, and the folders below it when propagated."""
    await db.execute(store.ASSIGN_TO_FOLDER, tenant_id, folder_id, machine_id, is_propagated)
    await access.announce_change(db, tenant_id)


async def set_unattended_slots(db: Connection, tenant_id: int, machine_id: int, slots: int) -> None:
    """How many unattended jobs each host of the machine runs at once."""
    await db.execute(store.SET_UNATTENDED_SLOTS, tenant_id, machine_id, slots)


class Removed(NamedTuple):
    """What went: names of machines, and the folders in which jobs wait again, once for each job."""

    names: list[str]
    waiting_in: list[int]


async def remove_machines(
    db: Connection, clients: Clients, tenant_id: int, organization_id: UUID, ids: Sequence[int], now: datetime
) -> Removed:
    """Remove machines with their credentials, assignments and sessions; jobs that had not begun there wait again.

    Raises NotFound when one is unknown; Conflict when jobs run on one or it serves a personal workspace. Then none goes.
    """
    machines = await store.machines_to_change(db, tenant_id, ids)
    if len(machines) < len(set(ids)):
        raise NotFound(rules.NO_MACHINE)
    names = {machine["id"]: machine["name"] for machine in machines}
    waiting: list[int] = []
    for session_id in await store.sessions_of(db, tenant_id, list(names)):
        waiting += await hand_out.release_unstarted(db, tenant_id, session_id, now)
    # After the release: what was handed out a moment ago has either begun by now, or cannot begin here any more.
    if busy := sorted(await store.running_on(db, tenant_id, list(names))):
        raise Conflict(f"Jobs run on the machine {names[busy[0]]}.", Code.ITEM_IS_IN_USE)
    if kept := sorted(await store.in_workspaces(db, tenant_id, list(names))):
        raise Conflict(f"The machine {names[kept[0]]} belongs to a personal workspace.", Code.ITEM_IS_IN_USE)
    for machine in machines:
        await clients.remove_machine(db, organization_id, machine["license_key"])
    await db.execute(store.REMOVE, tenant_id, list(names))
    await access.announce_change(db, tenant_id)
    return Removed(list(names.values()), waiting)
