"""Decision 0021: pages of rows without content may be longer than others."""

from __future__ import annotations

from tests.builders import Given
from tests.conftest import Caller

ITEMS = "/odata/QueueItems"


class TestListQueueItems:
    async def test_200_for_ten_thousand_rows_without_content(self, api: Caller, given: Given) -> None:
        folder = await given.folder("narrow")
        await api.post("/odata/QueueDefinitions", {"Name": "q"}, folder=folder)
        body = {"queueName": "q", "queueItems": [{"SpecificContent": {"n": n}} for n in range(1200)]}
        await api.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", body, folder=folder)
        options = {"$top": 5000, "$select": "Status,RetryNumber,StartTime,EndTime"}
        page = await api.get(ITEMS, params=options, folder=folder)
        assert len(page["value"]) == 1200
        assert page["value"][0] == {"Status": "New", "RetryNumber": 0}

    async def test_400_for_more_than_a_thousand_with_content(self, api: Caller, given: Given) -> None:
        folder = await given.folder("wide")
        for options in (
            {"$top": 1001},
            {"$top": 1001, "$select": "Status,SpecificContent"},
            {"$top": 1001, "$select": "*"},
            {"$top": 1001, "$select": "Status", "$expand": "QueueDefinition"},
            {"$top": 10_001, "$select": "Status"},
            {"$top": 5000, "$select": "Status,Nothing"},
        ):
            body = await api.get(ITEMS, params=options, folder=folder, expect=400)
            assert body["errorCode"] == 1000

    async def test_200_for_items_of_a_queue_by_its_name(self, api: Caller, given: Given) -> None:
        folder = await given.folder("by name")
        for name in ("one", "two"):
            await api.post("/odata/QueueDefinitions", {"Name": name}, folder=folder)
            item = {"Name": name, "Reference": f"of {name}"}
            await api.post("/odata/Queues/UiPathODataSvc.AddQueueItem", {"itemData": item}, folder=folder)
        page = await api.get(ITEMS, params={"$filter": "QueueDefinitionName eq 'TWO'"}, folder=folder)
        assert [row["Reference"] for row in page["value"]] == ["of two"]

    async def test_201_for_a_deadline_at_the_end_of_the_calendar(self, api: Caller, given: Given) -> None:
        folder = await given.folder("never")
        await api.post("/odata/QueueDefinitions", {"Name": "q"}, folder=folder)
        item = {"Name": "q", "DueDate": "9999-12-31T23:59:59.999999Z", "DeferDate": "2026-01-01T00:00:00Z"}
        made = await api.post("/odata/Queues/UiPathODataSvc.AddQueueItem", {"itemData": item}, folder=folder)
        assert made["DueDate"].startswith("9999-12-31T23:59:59")
