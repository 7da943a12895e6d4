"""Operations on exports, and the actions that ask for them."""

from __future__ import annotations

import msgspec

from podium.kernel.call import Call, Item, Reply
from podium.kernel.errors import Code, Conflict, NotFound
from podium.kernel.odata import fetch_one, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.blob_links import BlobLinks
from podium.orchestrator.exports import actions, store
from podium.orchestrator.exports.entity import EXPORTS
from podium.orchestrator.exports.kinds import AUDIT_CSV, JOBS_CSV, LOGS_CSV, QUEUE_CSV, TEST_AUDIT_CSV, Kind
from podium.orchestrator.queues import actions as queues
from podium.orchestrator.queues.rules import NO_QUEUE
from podium.orchestrator.scope import IN_TENANT

OWN = f"{IN_TENANT} AND t.id = $2::bigint AND t.requested_by = $3::bigint"
NO_SUCH_EXPORT = "Export does not exist."
LINK_SET = "UiPath.Server.Configuration.OData.BlobFileAccessDto"


@operation("POST", "/odata/Jobs/UiPath.Server.Configuration.OData.Export")
async def export_jobs(call: Call) -> Item:
    """An export of the jobs that the options select, by id."""
    return await _requested(call, JOBS_CSV, call.folders_with("Jobs.View"))


@operation("POST", "/odata/RobotLogs/UiPath.Server.Configuration.OData.Export")
async def export_robot_logs(call: Call) -> Item:
    """An export of the log entries that the options select, newest first."""
    return await _requested(call, LOGS_CSV, call.folders_with("Logs.View"))


@operation("POST", "/odata/AuditLogs/UiPath.Server.Configuration.OData.Export")
async def export_audit_logs(call: Call, audited_service: str | None = None) -> Item:
    """An export of the audit entries that the options select, by id; of `TestAutomation` those on tests only."""
    return await _requested(call, TEST_AUDIT_CSV if audited_service == "TestAutomation" else AUDIT_CSV, [])


@operation("POST", "/odata/QueueDefinitions({key})/UiPathODataSvc.Export")
async def export_queue(call: Call, key: int) -> Item:
    """An export of the queue's items that the options select, by id. What an encrypted queue seals is left out."""
    if not await queues.is_shown(call.db, call.tenant_id, [call.folder_id], key):
        raise NotFound(NO_QUEUE)
    return Item(await _own(call, await actions.request(call, QUEUE_CSV, [call.folder_id], key), is_new=True), "Exports")


@operation("GET", "/odata/RobotLogs/UiPath.Server.Configuration.OData.Reports")
async def report_robot_logs(call: Call) -> Reply:
    """The log entries as CSV at once, newest first, at most 10,000; more are exported."""
    folders = call.folders_with("Logs.View")
    text = await actions.csv_now(call.db, call.tenant_id, LOGS_CSV, folders, call.query, call.now)
    headers = {"content-disposition": f'attachment; filename="Logs-{call.now:%Y%m%d-%H%M%S}.csv"'}
    return Reply(200, text.encode(), "application/octet-stream", headers)


@operation("GET", "/odata/Exports({key})")
async def get_export(call: Call, key: int) -> Item:
    """An export of the caller's own."""
    return Item(await _own(call, key), "Exports")


@operation("GET", "/odata/Exports({key})/UiPath.Server.Configuration.OData.GetDownloadLink")
async def get_download_link(call: Call, key: int) -> Item:
    """An address that gives the file to whoever has it, for a while."""
    found = None if call.actor.user_id is None else await store.file(call.db, call.tenant_id, key, call.actor.user_id)
    if found is None:
        raise NotFound(NO_SUCH_EXPORT)
    if found["status"] == "Failed":
        raise Conflict(f"The export failed: {found['error']}", Code.NONE)
    if found["status"] != "Completed":
        raise Conflict("The export is not completed yet.", Code.NONE)
    if found["blob"] is None:
        raise NotFound("The file of the export was removed, as it was old.")
    access = call.port(BlobLinks).access(call.tenant_id, actions.target(key), "GET", call.now)
    return Item(msgspec.json.encode(access).decode(), LINK_SET)


async def _requested(call: Call, kind: Kind, folder_ids: list[int]) -> Item:
    return Item(await _own(call, await actions.request(call, kind, folder_ids), is_new=True), "Exports")


async def _own(call: Call, key: int, *, is_new: bool = False) -> str:
    options = parse_options({} if is_new else call.query)
    found = await fetch_one(call.db, EXPORTS, options, OWN, [call.tenant_id, key, call.actor.user_id])
    if found is None:
        raise NotFound(NO_SUCH_EXPORT)
    return found
