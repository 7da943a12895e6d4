"""Which addresses are called, and what comes of it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.status import reachability, rules

PRIVATE = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16")]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: bytes, heard: list[bytes], tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server on loopback that gives one answer to everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await listening.wait_closed()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of localhost; its key is beside it."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subprocess.run(["openssl", "req", *kind, *files, *names], check=True, capture_output=True)
    return tmp_path / "cert.pem"


class TestIsPublic:
    @given(st.sampled_from(PRIVATE), st.integers(0, 2**16), st.sampled_from(["", "::ffff:", "64:ff9b::"]))
    def test_no_way_to_write_a_private_address_makes_it_public(
        self, network: ipaddress.IPv4Network, offset: int, prefix: str
    ) -> None:
        assert not rules.is_public(prefix + str(network[offset % network.num_addresses]))

    @pytest.mark.parametrize(
        "ip",
        ["::1", "fe80::1%eth0", "fc00::1", "2002:7f00:1::", "2001:0:53aa:64c::1", "fec0::1", "::", "224.0.0.1", "ff02::1",
         "100.64.0.1", "0.1.2.3", "255.255.255.255"],
    )  # fmt: skip
    def test_reserved_addresses_are_not_public(self, ip: str) -> None:
        assert not rules.is_public(ip)

    @pytest.mark.parametrize("ip", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
    def test_addresses_of_the_internet_are_public(self, ip: str) -> None:
        assert rules.is_public(ip)


class TestParse:
    def test_parts_and_default_ports(self) -> None:
        assert rules.parse("HTTPS://Host.example/a?b=c#d") == ("https", "host.example", 443, "/a?b=c")
        assert rules.parse("http://[::1]:81") == ("http", "::1", 81, "/")

    @given(st.text())
    def test_no_text_breaks_it(self, text: str) -> None:
        try:
            found = rules.parse(f"http://{text}")
        except BadRequest:
            return
        assert not set(found.target + found.host) & set("\r\n ")


class TestCheck:
    async def check(self, port: int, scheme: str = "http", **options: Any) -> reachability.Found:
        address = rules.parse(f"{scheme}://localhost:{port}/path?x=1")
        return await reachability.check(address, **{"allows_private": True, **options})

    async def test_a_redirect_is_an_answer_and_is_not_followed(self) -> None:
        heard: list[bytes] = []
        async with server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", heard) as port:
            assert await self.check(port) == (True, False, None)
        assert heard[0].startswith(b"HEAD /path?x=1 HTTP/1.1\r\nHost: localhost:")
        assert len(heard) == 1

    async def test_an_address_inside_is_not_even_connected_to(self) -> None:
        heard: list[bytes] = []
        async with server(b"HTTP/1.1 200 OK\r\n\r\n", heard) as port:
            found = await self.check(port, allows_private=False)
        assert found == (False, False, "The address is not a public one.")
        assert heard == []

    async def test_the_name_is_resolved_once_and_what_came_out_is_called(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heard: list[bytes] = []
        asked: list[str] = []

        async with server(b"HTTP/1.1 200 OK\r\n\r\n", heard) as port:
            loop = asyncio.get_running_loop()
            resolve = loop.getaddrinfo

            async def rebinding(host: Any, *args: Any, **options: Any) -> Any:
                """The name leads to loopback at first and elsewhere later; addresses lead to themselves."""
                if host == "rebound.test":
                    asked.append(host)
                    host = "127.0.0.1" if len(asked) == 1 else "192.0.2.1"
                return await resolve(host, *args, **options)

            monkeypatch.setattr(loop, "getaddrinfo", rebinding, raising=False)
            found = await reachability.check(rules.parse(f"http://rebound.test:{port}/"), allows_private=True)
        assert found.can_connect
        assert asked == ["rebound.test"]

    async def test_what_is_no_web_server_and_what_refuses(self) -> None:
        async with server(b"220 smtp ready\r\n", []) as port:
            assert not (await self.check(port)).can_connect
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            found = await self.check(free.getsockname()[1])
        assert not found.can_connect
        assert found.error

    async def test_a_host_that_never_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reachability, "TIMEOUT_S", 0.05)
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            found = await self.check(silent.getsockname()[1])
        assert found == (False, False, "No answer within 0.05 seconds.")

    async def test_a_certificate_that_is_not_trusted(self, certificate: Path) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
        trusted = ssl.create_default_context(cafile=str(certificate))
        async with server(b"HTTP/1.1 200 OK\r\n\r\n", [], tls) as port:
            found = await self.check(port, "https")
            assert (found.can_connect, found.has_bad_ssl) == (True, True)
            assert "certificate" in (found.error or "")
            assert await self.check(port, "https", trusted=trusted) == (True, False, None)
