"""Operations of the tag RobotAccount."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import msgspec

from podium.identity.directory_search import actions as directory
from podium.identity.groups import actions as groups
from podium.identity.groups.rules import name_fault, stored_name
from podium.identity.names import fold
from podium.identity.ports import UsersDeleted
from podium.identity.requests import guid, json_reply, paged, paging, partition
from podium.identity.results import Fault, Refused
from podium.identity.robot_accounts import store
from podium.identity.robot_accounts.entity import ROBOT_ACCOUNTS, SORTABLE
from podium.kernel.call import Call, Reply, given
from podium.kernel.errors import Conflict, NotFound, ValidationProblem
from podium.kernel.ids import uuid7
from podium.kernel.odata.fetch import fetch_one, fetch_page
from podium.kernel.odata.tree import Options
from podium.kernel.operation import operation
from podium.wire import identity as wire

COMPONENT = "RobotAccount"
NO_ACCOUNT = "The robot account does not exist."
MAX_DISPLAY_NAME = 256


@operation("GET", "/api/RobotAccount/{partitionGlobalId}")
async def list_robot_accounts(call: Call, partition_global_id: str) -> Reply:
    """A page of the organization's robot accounts, oldest first unless asked otherwise."""
    return await _list(call, partition(call, partition_global_id))


@operation("GET", "/api/RobotAccount")
async def list_own_robot_accounts(call: Call) -> Reply:
    """The same for the organization of the token."""
    return await _list(call, partition(call, None))


@operation("GET", "/api/RobotAccount/{partitionGlobalId}/{robotAccountId}")
async def get_robot_account(call: Call, partition_global_id: str, robot_account_id: str) -> Reply:
    """One robot account."""
    organization_id = partition(call, partition_global_id)
    return await _read(call, organization_id, guid("robotAccountId", robot_account_id))


@operation("POST", "/api/RobotAccount")
async def create_robot_account(call: Call, body: wire.CreateRobotAccountCommand) -> Reply:
    """A new robot account, in the groups named."""
    organization_id = partition(call, body.partition_global_id)
    name = stored_name(given(body.name, ""))
    fault = name_fault(name)
    if fault is not None:
        raise ValidationProblem({"Name": [fault]})
    display_name = _display_name(body.display_name) or name
    id_ = given(body.id, UUID(int=0))
    if not id_.int:
        id_ = uuid7()
    elif await directory.is_taken(call.db, id_):
        raise Conflict(f"The id {id_} is already used.")
    account = store.Account(id_, name, display_name)
    if not await store.add(call.db, organization_id, account, fold(name), call.now):
        raise Conflict(f"The name {name} is already used.")
    wanted = [*given(body.group_ids_to_add, []), *given(body.group_ids, [])]
    await _regroup(call, organization_id, id_, wanted, [])
    call.describe("Create", component=COMPONENT, entity_id=str(id_), name=name)
    call.audit["detail"] = {"groups": wanted}
    return await _read(call, organization_id, id_, 201)


@operation("PUT", "/api/RobotAccount/{robotAccountId}")
async def update_robot_account(call: Call, robot_account_id: str, body: wire.UpdateRobotAccountCommand) -> Reply:
    """Another shown name, and groups to join and to leave. The name itself stays."""
    organization_id = partition(call, body.partition_global_id)
    id_ = guid("robotAccountId", robot_account_id)
    display_name = _display_name(body.display_name)
    name = await store.replace(call.db, organization_id, id_, display_name, call.now)
    if name is None:
        raise NotFound(NO_ACCOUNT)
    add, remove = given(body.group_ids_to_add, []), given(body.group_ids_to_remove, [])
    await _regroup(call, organization_id, id_, add, remove)
    call.describe("Update", component=COMPONENT, entity_id=str(id_), name=name)
    call.audit["detail"] = {"displayName": display_name, "joined": add, "left": remove}
    return await _read(call, organization_id, id_)


@operation("DELETE", "/api/RobotAccount/{partitionGlobalId}/{robotAccountId}")
async def delete_robot_account(call: Call, partition_global_id: str, robot_account_id: str) -> None:
    """One robot account; its name is free again."""
    organization_id = partition(call, partition_global_id)
    removed = await _remove(call, organization_id, [guid("robotAccountId", robot_account_id)])
    if not removed:
        raise NotFound(NO_ACCOUNT)
    ((id_, name),) = removed.items()
    call.describe("Delete", component=COMPONENT, entity_id=str(id_), name=name)


@operation("DELETE", "/api/RobotAccount/{partitionGlobalId}")
async def delete_robot_accounts(call: Call, partition_global_id: str, body: wire.BulkRobotAccountDeleteCommand) -> None:
    """The listed robot accounts and nothing else; ids that are nothing are passed over."""
    organization_id = partition(call, partition_global_id)
    if not isinstance(body.robot_account_ids, list):
        raise ValidationProblem({"robotAccountIDs": ["The robotAccountIDs field is required."]})
    removed = await _remove(call, organization_id, body.robot_account_ids)
    call.describe("Delete", component=COMPONENT, name=", ".join(removed.values())[:256])
    call.audit["detail"] = {"robotAccounts": [{"id": id_, "name": name} for id_, name in removed.items()]}


async def _list(call: Call, organization_id: UUID) -> Reply:
    asked = paging(call, SORTABLE)
    args = [organization_id, fold(asked.search)]
    return paged(await fetch_page(call.db, ROBOT_ACCOUNTS, asked.options, store.FOUND, args))


async def _read(call: Call, organization_id: UUID, id_: UUID, status: int = 200) -> Reply:
    text = await fetch_one(call.db, ROBOT_ACCOUNTS, Options(), store.ONE, [organization_id, id_])
    if text is None:
        raise NotFound(NO_ACCOUNT)
    return json_reply(text, status)


async def _regroup(
    call: Call, organization_id: UUID, id_: UUID, add: Collection[UUID], remove: Collection[UUID]
) -> None:
    """Add before remove. Raises Forbidden (decision 35), and Refused for a group to join that does not exist."""
    await groups.check_right(call, organization_id, [*add, *remove])
    strangers = await groups.unknown(call.db, organization_id, add)
    if strangers:
        raise Refused(*(Fault("GroupNotFound", f"There is no group with the id '{group}'.") for group in strangers))
    joined = await groups.join(call.db, organization_id, id_, add, call.now)
    left = await groups.leave(call.db, organization_id, id_, remove)
    if joined or left:
        await groups.announce(call, organization_id)


async def _remove(call: Call, organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, str]:
    """Id and name of those that were there; they leave their groups and the orchestrator's tenants."""
    removed = await store.remove(call.db, organization_id, ids, call.now)
    await groups.leave_all(call.db, organization_id, removed)
    await call.port(UsersDeleted).users_deleted(call.db, organization_id, removed)
    await groups.announce(call, organization_id)
    return removed


def _display_name(named: str | msgspec.UnsetType | None) -> str | None:
    """The shown name to store; None for a missing or blank one. Raises ValidationProblem for one that is too long."""
    text = stored_name(given(named, ""))
    if len(text) > MAX_DISPLAY_NAME:
        message = f"The field DisplayName must be a string with a maximum length of {MAX_DISPLAY_NAME}."
        raise ValidationProblem({"DisplayName": [message]})
    return text or None
