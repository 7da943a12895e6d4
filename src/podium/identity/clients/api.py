"""External applications: what administrators register so that other programs may ask for tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from msgspec import UNSET

from podium.identity.clients import addresses, catalog, registration, store, view
from podium.identity.clients.actions import KnownClients
from podium.identity.clients.registration import Registration
from podium.identity.clients.rules import Client
from podium.identity.groups import actions as groups
from podium.identity.issuer import Issuer
from podium.identity.names import fold
from podium.identity.ports import AccessChanged, UsersDeleted
from podium.identity.requests import NOT_YOURS, guid, not_valid, partition
from podium.identity.tokens import actions as tokens
from podium.kernel.call import Call, Reply, given
from podium.kernel.errors import Conflict, Forbidden, NotFound, ValidationProblem
from podium.kernel.operation import operation
from podium.kernel.secrets import hash_machine_secret, new_secret
from podium.wire import identity as wire

COMPONENT = "ExternalClient"
UNKNOWN = "ExternalClient does not exist."
UNKNOWN_SECRET = "ClientSecret does not exist."  # noqa: S105 - words
NOT_STORED = {"cache-control": "no-store"}
MAX_SECRETS = 20
MAX_DESCRIPTION_CHARACTERS = 256
MAX_SECRET_ID = 2**63 - 1

CATCH_UP = timedelta(seconds=1)
"""A call that read the client before the change may issue a token an instant after it; that token ends, too."""
GONE_FOR_GOOD = KnownClients.TTL + CATCH_UP
"""Within this time every node knows that a deleted client is gone."""

_CATALOGUE = msgspec.json.encode([view.resource(one) for one in catalog.RESOURCES])


@operation("GET", "/api/ExternalApiResource", connected=False)
async def list_resources(_: Call) -> Reply:
    """The APIs and their scopes."""
    return Reply(200, _CATALOGUE)


@operation("GET", "/api/ExternalClient/{partitionGlobalId}")
async def list_clients(call: Call, partition_global_id: str) -> list[dict[str, Any]]:
    """The registered applications by name; neither machines nor what the installation brings along."""
    organization_id = partition(call, partition_global_id)
    rows = await store.external(call.db, organization_id)
    return view.clients(rows, await store.secrets(call.db, organization_id))


@operation("GET", "/api/ExternalClient/{partitionGlobalId}/{clientId}")
async def get_client(call: Call, partition_global_id: str, client_id: str) -> dict[str, Any]:
    """One application; no secret is shown again."""
    organization_id = partition(call, partition_global_id)
    return await _shown(call, organization_id, str(guid("clientId", client_id)))


@operation("POST", "/api/ExternalClient")
async def create_client(call: Call, body: wire.CreateExternalClientCommand) -> Reply:
    """Register an application; a confidential one gets its first secret, shown in this answer only."""
    organization_id = partition(call, body.partition_global_id)
    missing = {
        name: [f"The {name} field is required."]
        for name, value in (("IsConfidential", body.is_confidential), ("Scopes", body.scopes))
        if value is None or value is UNSET
    }
    wanted = Registration(
        name=given(body.name, "").strip(),
        is_confidential=given(body.is_confidential, False),
        redirect_uris=addresses.split(given(body.redirect_uri, "")),
        post_logout_uris=_addresses(given(body.post_logout_redirect_uris, [])),
        requires_consent=given(body.require_consent, False),
        application_scopes=(),
        user_scopes=(),
    )
    wanted = _checked(call, wanted, body.scopes or [], missing)
    _may_hand_out(call, wanted)
    client = Client(
        organization_id=organization_id,
        id=(id_ := uuid4()),
        client_id=str(id_),
        kind="external",
        name=wanted.name,
        is_confidential=wanted.is_confidential,
        redirect_uris=(),
        application_scopes=(),
        user_scopes=(),
        takes_any_scope=False,
        secrets=(),
    )
    await _put(call, client, wanted)
    clear = None
    if client.is_confidential:
        clear = new_secret()
        await store.add_secret(call.db, organization_id, client.client_id, None, hash_machine_secret(clear), call.now)
    call.describe("Create", component=COMPONENT, entity_id=client.client_id, name=wanted.name)
    call.audit["detail"] = _said(wanted)
    shown = await _shown(call, organization_id, client.client_id)
    return Reply(201, msgspec.json.encode(shown | {"secret": clear}), headers=NOT_STORED)


@operation("PUT", "/api/ExternalClient/{partitionGlobalId}/{clientId}")
async def update_client(
    call: Call, partition_global_id: str, client_id: str, body: wire.UpdateExternalClientCommand
) -> None:
    """Change an application. A member that is left out stays; the scopes are replaced as a whole.

    What was given for a scope or an address that is gone ends: access tokens and refresh tokens of everybody.
    """
    organization_id = partition(call, partition_global_id)
    client = await _locked(call, organization_id, str(guid("clientId", client_id)))
    before = Registration.of(client)
    wanted = before._replace(
        name=before.name if body.name is None or body.name is UNSET else body.name.strip(),
        redirect_uris=before.redirect_uris if body.redirect_uri is UNSET else addresses.split(body.redirect_uri or ""),
        post_logout_uris=before.post_logout_uris
        if body.post_logout_redirect_uris is UNSET
        else _addresses(body.post_logout_redirect_uris or []),
        requires_consent=given(body.require_consent, before.requires_consent),
    )
    wanted = _checked(call, wanted, given(body.scopes, None), {})
    _may_hand_out(call, before)
    _may_hand_out(call, wanted)
    await _put(call, client, wanted)
    if registration.takes_away(before, wanted):
        issuer, until = call.port(Issuer), call.now + CATCH_UP
        await tokens.end_all_of_client(call.db, client.client_id, until, issuer.lifetime_s)
        call.on_commit(lambda: issuer.note_revoked("client", client.client_id, until))
    await _announce(call, organization_id)
    call.describe("Update", component=COMPONENT, entity_id=client.client_id, name=wanted.name)
    call.audit["detail"] = _said(wanted)


@operation("DELETE", "/api/ExternalClient/{partitionGlobalId}/{clientId}")
async def delete_client(call: Call, partition_global_id: str, client_id: str) -> None:
    """Remove an application with its secrets, its places in groups, tenants and folders, and everything it holds."""
    organization_id = partition(call, partition_global_id)
    client = await _locked(call, organization_id, str(guid("clientId", client_id)))
    await groups.leave_all(call.db, organization_id, [client.id])
    await call.port(UsersDeleted).users_deleted(call.db, organization_id, [client.id])
    await store.remove(call.db, organization_id, client.client_id)
    issuer, until = call.port(Issuer), call.now + GONE_FOR_GOOD
    await tokens.end_all_of_client(call.db, client.client_id, until, issuer.lifetime_s)
    call.on_commit(lambda: issuer.note_revoked("client", client.client_id, until))
    await _announce(call, organization_id)
    call.describe("Delete", component=COMPONENT, entity_id=client.client_id, name=client.name)


@operation("POST", "/api/ExternalClient/GenerateSecret")
async def generate_secret(call: Call, body: wire.CreateClientSecretCommand) -> Reply:
    """A further secret, shown in this answer only; the present ones stay."""
    organization_id = partition(call, body.partition_global_id)
    named = given(body.client_id, "")
    if not named:
        raise ValidationProblem({"ClientId": ["The ClientId field is required."]})
    client = await _locked(call, organization_id, str(guid("clientId", named)))
    return await _new_secret(call, client, body)


@operation("GET", "/api/ExternalClient/{partitionGlobalId}/{clientId}/GenerateSecret", atomic=True, audited=True)
async def generate_secret_by_address(call: Call, partition_global_id: str, client_id: str) -> Reply:
    """As above, the older way: the secret itself as a JSON text. It is a GET that writes."""
    organization_id = partition(call, partition_global_id)
    client = await _locked(call, organization_id, str(guid("clientId", client_id)))
    answer = await _new_secret(call, client, wire.CreateClientSecretCommand())
    made: dict[str, object] = msgspec.json.decode(answer.body)
    return Reply(200, msgspec.json.encode(made["secret"]), headers=NOT_STORED)


@operation("DELETE", "/api/ExternalClient/{partitionGlobalId}/secrets/{secretId}")
async def delete_secret(call: Call, partition_global_id: str, secret_id: str) -> None:
    """Remove one secret. Access tokens of the application end, because nobody knows which secret gave them.

    Refresh tokens stay: they are of no use without a secret that holds.
    """
    organization_id = partition(call, partition_global_id)
    if not (secret_id.isascii() and secret_id.isdigit()) or int(secret_id) > MAX_SECRET_ID:
        raise not_valid("secretId", secret_id)
    owner = await store.owner_of_secret(call.db, organization_id, int(secret_id))
    client = await store.lock(call.db, organization_id, owner) if owner else None
    if client is None or not await store.remove_secret(call.db, organization_id, client.client_id, int(secret_id)):
        raise NotFound(UNKNOWN_SECRET)
    issuer, until = call.port(Issuer), call.now + CATCH_UP
    await tokens.revoke(call.db, "client", client.client_id, until, issuer.lifetime_s)
    call.on_commit(lambda: issuer.note_revoked("client", client.client_id, until))
    await _announce(call, organization_id)
    call.describe("SecretDelete", component=COMPONENT, entity_id=client.client_id, name=client.name)
    call.audit["detail"] = {"secretId": int(secret_id)}


async def _new_secret(call: Call, client: Client, body: wire.CreateClientSecretCommand) -> Reply:
    description, expires_at = given(body.description, "").strip(), given(body.expiry_time, None)
    if not client.is_confidential:
        raise ValidationProblem({"ClientId": ["A non-confidential application has no secret."]})
    if len(description) > MAX_DESCRIPTION_CHARACTERS:
        raise ValidationProblem(
            {"Description": [f"The Description may have up to {MAX_DESCRIPTION_CHARACTERS} characters."]}
        )
    if expires_at is not None and expires_at <= call.now:
        raise ValidationProblem({"ExpiryTime": ["The ExpiryTime must be in the future."]})
    _may_hand_out(call, Registration.of(client))
    if len(client.secrets) >= MAX_SECRETS:
        raise ValidationProblem({"ClientId": [f"The application has {MAX_SECRETS} secrets already; delete one first."]})
    clear = new_secret()
    secret_id = await store.add_secret(
        call.db,
        client.organization_id,
        client.client_id,
        description or None,
        hash_machine_secret(clear),
        call.now,
        expires_at,
    )
    assert secret_id is not None
    await _announce(call, client.organization_id)
    call.describe("SecretGenerate", component=COMPONENT, entity_id=client.client_id, name=client.name)
    call.audit["detail"] = {"secretId": secret_id, "description": description or None, "expiryTime": expires_at}
    shown = view.secret(secret_id, description or None, call.now, expires_at, clear)
    return Reply(200, msgspec.json.encode(shown), headers=NOT_STORED)


def _checked(
    call: Call, wanted: Registration, scopes: list[wire.ExternalScopeDto] | None, missing: registration.Faults
) -> Registration:
    """The registration with the scopes asked for, if any were. Raises ValidationProblem for all that is wrong."""
    wrong: list[str] = []
    if scopes is not None:
        asked = [(given(one.name, ""), catalog.USES[given(one.type, "user")]) for one in scopes]
        applications, users, wrong = registration.sort_scopes(asked)
        wanted = wanted._replace(application_scopes=applications, user_scopes=users)
    found = registration.faults(wanted, allows_http=call.public_url.startswith("http://"))
    found |= {"Scopes": wrong} if wrong else {}
    if found or missing:
        raise ValidationProblem(found | missing)
    return wanted


def _may_hand_out(call: Call, wanted: Registration) -> None:
    """An application does not get, through another one, at what it has no scope for (decision 35).

    Administrators may: they can register whatever they like anyway.
    """
    if call.actor.kind == "application" and registration.exceeds(call.actor.scopes or (), wanted):
        raise Forbidden(NOT_YOURS)


async def _put(call: Call, client: Client, wanted: Registration) -> None:
    """Store the registration. Raises Conflict for a name that another application has."""
    key = fold(wanted.name)
    if await store.is_name_taken(call.db, client.organization_id, key, client.client_id):
        raise Conflict(f"The name {wanted.name} is already used.")
    await store.put(call.db, client._replace(**wanted._asdict()), key, call.now, is_bootstrap=False)


async def _locked(call: Call, organization_id: UUID, client_id: str) -> Client:
    client = await store.lock(call.db, organization_id, client_id)
    if client is None:
        raise NotFound(UNKNOWN)
    return client


async def _shown(call: Call, organization_id: UUID, client_id: str) -> dict[str, Any]:
    rows = await store.external(call.db, organization_id, client_id)
    if not rows:
        raise NotFound(UNKNOWN)
    return view.client(rows[0], await store.secrets(call.db, organization_id, client_id))


async def _announce(call: Call, organization_id: UUID) -> None:
    """Every node forgets, when this commits, what it remembers of clients and of what applications may do."""
    issuer, access = call.port(Issuer), call.port(AccessChanged)
    await access.announce(call.db, organization_id)
    call.on_commit(issuer.clients.forget)
    call.on_commit(access.forget)


def _addresses(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts))


def _said(wanted: Registration) -> dict[str, object]:
    """What of a registration the audit trail keeps."""
    return {
        "isConfidential": wanted.is_confidential,
        "redirectUri": list(wanted.redirect_uris),
        "applicationScopes": list(wanted.application_scopes),
        "userScopes": list(wanted.user_scopes),
    }
