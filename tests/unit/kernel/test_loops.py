from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from podium.kernel import loops
from podium.kernel.db import Connection, Database
from podium.kernel.loops import Loop, LoopRunner, Turn

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHORT = timedelta(milliseconds=150)

Run = Callable[..., Awaitable[LoopRunner]]


@pytest.fixture
async def leases(database: Database) -> Database:
    async with database.acquire() as connection:
        await connection.execute(
            "CREATE SCHEMA kernel;"
            "CREATE TABLE kernel.leases (name text PRIMARY KEY, owner text NOT NULL, until timestamptz NOT NULL);"
            "CREATE TABLE work (n int)"
        )
    return database


@pytest.fixture
async def run(leases: Database) -> AsyncIterator[Run]:
    runners: list[LoopRunner] = []

    async def started(turn: Turn, *, every: timedelta = HOUR, owner: str = "a", lease: timedelta = SHORT) -> LoopRunner:
        runner = LoopRunner(leases, [Loop("area.work", every, turn)], lambda: NOW, owner, lease=lease)
        runner.start()
        runners.append(runner)
        return runner

    yield started
    for runner in runners:
        await runner.stop()


class Counted:
    """A turn that counts its runs and answers what it is told, 0 when nothing is left."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.runs = 0
        self.seen: list[datetime] = []
        self.ran = asyncio.Condition()

    async def __call__(self, connection: Connection, now: datetime) -> int:
        assert connection.is_in_transaction()
        async with self.ran:
            self.runs += 1
            self.seen.append(now)
            self.ran.notify_all()
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, Exception):
            await connection.execute("INSERT INTO work VALUES (1)")
            raise answer
        return answer

    async def reached(self, runs: int) -> None:
        async with asyncio.timeout(30), self.ran:
            await self.ran.wait_for(lambda: self.runs >= runs)


async def owner(db: Database) -> str | None:
    async with db.acquire() as connection:
        found: str | None = await connection.fetchval("SELECT owner FROM kernel.leases WHERE until > now()")
        return found


async def test_a_loop_runs_at_start_with_the_given_instant_and_then_waits(run: Run) -> None:
    turn = Counted()
    await run(turn)
    await turn.reached(1)
    assert turn.seen == [NOW]


async def test_a_loop_repeats_at_its_interval(run: Run) -> None:
    turn = Counted()
    await run(turn, every=timedelta(milliseconds=5))
    await turn.reached(4)


async def test_it_repeats_at_once_while_there_is_work(run: Run) -> None:
    turn = Counted(5, 5, 1)
    await run(turn)
    await turn.reached(4)


async def test_work_without_end_is_bounded(run: Run) -> None:
    turn = Counted(*[1] * (loops.MOST_BATCHES + 50))
    await run(turn)
    await turn.reached(loops.MOST_BATCHES)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(turn.reached(loops.MOST_BATCHES + 1), 0.2)


async def test_wake_runs_it_early(run: Run) -> None:
    turn = Counted()
    runner = await run(turn)
    await turn.reached(1)
    runner.wake("area.work")
    await turn.reached(2)


async def test_an_exception_is_rolled_back_logged_and_retried(
    run: Run, leases: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "FIRST_BACKOFF_SECONDS", 0.01)
    turn = Counted(ValueError("bad row"), ValueError("bad row"))
    with structlog.testing.capture_logs() as logged:
        await run(turn)
        await turn.reached(3)
    assert [(entry["event"], entry["loop"]) for entry in logged] == [("loops.failed", "area.work")] * 2
    async with leases.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM work") == 0


async def test_only_one_node_runs_a_loop(run: Run, leases: Database) -> None:
    first, second = Counted(), Counted()
    lease = timedelta(seconds=6)  # renewed after two: a busy machine has four to be late
    await run(first, every=timedelta(milliseconds=5), owner="a", lease=lease)
    await first.reached(1)
    await run(second, every=timedelta(milliseconds=5), owner="b", lease=lease)
    async with leases.acquire() as connection, asyncio.timeout(30):
        held_until = await connection.fetchval("SELECT until FROM kernel.leases")
        while await connection.fetchval("SELECT until <= $1 FROM kernel.leases", held_until):
            await connection.fetchval("SELECT pg_sleep(0.02)")
    await first.reached(first.runs + 1)
    assert second.runs == 0
    assert await owner(leases) == "a"


async def test_a_clean_stop_hands_over(run: Run, leases: Database) -> None:
    first, second = Counted(), Counted()
    runner = await run(first, owner="a", lease=HOUR)
    await first.reached(1)
    await runner.stop()
    assert await owner(leases) is None
    await run(second, owner="b", lease=HOUR)
    await second.reached(1)
    assert await owner(leases) == "b"


async def test_another_node_takes_over_after_a_crash(run: Run, leases: Database) -> None:
    async with leases.acquire() as connection:
        await connection.execute(
            "INSERT INTO kernel.leases VALUES ('area.work', 'dead', clock_timestamp() + interval '0.3 s')"
        )
    turn = Counted()
    await run(turn, owner="b")
    await turn.reached(1)
    assert await owner(leases) == "b"


async def test_a_node_that_lost_its_lease_changes_nothing(run: Run, leases: Database) -> None:
    turn = Counted()
    runner = await run(turn, lease=HOUR)
    await turn.reached(1)
    async with leases.acquire() as connection:
        await connection.execute("UPDATE kernel.leases SET owner = 'b'")
    runner.wake("area.work")
    async with asyncio.timeout(30):
        while runner._held:  # noqa: ASYNC110 - nothing tells of a lost lease
            await asyncio.sleep(0.005)
    assert turn.runs == 1


async def test_a_batch_longer_than_the_lease_is_not_run_beside_itself(run: Run, leases: Database) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(_: Connection, __: datetime) -> int:
        begun.set()
        await end.wait()
        return 0

    await run(slow, owner="a")
    await begun.wait()
    async with leases.acquire() as connection:
        # not the locked row itself: what another node sees once the lease has run out
        async with asyncio.timeout(30):
            while await connection.fetchval("SELECT until > clock_timestamp() FROM kernel.leases"):
                await connection.fetchval("SELECT pg_sleep(0.01)")
        assert await connection.fetch(loops.CLAIM_LEASES, ["area.work"], "b", SHORT) == []
        end.set()


async def test_stop_waits_for_the_batch_in_progress(run: Run, leases: Database) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection, _: datetime) -> int:
        begun.set()
        await end.wait()
        await connection.execute("INSERT INTO work VALUES (1)")
        return 1

    runner = await run(slow)
    await begun.wait()
    stopping = asyncio.create_task(runner.stop())
    end.set()
    await stopping
    async with leases.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM work") == 1
