"""Kills the server again and again while clients start jobs and robots report them, then checks what is left.

As a program: `python -m tests.faults.kill_server --kills 50 --jobs 2000`. The clients never repeat a call that they
sent: one whose answer was lost made a job or made none. The robots repeat a report until it is acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import quote

from podium.kernel.config import resource
from podium.kernel.embedded_postgres import EmbeddedPostgres
from podium.orchestrator.jobs.rules import State
from tests.bench.load import Connection, Lost
from tests.bench.server import Server, free_port, is_ready, start
from tests.bench.world import ENVIRONMENT, World
from tests.faults import checker
from tests.faults.journal import Journal, read
from tests.faults.robots import ANSWER_S, Ledger, Robot

SUBMITTERS = 4
ROBOTS = 4
READY_S = 60.0
DRAIN_S = 120.0
EARLY_SHARE = 0.15  # of the kills hit a server that is still starting
LOOK_S = 0.01
EARLY_S, LATER_S = 1.0, 0.05
SPREAD = 1.6  # kills per job's two steps, start and end: the last ones hit a server that mostly takes reports
STALLED_S = 30.0
SAMPLE = Path("src", "podium", "samples", "invoice_total")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: kills in all, calls in all, and every which kill takes the database along (0: none)."""

    kills: int
    jobs: int
    database_every: int = 0
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What came of a run; `ready_again_s`: from a kill to the first 200 on /readyz.

    A server that is killed before it is ready has no time of its own.
    """

    calls: int = 0
    acknowledged: int = 0
    unknown: int = 0
    jobs: int = 0
    kills: int = 0
    ready_again_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        times = self.ready_again_s or [0.0]
        lines = [
            f"{self.kills} kills during {self.calls} StartJobs: {self.acknowledged} acknowledged",
            f"{self.unknown} without an answer; {self.jobs} jobs were made",
            f"ready again after {median(times):.2f} s (median), {max(times):.2f} s (longest)",
        ]
        lines += [f"WRONG: {what}" for what in self.wrong] or ["nothing wrong"]
        return "\n".join(lines)


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, with the database in it; not pytest's, which nobody else may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="podium-faults-"))
    folder.chmod(0o755)  # as root, the database runs as another account
    try:
        yield folder
    finally:
        if (folder / "data" / "postgres").is_dir():
            database = EmbeddedPostgres(folder / "data" / "postgres")
            database.start()
            database.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Victim:
    """The server that is killed and started again, always on the same port and data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.server = self._start()

    def _start(self) -> Server:
        command = ("up", "--no-robot", "--port", str(self.port), "--data-dir", str(self._folder / "data"))
        return start("podium.server", command, ENVIRONMENT, self.port, self._folder / "server.log", is_pinned=False)

    def kill(self, *, with_database: bool) -> None:
        """SIGKILL to the server, and to its database when asked; then a new server."""
        self.server.kill()
        if with_database:
            pid_file = self._folder / "data" / "postgres" / "cluster" / "postmaster.pid"
            os.kill(int(pid_file.read_text(encoding="ascii").splitlines()[0]), signal.SIGKILL)
        self.server = self._start()

    async def ready(self) -> None:
        """Wait until it answers. Raises NotReady when it ended or takes a minute."""
        until = time.monotonic() + READY_S
        while not await asyncio.to_thread(is_ready, self.port):
            if self.server.process.poll() is not None or time.monotonic() > until:
                self.server.wait_until_ready(0)
            await asyncio.sleep(LOOK_S)

    @property
    def database_url(self) -> str:
        """The embedded database, for the checker."""
        lines = (
            (self._folder / "data" / "postgres" / "cluster" / "postmaster.pid").read_text(encoding="ascii").splitlines()
        )
        return f"postgresql:///podium?host={quote(lines[4], safe='')}&port=5432&user=podium"


class Clients:
    """Callers that start jobs, each call once."""

    def __init__(self, port: int, journal: Journal, world: World, folder_id: int, process_key: str) -> None:
        self._port, self._journal = port, journal
        self._world, self._folder_id, self._process_key = world, folder_id, process_key
        self._next = 0

    async def run(self, calls: int) -> None:
        """Until all calls are sent."""
        await asyncio.gather(*(self._submit(calls) for _ in range(SUBMITTERS)))

    async def _submit(self, calls: int) -> None:
        connection: Connection | None = None
        while self._next < calls:
            try:
                if connection is None or not connection.is_open:
                    connection = await Connection.open(self._port)
            except Lost:
                await asyncio.sleep(LOOK_S)
                continue
            if self._next >= calls:
                break
            number, self._next = self._next, self._next + 1
            await self._start_one(connection, f"call-{number}")
        if connection is not None:
            connection.close()

    async def _start_one(self, connection: Connection, reference: str) -> None:
        sent = self._world.start_jobs(self._folder_id, self._process_key, Reference=reference)
        self._journal.note("sent", reference)
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await connection.ask(sent)
        except (Lost, TimeoutError):
            connection.close()
            self._journal.note("unknown", reference)
            return
        if 200 <= answer.status < 300:
            self._journal.note("acknowledged", reference, json.loads(answer.body)["value"][0]["Key"])
        elif answer.status == 503:  # the database went away under the call: it may have committed
            self._journal.note("unknown", reference)
        else:
            self._journal.note("refused", reference, f"{answer.status} {answer.body[:160].decode(errors='replace')}")


async def run(plan: Plan, folder: Path) -> Outcome:
    """The whole run in an empty folder."""
    outcome, ledger = Outcome(kills=plan.kills, calls=plan.jobs), Ledger()
    victim = Victim(folder)
    try:
        await victim.ready()
        with World(victim.server.url) as world:
            folder_id = world.folder("Faults")
            process_key = world.process(folder_id, resource("contract").parent / SAMPLE)
            key = world.machine("faults", folder_id, 10)
            journal = Journal(folder / "journal")
            clients = Clients(victim.port, journal, world, folder_id, process_key)
            robots = [
                asyncio.create_task(Robot(victim.port, key, f"host-{n}", ledger, is_vendor=n == 0).run())
                for n in range(ROBOTS)
            ]
            submission = asyncio.create_task(clients.run(plan.jobs))
            await _kill(plan, victim, outcome, lambda: journal.acknowledged + len(ledger.ended))
            await submission
            await checker.drained(victim.database_url, DRAIN_S)
            for robot in robots:
                robot.cancel()
            await asyncio.gather(*robots, return_exceptions=True)
            journal.close()
            await _judge(victim, folder / "journal", ledger, outcome)
            counted = world.api.get("/odata/Jobs", {"$count": "true", "$top": 1}, folder=folder_id)["@odata.count"]
            if counted != outcome.jobs:
                outcome.wrong.append(f"the API counts {counted} jobs, the database holds {outcome.jobs}")
    finally:
        victim.server.stop()
    return outcome


async def _kill(plan: Plan, victim: Victim, outcome: Outcome, progress: Callable[[], int]) -> None:
    """Kill at random moments, spread over the acknowledged starts and ends; some kills hit a server that starts."""
    dice = random.Random(plan.seed)  # noqa: S311 - a repeatable choice, no secret
    moments = sorted(dice.uniform(0, SPREAD * plan.jobs) for _ in range(plan.kills))
    killed_at: float | None = None
    for number, moment in enumerate(moments, start=1):
        if killed_at is not None and dice.random() < EARLY_SHARE:
            await asyncio.sleep(dice.uniform(0, EARLY_S))
        else:
            await _ready_again(victim, killed_at, outcome)
            await _reached(progress, moment)
            await asyncio.sleep(dice.uniform(0, LATER_S))
        killed_at = time.monotonic()
        victim.kill(with_database=plan.database_every > 0 and number % plan.database_every == 0)
    await _ready_again(victim, killed_at, outcome)


async def _ready_again(victim: Victim, killed_at: float | None, outcome: Outcome) -> None:
    await victim.ready()
    if killed_at is not None:
        outcome.ready_again_s.append(time.monotonic() - killed_at)


async def _reached(progress: Callable[[], int], moment: float) -> None:
    """Wait for so much work to be done, or for work to stand still, which the checker will tell."""
    best, since = progress(), time.monotonic()
    while best < moment and time.monotonic() - since < STALLED_S:
        await asyncio.sleep(LOOK_S)
        if progress() > best:
            best, since = progress(), time.monotonic()


async def _judge(victim: Victim, journal: Path, ledger: Ledger, outcome: Outcome) -> None:
    told, found = read(journal), await checker.books(victim.database_url)
    outcome.acknowledged, outcome.unknown, outcome.jobs = len(told.acknowledged), len(told.unknown), len(found.jobs)
    wrong = checker.starts(told, found) + checker.ends(found, wanted=[State.SUCCESSFUL])
    wrong += [f"{name} was answered {answer}" for name, answer in told.refused.items()]
    wrong += [f"{count} x a robot's {what}" for what, count in ledger.errors.items()]
    leased_again = sum(len(epochs) > 1 for epochs in ledger.leases.values())
    if leased_again:
        wrong.append(f"{leased_again} jobs were given to robots twice")
    if ledger.lost_leases:
        wrong.append(f"{ledger.lost_leases} reports were refused as of a lost lease")
    outcome.wrong += wrong


def main() -> int:
    """Exit status 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--database-every", type=int, default=0, help="every which kill takes PostgreSQL along")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    plan = Plan(**vars(parser.parse_args()))
    print(plan, flush=True)
    with data_folder() as folder:
        outcome = asyncio.run(run(plan, folder))
    print(outcome)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
