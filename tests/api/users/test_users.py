"""Making, changing and removing users of the tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from podium.identity.groups import actions as groups
from podium.identity.users.actions import add_user
from podium.identity.users.rules import NewUser
from podium.kernel.keyring import Keyring
from tests.builders import ODATA

USERS = "/odata/Users"
PASSWORD = "correct horse 7 battery"
ADD_ROBOT_ACCOUNT = """
INSERT INTO identity.robot_accounts (organization_id, id, name, name_key, display_name, created_at)
VALUES ($1, $2, $3, $3, $3, $4)
"""


async def person(node: Any, name: str, organization_id: UUID | None = None) -> UUID:
    """A new person of the organization, whom no tenant knows."""
    id_, now = uuid4(), datetime(2026, 3, 1, tzinfo=UTC)
    new = NewUser(
        organization_id or node.organization_id, id_, name, f"{name}@podium.test", "Ann", "Other", None, None, False
    )
    async with node.db.transaction() as db:
        await add_user(db, new, now)
    return id_


async def group(node: Any, name: str, *members: UUID) -> UUID:
    async with node.db.transaction() as db:
        made = await groups.create(db, node.organization_id, name, node.clock(), external_id=None)
        for member in members:
            await groups.join(db, node.organization_id, member, [made.id], node.clock())
    return made.id


async def robot_account(node: Any, name: str) -> UUID:
    id_ = uuid4()
    await node.rows(ADD_ROBOT_ACCOUNT, node.organization_id, id_, name, node.clock())
    return id_


def fresh(name: str) -> str:
    return f"{name}-{uuid4().hex[:8]}"


class TestCreateUser:
    async def test_201_a_person_of_the_directory(self, api: Any) -> None:
        await api
        name = fresh("ann")
        id_ = await person(api.node, name)
        body = {"Type": "DirectoryUser", "DirectoryIdentifier": f"aad|{id_}", "Domain": "autogen"}
        made = await api.post(USERS, {**body, "RolesList": ["Tenant Administrator"]}, expect=201)
        assert (made["UserName"], made["Name"], made["Surname"]) == (name, "Ann", "Other")
        assert (made["EmailAddress"], made["DirectoryIdentifier"]) == (f"{name}@podium.test", str(id_))
        assert (made["Type"], made["ProvisionType"], made["IsActive"]) == ("DirectoryUser", "Manual", True)
        assert made["RolesList"] == ["Tenant Administrator"]
        assert (made["MayHaveUserSession"], made["MayHaveRobotSession"]) == (True, True)
        assert made["MayHaveUnattendedSession"] is False
        assert made["UpdatePolicy"] == {"Type": "None", "SpecificVersion": None}

    async def test_201_a_person_a_group_and_a_robot_account_by_name(self, api: Any) -> None:
        await api
        node = api.node
        ann, crew, bot = fresh("ann"), fresh("crew"), fresh("bot")
        await person(node, ann)
        await group(node, crew)
        id_ = await robot_account(node, bot)
        for type_, name in (("DirectoryUser", ann.upper()), ("DirectoryGroup", crew)):
            made = await api.post(USERS, {"Type": type_, "UserName": name, "Domain": "autogen"}, expect=201)
            assert (made["Type"], made["UserName"]) == (type_, name.lower())
        body = {"Type": "DirectoryRobot", "DirectoryIdentifier": str(id_), "MayHaveUnattendedSession": True}
        made = await api.post(USERS, body, expect=201)
        assert made["UserName"] == bot
        assert made["UnattendedRobot"]["RobotId"] > 0

    async def test_201_an_application_by_its_client_id(self, api: Any) -> None:
        await api
        client = await api.node.make_client(api.node.organization_id, ["OR.Folders"])
        body = {"Type": "DirectoryExternalApplication", "DirectoryIdentifier": client.client_id}
        made = await api.post(USERS, body, expect=201)
        assert made["DirectoryIdentifier"] == str(client.id)

    async def test_201_a_local_person_who_can_sign_in(self, api: Any) -> None:
        await api
        name = fresh("local")
        body = {"Type": "User", "UserName": name, "Password": PASSWORD, "Name": "Lo", "Surname": "Cal"}
        made = await api.post(USERS, {**body, "EmailAddress": f"{name}@podium.test"}, expect=201)
        assert (made["Type"], made["Name"], made["Surname"]) == ("User", "Lo", "Cal")
        login = {"tenancyName": api.tenant_name, "usernameOrEmailAddress": name, "password": PASSWORD}
        nobody = api.with_headers({})
        refused = await nobody.post("/api/Account/Authenticate", login, expect=400)
        assert "must be changed" in refused["message"]  # as the organization wants it of passwords that others choose
        await api.node.rows("UPDATE identity.users SET must_change_password = false WHERE user_name = $1", name)
        answer = await nobody.post("/api/Account/Authenticate", login, expect=200)
        told = api.bearer(answer["result"])
        own = await told.get(f"{USERS}/{ODATA}.GetCurrentUser")
        assert (own["Id"], own["UserName"]) == (made["Id"], name)

    async def test_400_a_password_that_the_organization_does_not_take_leaves_nobody(self, api: Any) -> None:
        await api
        name = fresh("local")
        await api.post(USERS, {"Type": "User", "UserName": name, "Password": "a"}, expect=400)
        await api.post(USERS, {"Type": "User", "UserName": "no blanks, please", "Password": PASSWORD}, expect=400)
        assert not await api.node.rows("SELECT 1 FROM identity.users WHERE user_name = $1", name)

    async def test_409_a_local_person_who_exists_keeps_his_password(self, api: Any) -> None:
        await api
        name = fresh("ann")
        await person(api.node, name)
        body = {"Type": "User", "UserName": name, "Password": PASSWORD}
        assert (await api.post(USERS, body, expect=409))["errorCode"] == 1001
        await api.post(USERS, {"Type": "User", "UserName": name}, expect=201)

    async def test_409_who_is_a_user_already_in_any_case(self, api: Any) -> None:
        await api
        name = fresh("ann")
        id_ = await person(api.node, name)
        await api.post(USERS, {"Type": "DirectoryUser", "DirectoryIdentifier": str(id_)}, expect=201)
        for body in ({"DirectoryIdentifier": str(id_)}, {"UserName": name.upper()}):
            refused = await api.post(USERS, {"Type": "DirectoryUser", **body}, expect=409)
            assert refused["errorCode"] == 1001

    async def test_400_without_identifier_or_of_a_type_that_is_not_made(self, api: Any) -> None:
        for type_ in ("DirectoryRobot", "DirectoryExternalApplication"):
            body = {"Type": type_, "UserName": "x"}
            assert "DirectoryIdentifier" in (await api.post(USERS, body, expect=400))["message"]
        await api.post(USERS, {"Type": "DirectoryUser"}, expect=400)
        await api.post(USERS, {"Type": "Robot", "UserName": "x"}, expect=400)
        await api.post(USERS, {}, expect=400)

    async def test_404_principals_of_nobody_of_another_kind_domain_or_organization(self, api: Any) -> None:
        await api
        node = api.node
        other, _, _ = await node.make_organization("elsewhere")
        stranger = await person(node, fresh("stranger"), other)
        crew = await group(node, fresh("crew"))
        for body in (
            {"Type": "DirectoryUser", "DirectoryIdentifier": str(uuid4())},
            {"Type": "DirectoryUser", "DirectoryIdentifier": str(stranger)},
            {"Type": "DirectoryUser", "DirectoryIdentifier": str(crew)},
            {"Type": "DirectoryUser", "UserName": "admin", "Domain": "acme.com"},
        ):
            await api.post(USERS, body, expect=404)

    async def test_403_roles_that_the_caller_does_not_hold_and_nobody_is_made(self, api: Any) -> None:
        await api
        name = fresh("ann")
        await person(api.node, name)
        caller = api.as_role("Tenant Administrator")
        body = {"Type": "DirectoryUser", "UserName": name, "RolesList": ["Administrator"]}
        await caller.post(USERS, body, expect=403)
        found = await api.get(f"{USERS}?$filter=UserName eq '{name}'")
        assert found["value"] == []
        await caller.post(USERS, {**body, "RolesList": ["Allow to be Automation User"]}, expect=201)

    async def test_404_unknown_role(self, api: Any) -> None:
        refused = await api.post(USERS, {"Type": "User", "UserName": "x", "RolesList": ["Emperor"]}, expect=404)
        assert "Emperor" in refused["message"]

    async def test_201_in_folders(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        name = fresh("ann")
        await person(api.node, name)
        body = {"Type": "DirectoryUser", "UserName": name, "OrganizationUnits": [{"Id": folder["Id"]}]}
        made = await api.post(f"{USERS}?$expand=OrganizationUnits", body, expect=201)
        assert [unit["Id"] for unit in made["OrganizationUnits"]] == [folder["Id"]]


class TestUnattendedRobot:
    async def make(self, api: Any, **robot: Any) -> dict[str, Any]:
        await api
        name = fresh("ann")
        await person(api.node, name)
        body = {"Type": "DirectoryUser", "UserName": name, "UnattendedRobot": robot, "MayHaveUnattendedSession": True}
        return dict(await api.post(USERS, body, expect=None))

    async def password(self, api: Any, user: dict[str, Any]) -> str | None:
        rows = await api.node.rows(
            "SELECT id, sealed FROM orchestrator.robots WHERE tenant_id = $1 AND id = $2",
            api.tenant_id,
            user["UnattendedRobot"]["RobotId"],
        )
        sealed = rows[0]["sealed"]
        if sealed is None:
            return None
        keyring = api.node.port(Keyring)
        row, owner = rows[0]["id"], api.tenant_id
        return str(keyring.open(sealed, owner=owner, table="orchestrator.robots", row=row, column="sealed"))

    async def test_201_with_a_password_that_is_sealed_and_shown_as_a_mask(self, api: Any) -> None:
        made = await self.make(api, UserName="acme\\ann", Password="geheim-1", ExecutionSettings={"ResolutionWidth": 9})
        assert made["UnattendedRobot"]["Password"] == "*****"
        assert made["UnattendedRobot"]["UserName"] == "acme\\ann"
        assert made["UnattendedRobot"]["ExecutionSettings"] == {"ResolutionWidth": 9}
        assert await self.password(api, made) == "geheim-1"
        robots = await api.get("/odata/Robots")
        assert [robot["Username"] for robot in robots["value"]] == ["acme\\ann"]

    async def test_200_the_mask_keeps_the_password_and_another_replaces_it(self, api: Any) -> None:
        made = await self.make(api, UserName="acme\\ann", Password="geheim-1")
        robot = {"UserName": "acme\\ann2", "Password": "*****"}
        await api.put(f"{USERS}({made['Id']})", {"UnattendedRobot": robot}, expect=200)
        assert await self.password(api, made) == "geheim-1"
        await api.patch(f"{USERS}({made['Id']})", {"UnattendedRobot": {"Password": "geheim-2"}}, expect=200)
        assert await self.password(api, made) == "geheim-2"
        shown = await api.get(f"{USERS}({made['Id']})")
        assert shown["UnattendedRobot"]["UserName"] == "acme\\ann2"

    async def test_400_a_first_robot_without_name_and_password(self, api: Any) -> None:
        assert "Password" in (await self.make(api, UserName="acme\\ann"))["message"]
        assert "UserName" in (await self.make(api, Password="geheim-1"))["message"]
        assert (await self.make(api, UserName="a", CredentialType="NoCredential"))["UnattendedRobot"][
            "Password"
        ] is None

    async def test_400_a_setting_with_a_wrong_value(self, api: Any) -> None:
        made = await self.make(api, UserName="a", Password="b", ExecutionSettings={"ResolutionWidth": "wide"})
        assert "UnattendedRobot.ExecutionSettings.ResolutionWidth" in made["message"]

    async def test_200_the_robot_goes_when_the_user_may_have_none(self, api: Any) -> None:
        made = await self.make(api, UserName="acme\\ann", Password="geheim-1")
        await api.patch(f"{USERS}({made['Id']})", {"MayHaveUnattendedSession": False}, expect=200)
        assert (await api.get(f"{USERS}({made['Id']})"))["UnattendedRobot"] is None
        assert (await api.get("/odata/Robots"))["value"] == []

    async def test_200_everybody_changes_the_password_of_the_own_robot(self, api: Any) -> None:
        caller = await api.as_role()
        own = f"{USERS}({caller.user_id})"
        await caller.patch(own, {"UnattendedRobot": {"UserName": "a", "Password": "b"}}, expect=403)
        await api.patch(own, {"UnattendedRobot": {"UserName": "a", "Password": "b"}}, expect=200)
        await caller.patch(own, {"UnattendedRobot": {"Password": "c"}}, expect=200)
        assert await self.password(api, await api.get(own)) == "c"

    async def test_400_groups_have_no_robot(self, api: Any) -> None:
        await api
        crew = fresh("crew")
        await group(api.node, crew)
        body = {"Type": "DirectoryGroup", "UserName": crew, "UnattendedRobot": {"UserName": "a", "Password": "b"}}
        await api.post(USERS, body, expect=400)

    async def test_200_an_attended_robot(self, api: Any) -> None:
        caller = await api.as_role()
        own = f"{USERS}({caller.user_id})"
        body = {"RobotProvision": {"RobotType": "Attended", "UserName": "acme\\ann", "ExecutionSettings": {}}}
        await api.patch(own, body, expect=200)
        shown = (await api.get(own))["RobotProvision"]
        assert (shown["RobotType"], shown["UserName"]) == ("Attended", "acme\\ann")


class TestReplaceUser:
    async def test_200_what_is_absent_gets_its_default(self, api: Any) -> None:
        caller = await api.as_role("Tenant Administrator")
        own = f"{USERS}({caller.user_id})"
        changes = {"Name": "Ann", "Surname": "Other", "MayHaveUserSession": False}
        await api.put(own, {**changes, "UpdatePolicy": {"Type": "SpecificVersion", "SpecificVersion": "25.10"}})
        shown = await api.get(own)
        assert (shown["Name"], shown["MayHaveUserSession"]) == ("Ann", False)
        assert shown["UpdatePolicy"] == {"Type": "SpecificVersion", "SpecificVersion": "25.10"}
        await api.put(own, {"Name": "Bea"}, expect=200)
        shown = await api.get(own)
        assert (shown["Name"], shown["Surname"], shown["MayHaveUserSession"]) == ("Bea", None, True)
        assert shown["UpdatePolicy"]["Type"] == "None"
        assert (shown["IsActive"], shown["RolesList"]) == (True, ["Tenant Administrator"])
        assert shown["EmailAddress"] == f"{caller.user_name}@podium.test"

    async def test_200_roles_and_folders_that_are_given(self, api: Any, given: Any) -> None:
        first, second = await given.folder("First"), await given.folder("Second")
        caller = await api.as_role("Automation User", folder=first)
        body = {"RolesList": ["Tenant Administrator"], "OrganizationUnits": [{"Id": second["Id"], "DisplayName": "S"}]}
        await api.put(f"{USERS}({caller.user_id})", body, expect=200)
        shown = await api.get(f"{USERS}({caller.user_id})?$expand=OrganizationUnits")
        assert shown["RolesList"] == ["Tenant Administrator"]
        assert [unit["Id"] for unit in shown["OrganizationUnits"]] == [second["Id"]]

    async def test_200_what_was_read_may_be_written_back(self, api: Any) -> None:
        caller = await api.as_role("Tenant Administrator")
        own = f"{USERS}({caller.user_id})"
        before = await api.get(f"{own}?$expand=UserRoles,OrganizationUnits")
        await api.put(own, before, expect=200)
        after = await api.get(f"{own}?$expand=UserRoles,OrganizationUnits")
        changed = {"LastModificationTime", "LastModifierUserId"}
        assert {name: value for name, value in after.items() if name not in changed} == {
            name: value for name, value in before.items() if name not in changed
        }

    async def test_400_what_stays_for_life_and_passwords(self, api: Any) -> None:
        caller = await api.as_role()
        own = f"{USERS}({caller.user_id})"
        for body in ({"UserName": "other"}, {"Type": "DirectoryGroup"}, {"DirectoryIdentifier": str(uuid4())}):
            await api.put(own, body, expect=400)
        assert "Password" in (await api.put(own, {"Password": PASSWORD}, expect=400))["message"]
        await api.put(own, {"Password": "*****", "UserName": caller.user_name.upper()}, expect=200)

    async def test_403_who_may_only_edit_robots_changes_nothing_else(self, api: Any) -> None:
        body = {"Name": "Robot keeper", "Permissions": [{"Name": "Robots.Edit", "IsGranted": True}]}
        await api.post("/odata/Roles", body)
        user = await api.as_role("Tenant Administrator")
        path = f"{USERS}({user.user_id})"
        await api.patch(path, {"UnattendedRobot": {"UserName": "a", "Password": "b"}})
        keeper = api.as_role("Robot keeper")
        await keeper.put(path, {"Name": "New"}, expect=403)
        await keeper.put(path, {"RolesList": []}, expect=403)
        await keeper.put(
            path, {"RolesList": ["Tenant Administrator"], "UnattendedRobot": {"UserName": "c"}}, expect=200
        )
        shown = await api.get(path)
        assert (shown["UnattendedRobot"]["UserName"], shown["RolesList"]) == ("c", ["Tenant Administrator"])
        await keeper.put(path, {"MayHaveUnattendedSession": False}, expect=403)  # that takes Robots.Delete

    async def test_403_roles_that_the_caller_lacks_and_nothing_is_changed(self, api: Any) -> None:
        caller = await api.as_role("Tenant Administrator")
        own = f"{USERS}({caller.user_id})"
        await caller.put(own, {"Name": "New", "RolesList": ["Administrator"]}, expect=403)
        shown = await api.get(own)
        assert (shown["Name"], shown["RolesList"]) == (None, ["Tenant Administrator"])


class TestPatchUser:
    async def test_200_changes_what_is_given(self, api: Any) -> None:
        caller = await api.as_role()
        own = f"{USERS}({caller.user_id})"
        await api.patch(own, {"Name": "Ann", "MayHavePersonalWorkspace": False}, expect=200)
        await api.patch(own, {"Surname": "Other"}, expect=200)
        shown = await api.get(own)
        assert (shown["Name"], shown["Surname"], shown["MayHavePersonalWorkspace"]) == ("Ann", "Other", False)

    async def test_200_the_own_name_and_no_right(self, api: Any) -> None:
        caller = await api.as_role()
        own = f"{USERS}({caller.user_id})"
        await caller.patch(own, {"Name": "Ann"}, expect=200)
        for body in (
            {"EmailAddress": "boss@podium.test"},
            {"MayHaveUnattendedSession": True},
            {"IsActive": False},
            {"RobotProvision": {"UserName": "a"}},
        ):
            await caller.patch(own, body, expect=403)

    async def test_404_others_without_the_right_to_see_them_403_with(self, api: Any) -> None:
        other = await api.as_role()
        await api.as_role().patch(f"{USERS}({other.user_id})", {"Name": "X"}, expect=404)
        await api.post(
            "/odata/Roles", {"Name": "Viewer", "Permissions": [{"Name": "Users.View", "IsGranted": True}]}, expect=201
        )
        await api.as_role("Viewer").patch(f"{USERS}({other.user_id})", {"Name": "X"}, expect=403)

    async def test_400_roles_and_folders(self, api: Any) -> None:
        caller = await api.as_role()
        own = f"{USERS}({caller.user_id})"
        assert "RolesList" in (await api.patch(own, {"RolesList": ["Administrator"]}, expect=400))["message"]
        await api.patch(own, {"OrganizationUnits": [{"Id": 1}]}, expect=400)


class TestDeleteUser:
    async def test_204_is_gone_with_roles_and_memberships(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role("Automation User", folder=folder)
        await api.delete(f"{USERS}({user.user_id})", expect=204)
        await api.get(f"{USERS}({user.user_id})", expect=404)
        again = await user.get(f"{USERS}/{ODATA}.GetCurrentUser")
        assert again["Id"] != user.user_id
        assert again["RolesList"] == []
        await user.get("/odata/Jobs", folder=folder, expect=400)

    async def test_409_oneself_and_the_administrator_of_the_beginning(self, api: Any) -> None:
        await api
        await api.delete(f"{USERS}({api.user_id})", expect=409)
        other = await api.as_role("Tenant Administrator")
        await other.delete(f"{USERS}({api.user_id})", expect=409)
        await other.delete(f"{USERS}({other.user_id})", expect=409)

    async def test_404_unknown(self, api: Any) -> None:
        await api.delete(f"{USERS}(999999999)", expect=404)
