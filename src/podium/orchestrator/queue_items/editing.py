"""Operations that change or delete items which nobody works on."""

from __future__ import annotations

from typing import Any

import msgspec
from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, given
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.kernel.keyring import Keyring
from podium.kernel.operation import operation
from podium.orchestrator.queue_items import (
    actions,
    contents,
    edit_rules,
    reads,
    review_rules,
    rules,
    store_changes,
    versioned,
)
from podium.orchestrator.queue_items.edit_rules import Values
from podium.orchestrator.queue_items.entity import PRIORITIES
from podium.orchestrator.queue_items.review_rules import Fault
from podium.orchestrator.queue_items.rules import State
from podium.orchestrator.queues import schemas


@operation("PUT", "/odata/QueueItems({key})")
async def replace_item(call: Call, key: int, body: wire.QueueItemDataDto) -> Item:
    """Progress, priority, times and content of a new item. Of one that has ended the content is taken away, no more."""
    item = await store_changes.to_edit(call.db, call.tenant_id, call.folder_id, key)
    if item is None:
        raise NotFound(rules.NO_ITEM)
    state = State(item["state"])
    if state is State.NEW:
        await _replace(call, item, body)
    else:
        stored = Values(item["progress"], item["priority"], store_changes.instant(item["due_at"]), item["defer_at"])
        edit_rules.check_erasure(state, stored, _given(body), is_content_empty=not given(body.specific_content, None))
        await _set_content(call, item, None)
        await store_changes.touch(call.db, call.tenant_id, key, ["SpecificContent"], versioned.author(call), call.now)
    call.describe("Update", entity_id=key, name=item["queue_name"])
    return await reads.item(call, key)


@operation("DELETE", "/odata/QueueItems({key})")
async def delete_item(call: Call, key: int) -> None:
    """It stays in lists, as deleted; one that is deleted already stays so."""
    asked: dict[int, int | None] = {key: None}
    found = await versioned.sort(call, asked, review_rules.deletes)
    if found.faults.get(key) is Fault.MISSING:
        raise NotFound(rules.NO_ITEM)
    if found.faults:
        raise Conflict("An item that is in progress or was retried cannot be deleted.", Code.WRONG_STATE)
    await delete(call, found.to_change)
    call.describe("Delete", entity_id=key)


@operation("POST", "/odata/QueueItems/UiPathODataSvc.DeleteBulk")
async def delete_items(call: Call, body: wire.QueueItemDeleteBulkRequest) -> wire.BulkOperationResponseDtoOfInt64:
    """Those that cannot be deleted are told; the others are."""
    asked = versioned.versions(given(body.queue_items, None))
    found = await versioned.sort(call, asked, review_rules.deletes)
    await delete(call, found.to_change)
    call.describe("Delete", entity_id=",".join(map(str, found.to_change)))
    return versioned.answer(asked, found)


async def delete(call: Call, ids: list[int]) -> None:
    """The items, locked and fit for it, are deleted; jobs that wait for them go on."""
    if ids:
        gone = await store_changes.delete(call.db, call.tenant_id, ids, versioned.author(call), call.now)
        await actions.resume_jobs(call.db, call.tenant_id, gone, call.now)


async def _replace(call: Call, item: Record, body: wire.QueueItemDataDto) -> None:
    asked = _given(body)
    rules.check_length(asked.progress, rules.MAX_PROGRESS, "Progress")
    times = rules.times(
        rules.Times(asked.defer_at, asked.due_at, item["risk_at"]),
        item["created_at"] if item["sla_minutes"] > 0 else call.now,
        sla_minutes=item["sla_minutes"],
        risk_sla_minutes=item["risk_sla_minutes"],
    )
    content = given(body.specific_content, None)
    await _set_content(call, item, None if content is None else _checked(item, content))
    await store_changes.replace(
        call.db,
        call.tenant_id,
        item["id"],
        asked._replace(defer_at=times.defer_at, due_at=times.due_at),
        times.risk_at,
        versioned.author(call),
        call.now,
    )


def _given(body: wire.QueueItemDataDto) -> Values:
    priority = given(body.priority, None)
    return Values(
        given(body.progress, None),
        None if priority is None else PRIORITIES.index(priority),
        store_changes.instant(given(body.due_date, None)),
        given(body.defer_date, None),
    )


def _checked(item: Record, content: dict[str, Any]) -> str:
    """The content as JSON text. Raises BadRequest for what the queue does not take."""
    plain = rules.flat(content)
    text = msgspec.json.encode(plain)
    rules.check_size(text, rules.MAX_CONTENT, "SpecificContent")
    if item["content_schema"] and (problem := schemas.problems(item["content_schema"], plain)):
        raise BadRequest(f"SpecificContent: {problem}", Code.SCHEMA_VIOLATION)
    return text.decode()


async def _set_content(call: Call, item: Record, text: str | None) -> None:
    """The item's content, sealed where the queue wants it; None takes it away."""
    id_ = item["id"]
    if not item["is_encrypted"]:
        await store_changes.set_content(call.db, call.tenant_id, id_, text)
    else:
        sealed = None if text is None else contents.seal(call.port(Keyring), call.tenant_id, id_, "content", text)
        await store_changes.set_sealed_content(call.db, call.tenant_id, id_, sealed)
