"""Assets in several folders."""

from __future__ import annotations

from typing import Any

import pytest

ODATA = "UiPath.Server.Configuration.OData"
ASSETS = "/odata/Assets"
SHARE = f"{ASSETS}/{ODATA}.ShareToFolders"


def text(name: str) -> dict[str, Any]:
    return {"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"}


def sharing(*assets: Any, add: Any = (), remove: Any = ()) -> dict[str, Any]:
    return {
        "AssetIds": [asset["Id"] for asset in assets],
        "ToAddFolderIds": [folder["Id"] for folder in add],
        "ToRemoveFolderIds": [folder["Id"] for folder in remove],
    }


async def places(api: Any, asset: Any) -> list[str]:
    found = await api.get(f"{ASSETS}/{ODATA}.GetFoldersForAsset(id={asset['Id']})")
    assert found["TotalFoldersCount"] >= len(found["AccessibleFolders"])
    return [folder["FullyQualifiedName"] for folder in found["AccessibleFolders"]]


@pytest.fixture
async def home(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def other(given: Any) -> Any:
    return await given.folder("Other")


@pytest.fixture
async def asset(api: Any, home: Any) -> Any:
    return await api.post(ASSETS, text("Shown"), folder=home)


class TestShareToFolders:
    async def test_204_shows_one_asset_in_both(self, api: Any, home: Any, other: Any, asset: Any) -> None:
        await api.post(SHARE, sharing(asset, add=[other]), expect=204)
        await api.post(SHARE, sharing(asset, add=[other]), expect=204)
        assert await places(api, asset) == ["Home", "Other"]
        await api.put(f"{ASSETS}({asset['Id']})", text("Renamed"), folder=other)
        for folder in (home, other):
            (shown,) = (await api.get(f"{ASSETS}/{ODATA}.GetFiltered", folder=folder))["value"]
            assert (shown["Id"], shown["Name"], shown["FoldersCount"]) == (asset["Id"], "Renamed", 2)
        assert len((await api.get(f"{ASSETS}/{ODATA}.GetFiltered"))["value"]) == 1

    async def test_204_moves_and_keeps_the_id(self, api: Any, home: Any, other: Any, asset: Any) -> None:
        await api.post(SHARE, sharing(asset, add=[other], remove=[home]), expect=204)
        assert await places(api, asset) == ["Other"]
        await api.post(SHARE, sharing(asset, remove=[home]), expect=204)
        await api.get(f"{ASSETS}({asset['Id']})", folder=home, expect=404)

    async def test_409_the_last_folder_stays(self, api: Any, home: Any, asset: Any) -> None:
        answer = await api.request("POST", SHARE, sharing(asset, remove=[home]))
        assert (answer.status, answer.json["errorCode"]) == (409, 1852)
        assert await places(api, asset) == ["Home"]

    async def test_409_a_name_that_is_used_there_changes_nothing(
        self, api: Any, given: Any, home: Any, other: Any, asset: Any
    ) -> None:
        free = await given.folder("Free")
        await api.post(ASSETS, text("SHOWN"), folder=other)
        second = await api.post(ASSETS, text("Second"), folder=home)
        answer = await api.request("POST", SHARE, sharing(second, asset, add=[free, other]))
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)
        assert await places(api, second) == ["Home"]
        await api.put(f"{ASSETS}({asset['Id']})", text("Third"), folder=home)
        await api.post(SHARE, sharing(asset, add=[other]), expect=204)
        answer = await api.request("PUT", f"{ASSETS}({asset['Id']})", text("shown"), folder=home)
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)

    async def test_403_one_denied_folder_changes_nothing(
        self, api: Any, given: Any, home: Any, other: Any, asset: Any
    ) -> None:
        user = await api.as_role("Folder Administrator", folder=home)
        mine = await given.folder("Mine", home)
        member = {"UserIds": [user.user_id], "RolesPerFolder": [{"FolderId": other["Id"], "RoleIds": []}]}
        await api.post(f"/odata/Folders/{ODATA}.AssignUsers", {"assignments": member})
        answer = await user.request("POST", SHARE, sharing(asset, add=[mine, other]))
        assert (answer.status, answer.json["errorCode"]) == (403, 1017), answer.text
        assert await places(api, asset) == ["Home"]
        await user.post(SHARE, sharing(asset, add=[mine]), expect=204)
        await api.post(SHARE, sharing(asset, add=[other]))
        assert (await user.request("POST", SHARE, sharing(asset, remove=[other]))).status == 403
        assert await places(user, asset) == ["Home", "Home/Mine"]

    async def test_404_for_what_the_caller_does_not_see(self, api: Any, home: Any, other: Any, asset: Any) -> None:
        hidden = await api.post(ASSETS, text("Hidden"), folder=other)
        user = api.as_role("Folder Administrator", folder=home)
        for body in (sharing(asset, add=[other]), sharing(asset, hidden, add=[home])):
            answer = await user.request("POST", SHARE, body)
            assert (answer.status, answer.json["errorCode"]) == (404, 1002)
        await user.get(f"{ASSETS}/{ODATA}.GetFoldersForAsset(id={hidden['Id']})", expect=404)
        await api.tenant("other").post(SHARE, sharing(asset), expect=404)

    async def test_409_into_a_personal_workspace(self, api: Any, asset: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        workspace = await api.get(f"/odata/PersonalWorkspaces/{ODATA}.GetPersonalWorkspace")
        answer = await api.request("POST", SHARE, sharing(asset, add=[workspace]))
        assert (answer.status, answer.json["errorCode"]) == (409, 1017)

    async def test_400_without_assets_and_for_both_ways(self, api: Any, home: Any, other: Any, asset: Any) -> None:
        await api.post(SHARE, sharing(add=[other]), expect=400)
        await api.post(SHARE, sharing(asset, add=[other], remove=[other]), expect=400)
        assert await places(api, asset) == ["Home"]
