"""OData entity sets of job triggers."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property

GUID_KEY = """
CASE WHEN {t}.inbox_id IS NOT NULL THEN {t}.inbox_id
     WHEN {t}.item_key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN {t}.item_key::uuid END
"""
PUBLISHED_TYPE = """
CASE WHEN {t}.type IN ('QueueItem', 'Job', 'Task', 'Timer', 'Inbox', 'Api') THEN {t}.type ELSE 'None' END
"""

_SHARED = {
    "JobId": Property("{t}.job_id", Kind.INT),
    "TriggerType": Property(
        PUBLISHED_TYPE, Kind.ENUM, enum=("None", "QueueItem", "Job", "Task", "Timer", "Inbox", "Api")
    ),
    "Status": Property("{t}.status", Kind.ENUM, enum=("New", "Ready", "Fired")),
    "ItemId": Property("{t}.item_id", Kind.INT),
    "ItemKey": Property(GUID_KEY, Kind.GUID),
    "Timer": Property("{t}.resume_at", Kind.DATETIME),
    "TriggerMessage": Property("{t}.message"),
}

JOB_TRIGGERS = Entity(
    name="JobTriggers",
    table="orchestrator.job_triggers",
    properties={
        **_SHARED,
        "InboxId": Property("{t}.inbox_id::text"),
        "TriggerConfiguration": Property("{t}.detail::text"),
        "Id": Property("{t}.id", Kind.INT),
    },
)
JOB_TRIGGERS_WITH_WAIT_EVENTS = Entity(
    name="JobTriggersWithWaitEvents",
    table="orchestrator.job_triggers",
    properties={
        **_SHARED,
        "ItemName": Property("{t}_a.process_name"),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME),
        "ModifiedTime": Property("coalesce({t}.fired_at, {t}.created_at)", Kind.DATETIME),
        "AssignedToUserId": Property("NULL::bigint", Kind.INT),
        "UserName": Property("NULL::text"),
        "Name": Property("NULL::text"),
        "Surname": Property("NULL::text"),
        "EmailAddress": Property("NULL::text"),
        "Id": Property("{t}.id", Kind.INT),
    },
    # The awaited job is named only when it is in the folder of the one that waits.
    joins=(
        "LEFT JOIN orchestrator.jobs {t}_w ON {t}_w.tenant_id = {t}.tenant_id AND {t}_w.id = {t}.job_id"
        " LEFT JOIN orchestrator.jobs {t}_a ON {t}_a.tenant_id = {t}.tenant_id AND {t}_a.folder_id = {t}_w.folder_id"
        " AND {t}_a.key = CASE WHEN {t}.type = 'Job' THEN {t}.item_key::uuid END"
    ),
)
