"""Calls of many callers that share commits, against the database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import asyncpg
import pytest
from msgspec import Raw

from podium.kernel.db import Connection
from podium.kernel.ids import uuid7
from podium.orchestrator.queue_items import store_adding
from podium.orchestrator.queue_items.batching import Batcher
from podium.orchestrator.queue_items.store_adding import Added, NewItem
from podium.orchestrator.queue_items.traffic import Traffic
from tests.api.queue_items.calls import Desk
from tests.builders import Given
from tests.conftest import Caller


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders"))


@pytest.fixture
def batches(api: Caller, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each statement added."""
    sizes: list[int] = []

    async def add(db: Connection, items: Sequence[NewItem]) -> list[Added]:
        sizes.append(len(items))
        return await store_adding.add(db, items)

    monkeypatch.setattr(api.node.port(Traffic)._adds, "_run", add)
    return sizes


async def test_many_adds_are_few_statements_and_each_has_its_own_answer(desk: Desk, batches: list[int]) -> None:
    answers = await asyncio.gather(*(desk.add(SpecificContent={"n": number}) for number in range(60)))
    assert [answer["SpecificContent"]["n"] for answer in answers] == list(range(60))
    assert len({answer["Id"] for answer in answers}) == 60
    assert sum(batches) == 60
    assert len(batches) < 30


async def test_tenants_and_queues_share_a_batch_and_see_nothing_of_each_other(
    desk: Desk, api: Caller, batches: list[int]
) -> None:
    other_api = api.tenant("other")
    other = Desk(other_api, await Given(other_api).queue("Orders"))
    batches.clear()
    desks = [desk, other] * 15
    answers = await asyncio.gather(*(each.add(SpecificContent={"n": n}) for n, each in enumerate(desks)))
    assert len(batches) < 30
    for each, found in ((desk, answers[::2]), (other, answers[1::2])):
        assert {item["Id"] for item in await each.all()} == {item["Id"] for item in found}
    taken = await asyncio.gather(*(each.take() for each in desks))
    assert Counter(item["QueueDefinitionId"] for item in taken) == {desk.queue["Id"]: 15, other.queue["Id"]: 15}
    results = await asyncio.gather(*(each.end(item) for each, item in zip(desks, taken, strict=True)))
    assert results == [{}] * 30
    wrong = await desk.try_end(taken[1])
    assert wrong.status == 404


async def test_refused_calls_do_not_keep_others_of_their_batch_from_being_added(api: Caller, given: Given) -> None:
    unique = Desk(api, await given.queue("Unique", EnforceUniqueReference=True))
    await unique.add(Reference="taken")
    references = ["taken" if number % 3 == 0 else f"R{number // 2}" for number in range(60)]
    answers = await asyncio.gather(*(unique.try_add(Reference=reference) for reference in references))
    assert {answer.status for answer in answers} == {201, 409}
    stored = Counter(item["Reference"] for item in await unique.all())
    assert stored == dict.fromkeys(references, 1)
    added = [answer.json["Reference"] for answer in answers if answer.status == 201]
    assert sorted([*added, "taken"]) == sorted(stored)


async def test_a_row_that_the_database_refuses_fails_its_own_call_only(desk: Desk) -> None:
    """No call brings such a row; whatever it may be one day, it must not take others along."""
    node, tenant_id = desk.caller.node, desk.caller.tenant_id
    rows = await node.rows("SELECT revision FROM orchestrator.queues WHERE id = $1", desk.queue["Id"])
    items = [row(desk, rows[0]["revision"], priority) for priority in (1, 9, 0)]

    batcher: Batcher[Connection, NewItem, Added] = Batcher(node.db.acquire, store_adding.add)
    found = await asyncio.gather(*map(batcher.submit, items), return_exceptions=True)
    assert [isinstance(each, asyncpg.CheckViolationError) for each in found] == [False, True, False]
    stored = await node.rows(
        "SELECT priority FROM orchestrator.queue_items WHERE tenant_id = $1 ORDER BY id", tenant_id
    )
    assert [each["priority"] for each in stored] == [1, 0]


def row(desk: Desk, revision: int, priority: int) -> NewItem:
    now, place = desk.caller.node.clock(), (desk.caller.tenant_id, desk.queue["FolderId"], desk.queue["Id"])
    return NewItem(
        *place, revision, Raw(b"{}"), None, uuid7(), uuid7(), 0, priority, None, None, None, False, False, None, None,
        None, None, None, None, None, None, None, None, now, None, None, uuid7(), Raw(b'{"Status":"New"}'),
    )  # fmt: skip
