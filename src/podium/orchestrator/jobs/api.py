"""Operations on jobs."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from podium import wire
from podium.kernel import audit
from podium.kernel.blobs import Blobs
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.kernel.odata import CountRule, fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.jobs import actions, events, rules, store
from podium.orchestrator.jobs.entity import JOBS
from podium.orchestrator.scope import IN_FOLDERS, in_folders
from podium.orchestrator.signals import Signals

ONE_JOB = f"{IN_FOLDERS} AND t.id = $3::bigint"
ONE_JOB_BY_KEY = f"{IN_FOLDERS} AND t.key = $3::uuid"
SOME_JOBS = f"{IN_FOLDERS} AND t.id = ANY($3::bigint[])"
NO_SUCH_JOB = "Job does not exist."


@operation("GET", "/odata/Jobs")
async def list_jobs(call: Call) -> Page:
    """Jobs of the folder, or of every folder where the caller may view jobs."""
    options = parse_options(call.query)
    folders = call.folders_with("Jobs.View")
    args = [call.tenant_id, folders]
    found = await fetch_page(call.db, JOBS, options, in_folders(folders), args, count=CountRule.ON_REQUEST)
    return Page(found.json, "Jobs", found.total)


@operation("GET", "/odata/Jobs({key})")
async def get_job(call: Call, key: int) -> Item:
    """One job by its number."""
    return Item(await _one(call, ONE_JOB, call.folder_id, key), "Jobs")


@operation("GET", "/odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})")
async def get_job_by_key(call: Call, identifier: UUID) -> Item:
    """One job by its key, in any folder where the caller may view jobs."""
    return Item(await _one(call, ONE_JOB_BY_KEY, None, identifier), "Jobs")


async def _one(call: Call, where: str, folder_id: int | None, key: int | UUID) -> str:
    folders = [folder_id] if folder_id is not None else call.folders_with("Jobs.View")
    found = await fetch_one(call.db, JOBS, parse_options(call.query), where, [call.tenant_id, folders, key])
    if found is None:
        raise NotFound(NO_SUCH_JOB)
    return found


@operation("GET", "/api/podium/Jobs/GetHistory")
async def get_job_history(call: Call, job_key: UUID) -> list[dict[str, object]]:
    """The states that a job went through, oldest first, with what led to each."""
    rows = await store.history(call.db, call.tenant_id, [call.folder_id], job_key)
    if not rows:
        raise NotFound(NO_SUCH_JOB)
    return [
        {"state": rules.STATE_NAMES[row["state"]], "creationTime": row["created_at"], "reason": row["reason"]}
        for row in rows
    ]


@operation("POST", "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs", atomic=False)
async def start_jobs(call: Call, body: wire.StartJobsRequest) -> Page:
    """New jobs, Pending. Jobs, audit row and event are one statement."""
    info = given(body.start_info, None)
    if info is None:
        raise BadRequest("startInfo must not be null", Code.PARAMETER_MISSING)
    call.describe("StartJob", component="Jobs", name=given(info.release_name, "") or given(info.release_key, ""))
    started = await actions.start(call.db, starter(call), info)
    call.port(Signals).work(call.tenant_id, call.folder_id, len(started.jobs))
    if call.query:
        ids = [id_ for id_, _ in started.jobs]
        found = await fetch_page(
            call.db, JOBS, parse_options(call.query), SOME_JOBS, [call.tenant_id, [call.folder_id], ids]
        )
        return Page(found.json, "Jobs", found.total)
    assert call.folder is not None
    return Page(events.new_jobs(started, call.folder.path, call.now), "Jobs")


def starter(call: Call) -> actions.Starter:
    """On whose behalf the call starts jobs: the caller, and the job that it runs in."""
    parent = call.headers.get("x-uipath-jobkey", "")
    try:
        parent_key = call.actor.job_key or (UUID(parent) if parent else None)
    except ValueError:
        parent_key = None
    return actions.Starter(
        call.tenant_id,
        call.folder_id,
        call.actor.user_id,
        call.now,
        audit.values(call),
        call.port(Blobs),
        parent_key,
        call.actor.kind in ("robot", "machine"),
    )


@operation("POST", "/odata/Jobs({key})/UiPath.Server.Configuration.OData.StopJob")
async def stop_job(call: Call, key: int, body: wire.StopJobRequest) -> None:
    """Stop one job; a finished one is refused (409)."""
    await _stop(call, [key], given(body.strategy, rules.SOFT_STOP), is_strict=True)


@operation("POST", "/odata/Jobs/UiPath.Server.Configuration.OData.StopJobs")
async def stop_jobs(call: Call, body: wire.StopJobsRequest) -> None:
    """Stop several jobs or, when one of the ids is unknown, none; finished ones are left as they are."""
    ids = given(body.job_ids, None)
    if ids is None:
        raise BadRequest("jobIds must not be null", Code.PARAMETER_MISSING)
    await _stop(call, list(ids), given(body.strategy, rules.SOFT_STOP), is_strict=False)


async def _stop(call: Call, ids: list[int], strategy: str, *, is_strict: bool) -> None:
    jobs = await store.jobs_to_stop(call.db, call.tenant_id, [call.folder_id], ids)
    if len(jobs) < len(set(ids)):
        raise NotFound(NO_SUCH_JOB)
    stopped = await actions.stop(call.db, call.tenant_id, jobs, strategy, call.now, is_strict=is_strict)
    if stopped.ended_ids:
        call.emit("job.stopped", {"Jobs": [events.stopped(job) for job in jobs if job["id"] in stopped.ended_ids]})
    call.describe(
        "ForceStopJob" if strategy == rules.KILL else "StopJob", component="Jobs", entity_id=",".join(map(str, ids))
    )
    signals = call.port(Signals)
    for session_id in stopped.session_ids:
        call.on_commit(partial(signals.poke, session_id))


@operation("POST", "/odata/Jobs/UiPath.Server.Configuration.OData.RestartJob", audited=False)
async def restart_job(call: Call, body: wire.RestartJobRequest) -> Item:
    """A new job like a finished one: same process at its present version, same input, priority and target.

    The statement that makes it writes the audit row.
    """
    job = await store.job_in_state(call.db, call.tenant_id, [call.folder_id], id_=given(body.job_id, 0))
    if job is None:
        raise NotFound(NO_SUCH_JOB)
    if rules.State(job["state"]) not in rules.FINAL:
        raise Conflict("The job has not ended and cannot be restarted.", Code.CANNOT_RESTART_UNFINISHED_JOB)
    call.describe("StartJob", component="Jobs", name=f"restart of {job['id']}")
    started = await actions.start(call.db, starter(call), events.start_again(job))
    signals, tenant, folder = call.port(Signals), call.tenant_id, call.folder_id
    call.on_commit(lambda: signals.work(tenant, folder))
    return Item(await _one(call, ONE_JOB, call.folder_id, started.jobs[0][0]), "Jobs")


@operation("POST", "/odata/Jobs/UiPath.Server.Configuration.OData.ResumeJob")
async def resume_job(call: Call, body: wire.ResumeJobRequest) -> Item:
    """A suspended job waits for a robot again, by hand."""
    key = given(body.job_key, None)
    if key is None:
        raise BadRequest("jobKey must not be null", Code.PARAMETER_MISSING)
    job = await store.job_in_state(call.db, call.tenant_id, [call.folder_id], key=key)
    if job is None:
        raise NotFound(NO_SUCH_JOB)
    arguments = given(body.input_arguments, None)
    if not await store.resume(call.db, call.tenant_id, job["id"], call.now, "Manual", arguments):
        raise Conflict(
            f"A job in state {rules.STATE_NAMES[job['state']]} cannot be resumed.", Code.INVALID_JOB_STATE_FOR_SUSPEND
        )
    call.describe("ResumeJob", component="Jobs", entity_id=job["id"])
    signals, tenant, folder = call.port(Signals), call.tenant_id, call.folder_id
    call.on_commit(lambda: signals.work(tenant, folder))
    return Item(await _one(call, ONE_JOB, call.folder_id, job["id"]), "Jobs")
