"""One change for every item that a filter finds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from podium.orchestrator.queue_items import bulk

from .stored import ITEMS, UNKNOWN, Stored

Json = dict[str, Any]
PREVIEW = "/api/podium/QueueItems/PreviewBulk"
EXECUTE = "/api/podium/QueueItems/ExecuteBulk"
EVERYTHING = "Id gt 0"


def asked(queue: Json, filter_: str, **members: Any) -> Json:
    return {"queueId": queue["Id"], "filter": filter_, **members}


async def states(api: Any, folder: Any) -> dict[int, str]:
    return {item["Id"]: item["Status"] for item in (await api.get(ITEMS, folder=folder))["value"]}


class TestPreview:
    async def test_200_counts_by_status_and_changes_nothing(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        for state in ("New", "New", "Failed"):
            await stored.item(queue, {"Customer": "Acme"}, state=state)
        await stored.item(queue, {"Customer": "Bolt"})
        await stored.item(await stored.queue(folder, "Other"), {"Customer": "Acme"})
        before = await api.get(ITEMS, folder=folder)
        told = await api.post(PREVIEW, asked(queue, "SpecificContent/Customer eq 'acme'"), folder=folder, expect=200)
        assert told == {"count": 3, "countByStatus": {"New": 2, "Failed": 1}}
        assert await api.get(ITEMS, folder=folder) == before

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ({"filter": EVERYTHING}, "queueId"),
            ({}, "filter"),
            ({"filter": " "}, "filter"),
            ({"filter": "Nothing eq 1"}, "Nothing"),
        ],
    )
    async def test_400_names_what_is_wrong(self, api: Any, queue: Json, folder: Any, body: Json, named: str) -> None:
        whole = body if named == "queueId" else {"queueId": queue["Id"], **body}
        assert named in (await api.post(PREVIEW, whole, folder=folder, expect=400))["message"]

    async def test_404_for_a_queue_of_another_folder(self, api: Any, queue: Json, given: Any) -> None:
        other = await given.folder("Elsewhere")
        for path in (PREVIEW, EXECUTE):
            await api.post(path, asked(queue, EVERYTHING, action="Delete"), folder=other, expect=404)


class TestExecute:
    async def test_200_deletes_what_fits_and_tells_what_was_left(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        new, busy, gone = [await stored.item(queue, state=state) for state in ("New", "InProgress", "Deleted")]
        other = await stored.item(await stored.queue(folder, "Other"))
        told = await api.post(EXECUTE, asked(queue, EVERYTHING, action="Delete", expectedCount=3), folder=folder)
        assert (told["count"], told["changed"], told["unchanged"], told["failed"]) == (3, 1, 1, 1)
        assert told["failures"] == [
            {"reason": "in a state that does not allow it", "count": 1, "itemIds": [busy]},
        ]
        assert await states(api, folder) == {new: "Deleted", busy: "InProgress", gone: "Deleted", other: "New"}

    async def test_200_in_as_many_transactions_as_it_takes(
        self, api: Any, stored: Stored, queue: Json, folder: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "BATCH", 2)
        made = [await stored.item(queue, {"n": n}, state="Failed") for n in range(5)]
        told = await api.post(EXECUTE, asked(queue, EVERYTHING, action="Retry"), folder=folder)
        assert (told["count"], told["changed"], told["failed"]) == (5, 5, 0)
        after = await states(api, folder)
        assert {after.pop(id_) for id_ in made} == {"Retried"}
        assert list(after.values()) == ["New"] * 5
        again = await api.post(EXECUTE, asked(queue, "Status eq 'Failed'", action="Retry"), folder=folder)
        assert (again["count"], again["changed"]) == (0, 0)

    async def test_200_sets_the_review_status(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        failed, new = await stored.item(queue, state="Failed"), await stored.item(queue)
        body = asked(queue, EVERYTHING, action="SetReviewStatus", reviewStatus="Verified")
        told = await api.post(EXECUTE, body, folder=folder)
        assert (told["changed"], told["failures"][0]["itemIds"]) == (1, [new])
        assert (await stored.shown(failed, folder))["ReviewStatus"] == "Verified"
        assert (await api.post(EXECUTE, body, folder=folder))["unchanged"] == 1

    async def test_200_sets_the_priority_and_with_it_the_order_of_hand_out(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        first = await stored.item(queue, {"Region": "North"})
        second = await stored.item(queue, {"Region": "South"}, due_at=clock.now)
        body = asked(queue, "SpecificContent/Region eq 'north'", action="SetPriority", priority="High")
        assert (await api.post(EXECUTE, body, folder=folder))["changed"] == 1
        assert (await stored.shown(first, folder))["Priority"] == "High"
        rows = await api.node.rows(
            "SELECT id, rank FROM orchestrator.queue_items WHERE tenant_id = $1 ORDER BY id", api.tenant_id
        )
        assert [tuple(row) for row in rows] == [(first, 3), (second, 1)]
        history = await api.get("/odata/QueueItemEvents", folder=folder)
        assert [(event["QueueItemId"], event["Action"]) for event in history["value"]] == [(first, "Edit")]

    async def test_200_puts_off_but_not_beyond_a_deadline(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        later = clock.now + timedelta(days=2)
        free = await stored.item(queue)
        due = await stored.item(queue, due_at=clock.now + timedelta(days=1))
        body = asked(queue, EVERYTHING, action="SetDeferDate", deferDate=later.isoformat())
        told = await api.post(EXECUTE, body, folder=folder)
        assert (told["changed"], told["failures"]) == (1, [{"reason": "due before that", "count": 1, "itemIds": [due]}])
        rows = await api.node.rows(
            "SELECT id FROM orchestrator.queue_items WHERE is_deferred AND tenant_id = $1", api.tenant_id
        )
        assert [row["id"] for row in rows] == [free]
        told = await api.post(EXECUTE, {**body, "deferDate": None}, folder=folder)
        assert (told["changed"], told["unchanged"]) == (1, 1)
        assert (await stored.shown(free, folder))["DeferDate"] is None

    async def test_409_when_another_number_of_items_is_found(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue)
        body = asked(queue, EVERYTHING, action="Delete", expectedCount=2)
        refusal = await api.post(EXECUTE, body, folder=folder, expect=409)
        assert refusal["errorCode"] == 1852
        assert await states(api, folder) == {id_: "New"}

    async def test_400_for_more_items_than_are_changed_at_once(
        self, api: Any, stored: Stored, queue: Json, folder: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "MOST_ITEMS", 1)
        made = [await stored.item(queue) for _ in range(2)]
        refusal = await api.post(EXECUTE, asked(queue, EVERYTHING, action="Delete"), folder=folder, expect=400)
        assert "finds 2 items" in refusal["message"]
        assert await states(api, folder) == dict.fromkeys(made, "New")

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({}, "action"),
            ({"action": "Explode"}, "action"),
            ({"action": "SetPriority"}, "priority"),
            ({"action": "SetReviewStatus"}, "reviewStatus"),
            ({"action": "SetDeferDate"}, "deferDate"),
            ({"action": "Delete", "queueId": UNKNOWN}, "QueueDefinition"),
        ],
    )
    async def test_4xx_names_what_is_wrong(self, api: Any, queue: Json, folder: Any, members: Json, named: str) -> None:
        answer = await api.request("POST", EXECUTE, asked(queue, EVERYTHING) | members, folder=folder)
        assert answer.status == (404 if named == "QueueDefinition" else 400)
        assert named in answer.json["message"]

    async def test_403_without_the_right_that_the_action_needs(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue)
        body = {
            "Name": "Reader",
            "Permissions": [{"Name": f"{name}.View", "IsGranted": True} for name in ("Queues", "Transactions")],
        }
        await api.post("/odata/Roles", body | {"Type": "Folder"})
        reader = await api.as_role("Reader", folder=folder)
        await reader.post(PREVIEW, asked(queue, EVERYTHING), folder=folder, expect=200)
        for members in ({"action": "Delete"}, {"action": "Retry"}, {"action": "SetPriority", "priority": "Low"}):
            await reader.post(EXECUTE, asked(queue, EVERYTHING, **members), folder=folder, expect=403)
        assert await states(api, folder) == {id_: "New"}
