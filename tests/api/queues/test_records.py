"""Figures about the work on queues."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.api.queues.items import ABANDONED, DELETED, FAILED, IN_PROGRESS, NEW, RETRIED, SUCCESSFUL, add

RECORDS = "/odata/QueueProcessingRecords/UiPathODataSvc"
STATUS = f"{RECORDS}.RetrieveQueuesProcessingStatus"


def last_days(queue: Any, days: int) -> str:
    return f"{RECORDS}.RetrieveLastDaysProcessingRecords(daysNo={days},queueDefinitionId={queue['Id']})"


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def queue(given: Any, folder: Any) -> Any:
    return await given.queue("Invoices", folder=folder, max_number_of_retries=2, specific_data_json_schema="{}")


@pytest.fixture
def item(api: Any, clock: Any, queue: Any) -> Any:
    """Puts an item into the queue: its state, its exception, how long it took and how long ago it ended."""

    async def put(state: int, kind: str | None = None, *, took: float = 10, ago: timedelta = timedelta()) -> None:
        ended: datetime = clock.now - ago
        await add(api, queue, state, ended, kind, took=took)

    return put


class TestQueuesProcessingStatus:
    async def test_200_of_a_queue_without_items(self, api: Any, folder: Any, queue: Any) -> None:
        (row,) = (await api.get(STATUS, folder=folder))["value"]
        assert (row["QueueDefinitionId"], row["QueueDefinitionName"], row["Id"]) == (
            queue["Id"],
            "Invoices",
            queue["Id"],
        )
        assert (row["QueueDefinitionMaxNumberOfRetries"], row["SpecificDataJsonSchemaExists"]) == (2, True)
        assert (row["OutputDataJsonSchemaExists"], row["QueueFoldersCount"], row["ReleaseName"]) == (False, 1, None)
        assert (row["ItemsToProcess"], row["TotalNumberOfTransactions"], row["LastProcessed"]) == (0, 0, None)
        assert row["ProcessingMeanTime"] == 0

    async def test_200_counts_attempts_and_no_deleted_items(
        self, api: Any, clock: Any, folder: Any, queue: Any, item: Any
    ) -> None:
        for state in (NEW, NEW, IN_PROGRESS, ABANDONED, DELETED):
            await item(state, ago=timedelta(hours=2))
        await item(SUCCESSFUL, took=10)
        await item(SUCCESSFUL, took=30, ago=timedelta(hours=1))
        await item(RETRIED, "Application", took=5, ago=timedelta(hours=1))
        await item(FAILED, "Application", took=7, ago=timedelta(hours=1))
        await item(FAILED, "Business", took=2, ago=timedelta(hours=1))
        await item(DELETED, "Business", took=100)
        (row,) = (await api.get(STATUS, folder=folder))["value"]
        assert (row["ItemsToProcess"], row["ItemsInProgress"], row["SuccessfulTransactionsNo"]) == (2, 1, 2)
        assert (row["ApplicationExceptionsNo"], row["BusinessExceptionsNo"]) == (2, 1)
        assert row["TotalNumberOfTransactions"] == 5
        assert row["ProcessingMeanTime"] == pytest.approx(20)
        times = [row[f"{name}ProcessingTime"] for name in ("SuccessfulTransactions", "ApplicationExceptions")]
        assert times == pytest.approx([40, 12])
        assert row["BusinessExceptionsProcessingTime"] == pytest.approx(2)
        assert row["LastProcessed"].startswith(clock.now.strftime("%Y-%m-%dT%H:%M"))

    async def test_200_answers_the_options(self, api: Any, given: Any, folder: Any, queue: Any, item: Any) -> None:
        await given.queue("Orders", folder=folder)
        await given.queue("Elsewhere", folder=await given.folder("Other"))
        await item(NEW)
        found = await api.get(f"{STATUS}?$filter=QueueDefinitionName eq 'invoices'", folder=folder)
        assert [row["ItemsToProcess"] for row in found["value"]] == [1]
        options = "$orderby=ItemsToProcess desc&$top=1&$select=QueueDefinitionName&$count=true"
        found = await api.get(f"{STATUS}?{options}", folder=folder)
        assert (found["value"], found["@odata.count"]) == ([{"QueueDefinitionName": "Invoices"}], 2)
        await api.get(f"{STATUS}?$filter=Colour eq 1", folder=folder, expect=400)


class TestLastDays:
    async def test_200_a_row_for_each_hour_of_the_last_day(
        self, api: Any, clock: Any, folder: Any, queue: Any, item: Any
    ) -> None:
        await item(SUCCESSFUL, took=30)
        await item(RETRIED, "Application", took=5, ago=timedelta(hours=3))
        await item(RETRIED, ago=timedelta(hours=3))
        await item(SUCCESSFUL, ago=timedelta(hours=30))
        await item(NEW)
        rows = (await api.get(last_days(queue, 1), folder=folder))["value"]
        assert (len(rows), {row["ReportType"] for row in rows}) == (24, {"Hour"})
        assert [row["ProcessingTime"] for row in rows] == sorted(row["ProcessingTime"] for row in rows)
        last, earlier = rows[-1], rows[-4]
        assert (last["NumberOfSuccessfulTransactions"], last["SuccessfulTransactionsProcessingTime"]) == (1, 30)
        assert (last["NumberOfRemainingTransactions"], earlier["NumberOfRemainingTransactions"]) == (1, 0)
        assert (earlier["NumberOfRetriedItems"], earlier["NumberOfApplicationExceptions"]) == (2, 1)
        assert sum(row["TotalNumberOfTransactions"] for row in rows) == 2

    async def test_200_a_row_for_each_day(self, api: Any, folder: Any, queue: Any, item: Any) -> None:
        await item(FAILED, "Business", ago=timedelta(days=2))
        await item(SUCCESSFUL, ago=timedelta(days=3))
        rows = (await api.get(last_days(queue, 3), folder=folder))["value"]
        assert [row["ReportType"] for row in rows] == ["Day"] * 3
        assert [row["NumberOfBusinessExceptions"] for row in rows] == [1, 0, 0]
        assert sum(row["TotalNumberOfTransactions"] for row in rows) == 1
        found = await api.get(f"{last_days(queue, 3)}?$filter=TotalNumberOfTransactions gt 0&$select=Id", folder=folder)
        assert found["value"] == [{"Id": 1}]

    async def test_400_404_and_403(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        for days in (0, 181, -1):
            await api.get(last_days(queue, days), folder=folder, expect=400)
        await api.get(last_days(queue, 1), folder=await given.folder("Other"), expect=404)
        assert (await api.as_role(folder=folder).request("GET", STATUS, folder=folder)).status == 403
