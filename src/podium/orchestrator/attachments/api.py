"""Operations on attachments. Content goes through signed addresses, not through these."""

from __future__ import annotations

import json
from uuid import UUID, uuid4

import asyncpg

from podium import wire
from podium.kernel.blobs import Blobs
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.attachments import actions, store
from podium.orchestrator.attachments.entity import ATTACHMENTS
from podium.orchestrator.blob_links import BlobLinks
from podium.orchestrator.jobs import actions as jobs
from podium.orchestrator.scope import IN_TENANT

OWN = f"{IN_TENANT} AND t.created_by = $2::bigint"
ONE = f"{IN_TENANT} AND t.id = $2::uuid"
NO_SUCH_ATTACHMENT = "Attachment does not exist."


@operation("GET", "/odata/Attachments")
async def list_attachments(call: Call) -> Page:
    """The caller's own attachments; those of a job are listed by the job."""
    found = await fetch_page(call.db, ATTACHMENTS, parse_options(call.query), OWN, [call.tenant_id, call.actor.user_id])
    return Page(found.json, "Attachments", found.total)


@operation("GET", "/odata/Attachments({key})")
async def get_attachment(call: Call, key: UUID) -> Item:
    """An attachment with an address to read its content."""
    return await _with_access(call, key, "GET")


@operation("POST", "/odata/Attachments")
async def create_attachment(call: Call, body: wire.AttachmentDto) -> Item:
    """A new attachment with an address to write its content."""
    name = given(body.name, "").strip()
    if not name:
        raise BadRequest("Name: the attachment needs a name.", Code.PARAMETER_MISSING)
    id_ = await actions.add(
        call.db,
        call.tenant_id,
        name,
        call.now,
        category=given(body.attachment_category, None),
        job_key=given(body.job_key, None),
        folder_id=call.folder.id if call.folder else None,
        user_id=call.actor.user_id,
    )
    call.describe("Create", component="Attachments", entity_id=str(id_), name=name)
    return await _with_access(call, id_, "PUT")


@operation("DELETE", "/odata/Attachments({key})")
async def delete_attachment(call: Call, key: UUID) -> None:
    """Remove an attachment and its content."""
    row = await call.db.fetchrow(store.REMOVE, call.tenant_id, key)
    if row is None:
        raise NotFound(NO_SUCH_ATTACHMENT)
    call.describe("Delete", component="Attachments", entity_id=str(key))
    if row["blob"]:
        await call.port(Blobs).delete(row["blob"])


async def _with_access(call: Call, id_: UUID, verb: str) -> Item:
    found = await fetch_one(call.db, ATTACHMENTS, parse_options({}), ONE, [call.tenant_id, id_])
    if found is None:
        raise NotFound(NO_SUCH_ATTACHMENT)
    access = call.port(BlobLinks).access(call.tenant_id, actions.target(id_), verb, call.now)
    return Item(json.dumps(json.loads(found) | {"BlobFileAccess": access}), "Attachments")


@operation("GET", "/api/JobAttachments/GetByJobKey", atomic=False)
async def list_job_attachments(call: Call, job_key: UUID) -> list[dict[str, object]]:
    """The attachments linked to a job that the caller may view."""
    await _require_job(call, job_key, "Jobs.View")
    return [_linked(row) for row in await call.db.fetch(store.LINKED, call.tenant_id, job_key)]


@operation("POST", "/api/JobAttachments/Post")
async def link_attachment(call: Call, body: wire.JobAttachmentDto) -> dict[str, object]:
    """Link an attachment to a job; doing it again changes the category."""
    attachment, job_key = given(body.attachment_id, None), given(body.job_key, None)
    if attachment is None or job_key is None:
        raise BadRequest("attachmentId and jobKey must not be null", Code.PARAMETER_MISSING)
    await _require_job(call, job_key, "Jobs.Create")
    found = await actions.find(call.db, call.tenant_id, attachment)
    if found is None:
        raise NotFound(NO_SUCH_ATTACHMENT)
    row = await call.db.fetchrow(
        store.LINK,
        call.tenant_id,
        uuid4(),
        attachment,
        job_key,
        given(body.category, None),
        call.now,
        call.actor.user_id,
    )
    assert row is not None
    call.describe("Associate", component="Jobs", entity_id=str(job_key), name=found.name)
    return _linked(row) | {"attachmentName": found.name}


async def _require_job(call: Call, job_key: UUID, permission: str) -> None:
    if not await jobs.is_visible(call.db, call.tenant_id, call.folders_with(permission), job_key):
        raise NotFound("Job does not exist.")


def _linked(row: asyncpg.Record) -> dict[str, object]:
    return {
        "id": row["id"],
        "attachmentId": row["attachment_id"],
        "attachmentName": row.get("name"),
        "category": row["category"],
        "jobKey": row["job_key"],
        "creationTime": row["created_at"],
        "creatorUserId": row["created_by"],
        "lastModificationTime": None,
        "lastModifierUserId": None,
    }
