"""Calls that share a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from podium.kernel.errors import Conflict, Unavailable
from podium.orchestrator.queue_items import batching
from podium.orchestrator.queue_items.batching import Batcher


class Runs:
    """Stands for the database: keeps the batches that came, holds them until they may go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.now_running = 0
        self.most_running = 0
        self.bad: set[int] = set()
        self.is_away = False

    async def __call__(self, _: None, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        self.now_running += 1
        self.most_running = max(self.most_running, self.now_running)
        try:
            await self.may_go.wait()
            if self.is_away:
                raise Unavailable("away")
            if self.bad & set(asked):
                raise ValueError("bad row")
            return [number * 10 for number in asked]
        finally:
            self.now_running -= 1


@pytest.fixture
def runs() -> Runs:
    return Runs()


async def waiting(batcher: Batcher[None, int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    """The calls, each as far as it gets."""
    tasks = [asyncio.create_task(batcher.submit(number)) for number in numbers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_a_lone_call_goes_at_once(runs: Runs) -> None:
    assert await Batcher(nullcontext, runs).submit(4) == 40
    assert runs.batches == [[4]]


async def test_calls_that_come_while_a_batch_runs_go_together_and_get_their_own_answers(runs: Runs) -> None:
    runs.may_go.clear()
    batcher = Batcher(nullcontext, runs, in_flight=1)
    first = await waiting(batcher, [1])
    rest = await waiting(batcher, [2, 3, 4])
    assert runs.batches == [[1]]
    runs.may_go.set()
    assert await asyncio.gather(*first, *rest) == [10, 20, 30, 40]
    assert runs.batches == [[1], [2, 3, 4]]


async def test_no_more_batches_run_at_once_than_allowed_and_none_is_too_large(runs: Runs) -> None:
    batcher = Batcher(nullcontext, runs, most=3, in_flight=2)
    answers = await asyncio.gather(*(batcher.submit(number) for number in range(50)))
    assert answers == [number * 10 for number in range(50)]
    assert runs.most_running <= 2
    assert max(map(len, runs.batches)) <= 3


async def test_a_slow_batch_lets_others_go_beside_it_up_to_the_limit(runs: Runs) -> None:
    runs.may_go.clear()
    batcher = Batcher(nullcontext, runs, in_flight=3)
    tasks: list[asyncio.Task[int]] = []
    for number in range(3):
        tasks += await waiting(batcher, [number])
        for _ in range(10_000):
            if len(runs.batches) > number:
                break
            await asyncio.sleep(0.001)
    tasks += await waiting(batcher, [3, 4])
    await asyncio.sleep(3 * batching.SLOW_SECONDS)
    assert runs.batches == [[0], [1], [2]]
    runs.may_go.set()
    assert await asyncio.gather(*tasks) == [0, 10, 20, 30, 40]
    assert runs.batches[3:] == [[3, 4]]


async def test_a_call_that_comes_as_the_last_batch_ends_goes_at_once(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "SLOW_SECONDS", 3600.0)
    batcher = Batcher(nullcontext, runs)
    async with asyncio.timeout(10):
        assert [await batcher.submit(number) for number in range(20)] == [number * 10 for number in range(20)]


async def test_a_bad_call_fails_nobody_else(runs: Runs) -> None:
    runs.bad = {3}
    batcher = Batcher(nullcontext, runs, in_flight=1)
    answers = await asyncio.gather(*(batcher.submit(number) for number in range(6)), return_exceptions=True)
    assert [answer for answer in answers if not isinstance(answer, Exception)] == [0, 10, 20, 40, 50]
    assert isinstance(answers[3], ValueError)


async def test_a_lost_database_is_told_to_all_and_the_next_call_is_tried(runs: Runs) -> None:
    runs.is_away = True
    batcher = Batcher(nullcontext, runs, in_flight=1)
    answers = await asyncio.gather(*(batcher.submit(number) for number in range(4)), return_exceptions=True)
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert sum(map(len, runs.batches)) == 4, "nobody is tried again one by one"
    runs.is_away = False
    assert await batcher.submit(1) == 10


async def test_a_caller_who_gives_up_leaves_the_others_alone(runs: Runs) -> None:
    runs.may_go.clear()
    batcher = Batcher(nullcontext, runs, in_flight=1)
    tasks = await waiting(batcher, [1, 2, 3])
    tasks[0].cancel()
    tasks[1].cancel()
    runs.may_go.set()
    assert await tasks[2] == 30
    assert await batcher.submit(4) == 40
    assert sorted(number for batch in runs.batches for number in batch) == [1, 2, 3, 4]


async def test_calls_of_equal_keys_never_share_a_batch_and_keep_their_order(runs: Runs) -> None:
    runs.may_go.clear()
    batcher: Batcher[None, int, int] = Batcher(nullcontext, runs, key=lambda number: number % 10, in_flight=1)
    tasks = await waiting(batcher, [5, 1, 11, 2, 21, 12])
    runs.may_go.set()
    await asyncio.gather(*tasks)
    assert all(len({number % 10 for number in batch}) == len(batch) for batch in runs.batches)
    ones = [number for batch in runs.batches for number in batch if number % 10 == 1]
    assert ones == [1, 11, 21]


async def test_closing_carries_out_what_waits_and_refuses_what_comes_after(runs: Runs) -> None:
    runs.may_go.clear()
    batcher = Batcher(nullcontext, runs, in_flight=1)
    tasks = await waiting(batcher, [1, 2, 3])
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await batcher.submit(9)
    runs.may_go.set()
    await closing
    assert await asyncio.gather(*tasks) == [10, 20, 30]


async def test_a_refusal_of_one_call_is_its_own(runs: Runs) -> None:
    async def refuse(session: None, asked: Sequence[int]) -> list[int]:
        if 2 in asked:
            raise Conflict("two")
        return await runs(session, asked)

    batcher = Batcher(nullcontext, refuse, in_flight=1)
    answers = await asyncio.gather(*(batcher.submit(number) for number in (1, 2, 3)), return_exceptions=True)
    assert answers[0] == 10
    assert isinstance(answers[1], Conflict)
    assert answers[2] == 30
