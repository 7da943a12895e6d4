"""Operations by which a user finds the way through its folders."""

from __future__ import annotations

from typing import Any

LIST = "/api/FoldersNavigation/GetFoldersForCurrentUser"
TREE = "/api/FoldersNavigation/GetAllFoldersForCurrentUser"
CONTEXT = "/api/FoldersNavigation/GetFolderNavigationContextForCurrentUser"


async def listed(api: Any, query: str = "") -> list[str]:
    return [each["FullyQualifiedName"] for each in (await api.get(f"{LIST}{query}"))["PageItems"]]


class TestGetFoldersForCurrentUser:
    async def test_200_by_part_of_the_name_in_any_case(self, api: Any, folder: Any) -> None:
        made = await folder("Füße", await folder("Finance"))
        found = await api.get(f"{LIST}?searchText=FÜß&skip=0&take=20")
        (item,) = found["PageItems"]
        assert (found["Count"], item["Key"]) == (1, made["Key"])
        assert (item["FullyQualifiedName"], item["FolderPath"]) == ("Finance/Füße", "Finance")

    async def test_200_pages_by_path_with_the_whole_count(self, api: Any, folder: Any) -> None:
        for name in ("N3", "N1", "N2"):
            await folder(name)
        assert await listed(api, "?searchText=n&skip=1&take=1") == ["N2"]
        assert (await api.get(f"{LIST}?searchText=n&skip=1&take=1"))["Count"] == 3
        assert (await api.get(f"{LIST}?searchText=n&take=0"))["Count"] == 3

    async def test_200_only_what_is_reached_with_what_is_below(self, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        sub = await folder("Sub", top)
        await folder("Deep", sub)
        await folder("Other")
        user = await caller("Automation User", folder=sub["Id"])
        shown = [path for path in await listed(user) if "workspace" not in path]
        assert shown == ["Finance/Sub", "Finance/Sub/Deep"]

    async def test_200_own_workspace_and_by_type(self, api: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
        assert await listed(api, "?folderTypes=Personal") == ["admin's workspace"]
        both = await listed(api, "?folderTypes=Personal&folderTypes=Standard")
        assert {"admin's workspace", "Shared"} <= set(both)

    async def test_200_another_tenants_folders_are_not_among_them(self, api: Any, folder: Any) -> None:
        await folder("Finance")
        assert "Finance" not in await listed(api.tenant("other"))

    async def test_400_more_than_a_thousand_or_less_than_none(self, api: Any) -> None:
        for query in ("take=1001", "take=-1", "skip=-1"):
            assert (await api.get(f"{LIST}?{query}", expect=400))["errorCode"] == 1009
        await api.get(f"{LIST}?folderTypes=Nothing", expect=400)


class TestGetAllForCurrentUser:
    async def test_200_short_rows(self, api: Any, folder: Any) -> None:
        made = await folder("Finance")
        found = await api.get("/api/Folders/GetAllForCurrentUser?take=1&skip=0")
        assert found["Count"] == 2
        assert found["PageItems"][0]["Key"] == made["Key"]


class TestGetAllFoldersForCurrentUser:
    async def test_200_folders_above_are_passed_through(self, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        sub = await folder("Sub", top)
        await folder("Deep", sub)
        await folder("Beside", top)
        user = await caller("Automation User", folder=sub["Id"])
        rows = [row for row in await user.get(TREE) if not row["IsPersonal"]]
        shown = [(row["FullyQualifiedName"], row["IsSelectable"], row["HasChildren"], row["Level"]) for row in rows]
        assert shown == [
            ("Finance", False, True, 1),
            ("Finance/Sub", True, True, 2),
            ("Finance/Sub/Deep", True, False, 3),
        ]


class TestGetFolderNavigationContextForCurrentUser:
    async def test_200_roots_without_a_folder(self, api: Any, folder: Any) -> None:
        await folder("Sub", await folder("Finance"))
        found = await api.get(f"{CONTEXT}?take=1")
        assert (found["ChildrenCount"], found["Ancestors"]) == (2, [])
        assert [row["DisplayName"] for row in found["ChildrenPage"]] == ["Finance"]

    async def test_200_one_folder_with_those_above_and_below(self, api: Any, folder: Any) -> None:
        top = await folder("Finance")
        sub = await folder("Sub", top)
        await folder("Deep", sub)
        found = await api.get(f"{CONTEXT}?folderId={sub['Id']}")
        assert [each["Id"] for each in found["Ancestors"]] == [top["Id"]]
        assert [row["DisplayName"] for row in found["ChildrenPage"]] == ["Deep"]
        assert (found["Id"], found["DisplayName"], found["IsSelectable"]) == (sub["Id"], "Sub", True)

    async def test_404_what_is_neither_reached_nor_passed(self, api: Any, folder: Any, caller: Any) -> None:
        top, other = await folder("Finance"), await folder("Other")
        sub = await folder("Sub", top)
        user = await caller("Automation User", folder=sub["Id"])
        assert (await user.get(f"{CONTEXT}?folderId={top['Id']}"))["IsSelectable"] is False
        await user.get(f"{CONTEXT}?folderId={other['Id']}", expect=404)
        await api.get(f"{CONTEXT}?folderId=999999999", expect=404)
