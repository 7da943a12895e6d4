"""The entity set Machines: templates and standard machines, with what is connected of them.

A machine's licence key lets whoever has it act as the machine. It is shown where machines are read with Machines.View,
not where another entity is expanded; that of a personal workspace is not shown at all: its owner's tools get it when
they connect.
"""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property
from podium.orchestrator.machines import rules

# Clients read an empty list as: no host of this machine is connected.
ROBOT_VERSIONS = """(SELECT coalesce(json_agg(json_build_object('Count', v.count, 'Version', v.version,
   'MachineId', {t}.id) ORDER BY v.version), '[]'::json)
  FROM (SELECT coalesce(s.version, '') AS version, count(*) FROM orchestrator.sessions s
         WHERE s.tenant_id = {t}.tenant_id AND s.machine_id = {t}.id AND s.state <> 'Disconnected'
           AND NOT s.is_unresponsive GROUP BY 1) v)"""
ROBOT_USERS = """(SELECT coalesce(json_agg(json_build_object('UserName', coalesce(r.user_name, r.name), 'RobotId', r.id,
   'HasTriggers', false) ORDER BY r.id), '[]'::json)
  FROM orchestrator.machine_robots u
  JOIN orchestrator.robots r ON r.tenant_id = u.tenant_id AND r.id = u.robot_id
 WHERE u.tenant_id = {t}.tenant_id AND u.machine_id = {t}.id)"""
UPDATE_POLICY = """coalesce({t}.update_policy, '{"Type": "None", "SpecificVersion": null}'::jsonb)"""
NO_UPDATE_INFO = """json_build_object('updateStatus', 'None', 'reason', NULL, 'targetUpdateVersion', NULL,
 'isCommunity', false, 'statusInfo', NULL)"""

_LICENSE_KEY = "CASE WHEN {t}.scope <> 'PersonalWorkspace' THEN {t}.license_key END"
_PROPERTIES = {
    "LicenseKey": Property("NULL::text", filterable=False, sortable=False),
    "Name": Property("{t}.name", nullable=False),
    "Description": Property("{t}.description"),
    "Type": Property("{t}.type", Kind.ENUM, enum=rules.TYPES),
    "Scope": Property("{t}.scope", Kind.ENUM, enum=rules.SCOPES),
    "NonProductionSlots": Property("{t}.non_production_slots", Kind.INT),
    "UnattendedSlots": Property("{t}.unattended_slots", Kind.INT),
    "HeadlessSlots": Property("{t}.headless_slots", Kind.INT),
    "TestAutomationSlots": Property("{t}.test_automation_slots", Kind.INT),
    "AutomationCloudSlots": Property("0", Kind.INT),
    "AutomationCloudTestAutomationSlots": Property("0", Kind.INT),
    "Key": Property("{t}.key", Kind.GUID),
    "EndpointDetectionStatus": Property("'NotAvailable'::text", Kind.ENUM, enum=("NotAvailable", "Mixed", "Enabled")),
    "RobotVersions": Property(ROBOT_VERSIONS, Kind.JSON),
    "RobotUsers": Property(ROBOT_USERS, Kind.JSON),
    "AutomationType": Property("{t}.automation_type", Kind.ENUM, enum=rules.AUTOMATION_TYPES),
    "TargetFramework": Property("{t}.target_framework", Kind.ENUM, enum=rules.TARGET_FRAMEWORKS),
    "UpdatePolicy": Property(UPDATE_POLICY, Kind.JSON),
    "ClientSecret": Property("NULL::text", filterable=False, sortable=False),
    "Tags": Property("{t}.tags", Kind.JSON),
    "MaintenanceWindow": Property("{t}.maintenance_window", Kind.JSON),
    "VpnSettings": Property("NULL::json", Kind.JSON),
    "Id": Property("{t}.id", Kind.INT),
}
_KEYED = _PROPERTIES | {"LicenseKey": Property(_LICENSE_KEY)}

# What may be expanded of a machine by clients of other versions; nothing is kept under these names.
_LENIENT = frozenset({"Robots"})

MACHINES = Entity("Machines", "orchestrator.machines", _PROPERTIES, lenient_expand=_LENIENT)
KEYED_MACHINES = Entity("Machines", "orchestrator.machines", _KEYED, lenient_expand=_LENIENT)
EXTENDED_MACHINES = Entity(
    "Machines",
    "orchestrator.machines",
    _KEYED | {"UpdateInfo": Property(NO_UPDATE_INFO, Kind.JSON)},
    lenient_expand=_LENIENT,
)
# Only machines that serve a folder are listed this way, so that a filter on it lets them all through.
ASSIGNED_MACHINES = Entity(
    "Machines",
    "orchestrator.machines",
    _PROPERTIES | {"IsAssignedToFolder": Property("true", Kind.BOOL, default=False)},
    lenient_expand=_LENIENT,
)
