"""Which addresses this server may be made to call. Pure."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from podium.kernel.errors import BadRequest, Code

PORTS = {"http": 80, "https": 443}
MAX_URL = 2000
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Address(NamedTuple):
    """The parts of a checked URL. `host` is what to resolve; `target` the path and query of a request line."""

    scheme: str
    host: str
    port: int
    target: str


def parse(url: str) -> Address:
    """The parts of an http or https URL. Raises BadRequest."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise BadRequest("url: expected printable ASCII characters, spaces encoded.", Code.PARAMETER_INVALID)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadRequest("url: cannot be read.", Code.PARAMETER_INVALID) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadRequest("url: expected an address that begins with http:// or https://.", Code.PARAMETER_INVALID)
    if parts.username is not None or port == 0:
        raise BadRequest("url: neither a user name nor port 0 is allowed.", Code.PARAMETER_INVALID)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, parts.hostname, port or PORTS[parts.scheme], target)


def is_public(ip: str) -> bool:
    """Whether an IP address is one of the internet: not loopback, private, link-local, multicast or reserved.

    An IPv4 address inside an IPv6 one decides in its place.
    """
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast
