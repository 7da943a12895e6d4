"""Operations of the tag PartitionAccessPolicy."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from podium.identity.access_policy import store
from podium.identity.access_policy.rules import MAX_ENTITIES, Kind, Named, Policy, changed, is_open
from podium.identity.directory_search import actions as directory
from podium.identity.groups.rules import ADMINISTRATORS, EVERYONE
from podium.identity.names import fold
from podium.identity.requests import partition
from podium.identity.results import Fault, Refused
from podium.kernel.call import Call, given
from podium.kernel.db import Connection
from podium.kernel.errors import ValidationProblem
from podium.kernel.operation import operation
from podium.wire import identity as wire

NO_APPLICATIONS = "Applications are not concerned by the access policy; the type must be user or group."
TOO_MANY = f"The access policy has at most {MAX_ENTITIES} entities."
NOBODY_LEFT = Fault("NobodyLeft", "The access policy must let somebody in.")
LAST_ADMINISTRATOR = Fault("LastAdministrator", "The access policy must let an active administrator in.")


@operation("GET", "/api/PartitionAccessPolicy/{partitionGlobalId}")
async def get_policy(call: Call, partition_global_id: str) -> list[dict[str, object]]:
    """Who may sign in, by name: the group Everyone, as long as nobody changed that."""
    return await _shown(call.db, partition(call, partition_global_id))


@operation("GET", "/portal_/api/identity/PartitionAccessPolicy/{partitionGlobalId}")
async def get_policy_for_the_portal(call: Call, partition_global_id: str) -> list[dict[str, object]]:
    """The same at the portal's address."""
    return await get_policy(call, partition_global_id)


@operation("PUT", "/api/PartitionAccessPolicy/{partitionGlobalId}")
async def update_policy(
    call: Call, partition_global_id: str, body: wire.UpdatePartitionAccessPolicyCommand
) -> list[dict[str, object]]:
    """Add entities of one type, then remove some. At least one active administrator must stay able to sign in.

    Takes effect at the next sign-in, authorization and refresh; access tokens live on until their end.
    """
    organization_id = partition(call, partition_global_id)
    asked = given(body.entity_type, "user")
    if asked == "application":
        raise ValidationProblem({"EntityType": [NO_APPLICATIONS]})
    kind: Named = "group" if asked == "group" else "user"
    add, remove = given(body.entities_to_add, []), given(body.entities_to_remove, [])
    await store.lock(call.db, organization_id)
    policy = changed(
        await _policy(call.db, organization_id), await _found(call.db, organization_id, add, kind), remove, kind
    )
    if not policy:
        raise Refused(NOBODY_LEFT)
    if len(policy) > MAX_ENTITIES:
        raise ValidationProblem({"EntitiesToAdd": [TOO_MANY]})
    await store.replace(call.db, organization_id, {} if is_open(policy) else policy, call.now)
    if not is_open(policy) and not await store.lets_an_administrator_in(call.db, organization_id, fold(ADMINISTRATORS)):
        raise Refused(LAST_ADMINISTRATOR)
    call.describe("Update", component="Setting", entity_id=str(organization_id), name="Access policy")
    call.audit["detail"] = {"entityType": kind, "added": add, "removed": remove}
    return await _shown(call.db, organization_id)


async def _policy(db: Connection, organization_id: UUID) -> Policy:
    """The entities that hold, Everyone where none is stored."""
    stored = await store.entities(db, organization_id)
    return stored or {await store.everyone(db, organization_id, fold(EVERYONE)): "everyone"}


async def _found(db: Connection, organization_id: UUID, ids: Collection[UUID], kind: Named) -> dict[UUID, Kind]:
    """The kind of each of the ids. Raises Refused for one that is no such entity of the organization."""
    if not ids:
        return {}
    known = {str(one["identifier"]) for one in await directory.described_entities(db, organization_id, ids, (kind,))}
    unknown = [id_ for id_ in ids if str(id_) not in known]
    if unknown:
        raise Refused(*(Fault("EntityNotFound", f"There is no {kind} with the id '{id_}'.") for id_ in unknown))
    everyone = await store.everyone(db, organization_id, fold(EVERYONE))
    return {id_: "everyone" if id_ == everyone else kind for id_ in ids}


async def _shown(db: Connection, organization_id: UUID) -> list[dict[str, object]]:
    policy = await _policy(db, organization_id)
    return await directory.described_entities(db, organization_id, policy, ("user", "group"))
