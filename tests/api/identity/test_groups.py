"""Groups: their names, their members, and who may change what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from podium.identity.groups import actions
from tests.conftest import Caller, Node
from tests.waiting import until_one_waits_for_a_lock

API = "/identity_/api/Group"
ROBOTS = "/identity_/api/RobotAccount"
NOBODY = "00000000-0000-4000-8000-00000000dead"
NUMBERS = count(1)

Make = Callable[..., Awaitable[Any]]


def codes(answer: Any) -> list[str]:
    """The codes of an IdentityResult that failed."""
    assert answer["succeeded"] is False
    return [error["code"] for error in answer["errors"]]


@pytest.fixture
def p(node: Node) -> str:
    return str(node.organization_id)


@pytest.fixture
def group(pm: Caller, p: str) -> Make:
    """Makes a group with these members."""

    async def make(*members: Any) -> Any:
        body = {
            "partitionGlobalId": p,
            "name": f"Team {next(NUMBERS)}",
            "directoryUserMemberIDs": [str(id_) for id_ in members],
        }
        return await pm.post(API, body, expect=201)

    return make


@pytest.fixture
def person(api: Caller) -> Make:
    """Makes a plain user of the organization; its id."""

    async def make() -> str:
        caller = await api.as_role()
        assert caller._user is not None
        return str(caller._user.id)

    return make


async def built_in(pm: Caller, partition: str, name: str) -> Any:
    """The built-in group of that name, with members."""
    groups = {each["name"]: each for each in await pm.get(f"{API}/{partition}")}
    return await pm.get(f"{API}/{partition}/{groups[name]['id']}")


async def audited(node: Node, operation: str, organization_id: Any = None) -> list[tuple[str, str, str | None]]:
    """Component, action and entity of the operation's audit rows, newest first."""
    rows = await node.rows(
        "SELECT component, action, entity_id FROM kernel.audit WHERE organization_id = $1 AND operation = $2"
        " ORDER BY id DESC",
        organization_id or node.organization_id,
        operation,
    )
    return [tuple(row) for row in rows]


def identifiers(group: Any) -> set[str]:
    return {member["identifier"] for member in group["members"]}


class TestList:
    async def test_200_a_bare_array_without_members(self, pm: Caller, group: Make, person: Make, p: str) -> None:
        made = await group(await person())
        found = {each["name"]: each for each in await pm.get(f"{API}/{p}")}
        assert {"Everyone", "Administrators", "Automation Users", "Automation Developers"} <= set(found)
        assert (found["Everyone"]["type"], found[made["name"]]["type"]) == (0, 1)
        assert all(each["members"] == [] for each in found.values())
        assert set(found["Everyone"]) == {
            "id", "name", "displayName", "type", "creationTime", "lastModificationTime", "members",
        }  # fmt: skip

    async def test_200_nothing_of_another_organization(self, pm: Caller, node: Node, group: Make) -> None:
        made = await group()
        id_, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["PM.Group.Read"]))
        found = await there.get(f"{API}/{id_}")
        assert len(found) == 6
        assert made["id"] not in {each["id"] for each in found}


class TestGet:
    async def test_200_with_members_of_every_kind(self, pm: Caller, node: Node, person: Make, p: str) -> None:
        user = await person()
        robot = await pm.post(ROBOTS, {"partitionGlobalId": p, "name": f"Bot {next(NUMBERS)}"}, expect=201)
        program = await node.make_client(node.organization_id, ["OR.Jobs"])
        members = [user, robot["id"], str(program.id)]
        body = {"partitionGlobalId": p, "name": f"Mixed {next(NUMBERS)}", "directoryUserMemberIDs": members}
        made = await pm.post(API, body, expect=201)
        found = await pm.get(f"{API}/{p}/{made['id']}")
        assert found == made
        by_id = {member["identifier"]: member for member in found["members"]}
        assert [by_id[id_]["objectType"] for id_ in members] == [
            "DirectoryUser", "DirectoryRobotUser", "DirectoryApplication",
        ]  # fmt: skip
        assert {member["source"] for member in found["members"]} == {"local"}
        assert by_id[user]["firstName"] == "User"
        assert by_id[str(program.id)]["applicationId"] == program.client_id

    async def test_404_unknown_and_400_no_guid(self, pm: Caller, p: str) -> None:
        await pm.get(f"{API}/{p}/{NOBODY}", expect=404)
        answer = await pm.get(f"{API}/{p}/gryff-01", expect=400)
        assert answer["errors"] == {"groupId": ["The value 'gryff-01' is not valid."]}

    async def test_404_a_group_of_another_organization(self, pm: Caller, node: Node, group: Make) -> None:
        made = await group()
        id_, _, admin = await node.make_organization("other")
        await pm.bearer(node.token(admin, ["PM.Group"])).get(f"{API}/{id_}/{made['id']}", expect=404)


class TestCreate:
    async def test_201_without_partition_and_with_an_own_id(self, pm: Caller, node: Node) -> None:
        id_ = str(uuid4())
        made = await pm.post(API, {"id": id_, "name": f" Blue {next(NUMBERS)} "}, expect=201)
        assert (made["id"], made["type"], made["members"]) == (id_, 1, [])
        assert made["name"] == made["displayName"] == made["name"].strip()
        assert (await audited(node, "Group_Post"))[0] == ("Group", "Create", id_)

    async def test_201_the_zero_id_counts_as_none(self, pm: Caller) -> None:
        zero = str(UUID(int=0))
        made = await pm.post(API, {"name": f"Zero {next(NUMBERS)}", "id": zero}, expect=201)
        assert made["id"] != zero

    async def test_409_the_name_in_any_case_or_the_id_is_taken(self, pm: Caller, group: Make, person: Make) -> None:
        made, user = await group(), await person()
        await pm.post(API, {"name": made["name"].upper()}, expect=409)
        for id_ in (made["id"], user):
            await pm.post(API, {"id": id_, "name": f"Other {next(NUMBERS)}"}, expect=409)

    @pytest.mark.parametrize("name", [None, "", "  ", "x" * 257])
    async def test_400_no_name(self, pm: Caller, name: str | None) -> None:
        answer = await pm.post(API, {"name": name}, expect=400)
        assert list(answer["errors"]) == ["Name"]

    async def test_400_a_member_that_cannot_be_one_and_nothing_is_made(
        self, pm: Caller, node: Node, group: Make, p: str
    ) -> None:
        _, _, stranger = await node.make_organization("other")
        name = f"Odd {next(NUMBERS)}"
        for wrong in (NOBODY, (await group())["id"], str(stranger.id)):
            answer = await pm.post(API, {"name": name, "directoryUserMemberIDs": [wrong]}, expect=400)
            assert codes(answer) == ["MemberNotFound"]
        assert name not in {each["name"] for each in await pm.get(f"{API}/{p}")}

    async def test_400_a_member_that_is_no_guid(self, pm: Caller) -> None:
        answer = await pm.post(API, {"name": "x", "directoryUserMemberIDs": [NOBODY, "magic"]}, expect=400)
        assert any("directoryUserMemberIDs[1]" in str(part) for part in answer["errors"].items())

    async def test_403_for_another_organization(self, pm: Caller, node: Node) -> None:
        id_, _, _ = await node.make_organization("other")
        for partition in (str(id_), NOBODY):
            assert (await pm.request("POST", API, {"partitionGlobalId": partition, "name": "x"})).status == 403


class TestUpdate:
    async def test_200_renamed_and_members_exchanged(
        self, pm: Caller, node: Node, group: Make, person: Make, p: str
    ) -> None:
        one, two = await person(), await person()
        made = await group(one)
        body = {
            "partitionGlobalId": p,
            "name": f"Renamed {next(NUMBERS)}",
            "directoryUserIDsToAdd": [two],
            "directoryUserIDsToRemove": [one, NOBODY],
        }
        changed = await pm.put(f"{API}/{made['id']}", body)
        assert (changed["name"], identifiers(changed)) == (body["name"], {two})
        assert changed["lastModificationTime"] is not None
        assert (await audited(node, "Group_PutByGroupId"))[0] == ("Group", "Update", made["id"])

    async def test_200_added_before_removed_and_twice_is_once(self, pm: Caller, group: Make, person: Make) -> None:
        one, two = await person(), await person()
        made = await group(one)
        body = {"directoryUserIDsToAdd": [one, two, two], "directoryUserIDsToRemove": [two]}
        assert identifiers(await pm.put(f"{API}/{made['id']}", body)) == {one}

    async def test_200_without_a_name_the_present_one_stays(
        self, pm: Caller, node: Node, group: Make, person: Make
    ) -> None:
        made = await group()
        changed = await pm.put(f"{API}/{made['id']}", {"directoryUserIDsToAdd": [await person()]})
        assert changed["name"] == made["name"]
        assert (await audited(node, "Group_PutByGroupId"))[0] == ("Group", "MembershipChange", made["id"])

    async def test_200_the_same_name_in_another_case(self, pm: Caller, group: Make) -> None:
        made = await group()
        changed = await pm.put(f"{API}/{made['id']}", {"name": made["name"].upper()})
        assert changed["name"] == made["name"].upper()

    async def test_409_a_name_that_is_taken(self, pm: Caller, group: Make) -> None:
        one, two = await group(), await group()
        await pm.put(f"{API}/{one['id']}", {"name": two["name"]}, expect=409)

    async def test_400_a_built_in_group_renamed_but_not_repeated(self, pm: Caller, person: Make, p: str) -> None:
        users = await built_in(pm, p, "Automation Users")
        answer = await pm.put(f"{API}/{users['id']}", {"name": "Other"}, expect=400)
        assert codes(answer) == ["BuiltInGroup"]
        user = await person()
        body = {"name": "Automation Users", "directoryUserIDsToAdd": [user]}
        assert user in identifiers(await pm.put(f"{API}/{users['id']}", body))

    async def test_400_everyone_takes_no_members(self, pm: Caller, person: Make, p: str) -> None:
        everyone = await built_in(pm, p, "Everyone")
        assert everyone["members"] == []
        answer = await pm.put(f"{API}/{everyone['id']}", {"directoryUserIDsToAdd": [await person()]}, expect=400)
        assert codes(answer) == ["EveryoneIsImplicit"]

    async def test_400_and_nothing_changed_when_one_member_is_unknown(
        self, pm: Caller, group: Make, person: Make, p: str
    ) -> None:
        made, user = await group(), await person()
        body = {"name": "Never", "directoryUserIDsToAdd": [user, NOBODY]}
        assert codes(await pm.put(f"{API}/{made['id']}", body, expect=400)) == ["MemberNotFound"]
        assert await pm.get(f"{API}/{p}/{made['id']}") == made

    async def test_404_unknown_or_another_organization_s(self, pm: Caller, node: Node, group: Make) -> None:
        made = await group()
        await pm.put(f"{API}/{NOBODY}", {"name": "x"}, expect=404)
        _, _, admin = await node.make_organization("other")
        await pm.bearer(node.token(admin, ["PM.Group"])).put(f"{API}/{made['id']}", {"name": "x"}, expect=404)

    async def test_the_orchestrator_opens_and_closes_at_once(
        self, pm: Caller, api: Caller, given: Any, group: Make
    ) -> None:
        folder, made = await given.folder("Shared work"), await group()
        roles = {role["name"]: role["id"] for role in await api.node.rows(
            "SELECT name, id FROM orchestrator.roles WHERE tenant_id = $1", api.tenant_id
        )}  # fmt: skip
        assignment = {
            "DirectoryIdentifier": made["id"],
            "UserType": "DirectoryGroup",
            "RolesPerFolder": [{"FolderId": folder["Id"], "RoleIds": [roles["Folder Administrator"]]}],
        }
        await api.post("/odata/Folders/UiPath.Server.Configuration.OData.AssignDirectoryUser",
                       {"assignment": assignment}, expect=204)  # fmt: skip
        user = await api.as_role()
        assert user._user is not None

        async def reads_jobs() -> int:
            return (await user.request("GET", "/odata/Jobs", folder=folder)).status

        assert await reads_jobs() == 400
        await pm.put(f"{API}/{made['id']}", {"directoryUserIDsToAdd": [str(user._user.id)]})
        assert await reads_jobs() == 200
        await pm.put(f"{API}/{made['id']}", {"directoryUserIDsToRemove": [str(user._user.id)]})
        assert await reads_jobs() == 400


class TestAdministrators:
    async def test_200_a_user_s_token_makes_an_administrator(self, pm: Caller, api: Caller, p: str) -> None:
        group = await built_in(pm, p, "Administrators")
        user = await api.as_role()
        assert user._user is not None
        reader = user.with_scopes("PM.Group")
        assert (await reader.request("GET", f"{API}/{p}")).status == 403
        await pm.with_scopes("PM.Group").put(f"{API}/{group['id']}", {"directoryUserIDsToAdd": [str(user._user.id)]})
        await reader.get(f"{API}/{p}")
        await pm.put(f"{API}/{group['id']}", {"directoryUserIDsToRemove": [str(user._user.id)]})
        assert (await reader.request("GET", f"{API}/{p}")).status == 403

    @pytest.mark.parametrize(
        ("scopes", "status"),
        [
            (["PM.Group"], 403),
            (["PM.Group.Write", "PM.User.Read"], 403),
            (["PM.Group.Write", "PM.User.Write"], 200),
            (["PM.Group", "PM.User"], 200),
        ],
    )
    async def test_an_application_needs_both_scopes(
        self, pm: Caller, node: Node, person: Make, p: str, scopes: list[str], status: int
    ) -> None:
        program = pm.bearer(await node.application_token(scopes))
        user = await person()
        group = await built_in(pm, p, "Administrators")
        body = {"directoryUserIDsToAdd": [user]}
        assert (await program.request("PUT", f"{API}/{group['id']}", body)).status == status
        assert (user in identifiers(await built_in(pm, p, "Administrators"))) is (status == 200)
        other = await built_in(pm, p, "Automation Users")
        assert (await program.request("PUT", f"{API}/{other['id']}", body)).status == 200

    async def test_400_the_last_active_one_stays(self, pm: Caller, node: Node) -> None:
        id_, _, admin = await node.make_organization("small")
        there = pm.bearer(node.token(admin, ["IdentityServerApi"]))
        group = await built_in(there, str(id_), "Administrators")
        robot = await there.post(ROBOTS, {"name": "Bot", "groupIDsToAdd": [group["id"]]}, expect=201)
        body = {"directoryUserIDsToRemove": [str(admin.id), robot["id"]]}
        assert codes(await there.put(f"{API}/{group['id']}", body, expect=400)) == ["LastAdministrator"]
        assert str(admin.id) in identifiers(await built_in(there, str(id_), "Administrators"))

    async def test_two_administrators_cannot_remove_each_other_at_once(
        self, pm: Caller, api: Caller, node: Node, person: Make
    ) -> None:
        id_, _, admin = await node.make_organization("pair")
        there = pm.bearer(node.token(admin, ["IdentityServerApi"]))
        group = await built_in(there, str(id_), "Administrators")
        second = uuid4()
        await node.rows(
            "INSERT INTO identity.users (organization_id, id, user_name, user_name_key, created_at)"
            " VALUES ($1, $2, 'second', 'second', now())",
            id_,
            second,
        )
        await there.put(f"{API}/{group['id']}", {"directoryUserIDsToAdd": [str(second)]})
        answers = await asyncio.gather(
            *(there.request("PUT", f"{API}/{group['id']}", {"directoryUserIDsToRemove": [str(user)]})
              for user in (admin.id, second))
        )  # fmt: skip
        assert min(answer.status for answer in answers) == 200
        left = await node.rows("SELECT member_id FROM identity.group_members WHERE group_id = $1", group["id"])
        assert len(left) == 1

    async def test_whoever_asks_second_whether_one_stays_waits_for_the_first(self, node: Node) -> None:
        id_, _, admin = await node.make_organization("queue")
        second = uuid4()
        await node.rows(
            "INSERT INTO identity.users (organization_id, id, user_name, user_name_key, created_at)"
            " VALUES ($1, $2, 'second', 'second', now())",
            id_,
            second,
        )

        async def leaves(user: UUID) -> bool:
            async with node.db.transaction() as db:
                return not await actions.would_leave_none(db, id_, [user])

        async with node.db.transaction() as db:
            administrators = await actions.administrators_group(db, id_)
            await actions.join(db, id_, second, [administrators], node.clock())
        async with node.db.transaction() as db:
            assert not await actions.would_leave_none(db, id_, [admin.id])
            other = asyncio.create_task(leaves(second))
            await until_one_waits_for_a_lock(node.db)
            await actions.leave(db, id_, admin.id, [administrators])
        assert not await other

    async def test_an_inactive_one_does_not_count(self, pm: Caller, node: Node) -> None:
        id_, _, admin = await node.make_organization("sleepy")
        there = pm.bearer(node.token(admin, ["IdentityServerApi"]))
        group = await built_in(there, str(id_), "Administrators")
        second = uuid4()
        await node.rows(
            "INSERT INTO identity.users (organization_id, id, user_name, user_name_key, is_active, created_at)"
            " VALUES ($1, $2, 'second', 'second', false, now())",
            id_,
            second,
        )
        body = {"directoryUserIDsToAdd": [str(second)], "directoryUserIDsToRemove": [str(admin.id)]}
        assert codes(await there.put(f"{API}/{group['id']}", body, expect=400)) == ["LastAdministrator"]
        async with node.db.transaction() as db:
            await actions.join(db, id_, second, [UUID(group["id"])], node.clock())
            assert await actions.is_last_administrator(db, id_, admin.id)
            assert not await actions.is_last_administrator(db, id_, second)


class TestDelete:
    async def test_204_and_the_members_stay(self, pm: Caller, node: Node, group: Make, person: Make, p: str) -> None:
        user = await person()
        made = await group(user)
        await pm.delete(f"{API}/{p}/{made['id']}", expect=204)
        await pm.get(f"{API}/{p}/{made['id']}", expect=404)
        assert await node.rows("SELECT 1 FROM identity.users WHERE id = $1", user)
        assert not await node.rows("SELECT 1 FROM identity.group_members WHERE group_id = $1", made["id"])
        operation = "Group_DeleteByPartitionGlobalIdByGroupId"
        assert (await audited(node, operation))[0] == ("Group", "Delete", made["id"])

    async def test_400_built_in_and_404_unknown(self, pm: Caller, p: str) -> None:
        users = await built_in(pm, p, "Automation Users")
        assert codes(await pm.delete(f"{API}/{p}/{users['id']}", expect=400)) == ["BuiltInGroup"]
        await pm.delete(f"{API}/{p}/{NOBODY}", expect=404)


class TestDeleteMany:
    async def test_204_only_the_listed_ones(self, pm: Caller, node: Node, group: Make, p: str) -> None:
        one, two, three = await group(), await group(), await group()
        before = len(await audited(node, "Group_DeleteByPartitionGlobalId"))
        await pm.delete(f"{API}/{p}", {"groupIDs": [one["id"], two["id"], NOBODY]}, expect=204)
        left = {each["id"] for each in await pm.get(f"{API}/{p}")}
        assert three["id"] in left
        assert not {one["id"], two["id"]} & left
        assert len(await audited(node, "Group_DeleteByPartitionGlobalId")) == before + 1

    @pytest.mark.parametrize("body", [None, {}, {"groupIDs": None}])
    async def test_400_without_a_list_nothing_is_deleted(self, pm: Caller, group: Make, p: str, body: Any) -> None:
        made = await group()
        await pm.delete(f"{API}/{p}", body, expect=400)
        await pm.get(f"{API}/{p}/{made['id']}")

    async def test_400_and_nothing_deleted_when_one_is_built_in(self, pm: Caller, group: Make, p: str) -> None:
        made, users = await group(), await built_in(pm, p, "Automation Users")
        await pm.delete(f"{API}/{p}", {"groupIDs": [made["id"], users["id"]]}, expect=400)
        await pm.get(f"{API}/{p}/{made['id']}")


class TestMembers:
    async def test_200_pages_by_id_and_type(self, pm: Caller, group: Make, person: Make, p: str) -> None:
        robot = await pm.post(ROBOTS, {"partitionGlobalId": p, "name": f"a bot {next(NUMBERS)}"}, expect=201)
        people = {await person(), await person()}
        made = await group(robot["id"], *people)
        path = f"{API}/{p}/{made['id']}/Members"
        first = await pm.get(path, params={"top": 2, "skip": 0})
        rest = await pm.get(path, params={"top": 2, "skip": 2})
        assert (first["totalCount"], len(first["results"]), len(rest["results"])) == (3, 2, 1)
        assert first["results"][0] == {"id": robot["id"], "type": 4}
        assert {row["id"] for row in (*first["results"], *rest["results"]) if row["type"] == 0} == people

    async def test_200_everyone_reports_none(self, pm: Caller, p: str) -> None:
        everyone = await built_in(pm, p, "Everyone")
        assert await pm.get(f"{API}/{p}/{everyone['id']}/Members") == {"totalCount": 0, "results": []}

    async def test_400_top_out_of_range_and_404_unknown(self, pm: Caller, group: Make, p: str) -> None:
        made = await group()
        answer = await pm.get(f"{API}/{p}/{made['id']}/Members", params={"top": 1001}, expect=400)
        assert list(answer["errors"]) == ["top"]
        await pm.get(f"{API}/{p}/{NOBODY}/Members", expect=404)


class TestCheckMembers:
    async def test_200_those_who_are_in(self, pm: Caller, node: Node, group: Make, person: Make, p: str) -> None:
        one, two = await person(), await person()
        made = await group(one)
        found = await pm.post(f"{API}/{p}/{made['id']}/CheckMembers", [one, two, NOBODY])
        assert [each["identifier"] for each in found] == [one]
        assert await audited(node, "Group_PostByPartitionGlobalIdByGroupIdCheckMembers") == []

    async def test_404_unknown_and_400_no_list(self, pm: Caller, group: Make, p: str) -> None:
        await pm.post(f"{API}/{p}/{NOBODY}/CheckMembers", [], expect=404)
        await pm.post(f"{API}/{p}/{(await group())['id']}/CheckMembers", {"ids": []}, expect=400)


class TestBulkLoadByIds:
    async def test_200_the_known_ones(self, pm: Caller, group: Make, person: Make, p: str) -> None:
        one, two = await group(await person()), await group()
        found = await pm.post(f"{API}/BulkLoadByIds/{p}", [one["id"], two["id"], NOBODY])
        assert {each["id"] for each in found} == {one["id"], two["id"]}
        assert all(each["members"] == [] for each in found)
