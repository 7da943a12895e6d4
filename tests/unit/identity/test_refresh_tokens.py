"""The refresh_token grant: one use, ten seconds of grace, the family's end at any other reuse."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from podium.identity.clients.rules import BUILT_IN_PUBLIC_CLIENT
from podium.identity.tokens import actions as tokens
from podium.identity.tokens.loops import forget_ended

from .conftest import APP_ID, APP_SECRET, Answer, Identity

SCOPES = ["offline_access", "OrchestratorApiUserAccess", "OR.Jobs", "StudioWebBackend"]


async def start(identity: Identity, client_id: str = BUILT_IN_PUBLIC_CLIENT) -> str:
    """The refresh token of a fresh sign-in of the administrator."""
    async with identity.db.transaction() as connection:
        return await tokens.start_family(
            connection,
            identity.made.organization_id,
            client_id,
            identity.made.admin_id,
            SCOPES,
            identity.clock(),
            session_id=UUID(int=4),
        )


async def renew(identity: Identity, token: str, **more: str) -> Answer:
    form = {"grant_type": "refresh_token", "client_id": BUILT_IN_PUBLIC_CLIENT, "refresh_token": token}
    return await identity.token(form | more)


async def next_of(identity: Identity, token: str) -> str:
    answer = await renew(identity, token)
    assert answer.status == 200, answer.body
    text: str = answer.body["refresh_token"]
    return text


async def is_refused(identity: Identity, token: str) -> bool:
    answer = await renew(identity, token)
    return (answer.status, answer.body) == (400, {"error": "invalid_grant"})


async def audited(identity: Identity) -> int:
    rows = await identity.run("SELECT count(*) AS n FROM kernel.audit WHERE entity_name = 'RefreshTokenReuse'")
    count: int = rows[0]["n"]
    return count


class TestRenewing:
    async def test_200_with_the_next_token_and_the_scopes_of_the_sign_in(self, identity: Identity) -> None:
        signed_in_at = identity.clock()
        first = await start(identity)
        identity.clock.forward(minutes=50)
        answer = await renew(identity, first, scope="")
        assert answer.status == 200
        assert answer.body["scope"].split() == SCOPES
        assert answer.body["refresh_token"] != first
        claims = identity.issuer.verify(answer.body["access_token"], identity.clock())
        assert claims.subject == identity.made.admin_id
        assert claims.session_id == str(UUID(int=4))
        assert claims.exp == int(signed_in_at.timestamp()) + 50 * 60 + 3600

    async def test_200_with_fewer_scopes_and_the_full_set_next_time(self, identity: Identity) -> None:
        first = await start(identity)
        narrowed = await renew(identity, first, scope="OR.Jobs.Read")
        assert narrowed.body["scope"] == "OR.Jobs.Read"
        assert (await renew(identity, narrowed.body["refresh_token"])).body["scope"].split() == SCOPES

    async def test_400_for_more_scopes_leaves_the_token_unspent(self, identity: Identity) -> None:
        first = await start(identity)
        answer = await renew(identity, first, scope="OR.Jobs PM.User")
        assert (answer.status, answer.body["error"]) == (400, "invalid_scope")
        identity.clock.forward(minutes=1)
        assert await next_of(identity, first)

    async def test_200_a_hundred_times_but_not_beyond_sixty_days(self, identity: Identity) -> None:
        token = await start(identity)
        identity.clock.forward(days=60, seconds=-1)
        token = await next_of(identity, token)
        identity.clock.forward(seconds=1)
        assert await is_refused(identity, token)

    async def test_the_stored_token_is_a_hash(self, identity: Identity) -> None:
        token = await start(identity)
        [row] = await identity.run("SELECT * FROM identity.refresh_tokens")
        assert token.encode() not in row["token_hash"]
        assert len(row["token_hash"]) == 32

    @pytest.mark.parametrize("token", ["x", "x" * 86, "ä" * 86, "A" * 86, "A" * 5000])
    async def test_400_for_text_that_is_no_token(self, identity: Identity, token: str) -> None:
        assert await is_refused(identity, token)

    async def test_400_when_it_is_missing(self, identity: Identity) -> None:
        assert (await renew(identity, "")).body["error"] == "invalid_request"

    async def test_400_for_a_token_with_one_letter_changed(self, identity: Identity) -> None:
        token = await start(identity)
        assert await is_refused(identity, token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1])
        assert await next_of(identity, token)


class TestReuse:
    async def test_200_within_ten_seconds_and_the_earlier_successor_dies(self, identity: Identity) -> None:
        first = await start(identity)
        lost = await next_of(identity, first)
        identity.clock.forward(seconds=10)
        kept = await next_of(identity, first)
        assert kept != lost
        assert await next_of(identity, kept)

    async def test_400_for_the_successor_that_died_and_the_family_ends(self, identity: Identity) -> None:
        first = await start(identity)
        lost = await next_of(identity, first)
        kept = await next_of(identity, first)
        assert await is_refused(identity, lost)
        assert await is_refused(identity, kept)
        assert await audited(identity) == 1

    async def test_400_after_ten_seconds_and_the_family_ends(self, identity: Identity) -> None:
        first = await start(identity)
        second = await next_of(identity, first)
        other_sign_in = await start(identity)
        identity.clock.forward(seconds=10, milliseconds=1)
        assert await is_refused(identity, first)
        assert await is_refused(identity, second)
        assert await audited(identity) == 1
        assert await next_of(identity, other_sign_in)

    async def test_400_once_the_successor_was_used(self, identity: Identity) -> None:
        first = await start(identity)
        third = await next_of(identity, await next_of(identity, first))
        assert await is_refused(identity, first)
        assert await is_refused(identity, third)

    async def test_an_ended_family_is_audited_once(self, identity: Identity) -> None:
        first = await start(identity)
        await next_of(identity, first)
        identity.clock.forward(minutes=1)
        for _ in range(3):
            assert await is_refused(identity, first)
        assert await audited(identity) == 1

    async def test_ten_at_once_all_succeed_and_one_token_leads_on(self, identity: Identity) -> None:
        first = await start(identity)
        made = await asyncio.gather(*(next_of(identity, first) for _ in range(8)))
        assert len(set(made)) == 8
        alive = await identity.run(
            "SELECT 1 FROM identity.refresh_tokens WHERE used_at IS NULL AND superseded_at IS NULL"
        )
        assert len(alive) == 1

    async def test_a_used_token_and_its_successor_at_once_end_in_an_answer_for_both(self, identity: Identity) -> None:
        for _ in range(5):
            first = await start(identity)
            second = await next_of(identity, first)
            answers = await asyncio.gather(renew(identity, first), renew(identity, second))
            assert {answer.status for answer in answers} <= {200, 400}
            assert any(answer.status == 400 for answer in answers)


class TestWhoMay:
    async def test_400_for_another_client(self, identity: Identity) -> None:
        token = await start(identity)
        form = {"grant_type": "refresh_token", "refresh_token": token}
        answer = await identity.token(form | {"client_id": APP_ID, "client_secret": APP_SECRET})
        assert answer.body == {"error": "invalid_grant"}
        assert await next_of(identity, token)

    async def test_400_for_a_confidential_client_without_its_secret(self, identity: Identity) -> None:
        token = await start(identity, APP_ID)
        assert (await renew(identity, token, client_id=APP_ID)).body == {"error": "invalid_client"}
        assert (await renew(identity, token, client_id=APP_ID, client_secret=APP_SECRET)).status == 200

    @pytest.mark.parametrize("change", ["is_active = false", "deleted_at = now()"])
    async def test_400_for_a_user_that_left_and_for_good(self, identity: Identity, change: str) -> None:
        token = await start(identity)
        await identity.run(f"UPDATE identity.users SET {change}")
        assert await is_refused(identity, token)
        await identity.run("UPDATE identity.users SET is_active = true, deleted_at = NULL")
        assert await is_refused(identity, token)

    async def test_400_after_everything_of_the_user_was_ended(self, identity: Identity) -> None:
        token = await start(identity)
        answer = await renew(identity, token)
        async with identity.db.transaction() as connection:
            await tokens.end_all_of_user(
                connection, identity.made.organization_id, identity.made.admin_id, identity.clock(), 3600
            )
        assert await is_refused(identity, answer.body["refresh_token"])

    async def test_400_after_everything_of_the_client_was_ended(self, identity: Identity) -> None:
        token = await start(identity)
        async with identity.db.transaction() as connection:
            await tokens.end_all_of_client(connection, BUILT_IN_PUBLIC_CLIENT, identity.clock(), 3600)
        assert await is_refused(identity, token)


async def test_what_has_ended_is_forgotten(identity: Identity) -> None:
    await start(identity)
    async with identity.db.transaction() as connection:
        await tokens.revoke(connection, "client", "x", identity.clock(), 3600)
        assert await forget_ended(connection, identity.clock() + timedelta(minutes=59)) == 0
        assert await forget_ended(connection, identity.clock() + timedelta(days=60)) == 2
        assert await forget_ended(connection, identity.clock() + timedelta(days=60)) == 0
    assert await identity.run("SELECT 1 FROM identity.refresh_tokens") == []
