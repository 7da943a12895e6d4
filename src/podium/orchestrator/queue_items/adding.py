"""Makes items out of what a body says of them, and adds one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from podium import wire
from podium.kernel.call import given
from podium.kernel.errors import BadRequest, Code
from podium.kernel.ids import uuid7
from podium.kernel.keyring import Keyring
from podium.orchestrator.queue_items import answers, contents, rules, store
from podium.orchestrator.queue_items.callers import Who, connection
from podium.orchestrator.queue_items.definitions import TRIES, changes_too_often
from podium.orchestrator.queue_items.entity import PRIORITIES, STATES
from podium.orchestrator.queue_items.rules import Times
from podium.orchestrator.queue_items.store_adding import Added, NewItem
from podium.orchestrator.queue_items.traffic import Traffic
from podium.orchestrator.queues import schemas
from podium.orchestrator.queues.rules import Definition

NORMAL = PRIORITIES.index("Normal")

NOTHING = msgspec.Raw(b"{}")

_encoder = msgspec.json.Encoder()


class Robot(NamedTuple):
    """Who is to work on an item as it comes; the id is None for somebody who is no robot."""

    id: int | None


def new_item(queue: Definition, data: wire.QueueItemDataDto, who: Who, taker: Robot | None = None) -> NewItem:
    """The item that is asked for, for that queue. Raises BadRequest that names the member that is wrong.

    Of an encrypted queue the content is still open: `hidden` seals it. With a `taker` the caller has it as it comes.
    """
    reference = rules.check_reference(given(data.reference, None), is_unique=queue.has_unique_references)
    progress = given(data.progress, None)
    rules.check_length(progress, rules.MAX_PROGRESS, "Progress")
    times = rules.times(
        Times(given(data.defer_date, None), given(data.due_date, None), given(data.risk_sla_date, None)),
        who.now,
        sla_minutes=queue.sla_minutes,
        risk_sla_minutes=queue.risk_sla_minutes,
    )
    asked = given(data.priority, None)
    priority = NORMAL if asked is None else PRIORITIES.index(asked)
    item = NewItem(
        tenant_id=who.tenant_id,
        folder_id=who.folder_id,
        queue_id=queue.id,
        revision=queue.revision,
        queue_shown=msgspec.Raw(queue.shown),
        planned_id=None,
        key=uuid7(),
        unique_key=uuid7(),
        state=rules.State.NEW if taker is None else rules.State.IN_PROGRESS,
        priority=priority,
        due_at=times.due_at,
        risk_at=times.risk_at,
        defer_at=times.defer_at,
        is_deferred=taker is None and rules.is_waiting(times.defer_at, who.now),
        has_unique_reference=queue.has_unique_references,
        reference=reference,
        reference_key=None if reference is None else rules.reference_key(reference),
        source=given(data.source, None),
        parent_operation_id=given(data.parent_operation_id, None),
        progress=progress,
        content=_content(queue, given(data.specific_content, None)),
        sealed=None,
        robot_id=None if taker is None else taker.id,
        job_key=None if taker is None else who.job_key,
        lease_holder=None if taker is None else who.holder,
        created_at=who.now,
        user_id=who.user_id,
        client_id=who.client_id,
        event_id=uuid7(),
        shown=NOTHING,
    )
    return replace(item, shown=_shown(item, is_encrypted=queue.is_encrypted))


def hidden(keyring: Keyring, item: NewItem, id_: int) -> NewItem:
    """The item of an encrypted queue with its content sealed for its row."""
    if item.content is None:
        return replace(item, planned_id=id_)
    sealed = contents.seal(keyring, item.tenant_id, id_, "content", bytes(item.content).decode())
    return replace(item, planned_id=id_, content=None, sealed=sealed)


async def add(
    traffic: Traffic, who: Who, name: str | None, data: wire.QueueItemDataDto, taker: Robot | None = None
) -> tuple[int, str]:
    """Add one item to the folder's queue, for `taker` to work on if there is one; its id and its JSON.

    Raises BadRequest, NotFound and Conflict.
    """
    for _ in range(TRIES):
        queue = await traffic.definitions.queue(who.tenant_id, who.folder_id, name, who.db)
        try:
            item = new_item(queue, data, who, taker)
        except BadRequest:
            # Refused by what was known of the queue; it is refused for good by what the queue is now.
            queue = await traffic.definitions.queue(who.tenant_id, who.folder_id, name, who.db, is_fresh=True)
            item = new_item(queue, data, who, taker)
        stored = item
        if queue.is_encrypted:
            async with connection(traffic.db, who) as db:
                stored = hidden(traffic.keyring, item, (await store.next_ids(db, 1))[0])
        added = await traffic.add(who, stored)
        if added.is_made:
            return added.id, _json(item, added, who, is_encrypted=queue.is_encrypted)
        if added.is_current:
            raise rules.duplicate()
        traffic.definitions.forget_queue(who.tenant_id, who.folder_id, queue.name)
    raise changes_too_often()


def _json(item: NewItem, added: Added, who: Who, *, is_encrypted: bool) -> str:
    """The JSON of an item that has just been added."""
    row = {**NEW_ROW, **asdict(item), "id": added.id}
    if item.state == rules.State.IN_PROGRESS:
        row["started_at"] = item.created_at
    content = added.content
    if is_encrypted and item.content is not None:
        content = bytes(item.content).decode()
    return answers.item_json(row, content=content, is_encrypted=is_encrypted, folder_id=who.folder_id, path=who.path)


NEW_ROW: Mapping[str, Any] = {
    "review_state": 0,
    "reviewer_id": None,
    "exception_type": None,
    "exception": None,
    "started_at": None,
    "ended_at": None,
    "previous_attempts_s": 0,
    "ancestor_id": None,
    "ancestor_unique_key": None,
    "manual_ancestor_id": None,
    "manual_ancestor_unique_key": None,
    "retry_number": 0,
    "manual_retry_number": 0,
    "operation_id": None,
    "row_version": 1,
}


def _content(queue: Definition, content: Mapping[str, Any] | None) -> msgspec.Raw | None:
    """The content as JSON text. Raises BadRequest."""
    plain = None if content is None else rules.flat(content)
    text = None if plain is None else _encoder.encode(plain)
    if text is not None:
        rules.check_size(text, rules.MAX_CONTENT, "SpecificContent")
    if queue.content_schema is not None:
        problem = schemas.problems(queue.content_schema, plain or {})
        if problem is not None:
            raise BadRequest(f"SpecificContent: {problem}", Code.SCHEMA_VIOLATION)
    return None if text is None else msgspec.Raw(text)


def _shown(item: NewItem, *, is_encrypted: bool) -> msgspec.Raw:
    """What events say of a new item, but for its id; content of encrypted queues stays out of them."""
    members = {
        "QueueDefinitionId": item.queue_id,
        "Key": item.key,
        "UniqueKey": item.unique_key,
        "Status": STATES[item.state],
        "Priority": PRIORITIES[item.priority],
        "Reference": item.reference,
        "CreationTime": answers.instant(item.created_at),
        "DueDate": answers.instant(item.due_at),
        "DeferDate": answers.instant(item.defer_at),
        "RiskSlaDate": answers.instant(item.risk_at),
        "ParentOperationId": item.parent_operation_id,
        "Source": item.source,
        "Progress": item.progress,
        "RobotId": item.robot_id,
        "ExecutorJobKey": item.job_key,
        "RetryNumber": 0,
        "SpecificContent": None if is_encrypted else item.content,
    }
    return msgspec.Raw(_encoder.encode({name: value for name, value in members.items() if value is not None}))
