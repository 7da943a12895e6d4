"""Operations by which a caller learns who it is, and the list of users."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from podium.identity.clients.rules import Client
from podium.identity.issuer import Issuer

USERS = "/odata/Users/UiPath.Server.Configuration.OData"


class TestGetCurrentUser:
    async def test_200_the_caller(self, api: Any) -> None:
        me = await api.get(f"{USERS}.GetCurrentUser")
        assert (me["UserName"], me["Type"], me["RolesList"]) == ("admin", "DirectoryUser", ["Administrator"])
        assert "PersonalWorkspace" not in me

    async def test_200_expanded(self, api: Any) -> None:
        me = await api.get(f"{USERS}.GetCurrentUser?$expand=UserRoles,OrganizationUnits&$select=Id,UserRoles")
        assert [role["RoleName"] for role in me["UserRoles"]] == ["Administrator"]
        assert "Shared" in [unit["DisplayName"] for unit in me["OrganizationUnits"]]

    async def test_200_an_application_that_the_tenant_does_not_know(self, api: Any) -> None:
        node = (await api).node
        id_ = uuid4()
        client = Client(
            node.organization_id, id_, str(id_), "external", "Billing", True, (), ("OR.Users",), (), False, ()
        )
        token = node.port(Issuer).issue_application_token(client, ["OR.Users"], node.clock())
        program = api.with_headers({"authorization": f"Bearer {token}"})
        me = await program.get(f"{USERS}.GetCurrentUser?$select=UserName,Type,Key")
        assert (me["UserName"], me["Type"], me["Key"]) == ("Billing", "DirectoryExternalApplication", str(id_))


class TestGetCurrentUserExtended:
    async def test_200_without_a_workspace(self, api: Any) -> None:
        user = await api.as_role()
        me = await user.get(f"{USERS}.GetCurrentUserExtended?$expand=PersonalWorkspace")
        assert set(me) >= {"PersonalWorkspace", "PersonalWorskpaceFeedId"}

    async def test_200_with_workspace_and_feed_after_the_first_run(self, api: Any) -> None:
        for name in ("TryEnableFirstRun", "AcquireLicense", "TryEnableFirstRun"):
            await api.post(f"/api/StudioWeb/{name}", expect=200)
        me = await api.get(f"{USERS}.GetCurrentUserExtended?$expand=PersonalWorkspace")
        own = me["PersonalWorkspace"]
        assert own["FullyQualifiedName"] == "admin's workspace"
        assert me["PersonalWorskpaceFeedId"]
        folder = await api.get(f"/odata/Folders({own['Id']})")
        assert (folder["Key"], folder["FolderType"], folder["FeedType"]) == (
            own["Key"],
            "Personal",
            "PersonalWorkspace",
        )

    async def test_200_selected_alone(self, api: Any) -> None:
        me = await api.get(f"{USERS}.GetCurrentUserExtended?$select=PersonalWorkspace&$expand=PersonalWorkspace")
        assert set(me) == {"@odata.context", "PersonalWorkspace"}

    async def test_400_unknown_expansion(self, api: Any) -> None:
        await api.get(f"{USERS}.GetCurrentUserExtended?$expand=Nothing", expect=400)


class TestGetCurrentPermissions:
    async def test_200_of_the_tenant_and_of_the_folder_named(self, api: Any) -> None:
        shared = (await api.get("/odata/Folders?$filter=DisplayName eq 'Shared'"))["value"][0]["Id"]
        in_tenant = (await api.get(f"{USERS}.GetCurrentPermissions"))["Permissions"]
        in_folder = (await api.get(f"{USERS}.GetCurrentPermissions", folder=shared))["Permissions"]
        assert "Users.View" in in_tenant
        assert "Assets.View" not in in_tenant
        assert set(in_folder) > {*in_tenant, "Assets.View"}

    async def test_200_nothing_for_a_user_without_roles(self, api: Any) -> None:
        user = await api.as_role()
        assert (await user.get(f"{USERS}.GetCurrentPermissions"))["Permissions"] == []


class TestListUsers:
    async def test_200_filtered(self, api: Any) -> None:
        found = await api.get("/odata/Users?$filter=UserName eq 'ADMIN' and Type eq 'DirectoryUser'")
        assert (found["@odata.count"], found["value"][0]["UserName"]) == (1, "admin")

    async def test_403_without_the_right(self, api: Any) -> None:
        await api.as_role().get("/odata/Users", expect=403)


class TestReadUser:
    async def test_200_itself_and_404_another(self, api: Any) -> None:
        user = await api.as_role()
        own = (await user.get(f"{USERS}.GetCurrentUser"))["Id"]
        admin = (await api.get(f"{USERS}.GetCurrentUser"))["Id"]
        assert (await user.get(f"/odata/Users({own})"))["Id"] == own
        await user.get(f"/odata/Users({admin})", expect=404)
        assert (await api.get(f"/odata/Users({own})"))["Id"] == own
        await api.get("/odata/Users(999999999)", expect=404)
