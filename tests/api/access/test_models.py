"""Permission models of folders, permissions that the operator has disabled, and who acts by a group or as a robot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from podium.identity.directory import InProcessDirectory
from podium.identity.groups import actions as groups
from podium.kernel.config import ConfigError
from podium.orchestrator.access import rules
from podium.orchestrator.access.resolver import AccessResolver
from podium.server.compose import compose
from tests.builders import ODATA

TO_TENANT = "UPDATE orchestrator.folders SET permission_model = 'InheritFromTenant' WHERE tenant_id = $1 AND id = $2"


async def group_with(api: Any, user: Any, *, folder: Any = None, roles: tuple[str, ...] = ()) -> str:
    """The name of a new group with the user in it, known to the tenant."""
    node, name = api.node, f"crew-{uuid4().hex}"
    async with node.db.transaction() as db:
        made = await groups.create(db, node.organization_id, name, node.clock(), external_id=None)
        await groups.join(db, node.organization_id, user._user.id, [made.id], node.clock())
    units = [] if folder is None else [{"Id": folder["Id"]}]
    body = {"Type": "DirectoryGroup", "UserName": name, "RolesList": list(roles), "OrganizationUnits": units}
    await api.post("/odata/Users", body, expect=201)
    return name


class TestInheritFromTenant:
    async def test_mixed_roles_of_the_tenant_count_instead_of_roles_in_the_folder(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        fine = await api.as_role("Automation Developer", folder=folder)
        await fine.get("/odata/Jobs", folder=folder, expect=200)
        await api.node.rows(TO_TENANT, api.tenant_id, folder["Id"])
        api.node.port(AccessResolver).forget()
        await fine.get("/odata/Jobs", folder=folder, expect=403)
        robot = (await api.get("/odata/Roles?$filter=Name eq 'Robot'"))["value"][0]["Id"]
        await api.post(f"/odata/Users({fine.user_id})/{ODATA}.AssignRoles", {"roleIds": [robot]})
        await fine.get("/odata/Jobs", folder=folder, expect=200)

    async def test_who_is_no_member_does_not_reach_it(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        await api.node.rows(TO_TENANT, api.tenant_id, folder["Id"])
        user = await api.as_role("Robot")
        await user.get("/odata/Jobs", folder=folder, expect=400)


class TestDisabledPermissions:
    async def test_nobody_has_them_not_even_the_administrator(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        await api
        node = api.node
        disabled = rules.disabled_permissions(["Audit", "Jobs.Create"])
        access = AccessResolver(node.db, InProcessDirectory(node.db), node.clock, disabled)
        reach = await access.reach(api.tenant_id, api.user_id)
        assert reach.permissions == rules.TENANT_PERMISSIONS - disabled
        assert reach.folders[folder["Id"]].permissions == rules.FOLDER_PERMISSIONS - disabled
        async with node.db.acquire() as db:
            assert not await access.users_with(db, api.tenant_id, folder["Id"], ["Jobs.Create"])
            assert not await access.users_with(db, api.tenant_id, folder["Id"], ["Jobs.View", "Audit.View"])
            assert await access.users_with(db, api.tenant_id, folder["Id"], ["Jobs.View"])

    async def test_a_node_does_not_start_with_a_name_that_is_no_permission(self, api: Any) -> None:
        await api
        wrong = replace(api.node.config, disabled_permissions=("Jobs.Fly",))
        with pytest.raises(ConfigError, match=r"PODIUM_DISABLED_PERMISSIONS: Jobs\.Fly"):
            async with compose(wrong, api.node.clock):
                pass


class TestGroups:
    async def test_a_group_brings_its_roles_to_who_is_in_it(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role()
        await group_with(api, user, folder=folder, roles=("Robot",))
        await user.get("/odata/Jobs", folder=folder, expect=200)  # a member without a role there: mixed roles count
        async with api.node.db.acquire() as db:
            access = api.node.port(AccessResolver)
            found = await access.users_with(db, api.tenant_id, folder["Id"], ["Jobs.View"])
        assert user.user_name in {one.user_name for one in found}

    async def test_a_group_that_is_not_active_brings_nothing(self, api: Any) -> None:
        user = await api.as_role()
        name = await group_with(api, user, roles=("Tenant Administrator",))
        await user.get("/odata/Users", expect=200)
        row = (await api.get(f"/odata/Users?$filter=UserName eq '{name}'"))["value"][0]
        await api.post(f"/odata/Users({row['Id']})/{ODATA}.SetActive", {"active": False})
        await user.get("/odata/Users", expect=403)

    async def test_a_robot_has_the_rights_of_its_user_and_of_his_groups(self, api: Any) -> None:
        user = await api.as_role()
        await group_with(api, user, roles=("Tenant Administrator",))
        access = api.node.port(AccessResolver)
        reach = await access.reach(api.tenant_id, user.user_id)  # what admission asks for a robot of that user
        assert "Users.View" in reach.permissions
