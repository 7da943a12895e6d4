"""The workloads of one round. Each asks one server for a short time and notes rates, latencies and CPU."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from podium.kernel.config import resource
from podium.kernel.contract import Contract
from tests.bench import postgres
from tests.bench.figures import Figures
from tests.bench.framework import collections
from tests.bench.load import Connection, Tally, closed_loop, paced, request
from tests.bench.server import Server
from tests.bench.sign_in import sign_in_request, signatures_per_second, token_request, verification_us
from tests.bench.world import PREFIX, World, robot_request

CALLERS = 8
ROBOTS = 1000
BEAT_S = 30.0
POLL_S = 25
JOINING_S = 10.0
SAMPLE = resource("contract").parent / "src" / "podium" / "samples" / "invoice_total"
BEAT = {"CommandState": "All", "Heartbeats": []}


@dataclass(frozen=True, slots=True)
class Effort:
    """How long: seconds of a closed loop and of the thousand robots, and the number of pick-ups, of each round."""

    loop_s: float
    robots_s: float
    pick_ups: int


QUICK = Effort(0.7, 3.0, 20)
FULL = Effort(3.0, 12.0, 60)


@dataclass(slots=True)
class Servers:
    """The processes under load, and the databases."""

    plain: Server
    hollow: Server
    real: Server
    database_url: str
    raw_url: str
    data_dir: Path


class Workloads:
    """Everything that a round asks; made once, on servers that are ready."""

    def __init__(self, servers: Servers, world: World, effort: Effort, figures: Figures) -> None:
        self._servers = servers
        self._effort = effort
        self._figures = figures
        self._turn = 0
        rows = collections(Contract.load(resource("contract")))
        self.first, self.last = rows[0].path, rows[-1].path
        hollow_token = World(servers.hollow.url).token
        self._routes = {
            "raw ASGI": (servers.plain, request("GET", "/plain")),
            "anonymous route": (servers.hollow, request("GET", f"{PREFIX}/api/Status/Get")),
            "first route": (servers.hollow, self._with_token(self.first, hollow_token)),
            "last route": (servers.hollow, self._with_token(self.last, hollow_token)),
        }
        quiet, work, picked = (world.folder(name) for name in ("Quiet", "Work", "Picked"))
        self._quiet_key = world.machine("quiet", quiet, 4)
        self._start = world.start_jobs(work, world.process(work, SAMPLE))
        self._pick = world.start_jobs(picked, world.process(picked, SAMPLE))
        self._picked_key = world.machine("picked", picked, 10)
        self._rows: postgres.Rows | None = None
        self._token = world.token
        self._token_request, self._sign_in_request = token_request(), sign_in_request()

    @staticmethod
    def _with_token(path: str, token: str) -> bytes:
        return request("GET", f"{PREFIX}{path}", {"Authorization": f"Bearer {token}"})

    async def prepare(self) -> None:
        """Sessions of the thousand robots, and a first start whose rows are the pattern for bare asyncpg."""
        hosts = [f"robot-{number}" for number in range(ROBOTS)]
        for number in range(0, ROBOTS, CALLERS):
            requests = [self._beat(host) for host in hosts[number : number + CALLERS]]
            self._figures.check("first heartbeat", await _once(self._servers.real.port, requests))
        self._figures.check("first StartJobs", await _once(self._servers.real.port, [self._start]))
        self._rows = await postgres.rows_of_a_start(self._servers.database_url)

    def _beat(self, host: str) -> bytes:
        return robot_request(self._quiet_key, host, "heartbeatv2", BEAT)

    async def round(self) -> None:
        """Every workload once."""
        self._figures.begin()
        for name in self._routes:
            await self.route(name)
        await self.heartbeats()
        await self.thousand_beats()
        await self.raw_postgres()
        await self.start_jobs()
        await self.pick_ups()
        await self.tokens()
        await self.sign_ins()
        await self.verification()

    def profiled(self) -> dict[str, tuple[Server, Callable[[], Awaitable[None]]]]:
        """The loads that a profile explains, each with the server that bears it."""
        return {
            "the framework path": (self._servers.hollow, partial(self.route, "first route")),
            "heartbeats": (self._servers.real, self.heartbeats),
            "a thousand robots": (self._servers.real, self.thousand_beats),
            "StartJobs": (self._servers.real, self.start_jobs),
            "pick-up": (self._servers.real, self.pick_ups),
            "tokens": (self._servers.real, self.tokens),
        }

    async def route(self, name: str) -> None:
        """One of the trivial answers, asked by eight callers."""
        server, sent = self._routes[name]
        await self._loop(name, server, [sent] * CALLERS, unit="us")

    async def heartbeats(self) -> None:
        """Eight hosts that beat as fast as they are answered, with nothing to do."""
        requests = [self._beat(f"robot-{number}") for number in range(CALLERS)]
        await self._loop("heartbeats", self._servers.real, requests)

    async def thousand_beats(self) -> None:
        """A thousand hosts at their real rate; each round goes on where the last one ended."""
        count = int(self._effort.robots_s / BEAT_S * ROBOTS)
        hosts = [(self._turn * count + number) % ROBOTS for number in range(ROBOTS)]
        self._turn += 1
        requests = [self._beat(f"robot-{number}") for number in hosts]
        server = self._servers.real
        before = server.cpu_s()
        tally = await paced(server.port, requests, BEAT_S, self._effort.robots_s)
        self._figures.check("1000 robots", tally)
        self._figures.note("1000 robots, core share %", 100 * (server.cpu_s() - before) / tally.seconds)
        self._figures.note("1000 robots, p99 ms", tally.quantile_ms(0.99))

    async def thousand_polls(self) -> None:
        """A thousand agents that wait in the long poll for nothing, after they joined one by one within ten seconds.

        The last thing asked of a server: the polls that are open at its end are left to themselves.
        """
        server = self._servers.real
        tally = Tally()
        agents = [asyncio.ensure_future(self._agent(number, tally)) for number in range(ROBOTS)]
        await asyncio.sleep(JOINING_S + 1)
        before, began = server.cpu_s(), time.perf_counter()
        await asyncio.sleep(POLL_S)
        share = (server.cpu_s() - before) / (time.perf_counter() - began)
        for agent in agents:
            agent.cancel()
        for ended in await asyncio.gather(*agents, return_exceptions=True):
            if isinstance(ended, Exception):
                tally.errors[repr(ended)] += 1
        self._figures.check("1000 long polls", tally)
        self._figures.once["1000 open long polls, core share %"] = 100 * share

    async def _agent(self, number: int, tally: Tally) -> None:
        await asyncio.sleep(JOINING_S * number / ROBOTS)
        sent = robot_request(self._quiet_key, f"robot-{number}", "Commands", _poll(POLL_S))
        connection = await Connection.open(self._servers.real.port)
        try:
            while True:
                tally.note(await connection.ask(sent))
        finally:
            connection.close()

    async def raw_postgres(self) -> None:
        """What the database does without us."""
        assert self._rows is not None
        url, seconds = self._servers.raw_url, self._effort.loop_s
        tally = await postgres.commit(url, CALLERS, seconds)
        self._figures.note("plain commits /s", tally.per_second)
        tally = await postgres.write_rows(url, self._rows, CALLERS, seconds)
        self._figures.note("same rows by asyncpg /s", tally.per_second)

    async def start_jobs(self) -> None:
        """Eight callers that start one job per call."""
        await self._loop("StartJobs", self._servers.real, [self._start] * CALLERS)

    async def pick_ups(self) -> None:
        """One job at a time, from the first byte of StartJobs to the last of the long poll's answer."""
        port = self._servers.real.port
        seconds: list[float] = []
        tally = Tally()
        submitter, poller, reporter = connections = [await Connection.open(port) for _ in range(3)]
        try:
            for _ in range(self._effort.pick_ups):
                poll = asyncio.ensure_future(poller.ask(self._robot("Commands", _poll(POLL_S))))
                await asyncio.sleep(0.004)  # the poll is open when the job comes, as a robot's almost always is
                began = time.perf_counter()
                started = asyncio.ensure_future(submitter.ask(self._pick))
                answer = await poll
                seconds.append(time.perf_counter() - began)
                tally.note(await started)
                tally.note(answer)
                for command in json.loads(answer.body)["commands"]:
                    tally.note(await reporter.ask(self._robot("SubmitJobState", ends_of(command))))
        finally:
            for connection in connections:
                connection.close()
        seconds.sort()
        self._figures.check("pick-up", tally)
        self._figures.note("pick-up p50 ms", 1000 * seconds[len(seconds) // 2])
        self._figures.note("pick-up p95 ms", 1000 * seconds[int(len(seconds) * 0.95)])

    async def tokens(self) -> None:
        """Eight callers that ask for tokens of an application, beside what a core signs."""
        rate = await asyncio.to_thread(signatures_per_second, self._effort.loop_s / 3)
        self._figures.note("bare RS256 signatures /s", rate)
        await self._loop("tokens", self._servers.real, [self._token_request] * CALLERS)

    async def sign_ins(self) -> None:
        """Eight callers that sign in with a password: an argon2 hash each."""
        await self._loop("password sign-ins", self._servers.real, [self._sign_in_request] * CALLERS)

    async def verification(self) -> None:
        """A token that the node has seen before, verified in this process."""
        real = self._servers.real
        us = await verification_us(self._servers.database_url, self._servers.data_dir, real.url, self._token)
        self._figures.note("verified token, us", us)

    def _robot(self, operation: str, body: object) -> bytes:
        return robot_request(self._picked_key, "picker", operation, body)

    async def _loop(self, name: str, server: Server, requests: Sequence[bytes], *, unit: str = "ms") -> None:
        before = server.cpu_s()
        tally = await closed_loop(server.port, requests, self._effort.loop_s)
        cpu_s = server.cpu_s() - before
        self._figures.check(name, tally)
        self._figures.note(f"{name} /s", tally.per_second)
        scale = 1e6 if unit == "us" else 1e3
        self._figures.note(f"{name}, CPU {unit}", scale * cpu_s / max(tally.answered, 1))
        if unit == "ms":
            self._figures.note(f"{name} p50 ms", tally.quantile_ms(0.5))
            self._figures.note(f"{name} p99 ms", tally.quantile_ms(0.99))


def _poll(seconds: int) -> dict[str, Any]:
    return {"WaitSeconds": seconds, "RunningJobs": [], "FreeSlots": 10}


def ends_of(command: dict[str, Any]) -> list[dict[str, Any]]:
    """The reports Running and Successful for a command's job, in one call."""
    data = command["data"]
    report = {"robotKey": command["robotKey"], "jobKey": data["jobKey"], "leaseEpoch": data["leaseEpoch"]}
    return [report | {"jobState": "Running"}, report | {"jobState": "Successful", "outputArguments": "{}"}]


async def _once(port: int, requests: Sequence[bytes]) -> Tally:
    tally = Tally()
    for sent in requests:
        connection = await Connection.open(port)
        tally.note(await connection.ask(sent))
        connection.close()
    return tally
