"""SetTransactionResult: verdicts, leases, schemas, and jobs that wait for an item."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from podium.orchestrator.queue_items import rules
from podium.orchestrator.queue_items.entity import STATES
from tests.api.queue_items.calls import Desk, Json, refusal
from tests.builders import Given
from tests.conftest import Caller, MovableClock

SCHEMA = '{"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}'
SUSPEND = "UPDATE orchestrator.jobs SET state = 7 WHERE tenant_id = $1 AND id = $2"
WAIT = """
INSERT INTO orchestrator.job_triggers (tenant_id, job_id, type, item_key, item_id, created_at)
VALUES ($1, $2, 'QueueItem', $3, $4, $5)
"""


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders"))


@pytest.fixture
async def taken(desk: Desk) -> Json:
    await desk.add(SpecificContent={"n": 1})
    return await desk.take()


class TestVerdicts:
    async def test_200_of_a_success_keeps_what_came_out(self, desk: Desk, taken: Json, clock: MovableClock) -> None:
        clock.forward(seconds=90)
        said: Json = {"Output": {"sum": 7}, "Analytics": {"pages": 3}, "Progress": "done", "OperationId": "op-12"}
        assert await desk.end(taken, **said) == {}
        shown = await desk.read(taken)
        assert {name: shown[name] for name in said} == said
        assert shown["Status"] == "Successful"
        assert shown["OutputData"] == '{"DynamicProperties":{"sum": 7}}'
        assert shown["EndProcessing"] > shown["StartProcessing"]
        (payload,) = await desk.events("queueItem.transactionCompleted")
        assert payload["QueueItem"]["Output"] == {"sum": 7}

    async def test_200_of_a_failure_keeps_its_reason(self, desk: Desk, taken: Json) -> None:
        said = {"Reason": "portal timed out", "Details": "trace", "Type": "BusinessException"}
        await desk.end(taken, is_successful=False, ProcessingException=said)
        shown = await desk.read(taken)
        assert (shown["Status"], shown["ProcessingExceptionType"]) == ("Failed", "BusinessException")
        assert said.items() <= shown["ProcessingException"].items()
        (payload,) = await desk.events("queueItem.transactionFailed")
        assert payload["QueueItem"]["ProcessingException"]["Reason"] == "portal timed out"

    async def test_200_of_a_failure_without_a_reason(self, desk: Desk, taken: Json) -> None:
        await desk.end(taken, is_successful=False)
        shown = await desk.read(taken)
        assert (shown["Status"], shown["ProcessingException"], shown["ProcessingExceptionType"]) == (
            "Failed",
            None,
            None,
        )

    async def test_200_of_an_exception_without_a_type_is_the_applications(self, desk: Desk, taken: Json) -> None:
        await desk.end(taken, is_successful=False, ProcessingException={"Reason": "r"})
        assert (await desk.read(taken))["ProcessingExceptionType"] == "ApplicationException"

    async def test_409_for_what_has_ended_and_nothing_changes(self, desk: Desk, taken: Json) -> None:
        await desk.end(taken, Output={"n": 1})
        before = await desk.read(taken)
        assert refusal(await desk.try_end(taken, Output={"n": 2})) == (409, 1852)
        assert refusal(await desk.try_end(taken, is_successful=False)) == (409, 1852)
        assert await desk.read(taken) == before

    async def test_409_for_what_was_never_taken(self, desk: Desk) -> None:
        assert refusal(await desk.try_end(await desk.add())) == (409, 1852)

    async def test_404_for_an_item_that_the_folder_does_not_show(self, desk: Desk, taken: Json, given: Given) -> None:
        assert refusal(await desk.try_end({"Id": 999_999_999})) == (404, 1002)
        elsewhere = Desk(desk.caller, {**desk.queue, "FolderId": (await given.folder())["Id"]})
        assert refusal(await elsewhere.try_end(taken)) == (404, 1002)
        assert (await desk.read(taken))["Status"] == "InProgress"

    async def test_400_without_a_result(self, desk: Desk, taken: Json) -> None:
        path = f"/odata/Queues({taken['Id']})/UiPathODataSvc.SetTransactionResult"
        assert refusal(await desk.post(path, {"transactionResult": None})) == (400, 1014)

    @pytest.mark.parametrize(
        "members",
        [
            {"Output": {"x": "x" * 110_000}},
            {"Analytics": {"x": "x" * 11_000}},
            {"Progress": "x" * 104_858},
            {"is_successful": False, "ProcessingException": {"Reason": "x" * 102_401}},
            {"is_successful": False, "ProcessingException": {"Details": "x" * 102_401}},
        ],
    )
    async def test_400_for_what_is_too_large(self, desk: Desk, taken: Json, members: dict[str, Any]) -> None:
        assert refusal(await desk.try_end(taken, **members)) == (400, 1854)
        assert (await desk.read(taken))["Status"] == "InProgress"

    async def test_200_once_with_an_idempotency_key(self, desk: Desk, taken: Json) -> None:
        again = desk.with_headers(idempotency_key=str(uuid4()))
        assert await again.end(taken) == await again.end(taken) == {}


class TestLeases:
    async def test_409_for_somebody_else(self, desk: Desk, taken: Json, api: Caller) -> None:
        other = desk.as_caller(await api.as_role("Administrator"))
        assert refusal(await other.try_end(taken)) == (409, 1852)
        assert refusal(await other.try_progress(taken, "mine")) == (409, 1852)
        assert refusal(await desk.with_headers(x_uipath_jobkey=str(uuid4())).try_end(taken)) == (409, 1852)
        await desk.end(taken)

    async def test_the_same_job_is_the_same_holder_whoever_calls(self, desk: Desk, api: Caller) -> None:
        await desk.add()
        key = str(uuid4())
        taken = await desk.with_headers(x_uipath_jobkey=key).take()
        assert refusal(await desk.try_end(taken)) == (409, 1852)
        await desk.with_headers(x_uipath_jobkey=key).end(taken)

    async def test_409_for_an_earlier_hand_out(self, desk: Desk, clock: MovableClock) -> None:
        added = await desk.add()
        first = (await desk.try_take()).headers["x-podium-lease-epoch"]
        later = clock().replace(year=clock().year + 1).isoformat()
        await desk.end(added, DeferDate=later)
        clock.now = clock().replace(year=clock().year + 1)
        second = (await desk.try_take()).headers["x-podium-lease-epoch"]
        assert (first, second) == ("1", "2")
        assert refusal(await desk.with_headers(x_podium_lease_epoch=first).try_end(added)) == (409, 1852)
        assert refusal(await desk.with_headers(x_podium_lease_epoch=first).try_progress(added, "p")) == (409, 1852)
        await desk.with_headers(x_podium_lease_epoch=second).end(added)

    async def test_400_for_an_epoch_that_is_no_number(self, desk: Desk, taken: Json) -> None:
        assert refusal(await desk.with_headers(x_podium_lease_epoch="one").try_end(taken)) == (400, 1015)

    async def test_200_for_the_same_result_with_its_operation_said_again(self, desk: Desk, taken: Json) -> None:
        for _ in range(2):
            assert await desk.end(taken, OperationId="op-1", Output={"n": 1}) == {}
        assert refusal(await desk.try_end(taken, OperationId="op-2")) == (409, 1852)
        assert refusal(await desk.try_end(taken, is_successful=False, OperationId="op-1")) == (409, 1852)
        assert len(await desk.events("queueItem.transactionCompleted")) == 1

    async def test_one_of_many_results_at_once_counts(self, desk: Desk, taken: Json) -> None:
        answers = await asyncio.gather(*(desk.try_end(taken, Output={"n": number}) for number in range(10)))
        assert sorted(answer.status for answer in answers) == [200] + [409] * 9
        winner = [answer.status for answer in answers].index(200)
        assert (await desk.read(taken))["Output"] == {"n": winner}


class TestSchemas:
    @pytest.mark.parametrize(
        ("kind", "member"), [("OutputDataJsonSchema", "Output"), ("AnalyticsDataJsonSchema", "Analytics")]
    )
    async def test_200_of_a_success_of_another_form_is_a_business_failure(
        self, api: Caller, given: Given, kind: str, member: str
    ) -> None:
        members: Json = {"MaxNumberOfRetries": 3, "AcceptAutomaticallyRetry": True, kind: SCHEMA}
        queue = await given.queue(**members)
        desk = Desk(api, queue)
        await desk.add_all([{}, {}, {}])
        good, bad, failed = await desk.take(), await desk.take(), await desk.take()
        fitting: Json = {member: {"total": 3}}
        wrong: Json = {member: {"total": "three"}}
        await desk.end(good, **fitting)
        for _ in range(2):
            await desk.end(bad, OperationId="op", **wrong)
        await desk.fail(failed, "BusinessException", **wrong)
        assert (await desk.read(good))["Status"] == "Successful"
        shown = await desk.read(bad)
        assert (shown["Status"], shown["ProcessingExceptionType"]) == ("Failed", "BusinessException")
        assert shown["ProcessingException"]["Reason"].startswith(f"{member}: total: ")
        assert (await desk.read(failed))["ProcessingException"]["Reason"] == "the host did not answer"


class TestEncryptedQueues:
    async def test_what_comes_out_is_sealed_and_the_next_attempt_opens(self, api: Caller, given: Given) -> None:
        queue = await given.queue(Encrypted=True, MaxNumberOfRetries=1, AcceptAutomaticallyRetry=True)
        desk = Desk(api, queue)
        await desk.add(SpecificContent={"card": "planted 1"})
        await desk.fail(await desk.take())
        again = await desk.take()
        assert (again["RetryNumber"], again["SpecificContent"]) == (1, {"card": "planted 1"})
        await desk.end(again, Output={"total": "planted 2"}, Analytics={"pages": "planted 3"})
        shown = await desk.read(again)
        assert (shown["Output"], shown["Analytics"]) == ({"total": "planted 2"}, {"pages": "planted 3"})
        for table in ("orchestrator.queue_item_contents", "orchestrator.queue_items", "kernel.outbox"):
            rows = await api.node.rows(f"SELECT t::text AS x FROM {table} t WHERE tenant_id = $1", api.tenant_id)
            assert not any("planted" in row["x"] for row in rows)


class TestStatementAndRules:
    async def test_they_agree_on_every_verdict(self, api: Caller, given: Given, clock: MovableClock) -> None:
        later = clock().replace(year=clock().year + 1).isoformat()
        said: list[tuple[rules.Verdict, dict[str, Any]]] = [
            (rules.Verdict.SUCCESS, {}),
            (rules.Verdict.POSTPONED, {"DeferDate": later}),
            (rules.Verdict.FAILURE, {"is_successful": False}),
            (
                rules.Verdict.BUSINESS_FAILURE,
                {"is_successful": False, "ProcessingException": {"Type": "BusinessException"}},
            ),
        ]
        for is_allowed in (False, True):
            for max_retries in (0, 1):
                queue = await given.queue(AcceptAutomaticallyRetry=is_allowed, MaxNumberOfRetries=max_retries)
                desk = Desk(api, queue)
                for verdict, members in said:
                    for retry_number in (0, 1):
                        item = await desk.take(SpecificContent={})
                        await api.node.rows(
                            "UPDATE orchestrator.queue_items SET retry_number = $2 WHERE id = $1",
                            item["Id"],
                            retry_number,
                        )
                        await desk.end(item, **members)
                        expected = rules.state_after(
                            verdict, is_allowed=is_allowed, retry_number=retry_number, max_retries=max_retries
                        )
                        assert (await desk.read(item))["Status"] == STATES[expected]


class TestJobsThatWait:
    async def wait(self, desk: Desk, given: Given, *, key: str | None = None, id_: int | None = None) -> int:
        """A suspended job that waits for an item; its id."""
        job = await given.job()
        node, tenant = desk.caller.node, desk.caller.tenant_id
        await node.rows(SUSPEND, tenant, job["Id"])
        await node.rows(WAIT, tenant, job["Id"], key, id_, node.clock())
        return int(job["Id"])

    async def state(self, desk: Desk, job_id: int) -> int:
        rows = await desk.caller.node.rows("SELECT state FROM orchestrator.jobs WHERE id = $1", job_id)
        return int(rows[0]["state"])

    @pytest.mark.parametrize("by", ["key", "id"])
    async def test_they_go_on_when_the_item_has_ended(self, desk: Desk, taken: Json, given: Given, by: str) -> None:
        job = await self.wait(desk, given, **({"key": taken["Key"]} if by == "key" else {"id_": taken["Id"]}))
        await desk.end(taken)
        assert await self.state(desk, job) == 8

    async def test_they_wait_on_while_it_is_tried_again(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(MaxNumberOfRetries=1, AcceptAutomaticallyRetry=True))
        await desk.add()
        taken = await desk.take()
        by_key = await self.wait(desk, given, key=taken["Key"])
        by_id = await self.wait(desk, given, id_=taken["Id"])
        await desk.fail(taken)
        await api.node.run_loop("queue_items.resume_waiting")
        assert [await self.state(desk, job) for job in (by_key, by_id)] == [7, 7]
        await desk.fail(await desk.take())
        assert await self.state(desk, by_key) == 8
        await api.node.run_loop("queue_items.resume_waiting")
        assert await self.state(desk, by_id) == 8

    async def test_the_loop_resumes_those_that_began_to_wait_after_the_end(
        self, desk: Desk, taken: Json, given: Given
    ) -> None:
        await desk.end(taken)
        other = await desk.take(SpecificContent={})
        jobs = [await self.wait(desk, given, key=taken["Key"]), await self.wait(desk, given, key=other["Key"])]
        await desk.caller.node.run_loop("queue_items.resume_waiting")
        assert [await self.state(desk, job) for job in jobs] == [8, 7]
