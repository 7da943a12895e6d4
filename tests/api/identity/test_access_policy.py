"""Who may sign in to an organization, and that it counts at every door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from podium.identity.users.rules import User
from tests.conftest import ADMIN_PASSWORD, Caller, Node

from .oidc.conftest import Browser, Party, register
from .pages.conftest import Visitor, new_http
from .people import PASSWORD, codes, make, read, sign_in, trail

LOCKED = "UPDATE identity.users SET failed_attempts = 0, must_change_password = false WHERE organization_id = $1"


@pytest.fixture
def p(node: Node) -> str:
    return str(node.organization_id)


@pytest.fixture
def path(p: str) -> str:
    return f"/identity_/api/PartitionAccessPolicy/{p}"


@pytest.fixture(autouse=True)
async def _open(node: Node) -> AsyncIterator[None]:
    yield
    await node.rows("DELETE FROM identity.access_policy")


@pytest.fixture
async def groups(pm: Caller, p: str) -> dict[str, str]:
    return {one["name"]: one["id"] for one in await pm.get(f"/identity_/api/Group/{p}")}


@pytest.fixture
async def person(pm: Caller, node: Node) -> User:
    """Somebody with a password that is not due."""
    id_ = await make(pm, password=PASSWORD, invitationAccepted=True)
    await node.rows(LOCKED, node.organization_id)
    return await node.user(id_)


def names(entities: list[Any]) -> list[str]:
    return [one["name"] for one in entities]


async def put(
    pm: Caller, path: str, kind: str, add: list[Any] | None = None, remove: list[Any] | None = None, expect: int = 200
) -> Any:
    body = {"entitiesToAdd": list(map(str, add or [])), "entitiesToRemove": list(map(str, remove or []))}
    return await pm.put(path, {**body, "entityType": kind}, expect=expect)


async def only(pm: Caller, path: str, groups: dict[str, str], *names_: str) -> Any:
    """Let in the members of these groups and nobody else."""
    return await put(pm, path, "group", [groups[name] for name in names_], [groups["Everyone"]])


class TestPolicy:
    async def test_everyone_may_as_long_as_nobody_says_otherwise(self, pm: Caller, path: str, p: str) -> None:
        (everyone,) = await pm.get(path)
        assert (everyone["name"], everyone["objectType"], everyone["source"]) == ("Everyone", "DirectoryGroup", "local")
        assert await pm.get(f"/portal_/api/identity/PartitionAccessPolicy/{p}") == [everyone]

    async def test_entities_come_and_go(self, pm: Caller, path: str, groups: dict[str, str], person: User) -> None:
        assert names(await put(pm, path, "user", [person.id])) == ["Everyone", person.user_name]
        assert names(await only(pm, path, groups, "Administrators")) == ["Administrators", person.user_name]
        assert names(await put(pm, path, "user", remove=[person.id])) == ["Administrators"]
        assert names(await put(pm, path, "group", [groups["Everyone"]], [groups["Administrators"]])) == ["Everyone"]
        assert names(await pm.get(path)) == ["Everyone"]

    async def test_a_change_is_written_down(self, pm: Caller, node: Node, path: str, groups: dict[str, str]) -> None:
        await only(pm, path, groups, "Administrators")
        (row, *_) = await trail(node, "PartitionAccessPolicy_PutByPartitionGlobalId")
        assert (row["component"], row["action"], row["entity_name"]) == ("Setting", "Update", "Access policy")
        assert groups["Administrators"] in row["detail"]

    async def test_only_entities_of_the_named_type_are_removed(
        self, pm: Caller, path: str, groups: dict[str, str]
    ) -> None:
        assert names(await put(pm, path, "user", remove=[groups["Everyone"]])) == ["Everyone"]

    async def test_400_when_nobody_is_left(self, pm: Caller, path: str, groups: dict[str, str]) -> None:
        refused = await put(pm, path, "group", remove=[groups["Everyone"]], expect=400)
        assert codes(refused) == ["NobodyLeft"]
        assert names(await pm.get(path)) == ["Everyone"]

    async def test_400_when_no_administrator_is_left(
        self, pm: Caller, path: str, groups: dict[str, str], person: User
    ) -> None:
        refused = await put(pm, path, "group", [groups["Automation Users"]], [groups["Everyone"]], expect=400)
        assert codes(refused) == ["LastAdministrator"]
        assert names(await pm.get(path)) == ["Everyone"]

    async def test_400_for_an_id_that_is_nobody_of_the_type(
        self, pm: Caller, path: str, groups: dict[str, str], person: User
    ) -> None:
        for kind, id_ in (("user", uuid4()), ("group", person.id), ("user", groups["Administrators"])):
            assert codes(await put(pm, path, kind, [id_], expect=400)) == ["EntityNotFound"]

    async def test_400_for_applications(self, pm: Caller, path: str) -> None:
        problem = await put(pm, path, "application", [], expect=400)
        assert list(problem["errors"]) == ["EntityType"]

    async def test_a_policy_whose_group_is_deleted_does_not_open(
        self, pm: Caller, node: Node, path: str, p: str, groups: dict[str, str], person: User
    ) -> None:
        made = await pm.post("/identity_/api/Group", {"partitionGlobalId": p, "name": f"Team {uuid4()}"}, expect=201)
        await put(pm, path, "user", [node.admin])
        await put(pm, path, "group", [made["id"]], [groups["Everyone"]])
        await put(pm, path, "user", remove=[uuid4()])
        await pm.delete(f"/identity_/api/Group/{p}/{made['id']}")
        assert names(await pm.get(path)) == ["admin"]
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 400


class TestSignIn:
    async def test_400_as_for_a_wrong_password(
        self, pm: Caller, node: Node, path: str, groups: dict[str, str], person: User
    ) -> None:
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 200
        await only(pm, path, groups, "Administrators")
        kept_out = await sign_in(node, person.user_name, PASSWORD)
        wrong = await sign_in(node, person.user_name, "not this one 7")
        assert (kept_out.status, kept_out.json["message"]) == (400, wrong.json["message"])
        assert (await sign_in(node, "admin", ADMIN_PASSWORD)).status == 200

    async def test_the_form_says_the_same_as_to_a_wrong_password(
        self, pm: Caller, node: Node, path: str, groups: dict[str, str], person: User
    ) -> None:
        await only(pm, path, groups, "Administrators")
        said = []
        async with new_http(node) as http:
            visitor = Visitor(http)
            for password in (PASSWORD, "not this one 7"):
                await visitor.open("/identity_/web/login")
                answer = await visitor.send(username=person.user_name, password=password)
                said.append((answer.status_code, "do not match an active account" in answer.text))
        assert said == [(400, True)] * 2

    async def test_a_member_of_a_group_and_a_named_user_come_in(
        self, pm: Caller, node: Node, path: str, p: str, groups: dict[str, str], person: User
    ) -> None:
        await only(pm, path, groups, "Administrators", "Automation Users")
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 400
        body = {"partitionGlobalId": p, "directoryUserIDsToAdd": [str(person.id)]}
        await pm.put(f"/identity_/api/Group/{groups['Automation Users']}", body)
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 200
        await put(pm, path, "group", remove=[groups["Automation Users"]])
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 400
        await put(pm, path, "user", [person.id])
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 200

    async def test_administrators_come_in_when_all_that_was_let_in_is_gone(
        self, pm: Caller, node: Node, path: str, p: str, groups: dict[str, str], person: User
    ) -> None:
        body = {"partitionGlobalId": p, "name": f"Team {uuid4()}", "directoryUserMemberIDs": [str(node.admin)]}
        made = await pm.post("/identity_/api/Group", body, expect=201)
        await put(pm, path, "group", [made["id"]], [groups["Everyone"]])
        assert (await sign_in(node, "admin", ADMIN_PASSWORD)).status == 200
        await pm.delete(f"/identity_/api/Group/{p}/{made['id']}")
        assert await pm.get(path) == []
        assert (await sign_in(node, "admin", ADMIN_PASSWORD)).status == 200
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 400

    async def test_another_organization_s_policy_is_its_own(
        self, pm: Caller, node: Node, path: str, groups: dict[str, str], person: User
    ) -> None:
        id_, _, _ = await node.make_organization("elsewhere")
        await node.rows(
            "INSERT INTO identity.access_policy (organization_id, entity_id, kind, added_at) VALUES ($1, $2, 'user', $3)",
            id_,
            uuid4(),
            node.clock(),
        )
        assert (await sign_in(node, person.user_name, PASSWORD)).status == 200


class TestWhatIsOpenAlready:
    """Sessions, refresh tokens and personal tokens of who is kept out from now on."""

    @pytest.fixture
    async def party(self, node: Node) -> Party:
        return await register(node)

    async def test_a_session_leads_to_the_sign_in_page(
        self, pm: Caller, node: Node, path: str, groups: dict[str, str], person: User, party: Party
    ) -> None:
        browser = Browser(node)
        await browser.sign_in(person)
        assert (await party.authorize(browser)).address == party.redirect_uri
        await only(pm, path, groups, "Administrators")
        assert (await party.authorize(browser)).page == "login"
        assert (await party.authorize(browser, prompt="none")).query["error"] == "login_required"

    async def test_a_code_and_a_refresh_token_give_nothing(
        self, pm: Caller, node: Node, path: str, groups: dict[str, str], person: User, party: Party
    ) -> None:
        browser = Browser(node)
        await browser.sign_in(person)
        code, tokens = await party.code(browser), await party.tokens(browser)
        await only(pm, path, groups, "Administrators")
        for answer in (await party.redeem(code), await party.refresh(tokens["refresh_token"])):
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    async def test_a_personal_token_does_not_hold(
        self, pm: Caller, api: Caller, node: Node, path: str, groups: dict[str, str], person: User
    ) -> None:
        own = api.bearer(node.token(person, ["IdentityServerApi", "OrchestratorApiUserAccess"]))
        body = {"description": "d", "expiration": node.clock().replace(year=2026, month=6).isoformat()}
        token = await own.post("/identity_/api/ReferenceToken", {**body, "scopes": ["PM.User"]}, expect=201)
        mine = f"/identity_/api/User/{person.id}"
        await api.bearer(token).get(mine, expect=200)
        await only(pm, path, groups, "Administrators")
        await api.bearer(token).get(mine, expect=401)

    async def test_applications_go_on(self, pm: Caller, node: Node, path: str, groups: dict[str, str]) -> None:
        await only(pm, path, groups, "Administrators")
        party = await register(node, secret="its secret", application_scopes=("OR.Jobs",), user_scopes=())
        answer = await party.post("/connect/token", {"grant_type": "client_credentials", "scope": "OR.Jobs"})
        assert answer.status_code == 200, answer.text


async def test_the_user_s_record_is_as_before(pm: Caller, path: str, groups: dict[str, str], person: User) -> None:
    before = await read(pm, UUID(str(person.id)))
    await only(pm, path, groups, "Administrators")
    assert await read(pm, UUID(str(person.id))) == before
