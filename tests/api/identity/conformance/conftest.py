"""A relying party and its user's browser, written from the OpenID Connect specifications, against a node behind https.

The relying party knows the issuer's address and what it was registered with; everything else it learns from discovery.
The browser keeps cookies, follows redirects inside the provider, fills its sign-in and consent pages, and stops where
it is sent away or at any other page.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from podium.identity.issuer import Issuer
from podium.identity.users.actions import add_user
from podium.identity.users.rules import NewUser
from tests.api.identity.pages.conftest import Forms
from tests.conftest import WORKER, Caller, MovableClock, Node, database, running, settings

PROVIDER = "https://op.test"
ISSUER = f"{PROVIDER}/identity_"
CALLBACK = "https://rp.test/callback"
SIGNED_OUT = "https://rp.test/signed-out"
PASSWORD = "patient lighthouse 63"
MOST_STEPS = 12
OF_USERS = 0

_NUMBERS = count(1)


class Arrival(NamedTuple):
    """Where a way through the provider ended. `pages`: what was shown on it, oldest first (`login`, `consent`, ...)."""

    address: str
    query: dict[str, str]
    pages: tuple[str, ...]

    @property
    def is_at_provider(self) -> bool:
        return self.address.startswith(f"{PROVIDER}/")


@dataclass
class Browser:
    """One person's browser. `page`: the page that it shows."""

    http: httpx.AsyncClient
    user_name: str
    page: httpx.Response | None = None

    async def go(
        self, address: str, params: Mapping[str, str], *, by_form: bool = False, stops_at: str = ""
    ) -> Arrival:
        """Follow a relying party's link, or send the form that it shows, until there is nothing to fill.

        `stops_at`: a page that is not filled either.
        """
        if by_form:
            request = self.http.build_request("POST", address, data=dict(params))
            request.headers.pop("cookie", None)  # cookies with SameSite=Lax do not come along with another site's form
        else:
            request = self.http.build_request("GET", address, params=params)
        return await self._follow(request, stops_at)

    async def submit(self, **fields: str) -> Arrival:
        """Send the form of the page that is shown."""
        assert self.page is not None
        return await self._follow(self._form(self.page, fields), "")

    async def _follow(self, request: httpx.Request, stops_at: str) -> Arrival:
        pages: list[str] = []
        for _ in range(MOST_STEPS):
            answer = await self.http.send(request)
            onwards = answer.next_request
            if onwards is not None:
                if not str(onwards.url).startswith(f"{PROVIDER}/"):
                    return _arrival(onwards.url, pages)
                request = onwards
                continue
            self.page = answer
            name = answer.url.path.removeprefix("/identity_/web").strip("/")
            pages.append(name)
            fills = self._fills(name)
            if name == stops_at or fills is None:
                return _arrival(answer.url, pages)
            assert answer.status_code == 200, answer.text
            request = self._form(answer, fills)
        raise AssertionError(f"The provider leads in a circle: {pages}, {request.url}")

    def _fills(self, page: str) -> dict[str, str] | None:
        if page == "login":
            return {"username": self.user_name, "password": PASSWORD}
        return {"decision": "allow"} if page == "consent" else None

    def _form(self, page: httpx.Response, fields: Mapping[str, str]) -> httpx.Request:
        action, held = Forms(page.text).found[0]
        return self.http.build_request("POST", page.url.join(action), data=held | dict(fields))


def _arrival(url: httpx.URL, pages: list[str]) -> Arrival:
    query = dict(parse_qsl(url.query.decode(), keep_blank_values=True, strict_parsing=bool(url.query)))
    return Arrival(str(url.copy_with(query=None)), query, tuple(pages))


class SignedIn(NamedTuple):
    """What a relying party has in the end: verified claims of the ID token, and the token endpoint's answer."""

    claims: dict[str, Any]
    tokens: dict[str, Any]
    pages: tuple[str, ...]


@dataclass
class RelyingParty:
    """A confidential client. `provider`: what discovery says.

    `posts_secret`: client_secret_post instead of basic. `posts_wishes`: forms instead of links for the browser.
    """

    http: httpx.AsyncClient
    clock: MovableClock
    provider: Mapping[str, Any]
    client_id: str
    secret: str
    scope: str = "openid"
    posts_secret: bool = False
    posts_wishes: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)

    def asks(self, **more: str | None) -> dict[str, str]:
        """The parameters of an authorization request, with a state and a nonce of its own; None leaves one out."""
        given: dict[str, str | None] = {
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": self.scope,
            "state": secrets.token_urlsafe(12),
            "nonce": secrets.token_urlsafe(12),
            "response_type": "code",
            **more,
        }
        self.asked.append({name: value for name, value in given.items() if value is not None})
        return self.asked[-1]

    async def authorize(self, browser: Browser, **more: str | None) -> Arrival:
        """Send the browser to the provider; it must come back with the state of the request and the issuer's name."""
        asked = self.asks(**more)
        back = await browser.go(self.provider["authorization_endpoint"], asked, by_form=self.posts_wishes)
        assert back.address == CALLBACK, back
        assert back.query.get("state") == asked.get("state")
        assert back.query["iss"] == ISSUER  # RFC 9207
        return back

    async def refusal(self, browser: Browser, **more: str | None) -> str:
        """The error that the provider answers a request with; nothing else may come with it."""
        back = await self.authorize(browser, **more)
        assert set(back.query) <= {"error", "error_description", "error_uri", "state", "iss"}
        return back.query["error"]

    async def ask(self, form: Mapping[str, str]) -> httpx.Response:
        """The token endpoint's answer to a form, with the client's credentials."""
        endpoint = self.provider["token_endpoint"]
        if self.posts_secret:
            own = {"client_id": self.client_id, "client_secret": self.secret}
            return await self.http.post(endpoint, data={**form, **own})
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"  # RFC 6749, 2.3.1
        credentials = base64.b64encode(pair.encode()).decode()
        return await self.http.post(endpoint, data=dict(form), headers={"authorization": f"Basic {credentials}"})

    async def redeem(self, code: str, **more: str) -> httpx.Response:
        """The token endpoint's answer to a code."""
        return await self.ask({"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **more})

    async def renew(self, refresh_token: str) -> httpx.Response:
        """The token endpoint's answer to a refresh token."""
        return await self.ask({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def sign_in(self, browser: Browser, *, verifier: str | None = None, **more: str | None) -> SignedIn:
        """The code flow from the first request to verified claims; every step must be as the standard has it."""
        back = await self.authorize(browser, **more)
        nonce = self.asked[-1].get("nonce")
        answer = await self.redeem(back.query["code"], **({"code_verifier": verifier} if verifier else {}))
        tokens = good_tokens(answer)
        claims = await self.verified(tokens["id_token"], tokens["access_token"], nonce)
        return SignedIn(claims, tokens, back.pages)

    async def keys(self) -> dict[str, Any]:
        """The provider's JSON Web Key Set."""
        return _json(await self.http.get(self.provider["jwks_uri"]))

    async def verified(self, id_token: str, access_token: str, nonce: str | None) -> dict[str, Any]:
        """The claims of an ID token, checked as OpenID Connect Core 3.1.3.7 and 3.1.3.8 want it."""
        claims = decode(id_token, await self.keys())
        now = self.clock().timestamp()
        assert claims["iss"] == ISSUER
        assert claims["aud"] in (self.client_id, [self.client_id])
        assert claims.get("azp", self.client_id) == self.client_id
        assert re.fullmatch(r"[\x20-\x7e]{1,255}", claims["sub"])
        for name in ("exp", "iat", "auth_time"):
            assert type(claims[name]) is int, name
        assert claims["auth_time"] <= claims["iat"] <= now < claims["exp"]
        assert claims.get("nonce") == nonce
        half = hashlib.sha256(access_token.encode("ascii")).digest()[:16]
        assert claims["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")
        return claims

    async def userinfo(self, access_token: str, method: str = "GET") -> dict[str, Any]:
        """The claims that the provider tells for the token in the header."""
        headers = {"authorization": f"Bearer {access_token}"}
        return _json(await self.http.request(method, self.provider["userinfo_endpoint"], headers=headers))

    async def is_taken(self, access_token: str) -> bool:
        """Whether the provider still takes an access token."""
        headers = {"authorization": f"Bearer {access_token}"}
        answer = await self.http.get(self.provider["userinfo_endpoint"], headers=headers)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    async def end_session(self, browser: Browser, **asked: str) -> Arrival:
        """Send the browser to the logout endpoint."""
        return await browser.go(self.provider["end_session_endpoint"], asked, by_form=self.posts_wishes)

    async def is_signed_in(self, browser: Browser) -> bool:
        """Whether the provider knows the browser's user still."""
        back = await self.authorize(browser, prompt="none")
        assert back.query.get("error", "login_required") == "login_required", back
        return "code" in back.query


def decode(id_token: str, published: dict[str, Any]) -> dict[str, Any]:
    """The claims of a token that one of the keys signed with RS256. Raises BadSignatureError, among others."""
    keys = KeySet.import_key_set(published)  # type: ignore[arg-type]
    return jwt.decode(id_token, keys, algorithms=["RS256"]).claims


def good_tokens(answer: httpx.Response) -> dict[str, Any]:
    """What the token endpoint gave, an answer as Core 3.1.3.3 wants it."""
    tokens = _json(answer)
    assert "no-store" in answer.headers["cache-control"]
    assert tokens["token_type"].lower() == "bearer"
    assert tokens["access_token"]
    assert tokens["expires_in"] > 0
    return tokens


def refused(answer: httpx.Response) -> str:
    """The error of the token endpoint (RFC 6749, 5.2)."""
    assert answer.status_code in (400, 401), answer.text
    assert answer.headers["content-type"].startswith("application/json")
    return str(answer.json()["error"])


def _json(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, (answer.status_code, answer.headers, answer.text)
    assert answer.headers["content-type"].startswith("application/json")
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
async def node(server_url: str, installed: str, closed_folder: Path, clock: MovableClock) -> AsyncIterator[Node]:
    """The module's node under an https address, as the specification demands: its cookies are `Secure`."""
    name = f"podium_conformance_{WORKER}_{next(_NUMBERS)}"
    async with (
        database(server_url, name, installed) as url,
        running(replace(settings(url, closed_folder / name), public_url=PROVIDER), clock) as made,
    ):
        yield made


@pytest.fixture
async def http(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    """What relying parties call the provider with: without cookies."""
    async with httpx.AsyncClient(transport=node.http._transport, timeout=60) as client:
        yield client
        assert not client.cookies


@pytest.fixture
async def person(node: Node) -> NewUser:
    """A user who may sign in with PASSWORD."""
    return await make_person(node)


@pytest.fixture
async def browser(node: Node, person: NewUser) -> AsyncIterator[Browser]:
    """The person's browser; nobody is signed in yet."""
    async with httpx.AsyncClient(transport=node.http._transport, timeout=60) as client:
        yield Browser(client, person.user_name)


@pytest.fixture
async def other_browser(node: Node) -> AsyncIterator[Browser]:
    """The browser of somebody else, who is not signed in either."""
    other = await make_person(node)
    async with httpx.AsyncClient(transport=node.http._transport, timeout=60) as client:
        yield Browser(client, other.user_name)


async def make_person(node: Node) -> NewUser:
    """A new user with PASSWORD."""
    hashed = await node.port(Issuer).passwords.hash(PASSWORD)
    name = f"ada.{next(_NUMBERS)}"
    user = NewUser(node.organization_id, uuid4(), name, f"{name}@rp.test", "Ada", "Byron", None, hashed, False)
    async with node.db.transaction() as connection:
        await add_user(connection, user, node.clock())
    return user


@pytest.fixture
async def provider(http: httpx.AsyncClient) -> dict[str, Any]:
    """The provider's metadata, found as OpenID Connect Discovery 4 says."""
    return _json(await http.get(f"{ISSUER}/.well-known/openid-configuration"))


@pytest.fixture
async def rp(pm: Caller, node: Node, http: httpx.AsyncClient, provider: dict[str, Any]) -> RelyingParty:
    """The client of the plans, registered by an administrator."""
    return await register(pm, node, http, provider)


@pytest.fixture
async def other_rp(pm: Caller, node: Node, http: httpx.AsyncClient, provider: dict[str, Any]) -> RelyingParty:
    """The second client of the plans."""
    return await register(pm, node, http, provider)


async def register(pm: Caller, node: Node, http: httpx.AsyncClient, provider: Mapping[str, Any]) -> RelyingParty:
    """A new client that asks its users for consent."""
    wanted = {
        "partitionGlobalId": str(node.organization_id),
        "name": f"Relying party {next(_NUMBERS)}",
        "isConfidential": True,
        "redirectUri": CALLBACK,
        "postLogoutRedirectUris": [SIGNED_OUT],
        "requireConsent": True,
        "scopes": [{"name": "OR.Jobs.Read", "type": OF_USERS}],
    }
    made = await pm.post("/identity_/api/ExternalClient", wanted, expect=201)
    return RelyingParty(http, node.clock, provider, made["id"], made["secret"])
