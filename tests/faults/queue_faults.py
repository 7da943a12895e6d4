"""Kills servers and the database, and lets leases run out, while clients add to a queue and work it off.

As a program: `python -m tests.faults.queue_faults --kills 100 --transactions 20000`. Clients repeat a call until they
are told what became of it, with the Idempotency-Key of the first time; then the books are compared with what they know.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import asyncpg

from tests.bench.world import ENVIRONMENT, World
from tests.faults import queue_books
from tests.faults.cluster import Cluster
from tests.faults.kill_server import data_folder
from tests.faults.queue_clients import Adder, Queue, Worker
from tests.faults.queue_ledger import Ledger

ADDERS = 4
WORKERS = 8
MAX_RETRIES = 2
STALLED_S = 60.0
DRAIN_S = 120.0
LOOK_S = 0.05
LATER_S = 0.05
EXPIRE = """
UPDATE orchestrator.queue_items SET started_at = started_at - interval '30 hours'
 WHERE id = ANY($1::bigint[]) AND state = 1 RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much: items, kills of a node, kills of the database, nodes, and the share of hand-outs whose worker freezes."""

    transactions: int
    kills: int = 0
    database_kills: int = 0
    nodes: int = 1
    frozen_share: float = 0.0
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    added: int = 0
    results: int = 0
    items: int = 0
    repeated: int = 0
    unavailable: int = 0
    expired: int = 0
    seconds: float = 0.0
    ready_again_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        times = self.ready_again_s or [0.0]
        lines = [
            f"{len(self.ready_again_s)} kills in {self.seconds:.0f} s, {self.added} adds acknowledged",
            f"{self.results} results accepted, {self.items} attempts in the database",
            f"{self.repeated} calls repeated after no answer, {self.unavailable} after 503; {self.expired} leases ended",
            f"ready again after {median(times):.2f} s (median), {max(times):.2f} s (longest)",
        ]
        return "\n".join(lines + ([f"WRONG: {what}" for what in self.wrong] or ["nothing wrong"]))


async def run(plan: Plan, folder: Path) -> Outcome:
    """The whole run in an empty folder."""
    outcome, ledger = Outcome(plan), Ledger()
    cluster = Cluster(folder, plan.nodes)
    try:
        await cluster.start()
        with World(cluster.servers[0].url) as world:
            folder_id = world.folder("Queue faults")
            definition = {
                "Name": "faults",
                "MaxNumberOfRetries": MAX_RETRIES,
                "AcceptAutomaticallyRetry": True,
                "EnforceUniqueReference": True,
                "RetryAbandonedItems": True,
            }
            queue_id = world.api.post("/odata/QueueDefinitions", definition, folder=folder_id)["Id"]
            queue = Queue(world.token, folder_id, "faults")
            began = time.monotonic()
            await _load(plan, cluster, queue, queue_id, ledger, outcome)
            outcome.seconds = time.monotonic() - began
        books = await queue_books.read(cluster.database_url, queue_id)
        outcome.added, outcome.results, outcome.items = len(ledger.added), len(ledger.results), len(books.items)
        outcome.repeated, outcome.unavailable, outcome.expired = (
            ledger.repeated,
            ledger.unavailable,
            len(ledger.expired),
        )
        outcome.wrong += queue_books.wrong(ledger, books, MAX_RETRIES)
        if left := {name: text for name, text in ENVIRONMENT.items() if "ID" not in name and text in cluster.logs()}:
            outcome.wrong.append(f"secrets in the log: {', '.join(left)}")
        if trail := await asyncio.to_thread(cluster.verified_audit):
            outcome.wrong.append(trail)
    finally:
        cluster.stop()
    return outcome


async def _load(plan: Plan, cluster: Cluster, queue: Queue, queue_id: int, ledger: Ledger, outcome: Outcome) -> None:
    references = [f"r-{number}" for number in range(plan.transactions)]
    adders = [Adder(queue, cluster.ports, ledger, plan.seed + n, references[n::ADDERS]) for n in range(ADDERS)]
    workers = [
        Worker(queue, cluster.ports, ledger, plan.seed + 100 + n, f"worker-{n}", plan.frozen_share)
        for n in range(WORKERS)
    ]
    adding = asyncio.ensure_future(_all(adder.run() for adder in adders))
    working = asyncio.ensure_future(_all(worker.run() for worker in workers))
    try:
        await _faults(plan, cluster, ledger, outcome)
        await _progressing(adding, ledger)
        if plan.frozen_share:
            await _thawed(cluster, queue_id, workers, ledger, outcome)
        for worker in workers:
            worker.is_ending = True
        await _progressing(working, ledger)
    finally:
        adding.cancel()
        working.cancel()
    if left := await queue_books.still_open(cluster.database_url, queue_id):
        outcome.wrong.append(f"{left} items are New or InProgress at the end")


async def _all(clients: Iterable[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client)


async def _faults(plan: Plan, cluster: Cluster, ledger: Ledger, outcome: Outcome) -> None:
    """The kills at random moments, spread over the work."""
    dice = random.Random(plan.seed)  # noqa: S311 - a repeatable choice, no secret
    kinds = ["node"] * plan.kills + ["database"] * plan.database_kills
    dice.shuffle(kinds)
    moments = sorted(dice.uniform(0, 0.9 * plan.transactions) for _ in kinds)
    for kind, moment in zip(kinds, moments, strict=True):
        await _reached(ledger, moment)
        await asyncio.sleep(dice.uniform(0, LATER_S))
        if kind == "node":
            outcome.ready_again_s.append(await cluster.kill(dice.randrange(plan.nodes)))
        else:
            outcome.ready_again_s.append(await cluster.kill_database())


async def _reached(ledger: Ledger, moment: float) -> None:
    """Wait for so many results, or until the work stands still, which the books will tell."""
    best, since = ledger.acknowledged(), time.monotonic()
    while best < moment and time.monotonic() - since < STALLED_S:
        await asyncio.sleep(LOOK_S)
        if ledger.acknowledged() > best:
            best, since = ledger.acknowledged(), time.monotonic()


async def _progressing(task: asyncio.Future[None], ledger: Ledger) -> None:
    """Wait for the clients, as long as anything goes on. Raises TimeoutError."""
    best, since = (-1, -1), time.monotonic()
    while not task.done():
        await asyncio.wait([task], timeout=LOOK_S)
        now = (ledger.acknowledged(), len(ledger.added))
        if now != best:
            best, since = now, time.monotonic()
        elif time.monotonic() - since > DRAIN_S:
            raise TimeoutError(f"the clients stand still: {now}")
    await task


async def _thawed(cluster: Cluster, queue_id: int, workers: list[Worker], ledger: Ledger, outcome: Outcome) -> None:
    """Let the leases of the frozen workers run out, wait until the items are abandoned, and deliver their results late."""
    connection = await asyncpg.connect(cluster.database_url)
    try:
        while held := {id_: worker for worker in workers for id_ in worker.held}:
            for worker in workers:
                worker.held = []
            ledger.expired.update(row["id"] for row in await connection.fetch(EXPIRE, list(held)))
            await _abandoned(connection, list(held))
            for id_, worker in held.items():
                await worker.late(id_)
            await _reached(
                ledger, len(ledger.results) + 1 if await queue_books.still_open(cluster.database_url, queue_id) else 0
            )
    finally:
        await connection.close()


async def _abandoned(connection: asyncpg.Connection[asyncpg.Record], ids: list[int]) -> None:
    until = time.monotonic() + DRAIN_S
    while await connection.fetchval(
        "SELECT count(*) FROM orchestrator.queue_items WHERE id = ANY($1::bigint[]) AND state = 1", ids
    ):
        if time.monotonic() > until:
            raise TimeoutError("items whose lease has ended are still in progress")
        await asyncio.sleep(LOOK_S)


def main() -> int:
    """Exit status 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transactions", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--database-kills", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--frozen-share", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    plan = Plan(**vars(parser.parse_args()))
    print(plan, flush=True)
    with data_folder() as folder:
        outcome = asyncio.run(run(plan, folder))
    print(outcome)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
