"""Organization units, which are folders."""

from __future__ import annotations

from typing import Any

from tests.builders import ODATA

UNITS = "/odata/OrganizationUnits"


class TestUnits:
    async def test_200_the_folders_without_workspaces(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        found = await api.get(f"{UNITS}?$orderby=DisplayName")
        assert [each["DisplayName"] for each in found["value"]] == ["Finance", "Shared"]
        assert (await api.get(f"{UNITS}({folder['Id']})"))["DisplayName"] == "Finance"
        own = await api.get(f"/odata/PersonalWorkspaces/{ODATA}.GetPersonalWorkspace")
        await api.get(f"{UNITS}({own['Id']})", expect=404)

    async def test_200_made_renamed_and_deleted_as_a_folder(self, api: Any) -> None:
        made = await api.post(UNITS, {"DisplayName": "Unit"}, expect=200)
        assert (await api.get(f"/odata/Folders({made['Id']})"))["FullyQualifiedName"] == "Unit"
        renamed = await api.put(f"{UNITS}({made['Id']})", {"DisplayName": "Other"}, expect=200)
        assert renamed["DisplayName"] == "Other"
        await api.delete(f"{UNITS}({made['Id']})", expect=204)
        await api.get(f"/odata/Folders({made['Id']})", expect=404)

    async def test_409_a_name_that_is_taken_400_none(self, api: Any) -> None:
        await api.post(UNITS, {"DisplayName": "sHARED"}, expect=409)
        await api.post(UNITS, {}, expect=400)

    async def test_400_a_folder_with_content_stays(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        await given.process("Steady", folder=folder)
        assert (await api.delete(f"{UNITS}({folder['Id']})", expect=400))["errorCode"] == 1012


class TestUsersOfUnit:
    async def test_200_added_and_removed_users_and_the_others_stay(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        stays = await api.as_role("Automation User", folder=folder)
        first, second = await api.as_role(), await api.as_role()
        path = f"{UNITS}({folder['Id']})/{ODATA}.SetUsers"
        await api.post(path, {"addedUserIds": [first.user_id, second.user_id], "removedUserIds": []}, expect=200)
        await api.post(path, {"addedUserIds": [], "removedUserIds": [first.user_id]}, expect=200)
        found = await api.get(f"{UNITS}/{ODATA}.GetUserIdsForUnit(key={folder['Id']})")
        await api
        assert set(found["value"]) == {api.user_id, stays.user_id, second.user_id}
        await stays.get("/odata/Jobs", folder=folder, expect=200)
        await second.get("/odata/Jobs", folder=folder, expect=403)

    async def test_200_everybody_and_the_members_first(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        await api.as_role()
        member = await api.as_role("Automation User", folder=folder)
        found = await api.get(f"{UNITS}/{ODATA}.GetUsersForUnit(key={folder['Id']})")
        names = [each["UserName"] for each in found["value"]]
        assert names[:2] == ["admin", member.user_name]
        assert len(names) == 3

    async def test_404_an_unknown_user_or_unit_and_nothing_is_done(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role()
        body = {"addedUserIds": [user.user_id, 999999999], "removedUserIds": []}
        await api.post(f"{UNITS}({folder['Id']})/{ODATA}.SetUsers", body, expect=404)
        await user.get("/odata/Jobs", folder=folder, expect=400)
        await api.post(f"{UNITS}(999999999)/{ODATA}.SetUsers", body, expect=404)
