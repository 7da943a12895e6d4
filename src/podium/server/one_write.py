"""uvicorn's HTTP protocol with one write for an answer: it writes the head and the body each for itself, which costs the
server a system call more and wakes the client twice.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

END_OF_HEAD = b"\r\n\r\n"
MOST_JOINED = 64 * 1024  # bytes; copying more costs as much as it saves


class Joining:
    """A transport that holds the head of an answer back until its body comes, at most for this turn of the event loop."""

    __slots__ = ("_held", "_loop", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """As Transport.write."""
        held = self._held
        if held:
            self._held = b""
            if len(data) <= MOST_JOINED:
                self._transport.write(held + data)
                return
            self._transport.write(held)
        elif data[-4:] == END_OF_HEAD and data[:5] == b"HTTP/":
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """As Transport.close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class OneWriteProtocol(HttpToolsProtocol):
    """Selected by its import path, so that worker processes find it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio.Protocol.connection_made."""
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
