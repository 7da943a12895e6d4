"""The request as the turn sees it: ASGI's parts, read once, with limits."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from podium.kernel.errors import BadRequest, TooLarge

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_QUERY_CHARS = 64 * 1024


class Disconnected(Exception):
    """The client went away before its body was complete."""


class Request:
    """One HTTP request. Header names are lower-case; of a repeated header the last one counts."""

    __slots__ = ("_receive", "client_address", "headers", "method", "path", "query_string", "trace_id")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.client_address: str = (scope.get("client") or ("",))[0]
        self.query_string: str = scope["query_string"].decode("latin-1")
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.trace_id = _trace_id(self.headers.get("traceparent", ""))

    def query(self) -> dict[str, str]:
        """Query parameters, percent-decoded; of a repeated one the values are joined by commas."""
        if not self.query_string:
            return {}
        if len(self.query_string) > MAX_QUERY_CHARS:
            raise BadRequest("The query string is too long.")
        try:
            pairs = parse_qsl(self.query_string, keep_blank_values=True, errors="strict", max_num_fields=200)
        except (UnicodeDecodeError, ValueError):
            raise BadRequest("The query string is not valid UTF-8 or has too many parameters.") from None
        found: dict[str, str] = {}
        for name, value in pairs:
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    async def stream(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive. Raises Disconnected."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk: bytes = message.get("body", b"")
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return

    async def gone(self) -> None:
        """Returns when the client went away; only after the body was read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body. Raises TooLarge (413), before reading when the length is declared."""
        declared = self.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise TooLarge(f"The body is larger than {limit_bytes} bytes.")
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        first: bytes = message.get("body", b"")
        if len(first) > limit_bytes:
            raise TooLarge(f"The body is larger than {limit_bytes} bytes.")
        if not message.get("more_body", False):
            return first
        pieces, size = [first], len(first)
        async for piece in self.stream():
            size += len(piece)
            if size > limit_bytes:
                raise TooLarge(f"The body is larger than {limit_bytes} bytes.")
            pieces.append(piece)
        return b"".join(pieces)


def _trace_id(traceparent: str) -> str:
    """`00-<trace>-<span>-01`: the caller's trace with a span of ours, or a new trace."""
    parts = traceparent.split("-")
    new = secrets.token_hex(24)
    trace = parts[1] if len(parts) == 4 and len(parts[1]) == 32 and _is_hex(parts[1]) else new[:32]
    return f"00-{trace}-{new[32:]}-01"


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdef" for character in text)
