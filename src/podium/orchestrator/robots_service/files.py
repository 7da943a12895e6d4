"""Files of the robot protocol: large input and output, and the state of suspended jobs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from podium import wire
from podium.kernel.blobs import Blobs, Stored
from podium.kernel.call import Call, FileReply, given
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound, Unauthenticated
from podium.kernel.multipart import parts
from podium.kernel.operation import operation
from podium.kernel.validation import decode
from podium.orchestrator import sharing
from podium.orchestrator.attachments import actions as attachments
from podium.orchestrator.blob_links import BlobLinks, camel
from podium.orchestrator.job_triggers import actions as triggers
from podium.orchestrator.jobs import actions as jobs
from podium.orchestrator.jobs import rules as job_rules
from podium.orchestrator.robots_service import store
from podium.orchestrator.signals import Signals

MAX_STATE_BYTES = 500 * 1024 * 1024
MAX_DESCRIPTION_BYTES = 1024 * 1024
NO_SUCH_JOB = "Job does not exist."


@operation("GET", "/api/RobotsService/GetInputFileAccess")
async def get_input_file_access(call: Call, job_key: UUID) -> dict[str, object]:
    """Where to read a job's input that is too large for the command."""
    job = await _job(call, job_key)
    file = job["input_file"]
    found = await attachments.find(call.db, call.tenant_id, file) if file is not None else None
    if found is None:
        raise NotFound("The job has no input file.")
    return _access(call, file, found.name, job_key, "Input", "GET")


@operation("GET", "/api/RobotsService/GetOutputFileAccess")
async def get_output_file_access(call: Call, job_key: UUID, file_name: str | None = None) -> dict[str, object]:
    """Where to write a job's output that is too large for the report; its id is then reported as `outputFile`."""
    job = await _job(call, job_key)
    name = (file_name or "output.json")[:255]
    file = await attachments.add(
        call.db, call.tenant_id, name, call.now, category="Output", job_key=job_key, folder_id=job["folder_id"]
    )
    return _access(call, file, name, job_key, "Output", "PUT")


def _check_machine(call: Call) -> None:
    if call.actor.machine_id is None and call.actor.kind != "robot":
        raise Unauthenticated("The machine key is missing.", Code.INVALID_MACHINE_KEY)


async def _job(call: Call, key: UUID) -> asyncpg.Record:
    _check_machine(call)
    row = await call.db.fetchrow(store.JOB_FILES, call.tenant_id, key)
    if row is None or row["folder_id"] not in call.reach.folders or call.actor.job_key not in (None, key):
        raise NotFound(NO_SUCH_JOB)
    return row


def _access(call: Call, file: UUID, name: str, job_key: UUID, category: str, verb: str) -> dict[str, object]:
    access = call.port(BlobLinks).access(call.tenant_id, attachments.target(file), verb, call.now)
    return {
        "id": str(file),
        "name": name,
        "jobKey": str(job_key),
        "attachmentCategory": category,
        "blobFileAccess": camel(access),
    }


@operation("POST", "/api/RobotsService/SuspendPersistentJob", audited=False)
async def suspend_persistent_job(call: Call) -> None:
    """A job suspends itself: its state is kept, and what it waits for is registered."""
    _check_machine(call)
    written: list[Stored] = []
    try:
        described = await _read_suspension(call, written)
        await _suspend(call, described, written[-1] if written else None)
    except BaseException:
        for stored in written:  # what is refused leaves no file
            await call.port(Blobs).delete(stored.name)
        raise


async def _suspend(call: Call, described: wire.SuspendJobData, state: Stored | None) -> None:
    key = given(described.job_id, None)
    if key is None:
        raise BadRequest("suspendJobDto.jobId must not be null", Code.PARAMETER_MISSING)
    job = await _job(call, key)
    version = given(described.resume_version, 0) + 1
    persistence_id = given(described.persistence_instance_id, None) or job["persistence_id"] or key
    changed = await jobs.suspend(
        call.db,
        call.tenant_id,
        job["id"],
        call.now,
        persistence_id=persistence_id,
        version=version,
        blob=state.name if state else None,
        size_bytes=state.size_bytes if state else 0,
        sub_state=given(described.sub_state, None),
        info=given(described.job_info, None),
    )
    if changed is None:
        now_in = job_rules.STATE_NAMES[job["state"]]
        raise Conflict(f"A job in state {now_in} cannot be suspended.", Code.INVALID_JOB_STATE_FOR_SUSPEND)
    if changed is job_rules.State.SUSPENDED:
        await triggers.add_triggers(call.db, call.tenant_id, job["id"], given(described.resume_triggers, []), call.now)
        call.emit(
            "job.suspended", {"Job": {"Id": job["id"], "Key": key, "State": "Suspended"}}, folder_id=job["folder_id"]
        )
    if job["session_id"] is not None:
        signals, session = call.port(Signals), job["session_id"]
        call.on_commit(lambda: signals.poke(session))


async def _read_suspension(call: Call, written: list[Stored]) -> wire.SuspendJobData:
    """What the job says of itself; its state goes to the store as it arrives and is added to `written`."""
    described: wire.SuspendJobData | None = None
    async for part in parts(call.headers.get("content-type"), call.stream()):
        if part.name == "suspendJobDto":
            text = await part.read(MAX_DESCRIPTION_BYTES)
            described = decode(text, wire.SuspendJobData, parameter="suspendJobDto")
        elif part.name == "file":
            written.append(await call.port(Blobs).write(part.stream(), limit_bytes=MAX_STATE_BYTES))
    if described is None:
        raise BadRequest("suspendJobDto must not be null", Code.PARAMETER_MISSING)
    return described


@operation("GET", "/api/RobotsService/GetPersistentJob")
async def get_persistent_job(call: Call, persistence_id: UUID, resume_version: int | None = None) -> FileReply:
    """The state that a job saved when it suspended itself."""
    if call.actor.machine_id is None or call.actor.job_key is not None:
        raise Unauthenticated("The machine key is missing.", Code.INVALID_MACHINE_KEY)
    blob = await call.db.fetchval(store.SNAPSHOT, call.tenant_id, persistence_id, resume_version)
    if blob is None:
        raise NotFound("The saved state does not exist.", Code.SUSPEND_STATE_NOT_FOUND)
    return FileReply(str(await call.port(Blobs).open(blob)), "state.db")


@operation("POST", "/api/RobotsService/GetProcesses", audited=False)
async def get_processes(call: Call, body: wire.RobotIdentifier | None = None) -> list[dict[str, Any]]:  # noqa: ARG001
    """The processes that the caller may run, for an attended robot's list."""
    rows = await call.db.fetch(store.PUBLISHED, call.tenant_id, sharing.readable(call, "Processes"))
    return [
        {
            "activationKey": None,
            "processName": row["name"],
            "processDescription": row["description"],
            "processKey": str(row["key"]),
            "packageId": row["package_id"],
            "packageVersion": row["package_version"],
            "inputArguments": row["input_arguments"],
            "folderId": row["folder_id"],
            "folderName": row["display_name"],
            "folderFullyQualifiedName": row["path"],
            "feedUrl": None,
            "processSettings": None,
        }
        for row in rows
    ]
