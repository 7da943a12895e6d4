"""Statements of attempts that end without a result: abandoned, or tried again by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

# $2 tenants of their own period: all but these, or just these with $3. Locked rows are somebody's who ends them.
ABANDONED = """
SELECT t.tenant_id, t.id, t.key, t.retry_number, q.is_retried_when_abandoned, q.max_retries, q.is_encrypted
  FROM orchestrator.queue_items t
  JOIN orchestrator.queues q ON q.tenant_id = t.tenant_id AND q.id = t.queue_id
 WHERE t.state = 1 AND t.started_at <= $1::timestamptz AND (t.tenant_id = ANY($2::int[])) = $3::boolean
 ORDER BY t.started_at LIMIT $4::int FOR UPDATE OF t SKIP LOCKED
"""
# Ends the locked items $1: by $4 it becomes Abandoned (4) or Retried (5), and then the next attempt is written with the
# id and unique key given. $8: as a manual retry, which leaves the end of the attempt as it was.
END = """
WITH asked AS MATERIALIZED (
  SELECT e.* FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::smallint[], $5::uuid[]) WITH ORDINALITY
         AS e(tenant_id, item_id, next_id, following, next_unique_key, position)
), changed AS (
  UPDATE orchestrator.queue_items t
     SET state = e.following, row_version = t.row_version + 1,
         ended_at = CASE WHEN $8::boolean THEN t.ended_at ELSE $6::timestamptz END,
         review_state = CASE WHEN $8::boolean THEN 3 ELSE t.review_state END
    FROM asked e WHERE t.tenant_id = e.tenant_id AND t.id = e.item_id
  RETURNING t.*, e.next_id, e.next_unique_key, e.position
), cloned AS (
  INSERT INTO orchestrator.queue_items (
    tenant_id, id, key, unique_key, queue_id, priority, rank, due_at, risk_at, has_unique_reference, reference,
    reference_key, source, parent_operation_id, ancestor_id, ancestor_unique_key, manual_ancestor_id,
    manual_ancestor_unique_key, retry_number, manual_retry_number, previous_attempts_s, created_at, created_by)
  OVERRIDING SYSTEM VALUE
  SELECT c.tenant_id, c.next_id, c.key, c.next_unique_key, c.queue_id, c.priority, c.rank, c.due_at, c.risk_at,
         c.has_unique_reference, c.reference, c.reference_key, c.source, c.parent_operation_id,
         CASE WHEN NOT $8::boolean THEN c.id END,
         CASE WHEN NOT $8::boolean THEN c.unique_key END,
         CASE WHEN $8::boolean THEN c.id ELSE c.manual_ancestor_id END,
         CASE WHEN $8::boolean THEN c.unique_key ELSE c.manual_ancestor_unique_key END,
         CASE WHEN $8::boolean THEN 0 ELSE c.retry_number + 1 END, c.manual_retry_number + $8::boolean::int,
         c.previous_attempts_s + coalesce(greatest(0, extract(epoch FROM c.ended_at - c.started_at)), 0)::int,
         $6::timestamptz, c.created_by
    FROM changed c WHERE c.state = 5 ORDER BY c.position
  RETURNING tenant_id, id
), copied AS (
  INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content)
  SELECT n.tenant_id, n.id, o.content FROM cloned n JOIN asked e ON e.next_id = n.id
    JOIN orchestrator.queue_item_contents o ON o.tenant_id = n.tenant_id AND o.item_id = e.item_id
), noted AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                              client_id, created_at)
  SELECT n.tenant_id, n.item_id, n.action, n.state, n.review_state, n.reviewer_id, $7::bigint, $9::text, $6::timestamptz
    FROM (SELECT c.tenant_id, c.id AS item_id, 3::smallint AS action, c.state, c.review_state, c.reviewer_id, c.position
            FROM changed c
           UNION ALL
          SELECT x.tenant_id, x.id, 4, 0::smallint, 0::smallint, NULL, e.position
            FROM cloned x JOIN asked e ON e.next_id = x.id) n
   ORDER BY n.position, n.action
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT g.tenant_id, gen_random_uuid(), 'queueItem.transactionAbandoned', h.folder_id, NULL, $6::timestamptz,
         jsonb_build_object(
           'Queue', jsonb_build_object(
             'Id', q.id, 'Key', q.key, 'Name', q.name, 'Description', q.description,
             'MaxNumberOfRetries', q.max_retries, 'AcceptAutomaticallyRetry', q.is_retried_automatically,
             'EnforceUniqueReference', q.has_unique_references, 'SlaInMinutes', q.sla_minutes,
             'RiskSlaInMinutes', q.risk_sla_minutes),
           'QueueItems', g.items)
    FROM (SELECT c.tenant_id, c.queue_id, jsonb_agg(jsonb_build_object(
                   'Id', c.id, 'QueueDefinitionId', c.queue_id, 'Key', c.key, 'UniqueKey', c.unique_key,
                   'Status', CASE WHEN c.state = 5 THEN 'Retried' ELSE 'Abandoned' END,
                   'Priority', (ARRAY['High', 'Normal', 'Low'])[c.priority + 1], 'Reference', c.reference,
                   'CreationTime', c.created_at, 'StartProcessing', c.started_at, 'EndProcessing', c.ended_at,
                   'DueDate', nullif(c.due_at, 'infinity'), 'RobotId', c.robot_id, 'ExecutorJobKey', c.job_key,
                   'RetryNumber', c.retry_number, 'Progress', c.progress) ORDER BY c.position) AS items
            FROM changed c WHERE NOT $8::boolean GROUP BY c.tenant_id, c.queue_id) g
    JOIN orchestrator.queues q ON q.tenant_id = g.tenant_id AND q.id = g.queue_id
    LEFT JOIN LATERAL (SELECT min(f.folder_id) AS folder_id FROM orchestrator.queue_folders f
                        WHERE f.tenant_id = g.tenant_id AND f.queue_id = g.queue_id) h ON true
)
SELECT count(*) FROM changed
"""
TO_RETRY = """
SELECT t.tenant_id, t.id, q.is_encrypted FROM orchestrator.queue_items t
  JOIN orchestrator.queues q ON q.tenant_id = t.tenant_id AND q.id = t.queue_id
 WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) ORDER BY t.id FOR UPDATE OF t
"""


class Ending(NamedTuple):
    """How a locked item ends. `next_id` is 0 when there is no next attempt."""

    tenant_id: int
    item_id: int
    next_id: int
    following: int
    next_unique_key: UUID


async def abandoned(
    db: Connection, before: datetime, tenant_ids: Sequence[int], *, just_these: bool, at_most: int
) -> list[Record]:
    """Items in progress since before the instant, of just these tenants or of all others; locked."""
    return await db.fetch(ABANDONED, before, list(tenant_ids), just_these, at_most)


async def to_retry(db: Connection, tenant_id: int, item_ids: Sequence[int]) -> list[Record]:
    """The items of these ids, locked."""
    return await db.fetch(TO_RETRY, tenant_id, list(item_ids))


async def end(
    db: Connection,
    endings: Sequence[Ending],
    now: datetime,
    *,
    by_hand: bool,
    user_id: int | None = None,
    client_id: str | None = None,
) -> None:
    """End the locked items and write their next attempts: one statement. By hand there is no webhook of it."""
    columns = [list(column) for column in zip(*endings, strict=True)]
    tenant_ids, item_ids, next_ids, following, unique_keys = columns
    await db.execute(END, tenant_ids, item_ids, next_ids, following, unique_keys, now, user_id, by_hand, client_id)
