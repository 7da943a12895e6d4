"""SQL that shows sessions, and that changes them on behalf of an administrator."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope

# Hosts whose machine is assigned to one of the folders $2, or to a folder above and passed on.
IN_FOLDERS = f"""{scope.IN_TENANT} AND t.machine_id IN (
 SELECT a.machine_id FROM orchestrator.machine_folders a
   JOIN orchestrator.folders f ON f.tenant_id = a.tenant_id
    AND (f.id = a.folder_id OR (a.is_propagated AND a.folder_id = ANY(f.ancestor_ids)))
  WHERE a.tenant_id = $1::int AND f.id = ANY($2::bigint[]))"""
# $3: runtime type, NULL for any. $4: a robot that the machine must be free to run jobs under, NULL for any; a machine
# without a list takes every robot.
RUNTIMES_IN_FOLDERS = f"""{scope.IN_TENANT} AND t.machine_id IN (
 SELECT a.machine_id FROM orchestrator.machine_folders a
   JOIN orchestrator.folders f ON f.tenant_id = a.tenant_id
    AND (f.id = a.folder_id OR (a.is_propagated AND a.folder_id = ANY(f.ancestor_ids)))
  WHERE a.tenant_id = $1::int AND f.id = ANY($2::bigint[]))
AND ($3::text IS NULL OR t.runtime_type = $3::text)
AND ($4::bigint IS NULL
  OR NOT EXISTS (SELECT FROM orchestrator.machine_robots r
                  WHERE r.tenant_id = t.tenant_id AND r.machine_id = t.machine_id)
  OR EXISTS (SELECT FROM orchestrator.machine_robots r
              WHERE r.tenant_id = t.tenant_id AND r.machine_id = t.machine_id AND r.robot_id = $4::bigint))"""
OF_MACHINE = f"{scope.IN_TENANT} AND t.machine_id = $2::bigint"
OF_RUNTIME = f"{scope.IN_TENANT} AND ($2::text IS NULL OR t.runtime_type = $2::text)"
HAS_MACHINE = "SELECT EXISTS (SELECT FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.id = $2)"
USER_NAMES = """
SELECT DISTINCT n.name FROM orchestrator.sessions t
  LEFT JOIN orchestrator.robots r ON r.tenant_id = t.tenant_id AND r.id = t.robot_id
 CROSS JOIN LATERAL (VALUES (t.service_user), (r.user_name)) AS n(name)
 WHERE t.tenant_id = $1 AND n.name <> '' ORDER BY n.name
"""
USER_ROBOTS = """
SELECT u.user_name, array_agg(t.name ORDER BY t.name) AS robot_names
  FROM orchestrator.robots t JOIN orchestrator.users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id
 WHERE t.tenant_id = $1 GROUP BY u.id, u.user_name ORDER BY u.user_name
"""
TO_CHANGE = """
SELECT t.id, t.host_name, t.state, t.is_unresponsive FROM orchestrator.sessions t
 WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) ORDER BY t.id FOR UPDATE
"""
DEBUG = "UPDATE orchestrator.sessions t SET debug_until = $3 WHERE t.tenant_id = $1 AND t.id = $2"
MAINTAIN = "UPDATE orchestrator.sessions t SET is_in_maintenance = $3 WHERE t.tenant_id = $1 AND t.id = $2"
RUNNING_JOBS = """
SELECT t.id, t.key, t.state, t.session_id, t.folder_id FROM orchestrator.jobs t
 WHERE t.tenant_id = $1::int AND t.session_id = $2::bigint AND t.state IN (1, 2, 3) ORDER BY t.id FOR UPDATE
"""
REMOVE = """
WITH beats AS (
  DELETE FROM orchestrator.session_beats b WHERE b.tenant_id = $1::int AND b.session_id = ANY($2::bigint[])
)
DELETE FROM orchestrator.sessions t WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[])
"""


async def has_machine(db: Connection, tenant_id: int, machine_id: int) -> bool:
    """Whether the tenant has a machine of that id."""
    return bool(await db.fetchval(HAS_MACHINE, tenant_id, machine_id))


async def user_names(db: Connection, tenant_id: int) -> list[str]:
    """Accounts that hosts report from, by name."""
    return [row["name"] for row in await db.fetch(USER_NAMES, tenant_id)]


async def user_robots(db: Connection, tenant_id: int) -> list[Record]:
    """user_name and robot_names of every user that has a robot."""
    return await db.fetch(USER_ROBOTS, tenant_id)


async def sessions_to_change(db: Connection, tenant_id: int, ids: Sequence[int]) -> list[Record]:
    """The tenant's sessions of these ids, locked against the hand-out of jobs, by id."""
    return await db.fetch(TO_CHANGE, tenant_id, list(ids))


async def set_debug(db: Connection, tenant_id: int, session_id: int, until: datetime | None) -> None:
    """Until when the host keeps detailed records; None: not."""
    await db.execute(DEBUG, tenant_id, session_id, until)


async def set_maintenance(db: Connection, tenant_id: int, session_id: int, is_on: bool) -> None:
    """Whether the host gets no further jobs."""
    await db.execute(MAINTAIN, tenant_id, session_id, is_on)


async def running_jobs(db: Connection, tenant_id: int, session_id: int) -> list[Record]:
    """What runs on the host, locked, as `jobs.actions.stop` takes it."""
    return await db.fetch(RUNNING_JOBS, tenant_id, session_id)


async def remove(db: Connection, tenant_id: int, ids: Sequence[int]) -> None:
    """Forget sessions; a host that comes back gets another one."""
    await db.execute(REMOVE, tenant_id, list(ids))
