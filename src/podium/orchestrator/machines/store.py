"""SQL of machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope

ADD_MACHINE = """
INSERT INTO orchestrator.machines (tenant_id, key, name, name_key, description, type, scope, license_key,
                                   unattended_slots, non_production_slots, headless_slots, test_automation_slots,
                                   development_slots, automation_type, target_framework, tags, owner_id, created_at,
                                   created_by, update_policy, maintenance_window)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::jsonb, $17, $18, $19, $20::jsonb,
        $21::jsonb)
RETURNING id
"""
ASSIGN_TO_FOLDER = """
INSERT INTO orchestrator.machine_folders (tenant_id, folder_id, machine_id, is_propagated) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, folder_id, machine_id) DO UPDATE SET is_propagated = excluded.is_propagated
"""
ONE = f"{scope.IN_TENANT} AND t.id = $2::bigint"
# Machines assigned to one of the folders $2, or to a folder above and passed on. $3: a robot that the machine must be
# free to run jobs under, NULL for any; a machine without a list takes every robot.
SERVING = f"""{scope.IN_TENANT} AND t.id IN (
 SELECT a.machine_id FROM orchestrator.machine_folders a
   JOIN orchestrator.folders f ON f.tenant_id = a.tenant_id
    AND (f.id = a.folder_id OR (a.is_propagated AND a.folder_id = ANY(f.ancestor_ids)))
  WHERE a.tenant_id = $1::int AND f.id = ANY($2::bigint[]))
AND ($3::bigint IS NULL
  OR NOT EXISTS (SELECT FROM orchestrator.machine_robots r WHERE r.tenant_id = t.tenant_id AND r.machine_id = t.id)
  OR EXISTS (SELECT FROM orchestrator.machine_robots r
              WHERE r.tenant_id = t.tenant_id AND r.machine_id = t.id AND r.robot_id = $3::bigint))"""
NAMED = "SELECT t.id FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.name_key = $2"
# Licence keys are unique over all tenants: a robot names nothing else.
LICENSE_IS_TAKEN = "SELECT EXISTS (SELECT FROM orchestrator.machines t WHERE t.license_key = $1)"
OF_LICENSE = "SELECT t.id, t.name FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.license_key = $2 FOR UPDATE"
TO_CHANGE = """
SELECT t.id, t.name, t.name_key, t.description, t.type, t.scope, t.license_key, t.unattended_slots,
       t.non_production_slots, t.headless_slots, t.test_automation_slots, t.automation_type, t.target_framework, t.tags,
       t.update_policy, t.maintenance_window
  FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) ORDER BY t.id FOR UPDATE
"""
CHANGE = """
UPDATE orchestrator.machines t
   SET name = $3, name_key = $4, description = $5, unattended_slots = $6, non_production_slots = $7,
       headless_slots = $8, test_automation_slots = $9, automation_type = $10, target_framework = $11,
       tags = $12::jsonb, update_policy = $13::jsonb, maintenance_window = $14::jsonb
 WHERE t.tenant_id = $1 AND t.id = $2
"""
CHANGED_COLUMNS = (
    "name",
    "name_key",
    "description",
    "unattended_slots",
    "non_production_slots",
    "headless_slots",
    "test_automation_slots",
    "automation_type",
    "target_framework",
    "tags",
    "update_policy",
    "maintenance_window",
)
SET_UNATTENDED_SLOTS = "UPDATE orchestrator.machines t SET unattended_slots = $3 WHERE t.tenant_id = $1 AND t.id = $2"
DROP_ROBOTS = "DELETE FROM orchestrator.machine_robots t WHERE t.tenant_id = $1 AND t.machine_id = $2"
ADD_ROBOTS = """
INSERT INTO orchestrator.machine_robots (tenant_id, machine_id, robot_id)
SELECT t.tenant_id, $2::bigint, t.id FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.id = ANY($3::bigint[])
RETURNING robot_id
"""
RUNNING_ON = """
SELECT DISTINCT s.machine_id FROM orchestrator.jobs t
  JOIN orchestrator.sessions s ON s.tenant_id = t.tenant_id AND s.id = t.session_id
 WHERE t.tenant_id = $1 AND s.machine_id = ANY($2::bigint[]) AND t.state IN (1, 2, 3)
"""
IN_WORKSPACES = """
SELECT DISTINCT t.machine_id FROM orchestrator.machine_folders t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id AND f.folder_type = 'Personal'
 WHERE t.tenant_id = $1 AND t.machine_id = ANY($2::bigint[])
"""
SESSIONS_OF = """
SELECT t.id FROM orchestrator.sessions t WHERE t.tenant_id = $1 AND t.machine_id = ANY($2::bigint[]) ORDER BY t.id FOR UPDATE
"""
# Folders, sessions and robots of the machines go with them.
REMOVE = "DELETE FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
# Every host of a template brings its slots; while none is connected the template counts once.
RUNTIMES = """
SELECT r.type, sum(r.slots * greatest(h.hosts, 1))::bigint AS total, sum(r.slots * h.hosts)::bigint AS connected,
       sum(h.free)::bigint AS available
  FROM orchestrator.machines t
 CROSS JOIN LATERAL (VALUES ('Unattended', t.unattended_slots), ('NonProduction', t.non_production_slots),
                            ('Headless', t.headless_slots), ('TestAutomation', t.test_automation_slots),
                            ('Development', t.development_slots)) AS r(type, slots)
 CROSS JOIN LATERAL (
       SELECT count(*) AS hosts,
              coalesce(sum(greatest(r.slots - u.used, 0)) FILTER (WHERE NOT s.is_in_maintenance), 0) AS free
         FROM orchestrator.sessions s
        CROSS JOIN LATERAL (
              SELECT count(*) AS used FROM orchestrator.jobs j
               WHERE j.tenant_id = s.tenant_id AND j.session_id = s.id AND j.runtime_type = r.type
                 AND j.state IN (0, 1, 2, 3, 8)) AS u
        WHERE s.tenant_id = t.tenant_id AND s.machine_id = t.id AND s.state <> 'Disconnected'
          AND NOT s.is_unresponsive) AS h
 WHERE t.tenant_id = $1::int AND t.id IN (
 SELECT a.machine_id FROM orchestrator.machine_folders a
   JOIN orchestrator.folders f ON f.tenant_id = a.tenant_id
    AND (f.id = a.folder_id OR (a.is_propagated AND a.folder_id = ANY(f.ancestor_ids)))
  WHERE a.tenant_id = $1::int AND f.id = ANY($2::bigint[]))
 GROUP BY r.type
"""


async def id_of_name(db: Connection, tenant_id: int, name_key: str) -> int | None:
    """Id of the tenant's machine of that folded name."""
    found: int | None = await db.fetchval(NAMED, tenant_id, name_key)
    return found


async def machines_to_change(db: Connection, tenant_id: int, ids: Sequence[int]) -> list[Record]:
    """The tenant's machines of these ids, locked, by id."""
    return await db.fetch(TO_CHANGE, tenant_id, list(ids))


async def change(db: Connection, tenant_id: int, machine_id: int, columns: Mapping[str, Any]) -> None:
    """Write the changeable columns of a locked machine; all of them are given."""
    await db.execute(CHANGE, tenant_id, machine_id, *(columns[name] for name in CHANGED_COLUMNS))


async def set_robots(db: Connection, tenant_id: int, machine_id: int, robot_ids: Sequence[int]) -> set[int]:
    """Name the only robots that the machine runs jobs under, all when there are none; those of the ids that exist."""
    await db.execute(DROP_ROBOTS, tenant_id, machine_id)
    return {row["robot_id"] for row in await db.fetch(ADD_ROBOTS, tenant_id, machine_id, list(robot_ids))}


async def running_on(db: Connection, tenant_id: int, ids: Sequence[int]) -> set[int]:
    """Those of the machines on whose hosts jobs run."""
    return {row["machine_id"] for row in await db.fetch(RUNNING_ON, tenant_id, list(ids))}


async def in_workspaces(db: Connection, tenant_id: int, ids: Sequence[int]) -> set[int]:
    """Those of the machines that serve a personal workspace."""
    return {row["machine_id"] for row in await db.fetch(IN_WORKSPACES, tenant_id, list(ids))}


async def sessions_of(db: Connection, tenant_id: int, ids: Sequence[int]) -> list[int]:
    """The sessions of the machines, locked against the hand-out of jobs."""
    return [row["id"] for row in await db.fetch(SESSIONS_OF, tenant_id, list(ids))]


async def runtimes(db: Connection, tenant_id: int, folder_id: int) -> dict[str, Record]:
    """type, total, connected and available of each runtime type in a folder; empty when no machine serves it."""
    return {row["type"]: row for row in await db.fetch(RUNTIMES, tenant_id, [folder_id])}
