"""OData lists over a hundred thousand and a million rows: filter, order and count; contains; deep skip; by key."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from urllib.parse import quote

from tests.bench import backlog
from tests.bench.figures import Figures
from tests.bench.load import closed_loop, request
from tests.bench.server import Server
from tests.bench.world import PREFIX, World

CALLERS = 8
SIZES = {"100k": 100_000, "1M": 1_000_000}
MATCHING = 2_500
TENANT = 1


class Lists:
    """Reads of a queue's items and of jobs, of which 2,500 match, whatever the size."""

    def __init__(self, server: Server, world: World, url: str, seconds: float, figures: Figures) -> None:
        self._server = server
        self._world = world
        self._url = url
        self._seconds = seconds
        self._figures = figures

    async def run(self, rounds: int, process: str, folder_id: int) -> None:
        """Each size, then each shape; a job of the process is the pattern of all the others."""
        jobs = 0
        self._world.api.post(
            "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs",
            {"startInfo": {"ReleaseKey": process, "JobsCount": 1, "Strategy": "ModernJobsCount"}},
            folder=folder_id,
        )
        for name, size in SIZES.items():
            began = time.monotonic()
            made = self._world.api.post("/odata/QueueDefinitions", {"Name": f"lists-{name}"}, folder=folder_id)
            await backlog.add_items(self._url, TENANT, made["Id"], MATCHING, backlog.FAILED)
            await backlog.add_items(self._url, TENANT, made["Id"], size - MATCHING, backlog.SUCCESSFUL)
            await backlog.settle(self._url)
            await backlog.add_jobs(self._url, TENANT, size - jobs, max(1, (size - jobs) // MATCHING))
            jobs = size
            print(f"{name} rows: filled in {time.monotonic() - began:.0f} s", flush=True)
            for number in range(rounds):
                if len(self._figures.rounds) <= number:
                    self._figures.begin()
                for shape, query in self._shapes(made["Id"], size):
                    await self._measure(f"{name} {shape}", query, folder_id, self._figures.rounds[number])

    def _shapes(self, queue_id: int, size: int) -> Iterable[tuple[str, str]]:
        items, jobs = "/odata/QueueItems", "/odata/Jobs"
        of_queue = f"QueueDefinitionId eq {queue_id}"
        failed = f"{of_queue} and Status eq 'Failed'"
        newest = self._world.api.get(items, {"$filter": failed, "$orderby": "Id desc", "$top": 1})["value"][0]["Id"]
        job = self._world.api.get(jobs, {"$orderby": "Id desc", "$top": 1})["value"][0]["Id"]
        yield "items by state, counted", _query(items, failed, "Id desc", 50, count=True)
        yield "items by state", _query(items, failed, "Id desc", 50)
        yield "items, contains(Reference)", _query(items, f"{of_queue} and contains(Reference,'INV-24')", "Id desc", 10)
        yield (
            "items by content",
            _query(items, f"{failed} and SpecificContent/Invoice eq '2026-11-0042'", "Id desc", 10),
        )
        yield "items, $skip=20000", _query(items, of_queue, "Id desc", 50, skip=20_000)
        yield "items, $skip=90 %", _query(items, of_queue, "Id desc", 50, skip=size * 9 // 10)
        yield "item by key", f"{items}({newest})"
        yield "jobs by state, counted", _query(jobs, "State eq 'Faulted'", "Id desc", 50, count=True)
        yield "jobs, contains(ReleaseName)", _query(jobs, "contains(ReleaseName,'voice')", "CreationTime desc", 10)
        yield "jobs, $skip=20000", _query(jobs, None, "Id desc", 50, skip=20_000)
        yield "job by key", f"{jobs}({job})"

    async def _measure(self, name: str, path: str, folder_id: int, figures: dict[str, float]) -> None:
        headers = {"Authorization": f"Bearer {self._world.token}", "X-UIPATH-OrganizationUnitId": str(folder_id)}
        sent = request("GET", f"{PREFIX}{path}", headers)
        tally = await closed_loop(self._server.port, list(itertools.repeat(sent, CALLERS)), self._seconds)
        self._figures.check(name, tally)
        figures[f"{name} /s"] = tally.per_second
        figures[f"{name} p95 ms"] = tally.quantile_ms(0.95)


def _query(path: str, filter_: str | None, order: str, top: int, *, skip: int = 0, count: bool = False) -> str:
    options = {"$filter": filter_, "$orderby": order, "$top": str(top), "$skip": str(skip) if skip else None}
    if count:
        options["$count"] = "true"
    return path + "?" + "&".join(f"{name}={quote(text)}" for name, text in options.items() if text is not None)
