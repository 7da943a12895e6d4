"""Adds many items in one call, by one of three ways of commitment; a few statements, however many items there are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from podium import wire
from podium.kernel.db import Connection
from podium.kernel.errors import ApiError, TooLarge
from podium.kernel.ids import uuid7
from podium.orchestrator.queue_items import adding, rules, store, store_adding
from podium.orchestrator.queue_items.callers import Who, transaction
from podium.orchestrator.queue_items.definitions import TRIES, changes_too_often
from podium.orchestrator.queue_items.store_adding import NewItem
from podium.orchestrator.queue_items.traffic import Traffic
from podium.orchestrator.queues.rules import Definition

ITEMS_OF_EVENT = 100
CHECKED_AT_ONCE = 500  # items; then other calls have their turn
FAILED = "Some items could not be added."


class Refused(NamedTuple):
    """Why an item was not added, by its place in the call, from 0."""

    place: int
    error: ApiError


class _Changed(Exception):
    """The queue has changed since it was read."""


async def add(
    traffic: Traffic, who: Who, name: str | None, data: Sequence[wire.QueueItemDataDto], commit: str
) -> list[Refused]:
    """Add the items to the folder's queue; those that were refused, in their order.

    AllOrNothing: with one refused none is added, and every one that is wrong is told. StopOnFirstFailure: those before
    the first refused are added, and only that one is told. Raises BadRequest, NotFound and TooLarge.
    """
    if len(data) > rules.MAX_AT_ONCE:
        raise TooLarge(f"queueItems: {len(data)} items, at most {rules.MAX_AT_ONCE} are taken at once.")
    for _ in range(TRIES):
        queue = await traffic.definitions.queue(who.tenant_id, who.folder_id, name, who.db, is_fresh=True)
        items, refused = await _checked(queue, who, data)
        try:
            return await _stored(traffic, who, queue, items, refused, commit)
        except _Changed:
            continue
    raise changes_too_often()


def answer(data: Sequence[wire.QueueItemDataDto], refused: Sequence[Refused]) -> dict[str, object]:
    """What the call is answered: the refused items as they were sent, each with its place from 1 and why."""
    failed = [
        {
            **_members(data[each.place]),
            "Ordinal": each.place + 1,
            "ErrorCode": rules.error_name(each.error),
            "ErrorMessage": each.error.message,
        }
        for each in refused
    ]
    return {"Success": not failed, "Message": FAILED if failed else None, "FailedItems": failed}


def _members(item: wire.QueueItemDataDto) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(item)
    return found


async def _checked(
    queue: Definition, who: Who, data: Sequence[wire.QueueItemDataDto]
) -> tuple[dict[int, NewItem], list[Refused]]:
    """The items that may be added by their places, and the others. Of equal references the first counts."""
    items: dict[int, NewItem] = {}
    refused: list[Refused] = []
    references: set[str] = set()
    event_id = uuid7()
    for place, each in enumerate(data):
        if place % CHECKED_AT_ONCE == CHECKED_AT_ONCE - 1:
            await asyncio.sleep(0)
        if place % ITEMS_OF_EVENT == 0:
            event_id = uuid7()
        try:
            item = adding.new_item(queue, each, who)
            if queue.has_unique_references and item.reference_key in references:
                raise rules.duplicate()
        except ApiError as error:
            refused.append(Refused(place, error))
            continue
        if item.reference_key is not None:
            references.add(item.reference_key)
        items[place] = replace(item, event_id=event_id)
    return items, refused


async def _stored(
    traffic: Traffic, who: Who, queue: Definition, items: dict[int, NewItem], refused: list[Refused], commit: str
) -> list[Refused]:
    """Store what the way of commitment lets through; who was refused, before and by the database."""
    async with transaction(traffic.db, who) as db:
        if commit == "ProcessAllIndependently":
            return sorted([*refused, *await _insert(traffic, db, queue, items)], key=_place)
        if commit == "AllOrNothing":
            return sorted([*refused, *await _insert_all(traffic, db, queue, items, is_tried=bool(refused))], key=_place)
        stopped = refused[:1]
        while True:
            before = {place: item for place, item in items.items() if not stopped or place < stopped[0].place}
            seen = await _insert_all(traffic, db, queue, before)
            if not seen:
                return stopped
            stopped = [min(seen, key=_place)]


async def _insert_all(
    traffic: Traffic, db: Connection, queue: Definition, items: dict[int, NewItem], *, is_tried: bool = False
) -> list[Refused]:
    """Add all of them, or none and tell which the queue has seen; `is_tried`: none in either case."""
    savepoint = db.transaction()
    await savepoint.start()
    try:
        seen = await _insert(traffic, db, queue, items)
    except BaseException:
        await savepoint.rollback()
        raise
    if seen or is_tried:
        await savepoint.rollback()
    else:
        await savepoint.commit()
    return seen


async def _insert(traffic: Traffic, db: Connection, queue: Definition, items: dict[int, NewItem]) -> list[Refused]:
    """Add the items; those whose reference the queue has seen."""
    if not items:
        return []
    rows = list(items.values())
    if queue.is_encrypted:
        ids = await store.next_ids(db, len(rows))
        rows = [adding.hidden(traffic.keyring, item, id_) for item, id_ in zip(rows, ids, strict=True)]
    added = await store_adding.add_many(db, rows)
    if not all(each.is_current for each in added):
        raise _Changed
    return [Refused(place, rules.duplicate()) for place, each in zip(items, added, strict=True) if not each.is_made]


def _place(refused: Refused) -> int:
    return refused.place
