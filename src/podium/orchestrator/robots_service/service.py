"""Sessions at work: finds the session of a call, looks for work, keeps what it found until something changes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from podium.kernel.call import Call
from podium.kernel.errors import Code, Conflict, Unauthenticated
from podium.kernel.ids import uuid7
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.jobs import hand_out
from podium.orchestrator.ports import JobTokens
from podium.orchestrator.presence import LiveSession, Presence
from podium.orchestrator.robots import actions as robots
from podium.orchestrator.robots_service import rules, store
from podium.orchestrator.sessions import actions as sessions
from podium.orchestrator.signals import Signals, Waiter

LOOK_AGAIN_AFTER = timedelta(seconds=10)  # signals are hints; a lost one costs at most this
WORKSPACE = "PersonalWorkspace"
TELL_AGAIN_AFTER = timedelta(seconds=5)


async def session_of(call: Call, said_user: str | None, *, is_restart: bool = False) -> LiveSession:
    """The session of the calling host: from memory, else opened in the database."""
    if call.actor.machine_id is None or call.actor.job_key is not None:  # a job does not speak for its machine
        raise Unauthenticated("The machine key is missing.", Code.INVALID_MACHINE_KEY)
    host = rules.host_name(call.headers)
    user = rules.service_user(call.headers, said_user)
    presence = call.port(Presence)
    key = (call.actor.machine_id, host.casefold(), user.casefold())
    live = presence.sessions.get(key)
    if live is None or is_restart:
        live = await _open(call, host, user, is_restart=is_restart)
        presence.sessions[key] = live
    presence.beat(live, call.now)
    return live


async def _open(call: Call, host: str, user: str, *, is_restart: bool) -> LiveSession:
    machine_id = call.actor.machine_id
    assert machine_id is not None
    machine = await call.port(AccessResolver).machine_by_id(call.tenant_id, machine_id)
    async with call.services.db.transaction() as db:
        if machine.type == "Standard" and (await sessions.hosts_of_machine(db, call.tenant_id, machine_id)) - {
            host.casefold()
        }:
            raise Conflict("This machine's key belongs to another host.", Code.INVALID_MACHINE_KEY)
        described = sessions.Host(
            machine_id,
            host,
            user,
            call.headers.get("x-robot-version"),
            rules.platform(call.headers),
            rules.capabilities(call.headers),
        )
        session_id = await sessions.open_session(
            db, call.tenant_id, uuid7(), described, call.now, is_restart=is_restart
        )
        robot = await robots.robot_of_machine(db, call.tenant_id, machine_id, machine.name, call.now)
        if machine.scope == WORKSPACE and machine.owner_id is not None:
            # Whoever has the key of a workspace's machine runs its owner's jobs, with BeginSession or without.
            own = await robots.robot_of_user(db, call.tenant_id, machine.owner_id, machine.name, call.now)
            await sessions.attach_robot(db, call.tenant_id, session_id, own.id, call.now)
    reach = await call.port(AccessResolver).machine_reach(call.tenant_id, machine_id)
    return LiveSession(
        tenant_id=call.tenant_id,
        session_id=session_id,
        machine_id=machine_id,
        machine_name=machine.name,
        host_name=host,
        machine_robot_id=robot.id,
        machine_robot_key=robot.key,
        folders=tuple(reach.folders),
        reported_at=call.now,
    )


async def commands(
    call: Call, live: LiveSession, *, at_most: int | None = None, is_woken: bool = False
) -> list[dict[str, Any]]:
    """What the session has to do now; from memory when nothing changed since the last look.

    `is_woken`: there is likely something, so that it is not asked first whether there is.
    """
    signals = call.port(Signals)
    version = signals.version(live.tenant_id, live.folders, live.session_id)
    now = call.services.clock()
    is_fresh = live.version == version and live.looked_at is not None and now - live.looked_at < LOOK_AGAIN_AFTER
    if is_fresh and (live.looked_for is None or (at_most is not None and at_most <= live.looked_for)):
        return live.commands
    async with live.lock:
        version = signals.version(live.tenant_id, live.folders, live.session_id)
        live.commands = await _look(call, live, now, at_most, is_woken=is_woken)
        live.version, live.looked_at, live.looked_for = version, now, at_most
    return live.commands


async def _look(
    call: Call, live: LiveSession, now: datetime, at_most: int | None, *, is_woken: bool
) -> list[dict[str, Any]]:
    who = hand_out.Claimant(
        live.tenant_id, live.session_id, live.machine_id, live.host_name, live.folders, live.machine_robot_id
    )
    if not is_woken:
        async with call.services.db.acquire() as db:
            if not await hand_out.has_anything(db, who):
                return []
    async with call.services.db.transaction() as db:
        await hand_out.claim(db, who, now, at_most)
        rows = await hand_out.commands(db, live.tenant_id, live.session_id)
    return [rules.command(row, live.machine_id, call.organization_id, call.tenant_key) for row in rows]


async def wait_for_commands(
    call: Call, live: LiveSession, seconds: float, running: Collection[UUID], at_most: int | None
) -> list[dict[str, Any]]:
    """Commands that the agent has not heard of yet; waits for them up to that long."""
    signals = call.port(Signals)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    known = {str(key) for key in running}
    gone = asyncio.ensure_future(call.gone())
    is_woken = False
    try:
        while True:
            waiter = Waiter(live.session_id)
            signals.join(waiter, live.tenant_id, live.folders)
            try:
                there = await commands(call, live, at_most=at_most, is_woken=is_woken)
                if gone.done():
                    return []  # nobody hears it: what is not marked as told goes to the session's next poll
                found = _news(live, there, known, call.services.clock())
                left = deadline - loop.time()
                if found or left <= 0 or signals.is_closing:
                    return found
                if waiter.woken.is_set():
                    signals.pass_on(waiter)
                is_woken = await _woken(waiter, gone, min(left, LOOK_AGAIN_AFTER.total_seconds()))
                if not is_woken:
                    live.looked_at = None
                if gone.done():
                    signals.pass_on(waiter)
                    return []
            finally:
                signals.leave(waiter, live.tenant_id, live.folders)
    finally:
        gone.cancel()


async def _woken(waiter: Waiter, gone: asyncio.Future[object], seconds: float) -> bool:
    """Whether there may be work, or nobody is left to hear of it; False when the time passed."""
    woken = asyncio.ensure_future(waiter.woken.wait())
    try:
        either: set[asyncio.Future[Any]] = {woken, gone}
        done, _ = await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        woken.cancel()
    return bool(done)


def _news(
    live: LiveSession, found: list[dict[str, Any]], running: Collection[str], now: datetime
) -> list[dict[str, Any]]:
    """What was not told yet, or not heard: a start again while the agent does not name the job, a stop until it ends.

    Nothing is told twice within a few seconds. A start under a new lease is told even when the agent names the job:
    it may still hold the end of an earlier run.
    """
    news = []
    for command in found:
        body = command["data"]
        said = (body["jobKey"], body["type"], body.get("stopStrategy"), body["leaseEpoch"])
        last = live.told.get(said)
        is_known = body["type"] == "StartProcess" and body["jobKey"] in running
        if last is not None and (is_known or now - last < TELL_AGAIN_AFTER):
            continue
        live.told[said] = now
        news.append(command)
    if len(live.told) > 1000:
        live.told = {said: at for said, at in live.told.items() if now - at < TELL_AGAIN_AFTER}
    return news


async def with_tokens(call: Call, told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The commands as they are told: a start has the token of its job, made now and kept nowhere.

    The loop has its turn between two signatures, for an agent may be told of hundreds of jobs at once.
    """
    tokens, found = call.port(JobTokens), []
    for command in told:
        body = command["data"]
        if body["type"] == "StartProcess" and call.organization_id is not None and call.tenant_key is not None:
            token = tokens.issue_job_token(
                call.organization_id,
                command["robotName"],
                call.services.clock(),
                tenant_key=call.tenant_key,
                folder_key=UUID(body["folderKey"]),
                job_key=UUID(body["jobKey"]),
                lease_epoch=body["leaseEpoch"],
                robot_key=UUID(command["robotKey"]),
            )
            found.append({**command, "data": {**body, "accessToken": token}})
            await asyncio.sleep(0)
        else:
            found.append(command)
    return found


async def robot_details(call: Call, live: LiveSession, robot: robots.RobotRef) -> dict[str, Any]:
    """RobotDetailsDto of a robot on this session."""
    async with call.services.db.acquire() as db:
        row = await db.fetchrow(store.ROBOT_DETAILS, call.tenant_id, robot.id)
    assert row is not None
    return {
        "id": robot.id,
        "robotKey": str(robot.key),
        "user": row["user_name"],
        "machineName": live.machine_name,
        "machineId": live.machine_id,
        "robotName": robot.name,
        "robotType": row["type"],
        "hasLicense": True,
        "tenantId": call.tenant_id,
        "organizationUnitId": live.folders[0] if live.folders else 0,
        "isExternalLicensed": False,
        "executionSettings": {},
        "authSettings": {"Auth.OAuth.RobotOAuthSecret": str(robot.key)},
    }
