"""Tries to reach a web address: resolves it once, checks what came out, and connects to that and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import NamedTuple

from podium.orchestrator.status import rules

TIMEOUT_S = 5.0
MAX_STATUS_LINE = 4096


class Found(NamedTuple):
    """`error` is None when the host answered; `has_bad_ssl`: it did, with a certificate that cannot be trusted."""

    can_connect: bool
    has_bad_ssl: bool = False
    error: str | None = None


async def check(address: rules.Address, *, allows_private: bool, trusted: ssl.SSLContext | None = None) -> Found:
    """Send one HEAD request and read the status line; redirects are not followed. Takes up to 5 s.

    `trusted` is used in place of the system's certificates.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            ips = await _resolve(address)
            if not allows_private and not all(rules.is_public(ip) for ip in ips):
                return Found(False, error="The address is not a public one.")
            return await _ask(address, ips[0], trusted or ssl.create_default_context())
    except TimeoutError:
        return Found(False, error=f"No answer within {TIMEOUT_S:g} seconds.")
    except socket.gaierror:
        return Found(False, error="The name of the host cannot be resolved.")
    except OSError as error:
        return Found(False, error=error.strerror or "The connection failed.")


async def _resolve(address: rules.Address) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


async def _ask(address: rules.Address, ip: str, trusted: ssl.SSLContext) -> Found:
    context = trusted if address.scheme == "https" else None
    name = address.host if context else None
    try:
        reader, writer = await asyncio.open_connection(ip, address.port, ssl=context, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        return Found(True, has_bad_ssl=True, error=f"The certificate is not trusted: {error.verify_message}")
    except ssl.SSLError as error:
        return Found(False, has_bad_ssl=True, error=f"TLS failed: {error.reason or 'no common ground'}")
    try:
        host = f"[{address.host}]" if ":" in address.host else address.host
        request = f"HEAD {address.target} HTTP/1.1\r\nHost: {host}:{address.port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii"))
        await writer.drain()
        answer = await reader.read(MAX_STATUS_LINE)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if not answer.startswith(b"HTTP/"):
        return Found(False, error="The host does not answer as a web server.")
    return Found(True)
