"""An item as calls answer it, without reading it back: the members of `entity.QUEUE_ITEMS`, from what the call knows."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from asyncpg import Record

from podium.orchestrator.queue_items import rules
from podium.orchestrator.queue_items.entity import PRIORITIES, REVIEW_STATES, STATES

_encoder = msgspec.json.Encoder()
LAST_YEAR = rules.LAST_INSTANT.year
OFFSET_CHARS = len("+00:00")

_NULL = msgspec.Raw(b"null")


def item_json(
    row: Mapping[str, Any] | Record, *, content: str | None, is_encrypted: bool, folder_id: int, path: str
) -> str:
    """The item's JSON text; `row` has the columns of its table, `content` is JSON text as it is stored or opened.

    What has no value at a hand-out is left null: output and analytics are those of an attempt that has ended.
    """
    data = None if content is None else f'{{"DynamicProperties":{content}}}'
    members = {
        "QueueDefinitionId": row["queue_id"],
        "Encrypted": is_encrypted,
        "OutputData": None,
        "Output": None,
        "AnalyticsData": None,
        "Analytics": None,
        "Status": STATES[row["state"]],
        "ReviewStatus": REVIEW_STATES[row["review_state"]],
        "ReviewerUserId": row["reviewer_id"],
        "Key": row["key"],
        "UniqueKey": row["unique_key"],
        "Reference": row["reference"],
        "ProcessingExceptionType": row["exception_type"],
        "DueDate": instant(row["due_at"]),
        "RiskSlaDate": instant(row["risk_at"]),
        "Priority": PRIORITIES[row["priority"]],
        "RobotId": row["robot_id"],
        "DeferDate": instant(row["defer_at"]),
        "StartProcessing": instant(row["started_at"]),
        "EndProcessing": instant(row["ended_at"]),
        "SecondsInPreviousAttempts": row["previous_attempts_s"],
        "AncestorId": row["ancestor_id"],
        "AncestorUniqueKey": row["ancestor_unique_key"],
        "ManualAncestorId": row["manual_ancestor_id"],
        "ManualAncestorUniqueKey": row["manual_ancestor_unique_key"],
        "RetryNumber": row["retry_number"],
        "ManualRetryNumber": row["manual_retry_number"],
        "SpecificData": data,
        "SpecificContent": _NULL if content is None else msgspec.Raw(content.encode()),
        "CreationTime": instant(row["created_at"]),
        "Progress": row["progress"],
        "RowVersion": row_version(row["row_version"]),
        "OrganizationUnitId": folder_id,
        "OrganizationUnitFullyQualifiedName": path,
        "ProcessingException": _NULL if row["exception"] is None else msgspec.Raw(row["exception"].encode()),
        "HasVideoRecorded": False,
        "ParentOperationId": row["parent_operation_id"],
        "OperationId": row["operation_id"],
        "CreatorJobKey": None,
        "ExecutorJobKey": row["job_key"],
        "Error": None,
        "Id": row["id"],
        "Robot": None,
        "ReviewerUser": None,
        "QueueDefinition": None,
    }
    return _encoder.encode(members).decode()


def instant(value: datetime | None) -> datetime | str | None:
    """For an encoder, which makes of it what the entity writes: UTC with six digits; null for no instant and infinity."""
    if value is None or (value.year == LAST_YEAR and value.replace(tzinfo=UTC) >= rules.LAST_INSTANT):
        return None
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    if value.microsecond:
        return value  # the encoder writes six digits, and is faster; a round second it would write without any
    return f"{value.isoformat(timespec='microseconds')[:-OFFSET_CHARS]}Z"


def row_version(number: int) -> str:
    """A row's counter as clients see it: base64 of its 8 bytes."""
    return base64.b64encode(number.to_bytes(8)).decode()
