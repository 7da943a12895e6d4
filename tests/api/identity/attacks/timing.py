"""Whether two kinds of work take the same time: interleaved measurements and Welch's t."""

from __future__ import annotations

import gc
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from math import sqrt
from statistics import fmean, variance
from time import perf_counter_ns, thread_time_ns

MOST = 4.5
"""|t| beyond which two times are taken to differ: by chance one time in 150,000."""

CUT = 0.5
"""Of both together so much is looked at: the slower ones tell more of the machine than of the program."""


def welch(a: Sequence[float], b: Sequence[float]) -> float:
    """T of the difference of two means, whatever the variances."""
    spread = variance(a) / len(a) + variance(b) / len(b)
    return (fmean(a) - fmean(b)) / sqrt(spread) if spread else 0.0


def compared(a: Sequence[float], b: Sequence[float]) -> float:
    """Welch's t of what lies below the same bound in both."""
    bound = sorted([*a, *b])[int((len(a) + len(b)) * CUT)]
    return welch([one for one in a if one <= bound], [one for one in b if one <= bound])


def order(number: int) -> Iterator[int]:
    """0 and 1 as often, in pairs of either order, so that whatever drifts drifts for both."""
    dice = random.Random(number)  # noqa: S311 - no secret
    for _ in range(number):
        first = dice.randrange(2)
        yield first
        yield 1 - first


async def measure(kinds: Sequence[Callable[[int], Awaitable[object]]], number: int) -> tuple[list[int], list[int]]:
    """Nanoseconds of `number` runs of each of two kinds of work; each gets the number of its run."""
    found: tuple[list[int], list[int]] = [], []
    with quiet():
        for kind in order(number):
            run = len(found[kind])
            began = perf_counter_ns()
            await kinds[kind](run)
            found[kind].append(perf_counter_ns() - began)
    return found


def measure_calls(call: Callable[[int, int], object], number: int, each: int) -> tuple[list[int], list[int]]:
    """The same for a function of the kind and the run, by the processor's own time.

    `each` calls at once, for one takes less than can be told; one function, because two lie in different places.
    """
    found: tuple[list[int], list[int]] = [], []
    with quiet():
        for kind in order(number):
            run = len(found[kind])
            began = thread_time_ns()
            for _ in range(each):
                call(kind, run)
            found[kind].append(thread_time_ns() - began)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Without the collector, which comes when it likes."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
