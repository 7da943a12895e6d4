"""One change for every item of a queue that a filter finds: first its size, then the change.

The change is made in many transactions, a thousand items each. When the server goes down in between, what has been
committed stays; the same call again goes on with the rest, because what is changed already is left as it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

import msgspec

from podium import wire
from podium.kernel import audit, outbox
from podium.kernel.call import Call, given
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.odata import Options, count_statement, page_statement, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.queue_items import bulk_rules, editing, review, review_rules, store_bulk, versioned
from podium.orchestrator.queue_items.bulk_rules import Item
from podium.orchestrator.queue_items.entity import PRIORITIES, QUEUE_ITEMS, STATES
from podium.orchestrator.queue_items.review_rules import Fault, Held, Review
from podium.orchestrator.queue_items.store_changes import Author
from podium.orchestrator.queues.rules import NO_QUEUE
from podium.orchestrator.scope import IN_ONE_FOLDER

BATCH = 1000
MOST_ITEMS = 100_000
MOST_NAMED = 1000  # ids of items that were left, for each reason
IN_STATE = f"{IN_ONE_FOLDER} AND t.queue_id = $3::bigint AND t.state = $4::smallint"
# Only items that are there when the change begins: a retry makes new ones.
NEXT = f"{IN_ONE_FOLDER} AND t.queue_id = $3::bigint AND t.id > $4::bigint AND t.id <= $5::bigint"
THESE = f"{IN_ONE_FOLDER} AND t.queue_id = $3::bigint AND t.id = ANY($4::bigint[])"


Befits = Callable[[Item], bool | Fault]
Change = Callable[[Connection, int, Sequence[int], Author, datetime], Awaitable[None]]


class Action(NamedTuple):
    """What is done: who may do it, whom it befits, and how it is done to items that are locked and fit."""

    permissions: tuple[str, ...]
    befits: Befits
    carry_out: Callable[[list[int]], Awaitable[None]]
    verb: str


@operation("POST", "/api/podium/QueueItems/PreviewBulk", audited=False)
async def preview(call: Call, body: wire.QueueItemsPreviewRequest) -> wire.QueueItemsPreviewDto:
    """How many items of the queue the filter finds, by their status; nothing is changed."""
    queue_id, options = await _asked(call, given(body.queue_id, None), given(body.filter, ""))
    counts = await _counts(call, queue_id, options)
    return wire.QueueItemsPreviewDto(count=sum(counts.values()), count_by_status=counts)


@operation("POST", "/api/podium/QueueItems/ExecuteBulk", connected=False)
async def execute(call: Call, body: wire.QueueItemsExecuteRequest) -> wire.QueueItemsOutcomeDto:
    """Change what the filter finds. Items that the change does not befit are left, and told with the reason.

    With `expectedCount` nothing is changed unless just so many items are found.
    """
    action = _action(call, body)
    for permission in action.permissions:
        call.require(permission)
    async with call.services.db.transaction() as db:
        call.db = db
        queue_id, options = await _asked(call, given(body.queue_id, None), given(body.filter, ""))
        count = sum((await _counts(call, queue_id, options)).values())
        bulk_rules.check_count(count, given(body.expected_count, None), MOST_ITEMS)
        last = await store_bulk.last_id(db, call.tenant_id, queue_id)
        call.describe(action.verb, entity_id=queue_id, name=f"{count} items")
        await audit.add(call)
    return await _in_batches(call, queue_id, options, action, last)


async def _in_batches(
    call: Call, queue_id: int, options: Options, action: Action, last: int
) -> wire.QueueItemsOutcomeDto:
    after, found, changed = 0, 0, 0
    left: defaultdict[Fault, list[int]] = defaultdict(list)
    while True:
        async with call.services.db.transaction() as db:
            call.db = db
            ids = await _ids(call, options, NEXT, queue_id, after, last)
            if not ids:
                break
            after = ids[-1]
            items = {item.id: item for item in await store_bulk.to_change(db, call.tenant_id, call.folder_id, ids)}
            # Asked again now that nobody else can change them.
            ids = await _ids(call, options, THESE, queue_id, list(items))
            verdicts = {id_: action.befits(items[id_]) for id_ in ids}
            fit = [id_ for id_, verdict in verdicts.items() if verdict is True]
            if fit:
                await action.carry_out(fit)
            await _emit(call)
        found, changed = found + len(ids), changed + len(fit)
        for id_, verdict in verdicts.items():
            if isinstance(verdict, Fault):
                left[verdict].append(id_)
    failures = [
        wire.QueueItemsFailureDto(reason=review_rules.FAULTS[fault], count=len(ids), item_ids=ids[:MOST_NAMED])
        for fault, ids in sorted(left.items())
    ]
    failed = sum(len(ids) for ids in left.values())
    return wire.QueueItemsOutcomeDto(
        count=found, changed=changed, unchanged=found - changed - failed, failed=failed, failures=failures
    )


async def _emit(call: Call) -> None:
    if call.events:
        await outbox.add(call.db, call.tenant_id, call.actor.user_id, call.now, call.events)
        call.events.clear()


async def _asked(call: Call, queue_id: int | None, filter_: str) -> tuple[int, Options]:
    """The queue and the filter. Raises BadRequest and NotFound."""
    if queue_id is None:
        raise BadRequest("queueId is required.", Code.PARAMETER_MISSING)
    if not filter_.strip():
        raise BadRequest("filter is required; `Id gt 0` finds every item.", Code.PARAMETER_MISSING)
    if not await store_bulk.shows_queue(call.db, call.tenant_id, call.folder_id, queue_id):
        raise NotFound(NO_QUEUE)
    return queue_id, parse_options({"$filter": filter_, "$select": "Id", "$orderby": "Id", "$top": str(BATCH)})


async def _counts(call: Call, queue_id: int, options: Options) -> dict[str, int]:
    """How many items the filter finds, by their status; one that has none is left out."""
    counts: Counter[str] = Counter()
    for state, name in enumerate(STATES):
        args = [call.tenant_id, [call.folder_id], queue_id, state]
        statement = count_statement(QUEUE_ITEMS, options, IN_STATE, args, now=call.now)
        counts[name] = await call.db.fetchval(statement.sql, *statement.args)
    return dict(+counts)


async def _ids(call: Call, options: Options, where: str, queue_id: int, *more: object) -> list[int]:
    """Ids of items that the filter finds, in their order."""
    args = [call.tenant_id, [call.folder_id], queue_id, *more]
    statement = page_statement(QUEUE_ITEMS, options, where, args, counted=False, now=call.now)
    rows = msgspec.json.decode(await call.db.fetchval(statement.sql, *statement.args), type=list[dict[str, int]])
    return [row["Id"] for row in rows]


def _action(call: Call, body: wire.QueueItemsExecuteRequest) -> Action:
    """What the body asks for. Raises BadRequest for an action without its value."""
    match given(body.action, None):
        case "Delete":
            return Action(
                ("Transactions.Delete",), _held(review_rules.deletes), partial(editing.delete, call), "Delete"
            )
        case "Retry":
            return _review(call, Review.RETRIED)
        case "SetReviewStatus":
            status = given(body.review_status, None)
            if status is None:
                raise _missing("reviewStatus")
            return _review(call, review_rules.review_named(status))
        case "SetPriority":
            name = given(body.priority, None)
            if name is None:
                raise _missing("priority")
            priority = PRIORITIES.index(name)
            return _edit(call, partial(bulk_rules.takes_priority, priority), partial(store_bulk.set_priority, priority))
        case "SetDeferDate":
            if body.defer_date is msgspec.UNSET:
                raise _missing("deferDate")
            defer_at = given(body.defer_date, None)
            befits = partial(bulk_rules.takes_defer_date, defer_at, call.now)
            return _edit(call, befits, partial(store_bulk.set_defer_date, defer_at))
    raise _missing("action")


def _review(call: Call, target: Review) -> Action:
    async def carry_out(ids: list[int]) -> None:
        await review.give_status(call, ids, target)

    return Action(("Transactions.Edit",), _held(partial(review_rules.reviews, target=target)), carry_out, "Update")


def _edit(call: Call, befits: Befits, change: Change) -> Action:
    async def carry_out(ids: list[int]) -> None:
        await change(call.db, call.tenant_id, ids, versioned.author(call), call.now)

    return Action(("Transactions.Edit", "Queues.Edit"), befits, carry_out, "Update")


def _held(rule: Callable[[Held], bool | Fault]) -> Befits:
    return lambda item: rule(item.held)


def _missing(member: str) -> BadRequest:
    return BadRequest(f"{member} is required.", Code.PARAMETER_MISSING)
