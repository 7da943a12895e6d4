"""Items of a queue as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from podium.kernel.blobs import Blobs
from podium.orchestrator.exports import loops as exports
from tests.api.queues.items import FAILED, NEW, SUCCESSFUL, add

ODATA = "UiPath.Server.Configuration.OData"


def exporting(queue: Any) -> str:
    return f"/odata/QueueDefinitions({queue['Id']})/UiPathODataSvc.Export"


async def rows_of(api: Any, asked: Any) -> list[dict[str, str]]:
    """The rows of the export's file, written now."""
    for loop in exports.loops(api.node.port(Blobs)):
        await api.node.run_turn(loop.turn)
    shown = await api.get(f"/odata/Exports({asked['Id']})")
    assert shown["Status"] == "Completed", shown
    link = await api.get(f"/odata/Exports({asked['Id']})/{ODATA}.GetDownloadLink")
    answer = await api.with_headers({}).request("GET", link["Uri"])
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in answer.content
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def queue(given: Any, folder: Any) -> Any:
    return await given.queue("Invoices", folder=folder)


class TestExport:
    async def test_200_the_items_of_this_queue(self, api: Any, given: Any, clock: Any, folder: Any, queue: Any) -> None:
        other = await given.queue("Orders", folder=folder)
        share = {"QueueIds": [queue["Id"]], "ToAddFolderIds": [(await given.folder("Other"))["Id"]]}
        await api.post(f"/odata/QueueDefinitions/{ODATA}.ShareToFolders", share)
        first = await add(api, queue, SUCCESSFUL, clock.now, reference="INV-1", content={"Sum": 3})
        await add(api, other, SUCCESSFUL, clock.now)
        second = await add(api, queue, FAILED, clock.now, "Application")
        asked = await api.post(exporting(queue), folder=folder, expect=200)
        assert (asked["Type"], asked["Status"]) == ("Queues", "New")
        rows = await rows_of(api, asked)
        assert [(int(row["Id"]), row["Queue"], row["Status"]) for row in rows] == [
            (first, "Invoices", "Successful"),
            (second, "Invoices", "Failed"),
        ]
        assert (rows[0]["Reference"], rows[0]["Specific data"], rows[0]["Priority"]) == (
            "INV-1",
            '{"Sum": 3}',
            "Normal",
        )
        assert (rows[1]["Exception"], rows[1]["Exception reason"]) == ("ApplicationException", "no such vendor")

    async def test_200_what_the_filter_lets_through(self, api: Any, clock: Any, folder: Any, queue: Any) -> None:
        ids = [await add(api, queue, state, clock.now) for state in (NEW, SUCCESSFUL, FAILED)]
        path = f"{exporting(queue)}?$filter=Status eq 'New' or Id eq {ids[2]}&$orderby=Id desc"
        rows = await rows_of(api, await api.post(path, folder=folder))
        assert [int(row["Id"]) for row in rows] == [ids[0], ids[2]]

    async def test_nothing_sealed_is_written_in_clear(self, api: Any, given: Any, clock: Any, folder: Any) -> None:
        sealed = await given.queue("Sealed", folder=folder, encrypted=True)
        body = {"itemData": {"Name": "Sealed", "Reference": "A", "SpecificContent": {"Account": "secret"}}}
        await api.post("/odata/Queues/UiPathODataSvc.AddQueueItem", body, folder=folder, expect=201)
        (row,) = await rows_of(api, await api.post(exporting(sealed), folder=folder))
        assert (row["Reference"], row["Specific data"]) == ("A", "")

    async def test_400_403_404(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        await api.post(f"{exporting(queue)}?$filter=Colour eq 1", folder=folder, expect=400)
        await api.post(f"{exporting(queue)}?$filter=true) or (true", folder=folder, expect=400)
        await api.post(exporting(queue), folder=await given.folder("Other"), expect=404)
        assert (await api.as_role(folder=folder).request("POST", exporting(queue), folder=folder)).status == 403
