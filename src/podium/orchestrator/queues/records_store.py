"""SQL of the figures about queues: read from the items as they are, and from indexes as far as that goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.queues.rules import Figures

SAMPLED = 1000
"""Of so many items that ended last it is read how long they took: reading all of them would take as long as a scan."""

QUEUES = f"""
SELECT t.id, t.key, t.name, t.description, t.is_retried_automatically, t.is_retried_when_abandoned, t.max_retries,
       t.has_unique_references, t.process_id, p.name AS process_name,
       coalesce(t.process_id IN (
         SELECT t.id FROM orchestrator.processes t WHERE {scope.IN_FOLDERS}), false) AS is_process_here,
       t.content_schema IS NOT NULL AS has_content_schema, t.output_schema IS NOT NULL AS has_output_schema,
       t.analytics_schema IS NOT NULL AS has_analytics_schema, t.tags,
       (SELECT count(*) FROM orchestrator.queue_folders f
         WHERE f.tenant_id = t.tenant_id AND f.queue_id = t.id) AS folders_count
  FROM orchestrator.queues t
  LEFT JOIN orchestrator.processes p ON p.tenant_id = t.tenant_id AND p.id = t.process_id
 WHERE {scope.IN_TENANT} AND t.id IN (
       SELECT t.queue_id FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS})
 ORDER BY t.id
"""
COUNTS = """
SELECT t.queue_id, t.state, count(*) AS amount FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1 AND t.queue_id = ANY($2::bigint[]) AND t.state IN (0, 1, 3) GROUP BY t.queue_id, t.state
"""
EXCEPTIONS = """
SELECT t.queue_id, t.exception_type, count(*) AS amount FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1 AND t.queue_id = ANY($2::bigint[]) AND t.exception_type IS NOT NULL AND t.state IN (2, 5)
 GROUP BY t.queue_id, t.exception_type
"""
LATEST = """
SELECT q.id, max(i.ended_at) AS last_at,
       count(*) FILTER (WHERE i.state = 3) AS successful,
       count(*) FILTER (WHERE i.state IN (2, 5) AND i.exception_type = 'ApplicationException') AS application,
       count(*) FILTER (WHERE i.state IN (2, 5) AND i.exception_type = 'BusinessException') AS business,
       coalesce(sum(i.s) FILTER (WHERE i.state = 3), 0) AS successful_s,
       coalesce(sum(i.s) FILTER (WHERE i.state IN (2, 5) AND i.exception_type = 'ApplicationException'), 0) AS application_s,
       coalesce(sum(i.s) FILTER (WHERE i.state IN (2, 5) AND i.exception_type = 'BusinessException'), 0) AS business_s
  FROM unnest($2::bigint[]) AS q(id)
 CROSS JOIN LATERAL (
       SELECT t.state, t.exception_type, t.ended_at,
              extract(epoch FROM t.ended_at - coalesce(t.started_at, t.ended_at))::float8 AS s
         FROM orchestrator.queue_items t
        WHERE t.tenant_id = $1 AND t.queue_id = q.id AND t.ended_at IS NOT NULL AND t.state <> 6
        ORDER BY t.ended_at DESC LIMIT $3) i
 GROUP BY q.id
"""
# $4 is the width of a period as date_trunc names it.
ENDED = """
SELECT date_trunc($4::text, t.ended_at, 'UTC') AS period,
       count(*) FILTER (WHERE t.state = 3) AS successful,
       count(*) FILTER (WHERE t.state IN (2, 5) AND t.exception_type = 'ApplicationException') AS application,
       count(*) FILTER (WHERE t.state IN (2, 5) AND t.exception_type = 'BusinessException') AS business,
       count(*) FILTER (WHERE t.state = 5) AS retried,
       coalesce(sum(extract(epoch FROM t.ended_at - t.started_at)::float8) FILTER (WHERE t.state = 3), 0) AS successful_s,
       coalesce(sum(extract(epoch FROM t.ended_at - t.started_at)::float8)
                FILTER (WHERE t.state IN (2, 5) AND t.exception_type = 'ApplicationException'), 0) AS application_s,
       coalesce(sum(extract(epoch FROM t.ended_at - t.started_at)::float8)
                FILTER (WHERE t.state IN (2, 5) AND t.exception_type = 'BusinessException'), 0) AS business_s
  FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1 AND t.queue_id = $2 AND t.ended_at >= $3 GROUP BY 1
"""

NEW, IN_PROGRESS, SUCCESSFUL = 0, 1, 3


async def queues(db: Connection, tenant_id: int, folder_ids: Collection[int]) -> list[Record]:
    """The queues that one of the folders shows, with their settings."""
    return await db.fetch(QUEUES, tenant_id, list(folder_ids))


async def counts(db: Connection, tenant_id: int, ids: Collection[int]) -> Mapping[tuple[int, int | str], int]:
    """How many items the queues have, by queue and state; of those that failed, by queue and kind of exception."""
    of_states = await db.fetch(COUNTS, tenant_id, list(ids))
    of_exceptions = await db.fetch(EXCEPTIONS, tenant_id, list(ids))
    return {(row[0], row[1]): row["amount"] for row in (*of_states, *of_exceptions)}


async def latest(db: Connection, tenant_id: int, ids: Collection[int]) -> Mapping[int, Record]:
    """How long the latest ended items of each queue took, and when the last one ended."""
    return {row["id"]: row for row in await db.fetch(LATEST, tenant_id, list(ids), SAMPLED)}


async def ended(
    db: Connection, tenant_id: int, queue_id: int, since: datetime, width: str
) -> Mapping[datetime, Figures]:
    """The queue's ended items by the beginning of the period; `width` is `hour` or `day`."""
    rows = await db.fetch(ENDED, tenant_id, queue_id, since, width)
    return {row["period"]: Figures(*list(row.values())[1:]) for row in rows}
