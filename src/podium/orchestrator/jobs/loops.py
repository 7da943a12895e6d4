"""Watches jobs: time limits, starts that nobody acknowledges, jobs that terminate for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.kernel.db import Connection
from podium.kernel.loops import Loop

UNACKNOWLEDGED_AFTER = timedelta(minutes=15)
MAX_START_ATTEMPTS = 2
TERMINATING_FOR = timedelta(days=1)

# Clocks of time limits start at the creation of the job: waiting counts.
STOP_OVERDUE = """
WITH due AS (
  SELECT t.tenant_id, t.id, t.state,
         CASE WHEN t.state IN (0, 7, 8) THEN 6 WHEN t.stop_strategy = 'Kill' OR t.kill_at <= $1::timestamptz THEN 3 ELSE 2 END AS following
    FROM orchestrator.jobs t
   WHERE (t.state IN (0, 1, 7, 8) AND t.stop_at <= $1::timestamptz) OR (t.state = 2 AND t.kill_at <= $1::timestamptz)
   ORDER BY t.tenant_id, t.id LIMIT 200 FOR UPDATE SKIP LOCKED
), changed AS (
  UPDATE orchestrator.jobs t
     SET state = due.following, updated_at = $1::timestamptz, stop_at = NULL,
         kill_at = CASE WHEN due.following = 2 AND t.kill_after_s IS NOT NULL
                        THEN $1::timestamptz + make_interval(secs => t.kill_after_s) END,
         ended_at = CASE WHEN due.following = 6 THEN $1::timestamptz END,
         info = CASE WHEN due.following = 6 THEN 'Job canceled: its time limit passed' ELSE t.info END
    FROM due WHERE t.tenant_id = due.tenant_id AND t.id = due.id
  RETURNING t.tenant_id, t.id, t.state
)
INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
SELECT changed.tenant_id, changed.id, changed.state, 'time limit', $1::timestamptz FROM changed RETURNING job_id
"""
# Handed out, never reported: given back once, then Faulted.
UNACKNOWLEDGED = """
WITH due AS (
  SELECT t.tenant_id, t.id, t.start_attempts >= $3::int AS is_last FROM orchestrator.jobs t
   WHERE t.state IN (0, 8) AND t.session_id IS NOT NULL AND t.bound_at < $2::timestamptz
   ORDER BY t.tenant_id, t.id LIMIT 200 FOR UPDATE SKIP LOCKED
), changed AS (
  UPDATE orchestrator.jobs t
     SET session_id = NULL, bound_at = NULL, updated_at = $1::timestamptz,
         state = CASE WHEN due.is_last THEN 4 ELSE t.state END,
         ended_at = CASE WHEN due.is_last THEN $1::timestamptz END,
         has_errors = t.has_errors OR due.is_last,
         info = CASE WHEN due.is_last THEN 'The robot took the job and never reported that it started.' ELSE t.info END,
         error = CASE WHEN due.is_last THEN jsonb_build_object('Code', 'ORCH.START_NOT_ACKNOWLEDGED', 'Category', 'SYSTEM',
                      'Title', 'The robot took the job and never reported that it started.') ELSE t.error END
    FROM due WHERE t.tenant_id = due.tenant_id AND t.id = due.id
  RETURNING t.tenant_id, t.id, t.state
)
INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
SELECT changed.tenant_id, changed.id, changed.state, 'start not acknowledged', $1::timestamptz FROM changed RETURNING job_id
"""
TERMINATING_TOO_LONG = """
WITH changed AS (
  UPDATE orchestrator.jobs t
     SET state = 4, ended_at = $1::timestamptz, updated_at = $1::timestamptz, has_errors = true,
         info = 'The job was transitioned to a faulted state as a result of a cleanup action for jobs in Terminating state.'
   WHERE t.state = 3 AND t.updated_at < $2::timestamptz
  RETURNING t.tenant_id, t.id
)
INSERT INTO orchestrator.job_history (tenant_id, job_id, state, reason, created_at)
SELECT changed.tenant_id, changed.id, 4, 'cleanup', $1::timestamptz FROM changed RETURNING job_id
"""


async def stop_overdue(db: Connection, now: datetime) -> int:
    """Stop, then kill, jobs whose time limits passed."""
    return len(await db.fetch(STOP_OVERDUE, now))


async def give_back_unacknowledged(db: Connection, now: datetime) -> int:
    """Take jobs back from sessions that took them and never said that they run."""
    return len(await db.fetch(UNACKNOWLEDGED, now, now - UNACKNOWLEDGED_AFTER, MAX_START_ATTEMPTS))


async def end_terminating(db: Connection, now: datetime) -> int:
    """Fault jobs that have been Terminating for a day."""
    return len(await db.fetch(TERMINATING_TOO_LONG, now, now - TERMINATING_FOR))


LOOPS = (
    Loop("jobs.stop_overdue", every=timedelta(seconds=2), turn=stop_overdue),
    Loop("jobs.give_back_unacknowledged", every=timedelta(seconds=30), turn=give_back_unacknowledged),
    Loop("jobs.end_terminating", every=timedelta(minutes=10), turn=end_terminating),
)
