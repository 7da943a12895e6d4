"""Signing out at a client's wish."""

from __future__ import annotations

from typing import Any

import pytest

from podium.identity.users.rules import User
from tests.conftest import Node

from .conftest import ISSUER, SECRET, Browser, Party, Redirect, redirect_of, register

END = "/identity_/connect/endsession"
AFTER = "https://app.test/signed-out"


@pytest.fixture
async def party(node: Node) -> Party:
    return await register(node, secret=SECRET, post_logout_uris=(AFTER,))


async def end(browser: Browser, **asked: str) -> Redirect:
    return redirect_of(await browser.get(END, asked))


async def is_signed_in(party: Party, browser: Browser) -> bool:
    return "code" in (await party.authorize(browser, prompt="none")).query


class TestEndSession:
    async def test_302_to_the_registered_address_with_the_state(self, party: Party, browser: Browser) -> None:
        hint = (await party.tokens(browser))["id_token"]
        sent = await end(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER, state="s 1")
        assert (sent.address, dict(sent.query)) == (AFTER, {"state": "s 1"})
        assert any(cookie.startswith("podium=;") and "Max-Age=0" in cookie for cookie in sent.cookies)
        assert not await is_signed_in(party, browser)

    async def test_302_without_a_state_there_is_none(self, party: Party, browser: Browser) -> None:
        hint = (await party.tokens(browser))["id_token"]
        sent = await end(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER)
        assert (sent.address, dict(sent.query)) == (AFTER, {})

    async def test_302_a_redirect_address_will_do(self, party: Party, browser: Browser) -> None:
        hint = (await party.tokens(browser))["id_token"]
        sent = await end(browser, id_token_hint=hint, post_logout_redirect_uri=party.redirect_uri)
        assert sent.address == party.redirect_uri

    async def test_302_every_token_of_the_session_ends_of_every_client(
        self, node: Node, party: Party, public: Party, browser: Browser, admin: User
    ) -> None:
        mine, others = await party.tokens(browser), await public.tokens(browser)
        elsewhere = Browser(node)
        await elsewhere.sign_in(admin)
        kept = await public.tokens(elsewhere)
        await end(browser, id_token_hint=mine["id_token"])
        for client, tokens in ((party, mine), (public, others)):
            assert not await client.is_good(tokens["access_token"])
            assert (await client.refresh(tokens["refresh_token"])).json() == {"error": "invalid_grant"}
        assert await public.is_good(kept["access_token"])
        assert await is_signed_in(public, elsewhere)

    async def test_302_an_expired_hint_will_do(self, node: Node, party: Party, browser: Browser) -> None:
        hint = (await party.tokens(browser))["id_token"]
        node.clock.forward(minutes=20)
        sent = await end(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER)
        assert sent.address == AFTER
        assert not await is_signed_in(party, browser)

    async def test_302_for_who_is_signed_out_already(self, party: Party, browser: Browser, stranger: Browser) -> None:
        hint = (await party.tokens(browser))["id_token"]
        sent = await end(stranger, id_token_hint=hint, post_logout_redirect_uri=AFTER)
        assert sent.address == AFTER

    @pytest.mark.parametrize(
        "address",
        [
            f"{AFTER}/",
            f"{AFTER}?foo=bar",
            f"{AFTER}#x",
            "https://evil.test/",
            "https://app.test@evil.test/signed-out",
            "//evil.test",
            "javascript:alert(1)",
            "http://app.test/signed-out",
        ],
    )
    async def test_302_to_our_own_page_for_an_address_that_is_not_registered(
        self, party: Party, browser: Browser, address: str
    ) -> None:
        hint = (await party.tokens(browser))["id_token"]
        sent = await end(browser, id_token_hint=hint, post_logout_redirect_uri=address, state="s")
        assert (sent.page, dict(sent.query)) == ("logout", {})

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"state": "s"},
            {"post_logout_redirect_uri": AFTER},
            {"id_token_hint": "e30.e30.e30", "post_logout_redirect_uri": AFTER},
            {"id_token_hint": "", "post_logout_redirect_uri": AFTER},
        ],
    )
    async def test_302_to_the_question_without_a_hint_that_holds(
        self, party: Party, browser: Browser, asked: dict[str, str]
    ) -> None:
        assert (await end(browser, **asked)).page == "logout"
        assert await is_signed_in(party, browser)

    async def test_302_to_the_question_for_a_changed_hint_and_an_access_token(
        self, party: Party, browser: Browser
    ) -> None:
        tokens = await party.tokens(browser)
        head, body, signature = tokens["id_token"].split(".")
        changed = f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
        for hint in (changed, tokens["access_token"]):
            assert (await end(browser, id_token_hint=hint, post_logout_redirect_uri=AFTER)).page == "logout"
        assert await is_signed_in(party, browser)

    async def test_302_to_the_question_for_another_client_or_user(
        self, node: Node, party: Party, public: Party, browser: Browser
    ) -> None:
        hint = (await party.tokens(browser))["id_token"]
        sent = await end(browser, id_token_hint=hint, client_id=public.client_id, post_logout_redirect_uri=AFTER)
        assert sent.page == "logout"
        _, _, other = await node.make_organization("somebody")
        elsewhere = Browser(node)
        session = await elsewhere.sign_in(other)
        assert (await end(elsewhere, id_token_hint=hint, post_logout_redirect_uri=AFTER)).page == "logout"
        [row] = await node.rows("SELECT ended_at FROM identity.sessions WHERE id = $1", session.id)
        assert row["ended_at"] is None

    @pytest.mark.parametrize("name", ["id_token_hint", "post_logout_redirect_uri"])
    async def test_302_to_the_question_for_a_parameter_given_twice(
        self, party: Party, browser: Browser, name: str
    ) -> None:
        hint = (await party.tokens(browser))["id_token"]
        asked: list[tuple[str, Any]] = [("id_token_hint", hint), ("post_logout_redirect_uri", AFTER), (name, "x")]
        assert redirect_of(await browser.get(END, asked)).page == "logout"
        assert await is_signed_in(party, browser)

    async def test_302_a_form_goes_on_as_a_query(self, node: Node, party: Party, browser: Browser) -> None:
        hint = (await party.tokens(browser))["id_token"]
        form = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER}
        sent = redirect_of(await node.http.post(END, data=form))
        assert (sent.address, dict(sent.query)) == (f"{ISSUER}/connect/endsession", form)

    async def test_it_leaves_an_audit_row(self, node: Node, party: Party, browser: Browser) -> None:
        hint = (await party.tokens(browser))["id_token"]
        before = await node.rows("SELECT 1 FROM kernel.audit WHERE action = 'UserLogout'")
        await end(browser, id_token_hint=hint)
        rows = await node.rows("SELECT * FROM kernel.audit WHERE action = 'UserLogout' ORDER BY id")
        assert len(rows) == len(before) + 1
        assert (rows[-1]["actor_name"], rows[-1]["organization_id"]) == ("admin", node.organization_id)
