"""Shared commits: calls of one kind that wait together run as one statement, and each is answered after its commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, NamedTuple, TypeVar

import structlog

from podium.kernel.errors import Unavailable

MOST_IN_BATCH = 128
MOST_IN_FLIGHT = 4
SLOW_SECONDS = 0.01
CLOSE_SECONDS = 10.0

Session = TypeVar("Session")
Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

log = structlog.get_logger(__name__)


class _Waiting(NamedTuple, Generic[Asked, Answered]):
    """A call and who waits for its answer."""

    asked: Asked
    answer: asyncio.Future[Answered]
    key: Hashable


class Batcher(Generic[Session, Asked, Answered]):
    """Runs what is submitted in batches. Used from one event loop; one per kind of call and process.

    `open_` gives the connection that batches run on, one after the other while calls wait. `run` answers each of its
    arguments, in their order, after they are committed; it must leave nothing behind when it fails. Then each call is
    run alone, so that one that cannot be carried out fails nobody else; a database that is away is told to all of them
    at once.

    While nothing runs, a call goes at once; what comes while a batch runs waits for its end, and goes together: a few
    large batches cost the database less than many small ones beside each other. Only when a batch has been running for
    10 ms, as it waits for a lock perhaps, another goes beside it, and so on up to `in_flight` of them. `key`: calls of
    equal keys do not share a batch and keep their order.
    """

    def __init__(
        self,
        open_: Callable[[], AbstractAsyncContextManager[Session]],
        run: Callable[[Session, Sequence[Asked]], Awaitable[Sequence[Answered]]],
        *,
        key: Callable[[Asked], Hashable] | None = None,
        most: int = MOST_IN_BATCH,
        in_flight: int = MOST_IN_FLIGHT,
    ) -> None:
        self._open = open_
        self._run = run
        self._key = key
        self._most = most
        self._in_flight = in_flight
        self._waiting: deque[_Waiting[Asked, Answered]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._last_began = 0.0
        self._look: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def submit(self, asked: Asked) -> Answered:
        """The answer, after the commit. A caller who gives up does not keep the others, nor its own call, from running.

        Raises what the call alone raises; Unavailable when the database is away or the server goes down.
        """
        if self._is_closed:
            raise Unavailable("The server is going down.")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answered] = loop.create_future()
        self._waiting.append(_Waiting(asked, answer, self._key(asked) if self._key else None))
        if not self._running:
            self._begin()
        elif self._look is None:
            self._look = loop.call_later(SLOW_SECONDS, self._look_again)
        return await answer

    async def close(self) -> None:
        """Carry out what waits, for up to 10 s; whatever is submitted from now on is refused."""
        self._is_closed = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        _fail(self._waiting, Unavailable("The server is going down."))
        self._waiting.clear()

    def _begin(self) -> None:
        self._running += 1
        task = asyncio.create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _look_again(self) -> None:
        """Begin beside batches that are slow, while something waits."""
        self._look = None
        if not self._waiting or self._is_closed:
            return
        loop = asyncio.get_running_loop()
        if self._running < self._in_flight and loop.time() - self._last_began >= SLOW_SECONDS:
            self._begin()
        self._look = loop.call_later(SLOW_SECONDS, self._look_again)

    async def _work(self) -> None:
        """Run batches until nothing waits."""
        try:
            while self._waiting:
                await self._carry_out(self._take())
        finally:
            self._running -= 1  # at once: the task itself is done a little later, when a call may have come

    def _take(self) -> list[_Waiting[Asked, Answered]]:
        """The next batch: the oldest calls, of those with equal keys the first."""
        if self._key is None:
            return [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        batch: list[_Waiting[Asked, Answered]] = []
        put_off: list[_Waiting[Asked, Answered]] = []
        keys: set[Hashable] = set()
        while self._waiting and len(batch) < self._most:
            waiting = self._waiting.popleft()
            if waiting.key in keys:
                put_off.append(waiting)
            else:
                keys.add(waiting.key)
                batch.append(waiting)
        self._waiting.extendleft(reversed(put_off))
        return batch

    async def _carry_out(self, batch: list[_Waiting[Asked, Answered]]) -> None:
        """Run this batch, and on the same session those that follow it at once."""
        try:
            async with self._open() as session:
                while batch:
                    self._last_began = asyncio.get_running_loop().time()
                    _tell(batch, await self._run(session, [waiting.asked for waiting in batch]))
                    batch = self._take()
        except asyncio.CancelledError:
            _fail(batch, Unavailable("The server is going down."))
            raise
        except Exception as error:  # noqa: BLE001 - it is told to who called
            if len(batch) < 2 or isinstance(error, Unavailable):
                _fail(batch, error)
            else:
                await self._one_by_one(batch, error)

    async def _one_by_one(self, batch: Sequence[_Waiting[Asked, Answered]], error: Exception) -> None:
        log.warning("batch failed, each call is repeated alone", calls=len(batch), error=str(error))
        try:
            for waiting in batch:
                try:
                    async with self._open() as session:
                        _tell([waiting], await self._run(session, [waiting.asked]))
                except Exception as own:  # noqa: BLE001 - it is told to who called
                    _fail([waiting], own)
        except asyncio.CancelledError:
            _fail(batch, Unavailable("The server is going down."))
            raise


def _tell(batch: Sequence[_Waiting[Asked, Answered]], answers: Sequence[Answered]) -> None:
    for waiting, answer in zip(batch, answers, strict=True):
        if not waiting.answer.done():
            waiting.answer.set_result(answer)


def _fail(batch: Iterable[_Waiting[Asked, Answered]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
