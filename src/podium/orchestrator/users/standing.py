"""Operations on what a user is and may: roles, folders, activity, language, password."""

from __future__ import annotations

from typing import Any

from podium import wire
from podium.kernel import audit
from podium.kernel.call import Call, Value, given
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, Forbidden, NotFound
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.access.granting import check_somebody_manages, holders_of
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.folders.actions import tell_access_changed
from podium.orchestrator.ports import Accounts
from podium.orchestrator.robots import actions as robots
from podium.orchestrator.roles import actions as roles
from podium.orchestrator.users import actions, rules, store
from podium.orchestrator.users.editing import user_for_change


@operation("POST", "/odata/Users({key})/UiPath.Server.Configuration.OData.AssignRoles")
async def assign_roles(call: Call, key: int, body: wire.UserAssignRolesRequest) -> None:
    """Exactly these roles tenant-wide from now on."""
    require_members(body)
    user = await user_for_change(call, key)
    wanted = await roles.roles_of_ids(call, list(dict.fromkeys(given(body.role_ids, []))), "roleIds")
    await roles.replace_roles(call, key, wanted)
    call.describe("Assign", component="Users", entity_id=key, name=user["user_name"])
    call.audit["detail"] = {"roles": [role.name for role in wanted]}


@operation("POST", "/odata/Users({key})/UiPath.Server.Configuration.OData.ToggleRole")
async def toggle_role(call: Call, key: int, body: wire.UsersToggleRoleRequest) -> None:
    """Gives the named role tenant-wide, or takes it; others stay."""
    require_members(body)
    user = await user_for_change(call, key)
    found = await roles.named_roles(call, [given(body.role, "").strip()], "role")
    is_given = given(body.toggle, False)
    taken = () if is_given else [role.id for role in found]
    await roles.give_and_take(call, [key], given=found if is_given else (), taken=taken)
    call.describe("Toggle", component="Users", entity_id=key, name=user["user_name"])
    call.audit["detail"] = {"role": found[0].name, "toggle": is_given}


@operation("POST", "/odata/Users({key})/UiPath.Server.Configuration.OData.ToggleOrganizationUnit")
async def toggle_unit(call: Call, key: int, body: wire.UsersToggleOrganizationUnitRequest) -> None:
    """Makes the user a member of the folder, without a role there, or no longer one.

    Beside Users.Edit it takes what assigning to the folder takes: Units.Edit, or SubFolders.Edit there.
    """
    require_members(body)
    user = await user_for_change(call, key)
    folder_id = given(body.organization_unit_id, 0)
    await actions.set_unit(call, key, folder_id, is_member=given(body.toggle, False))
    call.describe("Toggle", component="Users", entity_id=key, name=user["user_name"])
    call.audit["detail"] = {"folder": folder_id, "toggle": given(body.toggle, False)}


@operation("POST", "/odata/Users({key})/UiPath.Server.Configuration.OData.SetActive")
async def set_active(call: Call, key: int, body: wire.UsersSetActiveRequest) -> None:
    """A user who is not active is refused everywhere in the tenant, and so are its robots."""
    require_members(body)
    user = await user_for_change(call, key)
    is_active = given(body.active, True)
    if not is_active:
        rules.check_may_end(key, user["user_name"], call.actor.user_id, "deactivate")
    await call.db.execute(store.SET_ACTIVE, call.tenant_id, key, is_active, call.now, call.actor.user_id)
    if not is_active:
        await check_somebody_manages(call)
    await tell_access_changed(call)
    call.describe("Toggle", component="Users", entity_id=key, name=user["user_name"])
    call.audit["detail"] = {"active": is_active}


@operation("POST", "/odata/Users({key})/UiPath.Server.Configuration.OData.ChangeUserCulture")
async def change_user_culture(call: Call, key: int, body: wire.UserChangeCultureRequest) -> None:
    await _change_culture(call, key, body)


@operation("POST", "/odata/Users/UiPath.Server.Configuration.OData.ChangeCulture")
async def change_culture(call: Call, body: wire.UserChangeCultureRequest) -> None:
    """The caller's own."""
    if call.actor.user_id is None:
        raise NotFound(rules.NO_USER)
    await _change_culture(call, call.actor.user_id, body)


@operation("GET", "/odata/Users/UiPath.Server.Configuration.OData.Validate(userIds=[{userIds}])")
async def validate_users(call: Call, user_ids: list[int]) -> Value:
    """By user id, whether jobs run under the user's robots."""
    known = await store.known(call.db, call.tenant_id, user_ids)
    if unknown := [user_id for user_id in user_ids if user_id not in known]:
        raise NotFound(f"User {unknown[0]} does not exist.")
    busy = await robots.busy_users(call.db, call.tenant_id, user_ids)
    return Value({str(user_id): user_id in busy for user_id in dict.fromkeys(user_ids)})


@operation("GET", "/api/Users/GetPrivileges")
async def read_privileges(call: Call, user_id: int) -> dict[str, Any]:
    """What the user has, and whether it has it itself or by a group."""
    user = await store.one(call.db, call.tenant_id, user_id)
    if user is None:
        raise NotFound(rules.NO_USER)
    holders = await holders_of(call, user_id)
    held = await call.db.fetch(store.ROLES, call.tenant_id, holders)
    reach = await call.port(AccessResolver).reach(call.tenant_id, user_id)
    workspace = await call.db.fetchrow(store.WORKSPACE, call.tenant_id, user_id)
    return {
        "userId": user_id,
        "roles": [
            {
                "id": row["id"],
                "name": row["name"],
                "type": row["type"],
                "isInherited": row["holder_id"] != user_id,
                "inheritedFrom": row["holder_name"] if row["holder_id"] != user_id else None,
            }
            for row in held
        ],
        "access": {
            "isActive": user["is_active"],
            "restrictToPersonalWorkspace": user["restrict_to_workspace"],
            "permissions": sorted(reach.permissions),
        },
        "attendedSession": {
            "mayHaveUserSession": user["may_have_user_session"],
            "mayHaveRobotSession": user["may_have_robot_session"],
        },
        "personalWorkspace": {
            "mayHavePersonalWorkspace": user["may_have_personal_workspace"],
            "id": workspace["id"] if workspace else None,
            "name": workspace["path"] if workspace else None,
        },
        "updatePolicy": {"type": user["update_policy"], "specificVersion": user["update_version"]},
    }


# A hash takes its time, so this one takes a connection when it needs one, and writes its own audit row.
@operation("POST", "/odata/Users({key})/UiPath.Server.Configuration.OData.ChangePassword", connected=False)
async def change_password(call: Call, key: int, body: wire.UserChangePasswordRequest) -> None:
    """A new password for the caller, who knows the old one; every session and token of the caller ends."""
    if key != call.actor.user_id or call.actor.kind != "user":
        if "Users.View" in call.reach.permissions and await _exists(call, key):
            raise Forbidden("A password is changed by the user itself.")
        raise NotFound(rules.NO_USER)
    old, new = given(body.current_password, ""), given(body.new_password, "")
    if not old or not new:
        missing = "newPassword" if old else "currentPassword"
        raise BadRequest(f"{missing} is required.", Code.PARAMETER_MISSING)

    async def audited(db: Connection) -> None:
        call.db = db
        call.describe("PasswordChange", component="Users", entity_id=key, name=call.actor.name)
        await audit.add(call)

    accounts = call.port(Accounts)  # ports are keyed by their interfaces
    assert call.organization_id is not None
    await accounts.change_own_password(call, call.organization_id, old, new, audited)


async def _exists(call: Call, user_id: int) -> bool:
    async with call.services.db.acquire() as db:
        return user_id in await store.known(db, call.tenant_id, [user_id])


async def _change_culture(call: Call, user_id: int, body: wire.UserChangeCultureRequest) -> None:
    require_members(body)
    culture = rules.clean_culture(given(body.culture, ""))
    user = await user_for_change(call, user_id)
    await call.db.execute(store.SET_CULTURE, call.tenant_id, user_id, culture, call.now, call.actor.user_id)
    call.describe("Update", component="Users", entity_id=user_id, name=user["user_name"])
    call.audit["detail"] = {"culture": culture}
