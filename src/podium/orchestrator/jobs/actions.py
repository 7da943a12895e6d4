"""Starts and stops jobs: asked by the API, by restarts and, later, by triggers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from podium import wire
from podium.kernel.blobs import Blobs
from podium.kernel.call import given
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.kernel.ids import uuid7
from podium.orchestrator.attachments import actions as attachments
from podium.orchestrator.jobs import rules, store
from podium.orchestrator.packages.arguments import check_arguments, merge_arguments

MAX_INLINE_ARGUMENTS = 10_000  # characters; what is longer is kept and delivered as a file (decision 18)
MAX_ARGUMENTS = 10_000_000  # characters; a body cannot carry more
SOURCE_TYPES = (
    *(
        "Manual",
        "Schedule",
        "Agent",
        "Queue",
        "StudioWeb",
        "IntegrationTrigger",
        "StudioDesktop",
        "AutomationOpsPipelines",
    ),
    *("Apps", "SAP", "HttpTrigger", "HttpTriggerWithCallback", "RobotAPI", "Assistant", "CommandLine", "RobotNetAPI"),
)


class Starter(NamedTuple):
    """On whose behalf and where jobs are started. `audit`: the call's audit row, None when something else audits."""

    tenant_id: int
    folder_id: int
    user_id: int | None
    now: datetime
    audit: tuple[object, ...]
    blobs: Blobs
    parent_job_key: UUID | None = None
    is_from_robot: bool = False


class Started(NamedTuple):
    """The new jobs, and what they share by column name."""

    jobs: list[tuple[int, UUID]]
    shared: dict[str, Any]
    process: asyncpg.Record
    targets: list[rules.Target]


async def start(db: Connection, who: Starter, info: wire.StartProcessDto) -> Started:
    """Make the jobs that `info` asks for, with their audit row and event, in one statement.

    Raises NotFound that names the process, BadRequest that names the member, Conflict.
    """
    process = await find_process(db, who, info)
    chosen = await _targets(db, who, info)
    shared = await _shared(db, who, info, process)
    keys = [uuid7() for _ in chosen]
    jobs = await store.add_jobs(
        db,
        who.tenant_id,
        msgspec.json.encode(shared).decode(),
        who.now,
        keys,
        [target.robot_id for target in chosen],
        [target.machine_id for target in chosen],
        [target.session_ids[0] if target.session_ids else None for target in chosen],
        *who.audit,
        None if who.is_from_robot else uuid7(),  # the published event is not sent when a robot starts a job
        msgspec.json.encode(info).decode(),
    )
    if not jobs:
        raise NotFound(f"The process {process['name']} does not exist.")
    return Started(jobs, shared, process, chosen)


async def find_process(db: Connection, who: Starter, info: wire.StartProcessDto) -> asyncpg.Record:
    """The process that `info` names in the folder, checked to be startable."""
    key_text, name = given(info.release_key, ""), given(info.release_name, "")
    if not key_text and not name:
        raise BadRequest(
            "startInfo.ReleaseKey: the key or the name of the process to start is missing.", Code.INVALID_RELEASE_KEY
        )
    key: UUID | None = None
    if key_text:
        try:
            key = UUID(key_text)
        except ValueError:
            raise BadRequest(
                f"startInfo.ReleaseKey: {key_text[:60]!r} is not a GUID.", Code.INVALID_RELEASE_KEY
            ) from None
    entry_point = given(info.entry_point_path, "") or None
    process = await store.process_to_start(
        db, who.tenant_id, who.folder_id, key, name or None, entry_point, who.user_id
    )
    if process is None:
        raise NotFound(f"The job's associated process could not be found: {key_text or name}.")
    if process["package_found"] is None:
        raise Conflict(
            f"The package {process['package_id']} {process['package_version']} of the process {process['name']} does not exist any more.",
            Code.PACKAGE_NOT_FOUND,
        )
    if entry_point is not None and process["entry_point_path"] is None:
        raise BadRequest(f"startInfo.EntryPointPath: the package has no entry point {entry_point[:120]!r}.")
    return process


async def _targets(db: Connection, who: Starter, info: wire.StartProcessDto) -> list[rules.Target]:
    strategy = given(info.strategy, None)
    robot_ids = list(given(info.robot_ids, []))
    sessions = list(given(info.machine_session_ids, []))
    mappings = [
        rules.Target(given(pair.robot_id, None), given(pair.machine_id, None), tuple(_session_of(pair)))
        for pair in given(info.machine_robots, [])
    ]
    if strategy == "Specific" and robot_ids:
        known = await store.known_robots(db, who.tenant_id, robot_ids)
        unknown = [robot for robot in robot_ids if robot not in known]
        if unknown:
            raise Conflict(f"Invalid robot id: {', '.join(map(str, unknown[:10]))}.", Code.INVALID_START_JOB_ROBOTS)
    everyone = await store.folder_robots(db, who.tenant_id, who.folder_id) if strategy == "All" else []
    return rules.targets(
        strategy, given(info.jobs_count, None), given(info.no_of_robots, None), robot_ids, mappings, sessions, everyone
    )


def _session_of(pair: wire.MachineRobotDto) -> Sequence[int]:
    session = given(getattr(pair, "session_id", None), None)
    return () if session is None else (session,)


async def _shared(db: Connection, who: Starter, info: wire.StartProcessDto, process: asyncpg.Record) -> dict[str, Any]:
    arguments, input_file = await _input(db, who, info, process)
    is_personal = process["folder_type"] == "Personal"
    is_run_as_me = given(info.run_as_me, False)
    return {
        **_of_process(process),
        **_as_said(info, process),
        **_limits(info),
        "runtime_type": given(info.runtime_type, None) or ("Development" if is_personal else "Unattended"),
        "type": "Unattended",
        "input_arguments": arguments,
        "input_file": input_file,
        "is_run_as_me": is_run_as_me,
        "user_id": process["owner_id"] if is_personal else (who.user_id if is_run_as_me else None),
        "created_by": who.user_id,
        "parent_job_key": who.parent_job_key,
        "trigger_id": None,
    }


def _of_process(process: asyncpg.Record) -> dict[str, Any]:
    """What a job takes over from its process and keeps, whatever becomes of the process."""
    return {
        "folder_id": process["folder_id"],
        "process_id": process["id"],
        "process_key": process["key"],
        "process_name": process["name"],
        "process_version_id": process["version_id"],
        "package_row_id": process["package_row_id"],
        "package_id": process["package_id"],
        "package_version": process["package_version"],
        "feed_id": process["feed_id"],
        "process_type": process["process_type"],
        "entry_point_path": process["entry_point_path"]
        or process["own_entry_point"]
        or process["main_entry_point_path"],
        "capability": rules.capability(process["content_type"], process["target_runtime"]),
        "resource_overwrites": process["resource_overwrites"],
    }


def _as_said(info: wire.StartProcessDto, process: asyncpg.Record) -> dict[str, Any]:
    """What the caller says, with the process's value where it says nothing."""
    source = given(info.source, "Manual") or "Manual"
    level = rules.priority(
        given(info.specific_priority_value, None), given(info.job_priority, None), process["priority"]
    )
    return {
        "priority": level,
        "source": source[:256],
        "source_type": next((name for name in SOURCE_TYPES if name.lower() == source.lower()), "Manual"),
        "batch_key": given(info.batch_execution_key, None) or uuid7(),
        "reference": given(info.reference, None),
        "environment_variables": given(info.environment_variables, None) or process["environment_variables"],
        "requires_user_interaction": given(info.requires_user_interaction, process["requires_user_interaction"]),
        "remote_control_access": given(info.remote_control_access, process["remote_control_access"]),
        "profiling_options": given(info.profiling_options, None),
        "target_framework": given(info.target_framework, process["target_framework"]),
        "is_resumed_on_same_host": given(info.resume_on_same_context, False),
        "parent_operation_id": given(info.parent_operation_id, None),
        "trace_id": given(info.trace_id, None),
        "parent_span_id": given(info.parent_span_id, None),
        "root_span_id": given(info.root_span_id, None),
        "fps_context": given(info.fps_context, None),
        "fps_properties": given(info.fps_properties, None),
    }


def _limits(info: wire.StartProcessDto) -> dict[str, Any]:
    """Time limits in seconds, and how a job that passes one is stopped."""
    return {
        "stop_strategy": given(info.stop_strategy, None),
        "stop_after_s": rules.seconds(given(info.stop_process_expression, None), "startInfo.StopProcessExpression"),
        "kill_after_s": rules.seconds(given(info.kill_process_expression, None), "startInfo.KillProcessExpression"),
        "alert_pending_s": rules.seconds(
            given(info.alert_pending_expression, None), "startInfo.AlertPendingExpression"
        ),
        "alert_running_s": rules.seconds(
            given(info.alert_running_expression, None), "startInfo.AlertRunningExpression"
        ),
    }


async def _input(
    db: Connection, who: Starter, info: wire.StartProcessDto, process: asyncpg.Record
) -> tuple[str | None, UUID | None]:
    """The effective input: inline text, or the attachment that holds it."""
    file = given(info.input_file, None)
    text = given(info.input_arguments, None)
    if file is not None:
        if text:
            raise BadRequest("startInfo.InputFile: give either InputFile or InputArguments.")
        if not await attachments.exists(db, who.tenant_id, file):
            raise NotFound(f"The attachment {file} named by InputFile does not exist.")
        return None, file
    if text is not None and len(text) > MAX_ARGUMENTS:
        raise BadRequest(f"startInfo.InputArguments: longer than {MAX_ARGUMENTS} characters.")
    merged = merge_arguments(process["input_arguments"], text)
    if merged is None:
        return None, None
    check_arguments(process["input_schema"] or process["definition"], msgspec.json.decode(merged))
    if len(merged) <= MAX_INLINE_ARGUMENTS:
        return merged, None
    stored = await attachments.keep_text(
        db, who.blobs, who.tenant_id, merged, name="input.json", category="Input", user_id=who.user_id, now=who.now
    )
    return None, stored


class Stopped(NamedTuple):
    """What a stop changed: sessions to tell, and the jobs that ended at once."""

    session_ids: set[int]
    ended_ids: list[int]


async def stop(
    db: Connection,
    tenant_id: int,
    jobs: Sequence[asyncpg.Record],
    strategy: str,
    now: datetime,
    *,
    is_strict: bool,
    reason: str = "stop requested",
) -> Stopped:
    """Stop locked jobs; final ones are refused when strict, else left as they are."""
    moves: list[tuple[int, int]] = []
    for job in jobs:
        state = rules.State(job["state"])
        if state in rules.FINAL and not is_strict:
            continue
        following = rules.after_stop(state, strategy)
        if following is not None:
            moves.append((job["id"], int(following)))
    if moves:
        await store.stop_jobs(db, tenant_id, now, moves, strategy, reason)
    ended = [id_ for id_, state in moves if state == rules.State.STOPPED]
    changed = {id_ for id_, _ in moves}
    return Stopped({job["session_id"] for job in jobs if job["id"] in changed and job["session_id"] is not None}, ended)


async def is_visible(db: Connection, tenant_id: int, folders: Sequence[int], key: UUID) -> bool:
    """Whether the job of this key is in one of the folders."""
    return bool(await db.fetchval(store.IS_VISIBLE, tenant_id, list(folders), key))


async def suspend(
    db: Connection,
    tenant_id: int,
    job_id: int,
    now: datetime,
    *,
    persistence_id: UUID,
    version: int,
    blob: str | None,
    size_bytes: int,
    sub_state: str | None,
    info: str | None,
) -> rules.State | None:
    """Keep a job's state and take it off its robot: Suspended, or Stopped when a stop was asked for meanwhile.

    None when the job is final: it cannot suspend itself any more.
    """
    state = await store.suspend(db, tenant_id, job_id, now, persistence_id, version, sub_state, info)
    if state is None:
        return None
    if blob is not None:
        await store.keep_snapshot(db, tenant_id, persistence_id, version, job_id, blob, size_bytes, now)
    return rules.State(state)


async def resume_by_trigger(db: Connection, tenant_id: int, job_id: int, source: str, now: datetime) -> bool:
    """What a suspended job waited for has happened: it waits for a robot again. Whether it was suspended."""
    return await store.resume(db, tenant_id, job_id, now, source, None)
