"""A light load generator: prebuilt requests over kept connections, bounded in time and number."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self, cast

HOST = "127.0.0.1"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MOST_REQUESTS = 500_000  # of one loop, whatever its time


class Lost(Exception):
    """The server closed the connection, or could not be connected to; the answer of an open request is unknown."""


class Answer(NamedTuple):
    """One response; `seconds` from the first byte sent to the last one received."""

    status: int
    body: bytes
    seconds: float


class Connection(asyncio.Protocol):
    """A kept HTTP/1.1 connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._body_at = self._ends_at = -1
        self._began = 0.0

    @classmethod
    async def open(cls, port: int) -> Self:
        """Raises Lost when nobody listens."""
        try:
            _, connection = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        except OSError as error:
            raise Lost(str(error)) from error
        return connection

    async def ask(self, request: bytes) -> Answer:
        """Send the request, wait for its answer. Raises Lost."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise Lost("the connection is closed")
        self._waiter = asyncio.get_running_loop().create_future()
        self._began = time.perf_counter()
        transport.write(request)
        return await self._waiter

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """End the connection; an open request is Lost."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none by inheritance

    def data_received(self, data: bytes) -> None:
        """Protocol."""
        buffer = self._buffer
        buffer += data
        if self._ends_at < 0:
            head = buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            length = LENGTH.search(buffer, 0, head + 2)
            self._body_at = head + 4
            self._ends_at = self._body_at + (int(length[1]) if length else 0)
        if len(buffer) < self._ends_at:
            return
        answer = Answer(
            int(buffer[9:12]), bytes(buffer[self._body_at : self._ends_at]), time.perf_counter() - self._began
        )
        del buffer[: self._ends_at]
        self._ends_at = -1
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Protocol."""
        self._transport = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Lost(str(exc or "closed by the server")))


@dataclass(slots=True)
class Tally:
    """What a loop sent and got; `latencies` in seconds, sorted; `errors` by what was answered instead of a 2xx."""

    answered: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Good answers per second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def quantile_ms(self, share: float) -> float:
        """A quantile of the latencies in ms; 0 when there are none."""
        if not self.latencies:
            return 0.0
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)] * 1000

    def note(self, answer: Answer) -> None:
        """Count one answer."""
        if 200 <= answer.status < 300:
            self.answered += 1
            self.latencies.append(answer.seconds)
        else:
            self.errors[f"{answer.status} {answer.body[:160].decode(errors='replace')}"] += 1


def request(
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    media_type: str = "application/json",
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


async def closed_loop(port: int, requests: Sequence[bytes], seconds: float) -> Tally:
    """As many callers as requests, each sends its own one again and again, the next after the answer to the last."""
    tally = Tally()
    connections = [await Connection.open(port) for _ in requests]
    began = time.perf_counter()
    until = began + seconds

    async def call(connection: Connection, sent: bytes) -> None:
        for _ in range(MOST_REQUESTS // len(requests)):
            if time.perf_counter() >= until:
                return
            tally.note(await connection.ask(sent))

    try:
        await asyncio.gather(*(call(*pair) for pair in zip(connections, requests, strict=True)))
    finally:
        for connection in connections:
            connection.close()
    tally.seconds = time.perf_counter() - began
    tally.latencies.sort()
    return tally


async def paced(port: int, requests: Sequence[bytes], period_s: float, seconds: float) -> Tally:
    """Every request once in a period, evenly spread and each on a connection of its own, for that many seconds.

    The place in the period where a loop ends is where the next one has to begin; callers pass the requests rotated.
    """
    tally = Tally()
    gap = period_s / len(requests)
    began = time.perf_counter()

    async def call(sent: bytes) -> None:
        connection = await Connection.open(port)
        try:
            tally.note(await connection.ask(sent))
        finally:
            connection.close()

    async with asyncio.TaskGroup() as group:
        for number in range(min(int(seconds / gap), MOST_REQUESTS)):
            await asyncio.sleep(began + number * gap - time.perf_counter())
            group.create_task(call(requests[number % len(requests)]))
    tally.seconds = time.perf_counter() - began
    tally.latencies.sort()
    return tally
