"""Statements of changes of many items that a filter finds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.queue_items import rules
from podium.orchestrator.queue_items.bulk_rules import Item
from podium.orchestrator.queue_items.review_rules import Held, Review
from podium.orchestrator.queue_items.rules import State
from podium.orchestrator.queue_items.store_changes import Author, instant

SHOWS_QUEUE = f"""
SELECT EXISTS (SELECT FROM orchestrator.queue_folders t WHERE {scope.IN_ONE_FOLDER} AND t.queue_id = $3::bigint)
"""
LAST_ID = """
SELECT coalesce(max(t.id), 0) FROM orchestrator.queue_items t WHERE t.tenant_id = $1::int AND t.queue_id = $2::bigint
"""
TO_CHANGE = f"""
SELECT i.id, i.state, i.review_state, i.row_version, i.priority, i.due_at, i.defer_at
  FROM orchestrator.queue_folders t
  JOIN orchestrator.queue_items i ON i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id
 WHERE {scope.IN_ONE_FOLDER} AND i.id = ANY($3::bigint[]) ORDER BY i.id FOR UPDATE OF i
"""
SET_PRIORITY = """
WITH changed AS (
  UPDATE orchestrator.queue_items t
     SET priority = $6::smallint, rank = $6::smallint + CASE WHEN t.due_at = 'infinity' THEN 3 ELSE 0 END,
         row_version = t.row_version + 1
   WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[])
  RETURNING t.id, t.state, t.review_state, t.reviewer_id)
INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                            client_id, data, created_at)
SELECT $1::int, c.id, 1, c.state, c.review_state, c.reviewer_id, $4::bigint, $5::text,
       '{"Members": ["Priority"]}', $3::timestamptz
  FROM changed c ORDER BY c.id
"""
SET_DEFER_DATE = """
WITH changed AS (
  UPDATE orchestrator.queue_items t
     SET defer_at = $6::timestamptz, is_deferred = $7::boolean, row_version = t.row_version + 1
   WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[])
  RETURNING t.id, t.state, t.review_state, t.reviewer_id)
INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                            client_id, data, created_at)
SELECT $1::int, c.id, 1, c.state, c.review_state, c.reviewer_id, $4::bigint, $5::text,
       '{"Members": ["DeferDate"]}', $3::timestamptz
  FROM changed c ORDER BY c.id
"""


async def shows_queue(db: Connection, tenant_id: int, folder_id: int, queue_id: int) -> bool:
    """Whether the folder shows the queue."""
    return bool(await db.fetchval(SHOWS_QUEUE, tenant_id, [folder_id], queue_id))


async def last_id(db: Connection, tenant_id: int, queue_id: int) -> int:
    """Id of the queue's newest item, 0 when it has none."""
    found: int = await db.fetchval(LAST_ID, tenant_id, queue_id)
    return found


async def to_change(db: Connection, tenant_id: int, folder_id: int, ids: Sequence[int]) -> list[Item]:
    """Those of the items that the folder shows, locked."""
    rows = await db.fetch(TO_CHANGE, tenant_id, [folder_id], list(ids))
    return [
        Item(
            Held(row["id"], State(row["state"]), Review(row["review_state"]), row["row_version"]),
            row["priority"],
            instant(row["due_at"]),
            row["defer_at"],
        )
        for row in rows
    ]


async def set_priority(
    priority: int, db: Connection, tenant_id: int, ids: Sequence[int], author: Author, now: datetime
) -> None:
    """The items have this priority."""
    await db.execute(SET_PRIORITY, tenant_id, list(ids), now, *author, priority)


async def set_defer_date(
    defer_at: datetime | None, db: Connection, tenant_id: int, ids: Sequence[int], author: Author, now: datetime
) -> None:
    """The items are handed out from this instant on, at once without one."""
    await db.execute(SET_DEFER_DATE, tenant_id, list(ids), now, *author, defer_at, rules.is_waiting(defer_at, now))
