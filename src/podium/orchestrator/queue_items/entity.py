"""The entity sets of queue items, and what of a queue, a user and a job is shown with an item.

A row of `QUEUE_ITEMS` is an item in one folder that shows its queue: `t.folder_id` is that folder, so `scope.IN_FOLDERS`
limits the rows, and an item is there once per folder. What is sealed is a number in place of the object (the item's
id), and the digits of that number in place of the text: `contents.open_json` puts the opened parts there.
"""

from __future__ import annotations

from dataclasses import replace

from podium.kernel.odata import Entity, Inside, Kind, Navigation, Property
from podium.orchestrator.jobs.rules import STATE_NAMES as JOB_STATES
from podium.orchestrator.queues.entity import QUEUES
from podium.orchestrator.robots.entity import ROBOTS
from podium.orchestrator.users.entity import USER_TYPES

STATES = ("New", "InProgress", "Failed", "Successful", "Abandoned", "Retried", "Deleted")
PRIORITIES = ("High", "Normal", "Low")
REVIEW_STATES = ("None", "InReview", "Verified", "Retried")
EXCEPTION_TYPES = ("ApplicationException", "BusinessException")
EVENT_ACTIONS = ("Create", "Edit", "Delete", "Status", "Retry")

CONTENT = """(SELECT c.content FROM orchestrator.queue_item_contents c
 WHERE c.tenant_id = {t}.tenant_id AND c.item_id = {t}.id)"""
# The part is there and sealed: the number that stands for it.
SEALED = """(SELECT to_jsonb(s.item_id) FROM orchestrator.queue_item_secrets s
 WHERE s.tenant_id = {t}.tenant_id AND s.item_id = {t}.id AND s.part = '%s')"""


# The value has an index, and is written as the index has it.
_IN_CONTENT = Inside(
    "(lower({m}.content::text)::jsonb)",
    rows="orchestrator.queue_item_contents {m}",
    join="{m}.tenant_id = {t}.tenant_id AND {m}.item_id = {t}.id",
)


def _part(part: str, plain: str, inside: Inside) -> tuple[Property, Property]:
    """A part of an item as an object and as text; `plain` is the SQL of the part in a queue that is not encrypted.

    Members of what is sealed are not found by filters.
    """
    sealed = SEALED.replace("%s", part)
    value = f"CASE WHEN {{t}}_q.is_encrypted THEN {sealed} ELSE {plain} END"
    text = (
        f"CASE WHEN {{t}}_q.is_encrypted THEN {sealed}::text"
        f""" ELSE '{{"DynamicProperties":' || ({plain})::text || '}}' END"""
    )
    return Property(value, Kind.JSON, inside=inside), Property(text, sortable=False)


def _in_row(column: str) -> Inside:
    return Inside(f"(lower({column}::text)::jsonb)")


_CONTENT, _CONTENT_TEXT = _part("content", CONTENT, _IN_CONTENT)
_OUTPUT, _OUTPUT_TEXT = _part("output", "{t}.output", _in_row("{t}.output"))
_ANALYTICS, _ANALYTICS_TEXT = _part("analytics", "{t}.analytics", _in_row("{t}.analytics"))

REVIEWERS = Entity(
    name="SimpleUsers",
    table="orchestrator.users",
    properties={
        "Name": Property("{t}.name"),
        "Surname": Property("{t}.surname"),
        "UserName": Property("{t}.user_name"),
        "FullName": Property("nullif(concat_ws(' ', {t}.name, {t}.surname), '')"),
        "DirectoryIdentifier": Property("{t}.directory_id::text"),
        "EmailAddress": Property("{t}.email"),
        "IsActive": Property("{t}.is_active", Kind.BOOL),
        "Type": Property("{t}.type", Kind.ENUM, enum=USER_TYPES),
        "Key": Property("{t}.key", Kind.GUID, nullable=False),
        "Id": Property("{t}.id", Kind.INT, nullable=False),
    },
)
JOBS_OF_ITEMS = Entity(
    name="Jobs",
    table="orchestrator.jobs",
    properties={
        "Key": Property("{t}.key", Kind.GUID, nullable=False),
        "State": Property("{t}.state", Kind.ENUM, enum=JOB_STATES, by_number=True),
        "ReleaseName": Property("{t}.process_name"),
        "HostMachineName": Property("{t}.host_name"),
        "StartTime": Property("{t}.started_at", Kind.DATETIME),
        "EndTime": Property("{t}.ended_at", Kind.DATETIME),
        "Id": Property("{t}.id", Kind.INT, nullable=False),
    },
)

QUEUE_ITEMS = Entity(
    name="QueueItems",
    table=(
        "(SELECT i.*, f.folder_id FROM orchestrator.queue_folders f"
        " JOIN orchestrator.queue_items i ON i.tenant_id = f.tenant_id AND i.queue_id = f.queue_id)"
    ),
    properties={
        "QueueDefinitionId": Property("{t}.queue_id", Kind.INT, nullable=False),
        "QueueDefinitionName": Property("{t}_q.name", default=False),
        "Encrypted": Property("{t}_q.is_encrypted", Kind.BOOL),
        "OutputData": _OUTPUT_TEXT,
        "Output": _OUTPUT,
        "AnalyticsData": _ANALYTICS_TEXT,
        "Analytics": _ANALYTICS,
        "Status": Property("{t}.state", Kind.ENUM, enum=STATES, by_number=True, nullable=False),
        "ReviewStatus": Property("{t}.review_state", Kind.ENUM, enum=REVIEW_STATES, by_number=True),
        "ReviewerUserId": Property("{t}.reviewer_id", Kind.INT),
        "Key": Property("{t}.key", Kind.GUID, nullable=False),
        "UniqueKey": Property("{t}.unique_key", Kind.GUID, nullable=False),
        "Reference": Property("{t}.reference", folded="{t}.reference_key"),
        "ProcessingExceptionType": Property("{t}.exception_type", Kind.ENUM, enum=EXCEPTION_TYPES),
        "DueDate": Property("nullif({t}.due_at, 'infinity')", Kind.DATETIME),
        "RiskSlaDate": Property("{t}.risk_at", Kind.DATETIME),
        "Priority": Property("{t}.priority", Kind.ENUM, enum=PRIORITIES, by_number=True, nullable=False),
        "RobotId": Property("{t}.robot_id", Kind.INT),
        "DeferDate": Property("{t}.defer_at", Kind.DATETIME),
        "StartProcessing": Property("{t}.started_at", Kind.DATETIME),
        "EndProcessing": Property("{t}.ended_at", Kind.DATETIME),
        "SecondsInPreviousAttempts": Property("{t}.previous_attempts_s", Kind.INT),
        "AncestorId": Property("{t}.ancestor_id", Kind.INT),
        "AncestorUniqueKey": Property("{t}.ancestor_unique_key", Kind.GUID),
        "ManualAncestorId": Property("{t}.manual_ancestor_id", Kind.INT),
        "ManualAncestorUniqueKey": Property("{t}.manual_ancestor_unique_key", Kind.GUID),
        "RetryNumber": Property("{t}.retry_number", Kind.INT, nullable=False),
        "ManualRetryNumber": Property("{t}.manual_retry_number", Kind.INT),
        "SpecificData": _CONTENT_TEXT,
        "SpecificContent": _CONTENT,
        "CreationTime": Property("{t}.created_at", Kind.DATETIME, nullable=False),
        "Progress": Property("{t}.progress"),
        "RowVersion": Property("encode(int8send({t}.row_version), 'base64')", filterable=False, sortable=False),
        "OrganizationUnitId": Property("{t}.folder_id", Kind.INT),
        "OrganizationUnitFullyQualifiedName": Property("{t}_f.path"),
        "ProcessingException": Property("{t}.exception", Kind.JSON, inside=_in_row("{t}.exception")),
        "HasVideoRecorded": Property("false", Kind.BOOL),
        "Source": Property("{t}.source", default=False),
        "ParentOperationId": Property("{t}.parent_operation_id"),
        "OperationId": Property("{t}.operation_id"),
        "CreatorJobKey": Property("NULL::uuid", Kind.GUID),
        "ExecutorJobKey": Property("{t}.job_key", Kind.GUID),
        "Error": Property("NULL::json", Kind.JSON),
        "Id": Property("{t}.id", Kind.INT, nullable=False),
    },
    # Both are one row at most and outer joins, so PostgreSQL leaves them out where a page is only sought and limited.
    joins=(
        "LEFT JOIN orchestrator.queues {t}_q ON {t}_q.tenant_id = {t}.tenant_id AND {t}_q.id = {t}.queue_id"
        " LEFT JOIN orchestrator.folders {t}_f ON {t}_f.tenant_id = {t}.tenant_id AND {t}_f.id = {t}.folder_id"
    ),
    navigations={
        "Robot": Navigation(ROBOTS, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.robot_id", null_when_absent=True),
        "ReviewerUser": Navigation(
            REVIEWERS, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.reviewer_id", null_when_absent=True
        ),
        "QueueDefinition": Navigation(
            QUEUES, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.queue_id", null_when_absent=True
        ),
        "Job": Navigation(JOBS_OF_ITEMS, "{n}.tenant_id = {t}.tenant_id AND {n}.key = {t}.job_key"),
    },
    # Times of jobs, which one client (uipath-orchestrator-mcp 1.2.0) selects from items as well.
    lenient_expand=frozenset({"StartTime", "EndTime"}),
)
# Of several folders: an item is one row per folder, so its id alone does not make the order of pages whole.
PLACE = "Place"
_PLACE = Property("({t}.id || '/' || {t}.folder_id)", filterable=False, sortable=False, default=False, nullable=False)
QUEUE_ITEMS_ACROSS = replace(
    QUEUE_ITEMS,
    properties={**QUEUE_ITEMS.properties, PLACE: _PLACE},
    key=PLACE,
    default_order=(("Id", "asc"),),
)

QUEUE_ITEM_EVENTS = Entity(
    name="QueueItemEvents",
    table=(
        "(SELECT e.*, i.key AS item_key, f.folder_id FROM orchestrator.queue_folders f"
        " JOIN orchestrator.queue_items i ON i.tenant_id = f.tenant_id AND i.queue_id = f.queue_id"
        " JOIN orchestrator.queue_item_events e ON e.tenant_id = i.tenant_id AND e.item_id = i.id)"
    ),
    properties={
        "QueueItemId": Property("{t}.item_id", Kind.INT, nullable=False),
        "Timestamp": Property("{t}.created_at", Kind.DATETIME, nullable=False),
        "Action": Property("{t}.action", Kind.ENUM, enum=EVENT_ACTIONS, by_number=True),
        "Data": Property("{t}.data::text", sortable=False),
        "UserId": Property("{t}.user_id", Kind.INT),
        "UserName": Property("{t}_u.user_name"),
        "Status": Property("{t}.state", Kind.ENUM, enum=STATES, by_number=True, nullable=False),
        "ReviewStatus": Property("{t}.review_state", Kind.ENUM, enum=REVIEW_STATES, by_number=True),
        "ReviewerUserId": Property("{t}.reviewer_id", Kind.INT),
        "ReviewerUserName": Property("{t}_r.user_name"),
        "ExternalClientId": Property("{t}.client_id"),
        "Id": Property("{t}.id", Kind.INT, nullable=False),
    },
    joins=(
        "LEFT JOIN orchestrator.users {t}_u ON {t}_u.tenant_id = {t}.tenant_id AND {t}_u.id = {t}.user_id"
        " LEFT JOIN orchestrator.users {t}_r ON {t}_r.tenant_id = {t}.tenant_id AND {t}_r.id = {t}.reviewer_id"
    ),
)
QUEUE_ITEM_COMMENTS = Entity(
    name="QueueItemComments",
    table=(
        "(SELECT c.*, i.key AS item_key, f.folder_id FROM orchestrator.queue_folders f"
        " JOIN orchestrator.queue_items i ON i.tenant_id = f.tenant_id AND i.queue_id = f.queue_id"
        " JOIN orchestrator.queue_item_comments c ON c.tenant_id = i.tenant_id AND c.item_id = i.id)"
    ),
    properties={
        "Text": Property("{t}.text"),
        "QueueItemId": Property("{t}.item_id", Kind.INT, nullable=False),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME, nullable=False),
        "UserId": Property("{t}.user_id", Kind.INT),
        "UserName": Property("coalesce({t}_u.user_name, {t}.client_id)"),
        "Id": Property("{t}.id", Kind.INT, nullable=False),
    },
    joins="LEFT JOIN orchestrator.users {t}_u ON {t}_u.tenant_id = {t}.tenant_id AND {t}_u.id = {t}.user_id",
)
