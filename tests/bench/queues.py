"""Queues under eight callers at three backlogs: ours over HTTP, PostgreSQL writing the same rows, procrastinate."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import asyncpg

from tests.bench import backlog, postgres
from tests.bench.figures import Figures
from tests.bench.load import Connection, Tally, closed_loop, request
from tests.bench.queue_peers import Pgbench, Procrastinate
from tests.bench.server import Server
from tests.bench.world import PREFIX, World

CALLERS = 8
BACKLOGS = {"1k": 1_000, "100k": 100_000, "1M": 1_000_000}
TAKE, ADD = (f"{PREFIX}/odata/Queues/UiPathODataSvc.{name}" for name in ("StartTransaction", "AddQueueItem"))


class Queues:
    """One queue for each backlog, in all three systems."""

    def __init__(self, server: Server, world: World, url: str, folder: Path, seconds: float, figures: Figures) -> None:
        self._server = server
        self._world = world
        self._url = url
        self._folder = folder
        self._seconds = seconds
        self._figures = figures
        self._folder_id = world.folder("Queues")
        self._headers = {
            "Authorization": f"Bearer {world.token}",
            "X-UIPATH-OrganizationUnitId": str(self._folder_id),
        }
        self._ids: dict[str, int] = {}
        self._tenant_id = 1

    async def run(self, rounds: int, names: list[str]) -> None:
        """Every backlog, one after the other; within a backlog the systems take turns."""
        raw_url = await postgres.new_database(self._url, "raw_queues")
        peer_url = await _empty_database(self._url, "procrastinate")
        pgbench = Pgbench(raw_url, self._folder)
        async with Procrastinate(peer_url, CALLERS) as peer:
            for name in names:
                began = time.monotonic()
                await self._fill(name, raw_url, peer_url)
                print(f"backlog {name}: filled in {time.monotonic() - began:.0f} s", flush=True)
                for number in range(rounds):
                    if name == names[0]:
                        self._figures.begin()
                    await self._round(name, number, pgbench, peer)
                print(f"backlog {name}: {time.monotonic() - began:.0f} s", flush=True)

    async def _fill(self, name: str, raw_url: str, peer_url: str) -> None:
        count = BACKLOGS[name]
        made = self._world.api.post("/odata/QueueDefinitions", {"Name": f"bench-{name}"}, folder=self._folder_id)
        self._ids[name] = made["Id"]
        await backlog.add_items(self._url, self._tenant_id, made["Id"], count)
        await backlog.add_items(raw_url, self._tenant_id, made["Id"], count)
        await backlog.add_peer_jobs(peer_url, name, count)
        await backlog.settle(self._url)
        await backlog.settle(raw_url)

    async def _round(self, name: str, number: int, pgbench: Pgbench, peer: Procrastinate) -> None:
        figures, seconds, queue = self._figures.rounds[number], self._seconds, self._ids[name]
        figures[f"backlog {name}: items waiting"] = await backlog.waiting(self._url, self._tenant_id, queue)
        figures[f"backlog {name}: raw adds /s"] = await pgbench.adds(queue, CALLERS, seconds)
        await self._adds(name, figures)
        figures[f"backlog {name}: procrastinate adds /s"] = (await peer.adds(name, seconds)).per_second
        figures[f"backlog {name}: raw pairs /s"] = await pgbench.pairs(queue, CALLERS, seconds)
        await self._pairs(name, figures)
        figures[f"backlog {name}: procrastinate pairs /s"] = (await peer.pairs(name, seconds)).per_second

    async def _adds(self, name: str, figures: dict[str, float]) -> None:
        item = {"Name": f"bench-{name}", "Priority": "Normal", "SpecificContent": json.loads(backlog.CONTENT)}
        sent = request("POST", ADD, self._headers, json.dumps({"itemData": item}).encode())
        before = self._server.cpu_s()
        tally = await closed_loop(self._server.port, [sent] * CALLERS, self._seconds)
        self._note(f"backlog {name}: adds", tally, figures, self._server.cpu_s() - before)

    async def _pairs(self, name: str, figures: dict[str, float]) -> None:
        before = self._server.cpu_s()
        tally = await self._take_and_complete(name)
        self._note(f"backlog {name}: pairs", tally, figures, self._server.cpu_s() - before)

    async def _take_and_complete(self, name: str) -> Tally:
        tally = Tally()
        take = request("POST", TAKE, self._headers, json.dumps({"transactionData": {"Name": f"bench-{name}"}}).encode())
        body = json.dumps({"transactionResult": {"IsSuccessful": True, "Output": {"ok": True}}}).encode()
        connections = [await Connection.open(self._server.port) for _ in range(CALLERS)]
        began = time.perf_counter()
        until = began + self._seconds

        async def work(connection: Connection) -> None:
            while (sent := time.perf_counter()) < until:
                taken = await connection.ask(take)
                if taken.status != 200:
                    tally.note(taken)
                    tally.errors[f"take: {taken.status}"] += 1
                    return
                path = f"{PREFIX}/odata/Queues({_id_of(taken.body)})/UiPathODataSvc.SetTransactionResult"
                done = await connection.ask(request("POST", path, self._headers, body))
                tally.note(done._replace(seconds=time.perf_counter() - sent))

        try:
            await asyncio.gather(*map(work, connections))
        finally:
            for connection in connections:
                connection.close()
        tally.seconds = time.perf_counter() - began
        tally.latencies.sort()
        return tally

    def _note(self, name: str, tally: Tally, figures: dict[str, float], cpu_s: float) -> None:
        self._figures.check(name, tally)
        figures[f"{name} /s"] = tally.per_second
        figures[f"{name}, CPU ms"] = 1000 * cpu_s / max(tally.answered, 1)
        figures[f"{name} p50 ms"] = tally.quantile_ms(0.5)
        figures[f"{name} p99 ms"] = tally.quantile_ms(0.99)


def _id_of(body: bytes) -> int:
    found: dict[str, Any] = json.loads(body)
    return int(found["Id"])


async def _empty_database(url: str, name: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return url.replace("///podium?", f"///{name}?", 1)
