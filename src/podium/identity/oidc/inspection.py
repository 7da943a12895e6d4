"""What a presented token is: to end it, to tell about it, to read its user's claims."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.clients.rules import Client
from podium.identity.issuer import Issuer
from podium.identity.oidc import store
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.user_tokens import OPENID
from podium.identity.partitions.rules import HOST_ID
from podium.identity.personal_tokens import actions as personal_tokens
from podium.identity.personal_tokens.rules import PREFIX
from podium.identity.tokens import actions as tokens
from podium.identity.tokens.actions import RevocationKind
from podium.identity.tokens.claims import profile
from podium.identity.tokens.rules import Claims, audience
from podium.identity.users.actions import active_user
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import Unauthenticated

Said = dict[str, object]
INACTIVE: Said = {"active": False}


class Ended(NamedTuple):
    """What a revocation ended, in the words of `Issuer.note_revoked`."""

    kind: RevocationKind
    name: str
    organization_id: UUID


def _claims(issuer: Issuer, presented: str, now: datetime) -> Claims | None:
    try:
        return issuer.verify(presented, now)
    except Unauthenticated:
        return None


async def end(db: Connection, issuer: Issuer, client: Client, presented: str, now: datetime) -> Ended | None:
    """End a token that the client holds: an access token alone, a refresh token with all that came of its sign-in.

    None, and nothing ends, for text that is no token, and for one of another client.
    """
    claims = _claims(issuer, presented, now)
    if claims is not None:
        if claims.client_id != client.client_id:
            return None
        await tokens.revoke(db, "token", claims.jti, now, issuer.lifetime_s)
        return Ended("token", claims.jti, claims.organization_id)
    family = await tokens.end_presented(db, presented, client.client_id, now, issuer.lifetime_s)
    return Ended("grant", str(family.id), family.organization_id) if family else None


async def inspect(db: Connection, issuer: Issuer, client: Client, presented: str, now: datetime) -> Said:
    """What the client is told of a token; of another organization's as little as of none."""
    claims = _claims(issuer, presented, now)
    if claims is not None:
        is_told = claims.job is None and _may_know(client, claims.organization_id)  # a job's end is not known here
        return _of_access(issuer, claims) if is_told else INACTIVE
    if presented.startswith(PREFIX):
        return await _of_personal(db, issuer, client, presented, now)
    family = await tokens.find_family(db, presented, now)
    if family is None or not _may_know(client, family.organization_id):
        return INACTIVE
    return {
        "active": True,
        "client_id": family.client_id,
        "sub": str(family.subject),
        "scope": " ".join(family.scopes),
        "token_type": "refresh_token",
        "iss": issuer.issuer,
        "exp": int(family.expires_at.timestamp()),
        "prt_id": str(family.organization_id),
    }


async def _of_personal(db: Connection, issuer: Issuer, client: Client, presented: str, now: datetime) -> Said:
    try:
        holder = await personal_tokens.verify(db, presented, now)
    except Unauthenticated:
        return INACTIVE
    if not _may_know(client, holder.organization_id):
        return INACTIVE
    return {
        "active": True,
        "client_id": holder.client_id,
        "sub": str(holder.subject),
        "username": holder.name,
        "scope": " ".join(sorted(holder.scopes)),
        "token_type": "access_token",
        "iss": issuer.issuer,
        "exp": int(holder.expires_at.timestamp()),
        "prt_id": str(holder.organization_id),
    }


def _may_know(client: Client, organization_id: UUID) -> bool:
    return client.organization_id in (HOST_ID, organization_id)


def _of_access(issuer: Issuer, claims: Claims) -> Said:
    said: Said = {
        "active": True,
        "client_id": claims.client_id,
        "scope": " ".join(sorted(claims.scopes)),
        "token_type": "access_token",
        "iss": issuer.issuer,
        "aud": audience(sorted(claims.scopes), issuer.issuer),
        "exp": claims.exp,
        "iat": claims.issued_ms // 1000,
        "nbf": claims.issued_ms // 1000,
        "jti": claims.jti,
        "prt_id": str(claims.organization_id),
    }
    if claims.subject is not None:
        said["sub"] = str(claims.subject)
    if claims.kind == "user":
        said["username"] = claims.name
    return said


async def userinfo(call: Call, presented: str) -> Said | OAuthError:
    """The claims of the user whose access token it is, or what to refuse it with."""
    claims = _claims(call.port(Issuer), presented, call.now) if presented else None
    if claims is None:
        return OAuthError("invalid_token", "The access token does not hold.", 401)
    if claims.subject is None or claims.kind != "user" or OPENID not in claims.scopes:
        return OAuthError("insufficient_scope", "The access token lacks the scope openid.", 403)
    async with call.services.db.acquire() as db:
        user = await active_user(db, claims.organization_id, claims.subject)
        is_confirmed = await store.is_email_confirmed(db, claims.organization_id, claims.subject)
    if user is None:
        return OAuthError("invalid_token", "The access token does not hold.", 401)
    return profile(user, claims.scopes, is_email_confirmed=is_confirmed)
