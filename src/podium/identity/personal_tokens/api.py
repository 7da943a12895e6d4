"""Personal access tokens: each user's own; administrators see that there are some, and can end them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from podium.identity.issuer import Issuer
from podium.identity.personal_tokens import rules, store
from podium.identity.personal_tokens.actions import Holder, verify
from podium.identity.personal_tokens.entity import OF_ORGANIZATION, OF_USER, ONE_OF_USER, REFERENCE_TOKEN
from podium.identity.requests import NOT_YOURS, guid, json_reply, partition
from podium.identity.settings.actions import personal_token_policy
from podium.identity.tokens import actions as tokens
from podium.identity.users.actions import active_user
from podium.kernel.call import Call, Reply, given
from podium.kernel.errors import BadRequest, Forbidden, NotFound, Unauthenticated, ValidationProblem
from podium.kernel.ids import uuid7
from podium.kernel.odata.fetch import fetch_one, fetch_page
from podium.kernel.odata.tree import Options
from podium.kernel.operation import operation
from podium.kernel.secrets import hash_machine_secret, new_secret
from podium.wire import identity as wire

COMPONENT = "PersonalAccessToken"
UNKNOWN = "ReferenceToken does not exist."
NOT_STORED = {"cache-control": "no-store"}
MOST_LISTED = 1_000_000


@operation("GET", "/api/ReferenceToken")
async def list_tokens(call: Call) -> Reply:
    """The caller's tokens, oldest first; those that ended by time are among them until they are deleted or renewed."""
    organization_id, user_id = _owner(call)
    page = await fetch_page(call.db, REFERENCE_TOKEN, Options(), OF_USER, [organization_id, user_id])
    return json_reply(page.json)


@operation("GET", "/api/ReferenceToken/partition/{partitionGlobalId}")
async def list_of_organization(call: Call, partition_global_id: str) -> Reply:
    """Everybody's tokens; the tokens themselves nobody sees."""
    organization_id = partition(call, partition_global_id)
    page = await fetch_page(
        call.db, REFERENCE_TOKEN, Options(), OF_ORGANIZATION, [organization_id], max_rows=MOST_LISTED
    )
    return json_reply(page.json)


@operation("GET", "/api/ReferenceToken/{referenceTokenId}")
async def get_token(call: Call, reference_token_id: str) -> Reply:
    """One of the caller's tokens."""
    organization_id, user_id = _owner(call)
    token_id = guid("referenceTokenId", reference_token_id)
    found = await fetch_one(call.db, REFERENCE_TOKEN, Options(), ONE_OF_USER, [organization_id, user_id, token_id])
    if found is None:
        raise NotFound(UNKNOWN)
    return json_reply(found)


@operation("POST", "/api/ReferenceToken")
async def create_token(call: Call, body: wire.CreateReferenceTokenCommand) -> Reply:
    """A new token of the caller as a JSON text, shown in this answer only."""
    organization_id, user_id = _owner(call)
    policy = await personal_token_policy(call.db, organization_id)
    description, expires_at = given(body.description, "").strip(), given(body.expiration, None)
    scopes = list(dict.fromkeys(given(body.scopes, [])))
    wrong = rules.faults(description, expires_at, scopes, policy, call.now)
    if wrong:
        raise ValidationProblem(wrong)
    _may_pass_on(call, scopes)
    token_id = uuid7()
    await _reserve(call, organization_id, user_id, token_id, policy.max_per_user)
    token = f"{rules.PREFIX}{new_secret()}"
    assert expires_at is not None
    await store.add(
        call.db,
        organization_id,
        token_id,
        user_id,
        hash_machine_secret(token),
        description,
        scopes,
        call.now,
        expires_at,
    )
    _describe(call, "Create", token_id, description, scopes, expires_at)
    return _shown(token)


@operation("PUT", "/api/ReferenceToken/{referenceTokenId}")
async def renew_token(call: Call, reference_token_id: str, body: wire.RegenerateReferenceTokenCommand) -> Reply:
    """Another text for a token of the caller, with another end; the old text ends at once."""
    organization_id, user_id = _owner(call)
    token_id = guid("referenceTokenId", reference_token_id)
    policy = await personal_token_policy(call.db, organization_id)
    expires_at = given(body.expiration, None)
    wrong = rules.faults_of_end(expires_at, policy, call.now)
    if wrong:
        raise ValidationProblem(wrong)
    await _reserve(call, organization_id, user_id, token_id, policy.max_per_user)
    found = await store.lock_one(call.db, organization_id, user_id, token_id)
    if found is None:
        raise NotFound(UNKNOWN)
    _may_pass_on(call, found["scopes"])
    token = f"{rules.PREFIX}{new_secret()}"
    assert expires_at is not None
    await store.renew(call.db, organization_id, token_id, hash_machine_secret(token), call.now, expires_at)
    await _end_exchanged(call, found["token_hash"])
    _describe(call, "Update", token_id, found["description"], found["scopes"], expires_at)
    return _shown(token)


@operation("DELETE", "/api/ReferenceToken/{referenceTokenId}")
async def delete_token(call: Call, reference_token_id: str) -> None:
    """End one of the caller's tokens, and what it was exchanged for."""
    organization_id, user_id = _owner(call)
    token_id = guid("referenceTokenId", reference_token_id)
    found = await store.lock_one(call.db, organization_id, user_id, token_id)
    if found is None:
        raise NotFound(UNKNOWN)
    await store.revoke(call.db, organization_id, token_id, call.now)
    await _end_exchanged(call, found["token_hash"])
    _describe(call, "Delete", token_id, found["description"])


@operation("DELETE", "/api/ReferenceToken")
async def delete_of_users(call: Call, body: wire.BulkDeleteReferenceTokensCommand) -> None:
    """An administrator ends every token of the users; unknown users are passed over."""
    organization_id = partition(call, body.partition_global_id)
    users = given(body.user_ids, [])
    if not users:
        raise ValidationProblem({"UserIds": ["The UserIds field must name at least one user."]})
    ended = await store.revoke_all_of(call.db, organization_id, users, call.now)
    for one in ended:
        await _end_exchanged(call, one["token_hash"])
    call.describe("Delete", component=COMPONENT)
    call.audit["detail"] = {"userIds": [str(one) for one in users], "tokens": [str(one["id"]) for one in ended]}


@operation("POST", "/api/ReferenceToken/Exchange")
async def exchange(call: Call, body: str) -> Reply:
    """An access token of the same user and scopes, which ends with the personal token at the latest.

    Whoever has a personal token may use it anyway, so anybody of the organization may ask.
    """
    holder = await _holder(call, body)
    user = await active_user(call.db, holder.organization_id, holder.subject)
    if user is None:
        raise BadRequest("The reference token is not valid.")
    issuer = call.port(Issuer)
    lifetime_s = max(1, min(issuer.lifetime_s, int((holder.expires_at - call.now).total_seconds())))
    token = issuer.issue_user_token(
        user, rules.PERSONAL_CLIENT, sorted(holder.scopes), call.now, grant_id=holder.grant_id, lifetime_s=lifetime_s
    )
    _describe(call, "Exchange", holder.id, "")
    answer: dict[str, Any] = {"userAccessToken": token, "expiresInSeconds": lifetime_s}
    return Reply(200, msgspec.json.encode(answer), headers=NOT_STORED)


async def _holder(call: Call, token: str) -> Holder:
    """Who the presented token stands for; one answer for whatever is wrong with it."""
    try:
        holder = await verify(call.db, token, call.now)
    except Unauthenticated:
        holder = None
    if holder is None or holder.organization_id != call.organization_id:
        raise BadRequest("The reference token is not valid.")
    return holder


def _owner(call: Call) -> tuple[UUID, UUID]:
    """The caller's organization and his id. Raises Forbidden for anybody but a user who signed in himself."""
    actor = call.actor
    if not rules.is_own_sign_in(actor.kind, actor.subject, actor.scopes):
        raise Forbidden(NOT_YOURS)
    assert actor.organization_id is not None
    assert actor.subject is not None
    return actor.organization_id, actor.subject


def _may_pass_on(call: Call, scopes: list[str]) -> None:
    """A token does not make one that may more than itself."""
    if rules.lacking(call.actor.scopes, scopes):
        raise Forbidden(NOT_YOURS)


async def _reserve(call: Call, organization_id: UUID, user_id: UUID, token_id: UUID, most: int) -> None:
    """Make sure that the user may have this token beside his others; calls of the same user wait for each other."""
    if not await store.lock_user(call.db, organization_id, user_id):
        raise Forbidden(NOT_YOURS)
    if await store.held(call.db, organization_id, user_id, call.now, token_id) >= most:
        raise BadRequest(f"A user may have {most} tokens at a time; delete one first.")


async def _end_exchanged(call: Call, token_hash: bytes) -> None:
    """End the access tokens that the personal token of this hash was exchanged for."""
    issuer, grant = call.port(Issuer), str(rules.grant_of(token_hash))
    await tokens.revoke(call.db, "grant", grant, call.now, issuer.lifetime_s)
    call.on_commit(lambda: issuer.note_revoked("grant", grant, call.now))


def _describe(
    call: Call,
    action: str,
    token_id: UUID,
    description: str,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
) -> None:
    call.describe(action, component=COMPONENT, entity_id=str(token_id), name=description)
    if expires_at is not None:
        call.audit["detail"] = {"scopes": scopes, "expiration": expires_at}


def _shown(token: str) -> Reply:
    return Reply(201, msgspec.json.encode(token), headers=NOT_STORED)
