"""Operations on roles."""

from __future__ import annotations

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import Conflict, NotFound
from podium.kernel.odata import Options, fetch_one, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import scope
from podium.orchestrator.access import store as access
from podium.orchestrator.access.granting import check_may_add, check_somebody_manages
from podium.orchestrator.folders.actions import tell_access_changed
from podium.orchestrator.roles import actions, rules, store
from podium.orchestrator.roles.entity import ROLES, USERS_BY_ROLE

ADDED, REMOVED = "addedUserIds", "removedUserIds"


@operation("GET", "/odata/Roles")
async def list_roles(call: Call) -> Page:
    page = await fetch_page(call.db, ROLES, parse_options(call.query), scope.IN_TENANT, [call.tenant_id], now=call.now)
    return Page(page.json, "Roles", page.total)


@operation("GET", "/odata/Roles({key})")
async def read_role(call: Call, key: int) -> Item:
    return await _item(call, key, parse_options(call.query))


@operation("POST", "/odata/Roles")
async def create_role(call: Call, body: wire.RoleDto) -> Item:
    """A role for the tenant or for folders; its permissions say which. It grants nothing until somebody holds it."""
    name = rules.clean_name(given(body.name, ""))
    permissions = _granted(body)
    type_ = rules.type_of_new(permissions, given(body.type, None))
    fresh = access.RoleRow(0, name, type_, permissions, is_static=False, is_editable=True)
    await check_may_add(call, fresh, permissions, [], is_held_tenant_wide=False)
    id_ = await store.add(call.db, call.tenant_id, name, _display_name(body, name), type_, permissions, call.now)
    if id_ is None:
        raise _name_is_taken(name)
    call.describe("Create", component="Roles", entity_id=id_, name=name)
    return await _item(call, id_, parse_options({"$expand": "Permissions"}))


@operation("PUT", "/odata/Roles({key})")
async def replace_role(call: Call, key: int, body: wire.RoleDto) -> None:
    """Exactly these permissions from now on, for everybody who holds the role."""
    role = await actions.role_for_change(call, key)
    rules.check_editable(role.name, is_editable=role.is_editable)
    name = rules.clean_name(given(body.name, role.name))
    rules.check_new_name(role.name, name, is_static=role.is_static)
    permissions = _granted(body)
    rules.check_change(role.type, permissions, given(body.type, None))
    await check_may_add(
        call,
        role,
        permissions - role.permissions,
        await store.folders(call.db, call.tenant_id, key),
        is_held_tenant_wide=bool(await store.holders(call.db, call.tenant_id, key)),
    )
    if await store.id_of(call.db, call.tenant_id, name) not in (None, key):
        raise _name_is_taken(name)
    await store.change(call.db, call.tenant_id, key, name, _display_name(body, name), permissions)
    if role.permissions - permissions:
        await check_somebody_manages(call)
    await tell_access_changed(call)
    call.describe("Update", component="Roles", entity_id=key, name=name)


@operation("DELETE", "/odata/Roles({key})")
async def delete_role(call: Call, key: int) -> None:
    """Everybody who holds the role loses it."""
    role = await actions.role_for_change(call, key)
    rules.check_deletable(role.name, is_static=role.is_static)
    await call.db.execute(store.REMOVE, call.tenant_id, key)
    await check_somebody_manages(call)
    await tell_access_changed(call)
    call.describe("Delete", component="Roles", entity_id=key, name=role.name)


@operation("POST", "/odata/Roles({key})/UiPath.Server.Configuration.OData.SetUsers")
async def set_users(call: Call, key: int, body: wire.SetUsersRequest) -> None:
    """Gives the role to the added users and takes it from the removed ones; others keep it."""
    require_members(body)
    role = await actions.role_for_change(call, key)
    added, removed = given(body.added_user_ids, []), given(body.removed_user_ids, [])
    await _check_users(call, [*added, *removed])
    added = [user_id for user_id in added if user_id not in removed]
    if added:
        await actions.give_and_take(call, added, given=[role], taken=())
    if removed:
        await actions.give_and_take(call, removed, given=(), taken=[key])
    call.describe("Assign", component="Roles", entity_id=key, name=role.name)
    call.audit["detail"] = {"added": added, "removed": removed}


@operation("GET", "/odata/Roles/UiPath.Server.Configuration.OData.GetUserIdsForRole(key={key})")
async def list_user_ids(call: Call, key: int) -> Page:
    await _check_exists(call, key)
    rows = [{"Id": user_id} for user_id in await store.holders(call.db, call.tenant_id, key)]
    page = rows_page(rows, ("Id",), parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode([row["Id"] for row in page.rows]).decode(), "Collection(Edm.Int64)", page.total)


@operation("GET", "/odata/Roles/UiPath.Server.Configuration.OData.GetUsersForRole(key={key})")
async def list_users(call: Call, key: int) -> Page:
    """All users of the tenant; those who hold the role come first, unless another order is asked for."""
    await _check_exists(call, key)
    options, args = parse_options(call.query), [call.tenant_id, key]
    page = await fetch_page(call.db, USERS_BY_ROLE, options, store.ALL_USERS, args, now=call.now)
    return Page(page.json, "Users", page.total)


async def _item(call: Call, role_id: int, options: Options) -> Item:
    text = await fetch_one(call.db, ROLES, options, store.ITSELF, [call.tenant_id, role_id], now=call.now)
    if text is None:
        raise NotFound(rules.NO_ROLE)
    return Item(text, "Roles")


async def _check_exists(call: Call, role_id: int) -> None:
    if role_id not in await access.roles(call.db, call.tenant_id, [role_id]):
        raise NotFound(rules.NO_ROLE)


async def _check_users(call: Call, user_ids: list[int]) -> None:
    known = await store.known_users(call.db, call.tenant_id, user_ids)
    if unknown := [user_id for user_id in user_ids if user_id not in known]:
        raise NotFound(f"User {unknown[0]} does not exist.")


def _granted(body: wire.RoleDto) -> frozenset[str]:
    rows = given(body.permissions, [])
    return rules.granted((given(row.name, ""), given(row.is_granted, False)) for row in rows)


def _display_name(body: wire.RoleDto, name: str) -> str:
    return rules.clean_name(given(body.display_name, "") or name, "DisplayName")


def _name_is_taken(name: str) -> Conflict:
    return Conflict(f"The name {name} is already used.")
