"""Carries out what robots say of the items that they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from asyncpg import PostgresError, Record
from msgspec.structs import replace

from podium import wire
from podium.kernel.call import given
from podium.kernel.db import Connection
from podium.kernel.errors import NotFound, Unavailable
from podium.kernel.ids import uuid7
from podium.kernel.keyring import Keyring
from podium.orchestrator.job_triggers import actions as job_triggers
from podium.orchestrator.queue_items import answers, contents, rules, store, store_results
from podium.orchestrator.queue_items.callers import Who, transaction
from podium.orchestrator.queue_items.definitions import TRIES, changes_too_often
from podium.orchestrator.queue_items.rules import State, Times, Verdict
from podium.orchestrator.queue_items.store import Sealed
from podium.orchestrator.queue_items.store_results import Result
from podium.orchestrator.queue_items.traffic import Traffic
from podium.orchestrator.queues import actions as queues
from podium.orchestrator.queues import schemas
from podium.orchestrator.queues.rules import Definition

QUEUE_ITEM = "QueueItem"

log = structlog.get_logger(__name__)


async def report(traffic: Traffic, who: Who, item_id: int, data: wire.TransactionResultDto) -> None:
    """Apply a result to the item that the caller has. Raises BadRequest, NotFound and Conflict.

    The same result said again is answered as the first one, when it has an operation id.
    """
    result = _result(who, item_id, data)
    for _ in range(TRIES):
        row = await traffic.apply(who, result)
        if row is None:
            raise NotFound(rules.NO_ITEM)
        if row["is_unprepared"]:
            result, row = await _apply_prepared(traffic, who, item_id, data)
            if row is None or row["is_unprepared"]:
                continue
        if row["following"] is None:
            _check_repeated(row, result)
        elif row["is_awaited"]:
            await _resume_jobs(traffic, who, row, item_id)
        return
    raise changes_too_often()


async def set_progress(traffic: Traffic, who: Who, item_id: int, text: str | None) -> None:
    """Note how far the caller is with the item that it has. Raises BadRequest, NotFound and Conflict."""
    rules.check_length(text, rules.MAX_PROGRESS, "Progress")
    values = (who.tenant_id, [who.folder_id], item_id, text, who.holder, who.epoch, who.user_id, who.client_id, who.now)
    async with transaction(traffic.db, who) as db:
        is_changed = await store.set_progress(db, *values)
    if is_changed is None:
        raise NotFound(rules.NO_ITEM)
    if not is_changed:
        raise rules.not_yours()


def _result(who: Who, item_id: int, data: wire.TransactionResultDto) -> Result:
    """The result, not prepared for any queue. Raises BadRequest."""
    exception = None if given(data.is_successful, False) else given(data.processing_exception, None)
    exception_type = None if exception is None else given(exception.type, "ApplicationException")
    times = rules.times(Times(given(data.defer_date, None), given(data.due_date, None), None), who.now)
    progress = given(data.progress, None)
    rules.check_length(progress, rules.MAX_PROGRESS, "Progress")
    return Result(
        who.tenant_id,
        who.folder_id,
        item_id,
        who.holder,
        who.epoch,
        rules.verdict(
            is_successful=given(data.is_successful, False),
            exception_type=exception_type,
            defer_at=times.defer_at,
            now=who.now,
        ),
        exception_type,
        None if exception is None else _exception(who, exception, str(exception_type)),
        given(data.operation_id, None),
        None,
        _json(given(data.output, None), rules.MAX_OUTPUT, "Output"),
        _json(given(data.analytics, None), rules.MAX_ANALYTICS, "Analytics"),
        progress,
        times.defer_at,
        times.due_at,
        who.now,
        who.user_id,
        who.client_id,
        None,
        uuid7(),
    )


def _json(value: Mapping[str, Any] | None, limit: int, member: str) -> msgspec.Raw | None:
    if value is None:
        return None
    text = msgspec.json.encode(value)
    rules.check_size(text, limit, member)
    return msgspec.Raw(text)


def _exception(who: Who, given_: wire.ProcessingExceptionDto, type_: str) -> msgspec.Raw:
    reason, details = given(given_.reason, None), given(given_.details, None)
    rules.check_length(reason, rules.MAX_EXCEPTION, "ProcessingException.Reason")
    rules.check_length(details, rules.MAX_EXCEPTION, "ProcessingException.Details")
    members = {
        "Reason": reason,
        "Details": details,
        "Type": type_,
        "AssociatedImageFilePath": given(given_.associated_image_file_path, None),
        "CreationTime": answers.instant(given(given_.creation_time, who.now)),
    }
    return msgspec.Raw(msgspec.json.encode(members))


# Queues that a result must be prepared for: their schemas are asked, what they hold is sealed


async def _apply_prepared(
    traffic: Traffic, who: Who, item_id: int, data: wire.TransactionResultDto
) -> tuple[Result, Record | None]:
    """Apply the result with all that its queue asks for, in a transaction; what was applied, and what became of it."""
    async with transaction(traffic.db, who) as db:
        result = _result(who, item_id, data)
        item = await store_results.to_prepare(db, who.tenant_id, who.folder_id, item_id)
        if item is None:
            raise NotFound(rules.NO_ITEM)
        queue = (await queues.definitions(db, who.tenant_id, [item["queue_id"]])).get(item["queue_id"])
        if queue is None:
            raise NotFound(rules.NO_ITEM)
        result = replace(_judged(queue, who, result, data), prepared_for=queue.revision)
        if not queue.is_encrypted:
            return result, (await store_results.apply(db, [result]))[0]
        return await _apply_sealed(traffic, db, queue, item, result)


def _judged(queue: Definition, who: Who, result: Result, data: wire.TransactionResultDto) -> Result:
    """A success whose data are not of the form that the queue asks for is a failure that nobody tries again."""
    if result.verdict != Verdict.SUCCESS:
        return result
    for schema, value, member in (
        (queue.output_schema, given(data.output, None), "Output"),
        (queue.analytics_schema, given(data.analytics, None), "Analytics"),
    ):
        problem = None if schema is None else schemas.problems(schema, value or {})
        if problem is not None:
            said = wire.ProcessingExceptionDto(reason=f"{member}: {problem}")
            exception = _exception(who, said, "BusinessException")
            return replace(
                result, verdict=Verdict.BUSINESS_FAILURE, exception_type="BusinessException", exception=exception
            )
    return result


async def _apply_sealed(
    traffic: Traffic, db: Connection, queue: Definition, item: Record, result: Result
) -> tuple[Result, Record | None]:
    """Apply the result to an item of an encrypted queue; its parts, and those of its next attempt, are sealed."""
    keyring, tenant_id, item_id = traffic.keyring, result.tenant_id, result.item_id
    following = rules.state_after(
        Verdict(result.verdict),
        is_allowed=queue.is_retried_automatically,
        retry_number=item["retry_number"],
        max_retries=queue.max_retries,
    )
    lease = rules.Lease(item["lease_holder"] or "", item["lease_epoch"])
    is_held = rules.holds(item["state"], lease, result.holder, result.epoch)
    next_id = (await store.next_ids(db, 1))[0] if is_held and following == State.RETRIED else None
    row = (await store_results.apply(db, [replace(result, output=None, analytics=None, next_id=next_id)]))[0]
    if row is None or row["following"] is None:
        return result, row
    parts = [
        Sealed(tenant_id, item_id, part, contents.seal(keyring, tenant_id, item_id, part, bytes(text).decode()))
        for part, text in (("output", result.output), ("analytics", result.analytics))
        if text is not None and following != State.NEW
    ]
    await store.keep_sealed(db, parts)
    if next_id is not None:
        await contents_for_next(traffic.keyring, db, tenant_id, {item_id: next_id})
    return result, row


async def contents_for_next(keyring: Keyring, db: Connection, tenant_id: int, next_ids: Mapping[int, int]) -> None:
    """Seal the content of attempts for the attempts that follow them; `next_ids`: the one's id to the other's."""
    sealed = await store.sealed_contents(db, tenant_id, list(next_ids))
    parts = []
    for item_id, value in sealed.items():
        text = contents.open_(keyring, tenant_id, item_id, "content", value)
        following = next_ids[item_id]
        parts.append(
            Sealed(tenant_id, following, "content", contents.seal(keyring, tenant_id, following, "content", text))
        )
    await store.keep_sealed(db, parts)


# What follows


def _check_repeated(row: Record, result: Result) -> None:
    """Raises Conflict unless the result is the one that ended the item."""
    lease = rules.Lease(row["lease_holder"] or "", row["lease_epoch"])
    past = rules.Past(row["state"], lease, row["past_operation_id"], row["past_exception_type"])
    verdict = Verdict(result.verdict)
    if not rules.is_repeated(past, result.holder, result.epoch, result.operation_id, verdict, result.exception_type):
        raise rules.not_yours()


async def _resume_jobs(traffic: Traffic, who: Who, row: Record, item_id: int) -> None:
    """Resume the jobs that wait for the item. A loop does it again when this fails: the result stands."""
    keys, ids = [str(row["key"]), str(item_id)], [item_id]
    if who.db is not None:
        await job_triggers.item_ended(who.db, who.tenant_id, QUEUE_ITEM, who.now, keys=keys, ids=ids)
        return
    try:
        async with traffic.db.transaction() as db:
            await job_triggers.item_ended(db, who.tenant_id, QUEUE_ITEM, who.now, keys=keys, ids=ids)
    except (Unavailable, PostgresError) as error:
        log.warning("jobs are resumed later", item=item_id, error=str(error))
