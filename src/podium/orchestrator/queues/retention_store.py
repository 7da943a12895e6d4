"""SQL of what becomes of old items."""

from __future__ import annotations

from datetime import datetime

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator.queues.rules import Policy

PUT = """
INSERT INTO orchestrator.queue_retention (tenant_id, queue_id, kind, action, period_days, bucket_id)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, queue_id, kind) DO UPDATE
   SET action = excluded.action, period_days = excluded.period_days, bucket_id = excluded.bucket_id
"""
DROP = "DELETE FROM orchestrator.queue_retention t WHERE t.tenant_id = $1 AND t.queue_id = $2 AND t.kind = $3"
# $1 is the beginning of the present day. Policies of which no item is old are left out; each costs one look at an index.
# What has not ended is looked for among the oldest ids only: they are as old as any.
DUE = """
SELECT t.tenant_id, t.queue_id, t.kind, t.action, t.bucket_id, q.name,
       $1::timestamptz - make_interval(days => t.period_days) AS old_before
  FROM orchestrator.queue_retention t
  JOIN orchestrator.queues q ON q.tenant_id = t.tenant_id AND q.id = t.queue_id
 WHERE t.action IN ('Delete', 'Archive') AND CASE t.kind
  WHEN 'Final' THEN EXISTS (
       SELECT 1 FROM orchestrator.queue_items i
        WHERE i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id AND i.state IN (2, 3, 4, 5, 6)
          AND i.ended_at < $1::timestamptz - make_interval(days => t.period_days))
  ELSE (SELECT i.created_at FROM orchestrator.queue_items i
         WHERE i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id AND i.state = 0 ORDER BY i.id LIMIT 1)
       < $1::timestamptz - make_interval(days => t.period_days)
  END
 ORDER BY t.tenant_id, t.queue_id, t.kind
"""
OLD_FINAL = """
SELECT t.id, t.key FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1 AND t.queue_id = $2 AND t.state IN (2, 3, 4, 5, 6) AND t.ended_at < $3
 ORDER BY t.ended_at LIMIT $4 FOR UPDATE SKIP LOCKED
"""
OLD_STALE = """
SELECT t.id, t.key FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1 AND t.queue_id = $2 AND t.state = 0 AND t.created_at < $3 AND t.id IN (
       SELECT o.id FROM orchestrator.queue_items o
        WHERE o.tenant_id = $1 AND o.queue_id = $2 AND o.state = 0 ORDER BY o.id LIMIT $4)
 ORDER BY t.id FOR UPDATE SKIP LOCKED
"""
# An item is shown once per folder; of these one is enough.
ARCHIVED = """
t.tenant_id = $1::int AND t.queue_id = $2::bigint AND t.id = ANY($3::bigint[]) AND t.folder_id = (
 SELECT min(f.folder_id) FROM orchestrator.queue_folders f WHERE f.tenant_id = $1::int AND f.queue_id = $2::bigint)
"""
FOLDERS_OF_BUCKET = """
SELECT t.folder_id FROM orchestrator.bucket_folders t WHERE t.tenant_id = $1 AND t.bucket_id = $2
"""


async def put(db: Connection, tenant_id: int, queue_id: int, policy: Policy) -> None:
    """Replace the queue's policy of that kind."""
    await db.execute(PUT, tenant_id, queue_id, *policy)


async def drop(db: Connection, tenant_id: int, queue_id: int, kind: str) -> None:
    """Forget the queue's policy of that kind."""
    await db.execute(DROP, tenant_id, queue_id, kind)


async def due(db: Connection, today: datetime) -> list[Record]:
    """The policies of every tenant that have something to do; `today` is the beginning of the present day."""
    return await db.fetch(DUE, today)


async def old_items(db: Connection, policy: Record, at_most: int) -> list[Record]:
    """Id and key of items that the policy is about, the oldest first, locked; those that others work on are left out."""
    sql = OLD_FINAL if policy["kind"] == "Final" else OLD_STALE
    return await db.fetch(sql, policy["tenant_id"], policy["queue_id"], policy["old_before"], at_most)


async def folders_of_bucket(db: Connection, tenant_id: int, bucket_id: int) -> list[int]:
    """The folders that show the bucket."""
    return [row["folder_id"] for row in await db.fetch(FOLDERS_OF_BUCKET, tenant_id, bucket_id)]
