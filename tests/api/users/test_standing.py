"""What a user is and may: roles, folders, activity, language, password, privileges."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from podium.identity.groups import actions as groups
from tests.builders import ODATA

USERS = "/odata/Users"
PASSWORD = "correct horse 7 battery"
ROLE = "SELECT id FROM orchestrator.roles WHERE tenant_id = $1 AND name = $2"


async def role_id(api: Any, name: str) -> int:
    await api
    return int((await api.node.rows(ROLE, api.tenant_id, name))[0]["id"])


def action(user: Any, name: str) -> str:
    return f"{USERS}({user.user_id})/{ODATA}.{name}"


class TestAssignRoles:
    async def test_200_exactly_these(self, api: Any) -> None:
        user = await api.as_role("Allow to be Automation User")
        ids = [await role_id(api, "Tenant Administrator"), await role_id(api, "Robot")]
        await api.post(action(user, "AssignRoles"), {"roleIds": ids}, expect=200)
        assert set((await api.get(f"{USERS}({user.user_id})"))["RolesList"]) == {"Robot", "Tenant Administrator"}
        await user.get(USERS, expect=200)
        await api.post(action(user, "AssignRoles"), {"roleIds": []}, expect=200)
        await user.get(USERS, expect=403)

    async def test_400_a_role_for_folders_404_an_unknown_one(self, api: Any) -> None:
        user = await api.as_role()
        body = {"roleIds": [await role_id(api, "Automation User")]}
        assert "for folders" in (await api.post(action(user, "AssignRoles"), body, expect=400))["message"]
        await api.post(action(user, "AssignRoles"), {"roleIds": [999999]}, expect=404)
        await api.post(action(user, "AssignRoles"), {}, expect=400)

    async def test_403_no_more_than_the_caller_holds_not_even_to_himself(self, api: Any) -> None:
        caller = await api.as_role("Tenant Administrator")
        user = await api.as_role()
        for name in ("Administrator", "Robot"):
            body = {"roleIds": [await role_id(api, name)]}
            for whom in (user, caller):
                await caller.post(action(whom, "AssignRoles"), body, expect=403)
        body = {"roleIds": [await role_id(api, "Allow to be Automation User")]}
        await caller.post(action(user, "AssignRoles"), body, expect=200)

    async def test_200_roles_held_before_may_stay_whoever_asks(self, api: Any) -> None:
        caller = await api.as_role("Tenant Administrator")
        boss = await api.as_role("Administrator")
        both = [await role_id(api, "Administrator"), await role_id(api, "Allow to be Automation User")]
        await caller.post(action(boss, "AssignRoles"), {"roleIds": both}, expect=200)


class TestToggleRole:
    async def test_200_gives_and_takes_one(self, api: Any) -> None:
        user = await api.as_role("Robot")
        await api.post(action(user, "ToggleRole"), {"role": "tenant administrator", "toggle": True}, expect=200)
        shown = await api.get(f"{USERS}({user.user_id})")
        assert set(shown["RolesList"]) == {"Robot", "Tenant Administrator"}
        await api.post(action(user, "ToggleRole"), {"role": "Robot", "toggle": False}, expect=200)
        assert (await api.get(f"{USERS}({user.user_id})"))["RolesList"] == ["Tenant Administrator"]

    async def test_404_unknown_role_409_the_last_who_may_manage_access(self, api: Any) -> None:
        user = await api.as_role()
        await api.post(action(user, "ToggleRole"), {"role": "Emperor", "toggle": True}, expect=404)
        await api
        await api.post(action(api, "ToggleRole"), {"role": "Administrator", "toggle": False}, expect=409)


class TestToggleOrganizationUnit:
    async def test_200_joins_without_a_role_and_leaves(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role()
        body = {"organizationUnitId": folder["Id"], "toggle": True}
        await api.post(action(user, "ToggleOrganizationUnit"), body, expect=200)
        await user.get("/odata/Jobs", folder=folder, expect=403)
        await api.post(action(user, "ToggleOrganizationUnit"), {**body, "toggle": False}, expect=200)
        await user.get("/odata/Jobs", folder=folder, expect=400)

    async def test_404_unknown_folder_400_workspace(self, api: Any) -> None:
        user = await api.as_role()
        body = {"organizationUnitId": 999999999, "toggle": True}
        await api.post(action(user, "ToggleOrganizationUnit"), body, expect=404)
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        own = await api.get(f"/odata/PersonalWorkspaces/{ODATA}.GetPersonalWorkspace")
        body = {"organizationUnitId": own["Id"], "toggle": True}
        await api.post(action(user, "ToggleOrganizationUnit"), body, expect=400)

    async def test_403_mixed_roles_would_grant_what_the_caller_does_not_hold(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role("Robot")
        body = {"organizationUnitId": folder["Id"], "toggle": True}
        path = action(user, "ToggleOrganizationUnit")
        await api.as_role("Tenant Administrator").post(path, body, expect=403)
        await api.post(path, body, expect=200)
        await user.get("/odata/Releases", folder=folder, expect=200)


class TestSetActive:
    async def test_200_an_inactive_user_is_refused_at_once(self, api: Any) -> None:
        user = await api.as_role("Tenant Administrator")
        await user.get(USERS, expect=200)
        await api.post(action(user, "SetActive"), {"active": False}, expect=200)
        await user.get(USERS, expect=401)
        await api.post(action(user, "SetActive"), {"active": True}, expect=200)
        await user.get(USERS, expect=200)

    async def test_409_oneself_and_the_administrator_of_the_beginning(self, api: Any) -> None:
        await api
        other = await api.as_role("Tenant Administrator")
        await api.post(action(api, "SetActive"), {"active": False}, expect=409)
        await other.post(action(api, "SetActive"), {"active": False}, expect=409)
        await other.post(action(other, "SetActive"), {"active": False}, expect=409)
        await other.put(f"{USERS}({other.user_id})", {"IsActive": False}, expect=409)


class TestCulture:
    async def test_200_ones_own_and_anothers(self, api: Any) -> None:
        user = await api.as_role()
        await user.post(f"{USERS}/{ODATA}.ChangeCulture", {"culture": "ja"}, expect=200)
        culture = "SELECT culture FROM orchestrator.users WHERE tenant_id = $1 AND id = $2"
        assert (await api.node.rows(culture, api.tenant_id, user.user_id))[0]["culture"] == "ja"
        await api.post(action(user, "ChangeUserCulture"), {"culture": "pt-BR"}, expect=200)
        assert (await api.node.rows(culture, api.tenant_id, user.user_id))[0]["culture"] == "pt-BR"
        await user.post(action(user, "ChangeUserCulture"), {"culture": "de"}, expect=403)

    async def test_400_what_is_no_language(self, api: Any) -> None:
        for culture in ("", "deutsch!", "e", "en_US"):
            await api.post(f"{USERS}/{ODATA}.ChangeCulture", {"culture": culture}, expect=400)


class TestValidate:
    async def test_200_whose_robots_are_busy(self, api: Any) -> None:
        first, second = await api.as_role(), await api.as_role()
        found = await api.get(f"{USERS}/{ODATA}.Validate(userIds=[{first.user_id},{second.user_id}])")
        assert found["value"] == {str(first.user_id): False, str(second.user_id): False}

    async def test_404_unknown_user(self, api: Any) -> None:
        await api.get(f"{USERS}/{ODATA}.Validate(userIds=[999999999])", expect=404)


class TestGetPrivileges:
    async def test_200_what_is_direct_and_what_comes_by_a_group(self, api: Any) -> None:
        user = await api.as_role("Robot")
        node = api.node
        async with node.db.transaction() as db:
            crew = await groups.create(db, node.organization_id, f"crew-{uuid4().hex}", node.clock(), external_id=None)
            await groups.join(db, node.organization_id, user._user.id, [crew.id], node.clock())
        body = {"Type": "DirectoryGroup", "UserName": crew.name, "RolesList": ["Tenant Administrator"]}
        await api.post(USERS, body, expect=201)
        found = await api.get("/api/Users/GetPrivileges", params={"userId": user.user_id})
        told = {row["name"]: (row["isInherited"], row["inheritedFrom"]) for row in found["roles"]}
        assert told == {"Robot": (False, None), "Tenant Administrator": (True, crew.name)}
        assert "Users.Edit" in found["access"]["permissions"]
        await user.get(USERS, expect=200)


class TestChangePassword:
    async def test_204_the_new_one_signs_in_and_the_old_one_does_not(self, api: Any) -> None:
        await api
        name = f"local-{uuid4().hex[:8]}"
        made = await api.post(USERS, {"Type": "User", "UserName": name, "Password": PASSWORD}, expect=201)
        login = {"tenancyName": api.tenant_name, "usernameOrEmailAddress": name}
        await api.node.rows("UPDATE identity.users SET must_change_password = false WHERE user_name = $1", name)
        nobody = api.with_headers({})
        token = (await nobody.post("/api/Account/Authenticate", {**login, "password": PASSWORD}))["result"]
        own = api.bearer(token)
        path = f"{USERS}({made['Id']})/{ODATA}.ChangePassword"
        wrong = {"currentPassword": "not this one", "newPassword": "staple 9 battery horse"}
        await own.post(path, wrong, expect=400)
        await own.post(path, {"currentPassword": PASSWORD, "newPassword": "short"}, expect=400)
        await own.post(path, {"currentPassword": PASSWORD}, expect=400)
        await own.post(path, {"currentPassword": PASSWORD, "newPassword": "staple 9 battery horse"}, expect=204)
        await nobody.post("/api/Account/Authenticate", {**login, "password": PASSWORD}, expect=400)
        await nobody.post("/api/Account/Authenticate", {**login, "password": "staple 9 battery horse"}, expect=200)
        rows = await api.node.rows(
            "SELECT action FROM kernel.audit WHERE tenant_id = $1 AND operation = 'Users_ChangePassword'", api.tenant_id
        )
        assert [row["action"] for row in rows] == ["PasswordChange"]

    async def test_403_anothers_404_for_who_may_not_see_users(self, api: Any) -> None:
        user = await api.as_role()
        body = {"currentPassword": "a", "newPassword": "b"}
        await api.post(action(user, "ChangePassword"), body, expect=403)
        await api.post(f"{USERS}(999999999)/{ODATA}.ChangePassword", body, expect=404)
        await api.as_role().post(action(user, "ChangePassword"), body, expect=404)
