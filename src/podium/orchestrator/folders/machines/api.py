"""Operations on the machines of folders."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from podium import wire
from podium.kernel.call import Call, Page, given
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.kernel.odata import fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.folders import actions, rules
from podium.orchestrator.folders import store as tree
from podium.orchestrator.folders.api import places_of_move
from podium.orchestrator.folders.entity import FOLDERS
from podium.orchestrator.folders.machines import store

MACHINE_MEMBERS = tuple(wire.MachineFolderDto.__struct_encode_fields__)
CHANGE_MEMBERS = ("MachineId", "MachineName", "OldMachineFolderState", "NewMachineFolderState")
NO_MACHINE = "Machine does not exist."


@operation("GET", "/odata/Folders/UiPath.Server.Configuration.OData.GetMachinesForFolder(key={key})")
async def list_machines_of_folder(call: Call, key: int) -> Page:
    """Who may see machines is shown all of them, to choose from; others those that serve the folder."""
    place = await actions.place_for(call, key, "View")
    every = "Machines.View" in call.reach.permissions
    rows = await store.of_folder(call.db, call.tenant_id, place.id, place.ancestor_ids[:-1], with_others=every)
    page = rows_page(rows, MACHINE_MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "MachineFolders", page.total)


@operation("POST", "/odata/Folders/UiPath.Server.Configuration.OData.AssignMachines")
async def assign_machines(call: Call, body: wire.FolderAssignMachinesRequest) -> None:
    """Adds every machine to every folder; what is assigned already stays as it is."""
    require_members(body)
    assignments = given(body.assignments, wire.MachineAssignmentsDto())
    machine_ids, folder_ids = given(assignments.machine_ids, []), given(assignments.folder_ids, [])
    _require("assignments.MachineIds", machine_ids)
    _require("assignments.FolderIds", folder_ids)
    places = [await actions.place_for(call, folder_id, "Edit") for folder_id in dict.fromkeys(folder_ids)]
    await _assign(call, places, machine_ids)
    call.describe("Assign", component="Folders", entity_id=places[0].id, name=places[0].path)


@operation("POST", "/odata/Folders/UiPath.Server.Configuration.OData.UpdateMachinesToFolderAssociations")
async def update_machines(call: Call, body: wire.UpdateMachinesToFolderAssociationsRequest) -> None:
    """Removes and adds machines of one folder."""
    require_members(body)
    associations = given(body.associations, wire.MachinesFolderAssociationsDto())
    folder_id = given(associations.folder_id, None)
    if folder_id is None:
        raise BadRequest("associations.FolderId is required.", Code.PARAMETER_MISSING)
    place = await actions.place_for(call, folder_id, "Edit")
    removed, added = given(associations.removed_machine_ids, []), given(associations.added_machine_ids, [])
    if removed:
        await _unassign(call, place, removed)
    if added:
        await _assign(call, [place], added)
    call.describe("Assign", component="Folders", entity_id=place.id, name=place.path)


@operation("POST", "/odata/Folders({key})/UiPath.Server.Configuration.OData.RemoveMachinesFromFolder")
async def remove_machines(call: Call, key: int, body: wire.RemoveMachinesFromFolderRequest) -> None:
    require_members(body)
    place = await actions.place_for(call, key, "Edit")
    await _unassign(call, place, given(body.machine_ids, []))
    call.describe("Unassign", component="Folders", entity_id=place.id, name=place.path)


@operation("POST", "/odata/Folders/UiPath.Server.Configuration.OData.ToggleFolderMachineInherit")
async def toggle_inheritance(call: Call, body: wire.FolderMachineInheritDto) -> None:
    """Lets an assigned machine serve the subfolders too, or no longer."""
    folder_id, machine_id = given(body.folder_id, None), given(body.machine_id, None)
    if folder_id is None or machine_id is None:
        missing = "FolderId" if folder_id is None else "MachineId"
        raise BadRequest(f"{missing} is required.", Code.PARAMETER_MISSING)
    place = await actions.place_for(call, folder_id, "Edit")
    wanted = given(body.inherit_enabled, False)
    if await call.db.fetchval(store.PROPAGATE, call.tenant_id, [place.id], machine_id, wanted) is None:
        raise NotFound("The machine is not assigned to the folder.")
    await actions.tell_access_changed(call)
    call.describe("Update", component="Folders", entity_id=place.id, name=place.path)


@operation("GET", "/odata/Folders/UiPath.Server.Configuration.OData.GetSubfoldersWithAssignedMachine")
async def list_subfolders_with_machine(
    call: Call, root_folder_id: int | None = None, machine_id: int | None = None
) -> Page:
    """The folders below one to which the machine is assigned itself."""
    if root_folder_id is None or machine_id is None:
        missing = "rootFolderId" if root_folder_id is None else "machineId"
        raise BadRequest(f"{missing} is required.", Code.PARAMETER_MISSING)
    await actions.place_for(call, root_folder_id, "View")
    wanted = [call.tenant_id, root_folder_id, machine_id]
    page = await fetch_page(call.db, FOLDERS, parse_options(call.query), tree.BELOW_WITH_MACHINE, wanted, now=call.now)
    return Page(page.json, "Folders", page.total)


@operation("GET", "/odata/Folders/UiPath.Server.Configuration.OData.GetMoveFolderMachinesChanges")
async def preview_move(call: Call, folder_id: int | None = None, target_parent_id: int | None = None) -> Page:
    """Which machines a move would take from the folder or bring to it; none that are assigned to it itself."""
    if folder_id is None:
        raise BadRequest("folderId is required.", Code.PARAMETER_MISSING)
    moved, target = await places_of_move(call, folder_id, target_parent_id)
    before = await store.inherited(call.db, call.tenant_id, moved.ancestor_ids[:-1])
    after = await store.inherited(call.db, call.tenant_id, target.ancestor_ids if target else [])
    own = await store.assigned(call.db, call.tenant_id, moved.id)
    names = before | after
    rows = [
        {
            "MachineId": id_,
            "MachineName": names[id_],
            "OldMachineFolderState": "Inherited" if id_ in before else "NotAssigned",
            "NewMachineFolderState": "Inherited" if id_ in after else "NotAssigned",
        }
        for id_ in sorted(before.keys() ^ after.keys())
        if id_ not in own
    ]
    page = rows_page(rows, CHANGE_MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "MoveFolderMachineChanges", page.total)


async def _assign(call: Call, places: Sequence[rules.Place], machine_ids: Sequence[int]) -> None:
    for place in places:
        if place.folder_type == "Personal":
            raise Conflict("A personal workspace has its own machine.", Code.CANNOT_ASSIGN_MACHINE)
    machines = await _known(call, machine_ids)
    if any(machine.scope == "PersonalWorkspace" for machine in machines.values()):
        raise Conflict("The machine of a personal workspace stays there.", Code.CANNOT_ASSIGN_WORKSPACE_MACHINE)
    folder_ids = [place.id for place in places]
    serverless = [machine.id for machine in machines.values() if machine.scope == "Serverless"]
    if serverless:
        taken = await call.db.fetchval(store.SERVERLESS_ELSEWHERE, call.tenant_id, folder_ids, serverless[:1])
        if taken or len(serverless) > 1:
            raise Conflict("Only one Cloud Robots - Serverless is allowed per folder.", Code.CANNOT_ASSIGN_MACHINE)
    await call.db.execute(store.ASSIGN, call.tenant_id, folder_ids, list(machines))
    await actions.tell_access_changed(call)


async def _unassign(call: Call, place: rules.Place, machine_ids: Sequence[int]) -> None:
    """Take machines from the folder itself; what it inherits ends where it is assigned (409 #2830)."""
    if place.folder_type == "Personal":
        raise Conflict("A personal workspace keeps its machine.", Code.CANNOT_ASSIGN_WORKSPACE_MACHINE)
    machines = await _known(call, machine_ids)
    removed = await call.db.fetch(store.UNASSIGN, call.tenant_id, [place.id], list(machines))
    kept = machines.keys() - {row["machine_id"] for row in removed}
    if kept & (await store.inherited(call.db, call.tenant_id, place.ancestor_ids[:-1])).keys():
        raise Conflict("The machine is inherited; it is removed where it is assigned.", Code.CANNOT_UNASSIGN_INHERITED)
    await actions.tell_access_changed(call)


async def _known(call: Call, machine_ids: Sequence[int]) -> dict[int, store.Machine]:
    machines = await store.machines(call.db, call.tenant_id, machine_ids)
    if any(id_ not in machines for id_ in machine_ids):
        raise NotFound(NO_MACHINE)
    return machines


def _require(member: str, value: Sequence[int]) -> None:
    if not value:
        raise BadRequest(f"{member} is required.", Code.PARAMETER_MISSING)
