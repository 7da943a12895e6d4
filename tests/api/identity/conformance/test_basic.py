"""The plan Basic OP, module by module: a confidential client and the code flow.

Numbers in the docstrings are sections of OpenID Connect Core unless they name an RFC. A docstring becomes the module's
line in docs/reference/openid-conformance.md.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import RSAKey

from podium.identity.users.rules import NewUser
from tests.api.identity.conformance.conftest import (
    CALLBACK,
    ISSUER,
    PASSWORD,
    Browser,
    RelyingParty,
    decode,
    good_tokens,
    refused,
)
from tests.api.identity.pages.conftest import Forms
from tests.conftest import Node

PROFILE = {"name": "Ada Byron", "given_name": "Ada", "family_name": "Byron"}
STANDARD = frozenset({"name", "given_name", "family_name", "preferred_username", "email", "email_verified"})


def unsigned(payload: object) -> str:
    """A JSON Web Token with `alg` none (RFC 7519, 6)."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(payload)}."


class TestTokens:
    async def test_oidcc_server(self, rp: RelyingParty, browser: Browser, person: NewUser) -> None:
        """The code flow with sign-in and consent; state, nonce, `at_hash` and every required claim hold."""
        done = await rp.sign_in(browser)
        assert done.pages == ("login", "consent")
        assert done.claims["sub"] == str(person.id)
        assert (await rp.userinfo(done.tokens["access_token"]))["sub"] == done.claims["sub"]

    async def test_oidcc_idtoken_signature(self, rp: RelyingParty, browser: Browser) -> None:
        """RS256 with the `kid` of one published key; nothing of the token can be changed (10.1)."""
        id_token = (await rp.sign_in(browser)).tokens["id_token"]
        head, payload, signature = id_token.split(".")
        published = await rp.keys()
        said = jws.extract_compact(id_token.encode()).headers()
        assert said["alg"] == "RS256"
        [key] = [one for one in published["keys"] if one["kid"] == said["kid"]]
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert RSAKey.import_key(key).raw_value.key_size >= 2048
        changed = f"{payload[:-4]}{'AAAA' if payload[-4:] != 'AAAA' else 'BBBB'}"
        with pytest.raises(BadSignatureError):
            decode(f"{head}.{changed}.{signature}", published)

    async def test_oidcc_idtoken_unsigned(self, rp: RelyingParty, browser: Browser) -> None:
        """Not supported: `none` is no value of `id_token_signing_alg_values_supported`; every ID token is signed."""
        assert rp.provider["id_token_signing_alg_values_supported"] == ["RS256"]
        id_token = (await rp.sign_in(browser)).tokens["id_token"]
        assert jws.extract_compact(id_token.encode()).headers()["alg"] == "RS256"

    async def test_oidcc_codereuse(self, rp: RelyingParty, browser: Browser) -> None:
        """The second use of a code gets `invalid_grant` (3.1.3.2) and ends the access token of the first."""
        code = (await rp.authorize(browser)).query["code"]
        tokens = good_tokens(await rp.redeem(code))
        assert refused(await rp.redeem(code)) == "invalid_grant"
        assert not await rp.is_taken(tokens["access_token"])

    async def test_oidcc_codereuse_30seconds(self, rp: RelyingParty, browser: Browser, node: Node) -> None:
        """The same half a minute later (RFC 6749, 4.1.2)."""
        code = (await rp.authorize(browser)).query["code"]
        tokens = good_tokens(await rp.redeem(code))
        node.clock.forward(seconds=30)
        assert await rp.is_taken(tokens["access_token"])
        assert refused(await rp.redeem(code)) == "invalid_grant"
        assert not await rp.is_taken(tokens["access_token"])

    async def test_oidcc_server_client_secret_post(self, rp: RelyingParty, browser: Browser) -> None:
        """The client's secret in the form; a wrong one gets `invalid_client` and leaves the code as it is."""
        assert "client_secret_post" in rp.provider["token_endpoint_auth_methods_supported"]
        rp.posts_secret, secret = True, rp.secret
        code = (await rp.authorize(browser)).query["code"]
        rp.secret = "another"
        assert refused(await rp.redeem(code)) == "invalid_client"
        rp.secret = secret
        tokens = good_tokens(await rp.redeem(code))
        await rp.verified(tokens["id_token"], tokens["access_token"], rp.asked[-1]["nonce"])

    async def test_oidcc_refresh_token(
        self, rp: RelyingParty, other_rp: RelyingParty, browser: Browser, node: Node
    ) -> None:
        """New tokens of the same sign-in (12.2) for this client alone; each refresh token works once."""
        first = await rp.sign_in(browser, scope="openid offline_access", prompt="consent")
        presented = first.tokens["refresh_token"]
        assert refused(await other_rp.renew(presented)) == "invalid_grant"
        node.clock.forward(seconds=5)
        tokens = good_tokens(await rp.renew(presented))
        claims = await rp.verified(tokens["id_token"], tokens["access_token"], None)
        same = ("iss", "sub", "aud", "auth_time")
        assert {name: claims[name] for name in same} == {name: first.claims[name] for name in same}
        assert claims["iat"] == first.claims["iat"] + 5
        assert tokens["access_token"] != first.tokens["access_token"]
        assert (await rp.userinfo(tokens["access_token"]))["sub"] == claims["sub"]
        again = good_tokens(await rp.renew(tokens["refresh_token"]))
        node.clock.forward(minutes=1)
        assert refused(await rp.renew(tokens["refresh_token"])) == "invalid_grant"
        assert refused(await rp.renew(again["refresh_token"])) == "invalid_grant"

    async def test_oidcc_ensure_request_with_valid_pkce_succeeds(self, rp: RelyingParty, browser: Browser) -> None:
        """S256 (RFC 7636), which discovery names; without the verifier the code is refused."""
        assert "S256" in rp.provider["code_challenge_methods_supported"]
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode("ascii")).digest()
        pkce = {
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        await rp.sign_in(browser, verifier=verifier, **pkce)
        code = (await rp.authorize(browser, **pkce)).query["code"]
        assert refused(await rp.redeem(code)) == "invalid_grant"


class TestUserinfo:
    async def test_oidcc_userinfo_get(self, rp: RelyingParty, browser: Browser) -> None:
        """GET with the access token in the header; without a token 401 and a challenge (RFC 6750, 3)."""
        done = await rp.sign_in(browser, scope="openid profile email")
        said = await rp.userinfo(done.tokens["access_token"])
        assert said["sub"] == done.claims["sub"]
        answer = await rp.http.get(rp.provider["userinfo_endpoint"])
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")

    async def test_oidcc_userinfo_post_header(self, rp: RelyingParty, browser: Browser) -> None:
        """POST with the access token in the header."""
        done = await rp.sign_in(browser, scope="openid profile email")
        said = await rp.userinfo(done.tokens["access_token"], "POST")
        assert said["sub"] == done.claims["sub"]
        assert said == await rp.userinfo(done.tokens["access_token"])

    async def test_oidcc_userinfo_post_body(self, rp: RelyingParty, browser: Browser) -> None:
        """POST with the access token in the form (RFC 6750, 2.2)."""
        done = await rp.sign_in(browser, scope="openid profile email")
        form = {"access_token": done.tokens["access_token"]}
        answer = await rp.http.post(rp.provider["userinfo_endpoint"], data=form)
        assert answer.status_code == 200, answer.text
        assert answer.json()["sub"] == done.claims["sub"]
        assert answer.json() == await rp.userinfo(done.tokens["access_token"])
        refusal = await rp.http.post(rp.provider["userinfo_endpoint"], data={"access_token": "another"})
        assert refusal.status_code == 401


class TestScopes:
    async def standard_claims(self, rp: RelyingParty, browser: Browser, scope: str) -> dict[str, Any]:
        """The standard claims about the user that the scope opens: at the UserInfo endpoint, and in the ID token."""
        done = await rp.sign_in(browser, scope=scope)
        assert set(done.tokens["scope"].split()) == set(scope.split())
        said = await rp.userinfo(done.tokens["access_token"])
        assert said["sub"] == done.claims["sub"]
        opened = {name: said[name] for name in STANDARD & said.keys()}
        assert {name: done.claims[name] for name in STANDARD & done.claims.keys()} == opened
        return opened

    async def test_oidcc_scope_profile(self, rp: RelyingParty, browser: Browser, person: NewUser) -> None:
        """Name, given and family name, and user name at the UserInfo endpoint (5.4); in the ID token as well."""
        assert await self.standard_claims(rp, browser, "openid") == {}
        said = await self.standard_claims(rp, browser, "openid profile")
        assert said == PROFILE | {"preferred_username": person.user_name}

    async def test_oidcc_scope_email(self, rp: RelyingParty, browser: Browser, person: NewUser) -> None:
        """`email` and `email_verified` at UserInfo (5.4), in the ID token as well, of which the suite warns."""
        said = await self.standard_claims(rp, browser, "openid email")
        assert said == {"email": person.email, "email_verified": True}

    async def test_oidcc_scope_address(self, rp: RelyingParty, browser: Browser) -> None:
        """Not supported: no addresses are kept; discovery does not name the scope, a request gets `invalid_scope`."""
        assert "address" not in rp.provider["scopes_supported"]
        assert "address" not in rp.provider["claims_supported"]
        assert await rp.refusal(browser, scope="openid address") == "invalid_scope"

    async def test_oidcc_scope_phone(self, rp: RelyingParty, browser: Browser) -> None:
        """Not supported: no numbers are kept; discovery does not name the scope, a request gets `invalid_scope`."""
        assert "phone" not in rp.provider["scopes_supported"]
        assert not {"phone_number", "phone_number_verified"} & set(rp.provider["claims_supported"])
        assert await rp.refusal(browser, scope="openid phone") == "invalid_scope"

    async def test_oidcc_scope_all(self, rp: RelyingParty, browser: Browser, person: NewUser) -> None:
        """Not supported: two of the four scopes are not there (see above); `profile email` at once give all claims."""
        assert await rp.refusal(browser, scope="openid profile email address phone") == "invalid_scope"
        said = await self.standard_claims(rp, browser, "openid profile email")
        assert said.keys() == STANDARD
        assert said["email"] == person.email

    async def test_oidcc_alternate_happy_flow(self, rp: RelyingParty, browser: Browser, person: NewUser) -> None:
        """The order of scopes and parameters does not matter (RFC 6749, 3.3)."""
        asked = rp.asks(scope="email openid")
        backwards = dict(reversed(asked.items()))
        back = await browser.go(rp.provider["authorization_endpoint"], backwards)
        assert (back.address, back.query["state"]) == (CALLBACK, asked["state"])
        tokens = good_tokens(await rp.redeem(back.query["code"]))
        await rp.verified(tokens["id_token"], tokens["access_token"], asked["nonce"])
        assert (await rp.userinfo(tokens["access_token"]))["email"] == person.email

    async def test_oidcc_claims_essential(self, rp: RelyingParty, browser: Browser) -> None:
        """Not supported: `claims_parameter_supported` is false; the request succeeds, scopes open claims (5.5)."""
        assert rp.provider["claims_parameter_supported"] is False
        claims = msgspec.json.encode({"userinfo": {"name": {"essential": True}}}).decode()
        done = await rp.sign_in(browser, claims=claims)
        assert "name" not in await rp.userinfo(done.tokens["access_token"])
        done = await rp.sign_in(browser, claims=claims, scope="openid profile")
        assert (await rp.userinfo(done.tokens["access_token"]))["name"] == PROFILE["name"]


class TestRequests:
    async def test_oidcc_response_type_missing(self, rp: RelyingParty, browser: Browser) -> None:
        """`invalid_request` at the client's address, and no page is shown (RFC 6749, 4.1.2.1)."""
        back = await rp.authorize(browser, response_type=None)
        assert (back.query["error"], back.pages) == ("invalid_request", ())
        assert "code" not in back.query

    async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(
        self, rp: RelyingParty, browser: Browser
    ) -> None:
        """Without a nonce in the request there is none in the ID token (3.1.2.1)."""
        assert "nonce" not in (await rp.sign_in(browser, nonce=None)).claims

    async def test_oidcc_display_page(self, rp: RelyingParty, browser: Browser) -> None:
        """The pages are shown as ever."""
        assert (await rp.sign_in(browser, display="page")).pages == ("login", "consent")

    async def test_oidcc_display_popup(self, rp: RelyingParty, browser: Browser) -> None:
        """The same pages: they fit a small window."""
        assert (await rp.sign_in(browser, display="popup")).pages == ("login", "consent")
        assert browser.page is not None
        assert '<meta name="viewport" content="width=device-width' in browser.page.text

    async def test_oidcc_login_hint(self, rp: RelyingParty, browser: Browser) -> None:
        """The sign-in page has the name filled in."""
        asked = rp.asks(login_hint="countess@rp.test")
        at = await browser.go(rp.provider["authorization_endpoint"], asked, stops_at="login")
        assert at.pages == ("login",)
        assert browser.page is not None
        assert Forms(browser.page.text).found[0][1]["username"] == "countess@rp.test"
        back = await browser.submit(username=browser.user_name, password=PASSWORD)
        assert (back.address, back.query["state"]) == (CALLBACK, asked["state"])

    async def test_oidcc_ui_locales(self, rp: RelyingParty, browser: Browser) -> None:
        """No error for a language that the pages do not have: they come in English (3.1.2.1)."""
        asked = rp.asks(ui_locales="se")
        await browser.go(rp.provider["authorization_endpoint"], asked, stops_at="login")
        assert browser.page is not None
        assert '<html lang="en">' in browser.page.text
        assert (await rp.sign_in(browser, ui_locales="se")).pages == ("login", "consent")

    async def test_oidcc_claims_locales(self, rp: RelyingParty, browser: Browser) -> None:
        """No claim has several languages: each comes as it is, under its plain name (5.2)."""
        done = await rp.sign_in(browser, claims_locales="se", scope="openid profile")
        said = await rp.userinfo(done.tokens["access_token"])
        assert {name: said[name] for name in PROFILE} == PROFILE
        assert not any("#" in name for name in said)

    async def test_oidcc_ensure_request_with_acr_values_succeeds(self, rp: RelyingParty, browser: Browser) -> None:
        """A voluntary wish (5.5.1.1); the ID token says how the user came in by `amr` and claims no `acr`."""
        done = await rp.sign_in(browser, acr_values="1 2")
        assert done.claims["amr"] == ["pwd"]
        assert "acr" not in done.claims
        assert "acr_values_supported" not in rp.provider

    async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(
        self, rp: RelyingParty, browser: Browser
    ) -> None:
        """What is not understood is ignored (3.1.2.1)."""
        back = await rp.authorize(browser, extra="foobar")
        assert "extra" not in back.query
        tokens = good_tokens(await rp.redeem(back.query["code"]))
        await rp.verified(tokens["id_token"], tokens["access_token"], rp.asked[-1]["nonce"])

    async def test_oidcc_ensure_registered_redirect_uri(self, rp: RelyingParty, browser: Browser) -> None:
        """Another address than the registered one: an error page of the provider, signed in or not (3.1.2.1)."""
        for _ in range(2):
            for address in (f"{CALLBACK}/another", f"{CALLBACK}?a=b", "https://rp.test/", "http://rp.test/callback"):
                at = await browser.go(rp.provider["authorization_endpoint"], rp.asks(redirect_uri=address))
                assert at.is_at_provider
                assert browser.page is not None
                assert "redirect_uri is not registered" in browser.page.text
            await rp.sign_in(browser)

    async def test_oidcc_ensure_post_request_succeeds(self, rp: RelyingParty, browser: Browser) -> None:
        """The request as a form (3.1.2.1), before the sign-in and after it."""
        rp.posts_wishes = True
        assert (await rp.sign_in(browser)).pages == ("login", "consent")
        assert (await rp.sign_in(browser)).pages == ()


class TestSessions:
    async def test_oidcc_prompt_login(self, rp: RelyingParty, browser: Browser, node: Node) -> None:
        """Who is signed in signs in again; `auth_time` is later (3.1.2.1)."""
        first = await rp.sign_in(browser)
        node.clock.forward(seconds=2)
        second = await rp.sign_in(browser, prompt="login")
        assert second.pages == ("login",)
        assert second.claims["sub"] == first.claims["sub"]
        assert second.claims["auth_time"] == first.claims["auth_time"] + 2

    async def test_oidcc_prompt_none_not_logged_in(self, rp: RelyingParty, browser: Browser) -> None:
        """`login_required` and no page (3.1.2.6)."""
        back = await rp.authorize(browser, prompt="none")
        assert (back.query["error"], back.pages) == ("login_required", ())
        assert "code" not in back.query

    async def test_oidcc_prompt_none_logged_in(self, rp: RelyingParty, browser: Browser, node: Node) -> None:
        """A code without a page; the ID token tells of the same sign-in."""
        first = await rp.sign_in(browser)
        node.clock.forward(seconds=2)
        second = await rp.sign_in(browser, prompt="none")
        assert second.pages == ()
        for name in ("sub", "auth_time"):
            assert second.claims[name] == first.claims[name]

    async def test_oidcc_max_age_1(self, rp: RelyingParty, browser: Browser, node: Node) -> None:
        """A sign-in older than a second is not enough: another one, with a later `auth_time`."""
        first = await rp.sign_in(browser)
        node.clock.forward(seconds=2)
        second = await rp.sign_in(browser, max_age="1")
        assert second.pages == ("login",)
        assert second.claims["sub"] == first.claims["sub"]
        assert second.claims["auth_time"] == first.claims["auth_time"] + 2

    async def test_oidcc_max_age_10000(self, rp: RelyingParty, browser: Browser, node: Node) -> None:
        """A sign-in that is young enough serves; `auth_time` stays."""
        first = await rp.sign_in(browser)
        node.clock.forward(seconds=100)
        second = await rp.sign_in(browser, max_age="10000")
        assert second.pages == ()
        for name in ("sub", "auth_time"):
            assert second.claims[name] == first.claims[name]

    async def test_oidcc_id_token_hint(self, rp: RelyingParty, browser: Browser, other_browser: Browser) -> None:
        """With `prompt=none` a code if the user that the hint names is signed in, else `login_required` (3.1.2.1)."""
        first = await rp.sign_in(browser)
        hint = first.tokens["id_token"]
        second = await rp.sign_in(browser, prompt="none", id_token_hint=hint)
        assert (second.claims["sub"], second.pages) == (first.claims["sub"], ())
        assert await rp.refusal(other_browser, prompt="none", id_token_hint=hint) == "login_required"
        await rp.sign_in(other_browser)
        assert await rp.refusal(other_browser, prompt="none", id_token_hint=hint) == "login_required"


class TestRequestObjects:
    async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(
        self, rp: RelyingParty, browser: Browser
    ) -> None:
        """Not supported: `request_uri_parameter_supported` is false; the client is told `request_uri_not_supported`."""
        assert rp.provider["request_uri_parameter_supported"] is False
        told = await rp.refusal(browser, request_uri="https://rp.test/request.jwt")
        assert told == "request_uri_not_supported"

    async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
        self, rp: RelyingParty, browser: Browser
    ) -> None:
        """Not supported: `request_parameter_supported` is false; the client is told `request_not_supported`."""
        assert rp.provider["request_parameter_supported"] is False
        assert "request_object_signing_alg_values_supported" not in rp.provider
        inside = rp.asks() | {"iss": rp.client_id, "aud": ISSUER}
        assert await rp.refusal(browser, request=unsigned(inside)) == "request_not_supported"

    async def test_oidcc_ensure_request_object_with_redirect_uri(self, rp: RelyingParty, browser: Browser) -> None:
        """Not supported: nothing of a request object counts; a bad address beside it ends at the error page."""
        inside = rp.asks() | {"iss": rp.client_id, "aud": ISSUER}
        asked = rp.asks(redirect_uri=f"{CALLBACK}/another", request=unsigned(inside))
        at = await browser.go(rp.provider["authorization_endpoint"], asked)
        assert at.is_at_provider
        assert browser.page is not None
        assert "redirect_uri is not registered" in browser.page.text
