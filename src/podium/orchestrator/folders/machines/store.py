"""SQL of the machines of folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from podium.kernel.db import Connection
from podium.orchestrator import scope

MACHINES = (
    "SELECT t.id, t.name, t.scope FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
)
ASSIGN = """
INSERT INTO orchestrator.machine_folders (tenant_id, folder_id, machine_id)
SELECT $1, f.id, m.id FROM unnest($2::bigint[]) f(id), unnest($3::bigint[]) m(id)
ON CONFLICT DO NOTHING
"""
UNASSIGN = f"""
DELETE FROM orchestrator.machine_folders t
 WHERE {scope.IN_FOLDERS} AND t.machine_id = ANY($3::bigint[])
RETURNING t.machine_id
"""
PROPAGATE = f"""
UPDATE orchestrator.machine_folders t SET is_propagated = $4
 WHERE {scope.IN_FOLDERS} AND t.machine_id = $3 RETURNING t.machine_id
"""
SERVERLESS_ELSEWHERE = f"""
SELECT EXISTS (SELECT 1 FROM orchestrator.machine_folders t
  JOIN orchestrator.machines m ON m.tenant_id = t.tenant_id AND m.id = t.machine_id AND m.scope = 'Serverless'
 WHERE {scope.IN_FOLDERS} AND t.machine_id <> ALL($3::bigint[]))
"""
# $2: the folder, $3: those above it. A machine is inherited from the nearest folder that passes it on.
OF_FOLDER = """
WITH here AS (SELECT $2::bigint AS id)
SELECT json_build_object(
         'Id', t.id, 'Key', t.key, 'Name', t.name, 'Description', t.description, 'Type', t.type, 'Scope', t.scope,
         'LicenseKey', NULL, 'ClientSecret', NULL,
         'UnattendedSlots', t.unattended_slots, 'NonProductionSlots', t.non_production_slots,
         'HeadlessSlots', t.headless_slots, 'TestAutomationSlots', t.test_automation_slots,
         'AutomationCloudSlots', 0, 'AutomationCloudTestAutomationSlots', 0, 'AutomationType', t.automation_type,
         'TargetFramework', t.target_framework, 'UpdatePolicy', t.update_policy,
         'MaintenanceWindow', t.maintenance_window, 'Tags', t.tags, 'RobotUsers', '[]'::json,
         'HasMachineRobots', false, 'EndpointDetectionStatus', 'NotAvailable',
         'IsAssignedToFolder', a.machine_id IS NOT NULL,
         'IsInherited', i.machine_id IS NOT NULL,
         'InheritedFromFolderName', i.path,
         'PropagateToSubFolders', coalesce(a.is_propagated, i.machine_id IS NOT NULL))::text AS item
  FROM orchestrator.machines t CROSS JOIN here
  LEFT JOIN orchestrator.machine_folders a
    ON a.tenant_id = t.tenant_id AND a.machine_id = t.id AND a.folder_id = here.id
  LEFT JOIN LATERAL (
    SELECT m.machine_id, f.path FROM orchestrator.machine_folders m
      JOIN orchestrator.folders f ON f.tenant_id = m.tenant_id AND f.id = m.folder_id
     WHERE m.tenant_id = t.tenant_id AND m.machine_id = t.id AND m.is_propagated AND f.id = ANY($3::bigint[])
     ORDER BY cardinality(f.ancestor_ids) DESC LIMIT 1) i ON true
 WHERE t.tenant_id = $1 AND (t.scope <> 'PersonalWorkspace' OR a.machine_id IS NOT NULL)
   AND ($4::boolean OR a.machine_id IS NOT NULL OR i.machine_id IS NOT NULL)
 ORDER BY t.name_key
"""
INHERITED = f"""
SELECT DISTINCT t.machine_id, m.name FROM orchestrator.machine_folders t
  JOIN orchestrator.machines m ON m.tenant_id = t.tenant_id AND m.id = t.machine_id
 WHERE {scope.IN_FOLDERS} AND t.is_propagated
"""
ASSIGNED = f"SELECT t.machine_id FROM orchestrator.machine_folders t WHERE {scope.IN_FOLDERS}"


class Machine(NamedTuple):
    """A machine that may be assigned or not."""

    id: int
    name: str
    scope: str


async def machines(db: Connection, tenant_id: int, machine_ids: Sequence[int]) -> dict[int, Machine]:
    """Those of the machines that exist, by id."""
    return {row["id"]: Machine(*row) for row in await db.fetch(MACHINES, tenant_id, list(machine_ids))}


async def of_folder(
    db: Connection, tenant_id: int, folder_id: int, above: Sequence[int], *, with_others: bool
) -> list[dict[str, Any]]:
    """The machines of a folder as the wire shows them, by name; all of the tenant's with `with_others`."""
    rows = await db.fetch(OF_FOLDER, tenant_id, folder_id, list(above), with_others)
    return [msgspec.json.decode(row["item"]) for row in rows]


async def inherited(db: Connection, tenant_id: int, above: Sequence[int]) -> dict[int, str]:
    """Machines that the folders of a chain pass on to what is below it: id and name."""
    return {row["machine_id"]: row["name"] for row in await db.fetch(INHERITED, tenant_id, list(above))}


async def assigned(db: Connection, tenant_id: int, folder_id: int) -> set[int]:
    """Machines assigned to the folder itself."""
    return {row["machine_id"] for row in await db.fetch(ASSIGNED, tenant_id, [folder_id])}
