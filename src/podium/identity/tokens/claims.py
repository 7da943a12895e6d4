"""What tokens say of a user, and reading what an ID token of ours says. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from podium.identity.tokens.rules import NOT_VALID
from podium.identity.users.rules import User
from podium.kernel.errors import Unauthenticated

ID_TOKEN_S = 300
"""How long an ID token lives: it is read once, at the sign-in."""

MAX_TOKEN_CHARACTERS = 16 * 1024
PARTS = 3


class SignedIn(NamedTuple):
    """How a user came in. `methods`: the words of `amr` (RFC 8176). `grant_id`: the authorization that tokens come of.

    `session_id`: the browser session, None where there is none. `tenant_key`: the tenant that a classic sign-in named.
    """

    authenticated_at: datetime
    methods: tuple[str, ...] = ("pwd",)
    session_id: UUID | None = None
    grant_id: UUID | None = None
    tenant_key: UUID | None = None


class IdHint(NamedTuple):
    """What an ID token of ours says, expired or not."""

    subject: UUID
    client_id: str
    session_id: str | None


def access_claims(user: User, how: SignedIn) -> dict[str, object]:
    """The claims of an access token that are about the user and how he came in."""
    claims: dict[str, object] = {
        "sub": str(user.id),
        "email": user.email or "",
        "name": user.full_name,
        "preferred_username": user.user_name,
        "first_name": user.first_name or "",
        "last_name": user.last_name or "",
        "auth_time": int(how.authenticated_at.timestamp()),
        "idp": "local",
        "amr": list(how.methods),
    }
    if how.session_id is not None:
        claims["sid"] = str(how.session_id)
    if how.grant_id is not None:
        claims["grant_id"] = str(how.grant_id)
    if how.tenant_key is not None:
        claims["tenant_key"] = str(how.tenant_key)
    return claims


def profile(user: User, scopes: Collection[str], *, is_email_confirmed: bool) -> dict[str, object]:
    """What the scopes `profile` and `email` open, under the standard's names and the vendor's."""
    claims: dict[str, object] = {"sub": str(user.id), "prt_id": str(user.organization_id)}
    if "profile" in scopes:
        claims |= {
            "name": user.full_name,
            "preferred_username": user.user_name,
            "first_name": user.first_name or "",
            "last_name": user.last_name or "",
            "given_name": user.first_name or "",
            "family_name": user.last_name or "",
        }
    if "email" in scopes and user.email:
        claims |= {"email": user.email, "email_verified": is_email_confirmed}
    return claims


def id_claims(
    issuer: str, client_id: str, how: SignedIn, access_token: str, nonce: str | None, now: datetime
) -> dict[str, object]:
    """The claims of an ID token but for those about the user."""
    issued = int(now.timestamp())
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": client_id,
        "iat": issued,
        "nbf": issued,
        "exp": issued + ID_TOKEN_S,
        "auth_time": int(how.authenticated_at.timestamp()),
        "amr": list(how.methods),
        "at_hash": at_hash(access_token),
    }
    if how.session_id is not None:
        claims["sid"] = str(how.session_id)
    if nonce is not None:
        claims["nonce"] = nonce
    return claims


def at_hash(access_token: str) -> str:
    """The left half of the token's SHA-256 (OpenID Connect Core 3.1.3.6)."""
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def read_id_token(said: object, issuer: str) -> IdHint | None:
    """Whose and whom for an ID token is, whose signature holds; None for any other token."""
    if not isinstance(said, dict):
        return None
    claims = cast("Mapping[str, object]", said)
    subject, client_id, session_id = claims.get("sub"), claims.get("aud"), claims.get("sid")
    if claims.get("iss") != issuer or not isinstance(client_id, str) or not isinstance(subject, str):
        return None
    try:
        return IdHint(UUID(subject), client_id, session_id if isinstance(session_id, str) else None)
    except ValueError:
        return None


def parts(token: str) -> list[str]:
    """Header, payload and signature of a token, none for text that is none."""
    found = token.split(".", PARTS) if len(token) <= MAX_TOKEN_CHARACTERS else []
    return found if len(found) == PARTS else []


def from_base64url(text: str) -> bytes:
    """The bytes of strict, canonical base64url; Unauthenticated for anything else, so that a token has one spelling."""
    padded = text.translate(_TO_STANDARD) + "=" * (-len(text) % 4)
    try:
        raw = binascii.a2b_base64(padded, strict_mode=True)
    except (binascii.Error, ValueError):
        raise Unauthenticated(NOT_VALID) from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise Unauthenticated(NOT_VALID)
    return raw


_TO_STANDARD = str.maketrans("-_+/=", "+/   ")  # the letters of the other alphabet become illegal
