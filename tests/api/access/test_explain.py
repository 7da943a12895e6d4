"""Why a principal may do something somewhere, or may not."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Folder
from podium.kernel.permission import compile_gate
from tests.api.access.test_models import TO_TENANT, group_with
from tests.builders import ODATA

EXPLAIN = "/api/podium/Access/Explain"
CONTRACT = Contract.load(resource("contract"))
LISTS = [
    row
    for row in CONTRACT
    if row.method == "GET" and row.context == "orchestrator" and not row.path_params and "odata/" in row.path
    and not any(param.required for param in row.query_params)
]  # fmt: skip


def steps(found: dict[str, Any]) -> dict[str, tuple[bool | None, str]]:
    return {each["step"]: (each["passed"], each["detail"]) for each in found["steps"]}


async def ask(api: Any, expect: int | None = 200, **params: Any) -> Any:
    return await api.get(EXPLAIN, params=params, expect=expect)


class TestExplain:
    async def test_200_a_role_in_the_folder(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role("Automation User", folder=folder)
        found = await ask(api, principal=user.user_name, permission="Jobs.Create", folder=folder["Id"])
        assert found["allowed"] is True
        assert found["principal"]["id"] == user.user_id
        assert found["folder"] == {"id": folder["Id"], "key": folder["Key"], "path": "Finance"}
        assert found["grants"] == [
            {
                "permission": "Jobs.Create",
                "source": "folderRole",
                "role": "Automation User",
                "heldBy": user.user_name,
                "byGroup": False,
                "folderPath": "Finance",
            }
        ]
        assert found["missing"] == []
        assert found["whoMay"] == []

    async def test_200_what_is_missing_and_who_may(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role("Automation User", folder=folder)
        found = await ask(api, principal=user.user_id, permission="Queues.Delete", folder="Finance")
        assert (found["allowed"], found["missing"]) == (False, ["Queues.Delete"])
        assert found["reason"] == f"{user.user_name} lacks Queues.Delete; needed is Queues.Delete."
        assert found["whoMay"] == ["admin"]

    async def test_200_inherited_and_by_a_group(self, api: Any, given: Any) -> None:
        top = await given.folder("Top")
        below = await given.folder("Below", top)
        user = await api.as_role()
        crew = await group_with(api, user, folder=top)
        found = await ask(api, principal=str(user._user.id), permission="Jobs.View", folder=below["Key"])
        assert found["allowed"] is False
        assert steps(found)["folder"] == (
            True,
            f"Top/Below: member by the group {crew}, inherited from Top, without a role; mixed tenant roles count.",
        )
        rows = await api.get(f"/odata/Users?$filter=UserName eq '{crew}'")
        role = await api.get("/odata/Roles?$filter=Name eq 'Automation User'")
        member = {"FolderId": top["Id"], "RoleIds": [role["value"][0]["Id"]]}
        body = {"assignments": {"UserIds": [rows["value"][0]["Id"]], "RolesPerFolder": [member]}}
        await api.post(f"/odata/Folders/{ODATA}.AssignUsers", body)
        found = await ask(api, principal=user.user_name, permission="Jobs.View", folder="Top/Below")
        assert found["allowed"] is True
        (grant,) = found["grants"]
        assert (grant["heldBy"], grant["byGroup"], grant["folderPath"]) == (crew, True, "Top")

    async def test_200_the_administrator_and_a_folder_of_the_tenants_model(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        found = await ask(api, permission="Jobs.View", folder="Finance")
        assert "Administrator reaches" in steps(found)["folder"][1]
        assert [grant["role"] for grant in found["grants"] if grant["source"] == "tenantRole"] == ["Administrator"]
        user = await api.as_role("Automation User", folder=folder)
        await api.node.rows(TO_TENANT, api.tenant_id, folder["Id"])
        await api.delete(f"/odata/Users({(await api.as_role()).user_id})")  # anything that makes the node forget
        found = await ask(api, principal=user.user_name, permission="Jobs.View", folder="Finance")
        assert found["allowed"] is False
        assert "mixed tenant roles" in steps(found)["folder"][1]

    async def test_200_who_is_not_assigned_or_not_active(self, api: Any, given: Any) -> None:
        await given.folder("Finance")
        user = await api.as_role("Tenant Administrator")
        found = await ask(api, principal=user.user_name, permission="Jobs.View", folder="Finance")
        assert (found["allowed"], steps(found)["folder"][0]) == (False, False)
        assert "not assigned" in found["reason"]
        await api.post(f"/odata/Users({user.user_id})/{ODATA}.SetActive", {"active": False})
        found = await ask(api, principal=user.user_name, permission="Users.View")
        assert found["reason"] == f"{user.user_name} is not active in the tenant."

    async def test_200_of_an_operation_with_its_scopes(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        user = await api.as_role("Automation User", folder=folder)
        found = await ask(user, operationId="Jobs_StartJobs", folder="Finance")
        assert found["allowed"] is True
        narrow = user.with_scopes("OR.Users", "OR.Jobs.Read")
        found = await ask(narrow, operationId="Jobs_StartJobs", folder="Finance")
        assert (found["allowed"], steps(found)["scope"][0]) == (False, False)
        assert "OR.Jobs" in found["reason"]
        found = await ask(api, principal=user.user_name, operationId="Jobs_StartJobs", folder="Finance")
        assert steps(found)["scope"][0] is None

    async def test_200_of_an_application_what_its_scopes_grant(self, api: Any) -> None:
        await api
        token = await api.node.application_token(["OR.Users", "OR.Jobs"])
        found = await ask(api.bearer(token), permission="Users.Edit")
        assert found["allowed"] is True
        assert [grant["source"] for grant in found["grants"]] == ["scope"]
        assert (await ask(api.bearer(token), permission="Machines.Edit"))["allowed"] is False

    async def test_403_about_others_without_the_right_whether_they_exist_or_not(self, api: Any) -> None:
        other = await api.as_role()
        user = api.as_role()
        for name in (other.user_name, str(other.user_id), str(other._user.id), "nobody", str(uuid4())):
            await ask(user, 403, principal=name, permission="Jobs.View")

    async def test_200_a_folder_that_the_caller_does_not_see_is_as_if_there_were_none(
        self, api: Any, given: Any
    ) -> None:
        folder = await given.folder("Secret")
        user = api.as_role()
        seen = [await ask(user, permission="Jobs.View", folder=name) for name in (folder["Id"], "Secret", "Nothing")]
        assert seen[0] == seen[1] == seen[2]
        assert (seen[0]["allowed"], seen[0]["folder"]) == (False, None)

    async def test_400_and_404_for_what_cannot_be_asked(self, api: Any) -> None:
        await ask(api, 400)
        await ask(api, 400, permission="Jobs.View", operationId="Jobs_Get")
        await ask(api, 400, permission="Jobs.Fly")
        await ask(api, 404, operationId="Jobs_Fly")
        await ask(api, 400, operationId="Users_GetByUserId" if _has("Users_GetByUserId") else "Robots_NextCommands")
        await ask(api, 404, permission="Jobs.View", principal="nobody")
        other = await api.as_role()
        await ask(api, 404, permission="Jobs.View", principal=other.user_name, folder="Nothing")


def _has(operation_id: str) -> bool:
    return any(row.id == operation_id for row in CONTRACT)


@pytest.mark.parametrize("roles", [(), ("Automation User",), ("Folder Administrator",)])
async def test_it_says_what_admission_does(api: Any, given: Any, roles: tuple[str, ...]) -> None:
    folder = await given.folder("Finance")
    user = await api.as_role(*roles, folder=folder)
    asked = 0
    for row in LISTS:
        gate = compile_gate(row.permissions)
        if gate.robot or gate.host_only or gate.anonymous or gate.conditional:
            continue
        place = None if row.folder is Folder.NONE else folder["Id"]
        answer = await user.request("GET", row.path, folder=place)
        params = {"operationId": row.id} | ({"folder": place} if place else {})
        found = await ask(user, **params)
        if answer.status == 403 or answer.status < 300:
            assert found["allowed"] is (answer.status != 403), (row.id, found["reason"])
            asked += 1
    assert asked > 15
