"""Attempts that follow each other: by the queue, and by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from podium.kernel.keyring import Keyring
from podium.orchestrator.queue_items import actions
from tests.api.queue_items.calls import Desk, Json, refusal
from tests.builders import Given
from tests.conftest import Caller, MovableClock

AUTOMATIC: dict[str, Any] = {"MaxNumberOfRetries": 2, "AcceptAutomaticallyRetry": True}


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue(**AUTOMATIC))


class TestAutomatic:
    async def test_three_failures_of_one_key(self, desk: Desk) -> None:
        await desk.add(SpecificContent={"n": 1}, Reference="R", Priority="High", DueDate="2026-05-01T00:00:00Z")
        for number in range(3):
            taken = await desk.take()
            assert taken["RetryNumber"] == number
            await desk.fail(taken)
        assert (await desk.try_take()).status == 204
        attempts = await desk.all()
        assert [item["Status"] for item in attempts] == ["Retried", "Retried", "Failed"]
        assert [item["RetryNumber"] for item in attempts] == [0, 1, 2]
        assert len({item["Key"] for item in attempts}) == 1
        assert len({item["UniqueKey"] for item in attempts}) == 3
        assert [item["AncestorId"] for item in attempts] == [None, attempts[0]["Id"], attempts[1]["Id"]]
        assert attempts[1]["AncestorUniqueKey"] == attempts[0]["UniqueKey"]
        for name in ("SpecificContent", "Reference", "Priority", "DueDate"):
            assert len({str(item[name]) for item in attempts}) == 1, name

    async def test_the_next_attempt_starts_afresh(self, desk: Desk, clock: MovableClock) -> None:
        await desk.add()
        taken = await desk.take()
        clock.forward(seconds=75)
        await desk.fail(taken, Output={"partial": 1}, Progress="got here")
        first, second = await desk.all()
        assert (first["Output"], first["Progress"], first["ProcessingExceptionType"]) == (
            {"partial": 1}, "got here", "ApplicationException",
        )  # fmt: skip
        for name in ("Output", "Progress", "ProcessingException", "StartProcessing", "EndProcessing", "RobotId"):
            assert second[name] is None, name
        assert (second["Status"], second["SecondsInPreviousAttempts"]) == ("New", 75)
        assert second["CreationTime"] == first["EndProcessing"]

    async def test_at_the_instant_that_the_failure_names(self, desk: Desk, clock: MovableClock) -> None:
        await desk.add()
        await desk.fail(await desk.take(), DeferDate=(clock() + timedelta(hours=1)).isoformat())
        assert (await desk.try_take()).status == 204
        clock.forward(hours=1)
        assert (await desk.take())["RetryNumber"] == 1

    async def test_never_after_a_business_failure(self, desk: Desk) -> None:
        await desk.add()
        await desk.fail(await desk.take(), "BusinessException")
        (item,) = await desk.all()
        assert item["Status"] == "Failed"

    async def test_is_noted_in_the_history_of_both(self, desk: Desk) -> None:
        await desk.add()
        await desk.fail(await desk.take())
        folder = desk.queue["FolderId"]
        events = (await desk.caller.get("/odata/QueueItemEvents?$orderby=Id", folder=folder))["value"]
        first, second = await desk.all()
        found = [(event["QueueItemId"], event["Action"], event["Status"]) for event in events]
        assert found == [
            (first["Id"], "Create", "New"),
            (first["Id"], "Status", "InProgress"),
            (first["Id"], "Status", "Retried"),
            (second["Id"], "Retry", "New"),
        ]

    async def test_takes_the_reference_over_while_others_add_it(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(EnforceUniqueReference=True, **AUTOMATIC))
        for number in range(6):
            await desk.add(Reference=f"R{number}")
        taken = [await desk.take() for _ in range(6)]
        ends = [desk.try_end(item, is_successful=False) for item in taken]
        adds = [desk.try_add(Reference=item["Reference"]) for item in taken for _ in range(3)]
        answers = await asyncio.gather(*(call for pair in zip(adds[:6], ends, strict=True) for call in pair), *adds[6:])
        statuses = [answer.status for answer in answers]
        assert sorted(statuses) == [200] * 6 + [409] * 18
        for number in range(6):
            states = [item["Status"] for item in await desk.all(Reference=f"R{number}")]
            assert states == ["Retried", "New"]


class TestByHand:
    async def retry(self, desk: Desk, *items: Json) -> dict[int, int]:
        node = desk.caller.node
        async with node.db.transaction() as db:
            return await actions.retry_by_hand(
                db,
                node.port(Keyring),
                desk.caller.tenant_id,
                [item["Id"] for item in items],
                node.clock(),
                user_id=desk.caller.user_id,
                client_id=None,
            )

    async def test_counts_anew_and_names_its_ancestor(self, desk: Desk) -> None:
        await desk.add(SpecificContent={"n": 1}, Reference="R")
        taken = await desk.take()
        await desk.fail(taken, "BusinessException")
        ids = await self.retry(desk, taken)
        first, second = await desk.all()
        assert ids == {first["Id"]: second["Id"]}
        assert (first["Status"], first["ReviewStatus"]) == ("Retried", "Retried")
        assert (second["Status"], second["ReviewStatus"], second["RetryNumber"]) == ("New", "None", 0)
        assert (second["ManualAncestorId"], second["ManualRetryNumber"]) == (first["Id"], 1)
        assert (second["AncestorId"], second["SpecificContent"], second["Key"]) == (None, {"n": 1}, first["Key"])
        assert len(await desk.events("queueItem.transactionAbandoned")) == 0

    async def test_works_where_references_are_unique_and_contents_sealed(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(EnforceUniqueReference=True, Encrypted=True))
        await desk.add(SpecificContent={"n": 1}, Reference="R")
        await desk.fail(await desk.take())
        await self.retry(desk, *await desk.all())
        assert refusal(await desk.try_add(Reference="R")) == (409, 1016)
        assert (await desk.take())["SpecificContent"] == {"n": 1}
