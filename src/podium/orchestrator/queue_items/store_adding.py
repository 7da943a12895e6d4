"""The statement that adds items: items, contents, history and events of any number of calls at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Connection

# Ids are given in the order of the calls, so that the first to come is the first to go; rows are written in the order
# of references, so that two statements with the same references do not wait for each other in a circle. Which of two
# equal references in one statement is kept is decided by the order of the calls. The events of items with the same
# `event_id` are one. A revision that is not the queue's any more adds nothing; it is asked row by row, as a join would
# let the planner count with one row where there are thousands.
ADD = """
WITH asked AS MATERIALIZED (
  SELECT a.*, coalesce(a.planned_id, nextval('orchestrator.queue_items_id_seq')) AS id,
         a.has_unique_reference AND EXISTS (
           SELECT FROM orchestrator.queue_used_references u
            WHERE u.tenant_id = a.tenant_id AND u.queue_id = a.queue_id
              AND u.reference = sha256(convert_to(a.reference_key, 'UTF8'))) AS is_used,
         EXISTS (SELECT FROM orchestrator.queue_folders f
                   JOIN orchestrator.queues q ON q.tenant_id = f.tenant_id AND q.id = f.queue_id
                  WHERE f.tenant_id = a.tenant_id AND f.folder_id = a.folder_id AND f.queue_id = a.queue_id
                    AND q.revision = a.revision) AS is_current
    FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::int[], $5::bigint[], $6::uuid[], $7::uuid[], $8::smallint[],
                $9::smallint[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::boolean[], $14::boolean[],
                $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::bytea[],
                $22::bigint[], $23::uuid[], $24::text[], $25::timestamptz[], $26::bigint[], $27::text[], $28::uuid[],
                $29::text[], $30::boolean[]) WITH ORDINALITY
         AS a(tenant_id, folder_id, queue_id, revision, planned_id, key, unique_key, state,
              priority, due_at, risk_at, defer_at, is_deferred, has_unique_reference,
              reference, reference_key, source, parent_operation_id, progress, content, sealed,
              robot_id, job_key, lease_holder, created_at, user_id, client_id, event_id,
              shown, is_answered, position)
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
    FROM asked a WHERE a.is_current AND NOT a.is_used
   ORDER BY a.tenant_id, a.queue_id, a.reference_key, a.position
  ON CONFLICT (tenant_id, queue_id, reference_key) WHERE has_unique_reference AND state NOT IN (5, 6) DO NOTHING
  RETURNING tenant_id, id, state
), filled AS (
  INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content)
  SELECT a.tenant_id, a.id, a.content::jsonb FROM made JOIN asked a ON a.id = made.id WHERE a.content IS NOT NULL
  RETURNING item_id, content
), hidden AS (
  INSERT INTO orchestrator.queue_item_secrets (tenant_id, item_id, part, sealed)
  SELECT a.tenant_id, a.id, 'content', a.sealed FROM made JOIN asked a ON a.id = made.id WHERE a.sealed IS NOT NULL
), noted AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, user_id, client_id, created_at)
  SELECT a.tenant_id, a.id, 0, a.state, a.user_id, a.client_id, a.created_at
    FROM made JOIN asked a ON a.id = made.id ORDER BY a.position
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT e.tenant_id, e.event_id, 'queueItem.added', e.folder_id, e.user_id, e.created_at,
         ('{"Queue":' || q.shown || ',"QueueItems":[' || e.items || ']}')::jsonb
    FROM (SELECT a.tenant_id, a.queue_id, a.event_id, min(a.folder_id) AS folder_id, min(a.user_id) AS user_id,
                 min(a.created_at) AS created_at, min(a.position) AS position,
                 string_agg('{"Id":' || a.id || ',' || a.shown, ',' ORDER BY a.position) AS items
            FROM made JOIN asked a ON a.id = made.id GROUP BY a.tenant_id, a.queue_id, a.event_id) e
    CROSS JOIN LATERAL (
         SELECT json_build_object(
                  'Id', q.id, 'Key', q.key, 'Name', q.name, 'Description', q.description,
                  'MaxNumberOfRetries', q.max_retries, 'AcceptAutomaticallyRetry', q.is_retried_automatically,
                  'EnforceUniqueReference', q.has_unique_references, 'SlaInMinutes', q.sla_minutes,
                  'RiskSlaInMinutes', q.risk_sla_minutes)::text AS shown
           FROM orchestrator.queues q WHERE q.tenant_id = e.tenant_id AND q.id = e.queue_id) q
   ORDER BY e.position
), started AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT a.tenant_id, gen_random_uuid(), 'queueItem.transactionStarted', a.folder_id, a.user_id, a.created_at,
         ('{"Queue":' || json_build_object('Id', q.id, 'Key', q.key, 'Name', q.name)::text
          || ',"QueueItem":{"Id":' || a.id || ',' || a.shown || '}')::jsonb
    FROM made JOIN asked a ON a.id = made.id
    JOIN orchestrator.queues q ON q.tenant_id = a.tenant_id AND q.id = a.queue_id
   WHERE made.state = 1 ORDER BY a.position
)
SELECT a.position, a.id, a.is_current, made.id IS NOT NULL AS is_made,
       CASE WHEN a.is_answered THEN (SELECT filled.content::text FROM filled WHERE filled.item_id = a.id) END AS content
  FROM asked a LEFT JOIN made ON made.id = a.id ORDER BY a.position
"""
PLAN_EACH_TIME = "SET LOCAL plan_cache_mode = force_custom_plan"


class NewItem(NamedTuple):
    """An item to be added, in the order of ADD's parameters.

    `planned_id`: the id, for an item of an encrypted queue, whose content is `sealed` for it. `shown`: what events say
    of the item, the text of a JSON object without its first brace and its id. `is_answered`: give the content back as
    it was stored. An item of state 1 is in progress as it comes, for `lease_holder`.
    """

    tenant_id: int
    folder_id: int
    queue_id: int
    revision: int
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
    content: str | None
    sealed: bytes | None
    robot_id: int | None
    job_key: UUID | None
    lease_holder: str | None
    created_at: datetime
    user_id: int | None
    client_id: str | None
    event_id: UUID
    shown: str
    is_answered: bool


class Added(NamedTuple):
    """What became of one item. Neither current nor made: the queue has changed since it was read.

    Current and not made: the queue has seen the reference. `content`: as it was stored, where that was asked for.
    """

    is_current: bool
    is_made: bool
    id: int
    content: str | None


async def add(db: Connection, items: Sequence[NewItem]) -> list[Added]:
    """Add items of any tenants and queues, each for itself: one statement. What became of each, in their order."""
    rows = await db.fetch(ADD, *zip(*items, strict=True))
    return [Added(row["is_current"], row["is_made"], row["id"], row["content"]) for row in rows]


async def add_many(db: Connection, items: Sequence[NewItem]) -> list[Added]:
    """As `add`, in a transaction, planned for so many: the plan that is kept is one for a few."""
    await db.execute(PLAN_EACH_TIME)
    return await add(db, items)
