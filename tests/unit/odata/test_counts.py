"""Kept totals: one count for all who ask at once, fresh for a second, nobody hurt by another's failure."""

from __future__ import annotations

import asyncio

import pytest

from podium.kernel.odata import KeptCounts
from podium.kernel.odata.counts import MAX_KEPT, Key

KEY: Key = ("SELECT", (1,))


class Gate:
    """A count that waits until it is let go."""

    def __init__(self, result: int | Exception) -> None:
        self.result = result
        self.started = asyncio.Event()
        self.open = asyncio.Event()
        self.runs = 0

    async def __call__(self) -> int:
        self.runs += 1
        self.started.set()
        await self.open.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


async def test_callers_at_the_same_time_share_one_count() -> None:
    counts, gate = KeptCounts(), Gate(7)
    calls = [asyncio.create_task(counts.total(KEY, gate)) for _ in range(5)]
    await gate.started.wait()
    gate.open.set()
    assert (await asyncio.gather(*calls), gate.runs) == ([7] * 5, 1)


async def test_other_arguments_are_counted_apart() -> None:
    counts, first, second = KeptCounts(), Gate(1), Gate(2)
    first.open.set()
    second.open.set()
    assert await counts.total(KEY, first) == 1
    assert await counts.total(("SELECT", (2,)), second) == 2


async def test_a_total_is_kept_for_a_second_from_when_its_count_began() -> None:
    now = 10.0
    counts, gate = KeptCounts(clock=lambda: now), Gate(7)
    call = asyncio.create_task(counts.total(KEY, gate))
    await gate.started.wait()
    now = 10.75
    gate.open.set()
    assert await call == 7
    assert counts.kept(KEY) == 7
    now = 11.0
    assert counts.kept(KEY) is None


@pytest.mark.parametrize("cancelled", [True, False])
async def test_those_who_waited_count_themselves_when_the_first_fails(cancelled: bool) -> None:
    counts, failing, working = KeptCounts(), Gate(OSError("gone")), Gate(7)
    working.open.set()
    first = asyncio.create_task(counts.total(KEY, failing))
    await failing.started.wait()
    second = asyncio.create_task(counts.total(KEY, working))
    await asyncio.sleep(0)
    if cancelled:
        first.cancel()
    failing.open.set()
    with pytest.raises(asyncio.CancelledError if cancelled else OSError):
        await first
    assert (await second, working.runs) == (7, 1)


async def test_one_who_waits_can_leave_without_hurting_the_others() -> None:
    counts, gate = KeptCounts(), Gate(7)
    calls = [asyncio.create_task(counts.total(KEY, gate)) for _ in range(3)]
    await gate.started.wait()
    await asyncio.sleep(0)
    calls[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls[1]
    gate.open.set()
    assert (await calls[0], await calls[2]) == (7, 7)


async def test_what_is_kept_is_bounded() -> None:
    now = 0.0
    counts, gate = KeptCounts(clock=lambda: now), Gate(1)
    gate.open.set()
    for number in range(MAX_KEPT + 10):
        await counts.total(("SELECT", number), gate)
    assert len(counts._kept) <= MAX_KEPT
