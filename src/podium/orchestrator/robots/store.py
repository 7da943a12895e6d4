"""SQL of robots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope

ROBOT_OF_USER = """
SELECT t.id, t.key, t.name FROM orchestrator.robots t
 WHERE t.tenant_id = $1 AND t.user_id = $2 AND t.hosting_type = 'Floating' AND t.type <> 'Unattended'
 ORDER BY t.id LIMIT 1
"""
# $3: the robot for unattended jobs, else the one at the user's desk.
ACCOUNT_OF_USER = """
SELECT t.id FROM orchestrator.robots t
 WHERE t.tenant_id = $1 AND t.user_id = $2 AND (t.type = 'Unattended') = $3::boolean ORDER BY t.id LIMIT 1
"""
SEAL = "UPDATE orchestrator.robots t SET sealed = $3 WHERE t.tenant_id = $1 AND t.id = $2"
HAS_PASSWORD = "SELECT t.sealed IS NOT NULL FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.id = $2"  # noqa: S105
BUSY_USERS = """
SELECT DISTINCT r.user_id FROM orchestrator.robots r
  JOIN orchestrator.jobs t ON t.tenant_id = r.tenant_id AND t.robot_id = r.id
 WHERE t.tenant_id = $1 AND r.user_id = ANY($2::bigint[]) AND t.session_id IS NOT NULL AND t.state IN (0, 1, 2, 3, 8)
"""
ROBOT_OF_MACHINE = """
SELECT t.id, t.key, t.name FROM orchestrator.robots t
 WHERE t.tenant_id = $1 AND t.machine_id = $2 AND t.user_id IS NULL ORDER BY t.id LIMIT 1
"""
ADD_ROBOT = """
INSERT INTO orchestrator.robots (tenant_id, key, name, name_key, user_name, user_name_key, type, hosting_type, user_id,
                                 machine_id, created_at)
VALUES ($1, $2, $3, $4, $5::text, lower($5::text), $6, $7, $8, $9, $10)
RETURNING id, key, name
"""
ONE = f"{scope.IN_TENANT} AND t.id = $2::bigint"
# Robots of the members of the folders $2, and those that the folders' machines bring. $3: a machine that must be free
# to run jobs under the robot, NULL for any.
IN_FOLDERS = f"""{scope.IN_TENANT} AND (t.user_id IN (
    SELECT m.user_id FROM orchestrator.folder_members m
      JOIN orchestrator.folders f ON f.tenant_id = m.tenant_id AND m.folder_id = ANY(f.ancestor_ids)
     WHERE m.tenant_id = $1::int AND f.id = ANY($2::bigint[]))
  OR (t.user_id IS NULL AND t.machine_id IN (
 SELECT a.machine_id FROM orchestrator.machine_folders a
   JOIN orchestrator.folders f ON f.tenant_id = a.tenant_id
    AND (f.id = a.folder_id OR (a.is_propagated AND a.folder_id = ANY(f.ancestor_ids)))
  WHERE a.tenant_id = $1::int AND f.id = ANY($2::bigint[]))))
AND ($3::bigint IS NULL
  OR NOT EXISTS (SELECT FROM orchestrator.machine_robots r
                  WHERE r.tenant_id = t.tenant_id AND r.machine_id = $3::bigint)
  OR EXISTS (SELECT FROM orchestrator.machine_robots r
              WHERE r.tenant_id = t.tenant_id AND r.machine_id = $3::bigint AND r.robot_id = t.id))"""
ABLE_IN_FOLDERS = f"{IN_FOLDERS} AND t.is_enabled AND t.type NOT IN ('Attended', 'Development')"
OF_ACCOUNTS = f"{scope.IN_TENANT} AND (t.user_id IS NOT NULL OR t.provision_type = 'Manual')"
# Names of robots may repeat (a user and a machine may be called the same), those made by hand may not.
LOCK_NAME = "SELECT pg_advisory_xact_lock(hashtextextended('robot ' || $1::text || ' ' || $2::text, 0))"
NAMED = "SELECT t.id FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.name_key = $2 AND t.id <> $3 LIMIT 1"
MACHINE_OF_ROBOT = """
SELECT t.id, t.name, t.type FROM orchestrator.machines t
 WHERE t.tenant_id = $1 AND (t.id = $2::bigint OR ($2::bigint IS NULL AND t.name_key = $3::text)) FOR SHARE
"""
# Without machine, too: it would count as the one that the machine brings itself.
LET_OUTLIVE_USERS = """
UPDATE orchestrator.robots t SET user_id = NULL, machine_id = NULL
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[])
   AND EXISTS (SELECT FROM orchestrator.jobs j
                WHERE j.tenant_id = t.tenant_id AND j.robot_id = t.id AND j.state IN (1, 2, 3, 7, 8))
"""
HAS_USER = "SELECT EXISTS (SELECT FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = $2)"
FOLDER_OF_PROCESS = "SELECT t.folder_id FROM orchestrator.processes t WHERE t.tenant_id = $1 AND t.id = $2"
USER_NAMES = """
SELECT DISTINCT t.user_name FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.user_name <> '' ORDER BY t.user_name
"""
LICENSE_KEYS = """
SELECT t.name, t.license_key FROM orchestrator.machines t
 WHERE t.tenant_id = $1 AND t.scope <> 'PersonalWorkspace' ORDER BY t.name_key
"""
TO_CHANGE = """
SELECT t.id, t.name, t.name_key, t.user_name, t.type, t.hosting_type, t.provision_type, t.description, t.user_id,
       t.machine_id, t.is_enabled, t.is_one_at_a_time, t.credential_type, t.credential_store_id, t.external_name,
       t.execution_settings
  FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) ORDER BY t.id FOR UPDATE
"""
# Bound jobs are among the busy ones: the host may have begun already.
IN_USE = """
SELECT t.robot_id, t.pinned_robot_id, (t.session_id IS NOT NULL AND t.state IN (0, 1, 2, 3, 8)) AS is_running
  FROM orchestrator.jobs t
 WHERE t.tenant_id = $1 AND t.state IN (0, 1, 2, 3, 7, 8)
   AND (t.robot_id = ANY($2::bigint[]) OR t.pinned_robot_id = ANY($2::bigint[]))
"""
ADD = """
INSERT INTO orchestrator.robots (tenant_id, key, name, name_key, user_name, user_name_key, type, hosting_type,
                                 provision_type, user_id, machine_id, created_at, created_by, description, is_enabled,
                                 is_one_at_a_time, credential_type, credential_store_id, external_name,
                                 execution_settings)
VALUES ($1, $2, $3, $4, $5::text, lower($5::text), $6, $7, 'Manual', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18::jsonb)
RETURNING id
"""
CHANGE = """
UPDATE orchestrator.robots t
   SET name = $3, name_key = $4, user_name = $5::text, user_name_key = lower($5::text), type = $6, description = $7,
       is_enabled = $8, is_one_at_a_time = $9, credential_type = $10, credential_store_id = $11, external_name = $12,
       execution_settings = $13::jsonb, machine_id = $14, updated_at = $15, updated_by = $16
 WHERE t.tenant_id = $1 AND t.id = $2
"""
ENABLE = """
UPDATE orchestrator.robots t SET is_enabled = $3, updated_at = $4, updated_by = $5
 WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])
"""
LET_FLOAT = """
UPDATE orchestrator.robots t SET hosting_type = 'Floating', machine_id = NULL, updated_at = $3, updated_by = $4
 WHERE t.tenant_id = $1 AND t.id = $2
"""
REMOVE = "DELETE FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
LEAVE_CREDENTIAL_STORE = """
UPDATE orchestrator.robots t SET credential_store_id = $3, external_name = NULL
 WHERE t.tenant_id = $1 AND t.credential_store_id = $2
"""


async def robots_to_change(db: Connection, tenant_id: int, ids: Sequence[int]) -> list[Record]:
    """The tenant's robots of these ids, locked, by id."""
    return await db.fetch(TO_CHANGE, tenant_id, list(ids))


async def in_use(db: Connection, tenant_id: int, ids: Sequence[int]) -> tuple[set[int], set[int]]:
    """Those of the robots under which jobs run, and those that jobs wait for."""
    busy: set[int] = set()
    awaited: set[int] = set()
    for row in await db.fetch(IN_USE, tenant_id, list(ids)):
        named = {row["robot_id"], row["pinned_robot_id"]} & set(ids)
        if row["is_running"]:
            busy |= named & {row["robot_id"]}
        awaited |= named - busy
    return busy, awaited


async def is_name_taken(db: Connection, tenant_id: int, name_key: str, *, apart_from: int = 0) -> bool:
    """Whether another robot has the folded name; until the transaction ends nobody else takes it through the API."""
    await db.execute(LOCK_NAME, str(tenant_id), name_key)
    return await db.fetchval(NAMED, tenant_id, name_key, apart_from) is not None


async def machine_of_robot(db: Connection, tenant_id: int, id_: int | None, name: str) -> Record | None:
    """id, name and type of the machine of that id, else of that name."""
    return await db.fetchrow(MACHINE_OF_ROBOT, tenant_id, id_, name.casefold())


async def add(db: Connection, *values: Any) -> int:
    """Id of a new robot made by hand."""
    id_: int = await db.fetchval(ADD, *values)
    return id_


async def change(
    db: Connection, tenant_id: int, robot_id: int, columns: Mapping[str, Any], now: datetime, user_id: int | None
) -> None:
    """Write the changeable columns of a locked robot; all of them are given."""
    await db.execute(
        CHANGE,
        tenant_id,
        robot_id,
        columns["name"],
        columns["name_key"],
        columns["user_name"],
        columns["type"],
        columns["description"],
        columns["is_enabled"],
        columns["is_one_at_a_time"],
        columns["credential_type"],
        columns["credential_store_id"],
        columns["external_name"],
        columns["execution_settings"],
        columns["machine_id"],
        now,
        user_id,
    )
