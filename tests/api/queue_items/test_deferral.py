"""Items that may not be worked on yet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.queue_items.calls import Desk, refusal
from tests.builders import Given
from tests.conftest import Caller, MovableClock


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders"))


def at(clock: MovableClock, **parts: float) -> str:
    return (clock() + timedelta(**parts)).isoformat()


async def test_an_item_is_invisible_until_its_time_and_then_obeys_the_order(desk: Desk, clock: MovableClock) -> None:
    await desk.add(Reference="later", Priority="High", DeferDate=at(clock, hours=1))
    await desk.add(Reference="even later", Priority="High", DeferDate=at(clock, hours=2))
    await desk.add(Reference="now")
    await desk.add(Reference="low", Priority="Low")
    assert (await desk.take())["Reference"] == "now"
    assert (await desk.take())["Reference"] == "low"
    assert (await desk.try_take()).status == 204
    await desk.add(Reference="new")
    clock.forward(hours=1)
    assert [(await desk.take())["Reference"] for _ in range(2)] == ["later", "new"]
    assert (await desk.try_take()).status == 204
    clock.forward(hours=1)
    assert (await desk.take())["Reference"] == "even later"


async def test_by_reference_as_well(desk: Desk, clock: MovableClock) -> None:
    await desk.add(Reference="DE-1", DeferDate=at(clock, hours=1))
    assert (await desk.try_take(Reference="DE-")).status == 204
    clock.forward(hours=1)
    assert (await desk.take(Reference="DE-"))["Reference"] == "DE-1"


async def test_an_instant_that_has_passed_defers_nothing(desk: Desk, clock: MovableClock) -> None:
    added = await desk.add(DeferDate=at(clock, hours=-1))
    assert (await desk.take())["Id"] == added["Id"]


async def test_the_loop_clears_what_has_become_due_and_changes_nothing_that_is_seen(
    desk: Desk, clock: MovableClock
) -> None:
    added = [await desk.add(DeferDate=at(clock, minutes=5), Reference=str(number)) for number in range(3)]
    waiting = await desk.add(DeferDate=at(clock, minutes=50))
    clock.forward(minutes=5)
    assert await desk.caller.node.run_loop("queue_items.make_due") >= 3
    rows = await desk.caller.node.rows(
        "SELECT id FROM orchestrator.queue_items WHERE tenant_id = $1 AND is_deferred", desk.caller.tenant_id
    )
    assert [row["id"] for row in rows] == [waiting["Id"]]
    assert [(await desk.take())["Id"] for _ in range(3)] == [item["Id"] for item in added]


async def test_a_postponed_item_comes_back_at_its_time_with_the_same_number_of_attempts(
    desk: Desk, clock: MovableClock
) -> None:
    await desk.add(Reference="R", SpecificContent={"n": 1})
    taken = await desk.take()
    due = at(clock, hours=9)
    await desk.end(taken, DeferDate=at(clock, hours=3), DueDate=due, Progress="waiting for paper", OperationId="op")
    shown = await desk.read(taken)
    assert (shown["Status"], shown["StartProcessing"], shown["EndProcessing"]) == ("New", None, None)
    assert (shown["RetryNumber"], shown["Progress"], shown["OperationId"]) == (0, "waiting for paper", None)
    assert refusal(await desk.try_end(taken)) == (409, 1852)
    assert (await desk.try_take()).status == 204
    clock.forward(hours=3)
    again = await desk.take()
    assert (again["Id"], again["Key"], again["SpecificContent"]) == (taken["Id"], taken["Key"], {"n": 1})
    assert again == await desk.read(again)
    assert again["DueDate"] is not None


async def test_a_result_with_an_instant_that_has_passed_stands(desk: Desk, clock: MovableClock) -> None:
    await desk.add()
    taken = await desk.take()
    await desk.end(taken, DeferDate=at(clock, hours=-1))
    assert (await desk.read(taken))["Status"] == "Successful"


async def test_a_backlog_that_becomes_due_at_once_is_handed_out_in_order(
    desk: Desk, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.orchestrator.queue_items.taking.MOST_MADE_DUE", 3)
    priorities = ["Low", "High", "Normal", "High", "Low", "Normal", "High", "Low"]
    await desk.add_all([{"Priority": priority, "DeferDate": at(clock, hours=1)} for priority in priorities])
    clock.forward(hours=2)
    await desk.add(Priority="Normal", Reference="last")
    found = [(await desk.take())["Priority"] for _ in range(9)]
    assert found == sorted(found, key=["High", "Normal", "Low"].index)
