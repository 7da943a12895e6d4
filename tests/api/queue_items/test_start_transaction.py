"""StartTransaction."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from podium.orchestrator.settings import actions as settings
from tests.api.queue_items.calls import Desk, refusal
from tests.builders import Given
from tests.conftest import Caller, MovableClock

ROBOT = {"Name": "R1", "Type": "Unattended", "HostingType": "Floating", "Username": "acme\\r1"}
REQUIRE = """
INSERT INTO orchestrator.settings (tenant_id, name_key, name, value, updated_at)
VALUES ($1, 'queues.requirerobotfortransaction', 'Queues.RequireRobotForTransaction', 'true', now())
"""


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders"))


async def robot(api: Caller) -> dict[str, Any]:
    made = await api.post("/odata/Robots", ROBOT)
    rows = await api.node.rows(
        "SELECT id, key FROM orchestrator.robots WHERE tenant_id = $1 AND id = $2", api.tenant_id, made["Id"]
    )
    return {"Id": rows[0]["id"], "Key": str(rows[0]["key"])}


class TestOrder:
    async def test_deadline_before_none_then_priority_then_the_earlier_deadline(
        self, desk: Desk, clock: MovableClock
    ) -> None:
        def due(days: int) -> str:
            return (clock() + timedelta(days=days)).isoformat()

        await desk.add(Reference="low 1", Priority="Low", DueDate=due(1))
        await desk.add(Reference="high 10", Priority="High", DueDate=due(10))
        await desk.add(Reference="high none", Priority="High")
        await desk.add(Reference="normal 2", DueDate=due(2))
        await desk.add(Reference="high 9", Priority="High", DueDate=due(9))
        await desk.add(Reference="low none", Priority="Low")
        await desk.add(Reference="normal none")
        found = [(await desk.take())["Reference"] for _ in range(7)]
        assert found == ["high 9", "high 10", "normal 2", "low 1", "high none", "normal none", "low none"]

    async def test_first_in_first_out_in_a_class(self, desk: Desk) -> None:
        added = await desk.add_all([{"SpecificContent": {"n": number}} for number in range(30)])
        assert added["Success"]
        found = [(await desk.take())["SpecificContent"]["n"] for _ in range(30)]
        assert found == list(range(30))

    async def test_queues_do_not_mix(self, desk: Desk, given: Given) -> None:
        other = Desk(desk.caller, await given.queue("Other"))
        await desk.add(Reference="mine")
        assert (await other.try_take()).status == 204
        assert (await desk.take())["Reference"] == "mine"


class TestTaking:
    async def test_200_is_the_item_as_it_is_read(self, desk: Desk) -> None:
        await desk.add(
            SpecificContent={"n": 1, "text": "ä"}, Reference="R", Progress="p", DueDate="2026-04-01T00:00:00Z"
        )
        answer = await desk.try_take()
        taken = answer.json
        assert taken == await desk.read(taken)
        assert list(taken) == list(await desk.read(taken))
        assert (taken["Status"], taken["StartProcessing"]) == ("InProgress", "2026-03-02T12:00:00.000000Z")
        assert taken["RowVersion"] == "AAAAAAAAAAI="
        assert answer.headers["x-podium-lease-epoch"] == "1"

    async def test_204_without_a_body_when_nothing_waits(self, desk: Desk) -> None:
        await desk.add()
        await desk.take()
        answer = await desk.try_take()
        assert (answer.status, answer.content) == (204, b"")

    async def test_200_is_noted_in_history_and_events(self, desk: Desk) -> None:
        taken = (await desk.add(SpecificContent={"n": 1}), await desk.take())[1]
        path = f"/odata/QueueItemEvents?$filter=QueueItemId eq {taken['Id']}&$orderby=Id"
        events = (await desk.caller.get(path, folder=desk.queue["FolderId"]))["value"]
        assert [(event["Action"], event["Status"]) for event in events] == [("Create", "New"), ("Status", "InProgress")]
        (payload,) = await desk.events("queueItem.transactionStarted")
        assert (payload["Queue"]["Id"], payload["QueueItem"]["Id"]) == (desk.queue["Id"], taken["Id"])
        assert payload["QueueItem"]["SpecificContent"] == {"n": 1}

    async def test_400_without_data(self, desk: Desk) -> None:
        answer = await desk.post("/odata/Queues/UiPathODataSvc.StartTransaction", {"transactionData": None})
        assert refusal(answer) == (400, 1014)

    async def test_404_for_an_unknown_queue(self, desk: Desk) -> None:
        assert refusal(await desk.try_take(Name="Nothing")) == (404, 1002)

    async def test_404_once_the_queue_is_gone(self, desk: Desk) -> None:
        await desk.add()
        await desk.take()
        await desk.caller.delete(f"/odata/QueueDefinitions({desk.queue['Id']})", folder=desk.queue["FolderId"])
        assert refusal(await desk.try_take()) == (404, 1002)

    async def test_200_is_the_same_item_with_an_idempotency_key(self, desk: Desk) -> None:
        await desk.add()
        await desk.add()
        again = desk.with_headers(idempotency_key=str(uuid4()))
        assert await again.take() == await again.take()
        assert len(await desk.all(Status="New")) == 1

    async def test_200_names_the_job_that_took_it(self, desk: Desk) -> None:
        await desk.add()
        key = str(uuid4())
        assert (await desk.with_headers(x_uipath_jobkey=key).take())["ExecutorJobKey"] == key


class TestAtOnce:
    async def test_fifty_callers_of_twenty_items_get_each_one_once(self, desk: Desk) -> None:
        await desk.add_all([{} for _ in range(20)])
        answers = await asyncio.gather(*(desk.try_take() for _ in range(50)))
        assert Counter(answer.status for answer in answers) == {200: 20, 204: 30}
        assert len({answer.json["Id"] for answer in answers if answer.status == 200}) == 20

    async def test_callers_of_several_queues_get_what_is_theirs(self, desk: Desk, given: Given) -> None:
        desks = [Desk(desk.caller, await given.queue()) for _ in range(4)]
        for number, each in enumerate(desks):
            await each.add_all([{"SpecificContent": {"queue": number}} for _ in range(5)])
        answers = await asyncio.gather(*(each.try_take() for each in desks * 6))
        found = Counter(
            (number % 4, answer.json["SpecificContent"]["queue"])
            for number, answer in enumerate(answers)
            if answer.status == 200
        )
        assert found == {(number, number): 5 for number in range(4)}


class TestByReference:
    @pytest.fixture
    async def referred(self, desk: Desk) -> Desk:
        for reference in ("DE-1", "de-2", "FR-1", "D", None):
            await desk.add(Reference=reference)
        return desk

    async def test_beginning_so_by_default_without_regard_to_case(self, referred: Desk) -> None:
        found = [(await referred.take(Reference="De-"))["Reference"] for _ in range(2)]
        assert found == ["DE-1", "de-2"]
        assert (await referred.try_take(Reference="De-")).status == 204

    async def test_being_equal(self, referred: Desk) -> None:
        taken = await referred.take(Reference="d", ReferenceFilterOption="Equals")
        assert taken["Reference"] == "D"
        assert (await referred.try_take(Reference="D", ReferenceFilterOption="Equals")).status == 204

    async def test_the_best_of_them(self, referred: Desk) -> None:
        await referred.add(Reference="DE-3", Priority="High")
        assert (await referred.take(Reference="DE-"))["Reference"] == "DE-3"

    async def test_signs_of_patterns_mean_themselves(self, desk: Desk) -> None:
        await desk.add(Reference="100%")
        assert (await desk.try_take(Reference="%")).status == 204
        assert (await desk.take(Reference="100%"))["Reference"] == "100%"

    async def test_each_once_for_many_at_once(self, desk: Desk) -> None:
        await desk.add_all([{"Reference": f"X-{number}"} for number in range(10)])
        answers = await asyncio.gather(*(desk.try_take(Reference="x-") for _ in range(20)))
        assert Counter(answer.status for answer in answers) == {200: 10, 204: 10}
        assert len({answer.json["Id"] for answer in answers if answer.status == 200}) == 10


class TestMakingAndTaking:
    async def test_200_is_a_new_item_in_progress(self, desk: Desk) -> None:
        await desk.add(Reference="other")
        answer = await desk.try_take(SpecificContent={"n": 5}, Reference="made", ParentOperationId="op")
        taken = answer.json
        assert taken == await desk.read(taken)
        assert (taken["Status"], taken["Reference"], taken["SpecificContent"]) == ("InProgress", "made", {"n": 5})
        assert answer.headers["x-podium-lease-epoch"] == "1"
        await desk.end(taken)
        assert len(await desk.events("queueItem.transactionStarted")) == 1

    async def test_rules_of_references_hold(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(EnforceUniqueReference=True))
        assert refusal(await desk.try_take(SpecificContent={})) == (400, 1850)
        await desk.take(SpecificContent={}, Reference="R")
        assert refusal(await desk.try_take(SpecificContent={}, Reference="R")) == (409, 1016)


class TestRobots:
    async def test_200_names_the_robot(self, desk: Desk) -> None:
        made = await robot(desk.caller)
        await desk.add()
        taken = await desk.take(RobotIdentifier=made["Key"])
        assert taken["RobotId"] == made["Id"]
        await desk.end(taken)

    async def test_404_for_an_unknown_robot(self, desk: Desk) -> None:
        await desk.add()
        answer = await desk.try_take(RobotIdentifier=str(uuid4()))
        assert refusal(answer) == (404, 1002)
        assert answer.json["message"] == "Robot does not exist."
        assert len(await desk.all(Status="New")) == 1

    async def test_204_without_a_robot_where_one_is_required(self, desk: Desk) -> None:
        await desk.caller.node.rows(REQUIRE, desk.caller.tenant_id)
        settings.forget(desk.caller.tenant_id)
        await desk.add()
        assert (await desk.try_take()).status == 204
        assert (await desk.try_take(RobotIdentifier=(await robot(desk.caller))["Key"])).status == 200
