"""SQL of items that is neither a hot statement nor a read: what calls need to know, deferral, removal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope

ROBOT_OF_KEY = "SELECT t.id FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.key = $2"
ABANDON_HOURS = """
SELECT t.tenant_id, t.value FROM orchestrator.settings t WHERE t.name_key = 'queues.abandonafterhours'
"""
NEXT_IDS = "SELECT nextval('orchestrator.queue_items_id_seq') FROM generate_series(1, $1::int)"

# The best of those that have become due, so that whoever takes fewer of them takes the right ones.
MAKE_DUE = """
UPDATE orchestrator.queue_items t SET is_deferred = false, row_version = t.row_version + 1
  FROM (SELECT d.id FROM orchestrator.queue_items d
         WHERE d.tenant_id = $1::int AND d.queue_id = $2::bigint AND d.state = 0 AND d.is_deferred
           AND d.defer_at <= $3::timestamptz
         ORDER BY d.rank, d.due_at, d.id LIMIT $4::int FOR UPDATE) n
 WHERE t.tenant_id = $1::int AND t.id = n.id AND t.state = 0
"""
# One step through the index for each queue that has deferred items, then its due ones.
DUE = """
WITH RECURSIVE lines AS (
  (SELECT t.tenant_id, t.queue_id FROM orchestrator.queue_items t WHERE t.state = 0 AND t.is_deferred
    ORDER BY t.tenant_id, t.queue_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id, n.queue_id FROM lines CROSS JOIN LATERAL (
         SELECT t.tenant_id, t.queue_id FROM orchestrator.queue_items t
          WHERE t.state = 0 AND t.is_deferred AND (t.tenant_id, t.queue_id) > (lines.tenant_id, lines.queue_id)
          ORDER BY t.tenant_id, t.queue_id LIMIT 1) n
)
SELECT due.tenant_id, due.id FROM lines CROSS JOIN LATERAL (
       SELECT d.tenant_id, d.id FROM orchestrator.queue_items d
        WHERE d.tenant_id = lines.tenant_id AND d.queue_id = lines.queue_id AND d.state = 0 AND d.is_deferred
          AND d.defer_at <= $1::timestamptz
        ORDER BY d.defer_at LIMIT $2::int FOR UPDATE SKIP LOCKED) due
 LIMIT $2::int
"""
CLEAR_FLAGS = """
UPDATE orchestrator.queue_items t SET is_deferred = false, row_version = t.row_version + 1
  FROM unnest($1::int[], $2::bigint[]) AS n(tenant_id, id)
 WHERE t.tenant_id = n.tenant_id AND t.id = n.id AND t.state = 0
"""

TO_OPEN = """
SELECT t.item_id, t.sealed FROM orchestrator.queue_item_secrets t
 WHERE t.tenant_id = $1::int AND t.item_id = ANY($2::bigint[]) AND t.part = 'content'
"""
KEEP_SEALED = """
INSERT INTO orchestrator.queue_item_secrets (tenant_id, item_id, part, sealed)
SELECT n.tenant_id, n.item_id, n.part, n.sealed
  FROM unnest($1::int[], $2::bigint[], $3::text[], $4::bytea[]) AS n(tenant_id, item_id, part, sealed)
ON CONFLICT (tenant_id, item_id, part) DO UPDATE SET sealed = excluded.sealed
"""

# In a queue of unique references a reference stays used. $4: whether the queue is there and is one.
REMOVE = """
WITH gone AS (
  DELETE FROM orchestrator.queue_items t
   WHERE t.tenant_id = $1::int AND t.queue_id = $2::bigint AND t.id = ANY($3::bigint[])
  RETURNING t.id, t.reference_key, t.state
), used AS (
  INSERT INTO orchestrator.queue_used_references (tenant_id, queue_id, reference)
  SELECT DISTINCT $1::int, $2::bigint, sha256(convert_to(gone.reference_key, 'UTF8')) FROM gone
    JOIN orchestrator.queues q ON q.tenant_id = $1::int AND q.id = $2::bigint AND q.has_unique_references
   WHERE gone.reference_key IS NOT NULL AND gone.state NOT IN (5, 6)
  ON CONFLICT DO NOTHING
), contents AS (
  DELETE FROM orchestrator.queue_item_contents c USING gone WHERE c.tenant_id = $1::int AND c.item_id = gone.id
), secrets AS (
  DELETE FROM orchestrator.queue_item_secrets c USING gone WHERE c.tenant_id = $1::int AND c.item_id = gone.id
), comments AS (
  DELETE FROM orchestrator.queue_item_comments c USING gone WHERE c.tenant_id = $1::int AND c.item_id = gone.id
), events AS (
  DELETE FROM orchestrator.queue_item_events c USING gone WHERE c.tenant_id = $1::int AND c.item_id = gone.id
)
SELECT count(*) FROM gone
"""
# One step through the index for each queue that has items, however many it has.
QUEUES_GONE = """
WITH RECURSIVE seen AS (
  (SELECT t.tenant_id, t.queue_id FROM orchestrator.queue_items t ORDER BY t.tenant_id, t.queue_id LIMIT 1)
  UNION ALL
  SELECT n.tenant_id, n.queue_id FROM seen CROSS JOIN LATERAL (
         SELECT t.tenant_id, t.queue_id FROM orchestrator.queue_items t
          WHERE (t.tenant_id, t.queue_id) > (seen.tenant_id, seen.queue_id)
          ORDER BY t.tenant_id, t.queue_id LIMIT 1) n
)
SELECT seen.tenant_id, seen.queue_id FROM seen
 WHERE NOT EXISTS (SELECT FROM orchestrator.queues q WHERE q.tenant_id = seen.tenant_id AND q.id = seen.queue_id)
"""
ITEMS_OF_QUEUE = """
SELECT t.id, t.key, t.state FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1::int AND t.queue_id = $2::bigint ORDER BY t.state, t.id DESC LIMIT $3::int FOR UPDATE SKIP LOCKED
"""

SET_PROGRESS = f"""
WITH found AS MATERIALIZED (
  SELECT i.id, i.state, i.lease_holder, i.lease_epoch FROM orchestrator.queue_folders t
    JOIN orchestrator.queue_items i ON i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id AND i.id = $3::bigint
   WHERE {scope.IN_ONE_FOLDER} FOR UPDATE OF i
), changed AS (
  UPDATE orchestrator.queue_items t SET progress = $4::text, row_version = t.row_version + 1
    FROM found WHERE t.tenant_id = $1::int AND t.id = found.id AND found.state = 1 AND found.lease_holder = $5::text
     AND ($6::int IS NULL OR found.lease_epoch = $6::int)
  RETURNING t.id, t.state, t.review_state, t.reviewer_id
), noted AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                              client_id, data, created_at)
  SELECT $1::int, c.id, 1, c.state, c.review_state, c.reviewer_id, $7::bigint, $8::text,
         jsonb_build_object('Progress', $4::text), $9::timestamptz FROM changed c
)
SELECT EXISTS (SELECT FROM changed) AS is_changed FROM found
"""
# Items whose end a job waits for and that have ended: of each awaited chain the newest attempt.
ENDED_AND_AWAITED = """
SELECT w.tenant_id, array_agg(DISTINCT w.item_key) AS keys, array_agg(DISTINCT w.item_id) AS ids
  FROM (SELECT t.tenant_id, t.item_key, t.item_id, coalesce(a.key, b.key) AS chain
          FROM orchestrator.job_triggers t
          LEFT JOIN orchestrator.queue_items a ON a.tenant_id = t.tenant_id AND a.id = t.item_id
          LEFT JOIN LATERAL (SELECT i.key FROM orchestrator.queue_items i
                              WHERE a.id IS NULL AND i.tenant_id = t.tenant_id
                                AND i.key = CASE WHEN t.item_key ~ $2::text THEN t.item_key::uuid END
                              LIMIT 1) b ON true
         WHERE t.status = 'New' AND t.type = 'QueueItem') w
  CROSS JOIN LATERAL (SELECT i.state FROM orchestrator.queue_items i
                       WHERE i.tenant_id = w.tenant_id AND i.key = w.chain ORDER BY i.id DESC LIMIT 1) newest
 WHERE newest.state IN (2, 3, 4, 6)
 GROUP BY w.tenant_id ORDER BY w.tenant_id LIMIT $1::int
"""
GUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class Sealed(NamedTuple):
    """A part of an item of an encrypted queue."""

    tenant_id: int
    item_id: int
    part: str
    sealed: bytes


async def robot_of_key(db: Connection, tenant_id: int, key: UUID) -> int | None:
    """Id of the tenant's robot of that key."""
    found: int | None = await db.fetchval(ROBOT_OF_KEY, tenant_id, key)
    return found


async def abandon_hours(db: Connection) -> dict[int, str]:
    """What tenants set as Queues.AbandonAfterHours."""
    return {row["tenant_id"]: row["value"] for row in await db.fetch(ABANDON_HOURS)}


async def next_ids(db: Connection, count: int) -> list[int]:
    """Ids for items that must know theirs before they are stored: what is sealed is sealed for its row."""
    return [row[0] for row in await db.fetch(NEXT_IDS, count)] if count else []


async def make_due(db: Connection, tenant_id: int, queue_id: int, now: datetime, at_most: int) -> None:
    """Let the queue's items whose time has come be handed out."""
    await db.execute(MAKE_DUE, tenant_id, queue_id, now, at_most)


async def make_all_due(db: Connection, now: datetime, at_most: int) -> int:
    """As `make_due` for every queue, in a transaction; how many items."""
    due = await db.fetch(DUE, now, at_most)
    if due:
        await db.execute(CLEAR_FLAGS, [row["tenant_id"] for row in due], [row["id"] for row in due])
    return len(due)


async def sealed_contents(db: Connection, tenant_id: int, item_ids: Sequence[int]) -> dict[int, bytes]:
    """The sealed content of each of these items that has one."""
    return {row["item_id"]: row["sealed"] for row in await db.fetch(TO_OPEN, tenant_id, list(item_ids))}


async def keep_sealed(db: Connection, parts: Sequence[Sealed]) -> None:
    """Store sealed parts, in place of those that are there."""
    if parts:
        await db.execute(KEEP_SEALED, *(list(column) for column in zip(*parts, strict=True)))


async def remove(db: Connection, tenant_id: int, queue_id: int, item_ids: Sequence[int]) -> int:
    """Delete items and all that belongs to them; how many."""
    return int(await db.fetchval(REMOVE, tenant_id, queue_id, list(item_ids)))


async def queues_gone(db: Connection) -> list[tuple[int, int]]:
    """Tenant and id of each queue that has items and is not there any more."""
    return [(row["tenant_id"], row["queue_id"]) for row in await db.fetch(QUEUES_GONE)]


async def items_of_queue(db: Connection, tenant_id: int, queue_id: int, at_most: int) -> list[Record]:
    """Id, key and state of some of the queue's items, locked."""
    return await db.fetch(ITEMS_OF_QUEUE, tenant_id, queue_id, at_most)


async def set_progress(db: Connection, *values: object) -> bool | None:
    """Whether the progress was noted; None when the folder does not show the item."""
    found: bool | None = await db.fetchval(SET_PROGRESS, *values)
    return found


async def ended_and_awaited(db: Connection, at_most: int) -> list[Record]:
    """By tenant the keys and ids of items that jobs wait for and that have ended."""
    return await db.fetch(ENDED_AND_AWAITED, at_most, GUID)
