"""SQL of processes and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from podium.kernel.db import Connection
from podium.orchestrator.processes import rules
from podium.orchestrator.scope import IN_FOLDERS

ONE = f"{IN_FOLDERS} AND t.id = $3::bigint"

NAME_TAKEN = f"SELECT t.id FROM orchestrator.processes t WHERE {IN_FOLDERS} AND t.name_key = $3"
ADD = """
WITH process AS (
  INSERT INTO orchestrator.processes (
    tenant_id, key, folder_id, name, name_key, feed_id, package_id, package_key, package_version, package_row_id,
    entry_point_id, entry_point_path, created_at, created_by, description, input_arguments, environment_variables,
    priority, is_auto_update, is_hidden_for_attended, remote_control_access, robot_size, automation_hub_url,
    process_settings, video_settings, tags)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
          $24::jsonb, $25::jsonb, $26::jsonb)
  RETURNING tenant_id, id, name, package_version, created_at
)
INSERT INTO orchestrator.process_versions (tenant_id, process_id, package_version, process_name, created_at)
SELECT process.tenant_id, process.id, process.package_version, process.name, process.created_at FROM process
RETURNING process_id, id
"""
SET_VERSION_ID = "UPDATE orchestrator.processes t SET version_id = $3 WHERE t.tenant_id = $1 AND t.id = $2"
# `start_path` is where a job starts: the path that was chosen, else the package's main one.
PROCESS = f"""
SELECT t.id, t.key, t.folder_id, t.name, t.feed_id, t.package_id, t.package_key, t.package_version, t.package_row_id,
       t.version_id, t.entry_point_id, t.entry_point_path, t.description, t.input_arguments, t.environment_variables,
       t.priority, t.is_auto_update, t.is_hidden_for_attended, t.remote_control_access, t.robot_size,
       t.automation_hub_url, t.process_settings::text AS process_settings, t.video_settings::text AS video_settings,
       t.tags::text AS tags,
       coalesce(t.entry_point_path, (SELECT p.main_entry_point_path FROM orchestrator.packages p
                                      WHERE p.tenant_id = t.tenant_id AND p.id = t.package_row_id)) AS start_path
  FROM orchestrator.processes t WHERE {IN_FOLDERS} AND (t.id = $3::bigint OR t.key = $4::uuid) FOR UPDATE OF t
"""
FOLLOWERS = """
SELECT t.id, t.folder_id FROM orchestrator.processes t
 WHERE t.tenant_id = $1 AND t.feed_id = $2 AND t.package_key = $3 AND (t.is_auto_update OR $4::boolean)
 ORDER BY t.id FOR UPDATE OF t
"""
MOVE = """
WITH version AS (
  INSERT INTO orchestrator.process_versions (tenant_id, process_id, package_version, process_name, created_at)
  SELECT t.tenant_id, t.id, $3::text, t.name, $7::timestamptz
    FROM orchestrator.processes t WHERE t.tenant_id = $1 AND t.id = $2
  RETURNING id
)
UPDATE orchestrator.processes t
   SET package_version = $3::text, package_row_id = $4, entry_point_id = $5, entry_point_path = $6,
       version_id = (SELECT version.id FROM version), updated_at = $7::timestamptz, updated_by = $8
 WHERE t.tenant_id = $1 AND t.id = $2
"""
SET_ENTRY_POINT = """
UPDATE orchestrator.processes t SET entry_point_id = $3, entry_point_path = $4 WHERE t.tenant_id = $1 AND t.id = $2
"""
CHANGE = """
UPDATE orchestrator.processes t
   SET name = $3, name_key = $4, description = $5, input_arguments = $6, environment_variables = $7, priority = $8,
       is_auto_update = $9, is_hidden_for_attended = $10, remote_control_access = $11, robot_size = $12,
       automation_hub_url = $13, process_settings = $14::jsonb, video_settings = $15::jsonb, tags = $16::jsonb,
       updated_at = $17, updated_by = $18
 WHERE t.tenant_id = $1 AND t.id = $2
"""
HISTORY = """
SELECT t.id, t.package_version FROM orchestrator.process_versions t
 WHERE t.tenant_id = $1 AND t.process_id = $2 ORDER BY t.id DESC LIMIT 1000
"""
UNFINISHED_JOBS = """
SELECT count(*) FROM orchestrator.jobs t
 WHERE t.tenant_id = $1 AND t.process_id = $2 AND t.state IN (0, 1, 2, 3, 7, 8)
"""
DELETE = "DELETE FROM orchestrator.processes t WHERE t.tenant_id = $1 AND t.id = $2"


async def name_taken(db: Connection, tenant_id: int, folder_id: int, name: str) -> int | None:
    """Id of the folder's process of that name."""
    found: int | None = await db.fetchval(NAME_TAKEN, tenant_id, [folder_id], name.casefold())
    return found


async def process(
    db: Connection, tenant_id: int, folders: Sequence[int], identifier: int | UUID
) -> asyncpg.Record | None:
    """The process of these folders by id or key, locked until the transaction ends."""
    key = identifier if isinstance(identifier, UUID) else None
    return await db.fetchrow(PROCESS, tenant_id, list(folders), None if key else identifier, key)


async def followers(
    db: Connection, tenant_id: int, feed_id: UUID, package_key: str, *, everyone: bool
) -> list[tuple[int, int]]:
    """Ids and folders of the package's processes, locked: those with AutoUpdate, or all."""
    return [tuple(row) for row in await db.fetch(FOLLOWERS, tenant_id, feed_id, package_key, everyone)]


async def add(db: Connection, *values: Any) -> int:
    """Id of the new process, its first version recorded."""
    row = await db.fetchrow(ADD, *values)
    assert row is not None
    await db.execute(SET_VERSION_ID, values[0], row["process_id"], row["id"])
    return int(row["process_id"])


async def history(db: Connection, tenant_id: int, process_id: int) -> list[rules.Version]:
    """The versions that the process had, newest first."""
    return [rules.Version(*row) for row in await db.fetch(HISTORY, tenant_id, process_id)]


async def move(
    db: Connection,
    tenant_id: int,
    process_id: int,
    version: str,
    package_row_id: int,
    entry_point: tuple[int | None, str | None],
    now: datetime,
    user_id: int | None,
) -> None:
    """Set the version and where it starts (row id, and path unless it is the main one); one more entry of history."""
    await db.execute(MOVE, tenant_id, process_id, version, package_row_id, *entry_point, now, user_id)
