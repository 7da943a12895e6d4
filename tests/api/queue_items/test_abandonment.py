"""Items that nobody finished, and items of queues that are gone."""

from __future__ import annotations

import pytest

from podium.orchestrator.settings import actions as settings
from tests.api.queue_items.calls import Desk, refusal
from tests.builders import Given
from tests.conftest import Caller, MovableClock

LOOP = "queue_items.abandon"
SETTING = """
INSERT INTO orchestrator.settings (tenant_id, name_key, name, value, updated_at)
VALUES ($1, 'queues.abandonafterhours', 'Queues.AbandonAfterHours', $2, now())
"""


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders", MaxNumberOfRetries=1, AcceptAutomaticallyRetry=True))


class TestAbandonment:
    async def test_after_a_day_and_not_before(self, desk: Desk, clock: MovableClock) -> None:
        await desk.add()
        taken = await desk.take()
        clock.forward(hours=23, minutes=59)
        await desk.caller.node.run_loop(LOOP)
        assert (await desk.read(taken))["Status"] == "InProgress"
        clock.forward(minutes=1)
        await desk.caller.node.run_loop(LOOP)
        (shown,) = await desk.all()
        assert (shown["Status"], shown["ReviewStatus"]) == ("Abandoned", "None")
        assert shown["EndProcessing"] is not None
        assert refusal(await desk.try_end(taken)) == (409, 1852)

    async def test_is_told_in_one_event_for_a_queue(self, desk: Desk, given: Given, clock: MovableClock) -> None:
        other = Desk(desk.caller, await given.queue("Other"))
        for each in (desk, desk, other):
            await each.take(SpecificContent={})
        clock.forward(hours=25)
        await desk.caller.node.run_loop(LOOP)
        payloads = await desk.events("queueItem.transactionAbandoned")
        found = {payload["Queue"]["Name"]: len(payload["QueueItems"]) for payload in payloads}
        assert found == {"Orders": 2, "Other": 1}
        assert payloads[0]["QueueItems"][0]["Status"] == "Abandoned"

    @pytest.mark.parametrize("encrypted", [False, True])
    async def test_is_followed_by_another_attempt_where_the_queue_says_so(
        self, api: Caller, given: Given, clock: MovableClock, encrypted: bool
    ) -> None:
        queue = await given.queue(MaxNumberOfRetries=1, RetryAbandonedItems=True, Encrypted=encrypted)
        desk = Desk(api, queue)
        await desk.add(SpecificContent={"n": 1}, Reference="R")
        for number in range(2):
            taken = await desk.take()
            assert (taken["RetryNumber"], taken["SpecificContent"]) == (number, {"n": 1})
            clock.forward(hours=24)
            await api.node.run_loop(LOOP)
        attempts = await desk.all()
        assert [item["Status"] for item in attempts] == ["Retried", "Abandoned"]
        assert attempts[1]["SecondsInPreviousAttempts"] == 24 * 3600

    async def test_after_as_many_hours_as_the_tenant_says(self, desk: Desk, clock: MovableClock, api: Caller) -> None:
        other = api.tenant("other")
        patient = Desk(other, await Given(other).queue("Patient"))
        await api.node.rows(SETTING, api.tenant_id, "2")
        settings.forget(api.tenant_id)
        taken = await desk.take(SpecificContent={})
        elsewhere = await patient.take(SpecificContent={})
        clock.forward(hours=2)
        await api.node.run_loop(LOOP)
        assert (await desk.read(taken))["Status"] == "Abandoned"
        assert (await patient.read(elsewhere))["Status"] == "InProgress"


class TestOrphans:
    async def test_items_of_a_queue_that_is_gone_are_removed(self, desk: Desk, given: Given) -> None:
        kept = Desk(desk.caller, await given.queue("Kept"))
        await kept.add()
        await desk.add_all([{"SpecificContent": {"n": number}, "Reference": str(number)} for number in range(7)])
        taken = await desk.take()
        await desk.caller.delete(f"/odata/QueueDefinitions({desk.queue['Id']})", folder=desk.queue["FolderId"])
        assert refusal(await desk.try_end(taken)) == (404, 1002)
        await desk.caller.node.run_loop("queue_items.remove_orphans")
        for table, rows in (("queue_items", 1), ("queue_item_contents", 0), ("queue_item_events", 1)):
            found = await desk.caller.node.rows(
                f"SELECT count(*) FROM orchestrator.{table} WHERE tenant_id = $1", desk.caller.tenant_id
            )
            assert found[0][0] == rows, table
        assert len(await kept.all()) == 1
