"""Reading and deleting users: tag User, tag UserPartition, the portal's rows."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.api.identity.people import NOBODY, PASSWORD, USER, make, new_name, read, sign_in, trail
from tests.builders import Given
from tests.conftest import Caller, Node

BASES = (
    "/identity_",
    "/identity",
    "/{org}/identity",
    "/{org}/identity_",
    "/{id}/identity_",
    "/{org}/{tenant}/identity_",
)
LISTS = ("/identity_/api/User/users/{p}", "/identity_/api/UserPartition/users/{p}")
PORTAL_LISTS = ("/portal_/api/identity/User/users/licenses", "/portal_/api/identity/UserPartition/licenses")
MEMBERS = [
    "id",
    "userName",
    "email",
    "emailConfirmed",
    "name",
    "surname",
    "displayName",
    "creationTime",
    "lastModificationTime",
    "lastLoginTime",
    "groupIDs",
    "legacyId",
    "isActive",
    "bypassBasicAuthRestriction",
    "type",
    "invitationAccepted",
    "category",
    "extensionUserAttributes",
]


class TestGetUser:
    async def test_200_with_every_member_and_nulls(self, pm: Caller) -> None:
        name = new_name()
        found = await read(pm, await make(pm, userName=name, name="Mora", email=f"{name}@acme.test"))
        assert list(found) == MEMBERS
        assert found["surname"] is None
        assert found["lastLoginTime"] is None
        assert (found["type"], found["category"], found["groupIDs"]) == (0, 0, [])
        assert (found["emailConfirmed"], found["invitationAccepted"], found["isActive"]) == (True, False, True)
        assert found["creationTime"].endswith("Z")

    async def test_200_groups_without_everyone(self, pm: Caller, node: Node) -> None:
        groups = await node.rows(
            "SELECT id FROM identity.groups WHERE organization_id = $1 AND name = 'Administrators'",
            node.organization_id,
        )
        assert (await read(pm, node.admin))["groupIDs"] == [str(groups[0]["id"])]

    @pytest.mark.parametrize("base", BASES)
    async def test_200_at_every_address(self, pm: Caller, node: Node, base: str) -> None:
        where = base.format(org="default", id=node.organization_id, tenant="default")
        assert (await pm.get(f"{where}/api/user/{node.admin}"))["userName"] == "admin"

    async def test_200_oneself_without_being_administrator(self, api: Caller) -> None:
        user = await api.as_role()
        found = await user.with_scopes("PM.User.Read").get(f"{USER}/{user._user.id}")  # type: ignore[union-attr]
        assert found["userName"] == user.user_name

    async def test_400_for_text_that_is_no_guid(self, pm: Caller) -> None:
        answer = await pm.get(f"{USER}/har-3107", expect=400)
        assert list(answer) == ["errors", "type", "title", "status", "traceId"]
        assert answer["errors"] == {"userId": ["The value 'har-3107' is not valid."]}

    async def test_403_another_user_for_who_is_no_administrator(self, api: Caller, node: Node) -> None:
        user = await api.as_role()
        await user.with_scopes("PM.User.Read").get(f"{USER}/{node.admin}", expect=403)

    async def test_403_with_the_scope_to_write_only(self, pm: Caller, node: Node) -> None:
        await pm.with_scopes("PM.User.Write").get(f"{USER}/{node.admin}", expect=403)

    async def test_404_for_who_is_unknown_deleted_or_of_another_organization(self, pm: Caller, node: Node) -> None:
        _, _, stranger = await node.make_organization("elsewhere")
        gone = await make(pm)
        await pm.delete(f"{USER}/{gone}", expect=204)
        for id_ in (NOBODY, stranger.id, gone):
            answer = await pm.request("GET", f"{USER}/{id_}")
            assert (answer.status, answer.json["title"]) == (404, "Not Found")


class TestListUsers:
    @pytest.mark.parametrize("path", LISTS)
    async def test_200_a_page_oldest_first(self, pm: Caller, node: Node, path: str) -> None:
        node.clock.forward(seconds=1)
        await make(pm)
        page = await pm.get(path.format(p=node.organization_id), params={"top": 2, "junk": "1", "$count": "false"})
        assert list(page) == ["totalCount", "results"]
        assert page["totalCount"] >= 2
        assert [list(one) for one in page["results"]] == [MEMBERS, MEMBERS]
        assert page["results"][0]["userName"] == "admin"

    async def test_200_pages_join_without_gap(self, pm: Caller, node: Node) -> None:
        for _ in range(3):
            await make(pm)
        path = LISTS[0].format(p=node.organization_id)
        whole = await pm.get(path, params={"top": 1000})
        joined: list[str] = []
        while True:
            page = await pm.get(path, params={"top": 2, "skip": len(joined)})
            joined += [one["id"] for one in page["results"]]
            if len(page["results"]) < 2:
                break
        assert joined == [one["id"] for one in whole["results"]]
        assert len(joined) == whole["totalCount"]

    @pytest.mark.parametrize("member", ["userName", "email", "name", "surname", "displayName"])
    async def test_200_what_contains_the_term(self, pm: Caller, node: Node, member: str) -> None:
        mark = uuid4().hex[:10]
        value = f"a{mark}z@acme.test" if member == "email" else f"a{mark}z"
        id_ = await make(pm, **{member: value})
        await make(pm, name="a_%")
        found = await pm.get(LISTS[0].format(p=node.organization_id), params={"searchTerm": mark.upper()})
        assert [one["id"] for one in found["results"]] == [str(id_)]
        percent = await pm.get(LISTS[0].format(p=node.organization_id), params={"searchTerm": "_%"})
        assert str(id_) not in [one["id"] for one in percent["results"]]

    @pytest.mark.parametrize("order", ["asc", "DESC", "0", "1"])
    async def test_200_sorted_by_any_member(self, pm: Caller, node: Node, order: str) -> None:
        await make(pm)
        params = {"sortBy": "UserName", "sortOrder": order, "top": 1000}
        names = [
            one["userName"] for one in (await pm.get(LISTS[0].format(p=node.organization_id), params=params))["results"]
        ]
        assert names == sorted(names, key=str.lower, reverse=order in ("DESC", "1"))
        for member in MEMBERS:
            if member not in ("groupIDs", "extensionUserAttributes"):
                await pm.get(LISTS[0].format(p=node.organization_id), params={"sortBy": member}, expect=200)

    async def test_200_for_an_application(self, pm: Caller, node: Node) -> None:
        caller = pm.bearer(await node.application_token(["PM.User.Read"]))
        assert (await caller.get(LISTS[0].format(p=node.organization_id)))["totalCount"] >= 1

    @pytest.mark.parametrize(
        "params", [{"top": 1001}, {"top": -1}, {"skip": "x"}, {"sortBy": "password"}, {"sortOrder": "2"}]
    )
    async def test_400_names_the_parameter(self, pm: Caller, node: Node, params: dict[str, Any]) -> None:
        answer = await pm.get(LISTS[0].format(p=node.organization_id), params=params, expect=400)
        assert list(answer["errors"]) == list(params)

    async def test_200_nobody_of_another_organization(self, pm: Caller, node: Node) -> None:
        id_, _, admin = await node.make_organization("elsewhere")
        there = pm.bearer(node.token(admin, ["IdentityServerApi"]))
        page = await there.get(LISTS[0].format(p=id_))
        assert [one["id"] for one in page["results"]] == [str(admin.id)]

    @pytest.mark.parametrize("path", PORTAL_LISTS)
    async def test_200_the_portal_s_with_licences(self, pm: Caller, path: str, node: Node) -> None:
        page = await pm.get(f"/{node.organization_id}{path}", params={"top": 1})
        (admin,) = page["results"]
        assert list(admin) == [*MEMBERS, "userId", "userBundleCodes", "useExternalLicense", "inheritedFromGroup"]
        assert (admin["userId"], admin["userBundleCodes"], admin["useExternalLicense"]) == (admin["id"], [], False)

    async def test_the_portal_s_partition_is_checked(self, pm: Caller) -> None:
        await pm.get(PORTAL_LISTS[1], params={"partitionGlobalId": NOBODY}, expect=403)
        answer = await pm.get(PORTAL_LISTS[1], params={"partitionGlobalId": "magic-7"}, expect=400)
        assert list(answer["errors"]) == ["partitionGlobalId"]


class TestPartitionsOfUser:
    path = "/identity_/api/UserPartition"

    async def test_200_the_one_organization(self, pm: Caller, node: Node) -> None:
        page = await pm.get(f"{self.path}/partitions/{node.admin}")
        assert page["totalCount"] == 1
        assert page["results"] == [
            {
                "globalId": str(node.organization_id),
                "type": 1,
                "status": 0,
                "allowedIdp": None,
                "name": "default",
                "language": "en",
            }
        ]

    async def test_404_for_nobody(self, pm: Caller) -> None:
        await pm.get(f"{self.path}/partitions/{NOBODY}", expect=404)
        await pm.post(self.path, {"userId": NOBODY}, expect=404)
        await pm.delete(self.path, params={"userId": NOBODY}, expect=404)

    async def test_200_joining_changes_nothing_and_is_audited(self, pm: Caller, node: Node) -> None:
        body = {"partitionGlobalId": str(node.organization_id), "userId": str(node.admin)}
        answer = await pm.request("POST", self.path, body)
        assert (answer.status, answer.content) == (200, b"")
        row = (await trail(node, "UserPartition_Post"))[0]
        assert (row["component"], row["entity_id"]) == ("User", str(node.admin))

    async def test_400_leaving_and_naming_nobody(self, pm: Caller, node: Node) -> None:
        params = {"partitionGlobalId": str(node.organization_id), "userId": str(node.admin)}
        answer = await pm.delete(self.path, params=params, expect=400)
        assert "one organization" in answer["errors"]["userId"][0]
        assert (await pm.delete(self.path, expect=400))["errors"] == {"userId": ["The value '' is not valid."]}
        assert list((await pm.post(self.path, {}, expect=400))["errors"]) == ["UserId"]

    async def test_403_for_another_partition(self, pm: Caller, node: Node) -> None:
        await pm.post(self.path, {"partitionGlobalId": NOBODY, "userId": str(node.admin)}, expect=403)
        await pm.delete(self.path, params={"partitionGlobalId": NOBODY, "userId": str(node.admin)}, expect=403)


class TestDeleteUser:
    async def test_204_and_the_names_are_free_again(self, pm: Caller, node: Node) -> None:
        name = new_name()
        facts = {"userName": name, "email": f"{name}@acme.test"}
        id_ = await make(pm, **facts)
        answer = await pm.request("DELETE", f"{USER}/{id_}")
        assert (answer.status, answer.content) == (204, b"")
        await make(pm, **facts)
        row = (await trail(node, "User_DeleteByUserId"))[0]
        assert (row["component"], row["action"], row["entity_id"], row["entity_name"]) == (
            "User",
            "Delete",
            str(id_),
            name,
        )
        assert row["organization_id"] == node.organization_id

    async def test_204_sign_in_tokens_and_groups_end(self, pm: Caller, node: Node, api: Caller) -> None:
        administrators = (await read(pm, node.admin))["groupIDs"]
        name = new_name()
        id_ = await make(pm, userName=name, groupIDs=administrators)
        token = node.token(await node.user(id_), ["IdentityServerApi"])
        await pm.bearer(token).get(f"{USER}/{id_}", expect=200)
        node.clock.forward(seconds=1)
        await pm.delete(f"{USER}/{id_}", expect=204)
        await pm.bearer(token).get(f"{USER}/{id_}", expect=401)
        assert await node.rows("SELECT FROM identity.group_members WHERE member_id = $1", id_) == []
        assert (await sign_in(node, name, PASSWORD)).status == 400

    async def test_204_the_orchestrator_forgets_the_user_and_keeps_the_workspace(
        self, pm: Caller, node: Node, api: Caller
    ) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        await pm.post(f"{USER}/{id_}/changepassword", {"oldPassword": PASSWORD, "newPassword": f"{PASSWORD}2"})
        assert (await sign_in(node, name, f"{PASSWORD}2")).status == 200
        known = "SELECT id FROM orchestrator.users WHERE directory_id = $1"
        (row,) = await node.rows(known, id_)
        workspace = "SELECT id FROM orchestrator.folders WHERE owner_id = $1 AND folder_type = 'Personal'"
        (folder,) = await node.rows(workspace, row["id"])
        node.clock.forward(seconds=1)
        await pm.delete(f"{USER}/{id_}", expect=204)
        assert await node.rows(known, id_) == []
        assert await node.rows("SELECT FROM orchestrator.folder_members WHERE user_id = $1", row["id"]) == []
        assert len(await node.rows(workspace, row["id"])) == 1
        convert = f"/odata/PersonalWorkspaces({folder['id']})/UiPath.Server.Configuration.OData.ConvertToFolder"
        default = {"x-uipath-tenantname": "default"}
        await api.post(convert, {"FolderName": name}, headers=default)
        folders = await api.get("/odata/Folders", params={"$filter": f"DisplayName eq '{name}'"}, headers=default)
        assert [one["DisplayName"] for one in folders["value"]] == [name]

    async def test_204_a_robot_with_a_running_job_outlives_its_user_and_an_idle_one_does_not(
        self, pm: Caller, node: Node, api: Caller, given: Given
    ) -> None:
        user = await api.as_role("Automation User")
        assert user._user is not None
        add = (
            "INSERT INTO orchestrator.robots (tenant_id, key, name, name_key, user_id, created_at)"
            " VALUES ($1, gen_random_uuid(), $2, $2, $3, $4) RETURNING id"
        )
        (busy,), (idle,) = [
            await node.rows(add, api.tenant_id, name, user.user_id, node.clock()) for name in ("busy", "idle")
        ]
        job = await given.job()
        await node.rows(
            "UPDATE orchestrator.jobs SET state = 1, robot_id = $3 WHERE tenant_id = $1 AND id = $2",
            api.tenant_id,
            job["Id"],
            busy["id"],
        )
        await pm.delete(f"{USER}/{user._user.id}", expect=204)
        rows = await node.rows("SELECT id, user_id, is_enabled FROM orchestrator.robots WHERE id >= $1", busy["id"])
        assert [tuple(row) for row in rows] == [(busy["id"], None, True)]
        assert idle["id"] > busy["id"]

    async def test_400_oneself(self, pm: Caller, node: Node) -> None:
        answer = await pm.delete(f"{USER}/{node.admin}", expect=400)
        assert answer["errors"][0]["code"] == "CannotDeleteCurrentUser"

    async def test_400_the_last_administrator(self, pm: Caller, node: Node) -> None:
        caller = pm.bearer(await node.application_token(["PM.User"]))
        answer = await caller.delete(f"{USER}/{node.admin}", expect=400)
        assert answer["errors"][0]["code"] == "LastAdministrator"
        assert (await read(pm, node.admin))["isActive"] is True

    async def test_404_for_nobody_and_somebody_elsewhere(self, pm: Caller, node: Node) -> None:
        _, _, stranger = await node.make_organization("elsewhere")
        for id_ in (NOBODY, stranger.id):
            await pm.delete(f"{USER}/{id_}", expect=404)


class TestDeleteUsers:
    @pytest.mark.parametrize("path", [USER, "/portal_/api/identity/User", "/default/portal_/portal_/api/identity/User"])
    async def test_204_the_listed_ones_and_nobody_else(self, pm: Caller, node: Node, path: str) -> None:
        gone, stays = [await make(pm), await make(pm)], await make(pm)
        _, _, stranger = await node.make_organization("elsewhere")
        ids = [str(id_) for id_ in (*gone, stranger.id, NOBODY)]
        body = {"partitionGlobalId": str(node.organization_id), "userIds": ids, "isHostMode": False}
        answer = await pm.request("DELETE", path, body)
        assert (answer.status, answer.content) == (204, b""), answer.text
        for id_ in gone:
            await pm.get(f"{USER}/{id_}", expect=404)
        await pm.get(f"{USER}/{stays}", expect=200)
        assert len(await node.rows("SELECT FROM identity.users WHERE id = $1 AND deleted_at IS NULL", stranger.id)) == 1

    async def test_204_for_an_empty_list(self, pm: Caller) -> None:
        await pm.delete(USER, {"userIds": []}, expect=204)

    async def test_204_oneself_when_that_is_said(self, pm: Caller, node: Node) -> None:
        administrators = (await read(pm, node.admin))["groupIDs"]
        id_ = await make(pm, groupIDs=administrators)
        own = pm.bearer(node.token(await node.user(id_), ["PM.User"]))
        answer = await own.delete(USER, {"userIds": [str(id_)]}, expect=400)
        assert answer["errors"][0]["code"] == "CannotDeleteCurrentUser"
        await own.delete(USER, {"userIds": [str(id_)], "deleteCurrentUser": True}, expect=204)
        await pm.get(f"{USER}/{id_}", expect=404)

    @pytest.mark.parametrize("body", [None, {}, {"userIds": None}, {"userIds": ["har-3107"]}])
    async def test_400_without_a_list_nobody_is_deleted(self, pm: Caller, node: Node, body: Any) -> None:
        before = await node.rows("SELECT count(*) FROM identity.users WHERE deleted_at IS NULL")
        assert (await pm.request("DELETE", USER, body)).status == 400
        assert await node.rows("SELECT count(*) FROM identity.users WHERE deleted_at IS NULL") == before

    async def test_403_for_another_partition(self, pm: Caller, node: Node) -> None:
        id_, _, stranger = await node.make_organization("elsewhere")
        await pm.delete(USER, {"partitionGlobalId": str(id_), "userIds": [str(stranger.id)]}, expect=403)
