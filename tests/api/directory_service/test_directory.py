"""The organization's directory as a tenant sees it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from podium.identity.groups import actions as groups

DIRECTORY = "/api/DirectoryService"


async def group(api: Any, name: str, *members: Any) -> str:
    node = api.node
    async with node.db.transaction() as db:
        made = await groups.create(db, node.organization_id, name, node.clock(), external_id=None)
        for member in members:
            await groups.join(db, node.organization_id, member._user.id, [made.id], node.clock())
    return str(made.id)


class TestSearch:
    async def test_200_by_the_beginning_of_the_name(self, api: Any) -> None:
        user = await api.as_role()
        found = await api.get(f"{DIRECTORY}/SearchForUsersAndGroups", params={"prefix": user.user_name.upper()})
        (own,) = [each for each in found if each["identityName"] == user.user_name]
        assert own == {
            "source": "local",
            "domain": "autogen",
            "identifier": str(user._user.id),
            "identityName": user.user_name,
            "displayName": user._user.full_name,
            "type": "User",
        }

    async def test_200_of_one_kind(self, api: Any) -> None:
        await api
        prefix = f"both{uuid4().hex[:8]}"
        await group(api, prefix)
        client = await api.node.make_client(api.node.organization_id, ["OR.Folders"], name=f"{prefix} app")
        for context, types in (
            ("All", ["Group", "ExternalApplication"]),
            ("Groups", ["Group"]),
            ("ExternalApplications", ["ExternalApplication"]),
            ("Users", []),
            ("Robots", []),
        ):
            params = {"prefix": prefix, "searchContext": context, "domain": "autogen"}
            found = await api.get(f"{DIRECTORY}/SearchForUsersAndGroups", params=params)
            assert [each["type"] for each in found] == types
        assert str(client.id) in {each["identifier"] for each in await self.all(api, prefix)}

    async def all(self, api: Any, prefix: str) -> list[dict[str, Any]]:
        return list(await api.get(f"{DIRECTORY}/SearchForUsersAndGroups", params={"prefix": prefix}))

    async def test_200_nobody_of_another_organization(self, api: Any) -> None:
        await api
        _, name, _ = await api.node.make_organization("elsewhere")
        assert await self.all(api, f"admin@{name}") == []

    async def test_200_for_who_assigns_to_a_folder_403_for_others(self, api: Any, given: Any) -> None:
        path = f"{DIRECTORY}/SearchForUsersAndGroups"
        await api.as_role("Folder Administrator", folder=await given.folder("Finance")).get(path, expect=200)
        await api.as_role().get(path, expect=403)

    async def test_404_another_domain(self, api: Any) -> None:
        path = f"{DIRECTORY}/SearchForUsersAndGroups"
        await api.get(path, params={"prefix": "a", "domain": "acme.com"}, expect=404)


class TestDomains:
    async def test_200_the_only_one(self, api: Any) -> None:
        assert await api.get(f"{DIRECTORY}/GetDomains") == [{"name": "autogen", "isDefault": True}]


class TestDirectoryPermissions:
    async def test_200_what_groups_open(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role()
        known, unknown = f"known-{uuid4().hex}", f"unknown-{uuid4().hex}"
        await group(api, known, user)
        await group(api, unknown, user)
        body = {"Type": "DirectoryGroup", "UserName": known, "RolesList": ["Robot"]}
        made = await api.post("/odata/Users", {**body, "OrganizationUnits": [{"Id": folder["Id"]}]}, expect=201)
        found = await api.get(f"{DIRECTORY}/GetDirectoryPermissions", params={"username": user.user_name})
        (row,) = found
        assert row["directoryGroup"] == known
        assert [role["name"] for role in row["roles"]] == ["Robot"]
        (unit,) = row["organizationUnits"]
        assert (unit["organizationUnitName"], unit["userId"]) == ("Finance", made["Id"])

    async def test_404_nobody_400_without_a_name(self, api: Any) -> None:
        await api.get(f"{DIRECTORY}/GetDirectoryPermissions", params={"username": "nobody"}, expect=404)
        await api.get(f"{DIRECTORY}/GetDirectoryPermissions", expect=400)


class TestDomainUserId:
    async def test_200_of_a_principal_that_the_tenant_knows(self, api: Any) -> None:
        user = await api.as_role()
        for params in (
            {"userName": f"autogen\\{user.user_name}"},
            {"directoryIdentifier": f"aad|{user._user.id}", "domain": "autogen", "userType": "DirectoryUser"},
        ):
            assert await api.get(f"{DIRECTORY}/GetDomainUserId", params=params) == user.user_id

    async def test_404_of_one_that_it_does_not(self, api: Any) -> None:
        await api
        identifier = await group(api, f"crew-{uuid4().hex}")
        path = f"{DIRECTORY}/GetDomainUserId"
        await api.get(path, params={"directoryIdentifier": identifier}, expect=404)
        await api.get(path, params={"directoryIdentifier": str(uuid4())}, expect=404)
        await api.get(path, params={"userName": "admin", "userType": "DirectoryGroup"}, expect=404)
        await api.get(path, expect=400)
