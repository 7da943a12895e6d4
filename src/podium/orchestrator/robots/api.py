"""Operations on robots: the accounts that run jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec
from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.odata import Entity, fetch_one, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import scope
from podium.orchestrator.credential_stores import actions as credential_stores
from podium.orchestrator.folders import actions as folders
from podium.orchestrator.robots import changes, rules, store
from podium.orchestrator.robots.entity import EXTENDED_ROBOTS, ROBOTS, ROBOTS_FROM_FOLDER

NO_FOLDER = "Folder does not exist."
NO_PROCESS = "Process does not exist."


@operation("GET", "/odata/Robots")
async def list_robots(call: Call) -> Page:
    """Robots of the folder named in the request, else of the tenant."""
    if call.folder is not None:
        return await _page(call, ROBOTS, store.IN_FOLDERS, [call.folder.id], None)
    call.require("Robots.View")
    return await _page(call, ROBOTS, scope.IN_TENANT)


@operation("GET", "/odata/Robots({key})")
async def read_robot(call: Call, key: int) -> Item:
    return Item(await _text(call, key), "Robots")


@operation("GET", "/odata/Robots/UiPath.Server.Configuration.OData.GetConfiguredRobots")
async def list_configured_robots(call: Call) -> Page:
    """Robots of accounts and those made by hand: without what machines bring by themselves."""
    call.require("Robots.View")
    return await _page(call, _with_users(call), store.OF_ACCOUNTS)


@operation("GET", "/odata/Robots/UiPath.Server.Configuration.OData.FindAllAcrossFolders")
async def list_all_robots(call: Call) -> Page:
    call.require("Robots.View", "Users.View", "Machines.Create", "Machines.Edit")
    return await _page(call, _with_users(call), scope.IN_TENANT)


@operation(
    "GET",
    "/odata/Robots/UiPath.Server.Configuration.OData.GetFolderRobots(folderId={folderId},machineId={machineId})",
)
async def list_folder_robots(call: Call, folder_id: int, machine_id: int) -> Page:
    """Robots of the folder under which the machine may run jobs."""
    _check_may_choose(call, folder_id)
    return await _page(call, _with_users(call), store.IN_FOLDERS, [folder_id], machine_id)


@operation("GET", "/odata/Robots/UiPath.Server.Configuration.OData.GetRobotsFromFolder(folderId={folderId})")
async def list_robots_from_folder(call: Call, folder_id: int, machine_id: int | None = None) -> Page:
    """Robots of the folder with their users; with `machineId` those under which that machine may run jobs."""
    _check_may_choose(call, folder_id, "Users.View")
    return await _page(call, ROBOTS_FROM_FOLDER, store.IN_FOLDERS, [folder_id], machine_id)


@operation("GET", "/odata/Robots/UiPath.Server.Configuration.OData.GetRobotsForProcess(processId='{processId}')")
async def list_robots_for_process(call: Call, process_id: str) -> Page:
    """Enabled robots that take unattended jobs in the folder of the process; `processId` is its number as text."""
    is_number = process_id.isascii() and process_id.isdigit() and len(process_id) < 19
    number = int(process_id) if is_number else 0
    folder_id = await call.db.fetchval(store.FOLDER_OF_PROCESS, call.tenant_id, number)
    folder = call.reach.folders.get(folder_id)
    if folder is None:
        raise NotFound(NO_PROCESS)
    if not {"Robots.View", "Environments.View", "Processes.View"} <= call.reach.within(folder):
        raise Forbidden("You are not authorized!")
    return await _page(call, ROBOTS, store.ABLE_IN_FOLDERS, [folder.id], None)


@operation("GET", "/odata/Robots/UiPath.Server.Configuration.OData.GetUsernames")
async def list_user_names(call: Call) -> Page:
    rows = [{"Name": row["user_name"]} for row in await call.db.fetch(store.USER_NAMES, call.tenant_id)]
    page = rows_page(rows, ("Name",), parse_options(call.query), now=call.now)
    names = [row["Name"] for row in page.rows]
    return Page(msgspec.json.encode(names).decode(), "Collection(Edm.String)", page.total)


@operation("GET", "/odata/Robots/UiPath.Server.Configuration.OData.GetMachineNameToLicenseKeyMappings")
async def list_license_keys(call: Call) -> Page:
    """Licence key by name of machine; those of personal workspaces are their owners' own."""
    found = await call.db.fetch(store.LICENSE_KEYS, call.tenant_id)
    rows = [{"Key": row["name"], "Value": row["license_key"]} for row in found]
    page = rows_page(rows, ("Key", "Value"), parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "KeyValuePairOfStringString", page.total)


@operation("POST", "/odata/Robots")
async def create_robot(call: Call, body: wire.RobotDto) -> Item:
    """A robot made by hand: with a machine of its own (Standard), or for any host (Floating)."""
    require_members(body)
    call.require("Robots.Create")
    hosting = given(body.hosting_type, rules.FLOATING)
    if hosting == rules.STANDARD:
        call.require("Machines.View")
    columns = changes.columns(body, changes.DEFAULTS)
    rules.clean_name(columns["name"], rules.LONGEST_CLASSIC_NAME)
    machine = await _machine(call, body)
    rules.check_hosting(hosting, machine["type"] if machine else None)
    user_id = given(body.user_id, None)
    if user_id is not None and not await call.db.fetchval(store.HAS_USER, call.tenant_id, user_id):
        raise NotFound("UserId: the user does not exist.")
    await _check_name_is_free(call, columns["name"])
    await credential_stores.check_exists(call.db, call.tenant_id, columns["credential_store_id"])
    id_ = await store.add(
        call.db,
        call.tenant_id,
        uuid4(),
        columns["name"],
        columns["name_key"],
        columns["user_name"],
        columns["type"],
        hosting,
        user_id,
        machine["id"] if machine else None,
        call.now,
        call.actor.user_id,
        columns["description"],
        columns["is_enabled"],
        columns["is_one_at_a_time"],
        columns["credential_type"],
        columns["credential_store_id"],
        columns["external_name"],
        columns["execution_settings"],
    )
    await folders.tell_access_changed(call)
    call.describe("Create", component="Robots", entity_id=id_, name=columns["name"])
    return Item(await _text(call, id_), "Robots")


@operation("PUT", "/odata/Robots({key})")
async def replace_robot(call: Call, key: int, body: changes.RobotDto) -> None:
    require_members(body)
    (robot,) = await _robots(call, [key])
    await _change(call, robot, body, changes.DEFAULTS)


@operation("PATCH", "/odata/Robots({key})")
async def patch_robot(call: Call, key: int, body: changes.RobotDto) -> None:
    (robot,) = await _robots(call, [key])
    await _change(call, robot, body, dict(robot))


@operation("DELETE", "/odata/Robots({key})")
async def delete_robot(call: Call, key: int) -> None:
    await _remove(call, [key])


@operation("POST", "/odata/Robots/UiPath.Server.Configuration.OData.DeleteBulk")
async def delete_robots(call: Call, body: wire.RobotDeleteBulkRequest) -> None:
    """All of them or none."""
    require_members(body)
    await _remove(call, _named(given(body.robot_ids, [])))


@operation("POST", "/odata/Robots/UiPath.Server.Configuration.OData.ToggleEnabledStatus")
async def toggle_robots(call: Call, body: wire.RobotsToggleEnabledStatusRequest) -> None:
    """A robot that is switched off gets no further jobs and its key opens nothing."""
    require_members(body)
    ids = _named(given(body.robot_ids, []))
    robots = await _robots(call, ids)
    await call.db.execute(store.ENABLE, call.tenant_id, ids, given(body.enabled, False), call.now, call.actor.user_id)
    await folders.tell_access_changed(call)
    _describe(call, "Toggle", robots)


@operation("POST", "/odata/Robots/UiPath.Server.Configuration.OData.ConvertToFloating")
async def convert_to_floating(call: Call, body: wire.RobotsConvertToFloatingRequest) -> None:
    """A Standard robot leaves its machine."""
    require_members(body)
    (robot,) = robots = await _robots(call, [given(body.robot_id, 0)])
    if robot["hosting_type"] == rules.FLOATING:
        raise Conflict("The robot is Floating already.", Code.FORBIDDEN_OPERATION)
    if not robot["user_name"]:
        raise BadRequest("Username: a Floating robot needs one.", Code.PARAMETER_MISSING)
    busy, awaited = await store.in_use(call.db, call.tenant_id, [robot["id"]])
    rules.check_removal(
        robot["name"],
        is_busy=bool(busy),
        is_awaited=bool(awaited),
        is_of_machine=robot["provision_type"] == "Automatic",
    )
    await call.db.execute(store.LET_FLOAT, call.tenant_id, robot["id"], call.now, call.actor.user_id)
    await folders.tell_access_changed(call)
    _describe(call, "Convert", robots)


async def _text(call: Call, robot_id: int) -> str:
    """The robot as JSON text. Raises NotFound."""
    options = parse_options(call.query)
    text = await fetch_one(call.db, ROBOTS, options, store.ONE, [call.tenant_id, robot_id], now=call.now)
    if text is None:
        raise NotFound(rules.NO_ROBOT)
    return text


def _with_users(call: Call) -> Entity:
    """The entity set with the users behind robots, for who may see users; who may not and asks for them is refused."""
    if "Users.View" in call.reach.permissions:
        return EXTENDED_ROBOTS
    if rules.expands_users(parse_options(call.query).expand):
        raise Forbidden("You are not authorized!")
    return ROBOTS


def _check_may_choose(call: Call, folder_id: int, *also: str) -> None:
    """The caller sees the folder, and may look at its members or start jobs there."""
    folder = call.reach.folders.get(folder_id)
    if folder is None:
        raise NotFound(NO_FOLDER)
    if not {"SubFolders.View", "Units.View", "Jobs.Create", *also} & call.reach.within(folder):
        raise Forbidden("You are not authorized!")


async def _page(call: Call, entity: Entity, where: str, *args: object) -> Page:
    page = await fetch_page(call.db, entity, parse_options(call.query), where, [call.tenant_id, *args], now=call.now)
    return Page(page.json, "Robots", page.total)


def _named(ids: list[int]) -> list[int]:
    if not ids:
        raise BadRequest("robotIds is required.", Code.PARAMETER_MISSING)
    return list(dict.fromkeys(ids))


def _describe(call: Call, action: str, robots: list[Record]) -> None:
    ids = ",".join(str(robot["id"]) for robot in robots)
    call.describe(action, component="Robots", entity_id=ids, name=", ".join(robot["name"] for robot in robots))


async def _robots(call: Call, ids: list[int]) -> list[Record]:
    """The robots of these ids, locked. Raises NotFound when one is unknown."""
    robots = await store.robots_to_change(call.db, call.tenant_id, ids)
    if len(robots) < len(ids):
        raise NotFound(rules.NO_ROBOT)
    return robots


async def _machine(call: Call, body: wire.RobotDto) -> Record | None:
    """The machine that the body names by id, else by name; None when it names none."""
    id_, name = given(body.machine_id, None), given(body.machine_name, "")
    if id_ is None and not name:
        return None
    machine = await store.machine_of_robot(call.db, call.tenant_id, id_, name)
    if machine is None:
        raise NotFound(f"{'MachineName' if id_ is None else 'MachineId'}: the machine does not exist.")
    return machine


async def _check_name_is_free(call: Call, name: str, *, apart_from: int = 0) -> None:
    if await store.is_name_taken(call.db, call.tenant_id, name.casefold(), apart_from=apart_from):
        raise Conflict(f"The name {name} is already used.")


async def _change(call: Call, robot: Record, body: wire.RobotDto, base: Mapping[str, Any]) -> None:
    columns = changes.columns(body, base)
    if given(body.hosting_type, robot["hosting_type"]) != robot["hosting_type"]:
        raise Conflict("HostingType: cannot change; ConvertToFloating does that.", Code.FORBIDDEN_OPERATION)
    if given(body.user_id, robot["user_id"]) != robot["user_id"]:
        raise Conflict("UserId: cannot change.", Code.FORBIDDEN_OPERATION)
    columns["machine_id"] = robot["machine_id"]
    machine = await _machine(call, body)
    if machine is not None and machine["id"] != robot["machine_id"]:
        rules.check_hosting(robot["hosting_type"], machine["type"])
        columns["machine_id"] = machine["id"]
    busy, _ = await store.in_use(call.db, call.tenant_id, [robot["id"]])
    stored = rules.Fixed(robot["user_name"], robot["machine_id"], robot["type"])
    wanted = rules.Fixed(columns["user_name"], columns["machine_id"], columns["type"])
    rules.check_change(stored, wanted, bool(busy))
    if columns["name_key"] != robot["name_key"]:
        await _check_name_is_free(call, columns["name"], apart_from=robot["id"])
    await credential_stores.check_exists(call.db, call.tenant_id, columns["credential_store_id"])
    await store.change(call.db, call.tenant_id, robot["id"], columns, call.now, call.actor.user_id)
    await folders.tell_access_changed(call)
    _describe(call, "Update", [robot])


async def _remove(call: Call, ids: list[int]) -> None:
    robots = await _robots(call, ids)
    busy, awaited = await store.in_use(call.db, call.tenant_id, ids)
    for robot in robots:
        is_of_machine = robot["provision_type"] == "Automatic" and robot["machine_id"] is not None
        rules.check_removal(
            robot["name"],
            is_busy=robot["id"] in busy,
            is_awaited=robot["id"] in awaited,
            is_of_machine=is_of_machine,
        )
    await call.db.execute(store.REMOVE, call.tenant_id, ids)
    await folders.tell_access_changed(call)
    _describe(call, "Delete", robots)
