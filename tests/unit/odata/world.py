"""The entity sets of the tables that `conftest.py` makes."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property

STATES = ("Pending", "Running", "Stopping", "Terminating", "Faulted", "Successful", "Stopped")

MACHINES: Entity = Entity("Machines", "machines", {"Id": Property("{t}.id", Kind.INT), "Name": Property("{t}.name")})
ROBOTS: Entity = Entity(
    "Robots",
    "robots",
    {"Id": Property("{t}.id", Kind.INT), "Name": Property("{t}.name")},
    {
        "Machine": Navigation(MACHINES, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.machine_id"),
        "Jobs": Navigation(lambda: JOBS, "{n}.tenant_id = {t}.tenant_id AND {n}.robot_id = {t}.id", many=True),
    },
)
EVENTS: Entity = Entity(
    "Events",
    "events",
    {
        "Id": Property("{t}.id", Kind.INT),
        "Text": Property("{t}.text"),
        "Level": Property("{t}.level", Kind.INT),
    },
    {"Job": Navigation(lambda: JOBS, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.job_id")},
)
JOBS: Entity = Entity(
    "Jobs",
    "jobs",
    {
        "Id": Property("{t}.id", Kind.INT),
        "Key": Property("{t}.key", Kind.GUID),
        "Name": Property("{t}.name"),
        "State": Property("{t}.state", Kind.ENUM, enum=STATES, by_number=True),
        "Type": Property("{t}.kind", Kind.ENUM, enum={"Attended": 0, "Unattended": 7}),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME),
        "EndTime": Property("{t}.ended_at", Kind.DATETIME, nulls_low=True),
        "Score": Property("{t}.score", Kind.DOUBLE),
        "IsUrgent": Property("{t}.is_urgent", Kind.BOOL),
        "Tags": Property("{t}.tags", Kind.STRINGS),
        "Content": Property("{t}.content", Kind.JSON),
        "DueOn": Property("{t}.due_on", Kind.DATE),
        "FolderName": Property("{t}_folder.name"),
        "OrganizationUnitId": Property("{t}.folder_id", Kind.INT),
        "Secret": Property("'hidden'::text", filterable=False, sortable=False),
        "Details": Property("'large ' || {t}.name", default=False),
    },
    {
        "Robot": Navigation(ROBOTS, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.robot_id", null_when_absent=True),
        "Events": Navigation(
            EVENTS, "{n}.tenant_id = {t}.tenant_id AND {n}.job_id = {t}.id", many=True, order="{n}.id DESC"
        ),
        "Hidden": Navigation(ROBOTS, "{n}.tenant_id = {t}.tenant_id", expandable=False),
    },
    default_order=(("Id", "asc"),),
    joins="LEFT JOIN folders {t}_folder ON {t}_folder.tenant_id = {t}.tenant_id AND {t}_folder.id = {t}.folder_id",
    lenient_expand=frozenset({"Environment"}),
)
NUMBERS: Entity = Entity(
    "Numbers",
    "numbers",
    {
        "Id": Property("{t}.id", Kind.INT),
        "Name": Property("{t}.name"),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME),
    },
)
