"""Operations on who is assigned to folders."""

from __future__ import annotations

from typing import Any

FOLDERS = "/odata/Folders/UiPath.Server.Configuration.OData"
USER = "Automation User"
ADMINISTRATOR = "Folder Administrator"


def assignments(user: int, *folders: tuple[int, list[int]]) -> dict[str, Any]:
    rows = [{"FolderId": folder, "RoleIds": roles} for folder, roles in folders]
    return {"assignments": {"UserIds": [user], "RolesPerFolder": rows}}


async def members(api: Any, folder: int, *, inherited: bool = False) -> dict[str, list[str]]:
    """Names of the roles by user name."""
    flag = "true" if inherited else "false"
    found = await api.get(f"{FOLDERS}.GetUsersForFolder(key={folder},includeInherited={flag})?$expand=UserEntity,Roles")
    return {row["UserEntity"]["UserName"]: [role["Name"] for role in row["Roles"]] for row in found["value"]}


class TestAssignUsers:
    async def test_204_replaces_the_roles(self, api: Any, folder: Any, caller: Any, role: Any) -> None:
        top = (await folder("Finance"))["Id"]
        user = await caller(USER, folder=top)
        assert (await members(api, top))[user.user_name] == [USER]
        body = assignments(user.user_id, (top, [await role(ADMINISTRATOR)]))
        await api.post(f"{FOLDERS}.AssignUsers", body, expect=204)
        assert (await members(api, top))[user.user_name] == [ADMINISTRATOR]
        await api.post(f"{FOLDERS}.AssignUsers", assignments(user.user_id, (top, [])), expect=204)
        assert (await members(api, top))[user.user_name] == []

    async def test_204_opens_the_folder_to_the_user_at_once(
        self, api: Any, folder: Any, caller: Any, role: Any
    ) -> None:
        top = (await folder("Finance"))["Id"]
        user = await caller()
        await user.get(f"/odata/Folders({top})", expect=403)
        body = assignments(user.user_id, (top, [await role(ADMINISTRATOR)]))
        await api.post(f"{FOLDERS}.AssignUsers", body, expect=204)
        assert (await user.get(f"/odata/Folders({top})"))["Id"] == top

    async def test_400_role_of_the_tenant(self, api: Any, folder: Any, caller: Any, role: Any) -> None:
        top = (await folder("Finance"))["Id"]
        user = await caller("Tenant Administrator")
        held = await api.get(f"/odata/Users({user.user_id})?$expand=UserRoles")
        tenant_role = held["UserRoles"][0]["RoleId"]
        refused = await api.post(f"{FOLDERS}.AssignUsers", assignments(user.user_id, (top, [tenant_role])), expect=400)
        assert "Tenant Administrator" in refused["message"]
        assert user.user_name not in await members(api, top)

    async def test_400_what_is_missing_or_named_twice(self, api: Any, folder: Any, caller: Any) -> None:
        top = (await folder("Finance"))["Id"]
        user = (await caller()).user_id
        for body in (
            {},
            {"assignments": {"UserIds": [user]}},
            {"assignments": {"RolesPerFolder": [{"FolderId": top, "RoleIds": []}]}},
            {"assignments": {"UserIds": [user], "RolesPerFolder": [{"RoleIds": []}]}},
            assignments(user, (top, []), (top, [])),
        ):
            assert (await api.post(f"{FOLDERS}.AssignUsers", body, expect=400))["errorCode"] in (1014, 1015)

    async def test_400_personal_workspace(self, api: Any, caller: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
        own = await api.get("/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData.GetPersonalWorkspace")
        body = assignments((await caller()).user_id, (own["Id"], []))
        assert (await api.post(f"{FOLDERS}.AssignUsers", body, expect=400))["errorCode"] == 2802

    async def test_404_unknown_user_role_or_folder_and_nothing_is_done(
        self, api: Any, folder: Any, caller: Any
    ) -> None:
        top = (await folder("Finance"))["Id"]
        user = await caller()
        for body in (
            assignments(999999999, (top, [])),
            assignments(user.user_id, (top, [999999])),
            assignments(user.user_id, (top, []), (999999999, [])),
        ):
            await api.post(f"{FOLDERS}.AssignUsers", body, expect=404)
        assert user.user_name not in await members(api, top)

    async def test_403_and_404_unless_every_folder_is_led(self, api: Any, folder: Any, caller: Any) -> None:
        led, seen, unseen = [(await folder(name))["Id"] for name in ("Led", "Seen", "Unseen")]
        lead = await caller(ADMINISTRATOR, folder=led)
        user = (await caller()).user_id
        await api.post(f"{FOLDERS}.AssignUsers", assignments(lead.user_id, (seen, [])), expect=204)
        await lead.post(f"{FOLDERS}.AssignUsers", assignments(user, (led, []), (seen, [])), expect=403)
        await lead.post(f"{FOLDERS}.AssignUsers", assignments(user, (led, []), (unseen, [])), expect=404)
        await lead.post(f"{FOLDERS}.AssignUsers", assignments(user, (led, [])), expect=204)


class TestAssignDirectoryUser:
    async def test_204_by_identifier_and_by_name(self, api: Any, folder: Any, caller: Any, role: Any) -> None:
        one, two = (await folder("One"))["Id"], (await folder("Two"))["Id"]
        user = await caller()
        identifier = (await api.get(f"/odata/Users({user.user_id})"))["DirectoryIdentifier"]
        administrator = await role(ADMINISTRATOR)
        by_id = {
            "Domain": "autogen",
            "DirectoryIdentifier": identifier,
            "UserType": "DirectoryUser",
            "RolesPerFolder": [{"FolderId": one, "RoleIds": [administrator]}],
        }
        await api.post(f"{FOLDERS}.AssignDirectoryUser", {"assignment": by_id}, expect=204)
        by_name = {"UserName": user.user_name, "RolesPerFolder": [{"FolderId": two, "RoleIds": [administrator]}]}
        await api.post(f"{FOLDERS}.AssignDomainUser", {"assignment": by_name}, expect=204)
        for folder_id in (one, two):
            assert (await members(api, folder_id))[user.user_name] == [ADMINISTRATOR]

    async def test_400_nobody_named_and_404_nobody_found(self, api: Any, folder: Any) -> None:
        rows = [{"FolderId": (await folder("One"))["Id"], "RoleIds": []}]
        for name in ("AssignDirectoryUser", "AssignDomainUser"):
            await api.post(f"{FOLDERS}.{name}", {}, expect=400)
            await api.post(f"{FOLDERS}.{name}", {"assignment": {"RolesPerFolder": rows}}, expect=400)
            nobody = {"UserName": "nobody at all", "RolesPerFolder": rows}
            await api.post(f"{FOLDERS}.{name}", {"assignment": nobody}, expect=404)
            stranger = {"DirectoryIdentifier": "00000000-0000-4000-8000-00000000dead", "RolesPerFolder": rows}
            await api.post(f"{FOLDERS}.{name}", {"assignment": stranger}, expect=404)


class TestRemoveUserFromFolder:
    PATH = "/odata/Folders({0})/UiPath.Server.Configuration.OData.RemoveUserFromFolder"

    async def test_204_by_id_and_by_key(self, api: Any, folder: Any, caller: Any) -> None:
        top = (await folder("Finance"))["Id"]
        one, two = await caller(USER, folder=top), await caller(USER, folder=top)
        await api.post(self.PATH.format(top), {"userId": one.user_id}, expect=204)
        key = (await api.get(f"/odata/Users({two.user_id})"))["Key"]
        await api.post(self.PATH.format(top) + "ByKey", {"userKey": key}, expect=204)
        assert not {one.user_name, two.user_name} & set(await members(api, top))

    async def test_409_inherited_from_above_or_tenant_wide(self, api: Any, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        sub = (await folder("Sub", top))["Id"]
        user = await caller(USER, folder=top["Id"])
        administrator = await caller("Administrator")
        for inherited in (user, administrator):
            refused = await api.post(self.PATH.format(sub), {"userId": inherited.user_id}, expect=409)
            assert refused["errorCode"] == 2830

    async def test_404_not_assigned_unknown_user_unknown_folder(self, api: Any, folder: Any, caller: Any) -> None:
        top = (await folder("Finance"))["Id"]
        user = (await caller()).user_id
        await api.post(self.PATH.format(top), {"userId": user}, expect=404)
        await api.post(self.PATH.format(top), {"userId": 999999999}, expect=404)
        await api.post(self.PATH.format(999999999), {"userId": user}, expect=404)
        unknown = {"userKey": "00000000-0000-4000-8000-00000000dead"}
        await api.post(self.PATH.format(top) + "ByKey", unknown, expect=404)

    async def test_400_without_a_user(self, api: Any, folder: Any) -> None:
        top = (await folder("Finance"))["Id"]
        assert (await api.post(self.PATH.format(top), {}, expect=400))["errorCode"] == 1014

    async def test_409_owner_of_a_workspace(self, api: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun", expect=200)
        own = await api.get("/odata/PersonalWorkspaces/UiPath.Server.Configuration.OData.GetPersonalWorkspace")
        await api.post(self.PATH.format(own["Id"]), {"userId": own["OwnerId"]}, expect=409)


class TestGetUsersForFolder:
    async def test_200_members_and_who_reaches_it_from_above(self, api: Any, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        sub = (await folder("Sub", top))["Id"]
        user = await caller(USER, folder=top["Id"])
        administrator = await caller("Administrator")
        assert await members(api, sub) == {}
        shown = await members(api, sub, inherited=True)
        assert shown[user.user_name] == [USER]
        assert shown[administrator.user_name] == ["Administrator"]

    async def test_200_filtered_and_counted(self, api: Any, folder: Any, caller: Any) -> None:
        top = (await folder("Finance"))["Id"]
        user = await caller(USER, folder=top)
        name = f"{FOLDERS}.GetUsersForFolder(key={top},includeInherited=false)"
        found = await api.get(f"{name}?$filter=UserEntity/UserName eq '{user.user_name}'&$top=5")
        assert (found["@odata.count"], [row["Id"] for row in found["value"]]) == (1, [user.user_id])

    async def test_200_with_a_right_to_assets_alone(self, folder: Any, caller: Any) -> None:
        top = (await folder("Finance"))["Id"]
        developer = await caller("Automation Developer", folder=top)
        assert developer.user_name in await members(developer, top)

    async def test_403_without_the_right_and_404_unknown(self, api: Any, folder: Any, caller: Any) -> None:
        top = (await folder("Finance"))["Id"]
        user = await caller(USER, folder=top)
        await user.get(f"{FOLDERS}.GetUsersForFolder(key={top},includeInherited=false)", expect=403)
        await api.get(f"{FOLDERS}.GetUsersForFolder(key=999999999,includeInherited=true)", expect=404)


class TestGetAllRolesForUser:
    async def test_200_tenant_roles_and_folders(self, api: Any, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        user = await caller(USER, folder=top["Id"])
        found = await api.get(f"{FOLDERS}.GetAllRolesForUser(username='{user.user_name}',skip=0,take=10)")
        assert (found["Id"], found["Count"], found["TenantRoles"]) == (user.user_id, 1, [])
        (item,) = found["PageItems"]
        assert item["Folder"]["FullyQualifiedName"] == "Finance"
        assert [(each["Name"], each["Users"][0]["UserName"]) for each in item["Roles"]] == [(USER, user.user_name)]

    async def test_200_of_the_folders_that_the_caller_may_see(self, folder: Any, caller: Any) -> None:
        seen, unseen = await folder("Seen"), await folder("Unseen")
        lead = await caller(ADMINISTRATOR, folder=seen["Id"])
        path = "/api/FoldersNavigation/GetAllRolesForUser?username=admin&skip=0&take=10"
        found = await lead.get(path)
        shown = [item["Folder"]["Id"] for item in found["PageItems"]]
        assert seen["Id"] in shown
        assert unseen["Id"] not in shown

    async def test_400_more_than_a_hundred_and_404_nobody(self, api: Any) -> None:
        refused = await api.get(f"{FOLDERS}.GetAllRolesForUser(username='admin',skip=0,take=101)", expect=400)
        assert refused["errorCode"] == 1009
        await api.get(f"{FOLDERS}.GetAllRolesForUser(username='nobody',skip=0,take=5)", expect=404)
        await api.get(f"{FOLDERS}.GetAllRolesForUser(username='admin',skip=0,take=5)?type=Group", expect=404)
        await api.get("/api/FoldersNavigation/GetAllRolesForUser", expect=404)
