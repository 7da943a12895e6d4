"""SQL of job triggers. Whoever locks both a job and its triggers locks the job first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from podium.kernel.db import Connection
from podium.orchestrator.job_triggers.rules import Wait
from podium.orchestrator.scope import IN_FOLDERS, IN_TENANT

# Triggers have no folder of their own: they are seen by whoever sees their job. The inner `t` is the job.
OF_VISIBLE_JOBS = f"{IN_TENANT} AND t.job_id IN (SELECT t.id FROM orchestrator.jobs t WHERE {IN_FOLDERS})"
OF_VISIBLE_JOB = f"""
{IN_TENANT} AND t.job_id = $3::bigint AND t.job_id IN (SELECT t.id FROM orchestrator.jobs t WHERE {IN_FOLDERS})
"""
JOB_ID = f"SELECT t.id FROM orchestrator.jobs t WHERE {IN_FOLDERS} AND t.id = $3::bigint"
JOB_ID_OF_KEY = f"SELECT t.id FROM orchestrator.jobs t WHERE {IN_FOLDERS} AND t.key = $3::uuid"

# A job that suspends itself again names the inbox of before: a payload that came meanwhile is kept. The inbox of
# another job is left alone.
ADD = """
INSERT INTO orchestrator.job_triggers (tenant_id, job_id, type, item_key, item_id, inbox_id, message, resume_at, detail, created_at)
SELECT $1::int, $2::bigint, e.type, e.item_key, e.item_id, e.inbox_id, e.message, e.resume_at, e.detail::jsonb, $3::timestamptz
  FROM unnest($4::text[], $5::text[], $6::bigint[], $7::uuid[], $8::text[], $9::timestamptz[], $10::text[]) WITH ORDINALITY
       AS e(type, item_key, item_id, inbox_id, message, resume_at, detail, position)
 WHERE e.inbox_id IS NOT NULL OR NOT EXISTS (
       SELECT FROM orchestrator.job_triggers o
        WHERE o.tenant_id = $1::int AND o.job_id = $2::bigint AND o.status = 'New' AND o.type = e.type
          AND o.item_key = e.item_key)
 ORDER BY e.position
ON CONFLICT (inbox_id) WHERE inbox_id IS NOT NULL DO UPDATE
   SET status = 'New', fired_at = NULL, created_at = excluded.created_at, message = excluded.message
 WHERE job_triggers.tenant_id = excluded.tenant_id AND job_triggers.job_id = excluded.job_id
"""
# What has happened already when the trigger is made. The caller holds the job's row.
DUE_OF_JOB = """
SELECT t.tenant_id, t.id, t.job_id, t.type FROM orchestrator.job_triggers t
 WHERE t.tenant_id = $1::int AND t.job_id = $2::bigint AND t.status = 'New'
   AND (t.resume_at <= $3::timestamptz OR t.payload IS NOT NULL
        OR EXISTS (SELECT FROM orchestrator.jobs a
                    WHERE a.tenant_id = t.tenant_id AND a.state IN (4, 5, 6)
                      AND a.key = CASE WHEN t.type = 'Job' THEN t.item_key::uuid END))
 ORDER BY t.id LIMIT 1
"""
DUE_TIMERS = """
SELECT t.tenant_id, t.id, t.job_id, t.type FROM orchestrator.job_triggers t
  JOIN orchestrator.jobs w ON w.tenant_id = t.tenant_id AND w.id = t.job_id
 WHERE t.status = 'New' AND t.resume_at IS NOT NULL AND t.resume_at <= $1::timestamptz
 ORDER BY t.resume_at LIMIT $2::int FOR UPDATE OF w, t SKIP LOCKED
"""
ENDED_JOBS = """
SELECT t.tenant_id, t.id, t.job_id, t.type FROM orchestrator.job_triggers t
  JOIN orchestrator.jobs a ON a.tenant_id = t.tenant_id AND a.state IN (4, 5, 6)
   AND a.key = CASE WHEN t.type = 'Job' THEN t.item_key::uuid END
  JOIN orchestrator.jobs w ON w.tenant_id = t.tenant_id AND w.id = t.job_id
 WHERE t.status = 'New' AND t.type = 'Job' AND t.item_key IS NOT NULL
 ORDER BY t.tenant_id, t.id LIMIT $1::int FOR UPDATE OF w, t SKIP LOCKED
"""
WAITING_FOR = """
SELECT t.tenant_id, t.id, t.job_id, t.type FROM orchestrator.job_triggers t
  JOIN orchestrator.jobs w ON w.tenant_id = t.tenant_id AND w.id = t.job_id
 WHERE t.tenant_id = $1::int AND t.status = 'New' AND t.type = $2::text
   AND (t.item_key = ANY($3::text[]) OR t.item_id = ANY($4::bigint[]))
 ORDER BY w.id, t.id FOR UPDATE OF w, t
"""
MARK_FIRED = """
UPDATE orchestrator.job_triggers t SET status = 'Fired', fired_at = $3::timestamptz
  FROM unnest($1::int[], $2::bigint[]) AS e(tenant_id, id)
 WHERE t.tenant_id = e.tenant_id AND t.id = e.id AND t.status <> 'Fired'
"""
# Delivered when the transaction commits, and in the form in which nodes tell each other of waiting jobs.
WAKE = """
SELECT pg_notify('podium_work', concat_ws(':', 'w', t.tenant_id, t.folder_id, 1))
  FROM orchestrator.jobs t WHERE t.tenant_id = $1::int AND t.id = $2::bigint
"""
INBOX = """
SELECT t.id, t.job_id, t.type, j.folder_id FROM orchestrator.job_triggers t
  JOIN orchestrator.jobs j ON j.tenant_id = t.tenant_id AND j.id = t.job_id
 WHERE t.tenant_id = $1::int AND t.inbox_id = $2::uuid FOR UPDATE OF j
"""
DELIVER = """
UPDATE orchestrator.job_triggers t SET payload = $3::jsonb, status = 'Fired', fired_at = $4::timestamptz
 WHERE t.tenant_id = $1::int AND t.id = $2::bigint AND t.payload IS NULL RETURNING true
"""
PAYLOAD = "SELECT t.payload FROM orchestrator.job_triggers t WHERE t.tenant_id = $1::int AND t.inbox_id = $2::uuid"


class Due(NamedTuple):
    """A trigger whose time has come."""

    tenant_id: int
    id: int
    job_id: int
    type: str


async def add(
    db: Connection, tenant_id: int, job_id: int, waits: Sequence[Wait], details: Sequence[str | None], now: datetime
) -> None:
    """Keep what the job waits for; `details` are JSON texts, one per wait. Inbox ids must differ."""
    columns = [list(column) for column in zip(*waits, strict=True)]
    await db.execute(ADD, tenant_id, job_id, now, *columns, list(details))


async def due_of_job(db: Connection, tenant_id: int, job_id: int, now: datetime) -> list[Due]:
    """One of the job's triggers that need not wait, if there is any."""
    return [Due(*row) for row in await db.fetch(DUE_OF_JOB, tenant_id, job_id, now)]


async def due_timers(db: Connection, now: datetime, at_most: int) -> list[Due]:
    """Timers whose instant has come, locked with their jobs."""
    return [Due(*row) for row in await db.fetch(DUE_TIMERS, now, at_most)]


async def ended_jobs(db: Connection, at_most: int) -> list[Due]:
    """Triggers whose awaited job is final, locked with the jobs that wait."""
    return [Due(*row) for row in await db.fetch(ENDED_JOBS, at_most)]


async def waiting_for(db: Connection, tenant_id: int, type_: str, keys: Sequence[str], ids: Sequence[int]) -> list[Due]:
    """Triggers that wait for one of these items, locked with their jobs."""
    return [Due(*row) for row in await db.fetch(WAITING_FOR, tenant_id, type_, list(keys), list(ids))]


async def mark_fired(db: Connection, due: Sequence[Due], now: datetime) -> None:
    """The triggers have fired."""
    await db.execute(MARK_FIRED, [each.tenant_id for each in due], [each.id for each in due], now)


async def wake(db: Connection, tenant_id: int, job_id: int) -> None:
    """Tell every node, at commit, that jobs wait in the folder of this one."""
    await db.execute(WAKE, tenant_id, job_id)


async def inbox(db: Connection, tenant_id: int, inbox_id: UUID) -> asyncpg.Record | None:
    """The trigger of an inbox and the folder of its job, the job locked."""
    return await db.fetchrow(INBOX, tenant_id, inbox_id)


async def deliver(db: Connection, tenant_id: int, id_: int, payload: str, now: datetime) -> bool:
    """Put the payload (JSON text) into the inbox; False when there is one already."""
    return bool(await db.fetchval(DELIVER, tenant_id, id_, payload, now))


async def payload(db: Connection, tenant_id: int, inbox_id: UUID) -> str | None:
    """The JSON text that was delivered; None for an unknown or empty inbox."""
    found: str | None = await db.fetchval(PAYLOAD, tenant_id, inbox_id)
    return found


async def job_id(
    db: Connection, tenant_id: int, folders: Sequence[int], *, id_: int | None = None, key: UUID | None = None
) -> int | None:
    """Id of the job that the caller sees in the folders, by id or by key."""
    if key is not None:
        found: int | None = await db.fetchval(JOB_ID_OF_KEY, tenant_id, list(folders), key)
    else:
        found = await db.fetchval(JOB_ID, tenant_id, list(folders), id_)
    return found
