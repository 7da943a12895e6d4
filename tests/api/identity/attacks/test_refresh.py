"""T8: a refresh token is good once. Who uses one again after ten seconds, or beside its owner, ends the whole sign-in."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace

import pytest

from podium.identity.tokens import actions as tokens
from podium.identity.tokens.rules import FAMILY_LIFE
from podium.identity.users.rules import User
from tests.api.identity.attacks.conftest import refusal, times
from tests.api.identity.oidc.conftest import SECRET, Browser, Party, register
from tests.conftest import Node, running

GONE = (400, "invalid_grant")


@dataclass
class Owner:
    """The client that signed in honestly, and what it holds now."""

    party: Party
    refresh: str
    access: list[str] = field(default_factory=list)

    async def renew(self, token: str | None = None) -> str:
        """Renew; the refresh token that came of it, blank when it was refused."""
        answer = await self.party.refresh(token or self.refresh)
        if answer.status_code != 200:
            assert refusal(answer) == GONE
            return ""
        self.refresh = answer.json()["refresh_token"]
        self.access.append(answer.json()["access_token"])
        return self.refresh

    async def is_over(self) -> bool:
        """Whether nothing of the sign-in works any more."""
        return not any([await self.party.is_good(one) for one in self.access])


@pytest.fixture
async def owner(public: Party, browser: Browser) -> Owner:
    given = await public.tokens(browser)
    return Owner(public, given["refresh_token"], [given["access_token"]])


class TestReuse:
    async def test_400_and_the_whole_family_ends_when_the_thief_comes_second(self, node: Node, owner: Owner) -> None:
        stolen = owner.refresh
        await owner.renew()
        node.clock.forward(seconds=11)
        assert refusal(await owner.party.refresh(stolen)) == GONE
        assert await owner.is_over()
        assert await owner.renew() == ""

    async def test_400_and_the_whole_family_ends_when_the_thief_comes_first(self, node: Node, owner: Owner) -> None:
        thief = Owner(owner.party, owner.refresh)
        assert await thief.renew()
        assert await thief.renew()  # he has even gone on with it
        assert await owner.renew() == ""
        assert await owner.is_over()
        assert await thief.is_over()
        assert await thief.renew() == ""

    async def test_within_the_grace_there_is_one_chain_only(self, owner: Owner) -> None:
        thief = Owner(owner.party, owner.refresh)
        mine = await owner.renew()
        assert await thief.renew()  # the answer may have got lost, so this is taken for the same client
        assert refusal(await owner.party.refresh(mine)) == GONE  # and here it is known that it was not
        assert await thief.renew() == ""
        assert await owner.is_over()

    async def test_400_within_the_grace_once_the_successor_was_used(self, owner: Owner) -> None:
        stolen = owner.refresh
        await owner.renew()
        await owner.renew()
        assert refusal(await owner.party.refresh(stolen)) == GONE
        assert await owner.is_over()

    async def test_400_long_after_the_family_was_renewed_many_times(self, node: Node, owner: Owner) -> None:
        stolen = owner.refresh
        for _ in range(20):
            node.clock.forward(minutes=1)
            assert await owner.renew()
        assert refusal(await owner.party.refresh(stolen)) == GONE
        assert await owner.is_over()

    async def test_one_sign_in_ends_and_no_other(
        self, node: Node, owner: Owner, public: Party, browser: Browser
    ) -> None:
        other, stolen = await public.tokens(browser), owner.refresh
        await owner.renew()
        node.clock.forward(seconds=11)
        assert refusal(await owner.party.refresh(stolen)) == GONE
        assert await public.is_good(other["access_token"])
        assert (await public.refresh(other["refresh_token"])).status_code == 200

    async def test_a_reuse_is_audited_without_the_token(self, node: Node, owner: Owner) -> None:
        stolen = owner.refresh
        await owner.renew()
        node.clock.forward(seconds=11)
        await owner.party.refresh(stolen)
        rows = await node.rows(
            "SELECT a::text AS said FROM kernel.audit a WHERE entity_name = 'RefreshTokenReuse' AND client_id = $1",
            owner.party.client_id,
        )
        assert len(rows) == 1
        assert stolen not in rows[0]["said"]


class TestAtOnce:
    @pytest.mark.parametrize("nodes", [1, 2])
    async def test_ten_renewals_at_once_lead_on_by_one_token(self, node: Node, owner: Owner, nodes: int) -> None:
        """Decision 36: each of the ten may be the lost answer of the same client, so each is answered; one chain goes on."""
        second = replace(node.config, data_dir=node.config.data_dir.with_name(f"{node.config.data_dir.name}-{nodes}"))
        async with running(second, node.clock) as neighbour:
            parties = [owner.party, replace(owner.party, node=neighbour)][:nodes]
            stolen = owner.refresh
            answers = await asyncio.gather(*(parties[n % nodes].refresh(stolen) for n in range(10)))
            given = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
            assert len(given) == len(set(given)) == 10
            rows = await node.rows(
                "SELECT count(*) FROM identity.refresh_tokens t JOIN identity.refresh_families f"
                " ON (f.organization_id, f.id) = (t.organization_id, t.family_id)"
                " WHERE f.client_id = $1 AND t.used_at IS NULL AND t.superseded_at IS NULL AND f.revoked_at IS NULL",
                owner.party.client_id,
            )
            assert rows[0]["count"] == 1
            results = [(await owner.party.refresh(one)).status_code for one in given]
            assert results.count(200) <= 1

    async def test_ten_reuses_at_once_end_it_once(self, node: Node, owner: Owner) -> None:
        stolen = owner.refresh
        await owner.renew()
        node.clock.forward(seconds=11)
        answers = await asyncio.gather(*(owner.party.refresh(stolen) for _ in range(10)))
        assert {refusal(answer) for answer in answers} == {GONE}
        assert await owner.is_over()
        rows = await node.rows("SELECT 1 FROM kernel.audit WHERE client_id = $1", owner.party.client_id)
        assert len(rows) == 1


class TestSomebodyElse:
    async def test_400_for_another_client_public_or_not(self, node: Node, owner: Owner) -> None:
        for thief in (await register(node), await register(node, secret=SECRET)):
            assert refusal(await thief.refresh(owner.refresh)) == GONE
        assert await owner.renew()

    async def test_400_without_the_secret_of_its_client(self, confidential: Party, browser: Browser) -> None:
        token = (await confidential.tokens(browser))["refresh_token"]
        for secret in (None, "", "wrong", SECRET[:-1], SECRET.upper(), f"{SECRET} "):
            assert refusal(await confidential.refresh(token, client_secret=secret)) == (400, "invalid_client")
        assert (await confidential.refresh(token)).status_code == 200

    async def test_400_for_texts_near_the_token(self, owner: Owner) -> None:
        token = owner.refresh
        near = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(0, len(token), 9)]
        near += [token[:-1], f"{token}A", f"{token}==", f" {token}", token.swapcase(), token[43:], "A" * len(token)]
        for text in near:
            assert refusal(await owner.party.refresh(text)) == GONE
        assert await owner.renew()  # none of them was taken for a reuse

    async def test_400_sixty_days_after_the_sign_in_however_often_it_was_renewed(
        self, node: Node, owner: Owner
    ) -> None:
        for _ in range(5):
            node.clock.forward(days=FAMILY_LIFE.days / 6)
            assert await owner.renew()
        node.clock.forward(days=FAMILY_LIFE.days / 6)
        assert await owner.renew() == ""

    async def test_a_token_is_kept_as_a_hash(self, node: Node, owner: Owner) -> None:
        rows = await node.rows("SELECT t::text AS said FROM identity.refresh_tokens t")
        assert rows
        assert not any(owner.refresh in row["said"] or owner.refresh[43:] in row["said"] for row in rows)


async def test_however_a_thief_mixes_in_one_chain_lives_at_most(node: Node, admin: User) -> None:
    """Random games of an owner and a thief who knows every token that was ever given."""
    dice, ended = random.Random(8), 0  # noqa: S311 - the same games every time
    for _ in range(times(40, 400)):
        async with node.db.transaction() as db:
            first = await tokens.start_family(db, admin.organization_id, "c", admin.id, ["OR.Jobs"], node.clock())
        known = [first]
        for _ in range(8):
            node.clock.forward(seconds=dice.choice((0, 1, 9, 11)))
            async with node.db.transaction() as db:
                came = await tokens.renew(db, dice.choice(known[-3:]), "c", node.clock())
            known += [came.token] if came.token else []
            async with node.db.acquire() as db:
                alive = [one for one in known if await tokens.find_family(db, one, node.clock())]
            assert len(alive) <= 1
            if came.ended_family:
                assert alive == []
                ended += 1
                break
            assert alive == [known[-1]]
    assert ended
