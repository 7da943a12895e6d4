"""How many jobs may run at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """Places for running jobs, given in the order of asking. For one event loop."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.has_room = asyncio.Event()
        self.has_room.set()

    @property
    def free(self) -> int:
        """Jobs that could be taken now, those that wait already counted off."""
        waiting = sum(not turn.done() for turn in self._waiting)
        return max(0, self._number - self._busy - waiting)

    def seize(self) -> None:
        """Takes a place whether or not one is free: for jobs that already run when the agent starts."""
        self._busy += 1
        self._tell()

    async def acquire(self) -> None:
        if self._busy < self._number and not self._waiting:
            self.seize()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._tell()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)
            self._tell()

    def release(self) -> None:
        self._busy -= 1
        while self._waiting and self._busy < self._number:
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)
        self._tell()

    def _tell(self) -> None:
        if self.free:
            self.has_room.set()
        else:
            self.has_room.clear()
