"""Where the server may be made to connect to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.orchestrator.outgoing import Outgoing, Refused

PRIVATE = ("127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "::1", "fe80::1", "::ffff:10.1.2.3", "0.0.0.0")  # noqa: S104


@pytest.mark.parametrize("ip", PRIVATE)
async def test_a_private_address_is_refused(ip: str) -> None:
    with pytest.raises(Refused):
        await Outgoing().resolve(ip, 25)


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("127.0.0.0/8", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.0/8", "::ffff:10.1.2.3"),
        ("LOCALHOST", "localhost"),
    ],
)
async def test_what_the_operator_allows_is_connected_to(allowed: str, host: str) -> None:
    found = ipaddress.ip_address(await Outgoing([allowed]).resolve(host, 25))
    assert not found.is_global


async def test_a_public_address_needs_no_leave() -> None:
    assert await Outgoing().resolve("93.184.216.34", 443) == "93.184.216.34"


@pytest.mark.parametrize("host", ["", "x" * 300, "no such host", "a\x00b", "..", "nothing.invalid"])
async def test_a_name_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(Refused):
        await Outgoing().resolve(host, 25)


@given(st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_a_network_allows_its_addresses_and_no_others(address: ipaddress.IPv4Address) -> None:
    rule = Outgoing(["10.0.0.0/9"])
    assert rule.allows(str(address)) is (address in ipaddress.ip_network("10.0.0.0/9"))
