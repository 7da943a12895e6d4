"""Membership in groups.

Whoever changes memberships also tells the orchestrator through the port `AccessChanged`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from podium.identity.directory_search import actions as directory
from podium.identity.groups import store
from podium.identity.groups.rules import ADMINISTRATORS, BUILT_IN, EVERYONE, Group, may_change_members
from podium.identity.names import fold
from podium.identity.ports import AccessChanged, UsersDeleted
from podium.identity.results import Fault, Refused
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import Conflict, Forbidden, NotFound
from podium.kernel.ids import uuid7

NOT_YOURS = "You are not authorized!"
NO_GROUP = "The group does not exist."
LAST_ADMINISTRATOR = Fault("LastAdministrator", "The last active administrator cannot leave the group Administrators.")


async def ensure_built_in(db: Connection, organization_id: UUID, now: datetime) -> None:
    """Make the built-in groups that an organization lacks."""
    keys = [fold(name) for name in BUILT_IN]
    await store.add_built_in(db, organization_id, [uuid7() for _ in BUILT_IN], BUILT_IN, keys, now)


async def make_administrator(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> None:
    """Put a user into Administrators."""
    await store.add_member(db, organization_id, fold(ADMINISTRATORS), user_id, now)


async def groups_of(db: Connection, principal: UUID) -> list[UUID]:
    """Ids of the principal's groups; Everyone is among them for an active user."""
    return await store.groups_of(db, principal, fold(EVERYONE))


async def members_of(db: Connection, group_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    """Principal and group for every member of the groups; every active user is in Everyone."""
    return await store.members_of(db, group_ids, fold(EVERYONE)) if group_ids else []


async def is_administrator(db: Connection, principal: UUID) -> bool:
    """Whether the principal is in Administrators of its organization."""
    return await store.is_member(db, principal, fold(ADMINISTRATORS))


async def administrators_group(db: Connection, organization_id: UUID) -> UUID:
    """The id of Administrators; every organization has it."""
    found = await store.built_in_id(db, organization_id, fold(ADMINISTRATORS))
    assert found is not None
    return found


async def unknown(db: Connection, organization_id: UUID, group_ids: Collection[UUID]) -> list[UUID]:
    """Those of the ids that are no groups of the organization, in the order given."""
    return await store.unknown(db, organization_id, group_ids) if group_ids else []


async def join(
    db: Connection, organization_id: UUID, member_id: UUID, group_ids: Collection[UUID], now: datetime
) -> bool:
    """Put a principal into the groups; whether that changed anything.

    Unknown groups are passed over (ask `unknown` first), and so is Everyone, where nobody is by a row. The caller has
    checked that the principal is one of the organization and who may touch Administrators.
    """
    return bool(group_ids) and await store.join(db, organization_id, group_ids, [member_id], now, fold(EVERYONE))


async def leave(db: Connection, organization_id: UUID, member_id: UUID, group_ids: Collection[UUID]) -> bool:
    """Take a principal out of the groups; whether that changed anything. See `is_last_administrator`."""
    return bool(group_ids) and await store.leave(db, organization_id, group_ids, [member_id])


async def leave_all(db: Connection, organization_id: UUID, member_ids: Collection[UUID]) -> bool:
    """Take principals that are going out of all their groups; whether that changed anything."""
    return bool(member_ids) and await store.leave_all(db, organization_id, member_ids)


async def is_last_administrator(db: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Whether the organization has no active administrator without this user; see `would_leave_none`."""
    return await would_leave_none(db, organization_id, [user_id])


async def would_leave_none(db: Connection, organization_id: UUID, leaving: Collection[UUID]) -> bool:
    """Whether the last active user of Administrators is among those who leave it (or are deactivated, or deleted).

    In a transaction: until its end other calls of this function wait, so that two administrators cannot remove each
    other at the same moment.
    """
    group_id = await administrators_group(db, organization_id)
    await store.lock(db, organization_id, group_id)
    present = await store.active_users_in(db, organization_id, group_id)
    return bool(present) and present <= set(leaving)


async def groups_of_members(db: Connection, organization_id: UUID, ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Ids of the groups of each of the principals, Everyone not among them; without entry who is in none."""
    return await store.groups_of_members(db, organization_id, ids) if ids else {}


async def check_right(call: Call, organization_id: UUID, group_ids: Collection[UUID]) -> None:
    """Raises Forbidden unless the caller may change who is in these groups (decision 35)."""
    if not group_ids:
        return
    is_application = call.actor.kind == "application"
    if not is_application:
        call.require("Identity.Administrator")
    touched = await administrators_group(call.db, organization_id) in set(group_ids)
    if not may_change_members(call.actor.scopes, is_application=is_application, of_administrators=touched):
        raise Forbidden(NOT_YOURS)


async def group_for_change(db: Connection, organization_id: UUID, group_id: UUID) -> Group:
    """The group, held until the transaction ends. Raises NotFound."""
    found = await store.locked_group(db, organization_id, group_id)
    if found is None:
        raise NotFound(NO_GROUP)
    return found


async def create(
    db: Connection, organization_id: UUID, name: str, now: datetime, *, id_: UUID | None = None, external_id: str | None
) -> Group:
    """A new group without members, under the id of the caller's choice or an own one. Raises Conflict."""
    if id_ is not None and id_.int and await directory.is_taken(db, id_):
        raise Conflict(f"The id {id_} is already used.")
    group = Group(id_ if id_ is not None and id_.int else uuid7(), name, False, external_id, now, None)
    if not await store.add(db, organization_id, group, fold(name)):
        raise name_taken(name)
    return group


async def change(
    db: Connection, organization_id: UUID, group: Group, now: datetime, *, name: str, external_id: str | None
) -> Group:
    """The group under its new name. Raises Conflict for a name that is taken, Refused for a built-in group's."""
    if group.is_built_in and name != group.name:
        raise Refused(Fault("BuiltInGroup", f"The built-in group '{group.name}' cannot be renamed."))
    changed = group._replace(name=name, external_id=external_id, updated_at=now)
    if not await store.replace(db, organization_id, changed, fold(name), now):
        raise name_taken(name)
    return changed


async def change_members(
    call: Call, organization_id: UUID, group: Group, add: Collection[UUID], remove: Collection[UUID]
) -> bool:
    """Add, then remove; what is so already is passed over. Whether that changed anything.

    Tells the orchestrator. Raises Forbidden (decision 35) and Refused: a member of Everyone, somebody whom the
    organization does not have, the last administrator.
    """
    if not add and not remove:
        return False
    await check_right(call, organization_id, [group.id])
    if add and group.is_everyone:
        raise Refused(Fault("EveryoneIsImplicit", "Every active user is in Everyone; members cannot be added to it."))
    unknown_ids = await directory.not_members(call.db, organization_id, add)
    if unknown_ids:
        raise Refused(
            *(Fault("MemberNotFound", f"There is no possible member with the id '{id_}'.") for id_ in unknown_ids)
        )
    if group.is_administrators and remove and await would_leave_none(call.db, organization_id, remove):
        raise Refused(LAST_ADMINISTRATOR)
    joined = bool(add) and await store.join(call.db, organization_id, [group.id], add, call.now, fold(EVERYONE))
    left = bool(remove) and await store.leave(call.db, organization_id, [group.id], remove)
    if joined or left:
        await announce(call, organization_id)
    return joined or left


async def remove_groups(call: Call, organization_id: UUID, doomed: Collection[Group]) -> None:
    """Delete the groups with their memberships and what the orchestrator's tenants gave them.

    Raises Refused when one is built-in.
    """
    kept = [group.name for group in doomed if group.is_built_in]
    if kept:
        raise Refused(*(Fault("BuiltInGroup", f"The built-in group '{name}' cannot be deleted.") for name in kept))
    ids = [group.id for group in doomed]
    await store.remove(call.db, organization_id, ids)
    await call.port(UsersDeleted).users_deleted(call.db, organization_id, ids)
    await announce(call, organization_id)


async def announce(call: Call, organization_id: UUID) -> None:
    """Let every node forget, when the call's transaction has committed, what memberships opened."""
    changed = call.port(AccessChanged)
    await changed.announce(call.db, organization_id)
    call.on_commit(changed.forget)


def name_taken(name: str) -> Conflict:
    """The refusal of a name that another has."""
    return Conflict(f"The name {name} is already used.")
