"""Operations on sessions: the hosts that robots report from."""

from __future__ import annotations

from functools import partial

import msgspec
from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Page, given
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.odata import Entity, Options, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import scope
from podium.orchestrator.access.store import announce_change
from podium.orchestrator.jobs import actions as jobs
from podium.orchestrator.jobs import hand_out
from podium.orchestrator.machines import rules as machine_rules
from podium.orchestrator.presence import Presence
from podium.orchestrator.robots import rules as robot_rules
from podium.orchestrator.sessions import reads, rules
from podium.orchestrator.sessions.entity import MACHINE_SESSIONS, SESSION_RUNTIMES, SESSIONS, SESSIONS_WITH_ACCOUNTS
from podium.orchestrator.signals import Signals

NO_FOLDER = "Folder does not exist."


@operation("GET", "/odata/Sessions")
async def list_sessions(call: Call) -> Page:
    """Hosts whose machines serve the folder, or any folder that the caller sees."""
    options = parse_options(call.query)
    return await _page(call, _entity(call, options), options, reads.IN_FOLDERS, call.folders_with("Robots.View"))


@operation("GET", "/odata/Sessions/UiPath.Server.Configuration.OData.GetGlobalSessions")
async def list_global_sessions(call: Call) -> Page:
    """Hosts of the whole tenant; who may not see users does not see the accounts' users."""
    call.require("Robots.View")
    options = parse_options(call.query)
    return await _page(call, _entity(call, options), options, scope.IN_TENANT)


@operation("GET", "/odata/Sessions/UiPath.Server.Configuration.OData.GetMachineSessions(key={key})")
async def list_machine_sessions(call: Call, key: int) -> Page:
    if not await reads.has_machine(call.db, call.tenant_id, key):
        raise NotFound(machine_rules.NO_MACHINE)
    return await _page(call, MACHINE_SESSIONS, parse_options(call.query), reads.OF_MACHINE, key)


@operation("GET", "/odata/Sessions/UiPath.Server.Configuration.OData.GetMachineSessionRuntimes")
async def list_runtimes(call: Call, runtime_type: str | None = None) -> Page:
    """One row per host and runtime type of the tenant."""
    return await _page(call, SESSION_RUNTIMES, parse_options(call.query), reads.OF_RUNTIME, runtime_type)


@operation(
    "GET",
    "/odata/Sessions/UiPath.Server.Configuration.OData.GetMachineSessionRuntimesByFolderId(folderId={folderId})",
)
async def list_folder_runtimes(
    call: Call, folder_id: int, robot_id: int | None = None, runtime_type: str | None = None
) -> Page:
    """One row per runtime type and host whose machine serves the folder."""
    folder = call.reach.folders.get(folder_id)
    if folder is None:
        raise NotFound(NO_FOLDER)
    if not {"Machines.View", "Jobs.Create"} & call.reach.within(folder):
        raise Forbidden("You are not authorized!")
    where = reads.RUNTIMES_IN_FOLDERS
    return await _page(call, SESSION_RUNTIMES, parse_options(call.query), where, [folder_id], runtime_type, robot_id)


@operation("GET", "/odata/Sessions/UiPath.Server.Configuration.OData.GetUsernames")
async def list_user_names(call: Call) -> Page:
    options = parse_options(call.query)
    rows = [{"Name": name} for name in await reads.user_names(call.db, call.tenant_id)]
    page = rows_page(rows, ("Name",), options, now=call.now)
    names = [row["Name"] for row in page.rows]
    return Page(msgspec.json.encode(names).decode(), "Collection(Edm.String)", page.total)


@operation("GET", "/odata/Sessions/UiPath.Server.Configuration.OData.GetUserRobots")
async def list_user_robots(call: Call) -> Page:
    """The robots of each user that has one."""
    found = await reads.user_robots(call.db, call.tenant_id)
    rows = [{"UserName": row["user_name"], "RobotNames": row["robot_names"]} for row in found]
    page = rows_page(rows, ("UserName", "RobotNames"), parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "UserRobotsDto", page.total)


@operation("POST", "/odata/Sessions/UiPath.Server.Configuration.OData.SetMaintenanceMode")
async def set_maintenance_mode(call: Call, body: wire.SessionMaintenanceModeParameters) -> None:
    """Enabled keeps further jobs away; with a strategy what runs is stopped and what had not begun waits elsewhere."""
    session_id, mode = given(body.session_id, None), given(body.maintenance_mode, None)
    if session_id is None:
        raise BadRequest("sessionId is required.", Code.PARAMETER_MISSING)
    if mode is None:
        raise BadRequest("maintenanceMode is required.", Code.PARAMETER_MISSING)
    session = await _session(call, session_id)
    await reads.set_maintenance(call.db, call.tenant_id, session_id, mode == "Enabled")
    strategy = given(body.stop_jobs_strategy, None)
    if mode == "Enabled" and strategy is not None:
        await _clear(call, session_id, strategy)
    call.on_commit(partial(call.port(Signals).poke, session_id))
    action = "Deactivate" if mode == "Enabled" else "Activate"
    call.describe(action, component="Robots", entity_id=session_id, name=session["host_name"])


@operation("POST", "/odata/Sessions({key})/UiPath.Server.Configuration.OData.ToggleMachineSessionDebugMode")
async def toggle_debug_mode(call: Call, key: int, body: wire.SessionsToggleMachineSessionDebugModeRequest) -> None:
    """It ends by itself after the minutes given."""
    require_members(body)
    session = await _session(call, key)
    until = rules.debug_until(given(body.enabled, False), given(body.minutes, None), call.now)
    await reads.set_debug(call.db, call.tenant_id, key, until)
    call.describe("Toggle", component="Robots", entity_id=key, name=session["host_name"])


@operation("POST", "/odata/Sessions/UiPath.Server.Configuration.OData.DeleteInactiveUnattendedSessions")
async def delete_inactive_sessions(call: Call, body: wire.DeleteInactiveSessionsParameters) -> None:
    """Forget hosts that are gone; unknown ids are passed over, a connected host refuses the whole call."""
    ids = list(dict.fromkeys(given(body.session_ids, [])))
    if not ids:
        raise BadRequest("sessionIds is required.", Code.PARAMETER_MISSING)
    found = await reads.sessions_to_change(call.db, call.tenant_id, ids)
    waiting: list[int] = []
    for session in found:
        rules.check_is_gone(session["id"], session["host_name"], session["state"], session["is_unresponsive"])
        waiting += await hand_out.release_unstarted(call.db, call.tenant_id, session["id"], call.now)
        if await reads.running_jobs(call.db, call.tenant_id, session["id"]):
            raise Conflict(f"Jobs of the session {session['id']} have not ended.", Code.ITEM_IS_IN_USE)
    gone = [session["id"] for session in found]
    await reads.remove(call.db, call.tenant_id, gone)
    _wake(call, waiting)
    # Nodes remember the sessions that report to them; they look them up again when access has changed.
    await announce_change(call.db, call.tenant_id)
    call.on_commit(partial(call.port(Presence).forget_tenant, call.tenant_id))
    names = ", ".join(session["host_name"] for session in found)
    call.describe("Delete", component="Robots", entity_id=",".join(map(str, gone)), name=names)


def _entity(call: Call, options: Options) -> Entity:
    """Sessions as the caller may see them: users of accounts only with Users.View."""
    if "Users.View" in call.reach.permissions:
        return SESSIONS_WITH_ACCOUNTS
    robots = next((item.expand for item in options.expand if item.name.lower() == "robot"), ())
    if robot_rules.expands_users(robots):
        raise Forbidden("You are not authorized!")
    return SESSIONS


async def _page(call: Call, entity: Entity, options: Options, where: str, *args: object) -> Page:
    page = await fetch_page(call.db, entity, options, where, [call.tenant_id, *args], now=call.now)
    return Page(page.json, entity.name, page.total)


async def _session(call: Call, session_id: int) -> Record:
    rows = await reads.sessions_to_change(call.db, call.tenant_id, [session_id])
    if not rows:
        raise NotFound(rules.NO_SESSION)
    return rows[0]


async def _clear(call: Call, session_id: int, strategy: str) -> None:
    """Stop what runs on the locked session, and let what had not begun wait for another host."""
    running = await reads.running_jobs(call.db, call.tenant_id, session_id)
    await jobs.stop(
        call.db, call.tenant_id, running, strategy, call.now, is_strict=False, reason="the host is in maintenance"
    )
    _wake(call, await hand_out.release_unstarted(call.db, call.tenant_id, session_id, call.now))


def _wake(call: Call, folders: list[int]) -> None:
    """Tell other hosts, once this commits, that jobs wait in these folders."""
    for folder_id in folders:
        call.on_commit(partial(call.port(Signals).work, call.tenant_id, folder_id))
