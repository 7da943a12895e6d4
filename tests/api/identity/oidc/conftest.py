"""A relying party and a browser, for the protocol's endpoints. The pages between them are played by `agree` and `sign_in`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import httpx
import msgspec
import pytest

from podium.identity.clients import store as clients_store
from podium.identity.clients.rules import BUILT_IN_PUBLIC_CLIENT
from podium.identity.issuer import Issuer
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session
from podium.identity.settings.rules import SessionPolicy
from podium.identity.users.rules import User
from podium.kernel.secrets import hash_machine_secret
from tests.conftest import Node

ISSUER = "http://podium.test/identity_"
SECRET = "a secret of the application"
VERIFIER = "a-verifier-of-43-characters-at-the-least-0123"
REDIRECT = "https://app.test/back"
SCOPES = "openid profile email offline_access OR.Jobs"


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    payload = token.split(".")[1]
    found: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def kid_of(token: str) -> str:
    """The key that signed a token."""
    head = token.split(".", maxsplit=1)[0]
    found: dict[str, str] = msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return found["kid"]


@dataclass(frozen=True)
class Redirect:
    """Where an answer sends the browser."""

    address: str
    query: Mapping[str, str]
    cookies: list[str]

    @property
    def page(self) -> str:
        """The last part of a page's path."""
        assert self.address.startswith(f"{ISSUER}/web/"), self.address
        return self.address.removeprefix(f"{ISSUER}/web/")

    @property
    def back(self) -> str:
        return self.query["returnUrl"]


def redirect_of(answer: httpx.Response) -> Redirect:
    assert answer.status_code == 302, (answer.status_code, answer.text)
    parts = urlsplit(answer.headers["location"])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    address = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return Redirect(address, query, answer.headers.get_list("set-cookie"))


@dataclass
class Browser:
    """Keeps one session's cookie; `sign_in` does what the sign-in page does."""

    node: Node
    cookie: str = ""
    session: Session | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"cookie": f"podium={self.cookie}"} if self.cookie else {}

    async def get(self, path: str, params: Any = None) -> httpx.Response:
        return await self.node.http.get(path, params=params, headers=self.headers)

    async def sign_in(self, user: User, return_url: str | None = None) -> Session:
        async with self.node.db.transaction() as db:
            self.session, self.cookie = await sessions.start(
                db,
                user.organization_id,
                user.id,
                ("pwd",),
                self.node.clock(),
                SessionPolicy(),
                return_url=return_url,
                renews=self.session,
            )
        return self.session


@dataclass
class Party:
    """A registered client and what it sends."""

    node: Node
    client_id: str
    redirect_uri: str = REDIRECT
    secret: str | None = None
    scope: str = SCOPES
    extra: dict[str, str] = field(default_factory=dict)

    def asks(self, **more: str | None) -> dict[str, str]:
        """The parameters of an authorization request; None leaves one out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": "st&te=1",
            "nonce": "nonce-1",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
            **more,
        }
        return {name: value for name, value in asked.items() if value is not None}

    async def authorize(self, browser: Browser, **more: str | None) -> Redirect:
        return redirect_of(await browser.get("/identity_/connect/authorize", self.asks(**more)))

    async def code(self, browser: Browser, **more: str | None) -> str:
        back = await self.authorize(browser, **more)
        assert back.address == self.redirect_uri, back
        return back.query["code"]

    async def post(self, path: str, form: Mapping[str, str | None], **headers: str) -> httpx.Response:
        """A form with the client's credentials."""
        sent = {"client_id": self.client_id, "client_secret": self.secret, **form}
        data = {name: value for name, value in sent.items() if value is not None}
        return await self.node.http.post(f"/identity_{path}", data=data, headers=headers)

    async def redeem(self, code: str, /, **more: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
            **more,
        }
        return await self.post("/connect/token", form)

    async def tokens(self, browser: Browser, **more: str | None) -> dict[str, Any]:
        answer = await self.redeem(await self.code(browser, **more))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refresh(self, token: str, **more: str | None) -> httpx.Response:
        return await self.post("/connect/token", {"grant_type": "refresh_token", "refresh_token": token, **more})

    async def is_good(self, access_token: str) -> bool:
        """Whether the API takes the token."""
        answer = await self.node.http.get("/odata/Folders", headers={"authorization": f"Bearer {access_token}"})
        assert answer.status_code in (200, 401, 403), answer.text
        return answer.status_code != 401


async def register(node: Node, *, secret: str | None = None, organization: UUID | None = None, **facts: Any) -> Party:
    """A new application; confidential when it has a secret."""
    registered = {
        "redirect_uris": (REDIRECT,),
        "user_scopes": ("OR.Jobs", "OR.Folders.Read"),
        "is_confidential": secret is not None,
        **facts,
    }
    client = await node.make_client(organization or node.organization_id, (), **registered)
    if secret is not None:
        async with node.db.transaction() as db:
            await clients_store.add_secret(
                db, client.organization_id, client.client_id, None, hash_machine_secret(secret), node.clock()
            )
    return Party(node, client.client_id, registered["redirect_uris"][0], secret)


@pytest.fixture
async def public(node: Node) -> Party:
    """A single-page application."""
    return await register(node)


@pytest.fixture
async def confidential(node: Node) -> Party:
    """A web application with a secret."""
    return await register(node, secret=SECRET)


@pytest.fixture
def native(node: Node) -> Party:
    """The command lines' built-in client, on a port of its own."""
    return Party(node, BUILT_IN_PUBLIC_CLIENT, "http://localhost:51234/oidc/login")


@pytest.fixture
async def admin(node: Node) -> User:
    return await node.user(node.admin)


@pytest.fixture
def stranger(node: Node) -> Browser:
    """A browser where nobody is signed in."""
    return Browser(node)


@pytest.fixture
async def browser(node: Node, admin: User) -> Browser:
    """A browser where the administrator is signed in."""
    made = Browser(node)
    await made.sign_in(admin)
    return made


@pytest.fixture
def issuer(node: Node) -> Issuer:
    return node.port(Issuer)


def query_of(path: str, **parameters: str) -> str:
    return f"{path}?{urlencode(parameters)}"
