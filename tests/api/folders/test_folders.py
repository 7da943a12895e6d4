"""Operations on the folder tree."""

from __future__ import annotations

import asyncio
import random
import unicodedata
from typing import Any

import pytest

FOLDERS = "/odata/Folders/UiPath.Server.Configuration.OData"
MOVE = "/odata/Folders({0})/UiPath.Server.Configuration.OData.MoveFolder"
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


async def move(api: Any, folder: Any, target: Any, expect: int | None = 204) -> Any:
    query = f"?targetParentId={target['Id']}" if target else ""
    return await api.put(MOVE.format(folder["Id"]) + query, expect=expect)


async def paths(api: Any) -> list[str]:
    found = await api.get("/odata/Folders?$select=FullyQualifiedName&$orderby=FullyQualifiedName")
    return [each["FullyQualifiedName"] for each in found["value"]]


class TestListFolders:
    async def test_200_every_folder_for_an_administrator(self, api: Any, folder: Any) -> None:
        top = await folder("Finance")
        await folder("Invoices", top)
        found = await api.get("/odata/Folders?$filter=startswith(FullyQualifiedName,'finance')&$orderby=Id")
        assert [each["FullyQualifiedName"] for each in found["value"]] == ["Finance", "Finance/Invoices"]
        assert found["value"][1]["ParentKey"] == top["Key"]
        assert found["@odata.count"] == 2

    async def test_200_only_folders_where_the_right_is_held(self, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        await folder("Sub", top)
        await folder("Other")
        lead = await caller("Folder Administrator", folder=top["Id"])
        assert [path for path in await paths(lead) if "workspace" not in path] == ["Finance", "Finance/Sub"]

    async def test_403_for_who_is_member_without_the_right(self, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        user = await caller("Automation User", folder=top["Id"])
        await user.get("/odata/Folders", expect=403)

    async def test_200_without_the_workspaces_of_others(self, api: Any, caller: Any) -> None:
        user = await caller("Tenant Administrator")
        await user.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
        own = [path for path in await paths(user) if path == f"{user.user_name}'s workspace"]
        assert len(own) == 1
        assert own[0] not in await paths(api)

    async def test_400_unknown_property(self, api: Any) -> None:
        refused = await api.get("/odata/Folders?$filter=Nothing eq 1", expect=400)
        assert refused["errorCode"] == 1000


class TestReadFolder:
    async def test_200_by_id_and_by_key(self, api: Any, folder: Any) -> None:
        made = await folder("Finance")
        assert (await api.get(f"/odata/Folders({made['Id']})"))["Key"] == made["Key"]
        by_key = f"{FOLDERS}.GetByKey(identifier={made['Key']})"
        assert (await api.get(by_key))["Id"] == made["Id"]

    async def test_404_for_an_unknown_id_key_and_another_tenants_folder(self, api: Any, folder: Any) -> None:
        made = await folder("Finance")
        for path in (
            "/odata/Folders(999999999)",
            f"{FOLDERS}.GetByKey(identifier={UNKNOWN})",
        ):
            assert (await api.get(path, expect=404))["errorCode"] == 1002
        await api.tenant("other").get(f"/odata/Folders({made['Id']})", expect=404)

    async def test_404_outside_and_403_inside_without_the_right(self, folder: Any, caller: Any) -> None:
        seen, unseen, led = await folder("Seen"), await folder("Unseen"), await folder("Led")
        user = await caller("Folder Administrator", folder=led["Id"])
        await user.get(f"/odata/Folders({unseen['Id']})", expect=404)
        member = await caller("Automation User", folder=seen["Id"])
        await member.get(f"/odata/Folders({seen['Id']})", expect=403)


class TestCreateFolder:
    async def test_201_with_defaults(self, api: Any) -> None:
        made = await api.post("/odata/Folders", {"DisplayName": "Finance", "Description": "Money"}, expect=201)
        assert made["FullyQualifiedName"] == "Finance"
        assert made["Description"] == "Money"
        expected = ("Automatic", "FineGrained", "Processes", "Standard", None, False)
        members = ("ProvisionType", "PermissionModel", "FeedType", "FolderType", "ParentId", "IsPersonal")
        assert tuple(made[name] for name in members) == expected

    async def test_201_below_a_parent_by_id_or_key(self, api: Any, folder: Any) -> None:
        top = await folder("Finance")
        by_key = await api.post("/odata/Folders", {"DisplayName": "A", "ParentKey": top["Key"]}, expect=201)
        both = {"DisplayName": "B", "ParentKey": top["Key"], "ParentId": top["Id"]}
        by_both = await api.post("/odata/Folders", both, expect=201)
        assert (by_key["ParentId"], by_both["FullyQualifiedName"]) == (top["Id"], "Finance/B")

    async def test_201_decomposed_name_is_stored_composed(self, api: Any) -> None:
        made = await api.post("/odata/Folders", {"DisplayName": unicodedata.normalize("NFD", "Füße")}, expect=201)
        assert made["DisplayName"] == "F\u00fc\u00dfe"

    async def test_201_creator_of_a_root_becomes_its_administrator(self, caller: Any) -> None:
        user = await caller("Tenant Administrator")
        made = await user.post("/odata/Folders", {"DisplayName": "Mine"}, expect=201)
        path = f"{FOLDERS}.GetUsersForFolder(key={made['Id']},includeInherited=false)"
        (row,) = (await user.get(path))["value"]
        assert row["Id"] == user.user_id
        assert [role["Name"] for role in row["Roles"]] == ["Folder Administrator"]
        mine = await user.get("/api/FoldersNavigation/GetFoldersForCurrentUser?searchText=mine")
        assert [each["Id"] for each in mine["PageItems"]] == [made["Id"]]

    async def test_201_subfolder_with_the_folder_right_alone(self, folder: Any, caller: Any) -> None:
        top, other = await folder("Finance"), await folder("Other")
        lead = await caller("Folder Administrator", folder=top["Id"])
        await lead.post("/odata/Folders", {"DisplayName": "Sub", "ParentId": top["Id"]}, expect=201)
        await lead.post("/odata/Folders", {"DisplayName": "Root"}, expect=403)
        await lead.post("/odata/Folders", {"DisplayName": "Sub", "ParentId": other["Id"]}, expect=404)

    async def test_201_root_with_packages_of_its_own(self, api: Any, folder: Any) -> None:
        top = await folder("Own", FeedType="FolderHierarchy")
        assert top["FeedType"] == "FolderHierarchy"
        body = {"DisplayName": "Sub", "ParentId": top["Id"], "FeedType": "FolderHierarchy"}
        assert (await api.post("/odata/Folders", body, expect=400))["errorCode"] == 2802

    @pytest.mark.parametrize("name", ["a/b", " a", "a\t", "..", "  "])
    async def test_400_name_that_cannot_be_one(self, api: Any, name: str) -> None:
        assert (await api.post("/odata/Folders", {"DisplayName": name}, expect=400))["errorCode"] == 2810

    async def test_400_name_missing_or_too_long(self, api: Any) -> None:
        assert (await api.post("/odata/Folders", {}, expect=400))["errorCode"] == 1014
        assert "DisplayName" in (await api.post("/odata/Folders", {"DisplayName": "x" * 116}, expect=400))["message"]

    async def test_400_classic_folder_and_parent_that_contradicts_itself(self, api: Any, folder: Any) -> None:
        classic = {"DisplayName": "Old", "PermissionModel": "InheritFromTenant"}
        assert (await api.post("/odata/Folders", classic, expect=400))["errorCode"] == 1106
        top, other = await folder("Top"), await folder("Other")
        body = {"DisplayName": "A", "ParentId": top["Id"], "ParentKey": other["Key"]}
        assert (await api.post("/odata/Folders", body, expect=400))["errorCode"] == 1015

    async def test_400_below_a_personal_workspace(self, api: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
        own = await api.get("/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData.GetPersonalWorkspace")
        body = {"DisplayName": "A", "ParentId": own["Id"]}
        assert (await api.post("/odata/Folders", body, expect=400))["errorCode"] == 2802

    async def test_404_unknown_parent(self, api: Any) -> None:
        await api.post("/odata/Folders", {"DisplayName": "A", "ParentId": 999999999}, expect=404)

    async def test_409_name_of_a_sibling_in_any_case(self, api: Any, folder: Any) -> None:
        top = await folder("Straße")
        refused = await api.post("/odata/Folders", {"DisplayName": "STRASSE"}, expect=409)
        assert (refused["errorCode"], refused["message"]) == (1001, "The name STRASSE is already used.")
        await folder("Straße", top)

    async def test_409_below_the_seventh_level(self, api: Any, folder: Any) -> None:
        deep = await folder("1")
        for level in range(2, 8):
            deep = await folder(str(level), deep)
        assert deep["FullyQualifiedName"] == "1/2/3/4/5/6/7"
        body = {"DisplayName": "8", "ParentId": deep["Id"]}
        assert (await api.post("/odata/Folders", body, expect=409))["errorCode"] == 2804

    async def test_409_for_one_of_two_of_the_same_name_at_once(self, api: Any) -> None:
        answers = await asyncio.gather(*(api.request("POST", "/odata/Folders", {"DisplayName": "Twice"}) for _ in "ab"))
        assert sorted(answer.status for answer in answers) == [201, 409]


class TestReplaceFolder:
    async def test_200_new_name_reaches_every_path_below(self, api: Any, folder: Any) -> None:
        top = await folder("Finance", Description="Money")
        await folder("Deep", await folder("Sub", top))
        made = await api.put(f"/odata/Folders({top['Id']})", {"DisplayName": "Geld"}, expect=200)
        assert (made["FullyQualifiedName"], made["Description"]) == ("Geld", None)
        assert {"Geld/Sub", "Geld/Sub/Deep"} <= set(await paths(api))

    async def test_200_old_names_and_paths_are_free_again(self, api: Any, folder: Any) -> None:
        top = await folder("Finance")
        await folder("Sub", top)
        await api.put(f"/odata/Folders({top['Id']})", {"DisplayName": "Geld"}, expect=200)
        await folder("Sub", await folder("finance"))
        assert (await api.post("/odata/Folders", {"DisplayName": "GELD"}, expect=409))["errorCode"] == 1001

    async def test_200_as_it_was_read(self, api: Any, folder: Any) -> None:
        made = await folder("Sub", await folder("Finance"))
        assert (await api.put(f"/odata/Folders({made['Id']})", made, expect=200))["Key"] == made["Key"]

    async def test_200_other_case_of_its_own_name(self, api: Any, folder: Any) -> None:
        made = await folder("Finance")
        changed = await api.put(f"/odata/Folders({made['Id']})", {"DisplayName": "FINANCE"}, expect=200)
        assert changed["FullyQualifiedName"] == "FINANCE"

    async def test_400_other_feed_or_other_parent(self, api: Any, folder: Any) -> None:
        top, made = await folder("Top"), await folder("Finance")
        feed = {"DisplayName": "Finance", "FeedType": "FolderHierarchy"}
        assert (await api.put(f"/odata/Folders({made['Id']})", feed, expect=400))["errorCode"] == 2826
        parent = {"DisplayName": "Finance", "ParentId": top["Id"]}
        assert (await api.put(f"/odata/Folders({made['Id']})", parent, expect=400))["errorCode"] == 2802

    async def test_409_name_of_a_sibling(self, api: Any, folder: Any) -> None:
        await folder("Taken")
        made = await folder("Finance")
        refused = await api.put(f"/odata/Folders({made['Id']})", {"DisplayName": "taken"}, expect=409)
        assert refused["errorCode"] == 1001


class TestPatchFolder:
    async def test_200_changes_what_is_given(self, api: Any, folder: Any) -> None:
        made = await folder("Finance", Description="Money")
        path = f"/api/Folders/PatchNameDescription?key={made['Key']}"
        named = await api.patch(path, {"Name": "Geld"}, expect=200)
        assert (named["DisplayName"], named["Description"]) == ("Geld", "Money")
        emptied = await api.patch(path, {"description": None}, expect=200)
        assert (emptied["DisplayName"], emptied["Description"]) == ("Geld", None)

    async def test_400_without_key_and_404_for_an_unknown_one(self, api: Any) -> None:
        await api.patch("/api/Folders/PatchNameDescription", {"name": "A"}, expect=400)
        for key in (UNKNOWN, "nothing"):
            await api.patch(f"/api/Folders/PatchNameDescription?key={key}", {"name": "A"}, expect=404)


class TestMoveFolder:
    async def test_204_takes_everything_below_along(self, api: Any, folder: Any) -> None:
        top, target = await folder("Finance"), await folder("Archive")
        sub = await folder("Sub", top)
        await folder("Deep", sub)
        await move(api, sub, target)
        assert {"Archive/Sub", "Archive/Sub/Deep"} <= set(await paths(api))
        await move(api, sub, None)
        assert {"Sub", "Sub/Deep"} <= set(await paths(api))

    async def test_409_into_itself_or_below_itself(self, api: Any, folder: Any) -> None:
        top = await folder("Finance")
        sub = await folder("Sub", top)
        for target in (top, sub):
            assert (await move(api, top, target, 409))["errorCode"] == 2820

    async def test_409_over_the_depth(self, api: Any, folder: Any) -> None:
        deep = await folder("1")
        for level in range(2, 7):
            deep = await folder(str(level), deep)
        pair = await folder("a")
        await folder("b", pair)
        assert (await move(api, pair, deep, 409))["errorCode"] == 2804

    async def test_409_name_taken_there(self, api: Any, folder: Any) -> None:
        target = await folder("Target")
        await folder("same", target)
        assert (await move(api, await folder("Same"), target, 409))["errorCode"] == 1001

    async def test_409_personal_workspace_and_folder_with_its_own_feed(self, api: Any, folder: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
        own = await api.get("/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData.GetPersonalWorkspace")
        target = await folder("Target")
        assert (await move(api, own, target, 409))["errorCode"] == 2834
        fed = await folder("Fed", FeedType="FolderHierarchy")
        assert (await move(api, fed, target, 409))["errorCode"] == 2802

    async def test_409_away_from_the_feed_of_its_processes(self, api: Any, folder: Any, given: Any) -> None:
        fed, target = await folder("Fed", FeedType="FolderHierarchy"), await folder("Target")
        sub = await folder("Sub", fed)
        feed = await api.get(f"/api/PackageFeeds/GetFolderFeed?folderId={sub['Id']}")
        await given.package("Invoices", feed=feed)
        await given.process("Invoices", folder=sub, package="Invoices")
        assert (await move(api, sub, target, 409))["errorCode"] == 2802
        await move(api, sub, await folder("Beside", fed))
        await move(api, await folder("Empty", fed), target)

    async def test_403_without_the_right_at_the_target(self, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        sub = await folder("Sub", top)
        lead = await caller("Folder Administrator", folder=top["Id"])
        await move(lead, sub, None, 403)
        await move(lead, sub, await folder("Elsewhere"), 404)
        await move(lead, sub, await folder("Beside", top))

    async def test_404_unknown_folder_and_unknown_target(self, api: Any, folder: Any) -> None:
        await move(api, {"Id": 999999999}, None, 404)
        await move(api, await folder("A"), {"Id": 999999999}, 404)

    async def test_409_for_one_of_two_that_would_close_a_circle(self, api: Any, folder: Any) -> None:
        pairs = [(await folder(f"One {number}"), await folder(f"Two {number}")) for number in range(8)]
        await asyncio.gather(*(api.get("/odata/Folders?$top=1") for _ in range(4)))  # so that connections are open
        for one, two in pairs:
            answers = await asyncio.gather(
                api.request("PUT", f"{MOVE.format(one['Id'])}?targetParentId={two['Id']}"),
                api.request("PUT", f"{MOVE.format(two['Id'])}?targetParentId={one['Id']}"),
            )
            assert sorted(answer.status for answer in answers) == [204, 409]

    async def test_204_and_409_at_random_keep_the_tree_whole(self, api: Any, folder: Any) -> None:
        chance = random.Random(7)  # noqa: S311 - a sequence, no secret
        made = [await folder(f"f{number}") for number in range(6)]
        for step in range(40):
            one, target = chance.choice(made), chance.choice([None, *made])
            if step % 3:
                await move(api, one, target, None)
            else:
                await api.put(f"/odata/Folders({one['Id']})", {"DisplayName": chance.choice("abcdefgh")}, expect=None)
        rows = (await api.get("/odata/Folders"))["value"]
        by_id = {each["Id"]: each for each in rows}
        levels = {
            each["Id"]: each["Level"] for each in await api.get("/api/FoldersNavigation/GetAllFoldersForCurrentUser")
        }
        for each in rows:
            above = by_id.get(each["ParentId"])
            prefix = f"{above['FullyQualifiedName']}/" if above else ""
            assert each["FullyQualifiedName"] == prefix + each["DisplayName"]
            assert levels[each["Id"]] == (levels[above["Id"]] + 1 if above else 1)


class TestDeleteFolder:
    async def test_204_with_empty_subfolders_and_members(self, api: Any, folder: Any, caller: Any) -> None:
        top = await folder("Finance", FeedType="FolderHierarchy")
        sub = await folder("Sub", top)
        await caller("Automation User", folder=sub["Id"])
        await api.delete(f"/odata/Folders({top['Id']})", expect=204)
        await api.get(f"/odata/Folders({sub['Id']})", expect=404)
        await api.delete(f"/odata/Folders({top['Id']})", expect=404)

    async def test_204_by_key(self, api: Any, folder: Any) -> None:
        made = await folder("Finance")
        await api.delete(f"/api/Folders/DeleteByKey?key={made['Key']}", expect=204)
        await api.delete(f"/api/Folders/DeleteByKey?key={made['Key']}", expect=404)
        await api.delete("/api/Folders/DeleteByKey", expect=400)

    async def test_400_with_a_process_anywhere_below(self, api: Any, folder: Any, given: Any) -> None:
        top = await folder("Finance")
        sub = await folder("Sub", top)
        await given.process("Invoices", folder=sub["Id"])
        refused = await api.delete(f"/odata/Folders({top['Id']})", expect=400)
        assert refused["errorCode"] == 1012
        assert "1 Processes" in refused["message"]
        assert (await api.get(f"/odata/Folders({sub['Id']})"))["Id"] == sub["Id"]

    async def test_400_with_packages_in_its_own_feed(self, api: Any, folder: Any, given: Any) -> None:
        top = await folder("Fed", FeedType="FolderHierarchy")
        feed = await api.get(f"/api/PackageFeeds/GetFolderFeed?folderId={top['Id']}")
        await given.package("Invoices", feed=feed)
        refused = await api.delete(f"/odata/Folders({top['Id']})", expect=400)
        assert (refused["errorCode"], "1 Packages" in refused["message"]) == (1012, True)

    async def test_403_with_the_right_to_look_only(self, folder: Any, caller: Any) -> None:
        made = await folder("Finance")
        user = await caller("Automation User", folder=made["Id"])
        await user.delete(f"/odata/Folders({made['Id']})", expect=403)


class TestReadContent:
    async def test_200_counts_what_is_in_the_folder_and_below(self, api: Any, folder: Any, given: Any) -> None:
        top = await folder("Finance")
        sub = await folder("Sub", top)
        path = f"{FOLDERS}.GetEntitiesSummary(folderId={top['Id']})?includeShared=true"
        empty = await api.get(path)
        assert (empty["DeletableEntities"], empty["StoppableJobs"]) == ([], [])
        await given.process("Invoices", folder=sub["Id"])
        held = (await api.get(path))["DeletableEntities"]
        assert [(each["Type"], each["Count"]) for each in held] == [("Release", 1)]
        job = await given.job(folder=sub)
        full = await api.get(path)
        assert [(each["Type"], each["Count"]) for each in full["DeletableEntities"]] == [("Release", 2), ("Job", 1)]
        assert [each["Key"] for each in full["StoppableJobs"]] == [job["Key"]]

    async def test_404_unknown_folder(self, api: Any) -> None:
        await api.get(f"{FOLDERS}.GetEntitiesSummary(folderId=999999999)", expect=404)
