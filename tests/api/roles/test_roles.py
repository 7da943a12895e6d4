"""Operations on roles."""

from __future__ import annotations

from typing import Any

from tests.builders import ODATA

ROLES = "/odata/Roles"


def granting(*names: str) -> list[dict[str, Any]]:
    return [{"Name": name, "IsGranted": True, "Scope": "Global"} for name in names]


async def make(api: Any, name: str, *permissions: str, **more: Any) -> dict[str, Any]:
    return dict(await api.post(ROLES, {"Name": name, "Permissions": granting(*permissions), **more}, expect=201))


async def role(api: Any, name: str) -> dict[str, Any]:
    found = await api.get(f"{ROLES}?$filter=Name eq '{name}'&$expand=Permissions")
    return dict(found["value"][0])


class TestListRoles:
    async def test_200_the_default_roles(self, api: Any) -> None:
        found = await api.get(f"{ROLES}?$orderby=Name")
        by_name = {each["Name"]: each for each in found["value"]}
        assert found["@odata.count"] == len(by_name)
        assert by_name["Administrator"]["Type"] == "Mixed"
        assert (by_name["Administrator"]["IsStatic"], by_name["Administrator"]["IsEditable"]) == (True, False)
        assert by_name["Automation User"]["Type"] == "Folder"
        assert by_name["Tenant Administrator"]["Type"] == "Tenant"
        assert "Permissions" not in by_name["Administrator"]

    async def test_200_with_permissions(self, api: Any) -> None:
        found = await role(api, "Allow to be Folder Administrator")
        names = [each["Name"] for each in found["Permissions"]]
        assert "Roles.View" in names
        assert names == sorted(names)
        assert {each["Scope"] for each in found["Permissions"]} == {"Global"}
        assert all(each["IsGranted"] and each["RoleId"] == found["Id"] for each in found["Permissions"])

    async def test_200_for_who_may_assign_to_folders(self, api: Any, given: Any) -> None:
        caller = api.as_role("Folder Administrator", folder=await given.folder("Finance"))
        assert (await caller.get(ROLES))["value"]


class TestCreateRole:
    async def test_201_with_its_permissions(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View", "Settings.View")
        assert (made["Name"], made["DisplayName"], made["Type"]) == ("Auditor", "Auditor", "Tenant")
        assert [each["Name"] for each in made["Permissions"]] == ["Audit.View", "Settings.View"]
        assert (made["IsStatic"], made["IsEditable"]) == (False, True)

    async def test_201_for_folders(self, api: Any) -> None:
        assert (await make(api, "Runner", "Jobs.View", "Jobs.Create"))["Type"] == "Folder"

    async def test_201_ignores_what_clients_must_not_send(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View", IsStatic=True, IsEditable=False)
        assert (made["IsStatic"], made["IsEditable"]) == (False, True)

    async def test_400_mixed(self, api: Any) -> None:
        body = {"Name": "Both", "Permissions": granting("Audit.View", "Jobs.View")}
        assert "mixed" in (await api.post(ROLES, body, expect=400))["message"]
        await api.post(ROLES, {"Name": "Both", "Type": "Mixed", "Permissions": []}, expect=400)

    async def test_400_unknown_permission_or_no_name(self, api: Any) -> None:
        refused = await api.post(ROLES, {"Name": "X", "Permissions": granting("Jobs.Fly")}, expect=400)
        assert "Permissions[0].Name" in refused["message"]
        await api.post(ROLES, {"Permissions": []}, expect=400)
        await api.post(ROLES, {"Name": "x" * 65}, expect=400)

    async def test_409_name_taken_in_another_case(self, api: Any) -> None:
        refused = await api.post(ROLES, {"Name": "aDministrator"}, expect=409)
        assert refused["errorCode"] == 1001

    async def test_403_for_a_permission_of_the_tenant_that_the_caller_lacks(self, api: Any) -> None:
        await make(api, "Role maker", "Roles.Create", "Roles.Edit", "Roles.View")
        caller = api.as_role("Role maker")
        refused = await caller.post(ROLES, {"Name": "More", "Permissions": granting("Users.Delete")}, expect=403)
        assert "Users.Delete" in refused["message"]
        await caller.post(ROLES, {"Name": "Same", "Permissions": granting("Roles.View")}, expect=201)


class TestReplaceRole:
    async def test_200_holds_at_once_for_who_has_it(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View")
        caller = api.as_role("Auditor")
        await caller.get("/odata/Users", expect=403)
        body = {"Name": "Auditor", "Permissions": granting("Users.View")}
        await api.put(f"{ROLES}({made['Id']})", body, expect=200)
        await caller.get("/odata/Users", expect=200)
        held = await caller.get(f"/odata/Users/{ODATA}.GetCurrentPermissions")
        assert held["Permissions"] == ["Users.View"]

    async def test_200_another_name(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View")
        await api.put(f"{ROLES}({made['Id']})", {"Name": "Reviewer", "DisplayName": "The reviewer", "Permissions": []})
        found = await api.get(f"{ROLES}({made['Id']})?$expand=Permissions")
        assert (found["Name"], found["DisplayName"], found["Permissions"]) == ("Reviewer", "The reviewer", [])

    async def test_409_not_editable_built_in_name_or_name_taken(self, api: Any) -> None:
        administrator = await role(api, "Administrator")
        await api.put(f"{ROLES}({administrator['Id']})", {"Name": "Administrator", "Permissions": []}, expect=409)
        user = await role(api, "Automation User")
        await api.put(f"{ROLES}({user['Id']})", {"Name": "Other", "Permissions": []}, expect=409)
        made = await make(api, "Auditor")
        refused = await api.put(f"{ROLES}({made['Id']})", {"Name": "ROBOT", "Permissions": []}, expect=409)
        assert refused["errorCode"] == 1001

    async def test_400_permissions_of_the_other_kind(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View")
        body = {"Name": "Auditor", "Permissions": granting("Jobs.View")}
        await api.put(f"{ROLES}({made['Id']})", body, expect=400)
        await api.put(f"{ROLES}({made['Id']})", {"Name": "Auditor", "Type": "Folder", "Permissions": []}, expect=400)

    async def test_200_a_mixed_role_that_exists_keeps_both_kinds(self, api: Any) -> None:
        robot = await role(api, "Robot")
        body = {"Name": "Robot", "Permissions": granting("Jobs.View", "Settings.View")}
        await api.put(f"{ROLES}({robot['Id']})", body, expect=200)
        assert (await role(api, "Robot"))["Type"] == "Mixed"

    async def test_403_the_own_role_upward(self, api: Any) -> None:
        made = await make(api, "Role maker", "Roles.Edit", "Roles.View")
        caller = api.as_role("Role maker")
        body = {"Name": "Role maker", "Permissions": granting("Roles.Edit", "Roles.View", "Users.Edit")}
        assert "Users.Edit" in (await caller.put(f"{ROLES}({made['Id']})", body, expect=403))["message"]
        body = {"Name": "Role maker", "Permissions": granting("Roles.Edit")}
        await caller.put(f"{ROLES}({made['Id']})", body, expect=200)

    async def test_403_more_for_a_folder_where_the_caller_holds_less(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        runner = await make(api, "Runner", "Jobs.View")
        caller = api.as_role("Tenant Administrator")
        body = {"Name": "Runner", "Permissions": granting("Jobs.View", "Jobs.Create")}
        await caller.put(f"{ROLES}({runner['Id']})", body, expect=200)  # nobody has it
        await api.as_role("Runner", folder=folder)
        body["Permissions"] = granting("Jobs.View", "Jobs.Create", "Assets.View")
        assert "Assets.View" in (await caller.put(f"{ROLES}({runner['Id']})", body, expect=403))["message"]

    async def test_404_unknown(self, api: Any) -> None:
        await api.put(f"{ROLES}(999999)", {"Name": "X", "Permissions": []}, expect=404)


class TestDeleteRole:
    async def test_204_everybody_loses_it(self, api: Any) -> None:
        made = await make(api, "Auditor", "Users.View")
        caller = api.as_role("Auditor")
        await caller.get("/odata/Users", expect=200)
        await api.delete(f"{ROLES}({made['Id']})", expect=204)
        await caller.get("/odata/Users", expect=403)
        await api.get(f"{ROLES}({made['Id']})", expect=404)

    async def test_409_built_in(self, api: Any) -> None:
        for name in ("Administrator", "Robot", "Folder Administrator"):
            await api.delete(f"{ROLES}({(await role(api, name))['Id']})", expect=409)


class TestSetUsers:
    async def test_204_adds_and_takes_and_leaves_the_others(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View")
        first, second, third = [await api.as_role() for _ in range(3)]
        path = f"{ROLES}({made['Id']})/{ODATA}.SetUsers"
        await api.post(path, {"addedUserIds": [first.user_id, second.user_id], "removedUserIds": []}, expect=204)
        await api.post(path, {"addedUserIds": [third.user_id], "removedUserIds": [first.user_id]}, expect=204)
        found = await api.get(f"{ROLES}/{ODATA}.GetUserIdsForRole(key={made['Id']})")
        assert found["value"] == sorted([second.user_id, third.user_id])

    async def test_400_a_role_for_folders(self, api: Any) -> None:
        user = await api.as_role()
        body = {"addedUserIds": [user.user_id], "removedUserIds": []}
        await api.post(f"{ROLES}({(await role(api, 'Automation User'))['Id']})/{ODATA}.SetUsers", body, expect=400)

    async def test_403_a_role_that_grants_more_than_the_caller_holds(self, api: Any) -> None:
        await make(api, "Role giver", "Roles.Edit", "Users.View", "Users.Edit")
        caller = await api.as_role("Role giver")
        for name in ("Tenant Administrator", "Administrator"):
            path = f"{ROLES}({(await role(api, name))['Id']})/{ODATA}.SetUsers"
            body = {"addedUserIds": [caller.user_id], "removedUserIds": []}
            assert "do not hold" in (await caller.post(path, body, expect=403))["message"]

    async def test_404_an_unknown_user_and_nothing_is_done(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View")
        user = await api.as_role()
        body = {"addedUserIds": [user.user_id, 999999999], "removedUserIds": []}
        await api.post(f"{ROLES}({made['Id']})/{ODATA}.SetUsers", body, expect=404)
        assert (await api.get(f"{ROLES}/{ODATA}.GetUserIdsForRole(key={made['Id']})"))["value"] == []

    async def test_409_the_last_who_may_manage_access(self, api: Any) -> None:
        administrator = await role(api, "Administrator")
        path = f"{ROLES}({administrator['Id']})/{ODATA}.SetUsers"
        await api
        body = {"addedUserIds": [], "removedUserIds": [api.user_id]}
        assert "Nobody would be left" in (await api.post(path, body, expect=409))["message"]
        second = await api.as_role("Tenant Administrator")
        await api.post(path, body, expect=204)
        path = f"/odata/Users({second.user_id})/{ODATA}.AssignRoles"
        await second.post(path, {"roleIds": []}, expect=409)


class TestGetUsersForRole:
    async def test_200_everybody_and_the_holders_first(self, api: Any) -> None:
        made = await make(api, "Auditor", "Audit.View")
        await api.as_role()
        holder = await api.as_role("Auditor")
        found = await api.get(f"{ROLES}/{ODATA}.GetUsersForRole(key={made['Id']})")
        names = [each["UserName"] for each in found["value"]]
        assert names[0] == holder.user_name
        assert names[1:] == sorted(names[1:])
        assert found["@odata.count"] == 3
        sorted_ = await api.get(f"{ROLES}/{ODATA}.GetUsersForRole(key={made['Id']})?$orderby=UserName&$top=1")
        assert [each["UserName"] for each in sorted_["value"]] == ["admin"]

    async def test_404_unknown_role(self, api: Any) -> None:
        await api.get(f"{ROLES}/{ODATA}.GetUsersForRole(key=999999)", expect=404)
        await api.get(f"{ROLES}/{ODATA}.GetUserIdsForRole(key=999999)", expect=404)
