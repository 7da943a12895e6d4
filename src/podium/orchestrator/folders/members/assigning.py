"""The checks and the change behind every assignment of users to folders."""

from __future__ import annotations

from collections.abc import Sequence

from podium import wire
from podium.kernel.call import Call, given
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.orchestrator.access import actions as access
from podium.orchestrator.access import store as access_store
from podium.orchestrator.access.granting import check_may_admit, check_may_give_in
from podium.orchestrator.folders import actions
from podium.orchestrator.folders.members import store
from podium.orchestrator.ports import ALL_KINDS
from podium.orchestrator.users.actions import principal_of
from podium.orchestrator.users.rules import KIND_OF_TYPE, TYPE_OF_KIND

NO_USER = "User does not exist."


async def assign(call: Call, user_ids: Sequence[int], wanted: Sequence[wire.FolderRolesDto]) -> None:
    """Give the users exactly these roles in these folders; all of it or nothing.

    Raises BadRequest for a role that is not for folders, a folder named twice or a workspace; NotFound and Forbidden.
    """
    roles_of = await _roles_per_folder(call, wanted)
    known = await store.known_users(call.db, call.tenant_id, user_ids)
    if unknown := [id_ for id_ in user_ids if id_ not in known]:
        raise NotFound(f"User {unknown[0]} does not exist.")
    named = await access_store.roles(call.db, call.tenant_id, sorted({id_ for ids in roles_of.values() for id_ in ids}))
    for folder_id, role_ids in roles_of.items():
        await _check_may_assign(call, folder_id, user_ids, [named[id_] for id_ in role_ids])
        await store.replace_roles(call.db, call.tenant_id, folder_id, list(user_ids), role_ids, call.now)
    await actions.tell_access_changed(call)


async def _check_may_assign(
    call: Call, folder_id: int, user_ids: Sequence[int], wanted: Sequence[access_store.RoleRow]
) -> None:
    """Raises Forbidden for a role that the caller may not give there; what all of them have already stays theirs."""
    present: dict[int, set[int | None]] = {user_id: set() for user_id in user_ids}
    for each in await store.assignments(call.db, call.tenant_id, [folder_id]):
        if each.user_id in present:
            present[each.user_id].add(each.role_id)
    kept = set[int | None]().union(*present.values()).intersection(*present.values())
    await check_may_give_in(call, folder_id, [role for role in wanted if role.id not in kept])
    if not wanted:
        await check_may_admit(call, folder_id, user_ids)


async def _roles_per_folder(call: Call, wanted: Sequence[wire.FolderRolesDto]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for position, each in enumerate(wanted):
        member = f"RolesPerFolder[{position}].FolderId"
        folder_id = given(each.folder_id, None)
        if folder_id is None:
            raise BadRequest(f"{member} is required.", Code.PARAMETER_MISSING)
        if folder_id in found:
            raise BadRequest(f"{member}: the folder {folder_id} is named twice.", Code.PARAMETER_INVALID)
        place = await actions.place_for(call, folder_id, "Edit")
        if place.folder_type == "Personal":
            raise BadRequest(f"{member}: a personal workspace is its owner's.", Code.INCOMPATIBLE_FOLDER_PROPERTIES)
        found[folder_id] = given(each.role_ids, [])
    await _check_roles(call, sorted({id_ for ids in found.values() for id_ in ids}))
    return found


async def _check_roles(call: Call, role_ids: Sequence[int]) -> None:
    roles = await store.roles(call.db, call.tenant_id, role_ids)
    for id_ in role_ids:
        if id_ not in roles:
            raise NotFound(f"Role {id_} does not exist.")
        if roles[id_].type == "Tenant":
            raise BadRequest(f"RoleIds: the role {roles[id_].name} is for the tenant, not for folders.")


async def user_of_directory(call: Call, assignment: wire.DomainUserAssignmentDto) -> int:
    """Id of the tenant's user for a principal of the directory; made when the tenant does not know it.

    A user of the tenant is found by its own name too. Raises NotFound, BadRequest when nobody is named.
    """
    identifier, name = given(assignment.directory_identifier, "").strip(), given(assignment.user_name, "").strip()
    if not identifier and not name:
        raise BadRequest("assignment.DirectoryIdentifier or UserName is required.", Code.PARAMETER_MISSING)
    kind = KIND_OF_TYPE.get(given(assignment.user_type, ""))
    kinds = ALL_KINDS if kind is None else (kind,)
    searched = "" if identifier else name
    principal = await principal_of(call, identifier, searched, given(assignment.domain, ""), kinds)
    if principal is not None:
        shown, type_ = principal.name or principal.email, TYPE_OF_KIND[principal.kind]
        return await access.make_user(
            call.db, call.tenant_id, principal.id, shown, principal.email, call.now, type_=type_
        )
    row = None
    if not identifier:
        row = await call.db.fetchrow(store.USER_NAMED, call.tenant_id, name.casefold(), None)
    if row is None:
        raise NotFound(NO_USER)
    return int(row["id"])
