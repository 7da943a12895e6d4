"""The entity set Sessions in its shapes: hosts, hosts with their service user, hosts by runtime type."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.jobs.rules import STATE_NAMES
from podium.orchestrator.machines import rules as machine_rules
from podium.orchestrator.robots.entity import EXTENDED_ROBOTS, ROBOTS
from podium.orchestrator.robots.rules import TYPES
from podium.orchestrator.sessions import rules


def _state_of(session: str) -> str:
    """The state that is shown: a connected host is busy while a job runs on it. `session` is the row's alias."""
    return (
        "CASE WHEN {s}.state <> 'Available' THEN {s}.state"
        " WHEN EXISTS (SELECT FROM orchestrator.jobs j WHERE j.tenant_id = {s}.tenant_id AND j.session_id = {s}.id"
        " AND j.state IN (1, 2, 3)) THEN 'Busy' ELSE 'Available' END"
    ).replace("{s}", session)


# A missing report means unknown, not silent: after a crash the table of reports is empty.
_BEATS = (
    "LEFT JOIN orchestrator.session_beats {t}_beat"
    " ON {t}_beat.tenant_id = {t}.tenant_id AND {t}_beat.session_id = {t}.SESSION_ID"
)
_MACHINE = (
    "JOIN orchestrator.machines {t}_machine"
    " ON {t}_machine.tenant_id = {t}.tenant_id AND {t}_machine.id = {t}.machine_id"
)
# The account that runs jobs on the host: the person who signed in there, else the machine's own.
_ROBOT = """{n}.tenant_id = {t}.tenant_id AND {n}.id = coalesce({t}.robot_id, (
  SELECT min(r.id) FROM orchestrator.robots r
   WHERE r.tenant_id = {t}.tenant_id AND r.machine_id = {t}.machine_id AND r.user_id IS NULL))"""
_JOB = """{n}.tenant_id = {t}.tenant_id AND {n}.id = (
  SELECT max(j.id) FROM orchestrator.jobs j
   WHERE j.tenant_id = {t}.tenant_id AND j.session_id = {t}.id AND j.state IN (1, 2, 3))"""

# Who sees hosts need not see the jobs' names and arguments.
SESSION_JOBS = Entity(
    name="Jobs",
    table="orchestrator.jobs",
    properties={
        "Key": Property("{t}.key", Kind.GUID),
        "StartTime": Property("{t}.started_at", Kind.DATETIME),
        "State": Property("{t}.state", Kind.ENUM, enum=STATE_NAMES, by_number=True),
        "RuntimeType": Property("{t}.runtime_type"),
        "HostMachineName": Property("{t}.host_name"),
        "OrganizationUnitId": Property("{t}.folder_id", Kind.INT),
        "Id": Property("{t}.id", Kind.INT),
    },
)
_PROPERTIES = {
    "HostMachineName": Property("{t}.host_name"),
    "MachineId": Property("{t}.machine_id", Kind.INT),
    "MachineName": Property("{t}_machine.name"),
    "State": Property(_state_of("{t}"), Kind.ENUM, enum=rules.STATES),
    "ReportingTime": Property("coalesce({t}_beat.reported_at, {t}.changed_at)", Kind.DATETIME),
    "Info": Property("NULL::text"),
    "IsUnresponsive": Property("{t}.is_unresponsive", Kind.BOOL),
    "LicenseErrorCode": Property("NULL::text", filterable=False, sortable=False),
    "OrganizationUnitId": Property("NULL::bigint", Kind.INT),
    "FolderName": Property("NULL::text"),
    "RobotSessionType": Property("'LongLived'::text", Kind.ENUM, enum=("LongLived", "Ephemeral")),
    "Version": Property("{t}.version"),
    "Source": Property("NULL::text", filterable=False, sortable=False),
    "DebugModeExpirationDate": Property("{t}.debug_until", Kind.DATETIME),
    "UpdateInfo": Property("NULL::json", Kind.JSON),
    "InstallationId": Property("NULL::uuid", Kind.GUID),
    "Platform": Property("{t}.platform", Kind.ENUM, enum=rules.PLATFORMS),
    "EndpointDetection": Property("NULL::text"),
    "Key": Property("{t}.key", Kind.GUID, default=False),
    "Id": Property("{t}.id", Kind.INT),
}
_JOINS = f"{_MACHINE} {_BEATS.replace('SESSION_ID', 'id')}"
_JOB_WAY = Navigation(SESSION_JOBS, _JOB, null_when_absent=True)

SESSIONS = Entity(
    name="Sessions",
    table="orchestrator.sessions",
    joins=_JOINS,
    properties=_PROPERTIES,
    navigations={"Robot": Navigation(ROBOTS, _ROBOT, null_when_absent=True), "Job": _JOB_WAY},
)
SESSIONS_WITH_ACCOUNTS = Entity(
    name="Sessions",
    table="orchestrator.sessions",
    joins=_JOINS,
    properties=_PROPERTIES,
    navigations={"Robot": Navigation(EXTENDED_ROBOTS, _ROBOT, null_when_absent=True), "Job": _JOB_WAY},
)
MACHINE_SESSIONS = Entity(
    name="Sessions",
    table="orchestrator.sessions",
    joins=_JOINS,
    properties=_PROPERTIES | {"ServiceUserName": Property("{t}.service_user")},
    navigations=SESSIONS.navigations,
)
SESSION_RUNTIMES = Entity(
    name="MachineSessionRuntimeDto",
    table="orchestrator.session_runtimes",
    joins=(
        f"{_MACHINE} {_BEATS.replace('SESSION_ID', 'session_id')} JOIN orchestrator.sessions {{t}}_session"
        " ON {t}_session.tenant_id = {t}.tenant_id AND {t}_session.id = {t}.session_id"
    ),
    key="Id",
    properties={
        "SessionId": Property("{t}.session_id", Kind.INT),
        "MachineId": Property("{t}.machine_id", Kind.INT),
        "MachineName": Property("{t}_machine.name"),
        "MaintenanceMode": Property(
            "CASE WHEN {t}_session.is_in_maintenance THEN 'Enabled' ELSE 'Default' END",
            Kind.ENUM,
            enum=rules.MAINTENANCE_MODES,
        ),
        "HostMachineName": Property("{t}_session.host_name"),
        "RuntimeType": Property("{t}.runtime_type", Kind.ENUM, enum=TYPES),
        "MachineType": Property("{t}_machine.type", Kind.ENUM, enum=machine_rules.TYPES),
        "MachineScope": Property("{t}_machine.scope", Kind.ENUM, enum=machine_rules.SCOPES),
        "Status": Property(_state_of("{t}_session"), Kind.ENUM, enum=rules.STATES),
        "IsUnresponsive": Property("{t}_session.is_unresponsive", Kind.BOOL),
        "Runtimes": Property("{t}.slots", Kind.INT),
        "UsedRuntimes": Property("{t}.used", Kind.INT),
        "ServiceUserName": Property("{t}_session.service_user"),
        "ReportingTime": Property("coalesce({t}_beat.reported_at, {t}_session.changed_at)", Kind.DATETIME),
        "Version": Property("{t}_session.version"),
        "Platform": Property("{t}_session.platform", Kind.ENUM, enum=rules.PLATFORMS),
        "EndpointDetection": Property("NULL::text"),
        "DebugModeExpirationDate": Property("{t}_session.debug_until", Kind.DATETIME),
        "TriggersCount": Property("0", Kind.INT),
        "Id": Property("{t}.id", Kind.INT, default=False),
    },
)
