"""SQL of the hand-out: a session takes jobs, is told what to do, reports; lost robots give jobs back or end them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from podium.kernel.db import Connection

# One claim at a time per session: slots are counted and taken under this row's lock.
LOCK_SESSION = """
SELECT t.id, t.is_in_maintenance, t.state, t.robot_id, t.capabilities, m.name AS machine_name, m.owner_id, m.scope,
       m.unattended_slots, m.non_production_slots, m.headless_slots, m.test_automation_slots, m.development_slots,
       r.user_id AS robot_user_id, r.is_enabled AS is_robot_enabled,
       (SELECT x.is_enabled FROM orchestrator.robots x
         WHERE x.tenant_id = t.tenant_id AND x.id = $3::bigint) AS is_machine_robot_enabled
  FROM orchestrator.sessions t
  JOIN orchestrator.machines m ON m.tenant_id = t.tenant_id AND m.id = t.machine_id
  LEFT JOIN orchestrator.robots r ON r.tenant_id = t.tenant_id AND r.id = t.robot_id
 WHERE t.tenant_id = $1::int AND t.id = $2::bigint FOR UPDATE OF t
"""
# Whether a look is worth its transaction: nothing waits in the folders and nothing is bound to the session.
ANYTHING = """
SELECT EXISTS (SELECT FROM orchestrator.jobs t
                WHERE t.tenant_id = $1::int AND t.session_id = $2::bigint AND t.state IN (0, 1, 2, 3, 8))
    OR EXISTS (SELECT FROM unnest($3::bigint[]) AS f(id)
                CROSS JOIN LATERAL (SELECT FROM orchestrator.jobs t
                                     WHERE t.tenant_id = $1::int AND t.folder_id = f.id AND t.state IN (0, 8)
                                       AND t.session_id IS NULL LIMIT 1) w)
"""
# $3 folders served, $4 runtime type, $5 at most, $6 capabilities (NULL: the host named none), $7 machine, $8 user whose
# attended jobs may run here, $9 robot of the machine, $10 host name, $11 now, $12 whether the account is one user's,
# $13 slots of the session for that type; those in use are counted here, under the session's lock.
CLAIM = """
WITH room AS MATERIALIZED (
  SELECT greatest(0, least($5::int, $13::int - count(*)))::int AS jobs FROM orchestrator.jobs t
   WHERE t.tenant_id = $1::int AND t.session_id = $2::bigint AND t.state IN (0, 1, 2, 3, 8) AND t.runtime_type = $4::text
), candidates AS (
  SELECT c.id, c.priority, c.is_free
    FROM unnest($3::bigint[]) AS f(id)
   CROSS JOIN LATERAL (
      SELECT t.id, t.priority, (t.pinned_robot_id IS NULL AND t.pinned_machine_id IS NULL) AS is_free
        FROM orchestrator.jobs t
       WHERE t.tenant_id = $1::int AND t.folder_id = f.id AND t.state IN (0, 8) AND t.session_id IS NULL
         AND t.runtime_type = $4::text
         AND CASE WHEN t.capability IS NULL THEN $6::text[] IS NULL OR 'process/dotnet' = ANY($6::text[])
                  ELSE t.capability = ANY($6::text[]) END
         AND (t.pinned_machine_id IS NULL OR t.pinned_machine_id = $7::bigint)
         AND (t.pinned_session_ids IS NULL OR $2::bigint = ANY(t.pinned_session_ids))
         AND (NOT $12::boolean OR t.user_id = $8::bigint)
         AND (t.pinned_robot_id IS NULL OR EXISTS (
               SELECT FROM orchestrator.robots p WHERE p.tenant_id = t.tenant_id AND p.id = t.pinned_robot_id AND p.is_enabled))
         AND (NOT t.is_resumed_on_same_host OR t.state = 0 OR (t.machine_id = $7::bigint AND t.host_name = $10::text))
       ORDER BY t.priority DESC, (t.pinned_robot_id IS NULL AND t.pinned_machine_id IS NULL), t.id
       LIMIT (SELECT room.jobs FROM room) FOR UPDATE SKIP LOCKED) AS c
   ORDER BY c.priority DESC, c.is_free, c.id LIMIT (SELECT room.jobs FROM room)
)
UPDATE orchestrator.jobs t
   SET session_id = $2::bigint, machine_id = $7::bigint, host_name = $10::text, lease_epoch = t.lease_epoch + 1,
       bound_at = $11::timestamptz, start_attempts = t.start_attempts + 1, updated_at = $11::timestamptz,
       robot_id = coalesce(t.pinned_robot_id, CASE WHEN NOT $12::boolean THEN (
         SELECT r.id FROM orchestrator.robots r
           JOIN orchestrator.folders g ON g.tenant_id = t.tenant_id AND g.id = t.folder_id
           JOIN orchestrator.folder_members m ON m.tenant_id = r.tenant_id AND m.user_id = r.user_id AND m.folder_id = ANY(g.ancestor_ids)
          WHERE r.tenant_id = t.tenant_id AND r.is_enabled AND r.type = 'Unattended'
            AND (NOT r.is_one_at_a_time OR NOT EXISTS (
                  SELECT FROM orchestrator.jobs o WHERE o.tenant_id = r.tenant_id AND o.robot_id = r.id AND o.state IN (0, 1, 2, 3, 8)
                     AND o.session_id IS NOT NULL))
          ORDER BY r.last_used_at NULLS FIRST, r.id LIMIT 1) END, $9::bigint)
  FROM candidates WHERE t.tenant_id = $1::int AND t.id = candidates.id AND t.state IN (0, 8) AND t.session_id IS NULL
RETURNING t.id
"""
COMMANDS = """
SELECT t.id, t.key, t.state, t.folder_id, t.process_key, t.process_name, t.package_id, t.package_version, t.feed_id,
       t.entry_point_path, t.input_arguments, t.input_file, t.environment_variables, t.priority, t.source, t.source_type,
       t.requires_user_interaction, t.lease_epoch, t.stop_strategy, t.stop_after_s, t.persistence_id, t.resume_version,
       t.resume_source, t.trace_id, t.parent_span_id, t.root_span_id, t.fps_context, t.fps_properties,
       t.resource_overwrites, t.runtime_type, t.target_framework, t.created_at,
       f.key AS folder_key, f.path AS folder_path, p.sha256,
       r.key AS robot_key, r.name AS robot_name, r.type AS robot_type, r.user_name AS robot_user_name,
       u.key AS user_key, u.email AS user_email, u.user_name
  FROM orchestrator.jobs t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
  JOIN orchestrator.robots r ON r.tenant_id = t.tenant_id AND r.id = t.robot_id
  LEFT JOIN orchestrator.packages p ON p.tenant_id = t.tenant_id AND p.id = t.package_row_id
  LEFT JOIN orchestrator.users u ON u.tenant_id = t.tenant_id AND u.id = coalesce(r.user_id, t.user_id, t.created_by)
 WHERE t.tenant_id = $1::int AND t.session_id = $2::bigint AND t.state IN (0, 2, 3, 8)
 ORDER BY (t.state IN (0, 8)), t.priority DESC, t.id
"""
# $3 session, $4 epoch (NULL: the vendor's robots have none), $5 reported state, $6 states in which it has an effect.
# The event leaves the robot's key out: whoever has it may speak for the robot.
REPORT = """
WITH held AS (
  SELECT t.id, t.state FROM orchestrator.jobs t
   WHERE t.tenant_id = $1::int AND t.key = $2::uuid AND t.session_id = $3::bigint
     AND ($4::int IS NULL OR t.lease_epoch = $4::int) AND t.state = ANY($6::smallint[]) FOR UPDATE
), changed AS (
  UPDATE orchestrator.jobs t
     SET state = CASE WHEN $5::smallint = 1 AND held.state IN (2, 3) THEN held.state ELSE $5::smallint END,
         started_at = coalesce(t.started_at, $7::timestamptz),
         resumed_at = CASE WHEN held.state = 8 THEN $7::timestamptz ELSE t.resumed_at END,
         ended_at = CASE WHEN $5::smallint IN (4, 5, 6) THEN $7::timestamptz END,
         info = coalesce($8::text, t.info), output_arguments = coalesce($9::text, t.output_arguments),
         output_file = coalesce($10::uuid, t.output_file), error = coalesce($11::jsonb, t.error),
         has_errors = t.has_errors OR $5::smallint = 4, trace_id = coalesce($12::text, t.trace_id),
         reported_at = $7::timestamptz, updated_at = $7::timestamptz
    FROM held WHERE t.tenant_id = $1::int AND t.id = held.id
  RETURNING t.id, t.key, t.folder_id, t.state, held.state AS was, t.process_id, t.process_key, t.process_name, t.package_id,
            t.started_at, t.ended_at, t.info, t.robot_id, t.priority, t.runtime_type, t.source_type, t.created_at,
            t.output_arguments
), noted AS (
  INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
  SELECT $1::int, changed.id, s.state, CASE WHEN s.state = changed.state THEN left(changed.info, 2000) END, $7::timestamptz
    FROM changed CROSS JOIN LATERAL (
         SELECT 1::smallint AS state WHERE changed.was IN (0, 8) AND changed.state <> 1
         UNION ALL SELECT changed.state WHERE changed.state <> changed.was) s
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT $1::int, gen_random_uuid(), e.type, changed.folder_id, NULL, $7::timestamptz,
         CASE WHEN e.type = 'job.stopped' THEN jsonb_build_object('Jobs', jsonb_build_array(e.job))
              ELSE jsonb_build_object('Job', e.job) END
    FROM changed CROSS JOIN LATERAL (
      SELECT (ARRAY['job.started', NULL, NULL, 'job.faulted', 'job.completed', 'job.stopped'])[changed.state] AS type,
             jsonb_strip_nulls(jsonb_build_object(
               'Id', changed.id, 'Key', changed.key,
               'State', (ARRAY['Running', 'Stopping', 'Terminating', 'Faulted', 'Successful', 'Stopped'])[changed.state],
               'StartTime', changed.started_at, 'EndTime', changed.ended_at, 'CreationTime', changed.created_at,
               'Info', changed.info, 'SpecificPriorityValue', changed.priority, 'RuntimeType', changed.runtime_type,
               'SourceType', changed.source_type,
               'OutputArguments', CASE WHEN changed.output_arguments IS JSON OBJECT THEN changed.output_arguments::jsonb END,
               'Robot', (SELECT jsonb_build_object('Id', r.id, 'Name', r.name, 'Type', r.type)
                           FROM orchestrator.robots r WHERE r.tenant_id = $1::int AND r.id = changed.robot_id),
               'Release', jsonb_build_object('Id', changed.process_id, 'Key', changed.process_key, 'Name', changed.process_name,
                                             'ProcessKey', changed.package_id))) AS job) e
   WHERE changed.state <> changed.was AND e.type IS NOT NULL
)
SELECT id, folder_id, state, was FROM changed
"""
JOB_BY_KEY = """
SELECT t.id, t.state, t.session_id, t.lease_epoch, t.folder_id FROM orchestrator.jobs t WHERE t.tenant_id = $1::int AND t.key = $2::uuid
"""
ALIVE = """
UPDATE orchestrator.jobs t SET reported_at = $4::timestamptz
 WHERE t.tenant_id = $1::int AND t.session_id = $2::bigint AND t.key = ANY($3::uuid[]) AND t.state IN (1, 2, 3)
"""
# What is bound and not running goes back to the pool; what runs ends. $4: also the running ones.
RELEASE_UNSTARTED = """
UPDATE orchestrator.jobs t
   SET session_id = NULL, robot_id = NULL, machine_id = NULL, host_name = NULL, bound_at = NULL, updated_at = $3::timestamptz
 WHERE t.tenant_id = $1::int AND t.session_id = $2::bigint AND t.state IN (0, 8) RETURNING t.folder_id
"""
END_LOST = """
WITH ended AS (
  UPDATE orchestrator.jobs t
     SET state = CASE WHEN t.state = 1 THEN 4 ELSE 6 END, ended_at = $3::timestamptz, updated_at = $3::timestamptz,
         has_errors = t.has_errors OR t.state = 1, info = $4::text,
         error = CASE WHEN t.state = 1 THEN jsonb_build_object('Code', $5::text, 'Title', $4::text, 'Category', 'System') ELSE t.error END
   WHERE t.tenant_id = $1::int AND t.session_id = $2::bigint AND t.state IN (1, 2, 3)
     AND ($6::timestamptz IS NULL OR t.reported_at < $6::timestamptz) AND NOT (t.key = ANY($7::uuid[]))
  RETURNING t.id, t.key, t.state, t.folder_id
), noted AS (
  INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
  SELECT $1::int, ended.id, ended.state, $4::text, $3::timestamptz FROM ended
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT $1::int, gen_random_uuid(), CASE WHEN ended.state = 4 THEN 'job.faulted' ELSE 'job.stopped' END, ended.folder_id,
         NULL, $3::timestamptz,
         jsonb_build_object('Job', jsonb_build_object('Id', ended.id, 'Key', ended.key, 'Info', $4::text)) FROM ended
)
SELECT id FROM ended
"""

RUNTIME_COLUMNS: Mapping[str, str] = {
    "Unattended": "unattended_slots",
    "NonProduction": "non_production_slots",
    "Headless": "headless_slots",
    "TestAutomation": "test_automation_slots",
    "Development": "development_slots",
}


MOST_AT_ONCE = 1000  # jobs; beyond it a session looks again


class Claimant(NamedTuple):
    """The session that asks for work."""

    tenant_id: int
    session_id: int
    machine_id: int
    host_name: str
    folders: Sequence[int]
    machine_robot_id: int | None


async def has_anything(db: Connection, who: Claimant) -> bool:
    """Whether the session has jobs, or a folder that it serves has waiting ones."""
    return bool(await db.fetchval(ANYTHING, who.tenant_id, who.session_id, list(who.folders)))


async def claim(db: Connection, who: Claimant, now: datetime, at_most: int | None) -> int:
    """Bind waiting jobs to the session, as many as it has free slots; how many. In the caller's transaction."""
    session = await db.fetchrow(LOCK_SESSION, who.tenant_id, who.session_id, who.machine_robot_id)
    if session is None or session["is_in_maintenance"] or not who.folders:
        return 0
    room = MOST_AT_ONCE if at_most is None else at_most
    claimed = 0
    for runtime, column in RUNTIME_COLUMNS.items():
        slots = session[column]
        if slots <= 0 or claimed >= room:
            continue
        is_personal = runtime == "Development"
        robot = session["robot_id"] if is_personal else who.machine_robot_id
        is_enabled = session["is_robot_enabled"] if is_personal else session["is_machine_robot_enabled"]
        if robot is None or not is_enabled:
            continue
        rows = await db.fetch(
            CLAIM,
            who.tenant_id,
            who.session_id,
            list(who.folders),
            runtime,
            room - claimed,
            session["capabilities"],
            who.machine_id,
            session["robot_user_id"],
            robot,
            who.host_name,
            now,
            is_personal,
            slots,
        )
        claimed += len(rows)
    return claimed


async def commands(db: Connection, tenant_id: int, session_id: int) -> list[asyncpg.Record]:
    """What the session has to start or stop: stops first, then by priority and age."""
    return await db.fetch(COMMANDS, tenant_id, session_id)


async def report(db: Connection, *values: Any) -> asyncpg.Record | None:
    """Apply a robot's report; None when it has no effect (lost lease, late, doubled, unknown job)."""
    return await db.fetchrow(REPORT, *values)


async def job_by_key(db: Connection, tenant_id: int, key: UUID) -> asyncpg.Record | None:
    """State and lease of a job."""
    return await db.fetchrow(JOB_BY_KEY, tenant_id, key)


async def alive(db: Connection, tenant_id: int, session_id: int, keys: Sequence[UUID], now: datetime) -> None:
    """Note that these jobs of the session still run."""
    await db.execute(ALIVE, tenant_id, session_id, list(keys), now)


async def release_unstarted(db: Connection, tenant_id: int, session_id: int, now: datetime) -> list[int]:
    """Give the session's jobs that never ran back to the pool; the folders of each."""
    return [row["folder_id"] for row in await db.fetch(RELEASE_UNSTARTED, tenant_id, session_id, now)]


async def end_lost(
    db: Connection,
    tenant_id: int,
    session_id: int,
    now: datetime,
    *,
    info: str,
    code: str,
    silent_since: datetime | None = None,
    spared: Sequence[UUID] = (),
) -> int:
    """End what runs on a session that is gone: Running -> Faulted, Stopping and Terminating -> Stopped; how many."""
    return len(await db.fetch(END_LOST, tenant_id, session_id, now, info, code, silent_since, list(spared)))
