"""Operations that make, change and remove users of the tenant."""

from __future__ import annotations

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, given
from podium.kernel.errors import BadRequest, Code, Forbidden, NotFound
from podium.kernel.odata import fetch_one, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.access import actions as access
from podium.orchestrator.access.granting import check_somebody_manages
from podium.orchestrator.access.store import RoleRow
from podium.orchestrator.folders.actions import tell_access_changed
from podium.orchestrator.robots import actions as robots
from podium.orchestrator.roles import actions as roles
from podium.orchestrator.users import actions, changes, rules, store
from podium.orchestrator.users.entity import USERS
from podium.orchestrator.users.rules import Profile

ON_ROBOTS = ("Robots.Create", "Robots.Edit", "Robots.Delete")


@operation("POST", "/odata/Users")
async def create_user(call: Call, body: wire.UserDto) -> Item:
    """A principal of the directory becomes a user of the tenant; a local person is made in the directory if need be."""
    wanted = await _roles_wanted(call, body)
    user_id, name = await actions.create(call, body)
    if wanted:
        await roles.give_and_take(call, [user_id], given=wanted, taken=())
    call.describe("Create", component="Users", entity_id=user_id, name=name)
    text = await fetch_one(
        call.db, USERS, parse_options(call.query), store.ITSELF, [call.tenant_id, user_id], now=call.now
    )
    assert text is not None  # made above
    return Item(text, "Users")


@operation("PUT", "/odata/Users({key})")
async def replace_user(call: Call, key: int, body: wire.UserDto) -> None:
    """What is absent gets its default, but activity, roles and folders, which stay."""
    user = await user_for_change(call, key)
    stored = changes.stored_profile(user)
    base = Profile(is_active=stored.is_active, email=stored.email, update_policy="None", update_version=None)
    edits_users = "Users.Edit" in call.reach.permissions
    if not edits_users:
        base = stored  # who may only edit robots changes nothing else by leaving it out
    wanted = await _roles_wanted(call, body)
    if not edits_users and (wanted is not None or given(body.organization_units, None) is not None):
        await _check_roles_stay(call, key, wanted)
        if given(body.organization_units, None) is not None:
            units = {given(unit.id, 0) for unit in given(body.organization_units, [])}
            if units != set(await store.units(call.db, call.tenant_id, key)):
                raise Forbidden(rules.NOT_AUTHORIZED)
    await _change(call, user, body, base, is_patch=False)
    if edits_users:
        if wanted is not None:
            await roles.replace_roles(call, key, wanted)
        await actions.set_units(call, key, given(body.organization_units, None))


@operation("PATCH", "/odata/Users({key})")
async def patch_user(call: Call, key: int, body: wire.UserDto) -> None:
    """Changes what is given; roles and folders are not changed this way. Everybody may change the own profile."""
    if key != call.actor.user_id and "Users.Edit" not in call.reach.permissions:
        if "Users.View" in call.reach.permissions:
            raise Forbidden(rules.NOT_AUTHORIZED)
        raise NotFound(rules.NO_USER)
    user = await user_for_change(call, key)
    for member, value in (("RolesList", body.roles_list), ("OrganizationUnits", body.organization_units)):
        if given(value, None):
            raise BadRequest(f"{member}: cannot be changed by PATCH.", Code.PARAMETER_INVALID)
    await _change(call, user, body, changes.stored_profile(user), is_patch=True)


@operation("DELETE", "/odata/Users({key})")
async def delete_user(call: Call, key: int) -> None:
    """The user goes with its roles, memberships and robots; the principal stays in the directory (decision 47)."""
    user = await user_for_change(call, key)
    rules.check_may_end(key, user["user_name"], call.actor.user_id, "delete")
    await robots.let_outlive_users(call.db, call.tenant_id, [key])
    await access.remove_users(call.db, call.tenant_id, [key])
    await check_somebody_manages(call)
    await tell_access_changed(call)
    call.describe("Delete", component="Users", entity_id=key, name=user["user_name"])


async def user_for_change(call: Call, user_id: int) -> Record:
    """The user, held until the call ends. Raises NotFound."""
    user = await store.to_change(call.db, call.tenant_id, user_id)
    if user is None:
        raise NotFound(rules.NO_USER)
    return user


async def _change(call: Call, user: Record, body: wire.UserDto, base: Profile, *, is_patch: bool) -> None:
    """The profile and the robots, as far as the caller may."""
    key: int = user["id"]
    _check_fixed(user, body)
    stored, profile = changes.stored_profile(user), changes.profile(body, base)
    edits_users = "Users.Edit" in call.reach.permissions
    edits_robots = any(right in call.reach.permissions for right in ON_ROBOTS)
    changed = profile.changed(stored)
    rules.check_may_change(
        changed, edits_users=edits_users, edits_robots=edits_robots, is_own=is_patch and key == call.actor.user_id
    )
    if "is_active" in changed and not profile.is_active:
        rules.check_may_end(key, user["user_name"], call.actor.user_id, "deactivate")
    await store.change(call.db, call.tenant_id, key, profile, call.now, call.actor.user_id)
    await actions.set_robots(call, user, body, profile, may_edit_users=edits_users, is_patch=is_patch)
    if "is_active" in changed and not profile.is_active:
        await check_somebody_manages(call)
    await tell_access_changed(call)
    call.describe("Update", component="Users", entity_id=key, name=user["user_name"])
    call.audit["detail"] = {"changed": sorted(changed)}


def _check_fixed(user: Record, body: wire.UserDto) -> None:
    """Refuse what a user keeps for life, and a password, which is changed by who knows the old one."""
    rules.check_same("UserName", given(body.user_name, None), user["user_name"])
    rules.check_same("Type", given(body.type, None), user["type"])
    identifier = given(body.directory_identifier, "").rpartition("|")[2]
    rules.check_same("DirectoryIdentifier", identifier, str(user["directory_id"] or ""))
    if changes.password(body.password):
        raise BadRequest(
            "Password: is changed by the user itself, or by an administrator of the organization.",
            Code.PARAMETER_INVALID,
        )


async def _roles_wanted(call: Call, body: wire.UserDto) -> list[RoleRow] | None:
    """The roles of RolesList; None when it is absent."""
    names = given(body.roles_list, None)
    if names is None:
        return None
    return await roles.named_roles(call, list(dict.fromkeys(name.strip() for name in names)), "RolesList")


async def _check_roles_stay(call: Call, user_id: int, wanted: list[RoleRow] | None) -> None:
    if wanted is None:
        return
    held = await roles.held_by(call, user_id)
    if held != {role.id for role in wanted}:
        raise Forbidden(rules.NOT_AUTHORIZED)
