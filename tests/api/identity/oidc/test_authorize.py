"""The authorization endpoint: which requests go on, where refusals go, when the user is asked."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import pytest

from podium.identity.issuer import Issuer
from podium.identity.oidc.actions import agree
from podium.identity.oidc.rules import parse_parameters, read_request
from podium.identity.sessions.rules import flow_of
from podium.identity.users.rules import User
from tests.conftest import Node

from .conftest import ISSUER, REDIRECT, SECRET, Browser, Party, claims_of, redirect_of, register

AUTHORIZE = "/identity_/connect/authorize"


async def consents(browser: Browser, party: Party, return_url: str) -> None:
    """What the consent page does when the user agrees."""
    node = browser.node
    parameters = parse_parameters(urlsplit(return_url).query)
    client = await node.port(Issuer).clients.find(party.client_id, node.clock())
    assert client is not None
    assert browser.session is not None
    flow = flow_of(return_url)
    request = read_request(parameters, client, parameters.values["redirect_uri"], flow, is_callback=True)
    async with node.db.transaction() as db:
        await agree(db, browser.session, request, node.clock())


class TestAnswer:
    async def test_302_with_code_scope_state_and_issuer(self, public: Party, browser: Browser) -> None:
        back = await public.authorize(browser)
        assert back.address == REDIRECT
        assert set(back.query) == {"code", "scope", "state", "session_state", "iss"}
        assert (back.query["state"], back.query["iss"]) == ("st&te=1", ISSUER)
        assert back.query["scope"] == "openid profile email offline_access OR.Jobs"

    async def test_302_without_a_state_there_is_none(self, public: Party, browser: Browser) -> None:
        assert "state" not in (await public.authorize(browser, state=None)).query

    @pytest.mark.parametrize("base", ["/identity", "/identity_", "/default/identity_", "/DEFAULT/default/identity_"])
    async def test_302_at_every_address(self, public: Party, browser: Browser, base: str) -> None:
        assert redirect_of(await browser.get(f"{base}/connect/authorize", public.asks())).address == REDIRECT

    async def test_302_it_is_not_to_be_kept(self, public: Party, browser: Browser) -> None:
        answer = await browser.get(AUTHORIZE, public.asks())
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"

    async def test_302_a_query_of_the_address_stays(self, node: Node, browser: Browser) -> None:
        address = "https://app.test/back?kept=1"
        party = await register(node, redirect_uris=(address,))
        answer = await browser.get(AUTHORIZE, party.asks())
        assert answer.headers["location"].startswith(f"{address}&code=")

    @pytest.mark.parametrize(
        "more",
        [
            {"unknown": "x"},
            {"display": "page"},
            {"display": "popup"},
            {"ui_locales": "de en"},
            {"claims_locales": "de"},
            {"acr_values": "1 2"},
            {"acr_values": "tenantName:default"},
            {"acr_values": "tenantName:nobody"},
            {"claims": '{"userinfo":{"name":{"essential":true}}}'},
            {"login_hint": "admin"},
            {"response_mode": "query"},
            {"asked_at": "99999999999999"},
            {"max_age": "10000"},
        ],
    )
    async def test_302_what_is_not_needed_does_not_disturb(
        self, public: Party, browser: Browser, more: dict[str, str]
    ) -> None:
        assert "code" in (await public.authorize(browser, **more)).query

    async def test_302_a_form_goes_on_as_a_query(self, node: Node, public: Party, browser: Browser) -> None:
        answer = await node.http.post(AUTHORIZE, data=public.asks(), headers=browser.headers)
        onwards = redirect_of(answer)
        assert onwards.address == f"{ISSUER}/connect/authorize"
        assert dict(onwards.query) == public.asks()
        assert "code" in redirect_of(await browser.get(answer.headers["location"])).query

    async def test_the_users_orchestrator_user_exists_when_the_code_leaves(self, node: Node, public: Party) -> None:
        user = await node.user(node.admin)
        browser = Browser(node)
        await browser.sign_in(user)
        await public.code(browser, acr_values="tenantName:default")
        found = await node.rows("SELECT id FROM orchestrator.users WHERE directory_id = $1", user.id)
        assert found

    async def test_the_code_is_stored_as_a_hash(self, node: Node, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        for row in await node.rows("SELECT row_to_json(c)::text AS text FROM identity.authorization_codes c"):
            assert code not in row["text"]


class TestNoRedirect:
    """Nothing is sent to an address that is not registered: the user sees a page of ours (T9)."""

    def shown(self, answer: Any) -> dict[str, str]:
        sent = redirect_of(answer)
        assert sent.address == f"{ISSUER}/web/"
        assert sent.query["errorCode"] == "invalid_request"
        found: dict[str, str] = msgspec.json.decode(base64.b64decode(sent.query["errorId"]))
        assert found["error"] == "invalid_request"
        return found

    @pytest.mark.parametrize(
        "address",
        [
            "https://app.test/back/",
            "https://app.test/back?x=1",
            "https://app.test/back#x",
            "https://app.test/Back",
            "https://app.test/back/../evil",
            "https://app.test/%62ack",
            "https://app.test:444/back",
            "http://app.test/back",
            "https://APP.test/back",
            "https://app.test.evil.test/back",
            "https://evil.test/back",
            "https://app.test@evil.test/back",
            "https://evil.test#https://app.test/back",
            "https://evil.test\\@app.test/back",
            "//app.test/back",
            "javascript:alert(1)//https://app.test/back",
            " https://app.test/back",
            "https://app.test/back\r\nx: y",
            "",
        ],
    )
    async def test_302_to_the_error_page_for_an_address_that_is_not_registered(
        self, public: Party, browser: Browser, address: str
    ) -> None:
        said = self.shown(await browser.get(AUTHORIZE, public.asks(redirect_uri=address)))
        assert said["client_id"] == public.client_id
        assert "redirect_uri" in said["error_description"]

    @pytest.mark.parametrize(
        "address",
        [
            "http://localhost:51234/oidc/login/",
            "http://localhost:51234/oidc/login?x=1",
            "http://localhost:51234/",
            "https://localhost:51234/oidc/login",
            "http://127.0.0.1:51234/oidc/login",
            "http://[::1]:51234/oidc/login",
            "http://localhost:0/oidc/login",
            "http://localhost:65536/oidc/login",
            "http://localhost:/oidc/login",
            "http://localhost.evil.test:51234/oidc/login",
            "http://localhost:51234@evil.test/oidc/login",
            "http://localhost:51234/oidc/login#x",
            "http://LOCALHOST:51234/oidc/login",
            "http://127.1:51234/oidc/login",
        ],
    )
    async def test_302_to_the_error_page_for_a_loopback_address_of_another_form(
        self, native: Party, browser: Browser, address: str
    ) -> None:
        self.shown(await browser.get(AUTHORIZE, native.asks(redirect_uri=address)))

    @pytest.mark.parametrize("client_id", ["", "nobody", "00000000-0000-4000-8000-00000000dead", "x" * 5000])
    async def test_302_to_the_error_page_for_an_unknown_client(
        self, public: Party, browser: Browser, client_id: str
    ) -> None:
        self.shown(await browser.get(AUTHORIZE, public.asks(client_id=client_id)))

    @pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
    async def test_302_to_the_error_page_for_a_client_or_address_given_twice(
        self, public: Party, browser: Browser, name: str
    ) -> None:
        asked = public.asks()
        self.shown(await browser.get(AUTHORIZE, [*asked.items(), (name, asked[name])]))

    @pytest.mark.parametrize("query", ["client_id=%00", "&".join("x=1" for _ in range(120)), f"x={'x' * 16384}"])
    async def test_302_to_the_error_page_for_what_cannot_be_read(
        self, public: Party, browser: Browser, query: str
    ) -> None:
        self.shown(await browser.get(f"{AUTHORIZE}?{urlencode(public.asks())}&{query}"))

    async def test_400_for_a_query_that_is_no_text(self, public: Party, browser: Browser) -> None:
        assert (await browser.get(f"{AUTHORIZE}?{urlencode(public.asks())}&x=%ff")).status_code == 400

    @pytest.mark.parametrize("media_type", ["application/json", "text/plain", ""])
    async def test_302_to_the_error_page_for_a_body_that_is_no_form(
        self, node: Node, public: Party, media_type: str
    ) -> None:
        headers = {"content-type": media_type}
        self.shown(await node.http.post(AUTHORIZE, content=urlencode(public.asks()), headers=headers))


class TestRefusals:
    """Told to the client at its own address, with state and issuer."""

    @pytest.mark.parametrize(
        ("more", "error"),
        [
            ({"response_type": None}, "invalid_request"),
            ({"response_type": ""}, "invalid_request"),
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": "id_token"}, "unsupported_response_type"),
            ({"response_type": "code id_token"}, "unsupported_response_type"),
            ({"response_mode": "fragment"}, "invalid_request"),
            ({"response_mode": "form_post"}, "invalid_request"),
            ({"response_mode": "web_message"}, "invalid_request"),
            ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
            ({"code_challenge": None}, "invalid_request"),
            ({"code_challenge_method": None}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": "s256"}, "invalid_request"),
            ({"code_challenge": "short"}, "invalid_request"),
            ({"code_challenge": "=" * 43}, "invalid_request"),
            ({"scope": "openid OR.Robots"}, "invalid_scope"),
            ({"scope": "openid whatever"}, "invalid_scope"),
            ({"scope": "openid address phone"}, "invalid_scope"),
            ({"scope": 'o"penid'}, "invalid_scope"),
            ({"prompt": "none login"}, "invalid_request"),
            ({"prompt": "create"}, "invalid_request"),
            ({"max_age": "-1"}, "invalid_request"),
            ({"max_age": "soon"}, "invalid_request"),
            ({"request": "e30.e30."}, "request_not_supported"),
            ({"request_uri": "https://app.test/request"}, "request_uri_not_supported"),
            ({"registration": "{}"}, "registration_not_supported"),
            ({"nonce": "n" * 1025}, "invalid_request"),
            ({"id_token_hint": "e30.e30.e30"}, "invalid_request"),
        ],
    )
    async def test_302_back(self, public: Party, browser: Browser, more: dict[str, str | None], error: str) -> None:
        back = await public.authorize(browser, **more)
        assert back.address == REDIRECT
        assert back.query["error"] == error, back.query
        assert back.query["error_description"]
        assert (back.query["state"], back.query["iss"]) == ("st&te=1", ISSUER)
        assert "code" not in back.query

    @pytest.mark.parametrize("name", ["scope", "state", "nonce", "code_challenge", "prompt", "unknown"])
    async def test_302_back_for_a_parameter_given_twice(self, public: Party, browser: Browser, name: str) -> None:
        asked = [*public.asks(prompt="login", unknown="1").items(), (name, "again")]
        assert redirect_of(await browser.get(AUTHORIZE, asked)).query["error"] == "invalid_request"

    async def test_302_back_for_scopes_of_the_application_itself(self, node: Node, browser: Browser) -> None:
        party = await register(node, secret=SECRET, application_scopes=("OR.Robots",))
        back = await party.authorize(browser, scope="OR.Robots")
        assert back.query["error"] == "invalid_scope"
        assert "Application scopes" in back.query["error_description"]

    async def test_unknown_scopes_are_echoed_to_the_built_in_client(self, native: Party, stranger: Browser) -> None:
        sent = await native.authorize(stranger, scope="offline_access LLMGateway JamJamApi")
        assert sent.page == "login"

    async def test_a_client_without_a_wish_gets_its_own_scopes(self, public: Party, browser: Browser) -> None:
        assert (await public.authorize(browser, scope=None)).query["scope"] == "OR.Jobs OR.Folders.Read"


class TestSigningIn:
    async def test_302_to_the_sign_in_page_and_back_with_a_code(
        self, public: Party, stranger: Browser, admin: User
    ) -> None:
        sent = await public.authorize(stranger)
        assert sent.page == "login"
        assert sent.back.startswith("/identity_/connect/authorize/callback?")
        again = redirect_of(await stranger.get(sent.back))
        assert again.page == "login"
        await stranger.sign_in(admin, sent.back)
        back = redirect_of(await stranger.get(sent.back))
        assert back.address == REDIRECT
        assert back.query["state"] == "st&te=1"
        assert (await public.redeem(back.query["code"])).status_code == 200

    async def test_302_login_required_when_no_page_may_be_shown(self, public: Party, stranger: Browser) -> None:
        assert (await public.authorize(stranger, prompt="none")).query["error"] == "login_required"

    async def test_302_silently_for_who_is_signed_in(self, public: Party, browser: Browser) -> None:
        assert "code" in (await public.authorize(browser, prompt="none")).query

    @pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
    async def test_302_to_the_sign_in_page_although_signed_in(
        self, node: Node, public: Party, browser: Browser, admin: User, prompt: str
    ) -> None:
        node.clock.forward(seconds=1)
        sent = await public.authorize(browser, prompt=prompt)
        assert sent.page == "login"
        node.clock.forward(seconds=1)
        assert redirect_of(await browser.get(sent.back)).page == "login"  # coming back without having signed in
        await browser.sign_in(admin, sent.back)
        back = redirect_of(await browser.get(sent.back))
        if "consent" in prompt:
            assert back.page == "consent"
            await consents(browser, public, back.back)
            back = redirect_of(await browser.get(back.back))
        assert "code" in back.query

    @pytest.mark.parametrize(("max_age", "is_asked"), [("1", True), ("0", True), ("10", False), ("10000", False)])
    async def test_max_age(
        self, node: Node, public: Party, browser: Browser, admin: User, max_age: str, is_asked: bool
    ) -> None:
        node.clock.forward(seconds=5)
        sent = await public.authorize(browser, max_age=max_age)
        assert ("code" not in sent.query) is is_asked
        assert ((await public.authorize(browser, max_age=max_age, prompt="none")).query.get("error") is not None) is (
            is_asked
        )
        if is_asked:
            node.clock.forward(seconds=1)
            await browser.sign_in(admin)
            node.clock.forward(seconds=3)
            back = redirect_of(await browser.get(sent.back))
            claims = claims_of((await public.redeem(back.query["code"])).json()["id_token"])
            assert claims["auth_time"] == int(node.clock().timestamp()) - 3

    async def test_an_ended_session_is_none(self, node: Node, public: Party, browser: Browser) -> None:
        await node.rows("UPDATE identity.sessions SET ended_at = $1", node.clock())
        assert (await public.authorize(browser)).page == "login"

    async def test_a_user_of_another_organization_signs_in_anew(self, node: Node, public: Party) -> None:
        _, _, user = await node.make_organization("foreign")
        browser = Browser(node)
        await browser.sign_in(user)
        assert (await public.authorize(browser)).page == "login"
        assert (await public.authorize(browser, prompt="none")).query["error"] == "login_required"

    async def test_a_user_who_has_not_accepted_the_invitation_is_told_so(self, node: Node) -> None:
        organization, _, user = await node.make_organization("invited")
        party, browser = await register(node, organization=organization), Browser(node)
        await browser.sign_in(user)
        await node.rows("UPDATE identity.users SET is_invitation_accepted = false WHERE id = $1", user.id)
        sent = await party.authorize(browser)
        assert (sent.page, sent.query["errorCode"]) == ("login", "219")
        assert (await party.authorize(browser, prompt="none")).query["error"] == "interaction_required"


class TestIdTokenHint:
    async def test_302_for_the_user_it_names(self, public: Party, browser: Browser) -> None:
        hint = (await public.tokens(browser))["id_token"]
        assert "code" in (await public.authorize(browser, prompt="none", id_token_hint=hint)).query

    async def test_302_although_it_has_expired(self, node: Node, public: Party, browser: Browser) -> None:
        hint = (await public.tokens(browser))["id_token"]
        node.clock.forward(minutes=20)
        assert "code" in (await public.authorize(browser, prompt="none", id_token_hint=hint)).query

    async def test_302_to_the_sign_in_page_for_another_user(
        self, node: Node, native: Party, browser: Browser, admin: User
    ) -> None:
        _, _, other = await node.make_organization("hint")
        elsewhere = Browser(node)
        sent = await native.authorize(elsewhere, prompt="login")
        await elsewhere.sign_in(other, sent.back)
        code = redirect_of(await elsewhere.get(sent.back)).query["code"]
        hint = (await native.redeem(code)).json()["id_token"]
        assert (await native.authorize(browser, id_token_hint=hint)).page == "login"
        assert (await native.authorize(browser, id_token_hint=hint, prompt="none")).query["error"] == "login_required"

    async def test_302_an_access_token_is_no_hint(self, public: Party, browser: Browser) -> None:
        token = (await public.tokens(browser))["access_token"]
        assert (await public.authorize(browser, id_token_hint=token)).query["error"] == "invalid_request"


class TestConsent:
    async def test_an_application_of_the_organization_needs_none(self, public: Party, browser: Browser) -> None:
        assert "code" in (await public.authorize(browser)).query

    async def test_302_once_where_the_application_wants_it(self, node: Node, browser: Browser) -> None:
        party = await register(node, requires_consent=True)
        sent = await party.authorize(browser, scope="openid")
        assert sent.page == "consent"
        assert redirect_of(await browser.get(sent.back)).page == "consent"  # without having agreed
        await consents(browser, party, sent.back)
        assert "code" in redirect_of(await browser.get(sent.back)).query
        assert "code" in (await party.authorize(browser, scope="openid")).query
        assert (await party.authorize(browser, scope="openid OR.Jobs")).page == "consent"
        refused = await party.authorize(browser, scope="openid OR.Jobs", prompt="none")
        assert refused.query["error"] == "consent_required"

    async def test_302_each_time_the_client_asks_for_it(self, public: Party, browser: Browser) -> None:
        for _ in range(2):
            sent = await public.authorize(browser, prompt="consent")
            assert sent.page == "consent"
            await consents(browser, public, sent.back)
            assert "code" in redirect_of(await browser.get(sent.back)).query
            assert redirect_of(await browser.get(sent.back)).page == "consent"  # the way back is open once


class TestNativeApplications:
    """Any program of the machine can pose as one, so none gets a code in silence (RFC 8252, 8.6)."""

    @pytest.mark.parametrize("port", [1, 8104, 65535])
    async def test_302_at_any_port(self, native: Party, stranger: Browser, admin: User, port: int) -> None:
        native.redirect_uri = f"http://localhost:{port}/oidc/login"
        sent = await native.authorize(stranger)
        await stranger.sign_in(admin, sent.back)
        assert redirect_of(await stranger.get(sent.back)).address == native.redirect_uri

    async def test_302_signing_in_for_it_is_enough_once(self, native: Party, stranger: Browser, admin: User) -> None:
        sent = await native.authorize(stranger)
        await stranger.sign_in(admin, sent.back)
        assert "code" in redirect_of(await stranger.get(sent.back)).query
        assert redirect_of(await stranger.get(sent.back)).page == "consent"

    async def test_302_to_the_consent_page_for_who_is_signed_in(
        self, node: Node, native: Party, browser: Browser
    ) -> None:
        for _ in range(2):
            node.clock.forward(seconds=1)
            sent = await native.authorize(browser)
            assert sent.page == "consent"
            await consents(browser, native, sent.back)
            code = redirect_of(await browser.get(sent.back)).query["code"]
            assert (await native.redeem(code)).status_code == 200

    async def test_302_a_way_back_of_its_own_making_asks_all_the_same(self, native: Party, browser: Browser) -> None:
        callback = f"{AUTHORIZE}/callback"
        for asked_at in ("0", "1", "99999999999999", "x", ""):
            made = redirect_of(await browser.get(callback, native.asks(asked_at=asked_at)))
            assert made.page == "consent", asked_at

    async def test_302_consent_required_in_silence(self, native: Party, browser: Browser) -> None:
        assert (await native.authorize(browser, prompt="none")).query["error"] == "consent_required"


def test_a_way_back_is_known_by_its_parameters_in_any_spelling() -> None:
    one, other = flow_of("/x?a=1&b=%20x"), flow_of("/y?b=+x&a=1")
    assert one == other
    assert one != flow_of("/x?a=1&b=x")
