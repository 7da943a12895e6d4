"""External applications: registered, changed, given secrets, removed; and what that does to the tokens they hold."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from podium.identity.clients import actions as clients
from podium.identity.groups import actions as groups
from podium.identity.issuer import Issuer
from podium.identity.tokens import actions as tokens
from podium.kernel.secrets import hash_machine_secret
from podium.orchestrator.access import actions as access
from tests.conftest import Caller, Node

APPS = "/identity_/api/ExternalClient"
ZERO = "00000000-0000-4000-8000-00000000dead"
USER, APPLICATION, BOTH = 0, 1, 2
_NUMBERS = count(1)


def scope(name: str, use: int | str = APPLICATION) -> dict[str, Any]:
    return {"name": name, "displayName": None, "description": None, "type": use}


def wanted(*scopes: Any, **members: Any) -> dict[str, Any]:
    """A confidential application with a new name."""
    return {
        "partitionGlobalId": "00000000-0000-0000-0000-000000000000",
        "name": f"Ledger {next(_NUMBERS)}",
        "isConfidential": True,
        "redirectUri": None,
        "scopes": list(scopes) or [scope("OR.Jobs")],
    } | members


@pytest.fixture
def home(node: Node) -> str:
    """The list's address."""
    return f"{APPS}/{node.organization_id}"


async def ask(node: Node, app: dict[str, Any], secret: str | None = None, **more: str) -> Any:
    """The answer of the token endpoint."""
    form = {"grant_type": "client_credentials", "client_id": app["id"], "client_secret": secret or app["secret"]}
    return await node.http.post("/identity_/connect/token", data=form | more)


async def token_of(node: Node, app: dict[str, Any]) -> str:
    answer = await ask(node, app)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def opens(api: Caller, token: str) -> bool:
    """Whether a token is taken; 403 means that it is."""
    answer = await api.bearer(token).request("GET", "/identity_/api/ReferenceToken")
    assert answer.status in (401, 403)
    return answer.status == 403


async def trail(node: Node, client_id: str) -> list[tuple[str, str]]:
    rows = await node.rows(
        "SELECT action, component FROM kernel.audit WHERE organization_id = $1 AND entity_id = $2 ORDER BY id",
        node.organization_id,
        client_id,
    )
    return [(row["action"], row["component"]) for row in rows]


async def elsewhere(node: Node) -> tuple[UUID, str]:
    """Another organization and an application of it."""
    id_, _, _ = await node.make_organization("elsewhere")
    return id_, (await node.make_client(id_, ["OR.Jobs"])).client_id


class TestListResources:
    async def test_200_every_scope_in_three_widths_by_resource(self, pm: Caller) -> None:
        resources = await pm.get("/identity_/api/ExternalApiResource", expect=200)
        assert [one["name"] for one in resources] == ["UiPath.Orchestrator", "IdentityServerApi"]
        scopes = {each["name"]: each for one in resources for each in one["scopes"]}
        for family in ("OR.Jobs", "OR.Folders", "PM.User", "PM.OAuthApp"):
            assert {f"{family}{width}" for width in ("", ".Read", ".Write")} <= set(scopes)
        assert scopes["OR.Jobs"]["type"] == BOTH
        assert scopes["OR.Default"]["type"] == APPLICATION
        assert all(each["displayName"] and each["description"] for each in scopes.values())


class TestCreate:
    async def test_201_a_confidential_one_and_its_secret_opens_the_api(self, pm: Caller, node: Node) -> None:
        body = wanted(scope("OR.Folders"), scope("PM.User.Read"), partitionGlobalId=str(node.organization_id))
        made = await pm.post(APPS, body, expect=201)
        assert UUID(made["id"])
        assert (made["name"], made["isConfidential"], made["redirectUri"]) == (body["name"], True, None)
        assert [(one["name"], [each["name"] for each in one["scopes"]]) for one in made["resources"]] == [
            ("UiPath.Orchestrator", ["OR.Folders"]),
            ("IdentityServerApi", ["PM.User.Read"]),
        ]
        assert [(one["secret"], one["expiryTime"]) for one in made["secrets"]] == [(None, None)]
        answer = await ask(node, made)
        assert answer.json()["scope"] == "OR.Folders PM.User.Read"
        caller = pm.bearer(answer.json()["access_token"])
        await caller.get("/odata/Folders", expect=200)
        assert (await caller.request("GET", f"{APPS}/{node.organization_id}")).status == 403

    async def test_201_a_public_one_has_no_secret(self, pm: Caller) -> None:
        body = wanted(
            scope("OR.Jobs", USER),
            isConfidential=False,
            redirectUri=" https://a.test/in , com.acme.ledger:/in,https://a.test/in",
            postLogoutRedirectUris=["https://a.test/out"],
            requireConsent=True,
        )
        made = await pm.post(APPS, body, expect=201)
        assert (made["secret"], made["secrets"], made["isConfidential"]) == (None, [], False)
        assert made["redirectUri"] == "https://a.test/in,com.acme.ledger:/in"
        assert (made["postLogoutRedirectUris"], made["requireConsent"]) == (["https://a.test/out"], True)
        assert made["resources"][0]["scopes"][0]["type"] == USER

    @pytest.mark.parametrize("use", ["userAndApplication", "UserAndApplication", 2])
    async def test_201_a_scope_for_both_uses(self, pm: Caller, use: Any) -> None:
        body = wanted(scope("OR.Jobs", use), redirectUri="https://a.test/in")
        made = await pm.post(APPS, body, expect=201)
        assert made["resources"][0]["scopes"][0]["type"] == BOTH

    async def test_201_leaves_one_audit_row_without_the_secret(self, pm: Caller, node: Node) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        assert await trail(node, made["id"]) == [("Create", "ExternalClient")]
        rows = await node.rows("SELECT a::text AS said FROM kernel.audit a WHERE entity_id = $1", made["id"])
        assert made["secret"] not in rows[0]["said"]

    async def test_201_the_secret_is_kept_as_its_hash(self, pm: Caller, node: Node) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        rows = await node.rows(
            "SELECT s.secret_hash, s::text AS said FROM identity.client_secrets s WHERE owner_id = $1", UUID(made["id"])
        )
        assert rows[0]["secret_hash"] == hash_machine_secret(made["secret"])
        assert made["secret"] not in rows[0]["said"]

    @pytest.mark.parametrize(
        ("member", "change"),
        [
            ("Name", {"name": ""}),
            ("Name", {"name": None}),
            ("Name", {"name": "x" * 129}),
            ("Name", {"name": "two\nlines"}),
            ("isConfidential", {"isConfidential": None}),
            ("Scopes", {"scopes": None}),
            ("Scopes", {"scopes": [scope("OR.Nothing")]}),
            ("Scopes", {"scopes": [scope("openid", USER)]}),
            ("Scopes", {"scopes": [scope("OrchestratorApiUserAccess", USER)]}),
            ("Scopes", {"scopes": [{"type": APPLICATION}]}),
            ("Scopes", {"scopes": [scope("OR.Default", USER)], "redirectUri": "https://a.test"}),
            ("Scopes", {"isConfidential": False, "redirectUri": "https://a.test"}),
            ("RedirectUri", {"isConfidential": False, "scopes": [scope("OR.Jobs", USER)]}),
            ("RedirectUri", {"scopes": [scope("OR.Jobs", USER)]}),
            ("RedirectUri", {"redirectUri": "https://a.test/in#there"}),
            ("RedirectUri", {"redirectUri": "https://*.a.test/in"}),
            ("RedirectUri", {"redirectUri": "javascript:alert(1)"}),
            ("RedirectUri", {"redirectUri": "/in"}),
            ("RedirectUri", {"redirectUri": ",".join(f"https://a.test/{one}" for one in range(51))}),
            ("RedirectUri", {"redirectUri": f"https://a.test/{'x' * 2000}"}),
            ("PostLogoutRedirectUris", {"postLogoutRedirectUris": ["https://someone@a.test"]}),
        ],
    )
    async def test_400_names_the_member(self, pm: Caller, member: str, change: dict[str, Any]) -> None:
        answer = await pm.post(APPS, wanted() | change, expect=400)
        assert list(answer["errors"]) == [member], answer

    @pytest.mark.parametrize(
        "change", [{"scopes": "OR.Jobs"}, {"scopes": [scope("OR.Jobs", "everybody")]}, {"name": []}]
    )
    async def test_400_for_a_wrong_type(self, pm: Caller, change: dict[str, Any]) -> None:
        await pm.post(APPS, wanted() | change, expect=400)

    @pytest.mark.parametrize("member", ["name", "isConfidential", "scopes", "partitionGlobalId"])
    async def test_400_for_a_member_that_is_left_out(self, pm: Caller, member: str) -> None:
        body = wanted()
        del body[member]
        answer = await pm.post(APPS, body, expect=400)
        assert [key.lower() for key in answer["errors"]] == [member.lower()]

    async def test_403_for_another_organization(self, pm: Caller, node: Node) -> None:
        id_, _ = await elsewhere(node)
        await pm.post(APPS, wanted(partitionGlobalId=str(id_)), expect=403)

    async def test_403_for_an_application_that_wants_more_than_it_has(self, pm: Caller, node: Node) -> None:
        caller = pm.bearer(await node.application_token(["PM.OAuthApp", "OR.Jobs.Read"]))
        for more in (scope("OR.Jobs"), scope("PM.User"), scope("OR.Default")):
            await caller.post(APPS, wanted(more), expect=403)
        made = await caller.post(APPS, wanted(scope("OR.Jobs.Read"), scope("PM.OAuthApp.Write")), expect=201)
        assert await trail(node, made["id"]) == [("Create", "ExternalClient")]

    async def test_409_for_a_name_in_use_whatever_its_case(self, pm: Caller) -> None:
        body = wanted()
        await pm.post(APPS, body, expect=201)
        await pm.post(APPS, body | {"name": f" {body['name'].upper()} "}, expect=409)

    async def test_409_for_all_but_one_of_many_at_once(self, pm: Caller) -> None:
        body = wanted()
        answers = await asyncio.gather(*(pm.request("POST", APPS, body) for _ in range(6)))
        assert sorted(one.status for one in answers) == [201, 409, 409, 409, 409, 409]


class TestListClients:
    async def test_200_by_name_without_machines_and_what_is_built_in(self, pm: Caller, node: Node, home: str) -> None:
        names = [f"zz {next(_NUMBERS)}", f"AA {next(_NUMBERS)}"]
        for name in names:
            await pm.post(APPS, wanted(name=name), expect=201)
        async with node.db.transaction() as connection:
            await clients.register_machine_client(
                connection, node.organization_id, str(uuid4()), bytes(32), "HOST", node.clock()
            )
            await clients.ensure_bootstrap_client(
                connection, node.organization_id, "the-operators", "secret", node.clock()
            )
        shown = [one["name"] for one in await pm.get(home, expect=200)]
        assert [one for one in shown if one in names] == sorted(names)
        assert shown == sorted(shown, key=str.casefold)
        assert not {"HOST", "Bootstrap", "UiPath tools"} & set(shown)

    async def test_200_without_the_secrets(self, pm: Caller, home: str) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        shown = next(one for one in await pm.get(home, expect=200) if one["id"] == made["id"])
        assert shown == made | {"secret": None}

    async def test_200_only_those_of_the_organization(self, pm: Caller, node: Node, home: str) -> None:
        _, foreign = await elsewhere(node)
        assert foreign not in [one["id"] for one in await pm.get(home, expect=200)]


class TestGetClient:
    async def test_200_as_it_was_made_but_for_the_secret(self, pm: Caller, home: str) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        assert await pm.get(f"{home}/{made['id'].upper()}", expect=200) == made | {"secret": None}

    async def test_400_for_an_id_that_is_no_guid(self, pm: Caller, home: str) -> None:
        answer = await pm.get(f"{home}/ledger", expect=400)
        assert answer["errors"] == {"clientId": ["The value 'ledger' is not valid."]}

    async def test_404_for_what_is_not_there_or_not_an_application_of_the_organization(
        self, pm: Caller, node: Node, home: str
    ) -> None:
        machine = str(uuid4())
        async with node.db.transaction() as connection:
            await clients.register_machine_client(
                connection, node.organization_id, machine, bytes(32), "HOST", node.clock()
            )
        _, foreign = await elsewhere(node)
        for client_id in (ZERO, machine, foreign, "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"):
            for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
                assert (await pm.request(method, f"{home}/{client_id}", body)).status == 404
            assert (await pm.request("GET", f"{home}/{client_id}/GenerateSecret")).status == 404
            assert (await pm.request("POST", f"{APPS}/GenerateSecret", {"clientId": client_id})).status == 404


class TestUpdateClient:
    async def test_200_empty_and_the_scopes_are_replaced_as_a_whole(self, pm: Caller, node: Node, home: str) -> None:
        made = await pm.post(APPS, wanted(scope("OR.Jobs"), scope("OR.Assets")), expect=201)
        name = f"Renamed {next(_NUMBERS)}"
        body = {"name": name, "redirectUri": "https://a.test/in", "scopes": [scope("OR.Queues", BOTH)]}
        answer = await pm.request("PUT", f"{home}/{made['id']}", body)
        assert (answer.status, answer.content) == (200, b"")
        shown = await pm.get(f"{home}/{made['id']}", expect=200)
        assert (shown["name"], shown["redirectUri"]) == (name, "https://a.test/in")
        assert [(one["name"], one["type"]) for one in shown["resources"][0]["scopes"]] == [("OR.Queues", BOTH)]
        assert await trail(node, made["id"]) == [("Create", "ExternalClient"), ("Update", "ExternalClient")]

    async def test_200_what_is_left_out_stays(self, pm: Caller, home: str) -> None:
        body = wanted(scope("OR.Jobs", BOTH), redirectUri="https://a.test/in", requireConsent=True)
        made = await pm.post(APPS, body | {"postLogoutRedirectUris": ["https://a.test/out"]}, expect=201)
        await pm.put(f"{home}/{made['id']}", {}, expect=200)
        assert await pm.get(f"{home}/{made['id']}", expect=200) == made | {"secret": None}

    async def test_200_its_own_name_is_not_in_use_by_another(self, pm: Caller, home: str) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        await pm.put(f"{home}/{made['id']}", {"name": made["name"].upper()}, expect=200)

    async def test_200_a_scope_that_goes_ends_what_was_given(
        self, pm: Caller, api: Caller, node: Node, home: str
    ) -> None:
        made = await pm.post(APPS, wanted(scope("OR.Jobs"), scope("OR.Assets")), expect=201)
        token, family = await token_of(node, made), await self.family(node, made["id"])
        await pm.put(f"{home}/{made['id']}", {"name": f"Renamed {next(_NUMBERS)}"}, expect=200)
        assert await opens(api, token), "a new name ends nothing"
        await pm.put(f"{home}/{made['id']}", {"scopes": [scope("OR.Jobs")]}, expect=200)
        assert not await opens(api, token)
        assert await self.is_ended(node, family)
        assert (await ask(node, made, scope="OR.Assets")).json()["error"] == "invalid_scope"
        node.clock.forward(seconds=2)
        assert await opens(api, await token_of(node, made))

    async def test_200_an_address_that_goes_ends_what_was_given(self, pm: Caller, node: Node, home: str) -> None:
        body = wanted(scope("OR.Jobs", USER), redirectUri="https://a.test/in,https://b.test/in")
        made = await pm.post(APPS, body, expect=201)
        family = await self.family(node, made["id"])
        await pm.put(f"{home}/{made['id']}", {"redirectUri": "https://b.test/in"}, expect=200)
        assert await self.is_ended(node, family)

    @pytest.mark.parametrize(
        ("member", "change"),
        [
            ("Name", {"name": "  "}),
            ("Scopes", {"scopes": [scope("OR.Nothing")]}),
            ("RedirectUri", {"redirectUri": None}),
            ("RedirectUri", {"redirectUri": "https://a.test/in#there"}),
        ],
    )
    async def test_400_names_the_member_and_nothing_changes(
        self, pm: Caller, home: str, member: str, change: dict[str, Any]
    ) -> None:
        made = await pm.post(APPS, wanted(scope("OR.Jobs", USER), redirectUri="https://a.test/in"), expect=201)
        answer = await pm.put(f"{home}/{made['id']}", {"requireConsent": True} | change, expect=400)
        assert list(answer["errors"]) == [member]
        assert await pm.get(f"{home}/{made['id']}", expect=200) == made | {"secret": None}

    async def test_400_a_public_one_cannot_get_application_scopes(self, pm: Caller, home: str) -> None:
        body = wanted(scope("OR.Jobs", USER), redirectUri="https://a.test/in", isConfidential=False)
        made = await pm.post(APPS, body, expect=201)
        await pm.put(f"{home}/{made['id']}", {"scopes": [scope("OR.Jobs", BOTH)]}, expect=400)

    async def test_403_for_an_application_that_has_not_all_its_scopes(self, pm: Caller, node: Node, home: str) -> None:
        made = await pm.post(APPS, wanted(scope("OR.Jobs"), scope("PM.User")), expect=201)
        caller = pm.bearer(await node.application_token(["PM.OAuthApp", "OR.Jobs"]))
        for body in ({"name": "Mine"}, {"scopes": [scope("OR.Jobs")]}, {"scopes": [scope("OR.Assets")]}):
            await caller.put(f"{home}/{made['id']}", body, expect=403)

    async def test_409_for_a_name_in_use(self, pm: Caller, home: str) -> None:
        first, second = [await pm.post(APPS, wanted(), expect=201) for _ in range(2)]
        await pm.put(f"{home}/{first['id']}", {"name": second["name"].upper()}, expect=409)

    async def family(self, node: Node, client_id: str) -> UUID:
        """A sign-in of a user through the application that may be renewed."""
        async with node.db.transaction() as connection:
            await tokens.start_family(
                connection, node.organization_id, client_id, node.admin, ["OR.Jobs"], node.clock()
            )
        rows = await node.rows("SELECT id FROM identity.refresh_families WHERE client_id = $1", client_id)
        return UUID(str(rows[0]["id"]))

    async def is_ended(self, node: Node, family: UUID) -> bool:
        rows = await node.rows("SELECT revoked_at FROM identity.refresh_families WHERE id = $1", family)
        return rows[0]["revoked_at"] is not None


class TestDeleteClient:
    async def test_204_and_everything_that_it_held_ends(self, pm: Caller, api: Caller, node: Node, home: str) -> None:
        made = await pm.post(APPS, wanted(scope("OR.Folders")), expect=201)
        token, family = await token_of(node, made), await TestUpdateClient().family(node, made["id"])
        await api.bearer(token).get("/odata/Folders", expect=200)
        async with node.db.transaction() as connection:
            group = await groups.administrators_group(connection, node.organization_id)
            await groups.join(connection, node.organization_id, UUID(made["id"]), [group], node.clock())
            await access.make_user(connection, api.tenant_id, UUID(made["id"]), made["name"], "", node.clock())
        answer = await pm.request("DELETE", f"{home}/{made['id']}")
        assert (answer.status, answer.content) == (204, b"")
        assert (await api.bearer(token).request("GET", "/odata/Folders")).status == 401
        assert not await opens(api, token)
        assert await TestUpdateClient().is_ended(node, family)
        assert (await ask(node, made)).json()["error"] == "invalid_client"
        assert not await node.rows("SELECT FROM identity.group_members WHERE member_id = $1", UUID(made["id"]))
        assert not await node.rows("SELECT FROM orchestrator.users WHERE directory_id = $1", UUID(made["id"]))
        assert not await node.rows("SELECT FROM identity.client_secrets WHERE owner_id = $1", UUID(made["id"]))
        await pm.get(f"{home}/{made['id']}", expect=404)
        await pm.delete(f"{home}/{made['id']}", expect=404)
        assert (await trail(node, made["id"]))[-1] == ("Delete", "ExternalClient")

    async def test_204_a_token_given_by_a_node_that_did_not_know_yet_ends_too(
        self, pm: Caller, api: Caller, node: Node, home: str
    ) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        stale = await node.port(Issuer).clients.find(made["id"], node.clock())
        await pm.delete(f"{home}/{made['id']}", expect=204)
        assert stale is not None
        node.clock.forward(seconds=4)
        assert not await opens(api, node.port(Issuer).issue_application_token(stale, ["OR.Jobs"], node.clock()))

    async def test_404_leaves_another_organization_s_application(self, pm: Caller, node: Node, home: str) -> None:
        _, foreign = await elsewhere(node)
        await pm.delete(f"{home}/{foreign}", expect=404)
        assert await node.rows("SELECT FROM identity.clients WHERE client_id = $1", foreign)


class TestGenerateSecret:
    async def test_200_a_further_secret_that_works_beside_the_first(self, pm: Caller, node: Node, home: str) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        end = node.clock().replace(year=2030)
        body = {"clientId": made["id"], "description": "build", "expiryTime": end.isoformat()}
        answer = await pm.post(f"{APPS}/GenerateSecret", body, expect=200)
        assert (answer["description"], answer["expiryTime"][:4]) == ("build", "2030")
        for secret in (made["secret"], answer["secret"]):
            assert (await ask(node, made, secret)).status_code == 200
        shown = await pm.get(f"{home}/{made['id']}", expect=200)
        assert [(one["description"], one["secret"]) for one in shown["secrets"]] == [(None, None), ("build", None)]
        assert (await trail(node, made["id"]))[-1] == ("SecretGenerate", "ExternalClient")
        rows = await node.rows("SELECT a::text AS said FROM kernel.audit a WHERE entity_id = $1", made["id"])
        assert not any(answer["secret"] in row["said"] for row in rows)

    async def test_200_and_the_secret_fails_after_its_end(self, pm: Caller, node: Node) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        end = node.clock.now.timestamp() + 7200
        expiry = node.clock.now.fromtimestamp(end, node.clock.now.tzinfo).isoformat()
        body = {"clientId": made["id"], "expiryTime": expiry}
        secret = (await pm.post(f"{APPS}/GenerateSecret", body, expect=200))["secret"]
        node.clock.forward(minutes=119)
        assert (await ask(node, made, secret)).status_code == 200
        node.clock.forward(minutes=1)
        assert (await ask(node, made, secret)).json()["error"] == "invalid_client"
        assert (await ask(node, made)).status_code == 200

    async def test_200_the_older_way_is_a_get_that_writes(self, pm: Caller, node: Node, home: str) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        answer = await pm.request("GET", f"{home}/{made['id']}/GenerateSecret")
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        assert (await ask(node, made, answer.json)).status_code == 200
        assert await trail(node, made["id"]) == [("Create", "ExternalClient"), ("SecretGenerate", "ExternalClient")]

    @pytest.mark.parametrize(
        ("member", "change"),
        [
            ("ClientId", {"clientId": None}),
            ("clientId", {"clientId": "ledger"}),
            ("ExpiryTime", {"expiryTime": "2020-01-01T00:00:00Z"}),
            ("Description", {"description": "x" * 257}),
        ],
    )
    async def test_400_names_the_member(self, pm: Caller, member: str, change: dict[str, Any]) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        answer = await pm.post(f"{APPS}/GenerateSecret", {"clientId": made["id"]} | change, expect=400)
        assert list(answer["errors"]) == [member]

    async def test_400_a_public_one_has_none(self, pm: Caller, home: str) -> None:
        body = wanted(scope("OR.Jobs", USER), redirectUri="https://a.test/in", isConfidential=False)
        made = await pm.post(APPS, body, expect=201)
        await pm.post(f"{APPS}/GenerateSecret", {"clientId": made["id"]}, expect=400)
        await pm.get(f"{home}/{made['id']}/GenerateSecret", expect=400)

    async def test_400_past_twenty(self, pm: Caller, home: str) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        for _ in range(19):
            await pm.get(f"{home}/{made['id']}/GenerateSecret", expect=200)
        await pm.get(f"{home}/{made['id']}/GenerateSecret", expect=400)

    async def test_403_for_an_application_that_would_become_the_other(self, pm: Caller, node: Node, home: str) -> None:
        made = await pm.post(APPS, wanted(scope("PM.User")), expect=201)
        caller = pm.bearer(await node.application_token(["PM.OAuthApp", "PM.User.Read"]))
        await caller.post(f"{APPS}/GenerateSecret", {"clientId": made["id"]}, expect=403)
        await caller.get(f"{home}/{made['id']}/GenerateSecret", expect=403)

    async def test_403_for_another_organization(self, pm: Caller, node: Node) -> None:
        id_, foreign = await elsewhere(node)
        body = {"clientId": foreign, "partitionGlobalId": str(id_)}
        await pm.post(f"{APPS}/GenerateSecret", body, expect=403)


class TestDeleteSecret:
    async def test_204_the_secret_and_the_tokens_end_and_the_other_secret_goes_on(
        self, pm: Caller, api: Caller, node: Node, home: str
    ) -> None:
        made = await pm.post(APPS, wanted(), expect=201)
        other = await pm.post(f"{APPS}/GenerateSecret", {"clientId": made["id"]}, expect=200)
        token, first = await token_of(node, made), made["secrets"][0]["id"]
        answer = await pm.request("DELETE", f"{home}/secrets/{first}")
        assert (answer.status, answer.content) == (204, b"")
        assert (await ask(node, made)).json()["error"] == "invalid_client"
        assert not await opens(api, token)
        node.clock.forward(seconds=2)
        renewed = (await ask(node, made, other["secret"])).json()["access_token"]
        assert await opens(api, renewed)
        assert (await trail(node, made["id"]))[-1] == ("SecretDelete", "ExternalClient")
        await pm.delete(f"{home}/secrets/{first}", expect=404)

    @pytest.mark.parametrize("text", ["one", "-1", "1.5", "9" * 30])
    async def test_400_for_an_id_that_is_no_number(self, pm: Caller, home: str, text: str) -> None:
        answer = await pm.delete(f"{home}/secrets/{text}", expect=400)
        assert list(answer["errors"]) == ["secretId"]

    async def test_404_for_secrets_of_machines_and_of_others(self, pm: Caller, node: Node, home: str) -> None:
        id_, foreign = await elsewhere(node)
        key = str(uuid4())
        async with node.db.transaction() as connection:
            await clients.register_machine_client(
                connection, node.organization_id, key, bytes(32), "HOST", node.clock()
            )
            await clients.add_machine_secret(connection, id_, foreign, bytes(32), node.clock())
        rows = await node.rows(
            "SELECT s.id FROM identity.client_secrets s JOIN identity.clients c ON c.id = s.owner_id"
            " WHERE c.client_id = ANY($1)",
            [key, foreign],
        )
        assert len(rows) == 2
        for row in rows:
            await pm.delete(f"{home}/secrets/{row['id']}", expect=404)
        await pm.delete(f"{home}/secrets/{2**63 - 1}", expect=404)


class TestOtherKindsOfClients:
    @pytest.mark.parametrize("path", ["GlobalExternalClient/all", f"ProtectedExternalClient/{ZERO}", "Client"])
    async def test_501_until_somebody_builds_them(self, pm: Caller, path: str) -> None:
        answer = await pm.get(f"/identity_/api/{path}", expect=501)
        assert msgspec.json.encode(answer)
