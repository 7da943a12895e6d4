"""Operations that tell how the work on queues goes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from asyncpg import Record

from podium.kernel.call import Call, Page
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.odata import parse_options, rows_page
from podium.kernel.operation import operation
from podium.orchestrator.queues import actions, records_store, rules
from podium.orchestrator.queues.records_store import IN_PROGRESS, NEW, SUCCESSFUL
from podium.orchestrator.queues.rules import Figures

SET = "QueueProcessingRecords"
MOST_DAYS = 180

STATUS_MEMBERS = (
    "ItemsToProcess",
    "ItemsInProgress",
    "QueueDefinitionId",
    "QueueDefinitionName",
    "QueueDefinitionDescription",
    "QueueDefinitionAcceptAutomaticallyRetry",
    "QueueDefinitionRetryAbandonedItems",
    "QueueDefinitionMaxNumberOfRetries",
    "QueueDefinitionEnforceUniqueReference",
    "ProcessingMeanTime",
    "SuccessfulTransactionsNo",
    "ApplicationExceptionsNo",
    "BusinessExceptionsNo",
    "SuccessfulTransactionsProcessingTime",
    "ApplicationExceptionsProcessingTime",
    "BusinessExceptionsProcessingTime",
    "TotalNumberOfTransactions",
    "LastProcessed",
    "ReleaseName",
    "ReleaseId",
    "IsProcessInCurrentFolder",
    "SpecificDataJsonSchemaExists",
    "OutputDataJsonSchemaExists",
    "AnalyticsDataJsonSchemaExists",
    "ProcessScheduleId",
    "QueueFoldersCount",
    "QueueDefinitionKey",
    "Tags",
    "Id",
)
RECORD_MEMBERS = (
    "QueueDefinitionId",
    "ProcessingTime",
    "ReportType",
    "NumberOfRemainingTransactions",
    "NumberOfInProgressTransactions",
    "NumberOfApplicationExceptions",
    "NumberOfBusinessExceptions",
    "NumberOfSuccessfulTransactions",
    "NumberOfRetriedItems",
    "ApplicationExceptionsProcessingTime",
    "BusinessExceptionsProcessingTime",
    "SuccessfulTransactionsProcessingTime",
    "TotalNumberOfTransactions",
    "TenantId",
    "Id",
)


@operation("GET", "/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus")
async def list_statuses(call: Call) -> Page:
    """Every queue of the folder as it is now; times of queues with many items are told from the latest of them."""
    queues = await records_store.queues(call.db, call.tenant_id, [call.folder_id])
    ids = [queue["id"] for queue in queues]
    counts = await records_store.counts(call.db, call.tenant_id, ids)
    latest = await records_store.latest(call.db, call.tenant_id, ids)
    rows = [_status(queue, counts, latest.get(queue["id"])) for queue in queues]
    return _page(call, rows, STATUS_MEMBERS)


@operation(
    "GET",
    "/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveLastDaysProcessingRecords"
    "(daysNo={daysNo},queueDefinitionId={queueDefinitionId})",
)
async def list_records(call: Call, days_no: int, queue_definition_id: int) -> Page:
    """What ended in each hour of the last day, or on each of the last days, the present one included."""
    if not 1 <= days_no <= MOST_DAYS:
        raise BadRequest(f"daysNo: must be between 1 and {MOST_DAYS}.", Code.INVALID_ARGUMENT)
    if not await actions.is_shown(call.db, call.tenant_id, [call.folder_id], queue_definition_id):
        raise NotFound(rules.NO_QUEUE)
    periods = rules.periods(call.now, days_no)
    width = "hour" if days_no == 1 else "day"
    ended = await records_store.ended(call.db, call.tenant_id, queue_definition_id, periods[0], width)
    counts = await records_store.counts(call.db, call.tenant_id, [queue_definition_id])
    waiting = counts.get((queue_definition_id, NEW), 0), counts.get((queue_definition_id, IN_PROGRESS), 0)
    rows = [
        {
            "QueueDefinitionId": queue_definition_id,
            "TenantId": call.tenant_id,
            "ReportType": width.capitalize(),
            "Id": position,
            **_record(begin, ended.get(begin, Figures()), waiting if begin == periods[-1] else (0, 0)),
        }
        for position, begin in enumerate(periods, start=1)
    ]
    return _page(call, rows, RECORD_MEMBERS)


def _page(call: Call, rows: list[dict[str, Any]], members: tuple[str, ...]) -> Page:
    page = rows_page(rows, members, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), SET, page.total)


def _status(queue: Record, counts: Mapping[tuple[int, int | str], int], latest: Record | None) -> dict[str, Any]:
    id_ = queue["id"]
    successful = counts.get((id_, SUCCESSFUL), 0)
    application = counts.get((id_, "ApplicationException"), 0)
    business = counts.get((id_, "BusinessException"), 0)
    seen: Mapping[str, Any] = {} if latest is None else dict(latest)
    successful_s = rules.estimated(successful, seen.get("successful", 0), seen.get("successful_s", 0.0))
    application_s = rules.estimated(application, seen.get("application", 0), seen.get("application_s", 0.0))
    business_s = rules.estimated(business, seen.get("business", 0), seen.get("business_s", 0.0))
    return {
        "ItemsToProcess": counts.get((id_, NEW), 0),
        "ItemsInProgress": counts.get((id_, IN_PROGRESS), 0),
        "QueueDefinitionId": id_,
        "QueueDefinitionName": queue["name"],
        "QueueDefinitionDescription": queue["description"],
        "QueueDefinitionAcceptAutomaticallyRetry": queue["is_retried_automatically"],
        "QueueDefinitionRetryAbandonedItems": queue["is_retried_when_abandoned"],
        "QueueDefinitionMaxNumberOfRetries": queue["max_retries"],
        "QueueDefinitionEnforceUniqueReference": queue["has_unique_references"],
        "ProcessingMeanTime": successful_s / successful if successful else 0.0,
        "SuccessfulTransactionsNo": successful,
        "ApplicationExceptionsNo": application,
        "BusinessExceptionsNo": business,
        "SuccessfulTransactionsProcessingTime": successful_s,
        "ApplicationExceptionsProcessingTime": application_s,
        "BusinessExceptionsProcessingTime": business_s,
        "TotalNumberOfTransactions": successful + application + business,
        "LastProcessed": seen.get("last_at"),
        "ReleaseName": queue["process_name"],
        "ReleaseId": queue["process_id"],
        "IsProcessInCurrentFolder": queue["is_process_here"],
        "SpecificDataJsonSchemaExists": queue["has_content_schema"],
        "OutputDataJsonSchemaExists": queue["has_output_schema"],
        "AnalyticsDataJsonSchemaExists": queue["has_analytics_schema"],
        "ProcessScheduleId": None,
        "QueueFoldersCount": queue["folders_count"],
        "QueueDefinitionKey": queue["key"],
        "Tags": msgspec.json.decode(queue["tags"]),
        "Id": id_,
    }


def _record(begin: datetime, figures: Figures, waiting: tuple[int, int]) -> dict[str, Any]:
    return {
        "ProcessingTime": begin,
        "NumberOfRemainingTransactions": waiting[0],
        "NumberOfInProgressTransactions": waiting[1],
        "NumberOfApplicationExceptions": figures.application_exceptions,
        "NumberOfBusinessExceptions": figures.business_exceptions,
        "NumberOfSuccessfulTransactions": figures.successful,
        "NumberOfRetriedItems": figures.retried,
        "ApplicationExceptionsProcessingTime": figures.application_exceptions_s,
        "BusinessExceptionsProcessingTime": figures.business_exceptions_s,
        "SuccessfulTransactionsProcessingTime": figures.successful_s,
        "TotalNumberOfTransactions": figures.transactions,
    }
