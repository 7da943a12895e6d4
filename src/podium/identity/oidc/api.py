"""The endpoints that clients call themselves: tokens, devices, revocation, introspection, the user's claims."""

from __future__ import annotations

import msgspec

from podium.identity.issuer import Issuer
from podium.identity.oidc import device, inspection
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.form import credentials, read_form
from podium.identity.oidc.grants import GRANTS, authenticate_client
from podium.kernel import audit
from podium.kernel.call import Call, Reply
from podium.kernel.operation import operation

NOT_STORED = {"cache-control": "no-store, no-cache, max-age=0", "pragma": "no-cache"}


# Without a connection: most tokens need no query, and a refused refresh token must be able to commit.
@operation("POST", "/connect/token", connected=False)
async def token(call: Call) -> Reply:
    """Tokens for what the grant proves. Raises OAuthError."""
    form = await read_form(call)
    issuer = call.port(Issuer)
    presented = credentials(call.headers, call.query, form)
    asked = form.get("grant_type", "")
    if not asked:
        raise OAuthError("invalid_request", "The grant_type is missing.")
    grant = GRANTS.get(asked)
    if grant is None:
        raise OAuthError("unsupported_grant_type")
    client = await authenticate_client(call, issuer, presented)
    answer = await grant(call, issuer, client, form)
    return Reply(200, msgspec.json.encode(answer), headers=NOT_STORED)


@operation("POST", "/connect/deviceauthorization", connected=False)
async def device_authorization(call: Call) -> Reply:
    """A code for a device, and one for its user to type. Raises OAuthError."""
    form = await read_form(call)
    client = await authenticate_client(call, call.port(Issuer), credentials(call.headers, call.query, form))
    answer = await device.begin_device(call, client, form.get("scope", ""))
    return Reply(200, answer, headers=NOT_STORED)


@operation("POST", "/connect/revocation", connected=False)
async def revocation(call: Call) -> Reply:
    """The end of a token of the client's own (RFC 7009). 200 whether or not there was one. Raises OAuthError."""
    form = await read_form(call)
    issuer = call.port(Issuer)
    client = await authenticate_client(call, issuer, credentials(call.headers, call.query, form))
    presented = form.get("token", "")
    if not presented:
        raise OAuthError("invalid_request", "The token is missing.")
    async with call.services.db.transaction() as db:
        ended = await inspection.end(db, issuer, client, presented, call.now)
        if ended is not None:
            call.db, call.organization_id = db, ended.organization_id
            call.actor = call.actor._replace(kind="application", name=client.name, client_id=client.client_id)
            call.describe(
                "Revoke", component="Authentication", entity_id=ended.name, name=f"Revoked{ended.kind.title()}"
            )
            await audit.add(call)
    if ended is not None:
        issuer.note_revoked(ended.kind, ended.name, call.now)
    return Reply(200, headers=NOT_STORED)


@operation("POST", "/connect/introspect", connected=False)
async def introspection(call: Call) -> Reply:
    """What a token says and whether it holds (RFC 7662), to an application with a secret. Raises OAuthError."""
    form = await read_form(call)
    issuer = call.port(Issuer)
    client = await authenticate_client(call, issuer, credentials(call.headers, call.query, form))
    if not client.is_confidential or client.kind == "machine":
        raise OAuthError("unauthorized_client", "Only applications with a secret may ask.")
    presented = form.get("token", "")
    if not presented:
        raise OAuthError("invalid_request", "The token is missing.")
    async with call.services.db.acquire() as db:
        said = await inspection.inspect(db, issuer, client, presented, call.now)
    return Reply(200, msgspec.json.encode(said), headers=NOT_STORED)


@operation("GET", "/connect/userinfo", connected=False)
async def userinfo(call: Call) -> Reply:
    """The user's claims that the access token's scopes open."""
    return await _userinfo(call, "")


@operation("POST", "/connect/userinfo", connected=False)
async def userinfo_form(call: Call) -> Reply:
    """The same; the access token in the header, or in the form (RFC 6750, 2.2), never in both."""
    form = await read_form(call) if "content-type" in call.headers else {}
    return await _userinfo(call, form.get("access_token", ""))


async def _userinfo(call: Call, in_form: str) -> Reply:
    scheme, _, in_header = call.headers.get("authorization", "").partition(" ")
    if scheme and in_form:
        raise OAuthError("invalid_request", "The access token is given twice.")
    presented = in_header.strip() if scheme.lower() == "bearer" else in_form
    found = await inspection.userinfo(call, presented)
    if isinstance(found, OAuthError):
        challenge = f'Bearer error="{found.error}", error_description="{found.description}"' if presented else "Bearer"
        return Reply(found.status, headers={"www-authenticate": challenge, **NOT_STORED})
    return Reply(200, msgspec.json.encode(found), headers=NOT_STORED)
