"""The grants of the token endpoint: who asks for what, and the tokens that come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import NamedTuple
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
from podium.identity.oidc import codes, store
from podium.identity.oidc.device import poll_device
from podium.identity.oidc.device_rules import Poll
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.form import Credentials
from podium.identity.oidc.user_tokens import OFFLINE, OPENID, Answer, answer, greet, token_answer
from podium.identity.tokens.actions import end_family, renew, revoke, start_family
from podium.identity.tokens.claims import SignedIn
from podium.identity.users.actions import active_user
from podium.identity.users.rules import User
from podium.kernel import audit
from podium.kernel.call import Call
from podium.kernel.db import Connection

log = structlog.get_logger(__name__)

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
    return token_answer(issuer, issuer.issue_application_token(client, scopes, call.now), scopes)


async def refresh_token(call: Call, issuer: Issuer, client: Client, form: Mapping[str, str]) -> Answer:
    """The next access token of a sign-in and the next refresh token; the one presented is spent."""
    presented = form.get("refresh_token", "")
    if not presented:
        raise OAuthError("invalid_request", "The refresh_token is missing.")
    is_confirmed = False
    async with call.services.db.transaction() as db:  # commits a refusal too: it may have ended the family
        renewed = await renew(db, presented, client.client_id, call.now)
        if renewed.ended_family is not None:
            # whoever holds the stolen token may hold access tokens of it as well
            await revoke(db, "grant", str(renewed.ended_family), call.now, issuer.lifetime_s)
            call.organization_id = renewed.organization_id
            await _audit_reuse(call, db, client, renewed.ended_family, "RefreshTokenReuse")
        family = renewed.family
        user = await active_user(db, family.organization_id, family.subject) if family else None
        if family is not None and user is None:
            await end_family(db, family.organization_id, family.id, call.now)
        scopes = _narrowed(family.scopes, form) if family else []  # raising here leaves the token unspent
        if user is not None and OPENID in scopes:
            is_confirmed = await store.is_email_confirmed(db, user.organization_id, user.id)
    if renewed.ended_family is not None:
        issuer.note_revoked("grant", str(renewed.ended_family), call.now)
    if family is None or user is None or renewed.token is None:
        raise OAuthError("invalid_grant")
    how = SignedIn(family.authenticated_at, tuple(family.methods), family.session_id, family.id)
    return answer(call, client, user, scopes, how, is_email_confirmed=is_confirmed, refresh_token=renewed.token)


async def authorization_code(call: Call, issuer: Issuer, client: Client, form: Mapping[str, str]) -> Answer:
    """The tokens of a user who came back from the pages with a code."""
    presented, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
    for name in ("code", "redirect_uri"):
        if not form.get(name):
            raise OAuthError("invalid_request", f"The {name} is missing.")
    verifier = form.get("code_verifier") or None
    async with call.services.db.transaction() as db:  # commits a refusal too: the code is spent
        redeemed = await codes.redeem(
            db, presented, client.client_id, redirect_uri, verifier, call.now, issuer.lifetime_s
        )
        if redeemed.ended_grant is not None:
            call.organization_id = redeemed.organization_id
            await _audit_reuse(call, db, client, redeemed.ended_grant, "CodeReuse")
        code, given = redeemed.code, None
        if code is not None:
            how = SignedIn(code.authenticated_at, tuple(code.methods), code.session_id, redeemed.grant_id)
            given = await _begin(db, client, code.organization_id, code.user_id, code.scopes, how, call.now)
    if redeemed.ended_grant is not None:
        issuer.note_revoked("grant", str(redeemed.ended_grant), call.now)
    if code is None or given is None:
        raise OAuthError("invalid_grant")
    return _begun(call, client, given, nonce=code.nonce)


async def device_code(call: Call, _: Issuer, client: Client, form: Mapping[str, str]) -> Answer:
    """The tokens of a user who approved a device, once he has; RFC 8628."""
    presented = form.get("device_code", "")
    if not presented:
        raise OAuthError("invalid_request", "The device_code is missing.")
    given = None
    async with call.services.db.transaction() as db:  # commits a refusal too: how often a device polls is kept
        found = await poll_device(db, presented, client.client_id, call.now)
        if found.verdict is Poll.TOKENS and found.user_id and found.organization_id and found.how:
            given = await _begin(db, client, found.organization_id, found.user_id, found.scopes, found.how, call.now)
    if found.verdict is not Poll.TOKENS:
        raise OAuthError(found.verdict.value)
    if given is None:
        raise OAuthError("invalid_grant")
    await greet(call, given.user, "")
    return _begun(call, client, given)


class _Given(NamedTuple):
    user: User
    scopes: list[str]
    how: SignedIn
    refresh_token: str | None
    is_email_confirmed: bool


async def _begin(
    db: Connection,
    client: Client,
    organization_id: UUID,
    user_id: UUID,
    scopes: list[str],
    how: SignedIn,
    now: datetime,
) -> _Given | None:
    """What the first tokens of a grant need; None when the user may not come in any more."""
    user = await active_user(db, organization_id, user_id)
    if user is None:
        return None
    token = None
    if OFFLINE in scopes:
        token = await start_family(
            db,
            organization_id,
            client.client_id,
            user_id,
            scopes,
            now,
            session_id=how.session_id,
            authenticated_at=how.authenticated_at,
            methods=how.methods,
            grant_id=how.grant_id,
        )
    is_confirmed = OPENID in scopes and await store.is_email_confirmed(db, organization_id, user_id)
    return _Given(user, scopes, how, token, is_confirmed)


def _begun(call: Call, client: Client, given: _Given, nonce: str | None = None) -> Answer:
    return answer(
        call,
        client,
        given.user,
        given.scopes,
        given.how,
        is_email_confirmed=given.is_email_confirmed,
        refresh_token=given.refresh_token,
        nonce=nonce,
    )


def _narrowed(granted: list[str], form: Mapping[str, str]) -> list[str]:
    try:
        return narrowed_grant(granted, parse_scopes(form.get("scope", "")))
    except ScopeRefused as refusal:
        raise OAuthError("invalid_scope", str(refusal)) from None


GRANTS: Mapping[str, Grant] = {
    "authorization_code": authorization_code,
    "client_credentials": client_credentials,
    "refresh_token": refresh_token,
    "urn:ietf:params:oauth:grant-type:device_code": device_code,
}


async def _audit_reuse(call: Call, db: Connection, client: Client, grant_id: UUID, what: str) -> None:
    log.warning("identity.grant_reused", what=what, client=client.client_id, grant=str(grant_id), trace=call.trace_id)
    call.db = db
    call.describe("Revoke", component="Authentication", entity_id=str(grant_id), name=what)
    call.actor = call.actor._replace(kind="application", name=client.name, client_id=client.client_id)
    await audit.add(call)
