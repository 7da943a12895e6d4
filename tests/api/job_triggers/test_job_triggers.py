"""What suspended jobs wait for, and how they are resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from podium import wire
from podium.orchestrator.job_triggers import actions
from podium.orchestrator.jobs import actions as jobs
from podium.orchestrator.jobs import rules as job_rules
from podium.orchestrator.signals import Signals, Waiter

ODATA = "UiPath.Server.Configuration.OData"
TRIGGERS = "/odata/JobTriggers"
DELIVER = "/api/JobTriggers/DeliverPayload"
PAYLOAD = "/api/JobTriggers/GetPayload"
SAVE = "/api/JobTriggers/SaveExternalTrigger"

Json = dict[str, Any]


def trigger(type_: str, **members: object) -> wire.ResumeTriggerData:
    return msgspec.convert({"triggerType": type_, **members}, wire.ResumeTriggerData)


async def set_state(api: Any, job: Mapping[str, Any], state: job_rules.State) -> None:
    async with api.node.db.acquire() as connection:
        await connection.execute(
            "UPDATE orchestrator.jobs SET state = $3 WHERE tenant_id = $1 AND id = $2",
            api.tenant_id,
            job["Id"],
            int(state),
        )


async def state(api: Any, job: Mapping[str, Any]) -> str:
    found = await api.get(f"/odata/Jobs({job['Id']})", folder=job["FolderId"])
    return str(found["State"])


async def suspend(api: Any, job: Mapping[str, Any], *triggers: wire.ResumeTriggerData) -> bool:
    """Suspend the job as its robot does; whether it was resumed at once."""
    now = api.node.clock()
    async with api.node.db.transaction() as db:
        await jobs.suspend(
            db,
            api.tenant_id,
            job["Id"],
            now,
            persistence_id=uuid4(),
            version=1,
            blob=None,
            size_bytes=0,
            sub_state=None,
            info=None,
        )
        return await actions.add_triggers(db, api.tenant_id, job["Id"], list(triggers), now)


@pytest.fixture
async def job(given: Any) -> Json:
    made: Json = await given.job()
    return made


class TestListJobTriggers:
    async def test_200_a_client_finds_the_inbox_by_the_job(self, api: Any, job: Json, given: Any) -> None:
        inbox = str(uuid4())
        await suspend(api, job, trigger("Api", apiResume={"inboxId": inbox, "request": {"a": 1}}))
        await suspend(api, await given.job(), trigger("Timer", resumeTime="2026-03-03T00:00:00Z"))
        path = f"{TRIGGERS}?$filter=JobId eq {job['Id']}&$top=1"
        assert (await api.get(f"{path}&$select=ItemKey", folder=job["FolderId"]))["value"] == [{"ItemKey": inbox}]
        (row,) = (await api.get(path, folder=job["FolderId"]))["value"]
        assert row.pop("Id") > 0
        assert msgspec.json.decode(row.pop("TriggerConfiguration")) == {"request": {"a": 1}}
        assert row == {
            "JobId": job["Id"],
            "TriggerType": "Api",
            "Status": "New",
            "ItemId": None,
            "ItemKey": inbox,
            "Timer": None,
            "TriggerMessage": None,
            "InboxId": inbox,
        }

    async def test_200_types_of_other_products_are_shown_as_none_and_digits_are_an_id(
        self, api: Any, job: Json
    ) -> None:
        await suspend(api, job, trigger("task", itemKey="4711"), trigger("DeepRag", itemKey=str(uuid4())), trigger("?"))
        found = await api.get(f"{TRIGGERS}?$orderby=Id", folder=job["FolderId"])
        assert [(row["TriggerType"], row["ItemId"]) for row in found["value"]] == [
            ("Task", 4711),
            ("None", None),
            ("None", None),
        ]
        assert found["value"][0]["ItemKey"] is None

    async def test_200_shows_nothing_of_other_folders_and_tenants(self, api: Any, given: Any, job: Json) -> None:
        await suspend(api, job, trigger("Inbox"))
        other = await given.folder()
        assert (await api.get(TRIGGERS, folder=other))["value"] == []
        stranger = await api.tenant("other")
        shared = (await stranger.get("/odata/Folders?$filter=DisplayName eq 'Shared'"))["value"][0]
        assert (await stranger.get(TRIGGERS, folder=shared))["value"] == []

    async def test_400_without_a_folder(self, api: Any) -> None:
        assert (await api.get(TRIGGERS, expect=400))["errorCode"] == 1101


class TestListTriggersOfAJob:
    async def test_200_names_the_awaited_job(self, api: Any, given: Any, job: Json) -> None:
        awaited = await given.job()
        await suspend(api, job, trigger("Job", itemKey=awaited["Key"].upper(), triggerMessage="wait"))
        path = f"{TRIGGERS}/{ODATA}.GetWithWaitEvents(jobId={job['Id']})"
        (row,) = (await api.get(path, folder=job["FolderId"]))["value"]
        assert (row["ItemKey"], row["ItemName"], row["TriggerMessage"]) == (
            awaited["Key"],
            awaited["ReleaseName"],
            "wait",
        )
        by_key = await api.get(f"{TRIGGERS}/{ODATA}.GetByJobKey(jobKey={job['Key']})")
        assert [each["Id"] for each in by_key["value"]] == [row["Id"]]

    async def test_404_for_a_job_that_is_not_seen(self, api: Any, given: Any, job: Json) -> None:
        other = await given.folder()
        await api.get(f"{TRIGGERS}/{ODATA}.GetWithWaitEvents(jobId={job['Id']})", folder=other, expect=404)
        await api.get(f"{TRIGGERS}/{ODATA}.GetByJobKey(jobKey={uuid4()})", expect=404)
        stranger = await api.tenant("other")
        await stranger.get(f"{TRIGGERS}/{ODATA}.GetByJobKey(jobKey={job['Key']})", expect=404)


class TestDeliverPayload:
    @pytest.fixture
    async def inbox(self, api: Any, job: Json) -> str:
        inbox = str(uuid4())
        await suspend(api, job, trigger("Inbox", apiResume={"inboxId": inbox}))
        return inbox

    async def test_202_resumes_the_job_and_208_the_second_time(self, api: Any, job: Json, inbox: str) -> None:
        version = api.node.port(Signals).version(api.tenant_id, [job["FolderId"]], 0)
        await api.post(f"{DELIVER}/{inbox}", {"payload": {"ok": [1, "ü"]}}, expect=202)
        assert await state(api, job) == "Resumed"
        assert api.node.port(Signals).version(api.tenant_id, [job["FolderId"]], 0) > version
        await api.post(f"{DELIVER}/{inbox}", {"payload": "late"}, expect=208)
        assert await api.get(f"{PAYLOAD}/{inbox}") == {"payload": {"ok": [1, "ü"]}}
        (row,) = (await api.get(TRIGGERS, folder=job["FolderId"]))["value"]
        assert row["Status"] == "Fired"

    @pytest.mark.parametrize(
        ("body", "payload"),
        [({"payload": None}, None), ({"answer": 1}, {"answer": 1}), ("text", "text"), ([1], [1]), ({"payload": 0}, 0)],
    )
    async def test_202_any_json_is_a_payload(self, api: Any, inbox: str, body: object, payload: object) -> None:
        await api.post(f"{DELIVER}/{inbox}", body, expect=202)
        assert await api.get(f"{PAYLOAD}/{inbox}") == {"payload": payload}
        await api.post(f"{DELIVER}/{inbox}", body, expect=208)

    async def test_202_once_when_many_deliver_at_the_same_time(self, api: Any, job: Json, inbox: str) -> None:
        answers = await asyncio.gather(*(api.request("POST", f"{DELIVER}/{inbox}", {"payload": n}) for n in range(6)))
        assert sorted(answer.status for answer in answers) == [202, 208, 208, 208, 208, 208]
        assert await state(api, job) == "Resumed"

    async def test_400_what_cannot_be_stored(self, api: Any, inbox: str) -> None:
        for content in (b"{", b'{"payload": "\\u0000"}', b'{"payload": "\\ud800"}'):
            assert (await api.request("POST", f"{DELIVER}/{inbox}", content=content)).status == 400
        await api.post(f"{DELIVER}/{inbox}", {"payload": 1}, expect=202)

    async def test_404_unknown_inbox_and_one_of_another_tenant(self, api: Any, inbox: str) -> None:
        await api.post(f"{DELIVER}/{uuid4()}", {"payload": 1}, expect=404)
        await (await api.tenant("other")).post(f"{DELIVER}/{inbox}", {"payload": 1}, expect=404)
        await api.post(f"{DELIVER}/no-guid", {"payload": 1}, expect=404)

    async def test_403_and_404_by_what_the_caller_may_in_the_jobs_folder(
        self, api: Any, given: Any, job: Json, inbox: str
    ) -> None:
        elsewhere = await given.folder()
        stranger = await api.as_role("Folder Administrator", folder=elsewhere)
        await stranger.post(f"{DELIVER}/{inbox}", {"payload": 1}, expect=404)
        user = await api.as_role("Automation User", folder=job["FolderId"])
        await user.post(f"{DELIVER}/{inbox}", {"payload": 1}, expect=403)
        await api.with_headers({}).post(f"{DELIVER}/{inbox}", {"payload": 1}, expect=401)
        assert await state(api, job) == "Suspended"

    async def test_a_payload_that_came_while_the_job_ran_resumes_it_when_it_suspends_again(
        self, api: Any, job: Json, inbox: str
    ) -> None:
        await api.post(f"/odata/Jobs/{ODATA}.ResumeJob", {"jobKey": job["Key"]}, folder=job["FolderId"], expect=200)
        await api.post(f"{DELIVER}/{inbox}", {"payload": 5}, expect=202)
        assert await suspend(api, job, trigger("Inbox", apiResume={"inboxId": inbox}))
        assert await state(api, job) == "Resumed"
        assert await api.get(f"{PAYLOAD}/{inbox}") == {"payload": 5}

    async def test_the_inbox_of_another_job_is_left_alone(self, api: Any, given: Any, job: Json, inbox: str) -> None:
        thief = await given.job()
        assert not await suspend(api, thief, trigger("Inbox", apiResume={"inboxId": inbox}))
        await api.post(f"{DELIVER}/{inbox}", {"payload": 1}, expect=202)
        assert (await state(api, job), await state(api, thief)) == ("Resumed", "Suspended")


class TestGetPayload:
    async def test_401_without_a_token_and_404_while_it_is_empty(self, api: Any, job: Json) -> None:
        inbox = str(uuid4())
        await suspend(api, job, trigger("Inbox", itemKey=inbox))
        await api.get(f"{PAYLOAD}/{inbox}", expect=404)
        await api.post(f"{DELIVER}/{inbox}", {"payload": 1}, expect=202)
        await api.with_headers({}).get(f"{PAYLOAD}/{inbox}", expect=401)
        await (await api.tenant("other")).get(f"{PAYLOAD}/{inbox}", expect=404)
        assert await (await api.as_role()).get(f"{PAYLOAD}/{inbox}") == {"payload": 1}


class TestSaveExternalTrigger:
    async def test_200_is_noted_once_for_the_job_in_the_header(self, api: Any, job: Json) -> None:
        body = {"type": "deepRag", "externalId": "index-7"}
        for _ in range(2):
            await api.post(SAVE, body, headers={"x-uipath-jobkey": job["Key"]}, expect=200)
        await suspend(api, job, trigger("DeepRag", itemKey="index-7"))
        rows = await api.node.rows(
            "SELECT type, item_key, status FROM orchestrator.job_triggers WHERE tenant_id = $1", api.tenant_id
        )
        assert [tuple(row) for row in rows] == [("DeepRag", "index-7", "New")]

    @pytest.mark.parametrize("body", [{}, {"type": "Timer", "externalId": "x"}, {"type": "deepRag", "externalId": " "}])
    async def test_400_names_the_member(self, api: Any, job: Json, body: Json) -> None:
        answer = await api.post(SAVE, body, headers={"x-uipath-jobkey": job["Key"]}, expect=400)
        assert "type" in answer["message"] or "externalId" in answer["message"]

    async def test_400_without_a_job_and_404_for_one_that_is_not_seen(self, api: Any, job: Json) -> None:
        body = {"type": "deepRag", "externalId": "x"}
        await api.post(SAVE, body, expect=400)
        await (await api.as_role()).post(SAVE, body, headers={"x-uipath-jobkey": job["Key"]}, expect=404)


class TestFiring:
    async def test_a_timer_resumes_when_its_instant_has_come(self, api: Any, job: Json, clock: Any) -> None:
        at = clock.now + timedelta(minutes=5)
        assert not await suspend(api, job, trigger("Timer", resumeTime=at.isoformat()))
        assert await api.node.run_loop("job_triggers.fire") == 0
        assert await state(api, job) == "Suspended"
        clock.forward(minutes=5)
        assert await api.node.run_loop("job_triggers.fire") == 1
        assert await state(api, job) == "Resumed"

    async def test_a_timer_in_the_past_resumes_at_once_and_hosts_are_woken(self, api: Any, job: Json) -> None:
        signals, waiter, folders = api.node.port(Signals), Waiter(0), [job["FolderId"]]
        signals.join(waiter, api.tenant_id, folders)
        assert await suspend(api, job, trigger("Timer", resumeTime="2026-01-01T00:00:00Z"), trigger("Inbox"))
        assert await state(api, job) == "Resumed"
        await asyncio.wait_for(waiter.woken.wait(), 10)
        signals.leave(waiter, api.tenant_id, folders)
        found = await api.get(TRIGGERS, folder=job["FolderId"])
        assert {row["Status"] for row in found["value"]} == {"Fired"}

    @pytest.mark.parametrize(
        "final",
        [job_rules.State.SUCCESSFUL, job_rules.State.FAULTED, job_rules.State.STOPPED],
        ids=lambda state: state.name,
    )
    async def test_a_job_resumes_when_the_awaited_one_ends(
        self, api: Any, given: Any, job: Json, final: job_rules.State
    ) -> None:
        awaited = await given.job()
        assert not await suspend(api, job, trigger("Job", itemKey=awaited["Key"]))
        await set_state(api, awaited, job_rules.State.RUNNING)
        assert await api.node.run_loop("job_triggers.fire") == 0
        await set_state(api, awaited, final)
        assert await api.node.run_loop("job_triggers.fire") == 1
        assert await state(api, job) == "Resumed"
        rows = await api.node.rows(
            "SELECT resume_source FROM orchestrator.jobs WHERE tenant_id = $1 AND id = $2", api.tenant_id, job["Id"]
        )
        assert rows[0]["resume_source"] == "Job"

    async def test_a_job_resumes_at_once_when_the_awaited_one_has_ended(self, api: Any, given: Any, job: Json) -> None:
        awaited = await given.job()
        await set_state(api, awaited, job_rules.State.SUCCESSFUL)
        assert await suspend(api, job, trigger("Job", itemKey=awaited["Key"]))
        assert await state(api, job) == "Resumed"

    async def test_a_job_of_another_tenant_resumes_nobody(self, api: Any, given: Any, job: Json) -> None:
        awaited = await given.job()
        await set_state(api, awaited, job_rules.State.SUCCESSFUL)
        async with api.node.db.acquire() as connection:
            await connection.execute(
                "UPDATE orchestrator.jobs SET tenant_id = 2000000 WHERE tenant_id = $1 AND id = $2",
                api.tenant_id,
                awaited["Id"],
            )
        assert not await suspend(api, job, trigger("Job", itemKey=awaited["Key"]), trigger("Job", itemKey="no key"))
        assert await api.node.run_loop("job_triggers.fire") == 0

    async def test_the_first_of_several_resumes_once(self, api: Any, given: Any, job: Json, clock: Any) -> None:
        awaited = await given.job()
        at = (clock.now + timedelta(minutes=1)).isoformat()
        await suspend(api, job, trigger("Job", itemKey=awaited["Key"]), trigger("Timer", resumeTime=at))
        await set_state(api, awaited, job_rules.State.FAULTED)
        clock.forward(minutes=2)
        assert await api.node.run_loop("job_triggers.fire") == 2
        assert await state(api, job) == "Resumed"
        rows = await api.node.rows(
            "SELECT count(*) AS n FROM orchestrator.job_history WHERE tenant_id = $1 AND job_id = $2 AND state = 8",
            api.tenant_id,
            job["Id"],
        )
        assert rows[0]["n"] == 1

    async def test_items_of_other_areas_resume_who_waits_for_them(self, api: Any, given: Any, job: Json) -> None:
        other = await given.job()
        await suspend(api, job, trigger("Task", itemKey="17"))
        await suspend(api, other, trigger("Task", itemKey="18"))
        async with api.node.db.transaction() as db:
            assert await actions.item_ended(db, api.tenant_id, "Task", api.node.clock(), ids=[17]) == 1
        assert (await state(api, job), await state(api, other)) == ("Resumed", "Suspended")

    async def test_a_stopped_job_is_not_resumed(self, api: Any, job: Json, clock: Any) -> None:
        await suspend(api, job, trigger("Timer", resumeTime=(clock.now + timedelta(minutes=1)).isoformat()))
        await api.post(
            f"/odata/Jobs({job['Id']})/{ODATA}.StopJob", {"strategy": "Kill"}, folder=job["FolderId"], expect=200
        )
        clock.forward(minutes=2)
        assert await api.node.run_loop("job_triggers.fire") == 0
        assert await state(api, job) == "Stopped"
