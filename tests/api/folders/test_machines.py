"""Operations on the machines of folders."""

from __future__ import annotations

from typing import Any

FOLDERS = "/odata/Folders/UiPath.Server.Configuration.OData"
REMOVE = "/odata/Folders({0})/UiPath.Server.Configuration.OData.RemoveMachinesFromFolder"


async def serving(api: Any, folder: int) -> dict[str, tuple[bool, bool]]:
    """By name: whether the machine is assigned to the folder, whether it is inherited."""
    found = await api.get(
        f"{FOLDERS}.GetMachinesForFolder(key={folder})?$filter=IsAssignedToFolder eq true or IsInherited eq true"
    )
    return {row["Name"]: (row["IsAssignedToFolder"], row["IsInherited"]) for row in found["value"]}


async def assign(api: Any, machine: Any, *folders: int, expect: int = 204) -> Any:
    body = {"assignments": {"MachineIds": [machine["Id"]], "FolderIds": list(folders)}}
    return await api.post(f"{FOLDERS}.AssignMachines", body, expect=expect)


async def pass_on(api: Any, machine: Any, folder: int, *, enabled: bool = True, expect: int = 200) -> Any:
    body = {"FolderId": folder, "MachineId": machine["Id"], "InheritEnabled": enabled}
    return await api.post(f"{FOLDERS}.ToggleFolderMachineInherit", body, expect=expect)


class TestAssignMachines:
    async def test_204_to_several_folders_and_again(self, api: Any, folder: Any, given: Any) -> None:
        one, two = (await folder("One"))["Id"], (await folder("Two"))["Id"]
        machine = await given.machine("Atlas")
        await assign(api, machine, one, two)
        await assign(api, machine, one)
        for folder_id in (one, two):
            assert await serving(api, folder_id) == {"Atlas": (True, False)}

    async def test_409_machine_of_a_workspace_and_to_a_workspace(self, api: Any, folder: Any, given: Any) -> None:
        one = (await folder("One"))["Id"]
        await api.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
        own = await api.get("/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData.GetPersonalWorkspace")
        (workspace_machine,) = (await api.get(f"{FOLDERS}.GetMachinesForFolder(key={own['Id']})"))["value"]
        assert (await assign(api, workspace_machine, one, expect=409))["errorCode"] == 2833
        assert (await assign(api, await given.machine("Atlas"), own["Id"], expect=409))["errorCode"] == 2832

    async def test_409_second_serverless_machine(self, api: Any, folder: Any, given: Any) -> None:
        one = (await folder("One"))["Id"]
        first = await given.machine("Cloud 1", scope="Serverless")
        await assign(api, first, one)
        await assign(api, first, one)
        refused = await assign(api, await given.machine("Cloud 2", scope="Serverless"), one, expect=409)
        assert refused["message"] == "Only one Cloud Robots - Serverless is allowed per folder."

    async def test_404_unknown_machine_or_folder_400_nothing_named(self, api: Any, folder: Any, given: Any) -> None:
        await assign(api, {"Id": 999999999}, (await folder("One"))["Id"], expect=404)
        await assign(api, await given.machine("Atlas"), 999999999, expect=404)
        bodies: list[Any] = [{}, {"assignments": {}}, {"assignments": {"MachineIds": [1]}}]
        for body in bodies:
            assert (await api.post(f"{FOLDERS}.AssignMachines", body, expect=400))["errorCode"] == 1014


class TestUpdateMachinesToFolderAssociations:
    async def test_204_adds_and_removes(self, api: Any, folder: Any, given: Any) -> None:
        one = (await folder("One"))["Id"]
        old, new = await given.machine("Old"), await given.machine("New")
        await assign(api, old, one)
        change = {"FolderId": one, "AddedMachineIds": [new["Id"]], "RemovedMachineIds": [old["Id"]]}
        path = f"{FOLDERS}.UpdateMachinesToFolderAssociations"
        await api.post(path, {"associations": change}, expect=204)
        assert await serving(api, one) == {"New": (True, False)}
        await api.post(path, {"associations": {"FolderId": 999999999}}, expect=404)
        await api.post(path, {"associations": {}}, expect=400)


class TestRemoveMachinesFromFolder:
    async def test_204_and_409_for_what_is_inherited(self, api: Any, folder: Any, given: Any) -> None:
        top = await folder("Top")
        sub = (await folder("Sub", top))["Id"]
        machine = await given.machine("Atlas")
        await assign(api, machine, top["Id"])
        await pass_on(api, machine, top["Id"])
        body = {"machineIds": [machine["Id"]]}
        assert (await api.post(REMOVE.format(sub), body, expect=409))["errorCode"] == 2830
        await api.post(REMOVE.format(top["Id"]), body, expect=204)
        assert await serving(api, sub) == {}

    async def test_404_unknown_machine_400_none(self, api: Any, folder: Any) -> None:
        one = (await folder("One"))["Id"]
        await api.post(REMOVE.format(one), {"machineIds": [999999999]}, expect=404)
        await api.post(REMOVE.format(one), {}, expect=400)


class TestToggleFolderMachineInherit:
    async def test_200_serves_the_folders_below_and_no_longer(self, api: Any, folder: Any, given: Any) -> None:
        top = await folder("Top")
        sub = (await folder("Sub", top))["Id"]
        machine = await given.machine("Atlas")
        await assign(api, machine, top["Id"])
        assert await serving(api, sub) == {}
        await pass_on(api, machine, top["Id"])
        found = await api.get(f"{FOLDERS}.GetMachinesForFolder(key={sub})?$filter=IsInherited eq true")
        assert [row["InheritedFromFolderName"] for row in found["value"]] == ["Top"]
        await pass_on(api, machine, top["Id"], enabled=False)
        assert await serving(api, sub) == {}

    async def test_404_not_assigned_400_not_named(self, api: Any, folder: Any, given: Any) -> None:
        await pass_on(api, await given.machine("Atlas"), (await folder("One"))["Id"], expect=404)
        await api.post(f"{FOLDERS}.ToggleFolderMachineInherit", {}, expect=400)


class TestGetMachinesForFolder:
    async def test_200_every_machine_for_who_may_see_machines(
        self, api: Any, folder: Any, given: Any, caller: Any
    ) -> None:
        one = (await folder("One"))["Id"]
        await assign(api, await given.machine("Atlas"), one)
        await given.machine("Other")
        path = f"{FOLDERS}.GetMachinesForFolder(key={one})"
        assert [row["Name"] for row in (await api.get(path))["value"]] == ["Atlas", "Other"]
        lead = await caller("Folder Administrator", folder=one)
        assert [row["Name"] for row in (await lead.get(path))["value"]] == ["Atlas"]


class TestGetSubfoldersWithAssignedMachine:
    async def test_200_below_the_folder_only(self, api: Any, folder: Any, given: Any) -> None:
        top = await folder("Top")
        sub, beside = await folder("Sub", top), await folder("Beside", top)
        machine = await given.machine("Atlas")
        await assign(api, machine, top["Id"], sub["Id"])
        path = f"{FOLDERS}.GetSubfoldersWithAssignedMachine"
        found = await api.get(f"{path}?rootFolderId={top['Id']}&machineId={machine['Id']}&$select=Id")
        assert (found["value"], found["@odata.count"]) == ([{"Id": sub["Id"]}], 1)
        assert beside["Id"] != sub["Id"]
        await api.get(path, expect=400)
        await api.get(f"{path}?rootFolderId=999999999&machineId=1", expect=404)


class TestGetMoveFolderMachinesChanges:
    async def test_200_what_is_lost_and_what_is_won(self, api: Any, folder: Any, given: Any) -> None:
        source, target = await folder("Source"), await folder("Target")
        moved = await folder("Moved", source)
        lost, won = await given.machine("Lost"), await given.machine("Won")
        for machine, place in ((lost, source), (won, target)):
            await assign(api, machine, place["Id"])
            await pass_on(api, machine, place["Id"])
        path = f"{FOLDERS}.GetMoveFolderMachinesChanges?folderId={moved['Id']}&targetParentId={target['Id']}"
        rows = {row["MachineName"]: row for row in (await api.get(path))["value"]}
        states = {name: (row["OldMachineFolderState"], row["NewMachineFolderState"]) for name, row in rows.items()}
        assert states == {"Lost": ("Inherited", "NotAssigned"), "Won": ("NotAssigned", "Inherited")}
        await api.put(
            f"/odata/Folders({moved['Id']})/UiPath.Server.Configuration.OData.MoveFolder?targetParentId={target['Id']}",
            expect=204,
        )
        assert await serving(api, moved["Id"]) == {"Won": (False, True)}

    async def test_400_without_folder_404_unknown(self, api: Any) -> None:
        await api.get(f"{FOLDERS}.GetMoveFolderMachinesChanges", expect=400)
        await api.get(f"{FOLDERS}.GetMoveFolderMachinesChanges?folderId=999999999", expect=404)
