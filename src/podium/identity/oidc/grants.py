"""The grants of the token endpoint: who asks for what, and the tokens that come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import structlog

from podium.identity.clients.rules import (
    Client,
    ScopeRefused,
    application_grant,
    is_own_secret,
    narrowed_grant,
    parse_scopes,
)
from podium.identity.issuer import Issuer
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.form import Credentials
from podium.identity.tokens.actions import end_family, renew
from podium.identity.users.actions import active_user
from podium.kernel import audit
from podium.kernel.call import Call

log = structlog.get_logger(__name__)

Answer = dict[str, object]
Grant = Callable[[Call, Issuer, Client, Mapping[str, str]], Awaitable[Answer]]


async def authenticate_client(call: Call, issuer: Issuer, presented: Credentials) -> Client:
    """The client, having proved itself if it is confidential. An unknown one and a wrong secret get the same answer."""
    client = await issuer.clients.find(presented.client_id, call.now)
    has_proved = is_own_secret(client, presented.secrets or ("",), call.now)
    if client is None or (client.is_confidential and not has_proved):
        raise OAuthError("invalid_client")
    if not client.is_confidential and presented.secrets:
        raise OAuthError("invalid_client")
    return client


async def client_credentials(call: Call, issuer: Issuer, client: Client, form: Mapping[str, str]) -> Answer:
    """A token for the program itself, with application scopes; none to renew it with."""
    if not client.is_confidential or not client.application_scopes:
        raise OAuthError("unauthorized_client", "The client may not use this grant.")
    try:
        scopes = application_grant(client, parse_scopes(form.get("scope", "")))
    except ScopeRefused as refusal:
        raise OAuthError("invalid_scope", str(refusal)) from None
    return _answer(issuer, issuer.issue_application_token(client, scopes, call.now), scopes)


async def refresh_token(call: Call, issuer: Issuer, client: Client, form: Mapping[str, str]) -> Answer:
    """The next access token of a sign-in and the next refresh token; the one presented is spent."""
    presented = form.get("refresh_token", "")
    if not presented:
        raise OAuthError("invalid_request", "The refresh_token is missing.")
    async with call.services.db.transaction() as db:  # commits a refusal too: it may have ended the family
        renewed = await renew(db, presented, client.client_id, call.now)
        if renewed.ended_family is not None:
            call.db = db
            await _audit_reuse(call, client, renewed.ended_family)
        family = renewed.family
        user = await active_user(db, family.organization_id, family.subject) if family else None
        if family is not None and user is None:
            await end_family(db, family.organization_id, family.id, call.now)
        scopes = _narrowed(family.scopes, form) if family else []  # raising here leaves the token unspent
    if family is None or user is None or renewed.token is None:
        raise OAuthError("invalid_grant")
    access_token = issuer.issue_user_token(
        user,
        client.client_id,
        scopes,
        call.now,
        session_id=family.session_id,
        authenticated_at=family.authenticated_at,
    )
    return _answer(issuer, access_token, scopes) | {"refresh_token": renewed.token}


def _narrowed(granted: list[str], form: Mapping[str, str]) -> list[str]:
    try:
        return narrowed_grant(granted, parse_scopes(form.get("scope", "")))
    except ScopeRefused as refusal:
        raise OAuthError("invalid_scope", str(refusal)) from None


GRANTS: Mapping[str, Grant] = {
    "client_credentials": client_credentials,
    "refresh_token": refresh_token,
}


async def _audit_reuse(call: Call, client: Client, family_id: UUID) -> None:
    log.warning("identity.refresh_token_reused", client=client.client_id, family=str(family_id), trace=call.trace_id)
    call.describe("Revoke", component="Authentication", entity_id=str(family_id), name="RefreshTokenReuse")
    call.actor = call.actor._replace(kind="application", name=client.name, client_id=client.client_id)
    await audit.add(call)


def _answer(issuer: Issuer, access_token: str, scopes: list[str]) -> Answer:
    return {
        "access_token": access_token,
        "expires_in": issuer.lifetime_s,
        "token_type": "Bearer",
        "scope": " ".join(scopes),
    }
