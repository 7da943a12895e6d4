"""The robot protocol's operations. A heartbeat with nothing to do touches no table."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from podium import wire
from podium.kernel.call import Call, Reply, given
from podium.kernel.errors import ApiError, BadRequest, Code, Conflict, NotFound, Unauthenticated
from podium.kernel.operation import operation
from podium.orchestrator.jobs import hand_out
from podium.orchestrator.jobs import rules as jobs
from podium.orchestrator.personal_workspaces import actions as workspaces
from podium.orchestrator.ports import Clients
from podium.orchestrator.presence import LiveSession, Presence
from podium.orchestrator.robots import actions as robots
from podium.orchestrator.robots_service import rules, service, store
from podium.orchestrator.sessions import actions as sessions
from podium.orchestrator.signals import Signals

MAX_WAIT_S = 60.0
MAX_REPORTS = 1000
SETTINGS_STAMP = "1"  # robots ask for settings again when it changes; there are none that robots read yet


def _reply(commands: list[dict[str, Any]]) -> Reply:
    body = {
        "commands": commands,
        "serviceSettingsStamp": SETTINGS_STAMP,
        "isUnattended": True,
        "isUnattendedLicensed": True,
    }
    return Reply(200, msgspec.json.encode(body))


_NOTHING_TO_DO = _reply([])


@operation("GET", "/api/RobotsService/GetSharedConnectionData", connected=False)
async def get_shared_connection_data(call: Call) -> dict[str, str]:
    """The machine key of the signed-in user's workspace, which is made on first use."""
    return await _connection_data(call)


@operation("GET", "/api/RobotsService/GetConnectionData", connected=False)
async def get_connection_data(call: Call) -> dict[str, str]:
    """The older form of GetSharedConnectionData."""
    return await _connection_data(call)


async def _connection_data(call: Call) -> dict[str, str]:
    user_id, organization = call.actor.user_id, call.organization_id
    if call.actor.kind != "user" or user_id is None or organization is None:
        raise Unauthenticated("You are not authenticated!")
    async with call.services.db.transaction() as db:
        await workspaces.ensure_workspace(db, call.port(Clients), call.tenant_id, organization, user_id, call.now)
        key = await db.fetchval(store.WORKSPACE_LICENSE, call.tenant_id, user_id)
        if key is None:
            key = await db.fetchval(store.FOLDER_LICENSE, call.tenant_id, list(call.reach.folders))
    if key is None:
        raise Conflict(
            "No machine is assigned to a folder of yours, and you may not have a personal workspace.",
            Code.NO_MACHINE_IN_FOLDER,
        )
    url = f"{call.public_url}/{call.organization_name}/{call.tenant_name}/orchestrator_"
    return {"licenseKey": key, "orchestratorUrl": url}


@operation("POST", "/api/RobotsService/StartService", connected=False)
async def start_service(call: Call, body: wire.RobotServicePayload | None = None) -> dict[str, Any]:
    """The robot service of a host came up. An agent that lists its live jobs ends the others of its session."""
    said = given(body.service_user_name, None) if body else None
    live = await service.session_of(call, said, is_restart=True)
    running = given(body.running_jobs, None) if body else None
    if running is not None:
        async with call.services.db.transaction() as db:
            await hand_out.end_lost(
                db,
                call.tenant_id,
                live.session_id,
                call.now,
                info="The robot restarted and does not know the job.",
                code="PODIUM.ROBOT_RESTARTED",
                spared=running,
            )
            await hand_out.alive(db, call.tenant_id, live.session_id, running, call.now)
    robot = robots.RobotRef(live.machine_robot_id, live.machine_robot_key, live.machine_name)
    return {"robots": [await service.robot_details(call, live, robot)]}


@operation("POST", "/api/RobotsService/BeginSession", connected=False)
async def begin_session(call: Call, body: wire.RobotIdentifier | None = None) -> dict[str, Any]:
    """Whose attended jobs this host runs: the signed-in user's robot, else the one that the body names."""
    live = await service.session_of(call, None)
    async with call.services.db.transaction() as db:
        robot = await _robot(call, body, live)
        await sessions.attach_robot(db, call.tenant_id, live.session_id, robot.id, call.now)
    call.port(Signals).poke(live.session_id)
    return await service.robot_details(call, live, robot)


async def _robot(call: Call, body: wire.RobotIdentifier | None, live: LiveSession) -> robots.RobotRef:
    async with call.services.db.transaction() as db:
        if call.actor.kind == "user" and call.actor.user_id is not None:
            return await robots.robot_of_user(db, call.tenant_id, call.actor.user_id, call.actor.name, call.now)
        key = given(body.robot_key, None) if body else None
        name = (given(body.user_name, "") if body else "").lower()
        if key is None and not name:
            return robots.RobotRef(live.machine_robot_id, live.machine_robot_key, live.machine_name)
        row = await db.fetchrow(store.ROBOT_NAMED, call.tenant_id, key, name)
    if row is None:
        raise NotFound("Robot does not exist.")
    return robots.RobotRef(row["id"], row["key"], row["name"])


@operation("POST", "/api/RobotsService/EndSession", connected=False)
async def end_session(call: Call, body: wire.RobotIdentifier | None = None) -> None:  # noqa: ARG001 - the session is the host's
    """The host runs no attended jobs any more; doing it twice is no error."""
    live = await service.session_of(call, None)
    async with call.services.db.acquire() as db:
        await sessions.attach_robot(db, call.tenant_id, live.session_id, None, call.now)


@operation("POST", "/api/RobotsService/StopService", connected=False)
async def stop_service(call: Call, body: wire.HeartbeatPayload | None = None) -> None:
    """The host's service goes down: what it had not started goes back to the pool."""
    live = await service.session_of(call, given(body.service_user_name, None) if body else None)
    async with call.services.db.transaction() as db:
        folders = await hand_out.release_unstarted(db, call.tenant_id, live.session_id, call.now)
        await sessions.close(db, call.tenant_id, live.session_id, call.now)
    presence = call.port(Presence)
    presence.sessions = {key: other for key, other in presence.sessions.items() if other is not live}
    for folder in folders:
        call.port(Signals).work(call.tenant_id, folder)


@operation("POST", "/api/RobotsService/HeartbeatV2", connected=False)
async def heartbeat(call: Call, body: wire.HeartbeatPayload | None = None) -> Reply:
    """The host is alive; every live command for it, or only new ones."""
    live = await service.session_of(call, given(body.service_user_name, None) if body else None)
    if body is not None and (reports := given(body.heartbeats, [])):
        await _apply(call, live, reports)
    found = await service.commands(call, live)
    return _reply(found) if found else _NOTHING_TO_DO


@operation("POST", "/api/RobotsService/Heartbeat", connected=False)
async def first_heartbeat(call: Call, body: wire.HeartbeatPayload | None = None) -> Reply:
    """The first generation's heartbeat; the same."""
    return await heartbeat(call, body)


@operation("POST", "/api/RobotsService/Commands", connected=False)
async def next_commands(call: Call, body: wire.NextCommandsRequest | None = None) -> Reply:
    """Podium's agent waits here: answered as soon as there is something to do, empty after the time it named."""
    request = body or wire.NextCommandsRequest()
    live = await service.session_of(call, given(request.service_user_name, None))
    running = given(request.running_jobs, [])
    if running:
        async with call.services.db.acquire() as db:
            await hand_out.alive(db, call.tenant_id, live.session_id, running, call.now)
    free = given(request.free_slots, None)
    seconds = min(max(float(given(request.wait_seconds, 0)), 0.0), MAX_WAIT_S)
    found = await service.wait_for_commands(call, live, seconds, running, None if free is None else max(free, 0))
    call.port(Presence).beat(live, call.services.clock())
    return _reply(await service.with_tokens(call, found)) if found else _NOTHING_TO_DO


class LeaseLost(ApiError):
    """409: the job was given to another session, or has ended; the agent drops what it has to say about it."""

    status = 409
    default_code = Code.INVALID_ARGUMENT


@operation("POST", "/api/RobotsService/SubmitJobState", connected=False)
async def submit_job_state(call: Call, body: list[wire.HeartbeatDto]) -> None:
    """Reports of job states; late, doubled and unknown ones are 200 and change nothing.

    A report that carries a lease epoch and finds the lease gone is 409, unless another of the same call took effect.
    """
    if len(body) > MAX_REPORTS:
        raise BadRequest(f"At most {MAX_REPORTS} reports can be submitted at once.")
    live = await service.session_of(call, None)
    if await _apply(call, live, body):
        raise LeaseLost("The job is not this robot's any more.")


async def _apply(call: Call, live: LiveSession, reports: list[wire.HeartbeatDto]) -> bool:
    """Apply reports in their order; whether every one of them came from a lost lease."""
    lost = applied = 0
    for report in reports:
        key, state = given(report.job_key, None), rules.reported_state(given(report.job_state, None))
        if key is None or state is None or state in (jobs.State.PENDING, jobs.State.RESUMED, jobs.State.SUSPENDED):
            continue
        epoch = given(report.lease_epoch, None)
        async with call.services.db.acquire() as db:
            changed = await hand_out.report(db, *_report_values(call, live, report, key, state))
            if changed is None and epoch is not None:
                job = await hand_out.job_by_key(db, call.tenant_id, key)
                held = job is not None and job["session_id"] == live.session_id and job["lease_epoch"] == epoch
                lost += not held
        if changed is not None:
            applied += 1
            if jobs.State(changed["state"]) in jobs.FINAL or changed["was"] in (0, 8):
                call.port(Signals).poke(live.session_id)
    return lost > 0 and applied == 0


def _report_values(
    call: Call, live: LiveSession, report: wire.HeartbeatDto, key: UUID, state: jobs.State
) -> tuple[object, ...]:
    error = given(report.error, None)
    info = given(report.info, None)
    described = None
    if error is not None:
        title, detail = given(error.title, None), given(error.detail, None)
        fields = rules.job_error(given(error.code, None), title, given(error.category, None), detail)
        described = msgspec.json.encode(fields).decode()
        info = info or rules.info_of_error(title, detail)
    return (
        call.tenant_id,
        key,
        live.session_id,
        given(report.lease_epoch, None),
        int(state),
        list(jobs.states_that_take(state)),
        call.now,
        info,
        given(report.output_arguments, None),
        given(report.output_file, None),
        described,
        given(report.trace_id, None),
    )
