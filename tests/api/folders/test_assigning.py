"""Who may be assigned to folders, and by whom: every kind of principal, and nothing that one does not hold oneself."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from podium.identity.groups import actions as groups
from tests.api.folders.test_members import ADMINISTRATOR, FOLDERS, USER, assignments, members

ADD_ROBOT_ACCOUNT = """
INSERT INTO identity.robot_accounts (organization_id, id, name, name_key, display_name, created_at)
VALUES ($1, $2, $3, $3, $3, $4)
"""


async def principal(api: Any, kind: str) -> tuple[str, str]:
    """Identifier and name of a new principal that the tenant does not know."""
    await api
    node, name, id_ = api.node, f"{kind}-{uuid4().hex[:8]}", uuid4()
    if kind == "group":
        async with node.db.transaction() as db:
            await groups.create(db, node.organization_id, name, node.clock(), id_=id_, external_id=None)
    elif kind == "robot":
        await node.rows(ADD_ROBOT_ACCOUNT, node.organization_id, id_, name, node.clock())
    else:
        await node.make_client(node.organization_id, ["OR.Folders"], id=id_, client_id=str(id_), name=name)
    return str(id_), name


class TestKindsOfPrincipals:
    @pytest.mark.parametrize(
        ("kind", "type_"),
        [("group", "DirectoryGroup"), ("robot", "DirectoryRobot"), ("application", "DirectoryExternalApplication")],
    )
    @pytest.mark.parametrize("name", ["AssignDirectoryUser", "AssignDomainUser"])
    async def test_204_by_identifier_and_by_name_with_its_type(
        self, api: Any, folder: Any, role: Any, kind: str, type_: str, name: str
    ) -> None:
        one, two = (await folder("One"))["Id"], (await folder("Two"))["Id"]
        identifier, shown = await principal(api, kind)
        rows = [{"FolderId": one, "RoleIds": [await role(ADMINISTRATOR)]}]
        body = {"Domain": "autogen", "DirectoryIdentifier": identifier, "UserType": type_, "RolesPerFolder": rows}
        await api.post(f"{FOLDERS}.{name}", {"assignment": body}, expect=204)
        body = {"UserName": shown, "UserType": type_, "RolesPerFolder": [{"FolderId": two, "RoleIds": []}]}
        await api.post(f"{FOLDERS}.{name}", {"assignment": body}, expect=204)
        assert (await members(api, one))[shown] == [ADMINISTRATOR]
        assert (await members(api, two))[shown] == []
        found = await api.get(f"/odata/Users?$filter=UserName eq '{shown}'")
        assert [each["Type"] for each in found["value"]] == [type_]

    async def test_404_a_principal_of_another_organization(self, api: Any, folder: Any) -> None:
        await api
        _, _, stranger = await api.node.make_organization("elsewhere")
        rows = [{"FolderId": (await folder("One"))["Id"], "RoleIds": []}]
        for body in ({"DirectoryIdentifier": str(stranger.id)}, {"UserName": stranger.email}):
            await api.post(
                f"{FOLDERS}.AssignDirectoryUser", {"assignment": {**body, "RolesPerFolder": rows}}, expect=404
            )

    async def test_404_a_principal_of_another_type_or_domain(self, api: Any, folder: Any) -> None:
        identifier, _ = await principal(api, "group")
        rows = [{"FolderId": (await folder("One"))["Id"], "RoleIds": []}]
        for more in ({"UserType": "DirectoryRobot"}, {"Domain": "acme.com"}):
            body = {"DirectoryIdentifier": identifier, "RolesPerFolder": rows, **more}
            await api.post(f"{FOLDERS}.AssignDirectoryUser", {"assignment": body}, expect=404)


class TestPrivilegeGrowth:
    async def test_403_a_role_that_grants_more_there_than_the_caller_holds(
        self, api: Any, folder: Any, caller: Any, role: Any
    ) -> None:
        top = (await folder("Finance"))["Id"]
        administrator = await role(ADMINISTRATOR)
        tenant_administrator = await caller("Tenant Administrator")  # has Units.Edit, and is no member
        user = await caller()
        for whom in (user, tenant_administrator):
            body = assignments(whom.user_id, (top, [administrator]))
            refused = await tenant_administrator.post(f"{FOLDERS}.AssignUsers", body, expect=403)
            assert "do not hold" in refused["message"]
        rows = [{"FolderId": top, "RoleIds": [administrator]}]
        body = {"assignment": {"UserName": user.user_name, "RolesPerFolder": rows}}
        await tenant_administrator.post(f"{FOLDERS}.AssignDirectoryUser", body, expect=403)
        assert user.user_name not in await members(api, top)
        await tenant_administrator.post(f"{FOLDERS}.AssignUsers", assignments(user.user_id, (top, [])), expect=204)

    async def test_204_what_the_caller_holds_there_or_above(
        self, api: Any, folder: Any, caller: Any, role: Any
    ) -> None:
        top = await folder("Finance")
        below = (await folder("Sub", top))["Id"]
        lead, user = await caller(ADMINISTRATOR, folder=top["Id"]), await caller()
        body = assignments(user.user_id, (below, [await role(ADMINISTRATOR)]))
        await lead.post(f"{FOLDERS}.AssignUsers", body, expect=204)
        assert (await members(api, below))[user.user_name] == [ADMINISTRATOR]

    async def test_204_a_role_that_the_user_has_already_stays(
        self, api: Any, folder: Any, caller: Any, role: Any
    ) -> None:
        top = (await folder("Finance"))["Id"]
        lead = await caller(ADMINISTRATOR, folder=top)
        assert USER not in (await members(api, top))[lead.user_name]
        clerk = await caller("Tenant Administrator")
        body = assignments(lead.user_id, (top, [await role(ADMINISTRATOR)]))
        await clerk.post(f"{FOLDERS}.AssignUsers", body, expect=204)

    async def test_403_a_move_under_a_folder_of_ones_own(self, api: Any, folder: Any, caller: Any) -> None:
        secret = (await folder("Secret"))["Id"]
        clerk = await caller("Tenant Administrator")
        own = await clerk.post("/odata/Folders", {"DisplayName": "Mine"}, expect=201)
        path = f"/odata/Folders({secret})/UiPath.Server.Configuration.OData.MoveFolder?targetParentId={own['Id']}"
        assert "do not hold" in (await clerk.put(path, expect=403))["message"]
        await clerk.get("/odata/Jobs", folder=secret, expect=400)
        await api.put(path)
        await clerk.get("/odata/Jobs", folder=secret, expect=200)


class TestInheritedRemoval:
    async def test_409_says_where_it_would_have_to_end(self, api: Any, folder: Any, caller: Any) -> None:
        top = await folder("Finance")
        sub = (await folder("Sub", top))["Id"]
        user, administrator = await caller(USER, folder=top["Id"]), await caller("Administrator")
        path = f"/odata/Folders({sub})/UiPath.Server.Configuration.OData.RemoveUserFromFolder"
        assert "from Finance;" in (await api.post(path, {"userId": user.user_id}, expect=409))["message"]
        refused = await api.post(path, {"userId": administrator.user_id}, expect=409)
        assert "role Administrator" in refused["message"]
