"""The identity server as a client sees it: its addresses, its tokens, how they are renewed and given back."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podium.cli.client import message_of, open_http, send
from podium.cli.failure import Exit, Failure

CLIENT_ID = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"
"""The public client that every server of this protocol knows; it has no secret."""

SCOPES = "openid profile offline_access OrchestratorApiUserAccess IdentityServerApi"
"""Who it is, a sign-in that lasts, the orchestrator, the management API."""

AGAIN = "sign in again with `podium login`"


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity server, as it describes itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    device_authorization_endpoint: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in or a renewal brought. `expires_at`: seconds since 1970, None where the server does not say."""

    access_token: str
    refresh_token: str | None
    expires_at: float | None
    id_token: str | None


@dataclass(eq=False)
class Refused(Exception):
    """The word with which an OAuth endpoint refused (RFC 6749, 5.2), and what it said beside."""

    error: str
    failure: Failure


def discover(url: str) -> Provider:
    """The identity server of an installation. Raises Failure for one that calls itself by another address.

    The comparison is what keeps a server from passing itself off as another one (OpenID Connect Discovery, 4.3).
    """
    issuer = f"{url}/identity_"
    address = f"{issuer}/.well-known/openid-configuration"
    with open_http(url) as http:
        response = send(http, "GET", address)
    said = _json(response, url)
    if not response.is_success or not isinstance(said, dict) or not isinstance(said.get("issuer"), str):
        raise Failure(f"{url} describes no identity server; is this a Podium server?")
    if said["issuer"] != issuer:
        itself = said["issuer"].removesuffix("/identity_")
        raise Failure(
            f"The server at {url} calls itself {itself}", hint="use that address, or correct PODIUM_PUBLIC_URL there"
        )
    names = ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "device_authorization_endpoint")
    missing = [name for name in names if not isinstance(said.get(name), str)]
    if missing:
        raise Failure(f"The identity server of {url} offers no {missing[0]}")
    return Provider(issuer, *(said[name] for name in names))


def redeem(provider: Provider, grant_type: str, **proof: str) -> Tokens:
    """The tokens that a grant proves. Raises Refused, Failure."""
    said = post(provider.token_endpoint, grant_type=grant_type, client_id=CLIENT_ID, **proof)
    access_token, lifetime_s = said.get("access_token"), said.get("expires_in")
    if not isinstance(access_token, str) or not access_token:
        raise Failure(f"{provider.issuer} gave no access token")
    return Tokens(
        access_token,
        _text(said.get("refresh_token")),
        time.time() + lifetime_s if isinstance(lifetime_s, int) else None,
        _text(said.get("id_token")),
    )


def revoke(provider: Provider, refresh_token: str) -> None:
    """End the sign-in that a refresh token belongs to, with its access tokens. Raises Refused, Failure."""
    post(provider.revocation_endpoint, client_id=CLIENT_ID, token=refresh_token, token_type_hint="refresh_token")  # noqa: S106


def post(address: str, **form: str) -> Mapping[str, Any]:
    """The answer of an OAuth endpoint, empty for one without a body. Raises Refused, Failure."""
    with open_http(address) as http:
        response = send(http, "POST", address, data=form)
    if response.is_success and not response.content:
        return {}
    said = _json(response, address)
    if response.is_success and isinstance(said, dict):
        return said
    message, code = message_of(response)
    failure = Failure(message, Exit.REFUSED if response.status_code >= 500 else Exit.NOT_AUTHENTICATED, code)
    if isinstance(said, dict) and isinstance(said.get("error"), str):
        raise Refused(said["error"], failure)
    raise failure


def check_id_token(provider: Provider, tokens: Tokens, nonce: str | None) -> str:
    """The name of the user who signed in. Raises Failure for an ID token that is not for this sign-in.

    It came from the token endpoint itself, whose connection vouches for it in place of the signature (OpenID Connect
    Core, 3.1.3.7). `nonce`: None where the grant has none.
    """
    claims = _claims(tokens.id_token)
    audience = claims.get("aud")
    expires_at = claims.get("exp")
    is_ours = (
        claims.get("iss") == provider.issuer
        and CLIENT_ID in (audience if isinstance(audience, list) else [audience])
        and claims.get("azp", CLIENT_ID) == CLIENT_ID
        and (nonce is None or claims.get("nonce") == nonce)
        and isinstance(expires_at, int | float)
        and expires_at > time.time() - CLOCKS_MAY_DIFFER_S
    )
    if not is_ours:
        raise Failure("The server's ID token does not belong to this sign-in", Exit.NOT_AUTHENTICATED)
    names = (claims.get(name) for name in ("preferred_username", "name", "sub"))
    return next((name for name in names if isinstance(name, str) and name), "")


CLOCKS_MAY_DIFFER_S = 600.0


def _claims(token: str | None) -> Mapping[str, Any]:
    payload = token.split(".")[1] if token and token.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _json(response: Any, url: str) -> Any:
    try:
        return response.json()
    except ValueError:
        if response.is_success:
            raise Failure(f"{url} did not answer in JSON; is this a Podium server?") from None
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
