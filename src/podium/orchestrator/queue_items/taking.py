"""Hands an item to who asks for one."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from asyncpg import Record
from msgspec.structs import replace

from podium import wire
from podium.kernel.call import given
from podium.orchestrator.queue_items import adding, answers, contents, rules, store, store_taking
from podium.orchestrator.queue_items.callers import Who, connection, transaction
from podium.orchestrator.queue_items.definitions import TRIES, changes_too_often
from podium.orchestrator.queue_items.store_taking import Taken, Taker
from podium.orchestrator.queue_items.traffic import Traffic
from podium.orchestrator.queues.rules import Definition

MOST_MADE_DUE = 5_000


class Started(NamedTuple):
    """The item that a caller got: its id, its JSON, and the number of its hand-out."""

    id: int
    json: str
    epoch: int


async def start(traffic: Traffic, who: Who, data: wire.TransactionDataDto) -> Started | None:
    """The best item of the queue, or a new one with the content that is given; None when there is none to be had.

    Raises BadRequest, NotFound and Conflict.
    """
    name = given(data.name, None)
    robot_id = who.robot_id
    if (robot_key := given(data.robot_identifier, None)) is not None:
        robot_id = await traffic.definitions.robot(who.tenant_id, robot_key, who.db)
    if robot_id is None and await traffic.definitions.needs_robot(who.tenant_id, who.db):
        await traffic.definitions.queue(who.tenant_id, who.folder_id, name, who.db)
        return None
    if given(data.specific_content, None) is not None:
        id_, json = await adding.add(traffic, who, name, _new(data), adding.Robot(robot_id))
        return Started(id_, json, 1)
    return await _take(traffic, who, name, data, robot_id)


async def _take(
    traffic: Traffic, who: Who, name: str | None, data: wire.TransactionDataDto, robot_id: int | None
) -> Started | None:
    reference = given(data.reference, None)
    is_ready = False
    for _ in range(TRIES):
        queue = await traffic.definitions.queue(who.tenant_id, who.folder_id, name, who.db)
        taker = _taker(queue, who, robot_id, is_ready=is_ready)
        if reference:
            is_whole = given(data.reference_filter_option, "StartsWith") == "Equals"
            taken = await _by_reference(traffic, who, taker, rules.reference_key(reference), is_whole=is_whole)
        else:
            taken = await traffic.take(who, taker)
        if not taken.is_current:
            traffic.definitions.forget_queue(who.tenant_id, who.folder_id, queue.name)
        elif not taken.is_ready:
            async with connection(traffic.db, who) as db:
                await store.make_due(db, who.tenant_id, queue.id, who.now, MOST_MADE_DUE)
            is_ready = True
        elif taken.item is None:
            return None
        else:
            return await _started(traffic, who, queue, taken.item)
    raise changes_too_often()


async def _by_reference(traffic: Traffic, who: Who, taker: Taker, reference_key: str, *, is_whole: bool) -> Taken:
    """As `Traffic.take`, of the items with that reference; in a transaction of its own."""
    async with transaction(traffic.db, who) as db:
        if not taker.is_ready and await store_taking.are_due(db, who.tenant_id, taker.queue_id, who.now):
            return Taken(is_current=True, is_ready=False, item=None)
        found = await store_taking.choose(db, who.tenant_id, taker.queue_id, reference_key, is_whole=is_whole)
        if found is None:
            return Taken(is_current=True, is_ready=True, item=None)
        return (await store_taking.take(db, [replace(taker, is_ready=True, wanted_id=found)]))[0]


async def _started(traffic: Traffic, who: Who, queue: Definition, row: Record) -> Started:
    content = row["content_text"]
    if queue.is_encrypted:
        async with connection(traffic.db, who) as db:
            parts = await contents.parts_of(db, traffic.keyring, who.tenant_id, [row["id"]])
        content = parts.get((row["id"], "content"))
    json = answers.item_json(
        row, content=content, is_encrypted=queue.is_encrypted, folder_id=who.folder_id, path=who.path
    )
    return Started(row["id"], json, row["lease_epoch"])


def _taker(queue: Definition, who: Who, robot_id: int | None, *, is_ready: bool) -> Taker:
    return Taker(
        who.tenant_id,
        who.folder_id,
        queue.id,
        queue.revision,
        msgspec.Raw(queue.shown),
        is_ready,
        robot_id,
        who.job_key,
        who.holder,
        who.now,
        who.user_id,
        who.client_id,
    )


def _new(data: wire.TransactionDataDto) -> wire.QueueItemDataDto:
    """What a transaction says of the item that it makes."""
    return wire.QueueItemDataDto(
        defer_date=data.defer_date,
        due_date=data.due_date,
        reference=data.reference,
        parent_operation_id=data.parent_operation_id,
        specific_content=data.specific_content,
    )
