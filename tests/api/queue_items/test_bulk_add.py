"""BulkAddQueueItems."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from podium.orchestrator.queue_items import store_adding
from tests.api.queue_items.calls import Desk, refusal
from tests.builders import Given
from tests.conftest import Caller

Json = dict[str, Any]

WAYS = ("AllOrNothing", "StopOnFirstFailure", "ProcessAllIndependently")


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders"))


@pytest.fixture
async def unique(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Unique", EnforceUniqueReference=True))


def items(*references: str) -> list[Json]:
    return [{"Reference": reference, "SpecificContent": {"r": reference}} for reference in references]


async def references(desk: Desk) -> list[str]:
    return [item["Reference"] for item in await desk.all()]


class TestWaysOfCommitment:
    @pytest.mark.parametrize("way", [*WAYS, None])
    async def test_200_adds_all_that_are_good(self, desk: Desk, way: str | None) -> None:
        answer = await desk.add_all(items("a", "b", "c"), way)
        assert answer == {"Success": True, "Message": None, "FailedItems": []}
        assert await references(desk) == ["a", "b", "c"]

    @pytest.mark.parametrize(("way", "kept"), list(zip(WAYS, ([], ["a", "b"], ["a", "b", "d", "e"]), strict=True)))
    async def test_200_with_a_bad_one_in_the_middle(self, desk: Desk, way: str, kept: list[str]) -> None:
        asked = items("a", "b", "c", "d", "e")
        asked[2]["SpecificContent"] = {"nested": {"n": 1}}
        answer = await desk.add_all(asked, way)
        assert answer["Success"] is False
        (failed,) = answer["FailedItems"]
        assert (failed["Ordinal"], failed["ErrorCode"], failed["Reference"]) == (3, "InvalidArgument", "c")
        assert "SpecificContent.nested" in failed["ErrorMessage"]
        assert await references(desk) == kept

    @pytest.mark.parametrize(("way", "kept"), list(zip(WAYS, ([], ["a"], ["a", "c"]), strict=True)))
    async def test_200_with_a_reference_that_the_queue_has(self, unique: Desk, way: str, kept: list[str]) -> None:
        await unique.add(Reference="old")
        answer = await unique.add_all(items("a", "OLD", "c", "oLd"), way)
        failed = [(each["Ordinal"], each["ErrorCode"]) for each in answer["FailedItems"]]
        expected = [(2, "DuplicateReference"), (4, "DuplicateReference")]
        assert failed == (expected[:1] if way == "StopOnFirstFailure" else expected)
        assert await references(unique) == ["old", *kept]

    @pytest.mark.parametrize(("way", "kept"), list(zip(WAYS, ([], ["a", "b"], ["a", "b", "c"]), strict=True)))
    async def test_200_with_a_reference_twice_counts_the_first(self, unique: Desk, way: str, kept: list[str]) -> None:
        answer = await unique.add_all(items("a", "b", "A", "c"), way)
        (failed,) = answer["FailedItems"]
        assert (failed["Ordinal"], failed["ErrorMessage"]) == (3, "Error creating Transaction. Duplicate Reference.")
        assert await references(unique) == kept

    async def test_200_tells_every_bad_one_of_all_or_nothing(self, unique: Desk) -> None:
        await unique.add(Reference="old")
        asked = [*items("old", "a"), {"SpecificContent": {}}, {"Reference": 'q"'}]
        answer = await unique.add_all(asked, "AllOrNothing")
        found = [(each["Ordinal"], each["ErrorCode"]) for each in answer["FailedItems"]]
        assert found == [(1, "DuplicateReference"), (3, "TransactionReferenceRequired"), (4, "InvalidArgument")]
        assert await references(unique) == ["old"]


class TestBulkAdd:
    async def test_404_for_an_unknown_queue(self, desk: Desk) -> None:
        answer = await Desk(desk.caller, {**desk.queue, "Name": "Nothing"}).try_add_all(items("a"))
        assert refusal(answer) == (404, 1002)

    async def test_400_for_an_unknown_way(self, desk: Desk) -> None:
        assert refusal(await desk.try_add_all(items("a"), "Sometimes")) == (400, 1015)

    async def test_413_for_too_many(self, desk: Desk) -> None:
        assert (await desk.try_add_all([{} for _ in range(15_001)])).status == 413
        assert await desk.all() == []

    async def test_200_of_nothing_adds_nothing(self, desk: Desk) -> None:
        assert (await desk.add_all([]))["Success"] is True

    async def test_200_once_with_an_idempotency_key(self, desk: Desk) -> None:
        again = desk.with_headers(idempotency_key=str(uuid4()))
        for way in ("AllOrNothing", "AllOrNothing"):
            await again.add_all(items("a", "b"), way)
        assert await references(desk) == ["a", "b"]

    async def test_200_is_told_in_events_of_a_hundred(self, desk: Desk) -> None:
        await desk.add_all([{"SpecificContent": {"n": number}} for number in range(250)])
        payloads = await desk.events("queueItem.added")
        assert [len(payload["QueueItems"]) for payload in payloads] == [100, 100, 50]
        found = [item["SpecificContent"]["n"] for payload in payloads for item in payload["QueueItems"]]
        assert found == list(range(250))

    async def test_200_seals_the_items_of_an_encrypted_queue(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(Encrypted=True))
        await desk.add_all([{"SpecificContent": {"n": f"planted {number}"}} for number in range(3)])
        assert [item["SpecificContent"]["n"] for item in await desk.all()] == [f"planted {n}" for n in range(3)]
        rows = await api.node.rows(
            "SELECT content FROM orchestrator.queue_item_contents WHERE tenant_id = $1", api.tenant_id
        )
        assert rows == []

    async def test_fifteen_thousand_in_one_statement_in_the_order_given(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        statements: list[int] = []
        add = store_adding.add_many

        async def counted(db: Any, rows: Any) -> Any:
            statements.append(len(rows))
            return await add(db, rows)

        monkeypatch.setattr(store_adding, "add_many", counted)
        asked = [{"SpecificContent": {"n": number}, "Reference": f"R{number}"} for number in range(15_000)]
        assert (await desk.add_all(asked, "AllOrNothing"))["Success"]
        assert statements == [15_000]
        rows = await desk.caller.node.rows(
            "SELECT reference FROM orchestrator.queue_items WHERE tenant_id = $1 ORDER BY id", desk.caller.tenant_id
        )
        assert [row["reference"] for row in rows] == [f"R{number}" for number in range(15_000)]
