"""Operations on machines, and on the secrets with which they ask for tokens."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import msgspec
from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.secrets import new_secret
from podium.kernel.validation import require_members
from podium.orchestrator import scope
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.folders import actions as folders
from podium.orchestrator.machines import actions, changes, rules, store
from podium.orchestrator.machines.entity import ASSIGNED_MACHINES, EXTENDED_MACHINES, KEYED_MACHINES
from podium.orchestrator.ports import Clients
from podium.orchestrator.signals import Signals

RUNTIME_MEMBERS = ("Type", "Total", "Connected", "Available")
NO_FOLDER = "Folder does not exist."
NO_SECRET = "Client secret does not exist."  # noqa: S105 - a message


@operation("GET", "/odata/Machines")
async def list_machines(call: Call) -> Page:
    options = parse_options(call.query)
    page = await fetch_page(call.db, EXTENDED_MACHINES, options, scope.IN_TENANT, [call.tenant_id], now=call.now)
    return Page(page.json, "Machines", page.total)


@operation("GET", "/odata/Machines({key})")
async def read_machine(call: Call, key: int) -> Item:
    return Item(await _text(call, key), "Machines")


@operation("POST", "/odata/Machines")
async def create_machine(call: Call, body: wire.MachineDto) -> Item:
    """The only answer that holds the client secret."""
    require_members(body)
    columns = changes.columns(body, changes.DEFAULTS)
    rules.check_new_scope(given(body.scope, "Default"))
    license_key = given(body.license_key, "") or None
    if license_key is not None:
        rules.check_license_key(license_key)
        if await call.db.fetchval(store.LICENSE_IS_TAKEN, license_key):
            raise Conflict("LicenseKey: is already used.", Code.ITEM_ALREADY_EXISTS)
    await _check_name_is_free(call, columns["name"])
    made = await actions.make_machine(
        call.db,
        _clients(call),
        call.tenant_id,
        _organization(call),
        columns["name"],
        actions.Slots(
            columns["unattended_slots"],
            columns["non_production_slots"],
            columns["headless_slots"],
            columns["test_automation_slots"],
        ),
        call.now,
        type_=given(body.type, "Template"),
        scope=given(body.scope, "Default"),
        description=columns["description"],
        license_key=license_key,
        automation_type=columns["automation_type"],
        target_framework=columns["target_framework"],
        tags=columns["tags"],
        created_by=call.actor.user_id,
        update_policy=columns["update_policy"],
        maintenance_window=columns["maintenance_window"],
    )
    await _set_robots(call, made.id, body)
    call.on_commit(call.port(AccessResolver).forget)
    call.describe("Create", component="Machines", entity_id=made.id, name=columns["name"])
    shown = msgspec.json.decode(await _text(call, made.id)) | {"ClientSecret": made.client_secret}
    return Item(msgspec.json.encode(shown).decode(), "Machines")


@operation("PUT", "/odata/Machines({key})")
async def replace_machine(call: Call, key: int, body: wire.MachineDto) -> Item:
    """Everything that can change: slots that are not given become 0."""
    require_members(body)
    machine = await _machine(call, key)
    if body.robot_users is msgspec.UNSET:
        body.robot_users = []
    await _change(call, machine, body, changes.columns(body, changes.DEFAULTS))
    return Item(await _text(call, key), "Machines")


@operation("PATCH", "/odata/Machines({key})")
async def patch_machine(call: Call, key: int, body: wire.MachineDto) -> Item:
    machine = await _machine(call, key)
    await _change(call, machine, body, changes.columns(body, dict(machine)))
    return Item(await _text(call, key), "Machines")


@operation("DELETE", "/odata/Machines({key})")
async def delete_machine(call: Call, key: int) -> None:
    await _remove(call, [key])


@operation("POST", "/odata/Machines/UiPath.Server.Configuration.OData.DeleteBulk")
async def delete_machines(call: Call, body: wire.MachineDeleteBulkRequest) -> None:
    """All of them or none."""
    ids = list(dict.fromkeys(given(body.machine_ids, [])))
    if not ids:
        raise BadRequest("machineIds is required.", Code.PARAMETER_MISSING)
    await _remove(call, ids)


@operation("GET", "/odata/Machines/UiPath.Server.Configuration.OData.GetAssignedMachines(folderId={folderId})")
async def list_assigned_machines(call: Call, folder_id: int, robot_id: int | None = None) -> Page:
    """Machines that serve the folder, inherited ones among them; with `robotId` those that run jobs under the robot."""
    _check_may_choose(call, folder_id)
    args = [call.tenant_id, [folder_id], robot_id]
    options = parse_options(call.query)
    page = await fetch_page(call.db, ASSIGNED_MACHINES, options, store.SERVING, args, now=call.now)
    return Page(page.json, "Machines", page.total)


@operation("GET", "/odata/Machines/UiPath.Server.Configuration.OData.GetRuntimesForFolder(folderId={folderId})")
async def list_runtimes(call: Call, folder_id: int) -> Page:
    """Slots of the folder's machines by runtime type; a type that no machine has is shown with zeros."""
    _check_may_choose(call, folder_id)
    found = await store.runtimes(call.db, call.tenant_id, folder_id)
    rows = [
        {"Type": type_, "Total": row["total"], "Connected": row["connected"], "Available": row["available"]}
        if (row := found.get(type_)) is not None
        else {"Type": type_, "Total": 0, "Connected": 0, "Available": 0}
        for type_ in rules.SLOTS
    ]
    page = rows_page(rows, RUNTIME_MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "MachineRuntimeDto", page.total)


@operation("GET", "/api/clientsecrets/{licenseKey}")
async def list_secrets(call: Call, license_key: str) -> list[wire.ClientSecretDto]:
    """When the machine's secrets were made; the secrets themselves are told at their making only."""
    await _of_license(call, license_key)
    found = await _clients(call).machine_secrets(call.db, _organization(call), license_key)
    return [wire.ClientSecretDto(id=each.id, creation_time=each.created_at, secret=None) for each in found]


@operation("POST", "/api/clientsecrets/{licenseKey}")
async def add_secret(call: Call, license_key: str) -> wire.ClientSecretDto:
    """A further secret; those the machine has stay until they are deleted."""
    machine = await _of_license(call, license_key)
    clients, organization = _clients(call), _organization(call)
    if len(await clients.machine_secrets(call.db, organization, license_key)) >= rules.MAX_SECRETS:
        raise Conflict(f"A machine has at most {rules.MAX_SECRETS} secrets.", Code.FORBIDDEN_OPERATION)
    secret = new_secret()
    id_ = await clients.add_machine_secret(call.db, organization, license_key, secret, call.now)
    if id_ is None:
        raise NotFound(rules.NO_MACHINE)
    call.describe("Create", component="Machines", entity_id=machine["id"], name=machine["name"])
    return wire.ClientSecretDto(id=id_, creation_time=call.now, secret=secret)


@operation("DELETE", "/api/clientsecrets/{secretId}")
async def delete_secret(call: Call, secret_id: str) -> None:
    """Tokens are not given for the secret any more within 5 s."""
    clients, organization = _clients(call), _organization(call)
    number = int(secret_id) if secret_id.isascii() and secret_id.isdigit() and len(secret_id) < 19 else 0
    license_key = await clients.machine_of_secret(call.db, organization, number)
    machine = await call.db.fetchrow(store.OF_LICENSE, call.tenant_id, license_key) if license_key else None
    if machine is None or license_key is None:
        raise NotFound(NO_SECRET)
    await clients.remove_machine_secret(call.db, organization, license_key, number)
    call.describe("Delete", component="Machines", entity_id=machine["id"], name=machine["name"])


def _clients(call: Call) -> Clients:
    return call.port(Clients)


def _organization(call: Call) -> UUID:
    assert call.organization_id is not None
    return call.organization_id


async def _text(call: Call, machine_id: int) -> str:
    options = parse_options(call.query)
    text = await fetch_one(call.db, KEYED_MACHINES, options, store.ONE, [call.tenant_id, machine_id], now=call.now)
    if text is None:
        raise NotFound(rules.NO_MACHINE)
    return text


async def _machine(call: Call, machine_id: int) -> Record:
    rows = await store.machines_to_change(call.db, call.tenant_id, [machine_id])
    if not rows:
        raise NotFound(rules.NO_MACHINE)
    return rows[0]


async def _check_name_is_free(call: Call, name: str, *, apart_from: int | None = None) -> None:
    taken = await store.id_of_name(call.db, call.tenant_id, name.casefold())
    if taken is not None and taken != apart_from:
        raise Conflict(f"The name {name} is already used.")


async def _change(call: Call, machine: Record, body: wire.MachineDto, columns: dict[str, object]) -> None:
    """Write the columns to the locked machine; what is fixed when a machine is made may be repeated, not changed."""
    rules.check_unchanged("LicenseKey", machine["license_key"], given(body.license_key, None))
    rules.check_unchanged("Type", machine["type"], given(body.type, None))
    rules.check_unchanged("Scope", machine["scope"], given(body.scope, None))
    await _check_name_is_free(call, str(columns["name"]), apart_from=machine["id"])
    await store.change(call.db, call.tenant_id, machine["id"], columns)
    await _set_robots(call, machine["id"], body)
    await folders.tell_access_changed(call)
    call.describe("Update", component="Machines", entity_id=machine["id"], name=str(columns["name"]))


async def _set_robots(call: Call, machine_id: int, body: wire.MachineDto) -> None:
    ids = changes.robot_ids(body)
    if ids is None:
        return
    known = await store.set_robots(call.db, call.tenant_id, machine_id, ids)
    if unknown := [id_ for id_ in ids if id_ not in known]:
        raise NotFound(f"RobotUsers: the robot {unknown[0]} does not exist.")


async def _remove(call: Call, ids: list[int]) -> None:
    removed = await actions.remove_machines(call.db, _clients(call), call.tenant_id, _organization(call), ids, call.now)
    signals, tenant = call.port(Signals), call.tenant_id
    for folder_id in removed.waiting_in:
        call.on_commit(partial(signals.work, tenant, folder_id))
    call.on_commit(call.port(AccessResolver).forget)
    names = ", ".join(removed.names)
    call.describe("Delete", component="Machines", entity_id=",".join(map(str, ids)), name=names)


def _check_may_choose(call: Call, folder_id: int) -> None:
    """The caller sees the folder, and may see machines or start jobs there."""
    folder = call.reach.folders.get(folder_id)
    if folder is None:
        raise NotFound(NO_FOLDER)
    if not {"Machines.View", "Jobs.Create"} & call.reach.within(folder):
        raise Forbidden("You are not authorized!")


async def _of_license(call: Call, license_key: str) -> Record:
    machine = await call.db.fetchrow(store.OF_LICENSE, call.tenant_id, license_key)
    if machine is None:
        raise NotFound(rules.NO_MACHINE)
    return machine
