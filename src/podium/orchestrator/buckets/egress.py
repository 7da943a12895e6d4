"""The way out to storages that tenants name: an HTTP proxy on the loopback that connects where users may connect to.

The S3 library follows redirects and resolves names by itself, so checking an address before the call would not hold:
here each name is resolved once, looked at, and that very address is connected to.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import secrets
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog

from podium.orchestrator import outgoing
from podium.orchestrator.outgoing import Outgoing

HEAD_BYTES = 32 * 1024
CONNECT_SECONDS = 10.0
CHUNK_BYTES = 256 * 1024
DROPPED = ("proxy-authorization", "proxy-connection", "connection", "keep-alive")

log = structlog.get_logger(__name__)


class Refused(Exception):
    """Nothing is connected; status and reason of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Target(NamedTuple):
    """Where a request goes. `head` is what is sent on before the body; blank for a tunnel."""

    host: str
    port: int
    head: bytes


class Egress:
    """One per process; listens from its first use until `close`. Only who knows its `url` gets through."""

    def __init__(self, allowed: Outgoing) -> None:
        self._allowed = allowed
        self._password = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._open: set[asyncio.Task[None]] = set()

    async def url(self) -> str:
        """The proxy's address, with the password in it."""
        async with self._starting:
            if self._server is None:
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://podium:{self._password}@127.0.0.1:{port}"

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is None:
            return
        self._server.close()
        running = list(self._open)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it went away, or sent no request
        finally:
            self._open.discard(task)
            await _end(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                target = self._target(await reader.readuntil(b"\r\n\r\n"))
                far_reader, far_writer = await self._connect(target)
        except (Refused, TimeoutError) as error:
            status, reason = (error.status, error.reason) if isinstance(error, Refused) else (504, "No answer in time")
            log.warning("buckets.egress_refused", status=status, reason=reason)
            writer.write(
                f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode("ascii")
            )
            await writer.drain()
            return
        try:
            if target.head:
                far_writer.write(target.head)
            else:
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer))
                both.create_task(_pump(far_reader, writer))
        except* OSError:
            pass  # one of the two ends went away: so does the other
        finally:
            await _end(far_writer)

    def _target(self, given: bytes) -> Target:
        """What the head of a request asks for. Raises Refused."""
        line, *headers = given.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        pairs = [(header.partition(":")[0].strip().lower(), header) for header in headers]
        expected = "Basic " + base64.b64encode(f"podium:{self._password}".encode()).decode()
        shown = next((header.partition(":")[2].strip() for name, header in pairs if name == "proxy-authorization"), "")
        if not hmac.compare_digest(shown.encode("latin-1"), expected.encode()):
            raise Refused(407, "Proxy Authentication Required")
        method, _, rest = line.partition(" ")
        address = rest.partition(" ")[0]
        try:
            parts = urlsplit(f"//{address}" if method == "CONNECT" else address)
            port = parts.port
        except ValueError:
            raise Refused(400, "Bad Request") from None
        if method == "CONNECT" and parts.hostname and port:
            return Target(parts.hostname, port, b"")
        if parts.scheme != "http" or not parts.hostname:
            raise Refused(400, "Bad Request")
        path = address[len(f"http://{parts.netloc}") :] or "/"
        # One request for each connection: a second one might be for another host.
        kept = [header for name, header in pairs if name not in DROPPED]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""])
        return Target(parts.hostname, port or 80, head.encode("latin-1"))

    async def _connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            address = await self._allowed.resolve(target.host, target.port)
        except outgoing.Refused:
            raise Refused(421, "The address is not allowed") from None
        try:
            return await asyncio.open_connection(address, target.port)
        except OSError:
            raise Refused(502, "No connection") from None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
