"""SQL of jobs: what a start needs to know, the insert, stops. The hand-out to robots is in `hand_out`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from podium.kernel.db import Connection
from podium.orchestrator.scope import IN_FOLDERS

# Everything a start needs of the process, its package and its folder. $3 key or $4 folded name; $5 folded entry point.
PROCESS_TO_START = f"""
SELECT t.id, t.key, t.name, t.folder_id, t.version_id, t.package_row_id, t.package_id, t.package_version, t.feed_id,
       t.priority, t.input_arguments, t.environment_variables, t.remote_control_access, t.resource_overwrites,
       t.entry_point_path AS own_entry_point,
       p.process_type, p.content_type, p.target_runtime, p.target_framework, p.requires_user_interaction,
       p.main_entry_point_path, p.id AS package_found,
       e.path AS entry_point_path, e.input_arguments AS definition, e.input_schema,
       f.path AS folder_path, f.folder_type, f.owner_id,
       (SELECT u.user_name FROM orchestrator.users u
         WHERE u.tenant_id = t.tenant_id AND u.id = coalesce(f.owner_id, $6::bigint)) AS runs_as
  FROM orchestrator.processes t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
  LEFT JOIN orchestrator.packages p ON p.tenant_id = t.tenant_id AND p.id = t.package_row_id
  LEFT JOIN LATERAL (
       SELECT x.path, x.input_arguments, x.input_schema FROM orchestrator.entry_points x
        WHERE x.tenant_id = p.tenant_id AND x.package_row_id = p.id
          AND lower(x.path) = lower(coalesce($5::text, t.entry_point_path, p.main_entry_point_path))
        LIMIT 1) e ON true
 WHERE {IN_FOLDERS} AND (($3::uuid IS NOT NULL AND t.key = $3::uuid) OR ($3::uuid IS NULL AND t.name_key = $4::text))
"""

# $2: what all jobs of the call share, as JSON; $3..: what differs by job. Change, audit row and event in one statement.
ADD_JOBS = """
WITH shared AS (
  SELECT * FROM jsonb_to_record($2::jsonb) AS s(
    folder_id bigint, process_id bigint, process_key uuid, process_name text, process_version_id bigint,
    package_row_id bigint, package_id text, package_version text, feed_id uuid, process_type text,
    entry_point_path text, capability text, priority smallint, runtime_type text, type text, source text,
    source_type text, batch_key uuid, reference text, input_arguments text, input_file uuid, environment_variables text,
    requires_user_interaction boolean, remote_control_access text, resource_overwrites text, profiling_options text,
    target_framework text, is_run_as_me boolean, user_id bigint, created_by bigint, is_resumed_on_same_host boolean,
    stop_strategy text, stop_after_s int, kill_after_s int, alert_pending_s int, alert_running_s int,
    parent_job_key uuid, parent_operation_id text, trace_id text, parent_span_id text, root_span_id text,
    fps_context text, fps_properties text, trigger_id bigint)
), made AS (
  INSERT INTO orchestrator.jobs (
    tenant_id, key, pinned_robot_id, pinned_machine_id, pinned_session_ids, created_at, updated_at, stop_at,
    folder_id, process_id, process_key, process_name, process_version_id, package_row_id, package_id, package_version,
    feed_id, process_type, entry_point_path, capability, priority, runtime_type, type, source, source_type, batch_key,
    reference, input_arguments, input_file, environment_variables, requires_user_interaction, remote_control_access,
    resource_overwrites, profiling_options, target_framework, is_run_as_me, user_id, created_by,
    is_resumed_on_same_host, stop_strategy, stop_after_s, kill_after_s, alert_pending_s, alert_running_s,
    parent_job_key, parent_operation_id, trace_id, parent_span_id, root_span_id, fps_context, fps_properties, trigger_id)
  SELECT $1::int, j.key, j.robot_id, j.machine_id, CASE WHEN j.session_id IS NOT NULL THEN ARRAY[j.session_id] END,
    $3::timestamptz, $3::timestamptz, $3::timestamptz + make_interval(secs => s.stop_after_s),
    s.folder_id, s.process_id, s.process_key, s.process_name, s.process_version_id, s.package_row_id, s.package_id,
    s.package_version, s.feed_id, s.process_type, s.entry_point_path, s.capability, s.priority, s.runtime_type, s.type,
    s.source, s.source_type, s.batch_key, s.reference, s.input_arguments, s.input_file, s.environment_variables,
    s.requires_user_interaction, s.remote_control_access, s.resource_overwrites, s.profiling_options,
    s.target_framework, s.is_run_as_me, s.user_id, s.created_by, s.is_resumed_on_same_host, s.stop_strategy,
    s.stop_after_s, s.kill_after_s, s.alert_pending_s, s.alert_running_s, s.parent_job_key, s.parent_operation_id,
    s.trace_id, s.parent_span_id, s.root_span_id, s.fps_context, s.fps_properties, s.trigger_id
    FROM shared s, unnest($4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY
         AS j(key, robot_id, machine_id, session_id, position)
   WHERE EXISTS (SELECT FROM orchestrator.processes p WHERE p.tenant_id = $1::int AND p.id = s.process_id)
   ORDER BY j.position
  RETURNING id, key, folder_id, process_id, process_key, process_name, package_id, priority, runtime_type, source_type, created_at
), audited AS (
  INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, entity_id, entity_name, actor_kind,
                            actor_id, actor_name, user_id, client_id, folder_id, trace_id, detail)
  SELECT $8, $9, $10, $11, $12, string_agg(made.id::text, ',' ORDER BY made.id), $14, $15, $16, $17, $18, $19, $20, $21, $22::jsonb
    FROM made WHERE $13::text IS NULL HAVING count(*) > 0
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT $1::int, $23::uuid, 'job.created', min(made.folder_id), $18, $3::timestamptz,
         jsonb_build_object('StartInfo', $24::jsonb, 'Jobs', jsonb_agg(jsonb_build_object(
           'Id', made.id, 'Key', made.key, 'State', 'Pending', 'CreationTime', made.created_at,
           'SpecificPriorityValue', made.priority, 'RuntimeType', made.runtime_type, 'SourceType', made.source_type,
           'Release', jsonb_build_object('Id', made.process_id, 'Key', made.process_key, 'Name', made.process_name,
                                         'ProcessKey', made.package_id)) ORDER BY made.id))
    FROM made HAVING count(*) > 0 AND $23::uuid IS NOT NULL
)
SELECT id, key FROM made ORDER BY id
"""

JOBS_TO_STOP = f"""
SELECT t.id, t.key, t.state, t.session_id, t.folder_id FROM orchestrator.jobs t
 WHERE {IN_FOLDERS} AND t.id = ANY($3::bigint[]) ORDER BY t.id FOR UPDATE
"""
STOP_JOBS = """
WITH changed AS (
  UPDATE orchestrator.jobs t
     SET state = n.state, updated_at = $2::timestamptz,
         stop_strategy = CASE WHEN n.state IN (2, 3) THEN $5::text ELSE t.stop_strategy END,
         kill_at = CASE WHEN n.state = 2 AND t.kill_after_s IS NOT NULL
                        THEN $2::timestamptz + make_interval(secs => t.kill_after_s) ELSE t.kill_at END,
         ended_at = CASE WHEN n.state = 6 THEN $2::timestamptz END,
         info = CASE WHEN n.state = 6 THEN 'Job canceled' ELSE t.info END
    FROM unnest($3::bigint[], $4::smallint[]) AS n(id, state)
   WHERE t.tenant_id = $1::int AND t.id = n.id
  RETURNING t.id, t.state
), noted AS (
  INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
  SELECT $1::int, changed.id, changed.state, $6::text, $2::timestamptz FROM changed
)
UPDATE orchestrator.job_triggers t SET status = 'Fired', fired_at = $2::timestamptz
  FROM changed WHERE t.tenant_id = $1::int AND t.job_id = changed.id AND changed.state = 6 AND t.status <> 'Fired'
"""
JOB_IN_STATE = f"""
SELECT t.id, t.key, t.state, t.folder_id, t.process_id, t.runtime_type, t.priority, t.input_arguments, t.input_file,
       t.entry_point_path, t.pinned_robot_id, t.pinned_machine_id, t.pinned_session_ids, t.process_key, t.stop_after_s,
       t.kill_after_s, t.stop_strategy, t.reference, t.is_run_as_me, t.environment_variables
  FROM orchestrator.jobs t WHERE {IN_FOLDERS} AND (t.id = $3::bigint OR t.key = $4::uuid) FOR UPDATE
"""
RESUME = """
WITH changed AS (
  UPDATE orchestrator.jobs t
     SET state = 8, session_id = NULL, resume_source = $4::text, updated_at = $3::timestamptz,
         input_arguments = coalesce($5::text, t.input_arguments)
   WHERE t.tenant_id = $1::int AND t.id = $2::bigint AND t.state = 7
  RETURNING t.id
), noted AS (
  INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
  SELECT $1::int, changed.id, 8, $4::text, $3::timestamptz FROM changed
), fired AS (
  UPDATE orchestrator.job_triggers t SET status = 'Fired', fired_at = $3::timestamptz
    FROM changed WHERE t.tenant_id = $1::int AND t.job_id = changed.id AND t.status <> 'Fired'
)
SELECT id FROM changed
"""
# A job that was asked to stop while it suspended itself is stopped.
SUSPEND = """
WITH changed AS (
  UPDATE orchestrator.jobs t
     SET state = CASE WHEN t.state IN (2, 3) THEN 6 ELSE 7 END, session_id = NULL, persistence_id = $4::uuid,
         resume_version = $5::int, sub_state = $6::text, info = coalesce($7::text, t.info),
         ended_at = CASE WHEN t.state IN (2, 3) THEN $3::timestamptz END,
         started_at = coalesce(t.started_at, $3::timestamptz), updated_at = $3::timestamptz
   WHERE t.tenant_id = $1::int AND t.id = $2::bigint AND t.state IN (0, 1, 2, 3, 8)
  RETURNING t.id, t.state
), noted AS (
  INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
  SELECT $1::int, changed.id, changed.state, $7::text, $3::timestamptz FROM changed
)
SELECT state FROM changed
"""
KEEP_SNAPSHOT = """
INSERT INTO orchestrator.job_snapshots (tenant_id, persistence_id, resume_version, job_id, blob, size_bytes, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, persistence_id, resume_version) DO UPDATE SET blob = excluded.blob, size_bytes = excluded.size_bytes
"""
JOB_TO_VALIDATE = f"""
SELECT t.folder_id, t.runtime_type, t.capability FROM orchestrator.jobs t WHERE {IN_FOLDERS} AND t.id = $3::bigint
"""
FOLDER_ROBOTS = """
SELECT DISTINCT t.id FROM orchestrator.robots t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = $2::bigint
  JOIN orchestrator.folder_members m ON m.tenant_id = t.tenant_id AND m.user_id = t.user_id AND m.folder_id = ANY(f.ancestor_ids)
 WHERE t.tenant_id = $1::int AND t.is_enabled AND t.type = 'Unattended' ORDER BY t.id
"""
# The first state is the job's own row: a start writes one row, not two.
HISTORY = f"""
SELECT 0::smallint AS state, t.created_at, NULL::text AS reason, 0::bigint AS id FROM orchestrator.jobs t
 WHERE {IN_FOLDERS} AND t.key = $3::uuid
UNION ALL
SELECT h.state, h.created_at, h.reason, h.id FROM orchestrator.jobs t
  JOIN orchestrator.job_history h ON h.tenant_id = t.tenant_id AND h.job_id = t.id
 WHERE {IN_FOLDERS} AND t.key = $3::uuid ORDER BY id
"""
IS_VISIBLE = f"SELECT true FROM orchestrator.jobs t WHERE {IN_FOLDERS} AND t.key = $3::uuid"
KNOWN_ROBOTS = "SELECT t.id FROM orchestrator.robots t WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[])"


async def process_to_start(
    db: Connection,
    tenant_id: int,
    folder_id: int,
    key: UUID | None,
    name: str | None,
    entry_point: str | None,
    user_id: int | None,
) -> asyncpg.Record | None:
    """The folder's process with its package and the entry point asked for; None when there is none."""
    folded = name.casefold() if name is not None else None
    return await db.fetchrow(PROCESS_TO_START, tenant_id, [folder_id], key, folded, entry_point, user_id)


async def add_jobs(db: Connection, *values: Any) -> list[tuple[int, UUID]]:
    """Id and key of each new job, in the order of the keys given; none when the process went away meanwhile."""
    return [(row["id"], row["key"]) for row in await db.fetch(ADD_JOBS, *values)]


async def jobs_to_stop(
    db: Connection, tenant_id: int, folders: Sequence[int], ids: Sequence[int]
) -> list[asyncpg.Record]:
    """The jobs of these ids that the caller sees, locked, by id."""
    return await db.fetch(JOBS_TO_STOP, tenant_id, list(folders), list(ids))


async def stop_jobs(
    db: Connection, tenant_id: int, now: datetime, moves: Sequence[tuple[int, int]], strategy: str, reason: str
) -> None:
    """Carry out stops that rules allowed: pairs of job id and new state; the rows are locked by the caller."""
    ids, states = [id_ for id_, _ in moves], [state for _, state in moves]
    await db.execute(STOP_JOBS, tenant_id, now, ids, states, strategy, reason)


async def job_in_state(
    db: Connection, tenant_id: int, folders: Sequence[int], *, id_: int | None = None, key: UUID | None = None
) -> asyncpg.Record | None:
    """One job that the caller sees, by id or key, locked."""
    return await db.fetchrow(JOB_IN_STATE, tenant_id, list(folders), id_, key)


async def resume(
    db: Connection, tenant_id: int, job_id: int, now: datetime, source: str, arguments: str | None
) -> bool:
    """Suspended -> Resumed; false when the job is not suspended any more."""
    return await db.fetchval(RESUME, tenant_id, job_id, now, source, arguments) is not None


async def history(db: Connection, tenant_id: int, folders: Sequence[int], key: UUID) -> list[asyncpg.Record]:
    """State, instant and reason of each change, oldest first; none for a job that the caller does not see."""
    return await db.fetch(HISTORY, tenant_id, list(folders), key)


async def folder_robots(db: Connection, tenant_id: int, folder_id: int) -> list[int]:
    """Enabled unattended robots whose account is a member of the folder or of one above."""
    return [row["id"] for row in await db.fetch(FOLDER_ROBOTS, tenant_id, folder_id)]


async def known_robots(db: Connection, tenant_id: int, ids: Sequence[int]) -> set[int]:
    """Those of the ids that are robots of the tenant."""
    return {row["id"] for row in await db.fetch(KNOWN_ROBOTS, tenant_id, list(ids))}


async def suspend(
    db: Connection,
    tenant_id: int,
    job_id: int,
    now: datetime,
    persistence_id: UUID,
    version: int,
    sub_state: str | None,
    info: str | None,
) -> int | None:
    """The state that the job is in now; None when it was final."""
    found: int | None = await db.fetchval(SUSPEND, tenant_id, job_id, now, persistence_id, version, sub_state, info)
    return found


async def keep_snapshot(
    db: Connection,
    tenant_id: int,
    persistence_id: UUID,
    version: int,
    job_id: int,
    blob: str,
    size_bytes: int,
    now: datetime,
) -> None:
    """Remember which blob holds the state that the job saved at this version."""
    await db.execute(KEEP_SNAPSHOT, tenant_id, persistence_id, version, job_id, blob, size_bytes, now)


async def job_to_validate(db: Connection, tenant_id: int, folders: Sequence[int], id_: int) -> asyncpg.Record | None:
    """What decides where a job can run; None for one that the caller does not see."""
    return await db.fetchrow(JOB_TO_VALIDATE, tenant_id, list(folders), id_)
