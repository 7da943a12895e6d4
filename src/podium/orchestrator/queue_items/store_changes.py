"""Statements that change items which nobody works on: deletion, review, editing; with the row of each item's history."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.queue_items import rules
from podium.orchestrator.queue_items.edit_rules import Values
from podium.orchestrator.queue_items.review_rules import Held, Review
from podium.orchestrator.queue_items.rules import State

# Locked in the order of their ids, so that two bulk calls never wait for each other.
TO_CHANGE = f"""
SELECT i.id, i.state, i.review_state, i.row_version
  FROM orchestrator.queue_folders t
  JOIN orchestrator.queue_items i ON i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id
 WHERE {scope.IN_ONE_FOLDER} AND i.id = ANY($3::bigint[]) ORDER BY i.id FOR UPDATE OF i
"""
DELETE = """
WITH changed AS (
  UPDATE orchestrator.queue_items t
     SET state = 6, ended_at = coalesce(t.ended_at, $3::timestamptz), row_version = t.row_version + 1
   WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[])
  RETURNING t.id, t.key, t.state, t.review_state, t.reviewer_id),
told AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                              client_id, created_at)
  SELECT $1::int, c.id, 2, c.state, c.review_state, c.reviewer_id, $4::bigint, $5::text, $3::timestamptz
    FROM changed c ORDER BY c.id)
SELECT c.id, c.key FROM changed c ORDER BY c.id
"""
# $6: the review status, null to leave it. $7: whether the reviewer is set to $8. A reviewer begins a review.
REVIEW = """
WITH changed AS (
  UPDATE orchestrator.queue_items t
     SET review_state = coalesce($6::smallint,
                                 CASE WHEN $8::bigint IS NOT NULL AND t.review_state = 0 THEN 1 ELSE t.review_state END),
         reviewer_id = CASE WHEN $7::boolean THEN $8::bigint ELSE t.reviewer_id END,
         row_version = t.row_version + 1
   WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[])
  RETURNING t.id, t.state, t.review_state, t.reviewer_id)
INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                            client_id, created_at)
SELECT $1::int, c.id, 1, c.state, c.review_state, c.reviewer_id, $4::bigint, $5::text, $3::timestamptz
  FROM changed c ORDER BY c.id
"""
TO_EDIT = f"""
SELECT i.id, i.state, i.progress, i.priority, i.due_at, i.risk_at, i.defer_at, i.created_at, q.name AS queue_name,
       q.is_encrypted, q.sla_minutes, q.risk_sla_minutes, q.content_schema
  FROM orchestrator.queue_folders t
  JOIN orchestrator.queue_items i ON i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id
  JOIN orchestrator.queues q ON q.tenant_id = t.tenant_id AND q.id = t.queue_id
 WHERE {scope.IN_ONE_FOLDER} AND i.id = $3::bigint FOR UPDATE OF i
"""
REPLACE = """
WITH changed AS (
  UPDATE orchestrator.queue_items t
     SET progress = $6, priority = $7, rank = $8, due_at = $9, risk_at = $10, defer_at = $11, is_deferred = $12,
         row_version = t.row_version + 1
   WHERE t.tenant_id = $1::int AND t.id = $2::bigint
  RETURNING t.id, t.state, t.review_state, t.reviewer_id)
INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                            client_id, data, created_at)
SELECT $1::int, c.id, 1, c.state, c.review_state, c.reviewer_id, $4::bigint, $5::text,
       jsonb_build_object('Members', $13::text[]), $3::timestamptz
  FROM changed c
"""
TOUCH = """
WITH changed AS (
  UPDATE orchestrator.queue_items t SET row_version = t.row_version + 1
   WHERE t.tenant_id = $1::int AND t.id = $2::bigint
  RETURNING t.id, t.state, t.review_state, t.reviewer_id)
INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                            client_id, data, created_at)
SELECT $1::int, c.id, 1, c.state, c.review_state, c.reviewer_id, $4::bigint, $5::text,
       jsonb_build_object('Members', $6::text[]), $3::timestamptz
  FROM changed c
"""
SET_CONTENT = """
INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content) VALUES ($1, $2, $3::jsonb)
ON CONFLICT (tenant_id, item_id) DO UPDATE SET content = excluded.content
"""
REMOVE_CONTENT = "DELETE FROM orchestrator.queue_item_contents t WHERE t.tenant_id = $1 AND t.item_id = $2"
SET_SEALED_CONTENT = """
INSERT INTO orchestrator.queue_item_secrets (tenant_id, item_id, part, sealed) VALUES ($1, $2, 'content', $3)
ON CONFLICT (tenant_id, item_id, part) DO UPDATE SET sealed = excluded.sealed
"""
REMOVE_SEALED_CONTENT = """
DELETE FROM orchestrator.queue_item_secrets t WHERE t.tenant_id = $1 AND t.item_id = $2 AND t.part = 'content'
"""
EDITED = ("Progress", "Priority", "DueDate", "DeferDate", "SpecificContent")
NORMAL = 1
# What the driver takes for PostgreSQL's infinity.
INFINITY = datetime.max.replace(tzinfo=UTC)


class Author(NamedTuple):
    """Who makes a change: the tenant's user if it has one, and the application if it is one."""

    user_id: int | None
    client_id: str | None


async def to_change(db: Connection, tenant_id: int, folder_id: int, ids: Collection[int]) -> list[Held]:
    """Those of the items that the folder shows, locked."""
    rows: list[Record] = await db.fetch(TO_CHANGE, tenant_id, [folder_id], list(ids))
    return [Held(row["id"], State(row["state"]), Review(row["review_state"]), row["row_version"]) for row in rows]


async def delete(db: Connection, tenant_id: int, ids: Collection[int], author: Author, now: datetime) -> list[Record]:
    """The items are deleted: they stay in lists, and their references are free. Id and key of each."""
    return await db.fetch(DELETE, tenant_id, list(ids), now, *author)


async def review(
    db: Connection, tenant_id: int, ids: Collection[int], review_state: Review, author: Author, now: datetime
) -> None:
    """The items have this review status."""
    await db.execute(REVIEW, tenant_id, list(ids), now, *author, review_state, False, None)


async def set_reviewer(
    db: Connection, tenant_id: int, ids: Collection[int], reviewer_id: int | None, author: Author, now: datetime
) -> None:
    """The items have this reviewer, or none; a reviewer begins the review of an item that is not reviewed yet."""
    await db.execute(REVIEW, tenant_id, list(ids), now, *author, None, True, reviewer_id)


async def to_edit(db: Connection, tenant_id: int, folder_id: int, item_id: int) -> Record | None:
    """The folder's item with what its queue says of content and deadlines, locked."""
    return await db.fetchrow(TO_EDIT, tenant_id, [folder_id], item_id)


async def replace(
    db: Connection,
    tenant_id: int,
    item_id: int,
    values: Values,
    risk_at: datetime | None,
    author: Author,
    now: datetime,
) -> None:
    """The item has these values; no priority is Normal."""
    priority = NORMAL if values.priority is None else values.priority
    await db.execute(
        REPLACE,
        tenant_id,
        item_id,
        now,
        *author,
        values.progress,
        priority,
        rules.rank(priority, values.due_at),
        values.due_at or INFINITY,
        risk_at,
        values.defer_at,
        rules.is_waiting(values.defer_at, now),
        EDITED,
    )


async def touch(
    db: Connection, tenant_id: int, item_id: int, members: Collection[str], author: Author, now: datetime
) -> None:
    """Members that are not in the item's own row have changed: a new version, and a row in the history."""
    await db.execute(TOUCH, tenant_id, item_id, now, *author, list(members))


async def set_content(db: Connection, tenant_id: int, item_id: int, text: str | None) -> None:
    """The content of an item, JSON text; None takes it away."""
    if text is None:
        await db.execute(REMOVE_CONTENT, tenant_id, item_id)
    else:
        await db.execute(SET_CONTENT, tenant_id, item_id, text)


async def set_sealed_content(db: Connection, tenant_id: int, item_id: int, sealed: bytes | None) -> None:
    """The sealed content of an item of an encrypted queue; None takes it away."""
    if sealed is None:
        await db.execute(REMOVE_SEALED_CONTENT, tenant_id, item_id)
    else:
        await db.execute(SET_SEALED_CONTENT, tenant_id, item_id, sealed)


def instant(value: datetime | None) -> datetime | None:
    """A deadline as it is told: what is stored as the end of time is none. The driver gives that without a zone."""
    return None if value is None or value.replace(tzinfo=UTC) == INFINITY else value
