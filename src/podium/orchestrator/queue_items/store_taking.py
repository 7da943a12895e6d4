"""The statements that hand items out: the best of each queue to as many callers as ask, each item to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record

from podium.kernel.db import Connection

# What answers and events are made of.
COLUMNS = """
t.id, t.queue_id, t.key, t.unique_key, t.state, t.review_state, t.reviewer_id, t.reference, t.exception_type, t.exception,
t.due_at, t.risk_at, t.defer_at, t.priority, t.robot_id, t.job_key, t.started_at, t.ended_at, t.previous_attempts_s,
t.ancestor_id, t.ancestor_unique_key, t.manual_ancestor_id, t.manual_ancestor_unique_key, t.retry_number,
t.manual_retry_number, t.created_at, t.progress, t.row_version, t.parent_operation_id, t.operation_id, t.lease_epoch
"""
# The takers come as one JSON text, for the reason that is told in store_adding. The ids of a line are an array, so that
# the planner counts with a few of them and not with a tenth of the backlog. Nothing is handed out of a queue while items
# that have become due still carry the flag: the caller clears it and comes again (`is_ready`).
TAKE = f"""
WITH asked AS MATERIALIZED (
  SELECT a.*, row_number() OVER (PARTITION BY a.tenant_id, a.queue_id ORDER BY a.position) AS place
    FROM ROWS FROM (json_to_recordset($1::json) AS (
           tenant_id int, folder_id bigint, queue_id bigint, revision int, queue_shown json, is_ready boolean,
           robot_id bigint, job_key uuid, holder text, now timestamptz, user_id bigint, client_id text,
           wanted_id bigint)) WITH ORDINALITY
         AS a(tenant_id, folder_id, queue_id, revision, queue_shown, is_ready,
              robot_id, job_key, holder, now, user_id, client_id, wanted_id, position)
   WHERE EXISTS (SELECT FROM orchestrator.queue_folders f
                   JOIN orchestrator.queues q ON q.tenant_id = f.tenant_id AND q.id = f.queue_id
                  WHERE f.tenant_id = a.tenant_id AND f.folder_id = a.folder_id AND f.queue_id = a.queue_id
                    AND q.revision = a.revision)
), lines AS MATERIALIZED (
  SELECT l.tenant_id, l.queue_id,
         CASE WHEN l.wanted_id IS NOT NULL THEN ARRAY[l.wanted_id] ELSE
         ARRAY(SELECT t.id FROM orchestrator.queue_items t
                WHERE t.tenant_id = l.tenant_id AND t.queue_id = l.queue_id AND t.state = 0 AND NOT t.is_deferred
                ORDER BY t.rank, t.due_at, t.id LIMIT l.takers FOR UPDATE OF t SKIP LOCKED) END AS ids
    FROM (SELECT a.tenant_id, a.queue_id, count(*) AS takers, bool_or(a.is_ready) AS is_ready, max(a.now) AS now,
                 min(a.wanted_id) AS wanted_id
            FROM asked a GROUP BY a.tenant_id, a.queue_id) l
   WHERE l.is_ready OR NOT EXISTS (
         SELECT FROM orchestrator.queue_items d
          WHERE d.tenant_id = l.tenant_id AND d.queue_id = l.queue_id AND d.state = 0 AND d.is_deferred
            AND d.defer_at <= l.now)
), chosen AS MATERIALIZED (
  SELECT a.*, l.ids IS NOT NULL AS was_ready, l.ids[a.place] AS id
    FROM asked a LEFT JOIN lines l ON l.tenant_id = a.tenant_id AND l.queue_id = a.queue_id
), taken AS (
  UPDATE orchestrator.queue_items t
     SET state = 1, started_at = c.now, ended_at = NULL, robot_id = c.robot_id, job_key = c.job_key,
         lease_holder = c.holder, lease_epoch = t.lease_epoch + 1, row_version = t.row_version + 1
    FROM chosen c WHERE t.tenant_id = c.tenant_id AND t.id = c.id
  RETURNING {COLUMNS}, t.tenant_id, c.position, c.folder_id, c.user_id, c.client_id, c.queue_shown
), filled AS MATERIALIZED (
  SELECT t.*, c.content FROM taken t
    LEFT JOIN orchestrator.queue_item_contents c ON c.tenant_id = t.tenant_id AND c.item_id = t.id
), noted AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                              client_id, created_at)
  SELECT t.tenant_id, t.id, 3, t.state, t.review_state, t.reviewer_id, t.user_id, t.client_id, t.started_at
    FROM taken t
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT t.tenant_id, gen_random_uuid(), 'queueItem.transactionStarted', t.folder_id, t.user_id, t.started_at,
         jsonb_build_object(
           'Queue', t.queue_shown,
           'QueueItem', jsonb_build_object(
             'Id', t.id, 'QueueDefinitionId', t.queue_id, 'Key', t.key, 'UniqueKey', t.unique_key,
             'Status', 'InProgress', 'Priority', (ARRAY['High', 'Normal', 'Low'])[t.priority + 1],
             'Reference', t.reference, 'CreationTime', t.created_at, 'StartProcessing', t.started_at,
             'DueDate', nullif(t.due_at, 'infinity'), 'DeferDate', t.defer_at, 'RiskSlaDate', t.risk_at,
             'RobotId', t.robot_id, 'ExecutorJobKey', t.job_key, 'RetryNumber', t.retry_number,
             'AncestorId', t.ancestor_id, 'ParentOperationId', t.parent_operation_id, 'Progress', t.progress,
             'SpecificContent', t.content))
    FROM filled t
)
SELECT c.position AS asked_at, c.was_ready, {COLUMNS}, t.content::text AS content_text
  FROM chosen c LEFT JOIN filled t ON t.position = c.position
"""
# Planned for these values each time: how many references begin so decides by which index they are found.
PLAN_EACH_TIME = "SET LOCAL plan_cache_mode = force_custom_plan"
CHOOSE_EQUAL = """
SELECT t.id FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1 AND t.queue_id = $2 AND t.state = 0 AND NOT t.is_deferred AND t.reference_key = $3
 ORDER BY t.rank, t.due_at, t.id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
CHOOSE_BEGINNING = """
SELECT t.id FROM orchestrator.queue_items t
 WHERE t.tenant_id = $1 AND t.queue_id = $2 AND t.state = 0 AND NOT t.is_deferred
   AND t.reference_key ~>=~ $3 AND t.reference_key ~<=~ $4
 ORDER BY t.rank, t.due_at, t.id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
ARE_DUE = """
SELECT EXISTS (SELECT FROM orchestrator.queue_items d
                WHERE d.tenant_id = $1 AND d.queue_id = $2 AND d.state = 0 AND d.is_deferred AND d.defer_at <= $3)
"""
AFTER_ALL = "\U0010ffff\U0010ffff"
"""Comes after whatever may follow a beginning."""

_encoder = msgspec.json.Encoder()


class Taker(msgspec.Struct, frozen=True):
    """Who asks for an item, by TAKE's names. `queue_shown`: what events say of the queue, a JSON object.

    `is_ready`: the flags of due items have been cleared. `wanted_id`: the very item, locked by the caller; only in a
    statement of its own.
    """

    tenant_id: int
    folder_id: int
    queue_id: int
    revision: int
    queue_shown: msgspec.Raw
    is_ready: bool
    robot_id: int | None
    job_key: UUID | None
    holder: str
    now: datetime
    user_id: int | None
    client_id: str | None
    wanted_id: int | None = None


class Taken(NamedTuple):
    """What a caller got: an item, or none. Not current: the queue has changed. Not ready: flags must be cleared first."""

    is_current: bool
    is_ready: bool
    item: Record | None


NOT_CURRENT = Taken(is_current=False, is_ready=True, item=None)


async def take(db: Connection, takers: Sequence[Taker]) -> list[Taken]:
    """Hand the best items of each queue to its takers, in their order: one statement. What each got."""
    answers = [NOT_CURRENT] * len(takers)
    for row in await db.fetch(TAKE, _encoder.encode(takers).decode()):
        item = row if row["id"] is not None else None
        answers[row["asked_at"] - 1] = Taken(is_current=True, is_ready=row["was_ready"], item=item)
    return answers


async def choose(db: Connection, tenant_id: int, queue_id: int, reference_key: str, *, is_whole: bool) -> int | None:
    """The best waiting item of that reference, or of those that begin so, locked; in a transaction."""
    await db.execute(PLAN_EACH_TIME)
    if is_whole:
        found: int | None = await db.fetchval(CHOOSE_EQUAL, tenant_id, queue_id, reference_key)
    else:
        found = await db.fetchval(CHOOSE_BEGINNING, tenant_id, queue_id, reference_key, f"{reference_key}{AFTER_ALL}")
    return found


async def are_due(db: Connection, tenant_id: int, queue_id: int, now: datetime) -> bool:
    """Whether items of the queue have become due and still carry the flag."""
    return bool(await db.fetchval(ARE_DUE, tenant_id, queue_id, now))
