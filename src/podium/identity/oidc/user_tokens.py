"""What a user's client gets at the end of a sign-in: access token, ID token, refresh token."""

from __future__ import annotations

from podium.identity.clients.rules import Client
from podium.identity.directory import principal_of
from podium.identity.issuer import Issuer
from podium.identity.ports import SignedIn as SignedInPort
from podium.identity.ports import Tenants
from podium.identity.tokens.claims import SignedIn
from podium.identity.users.rules import User
from podium.kernel.call import Call

Answer = dict[str, object]
OPENID = "openid"
OFFLINE = "offline_access"


async def greet(call: Call, user: User, tenant_name: str) -> None:
    """Make what the first sign-in makes: in the tenant that was named where it is the organization's, else the default."""
    tenants = call.port(Tenants)
    named = await tenants.find(tenant_name) if tenant_name and len(tenant_name) <= MAX_NAME else None
    if named is None or named.organization_id != user.organization_id:
        named = await tenants.find("")
    if named is None or named.organization_id != user.organization_id:
        return
    await call.port(SignedInPort).signed_in(user.organization_id, named.key, principal_of(user))


MAX_NAME = 256


def answer(
    call: Call,
    client: Client,
    user: User,
    scopes: list[str],
    how: SignedIn,
    *,
    is_email_confirmed: bool,
    refresh_token: str | None = None,
    nonce: str | None = None,
) -> Answer:
    """The token endpoint's answer: an ID token when `openid` was granted, a refresh token when there is one."""
    issuer = call.port(Issuer)
    access_token = issuer.issue_user_token(
        user,
        client.client_id,
        scopes,
        call.now,
        session_id=how.session_id,
        authenticated_at=how.authenticated_at,
        methods=how.methods,
        grant_id=how.grant_id,
    )
    said = token_answer(issuer, access_token, scopes)
    if refresh_token is not None:
        said["refresh_token"] = refresh_token
    if OPENID in scopes:
        said["id_token"] = issuer.issue_id_token(
            user,
            client.client_id,
            scopes,
            how,
            access_token,
            call.now,
            is_email_confirmed=is_email_confirmed,
            nonce=nonce,
        )
    return said


def token_answer(issuer: Issuer, access_token: str, scopes: list[str]) -> Answer:
    """What every grant answers."""
    return {
        "access_token": access_token,
        "expires_in": issuer.lifetime_s,
        "token_type": "Bearer",
        "scope": " ".join(scopes),
    }
