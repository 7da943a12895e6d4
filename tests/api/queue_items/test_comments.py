"""Comments on items."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from .stored import ODATA, UNKNOWN, Stored

Json = dict[str, Any]
COMMENTS = "/odata/QueueItemComments"


async def comment(api: Any, folder: Any, item_id: int, text: str = "Looks odd") -> Json:
    made: Json = await api.post(COMMENTS, {"QueueItemId": item_id, "Text": text}, folder=folder, expect=201)
    return made


class TestAddComment:
    async def test_201_of_the_caller_and_of_now_whatever_is_sent(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        id_ = await stored.item(queue)
        body = {
            "QueueItemId": id_,
            "Text": "  Looks odd ",
            "CreationTime": "2001-01-01T00:00:00Z",
            "UserId": UNKNOWN,
            "UserName": "x",
        }
        made = await api.post(COMMENTS, body, folder=folder, expect=201)
        assert (made["Text"], made["QueueItemId"]) == ("Looks odd", id_)
        assert (made["UserId"], made["UserName"]) == (api.user_id, "admin")
        assert made["CreationTime"] == clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        read = await api.get(f"{COMMENTS}({made['Id']})", folder=folder)
        assert read["Text"] == "Looks odd"

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"Text": None}, "Text"),
            ({"Text": "  "}, "Text"),
            ({"Text": "x" * 513}, "Text"),
            ({"QueueItemId": None}, "QueueItemId"),
        ],
    )
    async def test_400_names_the_member(
        self, api: Any, stored: Stored, queue: Json, folder: Any, members: Json, named: str
    ) -> None:
        body = {"QueueItemId": await stored.item(queue), "Text": "good"} | members
        assert named in (await api.post(COMMENTS, body, folder=folder, expect=400))["message"]

    async def test_404_on_an_item_of_another_folder(self, api: Any, stored: Stored, queue: Json, given: Any) -> None:
        body = {"QueueItemId": await stored.item(queue), "Text": "good"}
        await api.post(COMMENTS, body, folder=await given.folder("Elsewhere"), expect=404)


class TestChangeComment:
    async def test_200_with_another_text_and_nothing_else(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        made = await comment(api, folder, await stored.item(queue))
        clock.forward(hours=1)
        body = {"Text": "All good", "QueueItemId": UNKNOWN, "UserId": 1}
        changed = await api.put(f"{COMMENTS}({made['Id']})", body, folder=folder, expect=200)
        assert changed == {**made, "Text": "All good", "@odata.context": changed["@odata.context"]}

    async def test_403_for_a_comment_of_somebody_else(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        made = await comment(api, folder, await stored.item(queue))
        other = await api.as_role("Folder Administrator", folder=folder)
        for method in ("PUT", "DELETE"):
            body = {"Text": "mine"} if method == "PUT" else None
            answer = await other.request(method, f"{COMMENTS}({made['Id']})", body, folder=folder)
            assert (answer.status, answer.json["errorCode"]) == (403, 1007)
        assert (await api.get(f"{COMMENTS}({made['Id']})", folder=folder))["Text"] == "Looks odd"

    async def test_404_for_one_of_another_folder(
        self, api: Any, stored: Stored, queue: Json, folder: Any, given: Any
    ) -> None:
        made = await comment(api, folder, await stored.item(queue))
        other = await given.folder("Elsewhere")
        for path in (f"{COMMENTS}({made['Id']})", f"{COMMENTS}({UNKNOWN})"):
            await api.put(path, {"Text": "x"}, folder=other, expect=404)
            await api.get(path, folder=other, expect=404)
            await api.delete(path, folder=other, expect=404)


class TestDeleteComment:
    async def test_204_for_the_callers_own(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        made = await comment(api, folder, await stored.item(queue))
        await api.delete(f"{COMMENTS}({made['Id']})", folder=folder, expect=204)
        assert (await api.get(COMMENTS, folder=folder))["value"] == []


class TestListComments:
    async def test_200_of_the_folder_with_the_options(
        self, api: Any, stored: Stored, queue: Json, folder: Any, given: Any
    ) -> None:
        first, second = await stored.item(queue), await stored.item(queue)
        await comment(api, folder, first, "one")
        await comment(api, folder, second, "two")
        page = await api.get(f"{COMMENTS}?$filter=QueueItemId eq {second}", folder=folder)
        assert [each["Text"] for each in page["value"]] == ["two"]
        assert page["@odata.count"] == 1
        assert (await api.get(COMMENTS, folder=await given.folder("Elsewhere")))["value"] == []

    async def test_200_of_every_attempt_of_the_chain(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        key = uuid4()
        chain = [await stored.item(queue, state="Retried", key=key), await stored.item(queue, key=key)]
        for id_ in (*chain, await stored.item(queue)):
            await comment(api, folder, id_, f"on {id_}")
        for id_ in chain:
            path = f"{COMMENTS}/{ODATA}.GetQueueItemCommentsHistory(queueItemId={id_})"
            page = await api.get(path, folder=folder)
            assert [each["QueueItemId"] for each in page["value"]] == chain

    async def test_404_for_the_history_of_what_the_folder_does_not_show(
        self, api: Any, stored: Stored, queue: Json, given: Any
    ) -> None:
        id_ = await stored.item(queue)
        path = f"{COMMENTS}/{ODATA}.GetQueueItemCommentsHistory(queueItemId={id_})"
        await api.get(path, folder=await given.folder("Elsewhere"), expect=404)
