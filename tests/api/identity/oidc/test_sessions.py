"""Browser sessions: the cookie, the ends, and what ends with them (R5)."""

from __future__ import annotations

import hashlib

import pytest

from podium.identity.issuer import Issuer
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session, cookie_name, is_over, read_cookie, set_cookie
from podium.identity.settings.rules import SessionPolicy
from podium.identity.users.rules import User
from tests.conftest import Node

from .conftest import Browser, Party

POLICY = SessionPolicy()


async def find(node: Node, cookie: str, policy: SessionPolicy | None = None) -> Session | None:
    async with node.db.transaction() as db:
        return await sessions.find(db, cookie, node.clock(), policy)


async def start(node: Node, user: User, **options: object) -> tuple[Session, str]:
    async with node.db.transaction() as db:
        return await sessions.start(
            db,
            user.organization_id,
            user.id,
            ("pwd",),
            node.clock(),
            POLICY,
            **options,  # type: ignore[arg-type]
        )


class TestCookie:
    def test_over_tls_it_belongs_to_this_host_alone(self) -> None:
        assert set_cookie("https://podium.test", "v") == ("__Host-podium=v; Path=/; HttpOnly; SameSite=Lax; Secure")
        assert set_cookie("http://podium.test", "v", 60) == "podium=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"
        assert cookie_name("https://podium.test/automation") == "__Host-podium"

    def test_of_two_cookies_none_counts(self) -> None:
        good, url = "v" * 43, "http://podium.test"
        assert read_cookie(url, {"cookie": f"a=b; podium={good}"}) == good
        assert read_cookie(url, {"cookie": f"podium={good}; podium={'w' * 43}"}) is None
        assert read_cookie(url, {"cookie": "podium=short"}) is None
        assert read_cookie(url, {}) is None

    async def test_it_is_256_bits_stored_as_a_hash(self, node: Node, admin: User) -> None:
        session, cookie = await start(node, admin)
        [row] = await node.rows("SELECT token_hash FROM identity.sessions WHERE id = $1", session.id)
        assert len(cookie) == 43
        assert row["token_hash"] == hashlib.sha256(cookie.encode()).digest()

    async def test_a_second_sign_in_has_a_new_one_and_the_old_one_is_dead(self, node: Node, admin: User) -> None:
        session, cookie = await start(node, admin)
        renewed, other = await start(node, admin, renews=session)
        assert renewed.id == session.id
        assert other != cookie
        assert await find(node, cookie) is None
        assert await find(node, other) is not None

    async def test_another_user_gets_another_session(self, node: Node, admin: User) -> None:
        _, _, stranger = await node.make_organization("second")
        session, cookie = await start(node, admin)
        other, _ = await start(node, stranger, renews=session)
        assert other.id != session.id
        assert await find(node, cookie) is not None

    async def test_an_ended_session_does_not_go_on(self, node: Node, admin: User) -> None:
        session, _ = await start(node, admin)
        async with node.db.transaction() as db:
            await sessions.end(db, session, node.clock(), 3600)
        renewed, cookie = await start(node, admin, renews=session)
        assert renewed.id != session.id
        assert await find(node, cookie) == renewed

    @pytest.mark.parametrize("cookie", ["", "x", "v" * 43, "ä" * 43, "v" * 10_000])
    async def test_text_that_is_no_cookie_finds_nothing(self, node: Node, cookie: str) -> None:
        assert await find(node, cookie) is None


class TestEnds:
    async def test_after_thirty_minutes_unseen(self, node: Node, admin: User) -> None:
        _, cookie = await start(node, admin)
        for _ in range(3):
            node.clock.forward(minutes=29)
            assert await find(node, cookie) is not None
        node.clock.forward(minutes=30)
        assert await find(node, cookie) is None

    async def test_after_twelve_hours_however_often_seen(self, node: Node, admin: User) -> None:
        _, cookie = await start(node, admin)
        for _ in range(47):
            node.clock.forward(minutes=15)
            assert await find(node, cookie) is not None
        node.clock.forward(minutes=15)
        assert await find(node, cookie) is None

    async def test_a_persistent_one_after_fourteen_days(self, node: Node, admin: User) -> None:
        _, cookie = await start(node, admin, is_persistent=True)
        node.clock.forward(days=13, hours=23)
        assert await find(node, cookie) is not None
        node.clock.forward(hours=1)
        assert await find(node, cookie) is None

    async def test_a_stricter_policy_holds_for_those_that_run(self, node: Node, admin: User) -> None:
        session, cookie = await start(node, admin)
        now = node.clock.forward(minutes=10)
        assert is_over(session, now, SessionPolicy(idle_minutes=10))
        assert await find(node, cookie, SessionPolicy(idle_minutes=10)) is None
        assert not is_over(session, now, SessionPolicy(idle_minutes=600))

    async def test_when_the_user_is_disabled_or_the_organization(self, node: Node) -> None:
        organization, _, user = await node.make_organization("closing")
        _, cookie = await start(node, user)
        await node.rows("UPDATE identity.organizations SET is_active = false WHERE id = $1", organization)
        assert await find(node, cookie) is None
        await node.rows("UPDATE identity.organizations SET is_active = true WHERE id = $1", organization)
        assert await find(node, cookie) is not None
        await node.rows("UPDATE identity.users SET is_active = false WHERE id = $1", user.id)
        assert await find(node, cookie) is None

    async def test_it_is_noted_as_seen_once_a_minute_at_most(self, node: Node, admin: User) -> None:
        session, cookie = await start(node, admin)
        node.clock.forward(seconds=59)
        assert (await find(node, cookie)) == session
        later = node.clock.forward(seconds=1)
        found = await find(node, cookie)
        assert found is not None
        assert found.last_seen_at == later

    async def test_all_of_a_user_but_one(self, node: Node, public: Party, admin: User) -> None:
        kept, ended = Browser(node), Browser(node)
        await kept.sign_in(admin)
        await ended.sign_in(admin)
        mine, others = await public.tokens(kept), await public.tokens(ended)
        assert kept.session is not None
        async with node.db.transaction() as db:
            await sessions.end_all_of_user(db, admin.organization_id, admin.id, node.clock(), 3600, but=kept.session.id)
        node.port(Issuer).note_revoked("subject", str(admin.id), node.clock())
        node.clock.forward(seconds=1)
        assert await find(node, kept.cookie) is not None
        assert await find(node, ended.cookie) is None
        assert not await public.is_good(mine["access_token"])
        assert (await public.refresh(others["refresh_token"])).status_code == 400
        assert (await public.refresh(mine["refresh_token"])).status_code == 200

    async def test_all_of_a_user(self, node: Node, public: Party) -> None:
        organization, _, user = await node.make_organization("leaving")
        made = [await start(node, user) for _ in range(3)]
        async with node.db.transaction() as db:
            assert len(await sessions.of_user(db, organization, user.id, node.clock())) == 3
            await sessions.end_all_of_user(db, organization, user.id, node.clock(), 3600)
            assert await sessions.of_user(db, organization, user.id, node.clock()) == []
        assert [await find(node, cookie) for _, cookie in made] == [None] * 3

    async def test_what_is_over_is_forgotten_a_day_later(self, node: Node, admin: User) -> None:
        session, _ = await start(node, admin)
        node.clock.forward(hours=35)
        await node.run_loop("identity_sessions.forget_ended")
        assert await node.rows("SELECT 1 FROM identity.sessions WHERE id = $1", session.id)
        node.clock.forward(hours=1)
        assert await node.run_loop("identity_sessions.forget_ended") >= 1
        assert not await node.rows("SELECT 1 FROM identity.sessions WHERE id = $1", session.id)


async def test_codes_and_devices_that_ended_are_forgotten(node: Node, public: Party, browser: Browser) -> None:
    await node.run_loop("oidc.forget_ended")
    await public.code(browser)
    await public.post("/connect/deviceauthorization", {"scope": "OR.Jobs"})
    assert await node.run_loop("oidc.forget_ended") == 0
    node.clock.forward(minutes=15)
    assert await node.run_loop("oidc.forget_ended") == 1
    node.clock.forward(days=1)
    assert await node.run_loop("oidc.forget_ended") >= 1
    assert not await node.rows("SELECT 1 FROM identity.authorization_codes")
