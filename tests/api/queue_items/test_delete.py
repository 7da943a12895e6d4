"""Items deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .stored import ITEMS, SVC, UNKNOWN, Stored

Json = dict[str, Any]
BULK = f"{ITEMS}/{SVC}.DeleteBulk"
SUSPEND = "UPDATE orchestrator.jobs SET state = 7 WHERE tenant_id = $1 AND id = $2"
WAIT = """
INSERT INTO orchestrator.job_triggers (tenant_id, job_id, type, item_key, created_at)
VALUES ($1, $2, 'QueueItem', $3, $4)
"""


def named(*items: Json, **members: Any) -> Json:
    return {"queueItems": [{"Id": item["Id"], "RowVersion": item["RowVersion"]} | members for item in items]}


class TestDeleteItem:
    @pytest.mark.parametrize("state", ["New", "Failed", "Successful", "Abandoned", "Deleted"])
    async def test_204_and_it_stays_listed(
        self, api: Any, stored: Stored, queue: Json, folder: Any, state: str
    ) -> None:
        id_ = await stored.item(queue, state=state)
        await api.delete(f"{ITEMS}({id_})", folder=folder, expect=204)
        page = await api.get(ITEMS, folder=folder)
        assert [(item["Id"], item["Status"]) for item in page["value"]] == [(id_, "Deleted")]

    @pytest.mark.parametrize("state", ["InProgress", "Retried"])
    async def test_409_for_what_is_worked_on_or_was_retried(
        self, api: Any, stored: Stored, queue: Json, folder: Any, state: str
    ) -> None:
        id_ = await stored.item(queue, state=state)
        refusal = await api.delete(f"{ITEMS}({id_})", folder=folder, expect=409)
        assert refusal["errorCode"] == 1852
        assert (await stored.shown(id_, folder))["Status"] == state

    async def test_404_for_an_item_of_another_folder(self, api: Any, stored: Stored, queue: Json, given: Any) -> None:
        id_ = await stored.item(queue)
        await api.delete(f"{ITEMS}({id_})", folder=await given.folder("Elsewhere"), expect=404)

    async def test_frees_the_reference(self, api: Any, stored: Stored, folder: Any) -> None:
        queue = await stored.queue(folder, EnforceUniqueReference=True)
        add = {"itemData": {"Name": "Orders", "Reference": "A-1"}}
        made = await api.post(f"/odata/Queues/{SVC}.AddQueueItem", add, folder=folder)
        assert made["QueueDefinitionId"] == queue["Id"]
        await api.post(f"/odata/Queues/{SVC}.AddQueueItem", add, folder=folder, expect=409)
        await api.delete(f"{ITEMS}({made['Id']})", folder=folder)
        await api.post(f"/odata/Queues/{SVC}.AddQueueItem", add, folder=folder, expect=201)

    async def test_resumes_the_job_that_waits_for_it(
        self, api: Any, stored: Stored, queue: Json, folder: Any, given: Any, clock: Any
    ) -> None:
        id_ = await stored.item(queue)
        job = await given.job(folder=folder)
        await api.node.rows(SUSPEND, api.tenant_id, job["Id"])
        key = (await stored.shown(id_, folder))["Key"]
        await api.node.rows(WAIT, api.tenant_id, job["Id"], key, clock.now)
        await api.delete(f"{ITEMS}({id_})", folder=folder)
        assert (await api.get(f"/odata/Jobs({job['Id']})", folder=folder))["State"] == "Resumed"

    async def test_writes_one_row_of_history_however_often_it_is_sent(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue)
        for _ in range(2):
            await api.delete(f"{ITEMS}({id_})", folder=folder)
        rows = await api.node.rows("SELECT action, state FROM orchestrator.queue_item_events WHERE item_id = $1", id_)
        assert [tuple(row) for row in rows] == [(2, 6)]


class TestDeleteItems:
    async def test_200_with_those_that_were_left(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        good = await stored.item(queue)
        busy = await stored.item(queue, state="InProgress")
        gone = await stored.item(queue, state="Deleted")
        body = {"queueItems": [{"Id": id_} for id_ in (good, busy, gone, UNKNOWN)]}
        answer = await api.post(BULK, body, folder=folder, expect=200)
        assert answer["Success"] is False
        assert answer["FailedItems"] == [busy, UNKNOWN]
        assert answer["Message"].startswith("2 of 4 items were left as they are")
        states = {item["Id"]: item["Status"] for item in (await api.get(ITEMS, folder=folder))["value"]}
        assert states == {good: "Deleted", busy: "InProgress", gone: "Deleted"}

    async def test_200_leaves_what_has_changed_since_and_ends_well_without_the_version(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        first, second = [await stored.shown(await stored.item(queue), folder) for _ in range(2)]
        await api.put(f"{ITEMS}({first['Id']})", {"Progress": "x"}, folder=folder)
        answer = await api.post(BULK, named(first, second), folder=folder)
        assert (answer["Success"], answer["FailedItems"]) == (False, [first["Id"]])
        answer = await api.post(BULK, named(first, second, RowVersion=None), folder=folder)
        assert answer == {**answer, "Success": True, "FailedItems": [], "Message": None}

    async def test_200_for_one_item_of_many_calls_at_once(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        made = [await stored.shown(await stored.item(queue), folder) for _ in range(6)]
        calls = [api.post(BULK, named(*order), folder=folder) for order in (made, made[::-1], made[2:] + made[:2])]
        answers = await asyncio.gather(*calls)
        assert all(answer["Success"] for answer in answers)
        rows = await api.node.rows(
            "SELECT count(*) FROM orchestrator.queue_item_events WHERE tenant_id = $1 AND action = 2", api.tenant_id
        )
        assert rows[0][0] == len(made)

    @pytest.mark.parametrize(
        ("body", "named_"),
        [
            ({}, "queueItems"),
            ({"queueItems": None}, "queueItems"),
            ({"queueItems": [{"RowVersion": "AAAAAAAAAAE="}]}, "queueItems[0].Id"),
            ({"queueItems": [{"Id": 1}, {"Id": 2, "RowVersion": "x"}]}, "queueItems[1].RowVersion"),
            ({"queueItems": [{"Id": 1}] * 10_001}, "queueItems"),
        ],
    )
    async def test_400_names_the_member(self, api: Any, folder: Any, body: Json, named_: str) -> None:
        refusal = await api.post(BULK, body, folder=folder, expect=400)
        assert named_ in refusal["message"]
