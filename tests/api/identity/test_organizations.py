"""The caller's organization and its tenants."""

from __future__ import annotations

from typing import Any

import pytest

from podium.orchestrator.access.resolver import AccessResolver
from tests.conftest import Caller, Node

INFO = "/portal_/api/filtering/leftnav/tenantsAndOrganizationInfo"
ORGS = "/identity_/api/UserOrgs/userOrgs"


class TestTenantsAndOrganizationInfo:
    async def test_200_for_any_token_of_the_organization(self, api: Caller, node: Node) -> None:
        await api
        (tenant,) = await node.rows("SELECT key FROM orchestrator.tenants WHERE id = $1", api.tenant_id)
        application = api.bearer(await node.application_token(["OR.Jobs"]))
        for caller in (api, api.as_role(), api.with_scopes("OR.Jobs"), application):
            for base in ("", f"/{node.organization_id}", "/default", "/default/portal_"):
                answer = await caller.get(f"{base}{INFO}", expect=200)
                assert answer["organization"] == {"id": str(node.organization_id), "name": "default"}
                assert {"name": api.tenant_name, "id": str(tenant["key"])} in answer["tenants"]
                names = [one["name"] for one in answer["tenants"]]
                assert names == sorted(names, key=str.casefold)

    async def test_200_without_tenants_that_are_closed_or_another_organization_s(self, api: Caller, node: Node) -> None:
        closed = await api.tenant("closed")
        await node.rows("UPDATE orchestrator.tenants SET is_active = false WHERE id = $1", closed.tenant_id)
        node.port(AccessResolver).forget()
        _, name, admin = await node.make_organization("elsewhere")
        assert closed.tenant_name not in [one["name"] for one in (await api.get(INFO))["tenants"]]
        headers = {"authorization": f"Bearer {node.token(admin, ['OR.Jobs'])}"}
        there = await node.http.get(INFO, headers=headers)
        assert there.json() == {"tenants": [], "organization": {"id": str(admin.organization_id), "name": name}}


class TestUserOrgs:
    async def test_200_the_one_organization_of_the_caller(self, pm: Caller, node: Node) -> None:
        own = {
            "name": "default",
            "url": f"{node.config.public_url}/default",
            "globalId": str(node.organization_id),
            "friendlyName": "default",
            "externalIdentityProviders": [],
            "invitationAccepted": True,
        }
        user = pm.as_role().with_scopes("PM.User.Read")
        application = pm.bearer(await node.application_token(["PM.User"]))
        for caller in (pm, user, application):
            assert await caller.get(ORGS, expect=200) == [own]

    async def test_200_nothing_of_other_people(self, pm: Caller) -> None:
        own = await pm.get(ORGS, params={"email": "ADMIN"}, expect=200)
        assert len(own) == 1
        for other in ("somebody@acme.test", "%", "admin "[:4]):
            assert await pm.get(ORGS, params={"email": other}, expect=200) == []

    async def test_200_an_invitation_that_waits_is_told_on_request(self, api: Caller, node: Node) -> None:
        user = await api.as_role().with_scopes("PM.User")
        assert user._user is not None
        await node.rows("UPDATE identity.users SET is_invitation_accepted = false WHERE id = $1", user._user.id)
        assert await user.get(ORGS, expect=200) == []
        (shown,) = await user.get(ORGS, params={"includeNonAcceptedInvites": "true"}, expect=200)
        assert shown["invitationAccepted"] is False

    async def test_400_for_a_flag_that_is_none(self, pm: Caller) -> None:
        answer = await pm.get(ORGS, params={"includeNonAcceptedInvites": "perhaps"}, expect=400)
        assert list(answer["errors"]) == ["includeNonAcceptedInvites"]

    @pytest.mark.parametrize("name", ["AADB2C", "AAD", "Auth0"])
    async def test_501_for_other_providers_tokens(self, pm: Caller, name: str) -> None:
        await pm.get(f"/identity_/api/UserOrgs/userOrgsLocalBy{name}Token", expect=501)


class TestGetPartition:
    async def test_200(self, pm: Caller, node: Node) -> None:
        answer = await pm.get(f"/identity_/api/Partition/{node.organization_id}", expect=200)
        assert answer | {"language": ""} == {
            "globalId": str(node.organization_id),
            "type": 1,
            "name": "default",
            "language": "",
            "allowedIdp": None,
            "status": 0,
        }


class TestUpdatePartition:
    async def test_200_the_language(self, pm: Caller, node: Node) -> None:
        path = f"/identity_/api/Partition/{node.organization_id}"
        body = {"name": "default", "language": "PT-BR", "allowedIdp": None, "isActive": True}
        assert await pm.put(path, body, expect=200) == {"succeeded": True, "errors": []}
        assert (await pm.get(path, expect=200))["language"] == "pt-br"
        await pm.put(path, {}, expect=200)
        assert (await pm.get(path, expect=200))["language"] == "pt-br"
        rows = await node.rows("SELECT component, action FROM kernel.audit WHERE operation LIKE 'Partition_Put%'")
        assert [tuple(row.values()) for row in rows] == [("Setting", "Update")] * 2

    @pytest.mark.parametrize("change", [{"name": "acme"}, {"isActive": False}, {"allowedIdp": "aad"}])
    async def test_400_what_is_the_operator_s(self, pm: Caller, node: Node, change: dict[str, Any]) -> None:
        path = f"/identity_/api/Partition/{node.organization_id}"
        before = await pm.get(path, expect=200)
        answer = await pm.put(path, {"language": "de"} | change, expect=400)
        assert answer["succeeded"] is False
        assert await pm.get(path, expect=200) == before

    async def test_400_for_an_unknown_language(self, pm: Caller, node: Node) -> None:
        answer = await pm.put(f"/identity_/api/Partition/{node.organization_id}", {"language": "xx"}, expect=400)
        assert list(answer["errors"]) == ["Language"]
