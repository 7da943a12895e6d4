"""The entity set QueueDefinitions. Whether a queue is in the request's folder is told by who reads it from there."""

from __future__ import annotations

from collections.abc import Mapping

from podium.kernel.odata import Entity, Kind, Property
from podium.orchestrator.scope import IN_FOLDERS

_FOLDERS = """(SELECT count(*) FROM orchestrator.queue_folders f
 WHERE f.tenant_id = {t}.tenant_id AND f.queue_id = {t}.id)"""
# The request's folder; without one the oldest of the folders that are read. $2 holds their ids.
_FOLDER = f"""(SELECT f.folder_id FROM (
 SELECT t.queue_id, min(t.folder_id) AS folder_id FROM orchestrator.queue_folders t
  WHERE {IN_FOLDERS} GROUP BY t.queue_id) f WHERE f.queue_id = {{t}}.id)"""
_FOLDER_PATH = f"""(SELECT home.path FROM orchestrator.folders home
 WHERE home.tenant_id = {{t}}.tenant_id AND home.id = {_FOLDER})"""
_IS_PROCESS_HERE = f"""coalesce({{t}}.process_id IN (
 SELECT t.id FROM orchestrator.processes t WHERE {IN_FOLDERS}), false)"""

_PLAIN: Mapping[str, Property] = {
    "Key": Property("{t}.key", Kind.GUID, nullable=False),
    "Name": Property("{t}.name", nullable=False),
    "Description": Property("{t}.description"),
    "MaxNumberOfRetries": Property("{t}.max_retries", Kind.INT, nullable=False),
    "AcceptAutomaticallyRetry": Property("{t}.is_retried_automatically", Kind.BOOL),
    "RetryAbandonedItems": Property("{t}.is_retried_when_abandoned", Kind.BOOL),
    "EnforceUniqueReference": Property("{t}.has_unique_references", Kind.BOOL),
    "Encrypted": Property("{t}.is_encrypted", Kind.BOOL),
    "SpecificDataJsonSchema": Property("{t}.content_schema", filterable=False, sortable=False),
    "OutputDataJsonSchema": Property("{t}.output_schema", filterable=False, sortable=False),
    "AnalyticsDataJsonSchema": Property("{t}.analytics_schema", filterable=False, sortable=False),
    "CreationTime": Property("{t}.created_at", Kind.DATETIME, nullable=False),
    "ProcessScheduleId": Property("NULL::bigint", Kind.INT),
    "SlaInMinutes": Property("{t}.sla_minutes", Kind.INT, nullable=False),
    "RiskSlaInMinutes": Property("{t}.risk_sla_minutes", Kind.INT),
    "ReleaseId": Property("{t}.process_id", Kind.INT),
    "FoldersCount": Property(_FOLDERS, Kind.INT),
    "Tags": Property("{t}.tags", Kind.JSON),
    "Id": Property("{t}.id", Kind.INT, nullable=False),
}
_PLACE: Mapping[str, Property] = {
    "IsProcessInCurrentFolder": Property(_IS_PROCESS_HERE, Kind.BOOL),
    "OrganizationUnitId": Property(_FOLDER, Kind.INT),
    "OrganizationUnitFullyQualifiedName": Property(_FOLDER_PATH),
}


def _policy(kind: str, column: str) -> str:
    return f"""(SELECT r.{column} FROM orchestrator.queue_retention r
 WHERE r.tenant_id = {{t}}.tenant_id AND r.queue_id = {{t}}.id AND r.kind = '{kind}')"""


_RETENTION: Mapping[str, Property] = {
    f"{prefix}Retention{member}": Property(_policy(kind, column), wire_kind, filterable=False, sortable=False)
    for prefix, kind in (("", "Final"), ("Stale", "Stale"))
    for member, column, wire_kind in (
        ("Action", "action", Kind.STRING),
        ("Period", "period_days", Kind.INT),
        ("BucketId", "bucket_id", Kind.INT),
    )
}

# For who names a queue from elsewhere.
QUEUES = Entity(name="QueueDefinitions", table="orchestrator.queues", properties=_PLAIN)
# For lists and reads, whose $2 are the ids of folders.
QUEUES_IN_FOLDERS = Entity(name="QueueDefinitions", table="orchestrator.queues", properties={**_PLAIN, **_PLACE})
QUEUES_WITH_RETENTION = Entity(
    name="QueueDefinitions", table="orchestrator.queues", properties={**_PLAIN, **_PLACE, **_RETENTION}
)
