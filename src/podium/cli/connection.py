"""Which server, which tenant, and as whom: settings of the command line turned into a client."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import typer

from podium.cli import credentials, renewal
from podium.cli.client import Orchestrator, message_of, open_http, send
from podium.cli.failure import Exit, Failure
from podium.cli.renewal import Source

DEFAULT_URL = "http://127.0.0.1:8000"
SIGN_IN_HINT = "sign in with `podium login`, or set PODIUM_CLIENT_ID and PODIUM_CLIENT_SECRET, or PODIUM_TOKEN"


@dataclass(frozen=True, slots=True)
class Settings:
    """The address of one tenant; None is replaced by what `podium login` stored, then by the default."""

    url: str | None = None
    organization: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """The address of one tenant, complete. `url` has no trailing slash."""

    url: str
    organization: str
    tenant: str

    @property
    def orchestrator(self) -> str:
        """Where the tenant's Web API begins."""
        return f"{self.url}/{self.organization}/{self.tenant}/orchestrator_"


def resolve(settings: Settings) -> Address:
    """The address that the options, the environment, the stored sign-in and the defaults name, in that order."""
    stored = credentials.load()
    url = (settings.url or (stored.url if stored else DEFAULT_URL)).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise Failure(f"The address {url!r} must begin with http:// or https://", Exit.USAGE)
    same = stored if stored and stored.url == url else None
    return Address(
        url,
        settings.organization or (same.organization if same else "default"),
        settings.tenant or (same.tenant if same else "default"),
    )


def connect(ctx: typer.Context) -> Orchestrator:
    """A client of the tenant that the command addresses, signed in; raises Failure when there is no way to sign in."""
    address = resolve(settings_of(ctx))
    return Orchestrator(address.orchestrator, token_for(address))


def settings_of(ctx: typer.Context) -> Settings:
    """What the options before the command's name said."""
    settings = ctx.find_root().obj
    return settings if isinstance(settings, Settings) else Settings()


def token_for(address: Address) -> str | Source:
    """An access token: PODIUM_TOKEN, else client credentials, else user and password, else the stored sign-in.

    Client credentials and a sign-in that can be renewed go on for as long as the command does.
    """
    environment = os.environ
    if token := environment.get("PODIUM_TOKEN"):
        return token
    if client_id := environment.get("PODIUM_CLIENT_ID"):
        client_secret = environment.get("PODIUM_CLIENT_SECRET", "")
        return renewal.asked(lambda: client_token(address, client_id, client_secret))
    if user := environment.get("PODIUM_USER"):
        return password_token(address, user, environment.get("PODIUM_PASSWORD", ""))
    if found := renewal.kept(address.url, address.organization):
        return found
    raise Failure(f"Not signed in to {address.url}", Exit.NOT_AUTHENTICATED, hint=SIGN_IN_HINT)


def client_token(address: Address, client_id: str, client_secret: str) -> tuple[str, float | None]:
    """A token of an external application, with every scope that it may use, and when it ends."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret, "scope": ""}
    answer = _ask(f"{address.url}/identity_/connect/token", data=form)
    lifetime_s = answer.get("expires_in") if isinstance(answer, dict) else None
    ends = time.time() + lifetime_s if isinstance(lifetime_s, int) else None
    return _text(answer, "access_token"), ends


def password_token(address: Address, user: str, password: str) -> str:
    """A user's token of the classic sign-in; it lasts 60 minutes and cannot be renewed."""
    body = {"tenancyName": address.tenant, "usernameOrEmailAddress": user, "password": password}
    answer = _ask(f"{address.orchestrator}/api/Account/Authenticate", json=body)
    return _text(answer, "result")


def _ask(url: str, **body: Any) -> Any:
    with open_http(url) as http:
        response = send(http, "POST", url, **body)
    if response.status_code >= 400:
        message, code = message_of(response)
        status = Exit.NOT_AUTHENTICATED if response.status_code in {400, 401} else Exit.REFUSED
        raise Failure(message, status, code)
    return response.json()


def _text(answer: Any, member: str) -> str:
    value = answer.get(member) if isinstance(answer, dict) else None
    if not isinstance(value, str) or not value:
        raise Failure(f"The server's answer to the sign-in has no {member!r}; is this a Podium server?")
    return value
