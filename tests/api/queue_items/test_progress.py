"""SetTransactionProgress."""

from __future__ import annotations

import pytest

from tests.api.queue_items.calls import Desk, Json, good, refusal
from tests.builders import Given
from tests.conftest import Caller


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders"))


@pytest.fixture
async def taken(desk: Desk) -> Json:
    await desk.add()
    return await desk.take()


class TestProgress:
    async def test_200_replaces_the_text_and_is_noted_as_an_edit(self, desk: Desk, taken: Json) -> None:
        for text in ("half way", "nearly there"):
            assert good(await desk.try_progress(taken, text), 200) == {}
        shown = await desk.read(taken)
        assert shown["Progress"] == "nearly there"
        assert shown["RowVersion"] > taken["RowVersion"]
        path = f"/odata/QueueItemEvents?$filter=QueueItemId eq {taken['Id']} and Action eq 'Edit'&$orderby=Id"
        events = (await desk.caller.get(path, folder=desk.queue["FolderId"]))["value"]
        assert ["nearly" in event["Data"] for event in events] == [False, True]

    async def test_200_of_null_clears_it(self, desk: Desk, taken: Json) -> None:
        good(await desk.try_progress(taken, "p"), 200)
        good(await desk.try_progress(taken, None), 200)
        assert (await desk.read(taken))["Progress"] is None

    async def test_409_for_what_is_not_in_progress(self, desk: Desk, taken: Json) -> None:
        waiting = await desk.add()
        await desk.end(taken)
        for item in (waiting, taken):
            assert refusal(await desk.try_progress(item, "p")) == (409, 1852)
            assert (await desk.read(item))["Progress"] is None

    async def test_404_for_an_unknown_item(self, desk: Desk) -> None:
        assert refusal(await desk.try_progress({"Id": 999_999_999}, "p")) == (404, 1002)

    async def test_400_for_too_long_a_text(self, desk: Desk, taken: Json) -> None:
        assert refusal(await desk.try_progress(taken, "x" * 104_858)) == (400, 1854)
