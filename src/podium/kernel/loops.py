"""Background turns, each run by one node at a time.

A node holds a lease per loop and renews it while it lives; when it dies, another node claims the lease within
`LEASE + LEASE / 3`. A batch locks the lease's row in its own transaction, so that a node that lost its lease without
knowing changes nothing, and a batch that outlasts the lease is not run a second time beside itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import asyncpg
import structlog

from podium.kernel.db import Connection, Database
from podium.kernel.errors import Unavailable

Turn: TypeAlias = Callable[[Connection, datetime], Awaitable[int]]
"""One idempotent batch in the transaction it is given, at the given instant; how much it did, 0 when nothing is due."""

LEASE = timedelta(seconds=15)
MOST_BATCHES = 100
"""How many batches one waking may run before the loop waits for its next time."""
MOST_AT_ONCE = 4
"""Batches of one node that may run at the same time, so that loops leave the pool's connections to calls."""
FIRST_BACKOFF_SECONDS = 1.0
LAST_BACKOFF_SECONDS = 60.0
STOP_SECONDS = 10.0

# The database's clock, not the node's: nodes whose clocks differ must agree on who holds what.
ENSURE_LEASES = """
INSERT INTO kernel.leases (name, owner, until)
SELECT name, '', '-infinity' FROM unnest($1::text[]) AS name ORDER BY name
ON CONFLICT (name) DO NOTHING
"""
CLAIM_LEASES = """
WITH free AS (
  SELECT name FROM kernel.leases
   WHERE name = ANY($1::text[]) AND (owner = $2::text OR until <= clock_timestamp())
   FOR UPDATE SKIP LOCKED)
UPDATE kernel.leases SET owner = $2::text, until = clock_timestamp() + $3::interval
 WHERE name IN (SELECT name FROM free)
RETURNING name
"""
LOCK_LEASE = "SELECT true FROM kernel.leases WHERE name = $1 AND owner = $2 FOR UPDATE"
FREE_LEASES = "UPDATE kernel.leases SET until = '-infinity' WHERE owner = $1 AND name = ANY($2::text[])"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loop:
    """A background turn; `name` is `area.verb`, `every` the time from the end of one waking to the next."""

    name: str
    every: timedelta
    turn: Turn


class LoopRunner:
    """Runs loops on this node until stopped. `owner` names the node and is different for every process."""

    def __init__(
        self,
        db: Database,
        loops: Iterable[Loop],
        clock: Callable[[], datetime],
        owner: str,
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self._db = db
        self._loops = {loop.name: loop for loop in loops}
        self._clock = clock
        self._owner = owner
        self._lease = lease
        self._held: set[str] = set()
        self._running: set[str] = set()
        self._woken = {name: asyncio.Event() for name in self._loops}
        self._stopping = asyncio.Event()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to claim leases and to run what this node holds; returns at once and needs a running event loop."""
        runs = [self._keep_leases(), *(self._run(loop) for loop in self._loops.values())]
        self._tasks = [asyncio.create_task(run) for run in runs]

    def wake(self, name: str) -> None:
        """Run a loop now instead of at its next time, if this node holds it; a loop that backs off is not hurried."""
        if name in self._held:
            self._woken[name].set()

    async def stop(self) -> None:
        """Let batches in progress end, for up to 10 s, and free the leases for other nodes."""
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            self._tasks = []
        with contextlib.suppress(Unavailable):  # then the leases run out by themselves
            async with self._db.acquire() as connection:
                await connection.execute(FREE_LEASES, self._owner, sorted(self._held))
        self._held.clear()

    async def _keep_leases(self) -> None:
        """Renew what this node holds and claim what nobody holds; a loop that was gained runs at once."""
        is_known = False
        while not self._stopping.is_set():
            try:
                async with self._db.acquire() as connection:
                    if not is_known:
                        await connection.execute(ENSURE_LEASES, list(self._loops))
                        is_known = True
                    rows = await connection.fetch(CLAIM_LEASES, list(self._loops), self._owner, self._lease)
            except (Unavailable, asyncpg.PostgresError) as error:
                log.warning("loops.leases_unavailable", owner=self._owner, reason=str(error))
            else:
                claimed = {row["name"] for row in rows}
                gained = claimed - self._held
                # the row of a running batch is locked and therefore not among the claimed
                self._held = claimed | (self._held & self._running)
                for name in gained:
                    self._woken[name].set()
            await _first(self._stopping, seconds=self._lease.total_seconds() / 3)

    async def _run(self, loop: Loop) -> None:
        failures = 0
        woken = self._woken[loop.name]
        while not self._stopping.is_set():
            await _first(self._stopping, woken, seconds=loop.every.total_seconds())
            woken.clear()
            if self._stopping.is_set() or loop.name not in self._held:
                continue
            if await self._batches(loop):
                failures = 0
            else:
                failures += 1
                seconds = min(FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, 10), LAST_BACKOFF_SECONDS)
                await _first(self._stopping, seconds=seconds)
                woken.set()

    async def _batches(self, loop: Loop) -> bool:
        """Run batches until there is nothing to do; False when one failed."""
        for _ in range(MOST_BATCHES):
            async with self._slots:
                self._running.add(loop.name)
                try:
                    done = await self._batch(loop)
                except Unavailable as error:
                    log.warning("loops.unavailable", loop=loop.name, reason=error.message)
                    return False
                except Exception:  # one bad row must not end a loop for good; it is logged and retried
                    log.exception("loops.failed", loop=loop.name)
                    return False
                finally:
                    self._running.discard(loop.name)
            if done <= 0 or self._stopping.is_set():
                break
        return True

    async def _batch(self, loop: Loop) -> int:
        async with self._db.transaction() as connection:
            if await connection.fetchval(LOCK_LEASE, loop.name, self._owner):
                return await loop.turn(connection, self._clock())
        self._held.discard(loop.name)
        return 0


async def _first(*events: asyncio.Event, seconds: float) -> None:
    """Wait for the first of the events, or for the time to pass."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
