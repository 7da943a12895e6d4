"""An answer leaves in one piece."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from podium.server.one_write import MOST_JOINED, Joining

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Wire:
    """What reaches the socket."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.writes.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def joining(wire: Wire) -> Joining:
    return Joining(cast("Any", wire), asyncio.get_running_loop())


async def turn() -> None:
    for _ in range(2):
        await asyncio.sleep(0)


async def test_head_and_body_are_one_write(wire: Wire, joining: Joining) -> None:
    joining.write(HEAD)
    joining.write(b"body")
    assert wire.writes == [HEAD + b"body"]
    await turn()
    assert wire.writes == [HEAD + b"body"]


async def test_a_head_whose_body_comes_later_goes_by_itself(wire: Wire, joining: Joining) -> None:
    joining.write(HEAD)
    await turn()
    joining.write(b"body")
    assert wire.writes == [HEAD, b"body"]


async def test_answers_that_follow_each_other_at_once_keep_their_order(wire: Wire, joining: Joining) -> None:
    for number in range(3):
        joining.write(HEAD)
        joining.write(b"bod%d" % number)
    joining.write(HEAD)
    await turn()
    assert b"".join(wire.writes) == b"".join(HEAD + b"bod%d" % number for number in range(3)) + HEAD
    assert len(wire.writes) == 4


async def test_a_body_that_looks_like_a_head_is_a_body(wire: Wire, joining: Joining) -> None:
    joining.write(HEAD)
    joining.write(HEAD)
    assert wire.writes == [HEAD + HEAD]


async def test_a_large_body_is_not_copied(wire: Wire, joining: Joining) -> None:
    body = bytes(MOST_JOINED + 1)
    joining.write(HEAD)
    joining.write(body)
    assert wire.writes == [HEAD, body]
    assert wire.writes[1] is body


async def test_nothing_is_lost_when_the_connection_is_closed(wire: Wire, joining: Joining) -> None:
    joining.write(HEAD)
    joining.close()
    assert (wire.writes, wire.is_closed, joining.is_closing()) == ([HEAD], True, True)
    await turn()
    assert wire.writes == [HEAD]


async def test_everything_else_is_the_transports_own(joining: Joining) -> None:
    assert joining.get_extra_info("peername") == "peername"
