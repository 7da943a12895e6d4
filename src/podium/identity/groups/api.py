"""Operations of the tag Group."""

from __future__ import annotations

from uuid import UUID

from podium.identity.directory_search import actions as directory
from podium.identity.groups import actions, store
from podium.identity.groups.entity import MEMBERS, OF_GROUP, dto
from podium.identity.groups.rules import Group, name_fault, stored_name
from podium.identity.requests import guid, paged, paging, partition
from podium.kernel.call import Call, Reply, given
from podium.kernel.db import Connection
from podium.kernel.errors import NotFound, ValidationProblem
from podium.kernel.odata.fetch import fetch_page
from podium.kernel.operation import operation
from podium.wire import identity as wire

COMPONENT = "Group"


@operation("GET", "/api/Group/{partitionGlobalId}")
async def list_groups(call: Call, partition_global_id: str) -> list[dict[str, object]]:
    """Every group of the organization, without members."""
    organization_id = partition(call, partition_global_id)
    return [dto(group) for group in await store.groups(call.db, organization_id)]


@operation("GET", "/api/Group/{partitionGlobalId}/{groupId}")
async def get_group(call: Call, partition_global_id: str, group_id: str) -> dict[str, object]:
    """One group with its members."""
    organization_id = partition(call, partition_global_id)
    group = await _group(call.db, organization_id, guid("groupId", group_id))
    return await _with_members(call.db, organization_id, group)


@operation("POST", "/api/Group")
async def create_group(call: Call, body: wire.CreateGroupCommand) -> dict[str, object]:
    """A new group with its first members."""
    organization_id = partition(call, body.partition_global_id)
    name = _name(given(body.name, ""))
    members = given(body.directory_user_member_ids, [])
    group = await actions.create(
        call.db, organization_id, name, call.now, id_=given(body.id, UUID(int=0)), external_id=None
    )
    await actions.change_members(call, organization_id, group, members, [])
    call.describe("Create", component=COMPONENT, entity_id=str(group.id), name=name)
    call.audit["detail"] = {"members": members}
    return await _with_members(call.db, organization_id, group)


@operation("PUT", "/api/Group/{groupId}")
async def update_group(call: Call, group_id: str, body: wire.UpdateGroupCommand) -> dict[str, object]:
    """Another name, and members that come and go; without a name the present one stays."""
    organization_id = partition(call, body.partition_global_id)
    before = await actions.group_for_change(call.db, organization_id, guid("groupId", group_id))
    name = _name(given(body.name, "") or before.name)
    add, remove = given(body.directory_user_ids_to_add, []), given(body.directory_user_ids_to_remove, [])
    external_id = before.external_id
    group = await actions.change(call.db, organization_id, before, call.now, name=name, external_id=external_id)
    await actions.change_members(call, organization_id, group, add, remove)
    is_renamed = name != before.name
    action = "MembershipChange" if (add or remove) and not is_renamed else "Update"
    call.describe(action, component=COMPONENT, entity_id=str(group.id), name=name)
    call.audit["detail"] = {"formerName": before.name if is_renamed else None, "added": add, "removed": remove}
    return await _with_members(call.db, organization_id, group)


@operation("DELETE", "/api/Group/{partitionGlobalId}/{groupId}")
async def delete_group(call: Call, partition_global_id: str, group_id: str) -> None:
    """One group and its memberships; its members stay."""
    organization_id = partition(call, partition_global_id)
    group = await actions.group_for_change(call.db, organization_id, guid("groupId", group_id))
    await actions.remove_groups(call, organization_id, [group])
    call.describe("Delete", component=COMPONENT, entity_id=str(group.id), name=group.name)


@operation("DELETE", "/api/Group/{partitionGlobalId}")
async def delete_groups(call: Call, partition_global_id: str, body: wire.BulkGroupDeleteCommand) -> None:
    """The listed groups and nothing else; ids that are nothing are passed over."""
    organization_id = partition(call, partition_global_id)
    if not isinstance(body.group_ids, list):
        raise ValidationProblem({"groupIDs": ["The groupIDs field is required."]})
    doomed = await store.groups(call.db, organization_id, body.group_ids)
    await actions.remove_groups(call, organization_id, doomed)
    call.describe("Delete", component=COMPONENT, name=", ".join(group.name for group in doomed)[:256])
    call.audit["detail"] = {"groups": [{"id": group.id, "name": group.name} for group in doomed]}


@operation("GET", "/api/Group/{partitionGlobalId}/{groupId}/Members")
async def list_members(call: Call, partition_global_id: str, group_id: str) -> Reply:
    """A page of the members by id and type, by name; Everyone tells none."""
    organization_id = partition(call, partition_global_id)
    group = await _group(call.db, organization_id, guid("groupId", group_id))
    options = paging(call, ()).options
    return paged(await fetch_page(call.db, MEMBERS, options, OF_GROUP, [organization_id, group.id]))


@operation("POST", "/api/Group/{partitionGlobalId}/{groupId}/CheckMembers", atomic=False)
async def check_members(
    call: Call, partition_global_id: str, group_id: str, body: list[UUID]
) -> list[dict[str, object]]:
    """Those of the principals that are in the group."""
    organization_id = partition(call, partition_global_id)
    group = await _group(call.db, organization_id, guid("groupId", group_id))
    return await directory.described_members(call.db, organization_id, group.id, body)


@operation("POST", "/api/Group/BulkLoadByIds/{partitionGlobalId}", atomic=False)
async def load_groups(call: Call, partition_global_id: str, body: list[UUID]) -> list[dict[str, object]]:
    """The groups of these ids, without members; ids that are nothing are passed over."""
    organization_id = partition(call, partition_global_id)
    return [dto(group) for group in await store.groups(call.db, organization_id, body)]


async def _group(db: Connection, organization_id: UUID, group_id: UUID) -> Group:
    found = await store.groups(db, organization_id, [group_id])
    if not found:
        raise NotFound(actions.NO_GROUP)
    return found[0]


async def _with_members(db: Connection, organization_id: UUID, group: Group) -> dict[str, object]:
    return dto(group, await directory.described_members(db, organization_id, group.id))


def _name(given_name: str) -> str:
    """The name to store. Raises ValidationProblem."""
    name = stored_name(given_name)
    fault = name_fault(name)
    if fault is not None:
        raise ValidationProblem({"Name": [fault]})
    return name
