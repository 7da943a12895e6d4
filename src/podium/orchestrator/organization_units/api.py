"""Operations on units: the deprecated names of what folders do."""

from __future__ import annotations

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import NotFound
from podium.kernel.odata import Options, fetch_one, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.folders import actions as folders
from podium.orchestrator.folders import rules as folder_rules
from podium.orchestrator.organization_units import store
from podium.orchestrator.organization_units.entity import UNITS, USERS_BY_UNIT
from podium.orchestrator.users import actions as users

SET_NAME = "OrganizationUnits"
NO_UNIT = "OrganizationUnit does not exist."


@operation("GET", "/odata/OrganizationUnits")
async def list_units(call: Call) -> Page:
    page = await fetch_page(call.db, UNITS, parse_options(call.query), store.ALL, [call.tenant_id], now=call.now)
    return Page(page.json, SET_NAME, page.total)


@operation("GET", "/odata/OrganizationUnits({key})")
async def read_unit(call: Call, key: int) -> Item:
    return await _item(call, key, parse_options(call.query))


@operation("POST", "/odata/OrganizationUnits")
async def create_unit(call: Call, body: wire.OrganizationUnitDto) -> Item:
    """A root folder; its creator is Folder Administrator there."""
    require_members(body)
    name = folder_rules.clean_name(given(body.display_name, ""))
    await folders.lock_tree(call)
    await folders.check_name_is_free(call.db, call.tenant_id, None, name)
    made = await folders.make_folder(call.db, call.tenant_id, name, call.now)
    await folders.settle(call, made, is_root=True)
    return await _item(call, made.id)


@operation("PUT", "/odata/OrganizationUnits({key})")
async def replace_unit(call: Call, key: int, body: wire.OrganizationUnitDto) -> Item:
    """Another name for the folder."""
    require_members(body)
    name = folder_rules.clean_name(given(body.display_name, ""))
    await folders.lock_tree(call)
    place = await _place(call, key, "Edit")
    await folders.rename(call, place, name)
    call.describe("Update", component="Folders", entity_id=place.id, name=place.path)
    return await _item(call, place.id)


@operation("DELETE", "/odata/OrganizationUnits({key})")
async def delete_unit(call: Call, key: int) -> None:
    """Only an empty folder goes."""
    await folders.lock_tree(call)
    await folders.remove(call, await _place(call, key, "Delete"))


@operation("POST", "/odata/OrganizationUnits({key})/UiPath.Server.Configuration.OData.SetUsers")
async def set_users(call: Call, key: int, body: wire.SetUsersRequest) -> None:
    """Makes the added users members of the folder, without a role, and the removed ones no longer; others stay.

    Beside Users.Edit it takes what assigning to the folder takes.
    """
    require_members(body)
    place = await _place(call, key, "Edit")
    removed = given(body.removed_user_ids, [])
    added = [user_id for user_id in given(body.added_user_ids, []) if user_id not in removed]
    known = {row["id"] for row in await call.db.fetch(store.KNOWN_USERS, call.tenant_id, [*added, *removed])}
    if unknown := [user_id for user_id in (*added, *removed) if user_id not in known]:
        raise NotFound(f"User {unknown[0]} does not exist.")
    for user_id in added:
        await users.set_unit(call, user_id, place.id, is_member=True)
    for user_id in removed:
        await users.set_unit(call, user_id, place.id, is_member=False)
    call.describe("Assign", component="Folders", entity_id=place.id, name=place.path)
    call.audit["detail"] = {"added": added, "removed": removed}


@operation("GET", "/odata/OrganizationUnits/UiPath.Server.Configuration.OData.GetUserIdsForUnit(key={key})")
async def list_user_ids(call: Call, key: int) -> Page:
    place = await _place(call, key, "View")
    rows = [{"Id": row["user_id"]} for row in await call.db.fetch(store.MEMBERS, call.tenant_id, [place.id])]
    page = rows_page(rows, ("Id",), parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode([row["Id"] for row in page.rows]).decode(), "Collection(Edm.Int64)", page.total)


@operation("GET", "/odata/OrganizationUnits/UiPath.Server.Configuration.OData.GetUsersForUnit(key={key})")
async def list_users(call: Call, key: int) -> Page:
    """All users but robots; the members come first, unless another order is asked for."""
    place = await _place(call, key, "View")
    options, args = parse_options(call.query), [call.tenant_id, [place.id]]
    page = await fetch_page(call.db, USERS_BY_UNIT, options, store.PEOPLE, args, now=call.now)
    return Page(page.json, "Users", page.total)


async def _place(call: Call, unit_id: int, action: str) -> folder_rules.Place:
    """The folder; a personal workspace is no unit."""
    place = await folders.place_for(call, unit_id, action)
    if place.folder_type == "Personal":
        raise NotFound(NO_UNIT)
    return place


async def _item(call: Call, unit_id: int, options: Options | None = None) -> Item:
    shown = options or parse_options({})
    text = await fetch_one(call.db, UNITS, shown, store.ITSELF, [call.tenant_id, unit_id], now=call.now)
    if text is None:
        raise NotFound(NO_UNIT)
    return Item(text, SET_NAME)
