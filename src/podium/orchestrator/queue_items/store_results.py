"""The statement of results: items end, go back or are tried again, of any number of calls at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.queue_items import rules

# The verdicts are those of rules.Verdict. Rows are locked in the order of their ids, then looked at as they are. A queue
# whose schemas or seals a result must be prepared for is left alone until the caller has prepared it (`prepared_for`
# names the revision that it knows). The next attempt is written with the change; it takes the reference over.
ASKED = """
WITH asked AS MATERIALIZED (
  SELECT a.* FROM ROWS FROM (json_to_recordset($1::json) AS (
           tenant_id int, folder_id bigint, item_id bigint, holder text, epoch int, verdict smallint, exception_type text,
           exception jsonb, operation_id text, prepared_for int, output jsonb, analytics jsonb, progress text,
           defer_at timestamptz, due_at timestamptz, now timestamptz, user_id bigint, client_id text, next_id bigint,
           next_unique_key uuid)) WITH ORDINALITY
         AS a(tenant_id, folder_id, item_id, holder, epoch, verdict, exception_type,
              exception, operation_id, prepared_for, output, analytics, progress,
              defer_at, due_at, now, user_id, client_id, next_id,
              next_unique_key, position)
), found AS MATERIALIZED (
  SELECT a.*, t.state, t.lease_holder, t.lease_epoch, t.retry_number, t.operation_id AS past_operation_id,
         t.exception_type AS past_exception_type, t.queue_id, t.key, q.revision, q.is_encrypted,
         q.is_encrypted OR q.output_schema IS NOT NULL OR q.analytics_schema IS NOT NULL AS needs_preparation,
         q.is_retried_automatically, q.max_retries, q.sla_minutes,
         json_build_object(
           'Id', q.id, 'Key', q.key, 'Name', q.name, 'Description', q.description, 'MaxNumberOfRetries', q.max_retries,
           'AcceptAutomaticallyRetry', q.is_retried_automatically, 'EnforceUniqueReference', q.has_unique_references,
           'SlaInMinutes', q.sla_minutes, 'RiskSlaInMinutes', q.risk_sla_minutes) AS queue_shown
    FROM asked a
    JOIN orchestrator.queue_items t ON t.tenant_id = a.tenant_id AND t.id = a.item_id
    JOIN orchestrator.queue_folders f
      ON f.tenant_id = t.tenant_id AND f.folder_id = a.folder_id AND f.queue_id = t.queue_id
    JOIN orchestrator.queues q ON q.tenant_id = t.tenant_id AND q.id = t.queue_id
   ORDER BY a.tenant_id, a.item_id FOR UPDATE OF t
), decided AS MATERIALIZED (
  SELECT f.*, CASE f.verdict WHEN 0 THEN 3 WHEN 3 THEN 0 WHEN 2 THEN 2
              ELSE CASE WHEN f.is_retried_automatically AND f.retry_number < f.max_retries THEN 5 ELSE 2 END
              END AS following
    FROM found f
   WHERE f.state = 1 AND f.lease_holder = f.holder AND (f.epoch IS NULL OR f.epoch = f.lease_epoch)
     AND (NOT f.needs_preparation OR f.prepared_for = f.revision)
), changed AS (
  UPDATE orchestrator.queue_items t
     SET state = d.following, row_version = t.row_version + 1, progress = coalesce(d.progress, t.progress),
         output = CASE WHEN d.following <> 0 THEN d.output END,
         analytics = CASE WHEN d.following <> 0 THEN d.analytics END,
         exception_type = d.exception_type, exception = d.exception,
         operation_id = CASE WHEN d.following = 0 THEN t.operation_id ELSE d.operation_id END,
         ended_at = CASE WHEN d.following <> 0 THEN d.now END,
         started_at = CASE WHEN d.following <> 0 THEN t.started_at END,
         lease_holder = CASE WHEN d.following <> 0 THEN t.lease_holder END,
         robot_id = CASE WHEN d.following <> 0 THEN t.robot_id END,
         job_key = CASE WHEN d.following <> 0 THEN t.job_key END,
         defer_at = CASE WHEN d.following = 0 THEN d.defer_at ELSE t.defer_at END,
         is_deferred = d.following = 0,
         due_at = CASE WHEN d.following = 0 AND d.sla_minutes = 0 THEN coalesce(d.due_at, t.due_at) ELSE t.due_at END,
         rank = t.priority + CASE WHEN t.due_at = 'infinity' AND (d.following <> 0 OR d.sla_minutes > 0 OR d.due_at IS NULL)
                                  THEN 3 ELSE 0 END
    FROM decided d WHERE t.tenant_id = d.tenant_id AND t.id = d.item_id
  RETURNING t.*, d.position, d.folder_id, d.now, d.user_id, d.client_id, d.next_id, d.next_unique_key,
            d.defer_at AS next_defer_at, d.is_encrypted, d.queue_shown
"""
ANSWERED = """
), emitted AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT c.tenant_id, gen_random_uuid(),
         CASE WHEN c.state = 3 THEN 'queueItem.transactionCompleted' ELSE 'queueItem.transactionFailed' END,
         c.folder_id, c.user_id, c.now,
         jsonb_build_object(
           'Queue', c.queue_shown,
           'QueueItem', jsonb_build_object(
             'Id', c.id, 'QueueDefinitionId', c.queue_id, 'Key', c.key, 'UniqueKey', c.unique_key,
             'Status', (ARRAY['New', 'InProgress', 'Failed', 'Successful', 'Abandoned', 'Retried', 'Deleted'])[c.state + 1],
             'Priority', (ARRAY['High', 'Normal', 'Low'])[c.priority + 1], 'Reference', c.reference,
             'CreationTime', c.created_at, 'StartProcessing', c.started_at, 'EndProcessing', c.ended_at,
             'DueDate', nullif(c.due_at, 'infinity'), 'DeferDate', c.defer_at, 'RiskSlaDate', c.risk_at,
             'RobotId', c.robot_id, 'ExecutorJobKey', c.job_key, 'RetryNumber', c.retry_number,
             'AncestorId', c.ancestor_id, 'ParentOperationId', c.parent_operation_id, 'OperationId', c.operation_id,
             'Progress', c.progress, 'Output', c.output,
             'ProcessingException', CASE WHEN NOT c.is_encrypted THEN c.exception END))
    FROM changed c WHERE c.state <> 0
)
SELECT f.position, f.state, f.lease_holder, f.lease_epoch, f.past_operation_id, f.past_exception_type, f.queue_id, f.key,
       f.needs_preparation AND f.prepared_for IS DISTINCT FROM f.revision AS is_unprepared, d.following,
       d.following IN (2, 3) AND (EXISTS (
         SELECT FROM orchestrator.job_triggers w
          WHERE w.tenant_id = f.tenant_id AND w.status = 'New' AND w.type = 'QueueItem' AND w.item_key = f.key::text)
       OR EXISTS (
         SELECT FROM orchestrator.job_triggers w
          WHERE w.tenant_id = f.tenant_id AND w.status = 'New' AND w.type = 'QueueItem' AND w.item_id = f.item_id))
       AS is_awaited
  FROM found f LEFT JOIN decided d ON d.position = f.position
"""
RESULT = f"""{ASKED}
), cloned AS (
  INSERT INTO orchestrator.queue_items (
    tenant_id, id, key, unique_key, queue_id, priority, rank, due_at, risk_at, defer_at, is_deferred,
    has_unique_reference, reference, reference_key, source, parent_operation_id, ancestor_id, ancestor_unique_key,
    manual_ancestor_id, manual_ancestor_unique_key, retry_number, manual_retry_number, previous_attempts_s, created_at,
    created_by)
  OVERRIDING SYSTEM VALUE
  SELECT c.tenant_id, coalesce(c.next_id, nextval('orchestrator.queue_items_id_seq')), c.key, c.next_unique_key,
         c.queue_id, c.priority, c.rank, c.due_at, c.risk_at,
         CASE WHEN c.next_defer_at > c.now THEN c.next_defer_at END, coalesce(c.next_defer_at > c.now, false),
         c.has_unique_reference, c.reference, c.reference_key, c.source, c.parent_operation_id, c.id, c.unique_key,
         c.manual_ancestor_id, c.manual_ancestor_unique_key, c.retry_number + 1, c.manual_retry_number,
         c.previous_attempts_s + greatest(0, extract(epoch FROM c.now - c.started_at))::int, c.now, c.created_by
    FROM changed c WHERE c.state = 5 ORDER BY c.position
  RETURNING tenant_id, id, ancestor_id, created_at
), copied AS (
  INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content)
  SELECT n.tenant_id, n.id, o.content FROM cloned n
    JOIN orchestrator.queue_item_contents o ON o.tenant_id = n.tenant_id AND o.item_id = n.ancestor_id
), noted AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                              client_id, created_at)
  SELECT e.tenant_id, e.item_id, e.action, e.state, e.review_state, e.reviewer_id, e.user_id, e.client_id, e.now
    FROM (SELECT c.tenant_id, c.id AS item_id, 3::smallint AS action, c.state, c.review_state, c.reviewer_id, c.user_id,
                 c.client_id, c.now, c.position FROM changed c
           UNION ALL
          SELECT n.tenant_id, n.id, 4, 0::smallint, 0::smallint, NULL, c.user_id, c.client_id, c.now, c.position FROM cloned n
            JOIN changed c ON c.tenant_id = n.tenant_id AND c.id = n.ancestor_id) e
   ORDER BY e.position, e.action
{ANSWERED}"""
# As RESULT, of results that let no attempt follow.
LAST_RESULT = f"""{ASKED}
), noted AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, review_state, reviewer_id, user_id,
                                              client_id, created_at)
  SELECT c.tenant_id, c.id, 3, c.state, c.review_state, c.reviewer_id, c.user_id, c.client_id, c.now
    FROM changed c
{ANSWERED}"""
# One item with what a result for it must be prepared for, locked.
TO_PREPARE = f"""
SELECT i.id, i.queue_id, i.state, i.retry_number, i.lease_holder, i.lease_epoch
  FROM orchestrator.queue_folders t
  JOIN orchestrator.queue_items i ON i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id AND i.id = $3::bigint
 WHERE {scope.IN_ONE_FOLDER} FOR UPDATE OF i
"""

_encoder = msgspec.json.Encoder()


class Result(msgspec.Struct, frozen=True):
    """What a robot says of an item, by the names of ASKED.

    `prepared_for`: the revision of the queue whose schemas and seals have been seen to. `next_id`: the id of the next
    attempt, if there will be one, when its sealed content has to know it.
    """

    tenant_id: int
    folder_id: int
    item_id: int
    holder: str
    epoch: int | None
    verdict: int
    exception_type: str | None
    exception: msgspec.Raw | None
    operation_id: str | None
    prepared_for: int | None
    output: msgspec.Raw | None
    analytics: msgspec.Raw | None
    progress: str | None
    defer_at: datetime | None
    due_at: datetime | None
    now: datetime
    user_id: int | None
    client_id: str | None
    next_id: int | None
    next_unique_key: UUID

    @property
    def is_last(self) -> bool:
        """Whether LAST_RESULT does: no attempt follows, whatever the queue says of retries."""
        return self.verdict != rules.Verdict.FAILURE


async def apply(db: Connection, results: Sequence[Result]) -> list[Record | None]:
    """Carry results out, each for itself: one statement. None: the folder does not show such an item.

    `following` of a row is the state that the item has now, null when nothing was done; the other columns tell what the
    item was before. No two results may be of one item.
    """
    answers: list[Record | None] = [None] * len(results)
    statement = LAST_RESULT if all(result.is_last for result in results) else RESULT
    for row in await db.fetch(statement, _encoder.encode(results).decode()):
        answers[row["position"] - 1] = row
    return answers


async def to_prepare(db: Connection, tenant_id: int, folder_id: int, item_id: int) -> Record | None:
    """The item, if the folder shows it, locked."""
    return await db.fetchrow(TO_PREPARE, tenant_id, [folder_id], item_id)
