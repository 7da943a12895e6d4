"""The way out to storages: who gets through, and to where."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from podium.orchestrator.buckets.egress import Egress
from podium.orchestrator.outgoing import Outgoing

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[int]:
    """A server of the loopback; its port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    made = Egress(Outgoing(["127.0.0.0/8"]))
    yield made
    await made.close()


async def ask(egress: Egress, request: str, *, password: str | None = None) -> tuple[bytes, Any, Any]:
    """The head of the proxy's answer to this request line, and the connection."""
    proxy = urlsplit(await egress.url())
    reader, writer = await asyncio.open_connection(proxy.hostname, proxy.port)
    credential = base64.b64encode(f"podium:{password or proxy.password}".encode()).decode()
    writer.write(f"{request}\r\nHost: h\r\nProxy-Authorization: Basic {credential}\r\n\r\n".encode())
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10), reader, writer


async def test_a_tunnel_carries_both_ways(egress: Egress) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(4)).upper())
        await writer.drain()
        writer.close()

    async with listening(echo) as port:
        head, reader, writer = await ask(egress, f"CONNECT 127.0.0.1:{port} HTTP/1.1")
        assert head.startswith(b"HTTP/1.1 200 ")
        writer.write(b"ping")
        assert await asyncio.wait_for(reader.read(), 10) == b"PING"
        writer.close()


async def test_a_plain_request_is_sent_on_without_the_password(egress: Egress) -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with listening(serve) as port:
        head, _, writer = await ask(egress, f"GET http://127.0.0.1:{port}/a?b=c HTTP/1.1")
        writer.close()
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert seen == [b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("CONNECT 10.0.0.1:443 HTTP/1.1", 421),
        ("CONNECT 169.254.169.254:80 HTTP/1.1", 421),
        ("CONNECT [::1]:443 HTTP/1.1", 421),
        ("GET http://192.168.0.1/ HTTP/1.1", 421),
        ("CONNECT nowhere.invalid:443 HTTP/1.1", 421),
        ("GET / HTTP/1.1", 400),
        ("GET ftp://127.0.0.1/ HTTP/1.1", 400),
        ("CONNECT 127.0.0.1 HTTP/1.1", 400),
        ("CONNECT 127.0.0.1:x HTTP/1.1", 400),
        ("CONNECT 127.0.0.1:9 HTTP/1.1", 502),
    ],
)
async def test_nothing_else_is_connected_to(egress: Egress, request_line: str, status: int) -> None:
    head, _, writer = await ask(egress, request_line)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    writer.close()


async def test_407_for_others_on_this_machine(egress: Egress) -> None:
    head, _, writer = await ask(egress, "CONNECT 127.0.0.1:9 HTTP/1.1", password="guessed")
    assert head.startswith(b"HTTP/1.1 407 ")
    writer.close()


async def test_closing_cuts_what_is_open(egress: Egress) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(wait) as port:
        _, reader, writer = await ask(egress, f"CONNECT 127.0.0.1:{port} HTTP/1.1")
        await egress.close()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
