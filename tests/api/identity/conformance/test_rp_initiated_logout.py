"""The plan RP-initiated logout. Numbers are sections of OpenID Connect RP-Initiated Logout."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jws, jwt
from joserfc.jwk import OctKey

from tests.api.identity.conformance.conftest import ISSUER, SIGNED_OUT, Arrival, Browser, RelyingParty, SignedIn
from tests.api.identity.conformance.test_basic import unsigned
from tests.api.identity.pages.conftest import Forms

QUESTION = f"{ISSUER}/web/logout"


async def asks_first(rp: RelyingParty, browser: Browser, at: Arrival, done: SignedIn) -> None:
    """The person is asked, is signed in until the answer, and stays at the provider after it."""
    assert (at.address, at.pages) == (QUESTION, ("logout",))
    assert await rp.is_signed_in(browser)
    assert await rp.is_taken(done.tokens["access_token"])
    await is_told(rp, browser, await browser.submit(), done)


async def is_told(rp: RelyingParty, browser: Browser, at: Arrival, done: SignedIn) -> None:
    """A page of the provider tells the person that the session is over, and it is."""
    assert (at.address, at.pages) == (QUESTION, ("logout",))
    assert browser.page is not None
    assert not Forms(browser.page.text).found
    await is_over(rp, browser, done)


async def is_over(rp: RelyingParty, browser: Browser, done: SignedIn) -> None:
    """The browser is nobody's any more, and the access token has ended."""
    assert not await rp.is_signed_in(browser)
    assert not await rp.is_taken(done.tokens["access_token"])


async def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(
    http: httpx.AsyncClient, provider: dict[str, Any]
) -> None:
    """`end_session_endpoint` (2.1), with https, and it takes GET and POST (2)."""
    parts = urlsplit(provider["end_session_endpoint"])
    assert (parts.scheme, parts.query, parts.fragment) == ("https", "", "")
    assert parts.path.startswith(urlsplit(ISSUER).path)
    for method in ("GET", "POST"):
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert (await http.request(method, provider["end_session_endpoint"], headers=headers)).status_code == 302


async def test_oidcc_rp_initiated_logout(rp: RelyingParty, browser: Browser) -> None:
    """Signed out and back with the state, by link and by form; the access token has ended."""
    for rp.posts_wishes in (False, True):
        done = await rp.sign_in(browser)
        assert await rp.is_signed_in(browser)
        asked = {"id_token_hint": done.tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT, "state": "a b&c"}
        assert await rp.end_session(browser, **asked) == (SIGNED_OUT, {"state": "a b&c"}, ())
        await is_over(rp, browser, done)


async def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(rp: RelyingParty, browser: Browser) -> None:
    """To an address that is not registered nobody is sent (3): signed out, at a page of the provider."""
    for address in ("https://evil.test/", f"{SIGNED_OUT}/another"):
        done = await rp.sign_in(browser)
        asked = {"id_token_hint": done.tokens["id_token"], "post_logout_redirect_uri": address, "state": "s"}
        await is_told(rp, browser, await rp.end_session(browser, **asked), done)


async def test_oidcc_rp_initiated_logout_modified_id_token_hint(rp: RelyingParty, browser: Browser) -> None:
    """A hint that was made `alg` none, or whose claims were changed: the person is asked, and is not sent back."""
    for keeps_signature in (False, True):
        done = await rp.sign_in(browser)
        hint = unsigned(done.claims | {"exp": done.claims["exp"] + 1})
        if keeps_signature:
            head, _, signature = done.tokens["id_token"].split(".")
            hint = f"{head}.{hint.split('.')[1]}.{signature}"
        asked = {"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT, "state": "s"}
        await asks_first(rp, browser, await rp.end_session(browser, **asked), done)


async def test_oidcc_rp_initiated_logout_bad_id_token_hint(rp: RelyingParty, browser: Browser) -> None:
    """A hint that the client signed itself, or that is no token: the person is asked, and is not sent back."""
    for is_token in (True, False):
        done = await rp.sign_in(browser)
        kid = jws.extract_compact(done.tokens["id_token"].encode()).headers()["kid"]
        own = jwt.encode({"alg": "HS256", "kid": kid}, done.claims, OctKey.import_key(rp.secret), algorithms=["HS256"])
        hint = own if is_token else "no token"
        asked = {"id_token_hint": hint, "post_logout_redirect_uri": SIGNED_OUT, "state": "s"}
        await asks_first(rp, browser, await rp.end_session(browser, **asked), done)


async def test_oidcc_rp_initiated_logout_no_id_token_hint(rp: RelyingParty, browser: Browser) -> None:
    """Without a hint nobody proves whose wish it is: the person is asked (2), and is not sent back (3)."""
    asked = {"post_logout_redirect_uri": SIGNED_OUT, "state": "s"}
    for more in ({}, {"client_id": rp.client_id}):
        done = await rp.sign_in(browser)
        await asks_first(rp, browser, await rp.end_session(browser, **asked, **more), done)


async def test_oidcc_rp_initiated_logout_no_params(rp: RelyingParty, browser: Browser) -> None:
    """The person is asked (2)."""
    done = await rp.sign_in(browser)
    await asks_first(rp, browser, await rp.end_session(browser), done)


async def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(rp: RelyingParty, browser: Browser) -> None:
    """A hint without an address: signed out, at a page of the provider."""
    done = await rp.sign_in(browser)
    at = await rp.end_session(browser, id_token_hint=done.tokens["id_token"], state="s")
    await is_told(rp, browser, at, done)


async def test_oidcc_rp_initiated_logout_no_state(rp: RelyingParty, browser: Browser) -> None:
    """Back at the client's address without a state (3)."""
    done = await rp.sign_in(browser)
    asked = {"id_token_hint": done.tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT}
    assert await rp.end_session(browser, **asked) == (SIGNED_OUT, {}, ())
    await is_over(rp, browser, done)


async def test_oidcc_rp_initiated_logout_only_state(rp: RelyingParty, browser: Browser) -> None:
    """The person is asked (2)."""
    done = await rp.sign_in(browser)
    await asks_first(rp, browser, await rp.end_session(browser, state="s"), done)


async def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(
    rp: RelyingParty, browser: Browser
) -> None:
    """The registered address with a query is another one (3): signed out, at a page of the provider."""
    done = await rp.sign_in(browser)
    asked = {"id_token_hint": done.tokens["id_token"], "post_logout_redirect_uri": f"{SIGNED_OUT}?foo=bar"}
    await is_told(rp, browser, await rp.end_session(browser, **asked, state="s"), done)
