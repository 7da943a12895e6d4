"""Operations on who is assigned to folders."""

from __future__ import annotations

from typing import Any

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.odata import parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.access import rules as access_rules
from podium.orchestrator.folders import actions
from podium.orchestrator.folders import rules as tree_rules
from podium.orchestrator.folders.members import rules, store
from podium.orchestrator.folders.members.assigning import NO_USER, assign, user_of_directory
from podium.orchestrator.folders.navigation.api import page_bounds
from podium.orchestrator.ports import Directory

MAX_ROLES_PAGE = 100
TYPES_OF = {
    "User": ["User", "DirectoryUser"],
    "Group": ["DirectoryGroup"],
    "Machine": [],
    "Robot": ["Robot", "DirectoryRobot"],
    "ExternalApplication": ["DirectoryExternalApplication"],
}
USER_ROLES_MEMBERS = ("Id", "UserEntity", "Roles", "HasAlertsEnabled")


@operation("POST", "/odata/Folders/UiPath.Server.Configuration.OData.AssignUsers")
async def assign_users(call: Call, body: wire.FolderAssignUsersRequest) -> None:
    """Replaces the roles of these users in these folders; an empty list leaves members without a role."""
    require_members(body)
    assignments = given(body.assignments, wire.UserAssignmentsDto())
    user_ids, folders = given(assignments.user_ids, []), given(assignments.roles_per_folder, [])
    _require_both("assignments", UserIds=user_ids, RolesPerFolder=folders)
    await assign(call, user_ids, folders)
    call.describe("Assign", component="Folders", entity_id=given(folders[0].folder_id, None))


@operation("POST", "/odata/Folders/UiPath.Server.Configuration.OData.AssignDomainUser")
async def assign_domain_user(call: Call, body: wire.FolderAssignDomainUserRequest) -> None:
    """As AssignUsers, for one principal of the directory, which becomes a user of the tenant."""
    await _assign_directory_user(call, body)


@operation("POST", "/odata/Folders/UiPath.Server.Configuration.OData.AssignDirectoryUser")
async def assign_directory_user(call: Call, body: wire.FolderAssignDomainUserRequest) -> None:
    await _assign_directory_user(call, body)


@operation("POST", "/odata/Folders({key})/UiPath.Server.Configuration.OData.RemoveUserFromFolder")
async def remove_user(call: Call, key: int, body: wire.RemoveUserFromFolderRequest) -> None:
    require_members(body)
    place = await actions.place_for(call, key, "Edit")
    await _remove(call, place, given(body.user_id, 0))


@operation("POST", "/odata/Folders({key})/UiPath.Server.Configuration.OData.RemoveUserFromFolderByKey")
async def remove_user_by_key(call: Call, key: int, body: wire.RemoveUserByKeyFromFolderRequest) -> None:
    require_members(body)
    place = await actions.place_for(call, key, "Edit")
    assert body.user_key  # required above
    user_id = await store.user_of_key(call.db, call.tenant_id, body.user_key)
    if user_id is None:
        raise NotFound(NO_USER)
    await _remove(call, place, user_id)


@operation(
    "GET",
    "/odata/Folders/UiPath.Server.Configuration.OData.GetUsersForFolder(key={key},includeInherited={includeInherited})",
)
async def list_users_of_folder(call: Call, key: int, include_inherited: bool) -> Page:
    """Members with their roles; inherited ones come from the folders above and from the role Administrator."""
    place = await actions.place_for(call, key, "View", "Assets.Create", "Assets.Edit")
    chain = list(place.ancestor_ids) if include_inherited else [place.id]
    assignments = await store.assignments(call.db, call.tenant_id, chain)
    if include_inherited and place.folder_type != "Personal":
        administrators = access_rules.ADMINISTRATOR.casefold()
        assignments += await store.tenant_wide(call.db, call.tenant_id, administrators)
    users = await store.users(call.db, call.tenant_id, sorted({each.user_id for each in assignments}))
    sources = await store.sources(call.db, call.tenant_id, chain)
    rows = rules.users_of_folder(place.id, users, assignments, sources)
    page = rows_page(rows, USER_ROLES_MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "UserRoles", page.total)


@operation(
    "GET",
    "/odata/Folders/UiPath.Server.Configuration.OData.GetAllRolesForUser(username='{username}',skip={skip},take={take})",
)
async def list_roles_of_user(
    call: Call,
    username: str,
    skip: int,
    take: int,
    type: str | None = "User",  # noqa: A002 - the wire's name
    search_text: str | None = None,
) -> Item:
    found = await _roles_of_user(call, username, type, skip, take, search_text)
    return Item(msgspec.json.encode(found).decode(), "UserRoleAssignments")


@operation("GET", "/api/FoldersNavigation/GetAllRolesForUser")
async def list_roles_of_user_for_navigation(
    call: Call,
    username: str | None = None,
    type: str | None = None,  # noqa: A002 - the wire's name
    skip: int | None = None,
    take: int | None = None,
    search_text: str | None = None,
) -> dict[str, Any]:
    return await _roles_of_user(call, username, type, skip, take, search_text)


async def _assign_directory_user(call: Call, body: wire.FolderAssignDomainUserRequest) -> None:
    require_members(body)
    assignment = given(body.assignment, wire.DomainUserAssignmentDto())
    folders = given(assignment.roles_per_folder, [])
    _require_both("assignment", RolesPerFolder=folders)
    user_id = await user_of_directory(call, assignment)
    await assign(call, [user_id], folders)
    call.describe("Assign", component="Folders", entity_id=given(folders[0].folder_id, None))


def _require_both(path: str, **lists: list[Any]) -> None:
    for name, value in lists.items():
        if not value:
            raise BadRequest(f"{path}.{name} is required.", Code.PARAMETER_MISSING)


async def _remove(call: Call, place: tree_rules.Place, user_id: int) -> None:
    """End the membership in this folder itself; what is inherited ends where it is assigned (409 #2830)."""
    if user_id == place.owner_id:
        raise Conflict("A personal workspace keeps its owner.", Code.CANNOT_UNASSIGN_INHERITED)
    removed = await call.db.fetchval(store.REMOVE_MEMBER, call.tenant_id, [place.id], user_id)
    if removed is None:
        await _refuse_inherited(call, place, user_id)
        raise NotFound("The user is not assigned to the folder.")
    await actions.tell_access_changed(call)
    call.describe("Unassign", component="Folders", entity_id=place.id, name=place.path)


async def _refuse_inherited(call: Call, place: tree_rules.Place, user_id: int) -> None:
    """Raises Conflict with the place where the access that a user has here would have to end."""
    above = await store.assignments(call.db, call.tenant_id, place.ancestor_ids)
    found = sorted({each.folder_id for each in above if each.user_id == user_id and each.folder_id is not None})
    if found:
        sources = await store.sources(call.db, call.tenant_id, found)
        paths = " and ".join(sources[id_].path for id_ in found)
        raise Conflict(f"The access is inherited from {paths}; it ends there.", Code.CANNOT_UNASSIGN_INHERITED)
    masters = await store.tenant_wide(call.db, call.tenant_id, access_rules.ADMINISTRATOR.casefold())
    if any(each.user_id == user_id for each in masters):
        message = f"The access comes with the role {access_rules.ADMINISTRATOR}."
        raise Conflict(message, Code.CANNOT_UNASSIGN_INHERITED)


async def _roles_of_user(
    call: Call, username: str | None, type_: str | None, skip: int | None, take: int | None, search: str | None
) -> dict[str, Any]:
    """Tenant roles and folder assignments of a user, those of its directory groups among them.

    Folders that the caller may not look at are left out.
    """
    taken, skipped = page_bounds(take, skip, MAX_ROLES_PAGE)
    held = call.reach.permissions
    visible = [folder.id for folder in call.reach.folders.values() if "SubFolders.View" in folder.permissions]
    if "Units.View" not in held and not visible:
        raise Forbidden("You are not authorized!")
    name = (username or "").rpartition("\\")[2].casefold()
    user = await call.db.fetchrow(store.USER_NAMED, call.tenant_id, name, TYPES_OF[type_] if type_ else None)
    if user is None:
        raise NotFound(NO_USER)
    ids = [user["id"]]
    if user["directory_id"] is not None:
        directory = call.port(Directory)  # ports are keyed by their interfaces
        groups = await directory.groups_of(user["directory_id"])
        ids += [row["id"] for row in await call.db.fetch(store.GROUPS_AS_USERS, call.tenant_id, groups)]
    people = {each["id"]: _simple_user(each) for each in await store.users(call.db, call.tenant_id, ids)}
    tenant_roles = await call.db.fetch(store.TENANT_ROLES, call.tenant_id, ids)
    folders = await call.db.fetch(
        store.FOLDERS_OF,
        call.tenant_id,
        ids,
        (search or "").casefold(),
        visible,
        "Units.View" in held,
        taken,
        skipped,
    )
    assigned = await store.assignments(call.db, call.tenant_id, [row["id"] for row in folders])
    return {
        "Count": folders[0]["total"] if folders else 0,
        "Id": user["id"],
        "TenantRoles": _by_role([(row["role_id"], row["role_name"], row["user_id"]) for row in tenant_roles], people),
        "PageItems": [
            {
                "Folder": rules.simple_folder(rules.Source(row["id"], row["display_name"], row["path"])),
                "Roles": _by_role(
                    [
                        (each.role_id, each.role_name, each.user_id)
                        for each in assigned
                        if each.folder_id == row["id"] and each.role_id is not None
                    ],
                    people,
                ),
            }
            for row in folders
        ],
    }


def _by_role(held: list[tuple[int | None, str | None, int]], people: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per role with those of the people who hold it: the user itself, or a group of it."""
    found: dict[int | None, dict[str, Any]] = {}
    for role_id, name, user_id in held:
        if user_id in people:
            found.setdefault(role_id, {"Name": name, "Users": [], "Id": role_id})["Users"].append(people[user_id])
    return list(found.values())


def _simple_user(user: dict[str, Any]) -> dict[str, Any]:
    return {
        "UserName": user["user_name"],
        "IsInherited": user["type"] == "DirectoryGroup",
        "Type": user["type"],
        "MayHaveAttended": user["may_have_attended"],
        "MayHaveUnattended": user["may_have_unattended"],
        "Source": "Orchestrator",
        "Id": user["id"],
    }
