"""How long something takes at least: what is slow by itself is slow every time, what waited for the machine is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

TRIES = 6


async def least_s(first_s: float, again: Callable[[], Awaitable[tuple[object, float]]], enough_s: float) -> float:
    """The least of the seconds of one run and of those that follow it, as long as none is `enough_s` or less.

    `again` gives an answer, which is not looked at, and the seconds that it took.
    """
    least = first_s
    for _ in range(TRIES - 1):
        if least <= enough_s:
            break
        least = min(least, (await again())[1])
    return least
