"""Where users may make this server connect to: the internet, and what the operator named.

A name is resolved once, everything that it resolves to is looked at, and the connection goes to that address and to no
other: a name that is resolved a second time may mean another host.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable

from podium.orchestrator.status.rules import is_public

MAX_HOST = 253


class Refused(Exception):
    """An address that nobody may have the server connect to, or a name that is none; the message is public."""


class Outgoing:
    """The rule of one installation. `allowed`: networks such as 10.0.0.0/8, addresses and names of hosts."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._names: set[str] = set()
        for text in allowed:
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                self._names.add(text.strip().rstrip(".").casefold())

    async def resolve(self, host: str, port: int) -> str:
        """The address to connect to. Raises Refused."""
        if not host or len(host) > MAX_HOST:
            raise Refused("The name of the host cannot be resolved.")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Refused("The name of the host cannot be resolved.") from None
        addresses = [str(place[0]) for *_, place in found]
        is_named = host.rstrip(".").casefold() in self._names
        if not addresses or not (is_named or all(self.allows(address) for address in addresses)):
            raise Refused("The address is not a public one, and the operator has not allowed it.")
        return addresses[0]

    def allows(self, ip: str) -> bool:
        """Whether the server may be made to connect to an IP address."""
        if is_public(ip):
            return True
        address = ipaddress.ip_address(ip.partition("%")[0])
        inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((inner or address) in network for network in self._networks)
