"""Operations of the tag Directory: whoever belongs to an organization may look its principals up."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from podium.identity.directory_search import store
from podium.identity.directory_search.entity import described, listed
from podium.identity.directory_search.rules import ENTITY_TYPES, LOCAL, Kind, both, kinds_of_source, kinds_of_type
from podium.identity.groups import actions as groups
from podium.identity.names import fold
from podium.identity.requests import GUID, not_valid, partition
from podium.kernel.call import Call, given
from podium.kernel.errors import NotFound
from podium.kernel.operation import operation
from podium.wire import identity as wire

MAX_FOUND = 100
NOBODY = "The entity does not exist."


@operation("GET", "/api/Directory/Search/{partitionGlobalId}")
async def search(
    call: Call, partition_global_id: str, starts_with: str = "", entity_type: str = "", scope: str = ""
) -> list[dict[str, object]]:
    """At most 100 principals whose name, e-mail or shown name starts so, by name."""
    organization_id = partition(call, partition_global_id)
    types = None
    if entity_type.strip():
        types = kinds_of_type(entity_type)
        if types is None:
            raise not_valid("entityType", entity_type)
    kinds = both(types, _sources(call))
    if not kinds or not _is_here(scope):
        return []
    prefix = fold(starts_with)
    return [listed(found) for found in await store.starting_with(call.db, organization_id, prefix, kinds, MAX_FOUND)]


@operation("POST", "/api/Directory/BulkResolveByName/{partitionGlobalId}", atomic=False)
async def bulk_resolve_by_name(
    call: Call, partition_global_id: str, body: wire.BulkResolveByNameCommand
) -> dict[str, dict[str, object]]:
    """The entity of each name, under the name as it was asked for; names that are nobody's are left out."""
    organization_id = partition(call, partition_global_id)
    names = given(body.entity_names, [])
    if not names or not _is_here(given(body.scope, "")):
        return {}
    keys = {name: fold(name) for name in names}
    found = await store.by_name(call.db, organization_id, set(keys.values()), _kinds(body.entity_type))
    return {name: described(found[key]) for name, key in keys.items() if key in found}


@operation("POST", "/api/Directory/BulkResolve/{partitionGlobalId}", atomic=False)
async def bulk_resolve(
    call: Call, partition_global_id: str, body: wire.BulkResolveCommand
) -> dict[str, dict[str, object]]:
    """The entity of each id, under the id as it was asked for; ids that are nobody's are left out."""
    organization_id = partition(call, partition_global_id)
    ids = {text: id_ for text in given(body.entity_ids, []) if (id_ := _id(text)) is not None}
    rows = await store.by_id(call.db, organization_id, set(ids.values()), _kinds(body.entity_type))
    found = {row.id: described(row) for row in rows}
    return {text: found[id_] for text, id_ in ids.items() if id_ in found}


@operation("POST", "/api/Directory/Resolve/{partitionGlobalId}", atomic=False)
async def resolve(call: Call, partition_global_id: str, body: wire.ResolveCommand) -> dict[str, object]:
    """The entity of an id; 404 when it is nobody's."""
    organization_id = partition(call, partition_global_id)
    id_ = _id(given(body.entity_id, ""))
    rows = [] if id_ is None else await store.by_id(call.db, organization_id, [id_], _kinds(body.entity_type))
    if not rows:
        raise NotFound(NOBODY)
    return described(rows[0])


@operation("POST", "/api/Directory/ResolveByName/{partitionGlobalId}", atomic=False)
async def resolve_by_name(call: Call, partition_global_id: str, body: wire.ResolveByNameCommand) -> dict[str, object]:
    """The entity of a name or a user's e-mail; 404 when it is nobody's."""
    organization_id = partition(call, partition_global_id)
    key = fold(given(body.entity_name, ""))
    found = await store.by_name(call.db, organization_id, [key], _kinds(body.entity_type))
    if key not in found:
        raise NotFound(NOBODY)
    return described(found[key])


@operation("POST", "/api/Directory/GroupMembership/{partitionGlobalId}", atomic=False)
async def group_membership(
    call: Call, partition_global_id: str, body: wire.MembershipCommand
) -> list[dict[str, object]]:
    """Those of the groups that the principal is in; Everyone is one of an active user."""
    organization_id = partition(call, partition_global_id)
    member = _id(given(body.user_id, ""))
    if member is None or not await store.by_id(call.db, organization_id, [member], ("user", "robot", "application")):
        return []
    wanted = {id_ for text in given(body.group_ids, []) if (id_ := _id(text)) is not None}
    wanted &= set(await groups.groups_of(call.db, member))
    rows = await store.by_id(call.db, organization_id, wanted, ("group",))
    return [described(row) for row in sorted(rows, key=lambda row: row.name.casefold())]


@operation("GET", "/api/Directory/Scopes/{partitionGlobalId}")
async def scopes(call: Call, partition_global_id: str) -> list[dict[str, object]]:
    """The directories that can be searched: this installation's own."""
    partition(call, partition_global_id)
    return [{"name": LOCAL, "isDefault": True}]


@operation("GET", "/api/Directory/Tenant/{partitionGlobalId}")
async def tenant(call: Call, partition_global_id: str) -> dict[str, object]:
    """What the directory calls the organization."""
    organization_id = partition(call, partition_global_id)
    return {"id": str(organization_id), "displayName": await store.organization_name(call.db, organization_id)}


def _sources(call: Call) -> list[tuple[Kind, ...]]:
    """The filters of the query, repeated or parted by commas. Raises ValidationProblem for an unknown one."""
    pairs = parse_qsl(call.query_string, keep_blank_values=True)
    texts = [part for name, value in pairs if name.lower() == "sourcefilter" for part in value.split(",")]
    found = []
    for text in texts:
        if not text.strip():
            continue
        kinds = kinds_of_source(text)
        if kinds is None:
            raise not_valid("sourceFilter", text)
        found.append(kinds)
    return found


def _is_here(scope: str) -> bool:
    """Whether the named scope, or the default one for a blank text, is this installation's."""
    return scope.strip().lower() in ("", LOCAL)


def _kinds(entity_type: str | msgspec.UnsetType | None) -> Sequence[Kind]:
    """The kinds of a body's type; without one, users."""
    return ENTITY_TYPES[given(entity_type, "user")]


def _id(text: str) -> UUID | None:
    return UUID(text.strip("{}()")) if GUID.fullmatch(text) else None
