"""Robot accounts, and what the orchestrator learns of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from podium.orchestrator.ports import Directory
from tests.conftest import Caller, Node

API = "/identity_/api/RobotAccount"
GROUPS = "/identity_/api/Group"
NOBODY = "00000000-0000-4000-8000-00000000dead"
NUMBERS = count(1)

Make = Callable[..., Awaitable[Any]]


@pytest.fixture
def p(node: Node) -> str:
    return str(node.organization_id)


@pytest.fixture
def robot(pm: Caller, p: str) -> Make:
    """Makes a robot account with these further members of the body."""

    async def make(**members: Any) -> Any:
        body = {"partitionGlobalId": p, "name": f"Robot {next(NUMBERS)}", **members}
        return await pm.post(API, body, expect=201)

    return make


@pytest.fixture
def group(pm: Caller, p: str) -> Make:
    """Makes an empty group; its id."""

    async def make() -> str:
        made = await pm.post(GROUPS, {"partitionGlobalId": p, "name": f"Robots {next(NUMBERS)}"}, expect=201)
        return str(made["id"])

    return make


async def administrators(pm: Caller, p: str) -> str:
    return str(next(each["id"] for each in await pm.get(f"{GROUPS}/{p}") if each["name"] == "Administrators"))


async def audited(node: Node, operation: str) -> list[tuple[str, str, str | None]]:
    """Component, action and entity of the operation's audit rows, newest first."""
    rows = await node.rows(
        "SELECT component, action, entity_id FROM kernel.audit WHERE organization_id = $1 AND operation = $2"
        " ORDER BY id DESC",
        node.organization_id,
        operation,
    )
    return [tuple(row) for row in rows]


class TestCreate:
    async def test_201_shown_by_its_name_unless_it_has_another(self, node: Node, robot: Make, group: Make) -> None:
        group_id = await group()
        made = await robot(groupIDsToAdd=[group_id])
        assert made["displayName"] == made["name"]
        assert made["groupIds"] == [group_id]
        assert (made["lastLoginTime"], made["lastModificationTime"]) == (None, None)
        assert (await audited(node, "RobotAccount_Post"))[0] == ("RobotAccount", "Create", made["id"])
        assert (await robot(displayName="The new one"))["displayName"] == "The new one"

    async def test_201_under_the_caller_s_id(self, robot: Make) -> None:
        id_ = str(uuid4())
        assert (await robot(id=id_))["id"] == id_

    async def test_201_everyone_is_passed_over(self, pm: Caller, robot: Make, p: str) -> None:
        everyone = next(each["id"] for each in await pm.get(f"{GROUPS}/{p}") if each["name"] == "Everyone")
        assert (await robot(groupIDsToAdd=[everyone]))["groupIds"] == []

    async def test_409_name_in_any_case_or_id_taken(self, pm: Caller, robot: Make, group: Make) -> None:
        made = await robot()
        await pm.post(API, {"name": made["name"].upper()}, expect=409)
        for id_ in (made["id"], await group()):
            await pm.post(API, {"name": f"Robot {next(NUMBERS)}", "id": id_}, expect=409)

    @pytest.mark.parametrize(
        ("members", "key"), [({}, "Name"), ({"name": " "}, "Name"), ({"name": "x", "displayName": "y" * 257}, "DisplayName")]
    )  # fmt: skip
    async def test_400_names_what_is_wrong(self, pm: Caller, members: Any, key: str) -> None:
        assert list((await pm.post(API, members, expect=400))["errors"]) == [key]

    async def test_400_a_group_that_does_not_exist_and_nothing_is_made(self, pm: Caller, p: str) -> None:
        name = f"Robot {next(NUMBERS)}"
        answer = await pm.post(API, {"name": name, "groupIDsToAdd": [NOBODY]}, expect=400)
        assert [error["code"] for error in answer["errors"]] == ["GroupNotFound"]
        assert (await pm.get(f"{API}/{p}", params={"searchTerm": name}))["totalCount"] == 0

    async def test_403_for_another_organization(self, pm: Caller, node: Node) -> None:
        id_, _, _ = await node.make_organization("other")
        assert (await pm.request("POST", API, {"partitionGlobalId": str(id_), "name": "x"})).status == 403

    @pytest.mark.parametrize(
        ("scopes", "in_group", "in_administrators"),
        [
            (["PM.RobotAccount"], 403, 403),
            (["PM.RobotAccount", "PM.Group"], 201, 403),
            (["PM.RobotAccount", "PM.Group", "PM.User"], 201, 201),
        ],
    )
    async def test_an_application_needs_more_scopes_for_groups(
        self, pm: Caller, node: Node, group: Make, p: str, scopes: list[str], in_group: int, in_administrators: int
    ) -> None:
        program = pm.bearer(await node.application_token(scopes))
        await program.post(API, {"name": f"Robot {next(NUMBERS)}"}, expect=201)
        for id_, status in ((await group(), in_group), (await administrators(pm, p), in_administrators)):
            answer = await program.request("POST", API, {"name": f"Robot {next(NUMBERS)}", "groupIDsToAdd": [id_]})
            assert answer.status == status


class TestList:
    async def test_200_pages_searches_and_sorts(self, pm: Caller, robot: Make, p: str) -> None:
        made = [await robot(displayName=f"Sorter 100% {letter}_x") for letter in "bca"]
        asked = {"searchTerm": "sorter 100%", "top": 2, "sortBy": "displayname", "sortOrder": "desc"}
        found = await pm.get(f"{API}/{p}", params=asked)
        assert found["totalCount"] == 3
        assert [row["displayName"][-3] for row in found["results"]] == ["c", "b"]
        rest = await pm.get(f"{API}/{p}", params={**asked, "skip": 2})
        assert rest["results"] == [made[2]]
        assert (await pm.get(f"{API}/{p}", params={"searchTerm": "100_"}))["totalCount"] == 0

    async def test_200_without_partition_that_of_the_token(self, pm: Caller, node: Node, robot: Make, p: str) -> None:
        await robot()
        assert await pm.get(API) == await pm.get(f"{API}/{p}")
        _, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["PM.RobotAccount.Read"]))
        assert await there.get(API) == {"totalCount": 0, "results": []}

    @pytest.mark.parametrize("query", [{"top": -1}, {"top": "x"}, {"sortBy": "secret"}, {"sortOrder": "up"}])
    async def test_400_for_what_cannot_be_a_page(self, pm: Caller, p: str, query: Any) -> None:
        answer = await pm.get(f"{API}/{p}", params=query, expect=400)
        assert list(answer["errors"]) == list(query)


class TestGet:
    async def test_200(self, pm: Caller, robot: Make, p: str) -> None:
        made = await robot()
        assert await pm.get(f"{API}/{p}/{made['id']}") == made

    async def test_404_unknown_or_another_organization_s(self, pm: Caller, node: Node, robot: Make, p: str) -> None:
        await pm.get(f"{API}/{p}/{NOBODY}", expect=404)
        id_, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["PM.RobotAccount"]))
        await there.get(f"{API}/{id_}/{(await robot())['id']}", expect=404)

    async def test_400_no_guid(self, pm: Caller, p: str) -> None:
        answer = await pm.get(f"{API}/{p}/33-ab", expect=400)
        assert answer["errors"] == {"robotAccountId": ["The value '33-ab' is not valid."]}


class TestUpdate:
    async def test_200_shown_name_and_groups_the_name_stays(
        self, pm: Caller, node: Node, robot: Make, group: Make
    ) -> None:
        one, two = await group(), await group()
        made = await robot(groupIDsToAdd=[one])
        body = {"name": "ignored", "displayName": "Shown", "groupIDsToAdd": [two], "groupIDsToRemove": [one, NOBODY]}
        changed = await pm.put(f"{API}/{made['id']}", body)
        assert (changed["name"], changed["displayName"], changed["groupIds"]) == (made["name"], "Shown", [two])
        assert changed["lastModificationTime"] is not None
        assert (await audited(node, "RobotAccount_PutByRobotAccountId"))[0] == ("RobotAccount", "Update", made["id"])
        assert (await pm.put(f"{API}/{made['id']}", {}))["displayName"] == "Shown"

    async def test_400_unknown_group_and_nothing_changed(self, pm: Caller, robot: Make, p: str) -> None:
        made = await robot()
        await pm.put(f"{API}/{made['id']}", {"displayName": "No", "groupIDsToAdd": [NOBODY]}, expect=400)
        assert await pm.get(f"{API}/{p}/{made['id']}") == made

    async def test_404_unknown_or_deleted(self, pm: Caller, robot: Make, p: str) -> None:
        made = await robot()
        await pm.delete(f"{API}/{p}/{made['id']}")
        for id_ in (NOBODY, made["id"]):
            await pm.put(f"{API}/{id_}", {"displayName": "x"}, expect=404)


class TestDelete:
    async def test_204_the_name_is_free_and_the_groups_know_it_no_more(
        self, pm: Caller, node: Node, robot: Make, group: Make, p: str
    ) -> None:
        group_id = await group()
        made = await robot(groupIDsToAdd=[group_id])
        await pm.delete(f"{API}/{p}/{made['id']}", expect=204)
        await pm.get(f"{API}/{p}/{made['id']}", expect=404)
        assert (await pm.get(f"{GROUPS}/{p}/{group_id}"))["members"] == []
        operation = "RobotAccount_DeleteByPartitionGlobalIdByRobotAccountId"
        assert (await audited(node, operation))[0] == ("RobotAccount", "Delete", made["id"])
        assert (await robot(name=made["name"]))["id"] != made["id"]

    async def test_404_unknown(self, pm: Caller, p: str) -> None:
        await pm.delete(f"{API}/{p}/{NOBODY}", expect=404)


class TestDeleteMany:
    async def test_204_only_the_listed_ones(self, pm: Caller, node: Node, robot: Make, p: str) -> None:
        one, two, three = await robot(), await robot(), await robot()
        body = {"robotAccountIDs": [one["id"], two["id"], NOBODY]}
        before = len(await audited(node, "RobotAccount_DeleteByPartitionGlobalId"))
        await pm.delete(f"{API}/{p}", body, expect=204)
        assert len(await audited(node, "RobotAccount_DeleteByPartitionGlobalId")) == before + 1
        for id_, status in ((one["id"], 404), (two["id"], 404), (three["id"], 200)):
            await pm.get(f"{API}/{p}/{id_}", expect=status)

    @pytest.mark.parametrize("body", [None, {}, {"robotAccountIDs": None}])
    async def test_400_without_a_list_nothing_is_deleted(self, pm: Caller, robot: Make, p: str, body: Any) -> None:
        made = await robot()
        await pm.delete(f"{API}/{p}", body, expect=400)
        await pm.get(f"{API}/{p}/{made['id']}")


class TestOrchestrator:
    async def test_the_directory_finds_names_and_searches_it(
        self, pm: Caller, node: Node, robot: Make, group: Make, p: str
    ) -> None:
        group_id = await group()
        made = await robot(groupIDsToAdd=[group_id])
        id_, directory = UUID(made["id"]), node.port(Directory)
        found = await directory.find(node.organization_id, made["name"].upper())
        assert found is not None
        assert (found.id, found.kind, found.name) == (id_, "robot", made["name"])
        assert await directory.groups_of(id_) == [UUID(group_id)]
        await pm.delete(f"{API}/{p}/{made['id']}")
        assert await directory.find(node.organization_id, made["name"]) is None
        assert await directory.groups_of(id_) == []
        assert not await directory.names(node.organization_id, [id_])

    async def test_it_can_be_assigned_to_a_folder_by_name_until_it_is_deleted(
        self, pm: Caller, api: Caller, given: Any, robot: Make, p: str
    ) -> None:
        made, folder = await robot(), await given.folder("Unattended")
        assignment = {"UserName": made["name"], "RolesPerFolder": [{"FolderId": folder["Id"], "RoleIds": []}]}
        path = "/odata/Folders/UiPath.Server.Configuration.OData.AssignDomainUser"
        await api.post(path, {"assignment": assignment}, expect=204)

        async def types() -> list[str]:
            sql = "SELECT type FROM orchestrator.users WHERE tenant_id = $1 AND directory_id = $2"
            return [row["type"] for row in await api.node.rows(sql, api.tenant_id, made["id"])]

        assert await types() == ["DirectoryRobot"]
        await pm.delete(f"{API}/{p}/{made['id']}")
        assert await types() == []
