"""Operations of SCIM: users and groups of the organization of the token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from podium.identity.directory_search import actions as directory
from podium.identity.groups import actions as groups
from podium.identity.groups.rules import Group
from podium.identity.requests import GUID, partition
from podium.identity.scim import store
from podium.identity.scim.answers import answer, listed, scim
from podium.identity.scim.entity import group_resource, user_resource
from podium.identity.scim.rules import (
    DEFAULT_COUNT,
    GROUP_FILTERS,
    MAX_COUNT,
    USER_FILTERS,
    Operation,
    ScimFault,
    Team,
    email,
    member_ids,
    parse_filter,
    patched_person,
    patched_team,
    text,
)
from podium.identity.users.leaving.actions import delete_users
from podium.identity.users.provisioning.actions import add_person, change_person, person_for_change
from podium.identity.users.provisioning.rules import Person
from podium.kernel.call import Call, Reply, given
from podium.kernel.errors import NotFound
from podium.kernel.operation import operation
from podium.wire import identity as wire

NO_USER = "The user does not exist."
NO_GROUP = "The group does not exist."
NUMBER = re.compile(r"-?[0-9]{1,9}")


@operation("GET", "/scim/users", connected=False)
@scim
async def list_users(call: Call, filter: str = "") -> Reply:  # noqa: A002 - the parameter's name
    """A page of users, oldest first."""
    organization_id = partition(call, None)
    wanted = parse_filter(filter, USER_FILTERS) if filter.strip() else {}
    start, count = _part(call)
    rows, total = await store.users(call.db, organization_id, wanted, store.Part(count, start - 1))
    return listed([user_resource(row) for row in rows], total, start)


@operation("GET", "/scim/users/{userId}", connected=False)
@scim
async def get_user(call: Call, user_id: str) -> Reply:
    """One user."""
    return await _user(call, partition(call, None), _id(user_id, NO_USER))


@operation("POST", "/scim/users", connected=False)
@scim
async def create_user(call: Call, body: wire.CreateUserCommandSCIM) -> Reply:
    """A new user without a password."""
    organization_id = partition(call, None)
    user_name = text("userName", given(body.user_name, None))
    if user_name is None:
        raise ScimFault(400, "userName is required.", "invalidValue")
    name = given(body.name, wire.Name())
    person = Person(
        user_name=user_name,
        email=email(msgspec.to_builtins(given(body.emails, []))),
        first_name=text("name.givenName", given(name.given_name, None)),
        last_name=text("name.familyName", given(name.family_name, None)),
        display_name=text("displayName", given(body.display_name, None) or given(name.formatted, None)),
        is_active=given(body.active, True),
        external_id=text("externalId", given(body.external_id, None)),
    )
    id_ = await add_person(call, organization_id, person)
    call.describe("Create", component="User", entity_id=str(id_), name=user_name)
    return await _user(call, organization_id, id_, 201)


@operation("PATCH", "/scim/users/{userId}", connected=False)
@scim
async def patch_user(call: Call, user_id: str, body: wire.UpdateUserCommandSCIM) -> Reply:
    """The user after all operations, or, when one of them cannot be done, as before."""
    organization_id, id_ = partition(call, None), _id(user_id, NO_USER)
    before = await person_for_change(call, organization_id, id_)
    after = patched_person(before, _operations(body))
    await change_person(call, organization_id, id_, before, after)
    call.describe("Update", component="User", entity_id=str(id_), name=before.user_name)
    changed = [name for name in Person._fields if getattr(before, name) != getattr(after, name)]
    call.audit["detail"] = {"changed": changed}
    return await _user(call, organization_id, id_)


@operation("DELETE", "/scim/users/{userId}", connected=False)
@scim
async def delete_user(call: Call, user_id: str) -> Reply:
    """The user is gone; the name is free again."""
    organization_id, id_ = partition(call, None), _id(user_id, NO_USER)
    before = await person_for_change(call, organization_id, id_)
    await delete_users(call, organization_id, [id_])
    call.describe("Delete", component="User", entity_id=str(id_), name=before.user_name)
    return Reply(204)


@operation("GET", "/scim/groups", connected=False)
@scim
async def list_groups(call: Call, filter: str = "", excluded_attributes: str = "") -> Reply:  # noqa: A002 - as above
    """A page of groups, oldest first, with members unless these are excluded."""
    organization_id = partition(call, None)
    wanted = parse_filter(filter, GROUP_FILTERS) if filter.strip() else {}
    start, count = _part(call)
    rows, total = await store.groups(call.db, organization_id, wanted, store.Part(count, start - 1))
    if _excludes_members(excluded_attributes):
        return listed([group_resource(row, None) for row in rows], total, start)
    members = await directory.members_of(call.db, organization_id, [row.id for row in rows])
    return listed([group_resource(row, members[row.id]) for row in rows], total, start)


@operation("GET", "/scim/groups/{groupId}", connected=False)
@scim
async def get_group(call: Call, group_id: str) -> Reply:
    """One group, with members unless these are excluded."""
    organization_id, id_ = partition(call, None), _id(group_id, NO_GROUP)
    excluded = next((value for name, value in call.query.items() if name.lower() == "excludedattributes"), "")
    rows, _ = await store.groups(call.db, organization_id, {"id": str(id_)})
    if not rows:
        raise NotFound(NO_GROUP)
    if _excludes_members(excluded):
        return answer(group_resource(rows[0], None))
    return await _group(call, organization_id, rows[0])


@operation("POST", "/scim/groups", connected=False)
@scim
async def create_group(call: Call, body: wire.CreateGroupCommandSCIM) -> Reply:
    """A new group with its first members."""
    organization_id = partition(call, None)
    name = text("displayName", given(body.display_name, None))
    if name is None:
        raise ScimFault(400, "displayName is required.", "invalidValue")
    members = member_ids(msgspec.to_builtins(given(body.members, [])))
    external_id = text("externalId", given(body.external_id, None))
    group = await groups.create(call.db, organization_id, name, call.now, external_id=external_id)
    await groups.change_members(call, organization_id, group, members, [])
    call.describe("Create", component="Group", entity_id=str(group.id), name=name)
    call.audit["detail"] = {"members": list(members)}
    return await _group(call, organization_id, group, 201)


@operation("PATCH", "/scim/groups/{groupId}", connected=False)
@scim
async def patch_group(call: Call, group_id: str, body: wire.UpdateUserCommandSCIM) -> Reply:
    """The group after all operations, or, when one of them cannot be done, as before."""
    organization_id, id_ = partition(call, None), _id(group_id, NO_GROUP)
    group = await groups.group_for_change(call.db, organization_id, id_)
    members = await directory.members_of(call.db, organization_id, [id_])
    present = frozenset(each.id for each in members[id_])
    before = Team(group.name, group.external_id, present)
    after = patched_team(before, _operations(body))
    changed = await groups.change(
        call.db, organization_id, group, call.now, name=after.name, external_id=after.external_id
    )
    add, remove = after.members - present, present - after.members
    await groups.change_members(call, organization_id, changed, add, remove)
    is_same = (after.name, after.external_id) == (before.name, before.external_id)
    action = "MembershipChange" if is_same and (add or remove) else "Update"
    call.describe(action, component="Group", entity_id=str(id_), name=changed.name)
    call.audit["detail"] = {"added": list(add), "removed": list(remove)}
    return await _group(call, organization_id, changed)


@operation("DELETE", "/scim/groups/{groupId}", connected=False)
@scim
async def delete_group(call: Call, group_id: str) -> Reply:
    """The group is gone; its members stay."""
    organization_id, id_ = partition(call, None), _id(group_id, NO_GROUP)
    group = await groups.group_for_change(call.db, organization_id, id_)
    await groups.remove_groups(call, organization_id, [group])
    call.describe("Delete", component="Group", entity_id=str(id_), name=group.name)
    return Reply(204)


async def _user(call: Call, organization_id: UUID, id_: UUID, status: int = 200) -> Reply:
    rows, _ = await store.users(call.db, organization_id, {"id": str(id_)})
    if not rows:
        raise NotFound(NO_USER)
    return answer(user_resource(rows[0]), status)


async def _group(call: Call, organization_id: UUID, group: Group, status: int = 200) -> Reply:
    members = await directory.members_of(call.db, organization_id, [group.id])
    return answer(group_resource(group, members[group.id]), status)


def _operations(body: wire.UpdateUserCommandSCIM) -> Sequence[Operation]:
    listed_ = given(body.operations, [])
    if not listed_:
        raise ScimFault(400, "Operations is required.", "invalidSyntax")
    return [
        Operation(given(each.op, "").lower(), given(each.path, ""), None if each.value is msgspec.UNSET else each.value)
        for each in listed_
    ]


def _part(call: Call) -> tuple[int, int]:
    """First row, from 1, and number of rows; numbers below what is sensible count as that. Raises ScimFault."""
    query = {name.lower(): value.strip() for name, value in call.query.items()}
    numbers = []
    for name, default in (("startindex", 1), ("count", DEFAULT_COUNT)):
        value = query.get(name, "")
        if value and not NUMBER.fullmatch(value):
            raise ScimFault(400, f"{name} must be a number.", "invalidValue")
        numbers.append(int(value) if value else default)
    return max(numbers[0], 1), min(max(numbers[1], 0), MAX_COUNT)


def _excludes_members(attributes: str) -> bool:
    return "members" in (name.strip().lower() for name in attributes.split(","))


def _id(value: str, refusal: str) -> UUID:
    """The id of a path; what is no GUID is nobody's. Raises NotFound."""
    if not GUID.fullmatch(value):
        raise NotFound(refusal)
    return UUID(value.strip("{}()"))
