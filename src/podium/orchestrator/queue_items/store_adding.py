"""The statements that add items: items, contents, history and events of any number of calls at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record

from podium.kernel.db import Connection

# The rows come as one JSON text: an array for each column costs client and server more than the rest of the statement.
# Ids are given in the order of the calls, so that the first to come is the first to go. A revision that is not the
# queue's any more adds nothing; it is asked row by row, as a join would let the planner count with one row where there
# are thousands.
ASKED = """
    FROM ROWS FROM (json_to_recordset($1::json) AS (
           tenant_id int, folder_id bigint, queue_id bigint, revision int, queue_shown json, planned_id bigint, key uuid,
           unique_key uuid, state smallint, priority smallint, due_at timestamptz, risk_at timestamptz,
           defer_at timestamptz, is_deferred boolean, has_unique_reference boolean, reference text, reference_key text,
           source text, parent_operation_id text, progress text, content jsonb, sealed text, robot_id bigint,
           job_key uuid, lease_holder text, created_at timestamptz, user_id bigint, client_id text, event_id uuid,
           shown json)) WITH ORDINALITY
         AS a(tenant_id, folder_id, queue_id, revision, queue_shown, planned_id, key,
              unique_key, state, priority, due_at, risk_at,
              defer_at, is_deferred, has_unique_reference, reference, reference_key,
              source, parent_operation_id, progress, content, sealed, robot_id,
              job_key, lease_holder, created_at, user_id, client_id, event_id,
              shown, position)
"""
IS_CURRENT = """
         EXISTS (SELECT FROM orchestrator.queue_folders f
                   JOIN orchestrator.queues q ON q.tenant_id = f.tenant_id AND q.id = f.queue_id
                  WHERE f.tenant_id = a.tenant_id AND f.folder_id = a.folder_id AND f.queue_id = a.queue_id
                    AND q.revision = a.revision) AS is_current
"""
FOLLOWING = """
, filled AS (
  INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content)
  SELECT a.tenant_id, a.id, a.content FROM kept a WHERE a.content IS NOT NULL
), noted AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, user_id, client_id, created_at)
  SELECT a.tenant_id, a.id, 0, a.state, a.user_id, a.client_id, a.created_at FROM kept a
)
"""
# Items of every kind. Rows are written in the order of references, so that two statements with the same references do
# not wait for each other in a circle. Which of two equal references in one statement is kept is decided by the order of
# the calls. The events of items with the same `event_id` are one.
ADD = f"""
WITH asked AS MATERIALIZED (
  SELECT a.*, coalesce(a.planned_id, nextval('orchestrator.queue_items_id_seq')) AS id,
         CASE WHEN a.has_unique_reference THEN (
           SELECT true FROM orchestrator.queue_used_references u
            WHERE u.tenant_id = a.tenant_id AND u.queue_id = a.queue_id
              AND u.reference = sha256(convert_to(a.reference_key, 'UTF8'))) END AS is_used,
         {IS_CURRENT}
    {ASKED}
), made AS (
  INSERT INTO orchestrator.queue_items (
    tenant_id, id, key, unique_key, queue_id, state, priority, rank, due_at, risk_at, defer_at, is_deferred,
    has_unique_reference, reference, reference_key, source, parent_operation_id, progress, robot_id, job_key,
    lease_holder, lease_epoch, created_at, created_by, started_at)
  OVERRIDING SYSTEM VALUE
  SELECT a.tenant_id, a.id, a.key, a.unique_key, a.queue_id, a.state, a.priority,
         a.priority + CASE WHEN a.due_at IS NULL THEN 3 ELSE 0 END, coalesce(a.due_at, 'infinity'), a.risk_at,
         a.defer_at, a.is_deferred, a.has_unique_reference, a.reference, a.reference_key, a.source,
         a.parent_operation_id, a.progress, a.robot_id, a.job_key, a.lease_holder, a.state::int, a.created_at, a.user_id,
         CASE WHEN a.state = 1 THEN a.created_at END
    FROM asked a WHERE a.is_current AND a.is_used IS NULL
   ORDER BY a.tenant_id, a.queue_id, a.reference_key, a.position
  ON CONFLICT (tenant_id, queue_id, reference_key) WHERE has_unique_reference AND state NOT IN (5, 6) DO NOTHING
  RETURNING id
), kept AS MATERIALIZED (
  SELECT a.* FROM asked a JOIN made ON made.id = a.id ORDER BY a.position
){FOLLOWING}, hidden AS (
  INSERT INTO orchestrator.queue_item_secrets (tenant_id, item_id, part, sealed)
  SELECT a.tenant_id, a.id, 'content', decode(a.sealed, 'base64') FROM kept a WHERE a.sealed IS NOT NULL
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT a.tenant_id, a.event_id, 'queueItem.added', min(a.folder_id), min(a.user_id), min(a.created_at),
         ('{{"Queue":' || min(a.queue_shown::text) || ',"QueueItems":['
          || string_agg('{{"Id":' || a.id || ',' || substr(a.shown::text, 2), ',' ORDER BY a.position) || ']}}')::jsonb
    FROM kept a GROUP BY a.tenant_id, a.queue_id, a.event_id ORDER BY min(a.position)
), started AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT a.tenant_id, gen_random_uuid(), 'queueItem.transactionStarted', a.folder_id, a.user_id, a.created_at,
         ('{{"Queue":' || a.queue_shown || ',"QueueItem":{{"Id":' || a.id || ',' || substr(a.shown::text, 2) || '}}')::jsonb
    FROM kept a WHERE a.state = 1 ORDER BY a.position
)
SELECT a.position, a.id, a.is_current, k.id IS NOT NULL AS is_made, CASE WHEN $2::boolean THEN a.content::text END AS content
  FROM asked a LEFT JOIN kept k ON k.id = a.id ORDER BY a.position
"""
# As ADD, of items that nothing can keep from being added, each with an event of its own: half the work.
ADD_PLAIN = f"""
WITH asked AS MATERIALIZED (
  SELECT a.*, nextval('orchestrator.queue_items_id_seq') AS id, {IS_CURRENT}
    {ASKED}
), kept AS NOT MATERIALIZED (
  SELECT a.* FROM asked a WHERE a.is_current
), made AS (
  INSERT INTO orchestrator.queue_items (
    tenant_id, id, key, unique_key, queue_id, state, priority, rank, due_at, risk_at, defer_at, is_deferred, reference,
    reference_key, source, parent_operation_id, progress, created_at, created_by)
  OVERRIDING SYSTEM VALUE
  SELECT a.tenant_id, a.id, a.key, a.unique_key, a.queue_id, a.state, a.priority,
         a.priority + CASE WHEN a.due_at IS NULL THEN 3 ELSE 0 END, coalesce(a.due_at, 'infinity'), a.risk_at,
         a.defer_at, a.is_deferred, a.reference, a.reference_key, a.source, a.parent_operation_id, a.progress,
         a.created_at, a.user_id
    FROM kept a
){FOLLOWING}, emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT a.tenant_id, a.event_id, 'queueItem.added', a.folder_id, a.user_id, a.created_at,
         ('{{"Queue":' || a.queue_shown || ',"QueueItems":[{{"Id":' || a.id || ',' || substr(a.shown::text, 2) || ']}}')::jsonb
    FROM kept a
)
SELECT a.position, a.id, a.is_current, a.is_current AS is_made, CASE WHEN $2::boolean THEN a.content::text END AS content
  FROM asked a
"""

_encoder = msgspec.json.Encoder()


class NewItem(msgspec.Struct, frozen=True):
    """An item to be added, by the names of ASKED.

    `planned_id`: the id, for an item of an encrypted queue, whose content is `sealed` for it. `queue_shown`, `shown`:
    what events say of the queue and of the item, JSON objects; the latter lacks the id. An item of state 1 is in
    progress as it comes, for `lease_holder`.
    """

    tenant_id: int
    folder_id: int
    queue_id: int
    revision: int
    queue_shown: msgspec.Raw
    planned_id: int | None
    key: UUID
    unique_key: UUID
    state: int
    priority: int
    due_at: datetime | None
    risk_at: datetime | None
    defer_at: datetime | None
    is_deferred: bool
    has_unique_reference: bool
    reference: str | None
    reference_key: str | None
    source: str | None
    parent_operation_id: str | None
    progress: str | None
    content: msgspec.Raw | None
    sealed: bytes | None
    robot_id: int | None
    job_key: UUID | None
    lease_holder: str | None
    created_at: datetime
    user_id: int | None
    client_id: str | None
    event_id: UUID
    shown: msgspec.Raw

    @property
    def is_plain(self) -> bool:
        """Whether ADD_PLAIN does."""
        return not (self.has_unique_reference or self.planned_id is not None or self.state)


class Added(NamedTuple):
    """What became of one item. Neither current nor made: the queue has changed since it was read.

    Current and not made: the queue has seen the reference. `content`: as it is stored open, where it was asked for.
    """

    is_current: bool
    is_made: bool
    id: int
    content: str | None = None


async def add(db: Connection, items: Sequence[NewItem]) -> list[Added]:
    """Add items of any tenants and queues, each for itself: one statement. What became of each, in their order.

    Items that share an `event_id` are told of in one event, unless all are plain; use `add_many` for those.
    """
    statement = ADD_PLAIN if all(item.is_plain for item in items) else ADD
    return _added(items, await db.fetch(statement, _encoder.encode(items).decode(), True))


async def add_many(db: Connection, items: Sequence[NewItem]) -> list[Added]:
    """As `add`, of items that share events; without their contents."""
    return _added(items, await db.fetch(ADD, _encoder.encode(items).decode(), False))


def _added(items: Sequence[NewItem], rows: Sequence[Record]) -> list[Added]:
    answers = [Added(is_current=False, is_made=False, id=0)] * len(items)
    for position, id_, is_current, is_made, content in rows:
        answers[position - 1] = Added(is_current, is_made, id_, content)
    return answers
