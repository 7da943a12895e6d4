"""Totals of large lists, kept for a second and computed once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable

KEPT_S = 1.0
MAX_KEPT = 1024

Key = tuple[str, Hashable]


class KeptCounts:
    """Exact totals by statement and arguments; tenant and folders are arguments, so nobody is told another's total.

    For one event loop. A total is up to one second old, counted from when its statement began.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[Key, tuple[float, int]] = {}
        self._running: dict[Key, asyncio.Future[int]] = {}

    def kept(self, key: Key) -> int | None:
        """The total if it is still fresh."""
        found = self._kept.get(key)
        return found[1] if found and self._clock() - found[0] < KEPT_S else None

    async def total(self, key: Key, count: Callable[[], Awaitable[int]]) -> int:
        """The kept total, or that of the count under way, or that of `count`.

        When the caller that counts fails or is cancelled, each one that waited for it counts by itself.
        """
        if (kept := self.kept(key)) is not None:
            return kept
        if (running := self._running.get(key)) is not None:
            # `wait` neither raises what the other caller met nor cancels its future when this caller is cancelled.
            await asyncio.wait([running])
            if not running.cancelled():
                return running.result()
            return await count()
        began = self._clock()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._running[key] = future
        try:
            total = await count()
            self._keep(key, began, total)
            future.set_result(total)
            return total
        finally:
            del self._running[key]
            future.cancel()  # does nothing once there is a result

    def _keep(self, key: Key, began: float, total: int) -> None:
        if len(self._kept) >= MAX_KEPT:
            fresh = {k: v for k, v in self._kept.items() if began - v[0] < KEPT_S}
            self._kept = fresh if len(fresh) < MAX_KEPT else {}
        self._kept[key] = (began, total)
