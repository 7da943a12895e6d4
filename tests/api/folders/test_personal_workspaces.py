"""Operations on personal workspaces."""

from __future__ import annotations

import asyncio
from typing import Any

WORKSPACES = "/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData"
ACT = "/odata/PersonalWorkspaces({0})/UiPath.Server.Configuration.OData.{1}"


async def workspace_of(user: Any) -> Any:
    await user.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
    return await user.get(f"{WORKSPACES}.GetPersonalWorkspace")


class TestTryEnableFirstRun:
    async def test_200_makes_one_workspace_however_often_at_once(self, api: Any, caller: Any) -> None:
        user = await caller()
        await user.get(f"{WORKSPACES}.GetPersonalWorkspace", expect=404)
        path = "/api/StudioWeb/TryEnableFirstRun"
        answers = await asyncio.gather(*(user.request("POST", path) for _ in range(4)))
        assert [answer.status for answer in answers] == [200] * 4
        found = await api.get(f"/odata/PersonalWorkspaces?$filter=OwnerId eq {user.user_id}")
        assert [row["OwnerName"] for row in found["value"]] == [user.user_name]


class TestListPersonalWorkspaces:
    async def test_200_with_owners_403_without_the_right(self, api: Any, caller: Any) -> None:
        user = await caller()
        own = await workspace_of(user)
        rows = {row["Id"]: row for row in (await api.get("/odata/PersonalWorkspaces"))["value"]}
        assert (rows[own["Id"]]["OwnerId"], rows[own["Id"]]["IsActive"]) == (user.user_id, True)
        await user.get("/odata/PersonalWorkspaces", expect=403)


class TestExploring:
    async def test_204_opens_the_workspace_until_it_stops(self, api: Any, caller: Any) -> None:
        own = await workspace_of(await caller())
        await api.get(f"/odata/Folders({own['Id']})", expect=404)
        await api.post(ACT.format(own["Id"], "StartExploring"), expect=204)
        assert (await api.get(f"/odata/Folders({own['Id']})"))["IsPersonal"] is True
        (row,) = (await api.get(f"/odata/PersonalWorkspaces?$filter=Id eq {own['Id']}"))["value"]
        assert len(row["ExploringUserIds"]) == 1
        await api.post(ACT.format(own["Id"], "StopExploring"), expect=204)
        await api.get(f"/odata/Folders({own['Id']})", expect=404)

    async def test_409_own_twice_beside_another_and_not_begun(self, api: Any, caller: Any) -> None:
        own = await workspace_of(api)
        await api.post(ACT.format(own["Id"], "StartExploring"), expect=409)
        other = await workspace_of(await caller())
        await api.post(ACT.format(other["Id"], "StopExploring"), expect=409)
        await api.post(ACT.format(other["Id"], "StartExploring"), expect=204)
        await api.post(ACT.format(other["Id"], "StartExploring"), expect=409)
        second = await caller("Administrator")
        await second.post(ACT.format(other["Id"], "StartExploring"), expect=409)

    async def test_404_a_folder_that_is_no_workspace(self, api: Any, folder: Any) -> None:
        made = await folder("Finance")
        for action in ("StartExploring", "StopExploring"):
            await api.post(ACT.format(made["Id"], action), expect=404)


class TestConvertToFolder:
    async def test_204_becomes_a_folder_and_the_owner_gets_another(self, api: Any, caller: Any) -> None:
        user = await caller()
        own = await workspace_of(user)
        await api.post(ACT.format(own["Id"], "ConvertToFolder"), {"folderName": "Team"}, expect=204)
        folder = await api.get(f"/odata/Folders({own['Id']})")
        assert (folder["FullyQualifiedName"], folder["FolderType"], folder["FeedType"]) == (
            "Team",
            "Standard",
            "FolderHierarchy",
        )
        assert (await user.get(f"/odata/Folders({own['Id']})"))["DisplayName"] == "Team"
        assert (await workspace_of(user))["Id"] != own["Id"]

    async def test_409_name_taken_400_no_name_404_no_workspace(self, api: Any, caller: Any, folder: Any) -> None:
        own = await workspace_of(await caller())
        made = await folder("Taken")
        path = ACT.format(own["Id"], "ConvertToFolder")
        assert (await api.post(path, {"folderName": "taken"}, expect=409))["errorCode"] == 1001
        await api.post(path, {}, expect=400)
        assert (await api.post(path, {"folderName": "a/b"}, expect=400))["errorCode"] == 2810
        await api.post(ACT.format(made["Id"], "ConvertToFolder"), {"folderName": "New"}, expect=404)
