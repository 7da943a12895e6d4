"""What the pages need of the protocol: the request that a sign-in is for, consent, and devices."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.clients.rules import Client
from podium.identity.issuer import Issuer
from podium.identity.names import fold
from podium.identity.oidc import store
from podium.identity.oidc.device_rules import shown, user_code_key
from podium.identity.oidc.errors import AuthorizeError, NoRedirect
from podium.identity.oidc.rules import (
    AuthorizeRequest,
    callback_path,
    is_of_client,
    parse_parameters,
    read_request,
    redirect_address,
    with_parameters,
)
from podium.identity.partitions.actions import active_organizations
from podium.identity.partitions.rules import HOST_ID
from podium.identity.ports import Tenants
from podium.identity.sessions.rules import Session, flow_of
from podium.identity.tokens import actions as tokens
from podium.kernel.call import Call
from podium.kernel.db import Connection


class DeviceRequest(NamedTuple):
    """A device that waits for its user's word. `user_code` as it is shown, with a dash."""

    client: Client
    scopes: tuple[str, ...]
    user_code: str


class Application(NamedTuple):
    """What a user let into the account. `granted_at`: when last."""

    client_id: str
    name: str
    scopes: tuple[str, ...]
    granted_at: datetime


async def asked(call: Call, return_url: str) -> AuthorizeRequest | None:
    """The request that a page's `returnUrl` leads back to, checked as the endpoint itself does.

    None for every other address, which a page must not redirect to on that account. `organization_id` is the one to
    sign in to: the client's own, else the one that `acr_values` names (an organization, or a tenant of it), else the
    one in the call's address, else None.
    """
    issuer = call.port(Issuer)
    path, _, query = return_url.partition("?")
    if path != callback_path(issuer.issuer) or "#" in query:
        return None
    try:
        parameters = parse_parameters(query)
        client = await issuer.clients.find(parameters.values.get("client_id", ""), call.now)
        redirect_uri = redirect_address(parameters, client)
        assert client is not None
        request = read_request(parameters, client, redirect_uri, flow_of(return_url), is_callback=True)
    except (NoRedirect, AuthorizeError):
        return None
    return request._replace(organization_id=await _organization(call, request))


async def _organization(call: Call, request: AuthorizeRequest) -> UUID | None:
    if request.client.organization_id != HOST_ID:
        return request.client.organization_id
    if not request.tenant_name:
        return call.organization_id
    async with call.services.db.acquire() as db:
        known = dict(await active_organizations(db))
    named = known.get(fold(request.tenant_name))
    if named is not None:
        return named
    tenant = await call.port(Tenants).find(request.tenant_name)
    return tenant.organization_id if tenant else call.organization_id


async def agree(db: Connection, session: Session, request: AuthorizeRequest, now: datetime) -> None:
    """Keep that the session's user gives the client what the request asks for; then the page leads back."""
    await store.put_consent(db, session, request, now)


async def applications_of(call: Call, organization_id: UUID, user_id: UUID) -> list[Application]:
    """The clients that the user let in and that may still come, by name."""
    clients = call.port(Issuer).clients
    async with call.services.db.acquire() as db:
        rows = await store.applications_of(db, organization_id, user_id, call.now)
    found = []
    for row in rows:
        client = await clients.find(row["client_id"], call.now)
        if client is not None:
            found.append(Application(client.client_id, client.name, tuple(row["scopes"]), row["granted_at"]))
    return sorted(found, key=lambda one: (fold(one.name), one.client_id))


async def withdraw(
    db: Connection, organization_id: UUID, user_id: UUID, client_id: str, now: datetime, lifetime_s: int
) -> None:
    """The client holds nothing of the user any more and has to ask again.

    After the commit the caller tells its node: `Issuer.note_revoked("agreement", agreement(user_id, client_id), now)`.
    """
    await store.remove_consent(db, organization_id, user_id, client_id)
    await store.end_unfinished(db, organization_id, user_id, client_id)
    await tokens.end_agreement(db, organization_id, user_id, client_id, now, lifetime_s)


def denied(request: AuthorizeRequest, issuer: str) -> str:
    """Where the browser goes when the user refuses."""
    refusal = {"error": "access_denied", "error_description": "The user refused.", "state": request.state}
    return with_parameters(request.redirect_uri, {**refusal, "iss": issuer})


async def find_device(call: Call, user_code: str) -> DeviceRequest | None:
    """The device that shows this code and waits; letters in any case, with or without the dash."""
    key = user_code_key(user_code)
    async with call.services.db.acquire() as db:
        grant = await store.pending_device(db, key, call.now) if key else None
    client = await call.port(Issuer).clients.find(grant["client_id"], call.now) if grant else None
    if grant is None or client is None or key is None:
        return None
    return DeviceRequest(client, tuple(grant["scopes"]), shown(key))


async def approve_device(db: Connection, session: Session, device: DeviceRequest, now: datetime) -> bool:
    """Let the device have tokens of the session's user; false when it does not wait any more or may not."""
    if not is_of_client(device.client, session.organization_id):
        return False
    return await store.approve_device(db, _key(device), session, now)


async def deny_device(db: Connection, device: DeviceRequest, now: datetime) -> bool:
    """Tell the device that the user refused; false when it does not wait any more."""
    return await store.deny_device(db, _key(device), now)


def _key(device: DeviceRequest) -> str:
    return device.user_code.replace("-", "")
