"""Looking principals up by name and by id."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Caller, Node

API = "/identity_/api/Directory"
NOBODY = "00000000-0000-4000-8000-00000000dead"
NUMBERS = count(1)
MEMBERS = {"source", "identifier", "identityName", "displayName", "email", "domain", "type", "objectType"}


@pytest.fixture
def p(node: Node) -> str:
    return str(node.organization_id)


class World:
    """One principal of each kind, their names beginning with the same letters."""

    def __init__(self) -> None:
        self.prefix = f"zeta{next(NUMBERS)}x"
        self.ids: dict[str, str] = {}


@pytest.fixture
async def world(pm: Caller, node: Node, p: str) -> World:
    made = World()
    user = uuid4()
    await node.rows(
        "INSERT INTO identity.users (organization_id, id, user_name, user_name_key, email, email_key, first_name,"
        " last_name, attributes, created_at) VALUES ($1, $2, $3, $3, $4, $4, 'Zoe', 'Kessler', $5, now())",
        node.organization_id,
        user,
        f"{made.prefix}.user",
        f"mail.{made.prefix}@acme.test",
        '{"city": "Ulm", "badge": "7"}',
    )
    made.ids["user"] = str(user)
    robot = await pm.post("/identity_/api/RobotAccount", {"name": f"{made.prefix}.robot"}, expect=201)
    group = await pm.post(
        "/identity_/api/Group", {"name": f"{made.prefix}.group", "directoryUserMemberIDs": [str(user)]}, expect=201
    )
    program = await node.make_client(node.organization_id, ["OR.Jobs"], name=f"{made.prefix}.program")
    made.ids |= {"robot": robot["id"], "group": group["id"], "program": str(program.id)}
    return made


def names(found: Any) -> list[str]:
    return [each["identityName"].rpartition(".")[2] for each in found]


class TestSearch:
    async def test_200_everything_by_its_name(self, pm: Caller, world: World, p: str) -> None:
        found = await pm.get(f"{API}/Search/{p}", params={"startsWith": world.prefix.upper(), "$count": "false"})
        assert names(found) == ["group", "program", "robot", "user"]
        assert [each["type"] for each in found] == [1, 2, 0, 0]
        assert [each["objectType"] for each in found] == [
            "DirectoryGroup", "DirectoryApplication", "DirectoryRobotUser", "DirectoryUser",
        ]  # fmt: skip
        assert all(set(each) == MEMBERS for each in found)
        assert found[3]["identifier"] == world.ids["user"]
        assert found[3]["displayName"] == "Zoe Kessler"

    async def test_200_a_user_by_the_e_mail_or_the_shown_name(self, pm: Caller, world: World, p: str) -> None:
        found = await pm.get(f"{API}/Search/{p}", params={"startsWith": f"mail.{world.prefix}"})
        assert names(found) == ["user"]
        found = await pm.get(f"{API}/Search/{p}", params={"startsWith": "zoe k"})
        assert world.ids["user"] in {each["identifier"] for each in found}

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("entityType=user", ["robot", "user"]),
            ("entityType=1", ["group"]),
            ("entityType=Application", ["program"]),
            ("sourceFilter=localUsers&sourceFilter=robotAccounts", ["robot", "user"]),
            ("sourceFilter=localUsers,localGroups", ["group", "user"]),
            ("sourceFilter=directoryUsers&sourceFilter=directoryGroups", []),
            ("sourceFilter=5", ["program"]),
            ("entityType=user&sourceFilter=localUsers", ["user"]),
            ("entityType=group&sourceFilter=localUsers", []),
            ("entityType=&sourceFilter=&scope=", ["group", "program", "robot", "user"]),
            ("scope=LOCAL", ["group", "program", "robot", "user"]),
            ("scope=corp.example", []),
        ],
    )
    async def test_200_of_the_wanted_kinds(
        self, pm: Caller, world: World, p: str, query: str, expected: list[str]
    ) -> None:
        assert names(await pm.get(f"{API}/Search/{p}?startsWith={world.prefix}&{query}")) == expected

    async def test_200_a_blank_start_gives_the_first_hundred(self, pm: Caller, node: Node, p: str) -> None:
        await node.rows(
            "INSERT INTO identity.groups (organization_id, id, name, name_key, created_at)"
            " SELECT $1, gen_random_uuid(), 'many ' || n, 'many ' || n, now() FROM generate_series(1, 110) AS n",
            node.organization_id,
        )
        try:
            assert len(await pm.get(f"{API}/Search/{p}")) == 100
        finally:
            await node.rows("DELETE FROM identity.groups WHERE name LIKE 'many %'")

    async def test_200_percent_and_underscore_mean_themselves(self, pm: Caller, world: World, p: str) -> None:
        for text in (world.prefix[:-1] + "_", world.prefix + "%"):
            assert await pm.get(f"{API}/Search/{p}", params={"startsWith": text}) == []

    async def test_400_an_unknown_kind(self, pm: Caller, p: str) -> None:
        for name in ("entityType", "sourceFilter"):
            answer = await pm.get(f"{API}/Search/{p}", params={name: "martians"}, expect=400)
            assert answer["errors"] == {name: ["The value 'martians' is not valid."]}

    async def test_200_for_any_user_and_application_of_the_organization(
        self, pm: Caller, api: Caller, node: Node, world: World, p: str
    ) -> None:
        program = pm.bearer(await node.application_token(["OR.Jobs"]))
        for caller in (api.as_role().with_scopes("OR.Jobs"), program):
            assert len(await caller.get(f"{API}/Search/{p}", params={"startsWith": world.prefix})) == 4

    async def test_200_nothing_of_another_organization(self, pm: Caller, node: Node, world: World) -> None:
        id_, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["PM.User"]))
        assert await there.get(f"{API}/Search/{id_}", params={"startsWith": world.prefix}) == []
        user = world.ids["user"]
        await there.post(f"{API}/Resolve/{id_}", {"entityId": user, "entityType": "user"}, expect=404)
        assert await there.post(f"{API}/BulkResolve/{id_}", {"entityIds": [user], "entityType": 0}) == {}
        body = {"userId": user, "groupIds": [world.ids["group"]]}
        assert await there.post(f"{API}/GroupMembership/{id_}", body) == []


class TestBulkResolveByName:
    async def test_200_keyed_by_the_name_as_it_was_asked_for(
        self, pm: Caller, node: Node, world: World, p: str
    ) -> None:
        asked = [f"{world.prefix}.USER", f"mail.{world.prefix}@acme.test", f"{world.prefix}.robot", "nobody", ""]
        body = {"entityNames": asked, "entityType": "user", "scope": None}
        found = await pm.post(f"{API}/BulkResolveByName/{p}", body)
        assert list(found) == asked[:3]
        assert found[asked[0]] == found[asked[1]]
        user = found[asked[0]]
        assert (user["objectType"], user["identifier"]) == ("DirectoryUser", world.ids["user"])
        assert (user["city"], user["department"], user["extensionUserAttributes"]["badge"]) == ("Ulm", None, "7")
        assert found[asked[2]]["objectType"] == "DirectoryRobotUser"
        assert not await node.rows("SELECT 1 FROM kernel.audit WHERE operation LIKE 'Directory%'")

    async def test_200_only_of_the_type(self, pm: Caller, world: World, p: str) -> None:
        names = [f"{world.prefix}.{each}" for each in ("user", "group", "program")]
        for entity_type, kept in (("group", names[1]), (2, names[2])):
            body = {"entityNames": names, "entityType": entity_type}
            assert list(await pm.post(f"{API}/BulkResolveByName/{p}", body)) == [kept]

    async def test_200_a_user_name_wins_over_another_s_e_mail(
        self, pm: Caller, node: Node, world: World, p: str
    ) -> None:
        id_ = uuid4()
        await node.rows(
            "INSERT INTO identity.users (organization_id, id, user_name, user_name_key, created_at)"
            " VALUES ($1, $2, $3, $3, now())",
            node.organization_id,
            id_,
            f"mail.{world.prefix}@acme.test",
        )
        body = {"entityName": f"mail.{world.prefix}@acme.test", "entityType": "user"}
        assert (await pm.post(f"{API}/ResolveByName/{p}", body))["identifier"] == str(id_)

    async def test_400_for_robots_as_a_type(self, pm: Caller, p: str) -> None:
        answer = await pm.post(f"{API}/BulkResolveByName/{p}", {"entityNames": [], "entityType": "robot"}, expect=400)
        assert "entityType" in str(answer["errors"])


class TestResolve:
    async def test_200_by_id_by_name_and_many(self, pm: Caller, world: World, p: str) -> None:
        for kind, entity_type in (("user", "user"), ("robot", "user"), ("group", "group"), ("program", "application")):
            id_ = world.ids[kind]
            one = await pm.post(f"{API}/Resolve/{p}", {"entityId": id_, "entityType": entity_type})
            name = {"entityName": f"{world.prefix}.{kind}", "entityType": entity_type}
            assert await pm.post(f"{API}/ResolveByName/{p}", name) == one
            many = {"entityIds": [id_, NOBODY, "aad|x"], "entityType": entity_type}
            assert await pm.post(f"{API}/BulkResolve/{p}", many) == {id_: one}

    async def test_404_nobody_or_another_kind(self, pm: Caller, world: World, p: str) -> None:
        for id_, entity_type in ((NOBODY, "user"), ("aad|1", "user"), (world.ids["user"], "group")):
            await pm.post(f"{API}/Resolve/{p}", {"entityId": id_, "entityType": entity_type}, expect=404)
        for name in ("nobody", "", None):
            await pm.post(f"{API}/ResolveByName/{p}", {"entityName": name, "entityType": "user"}, expect=404)


class TestGroupMembership:
    async def test_200_the_groups_among_those_named(self, pm: Caller, world: World, p: str) -> None:
        groups = {each["name"]: each["id"] for each in await pm.get(f"/identity_/api/Group/{p}")}
        wanted = [world.ids["group"], groups["Everyone"], groups["Administrators"], NOBODY, "x"]
        found = await pm.post(f"{API}/GroupMembership/{p}", {"userId": world.ids["user"], "groupIds": wanted})
        assert {each["identifier"] for each in found} == {world.ids["group"], groups["Everyone"]}
        assert {each["objectType"] for each in found} == {"DirectoryGroup"}

    async def test_200_nobody_is_in_none(self, pm: Caller, world: World, p: str) -> None:
        for id_ in (NOBODY, "x", None):
            body = {"userId": id_, "groupIds": [world.ids["group"]]}
            assert await pm.post(f"{API}/GroupMembership/{p}", body) == []


class TestPlaces:
    async def test_200_one_scope_and_the_organization(self, pm: Caller, p: str) -> None:
        assert await pm.get(f"{API}/Scopes/{p}") == [{"name": "local", "isDefault": True}]
        assert await pm.get(f"{API}/Tenant/{p}") == {"id": p, "displayName": "default"}
        assert UUID(p)
