"""T13: the signing keys change while two nodes issue and verify as fast as they can; nobody is refused for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic

import httpx
import pytest

from podium.identity.issuer import Issuer
from podium.identity.keys.rules import ANNOUNCE, KEEP, LIFE
from podium.identity.users.rules import User
from podium.kernel.errors import Unauthenticated
from tests.api.identity.attacks import forged
from tests.api.identity.attacks.conftest import (
    EVERY_SCOPE,
    OPEN,
    SHUT,
    knock,
    times,
)
from tests.api.identity.oidc.conftest import kid_of
from tests.conftest import Node, running

MOMENT = timedelta(seconds=1)
ROUNDS = times(2, 6)
PHASE_S = times(6, 60) / 10


@pytest.fixture
async def nodes(node: Node) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes on one database and one clock."""
    second = replace(node.config, data_dir=node.config.data_dir.with_name(f"{node.config.data_dir.name}-2"))
    async with running(second, node.clock) as neighbour:
        yield node, neighbour


@dataclass
class Load:
    """What the two nodes did, and every verification that failed."""

    nodes: tuple[Node, Node]
    user: User
    issued: int = 0
    verified: int = 0
    called: int = 0
    failed: list[str] = field(default_factory=list)
    kids: Counter[str] = field(default_factory=Counter)
    latest: list[tuple[datetime, str]] = field(default_factory=list)

    async def mix(self, number: int, until: float) -> None:
        """Issue here, verify there, and now and then by a whole request; the last tokens again and again."""
        while monotonic() < until:
            here, there = self.nodes[number % 2], self.nodes[1 - number % 2]
            now = here.clock()
            token = here.port(Issuer).issue_user_token(self.user, "tests", EVERY_SCOPE, now)
            self.issued += 1
            self.kids[kid_of(token)] += 1
            self.latest = [*self.latest[-20:], (now, token)]
            for made, one in self.latest:
                if now - made < timedelta(minutes=59):
                    self._verify(there, one, now)
            if number % 4 < 2:
                await self._call(there.http, token)
            await asyncio.sleep(0)

    def _verify(self, node: Node, token: str, now: datetime) -> None:
        for remembered in (node.port(Issuer)._young, node.port(Issuer)._old):
            remembered.clear()  # so that it is the signature that is looked at
        self.verified += 1
        try:
            node.port(Issuer).verify(token, now)
        except Unauthenticated as error:
            self.failed.append(f"{now} {kid_of(token)} {error}")

    async def _call(self, http: httpx.AsyncClient, token: str) -> None:
        answer = await http.get("/odata/Folders?$top=1", headers={"authorization": f"Bearer {token}"})
        self.called += 1
        if answer.status_code != 200:
            self.failed.append(f"call {answer.status_code}")

    async def run(self, seconds: float) -> None:
        until = monotonic() + seconds
        await asyncio.gather(*(self.mix(number, until) for number in range(8)))


async def both_look(nodes: tuple[Node, Node]) -> None:
    """What each node does every five seconds, which is nothing beside fourteen days of announcement."""
    for one in nodes:
        await one.port(Issuer).reload()


async def test_no_verification_fails_through_rotations_under_load(nodes: tuple[Node, Node]) -> None:
    node, clock = nodes[0], nodes[0].clock
    load = Load(nodes, await node.user(node.admin))
    await load.run(PHASE_S)
    for _ in range(ROUNDS):
        clock.forward(seconds=(LIFE - ANNOUNCE).total_seconds())
        for one in nodes:  # both want to make the key at once
            await one.run_loop("keys.rotate")
        await load.run(PHASE_S)  # one of them knows the new key and the other does not yet
        await both_look(nodes)
        clock.forward(seconds=(ANNOUNCE - MOMENT).total_seconds())
        await load.run(PHASE_S)
        before = set(load.kids)
        clock.forward(seconds=2 * MOMENT.total_seconds())
        await load.run(PHASE_S)  # the new key signs from this second on; tokens of the old one are still about
        assert len(set(load.kids) - before) == 1
    seconds = PHASE_S * (1 + 3 * ROUNDS)
    done = f"{load.issued} issued, {load.verified} verified, {load.called} calls"
    print(f"{done}, {(load.issued + load.verified + load.called) / seconds:.0f}/s, {ROUNDS} rotations")
    assert load.failed == []
    assert len(load.kids) == ROUNDS + 1
    assert load.verified > 1000
    assert load.called > 20


async def test_a_replaced_key_verifies_until_its_last_token_is_long_over_and_then_nothing(
    nodes: tuple[Node, Node],
) -> None:
    node, clock = nodes[0], nodes[0].clock
    user, issuer = await node.user(node.admin), node.port(Issuer)
    await both_look(nodes)
    kid = kid_of(node.token(user, EVERY_SCOPE))
    (key,) = [one for one in issuer._keys if one.dates.kid == kid]
    clock.forward(seconds=LIFE.total_seconds())
    await node.run_loop("keys.rotate")
    await both_look(nodes)
    (key,) = [one for one in issuer._keys if one.dates.kid == kid]
    assert key.dates.retired_at is not None
    assert key.dates.retired_at - clock() >= KEEP > timedelta(seconds=issuer.lifetime_s)

    def endless() -> str:
        """What a thief of the old private key would make: a token that ends when he likes."""
        good = node.token(user, EVERY_SCOPE)
        said = forged.Seen(good, key.public, key.jwk).payload | {"exp": int(clock().timestamp()) + 10**9}
        head = forged.unb64(key.header).decode()
        return forged.assemble(head, said, forged.with_key(key.private))

    clock.now = key.dates.retired_at - MOMENT
    await both_look(nodes)
    before = endless()
    assert [await knock(one, before) for one in nodes] == [OPEN, OPEN]
    clock.forward(seconds=1)
    assert [await knock(one, endless()) for one in nodes] == [SHUT, SHUT]  # before they look, and not seen before
    await both_look(nodes)
    assert [await knock(one, before) for one in nodes] == [SHUT, SHUT]  # nor what they remembered
    assert kid not in {one["kid"] for one in issuer.public_keys()}
    await node.run_loop("keys.rotate")
    assert await knock(node, node.token(user, EVERY_SCOPE)) == OPEN
