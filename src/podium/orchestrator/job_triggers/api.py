"""Operations on job triggers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from podium import wire
from podium.kernel.call import Call, Page, Reply, given
from podium.kernel.errors import BadRequest, Code, Forbidden, NotFound
from podium.kernel.odata import Entity, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.job_triggers import actions, rules, store
from podium.orchestrator.job_triggers.entity import JOB_TRIGGERS, JOB_TRIGGERS_WITH_WAIT_EVENTS
from podium.orchestrator.jobs import actions as jobs
from podium.orchestrator.signals import Signals

NO_SUCH_JOB = "Job does not exist."
NO_SUCH_INBOX = "Inbox does not exist."
MAX_EXTERNAL_ID = 512


@operation("GET", "/odata/JobTriggers")
async def list_job_triggers(call: Call) -> Page:
    """What the jobs of the folder wait for or have waited for."""
    args = [call.tenant_id, call.folders_with("Jobs.View")]
    found = await fetch_page(call.db, JOB_TRIGGERS, parse_options(call.query), store.OF_VISIBLE_JOBS, args)
    return Page(found.json, "JobTriggers", found.total)


@operation("GET", "/odata/JobTriggers/UiPath.Server.Configuration.OData.GetWithWaitEvents(jobId={jobId})")
async def list_wait_events(call: Call, job_id: int) -> Page:
    """The triggers of one job, with the name of what they wait for."""
    return await _of_job(call, JOB_TRIGGERS_WITH_WAIT_EVENTS, id_=job_id)


@operation("GET", "/odata/JobTriggers/UiPath.Server.Configuration.OData.GetByJobKey(jobKey={jobKey})")
async def list_triggers_of_job_key(call: Call, job_key: UUID) -> Page:
    """The triggers of one job, in any folder where the caller may view jobs."""
    return await _of_job(call, JOB_TRIGGERS, key=job_key)


async def _of_job(call: Call, entity: Entity, *, id_: int | None = None, key: UUID | None = None) -> Page:
    folders = call.folders_with("Jobs.View")
    job_id = await store.job_id(call.db, call.tenant_id, folders, id_=id_, key=key)
    if job_id is None:
        raise NotFound(NO_SUCH_JOB)
    found = await fetch_page(
        call.db, entity, parse_options(call.query), store.OF_VISIBLE_JOB, [call.tenant_id, folders, job_id]
    )
    return Page(found.json, "JobTriggers", found.total)


@operation("POST", "/api/JobTriggers/DeliverPayload/{inboxId}")
async def deliver_payload(call: Call, inbox_id: UUID, body: Any = None) -> Reply:
    """Put a payload into the inbox that a job waits for, and resume the job; 208 when there is one already."""
    found = await store.inbox(call.db, call.tenant_id, inbox_id)
    folder = None if found is None else call.reach.folders.get(found["folder_id"])
    if found is None or folder is None:
        raise NotFound(NO_SUCH_INBOX)
    if "Jobs.Edit" not in call.reach.within(folder):
        raise Forbidden("You are not authorized!")
    payload = body["payload"] if isinstance(body, dict) and "payload" in body else body
    text = msgspec.json.encode(payload).decode()
    call.describe("ResumeJob", component="Jobs", entity_id=found["job_id"], name="payload delivered")
    if not await store.deliver(call.db, call.tenant_id, found["id"], text, call.now):
        return Reply(208)
    if await jobs.resume_by_trigger(call.db, call.tenant_id, found["job_id"], found["type"], call.now):
        signals, tenant = call.port(Signals), call.tenant_id
        call.on_commit(lambda: signals.work(tenant, folder.id))
    return Reply(call.row.success)


@operation("GET", "/api/JobTriggers/GetPayload/{inboxId}")
async def get_payload(call: Call, inbox_id: UUID) -> dict[str, object]:
    """What was delivered into an inbox. Whoever knows its id, which is random, may read it."""
    text = await store.payload(call.db, call.tenant_id, inbox_id)
    if text is None:
        raise NotFound(NO_SUCH_INBOX)
    return {"payload": msgspec.Raw(text.encode())}


@operation("POST", "/api/JobTriggers/SaveExternalTrigger")
async def save_external_trigger(call: Call, body: wire.ExternalTrigger) -> None:
    """Note what the job named by the header X-UIPATH-JobKey is going to wait for outside this server."""
    type_ = rules.canonical(given(body.type, None))
    if type_ not in rules.EXTERNAL:
        raise BadRequest(f"type: expected one of {', '.join(rules.EXTERNAL)}.", Code.PARAMETER_INVALID)
    external_id = given(body.external_id, "").strip()
    if not 0 < len(external_id) <= MAX_EXTERNAL_ID:
        raise BadRequest(f"externalId: expected 1 to {MAX_EXTERNAL_ID} characters.", Code.PARAMETER_MISSING)
    key = rules.guid(call.headers.get("x-uipath-jobkey"))
    if key is None:
        raise BadRequest("The header X-UIPATH-JobKey must name the job that waits.", Code.PARAMETER_MISSING)
    job_id = await store.job_id(call.db, call.tenant_id, list(call.reach.folders), key=key)
    if job_id is None:
        raise NotFound(NO_SUCH_JOB)
    await actions.save_external(call.db, call.tenant_id, job_id, type_, external_id, call.now)
    call.describe("Create", component="Jobs", entity_id=job_id, name=type_)
