"""POST /api/User and POST /api/User/BulkCreate."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.api.identity.people import NOBODY, OK, PASSWORD, USER, codes, make, new_name, read, setting, sign_in, trail
from tests.conftest import Caller, Node

BULK = f"{USER}/BulkCreate"
BASES = ("/identity_", "/identity", "/default/default/identity_")


@pytest.fixture
async def group(node: Node) -> str:
    """The id of the built-in group Automation Users."""
    rows = await node.rows(
        "SELECT id FROM identity.groups WHERE organization_id = $1 AND name = 'Automation Users'", node.organization_id
    )
    return str(rows[0]["id"])


class TestCreateUser:
    @pytest.mark.parametrize("base", BASES)
    async def test_200_with_everything(self, pm: Caller, node: Node, group: str, base: str) -> None:
        name, id_ = new_name(), uuid4()
        body = {
            "partitionGlobalId": str(node.organization_id),
            "id": str(id_),
            "userName": name,
            "email": f"{name}@acme.test",
            "name": "Mora",
            "surname": "Kessler",
            "displayName": "Mora K.",
            "type": "user",
            "legacyId": int(name.rpartition(".")[2]) + 4_000_000_000,
            "bypassBasicAuthRestriction": True,
            "invitationAccepted": True,
            "groupIDs": [group],
            "userLogins": [],
        }
        answer = await pm.request("POST", f"{base}/api/User", body)
        assert (answer.status, answer.json) == (200, OK)
        found = await read(pm, id_)
        for member in ("userName", "email", "name", "surname", "displayName", "legacyId", "groupIDs"):
            assert found[member] == body[member]
        assert found["bypassBasicAuthRestriction"] is found["invitationAccepted"] is found["emailConfirmed"] is True

    async def test_200_the_user_name_is_the_e_mail_by_default(self, pm: Caller) -> None:
        email = f"{new_name()}@acme.test"
        id_, other = str(uuid4()), str(uuid4())
        assert await pm.post(USER, {"id": id_, "email": email}) == OK
        assert await pm.post(USER, {"id": other, "userName": new_name(), "email": ""}) == OK
        assert (await pm.get(f"{USER}/{id_}"))["userName"] == email
        assert (await pm.get(f"{USER}/{other}"))["email"] is None

    async def test_200_a_password_must_be_changed_at_the_first_sign_in(self, pm: Caller, node: Node) -> None:
        name = new_name()
        await make(pm, userName=name, password=PASSWORD)
        assert "must be changed" in (await sign_in(node, name, PASSWORD)).json["message"]
        async with setting(node, "Auth.Password.ShouldChangePasswordAfterFirstLogin", "false"):
            name = new_name()
            await make(pm, userName=name, password=PASSWORD)
        assert (await sign_in(node, name, PASSWORD)).status == 200

    async def test_200_a_weak_password_unless_it_is_to_be_checked(self, pm: Caller) -> None:
        await make(pm, password="x")
        answer = await pm.post(USER, {"userName": new_name(), "password": "X", "validatePassword": True}, expect=400)
        assert codes(answer) == [
            "PasswordTooShort",
            "PasswordRequiresDigit",
            "PasswordRequiresLower",
            "PasswordTooCommon",
        ]

    async def test_200_legacy_ids_are_numbered(self, pm: Caller) -> None:
        first, second = [(await read(pm, await make(pm)))["legacyId"] for _ in range(2)]
        assert second == first + 1

    async def test_200_is_audited_without_the_password(self, pm: Caller, node: Node, group: str) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD, groupIDs=[group])
        row = (await trail(node, "User_Post"))[0]
        assert (row["component"], row["action"], row["entity_id"], row["entity_name"]) == (
            "User",
            "Create",
            str(id_),
            name,
        )
        assert row["organization_id"] == node.organization_id
        assert group in row["detail"]
        assert PASSWORD not in row["detail"]

    async def test_200_by_an_application_under_its_client_id(self, pm: Caller, node: Node) -> None:
        application = pm.bearer(await node.application_token(["PM.User.Write"]))
        assert await application.post(USER, {"userName": new_name()}) == OK
        assert (await trail(node, "User_Post"))[0]["client_id"]

    async def test_200_an_application_needs_the_scope_of_groups_for_groups(
        self, pm: Caller, node: Node, group: str
    ) -> None:
        body = {"userName": new_name(), "groupIDs": [group]}
        application = pm.bearer(await node.application_token(["PM.User"]))
        await application.post(USER, body, expect=403)
        both = pm.bearer(await node.application_token(["PM.User.Write", "PM.Group.Write"]))
        assert await both.post(USER, body) == OK

    @pytest.mark.parametrize(
        ("body", "code", "description"),
        [
            ({"userName": "ADMIN"}, "DuplicateUserName", "Username 'ADMIN' is already taken."),
            (
                {"userName": "somebody", "email": "Admin@Podium.LOCAL"},
                "DuplicateEmail",
                "Email 'Admin@Podium.LOCAL' is already taken.",
            ),
            ({}, "InvalidUserName", "Username '' is invalid, can only contain letters or digits."),
            ({"userName": "a b"}, "InvalidUserName", "Username 'a b' is invalid, can only contain letters or digits."),
            (
                {"userName": "mörä"},
                "InvalidUserName",
                "Username 'mörä' is invalid, can only contain letters or digits.",
            ),
            ({"userName": "somebody", "email": "a b@c"}, "InvalidEmail", "Email 'a b@c' is invalid."),
            (
                {"userName": "somebody", "groupIDs": [NOBODY]},
                "GroupNotFound",
                f"There is no group with the id '{NOBODY}'.",
            ),
            (
                {"userName": "somebody", "password": "x" * 257},
                "PasswordTooLong",
                "Passwords must be at most 256 characters.",
            ),
        ],
    )
    async def test_400_in_published_words(
        self, pm: Caller, node: Node, body: dict[str, Any], code: str, description: str
    ) -> None:
        answer = await pm.post(USER, body, expect=400)
        assert answer == {"succeeded": False, "errors": [{"code": code, "description": description}]}
        assert await node.rows("SELECT FROM identity.users WHERE user_name = 'somebody'") == []

    async def test_400_both_names_taken(self, pm: Caller) -> None:
        answer = await pm.post(USER, {"userName": "admin", "email": "admin@podium.local"}, expect=400)
        assert codes(answer) == ["DuplicateUserName", "DuplicateEmail"]

    async def test_400_an_id_of_any_principal(self, pm: Caller, node: Node, group: str) -> None:
        _, _, stranger = await node.make_organization("elsewhere")
        client = await node.make_client(node.organization_id, ["PM.User"])
        for id_ in (node.admin, stranger.id, client.id, group):
            answer = await pm.post(USER, {"id": str(id_), "userName": new_name()}, expect=400)
            assert codes(answer) == ["DuplicateUserId"]

    async def test_400_one_of_two_at_the_same_moment(self, pm: Caller) -> None:
        body = {"userName": new_name()}
        answers = await asyncio.gather(*(pm.request("POST", USER, body) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
        for answer in answers:
            assert answer.status == 200 or codes(answer.json) == ["DuplicateUserName"]

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            ({"userName": "x", "email": "no-address"}, "Email"),
            ({"userName": "x", "email": "a@b@c"}, "Email"),
            ({"userName": "x", "surname": "x" * 257}, "Surname"),
            ({"userName": "x", "type": "robotAccount"}, "Type"),
            ({"userName": "x", "userLogins": [{"loginProvider": "saml", "providerKey": "1"}]}, "UserLogins"),
        ],
    )
    async def test_400_names_the_member(self, pm: Caller, body: dict[str, Any], key: str) -> None:
        answer = await pm.post(USER, body, expect=400)
        assert list(answer["errors"]) == [key]

    @pytest.mark.parametrize("member", ["groupIDs", "id", "partitionGlobalId", "legacyId", "type"])
    async def test_400_a_value_of_another_kind(self, pm: Caller, member: str) -> None:
        answer = await pm.post(USER, {"userName": "x", member: ["her-1909"]}, expect=400)
        assert answer["status"] == 400

    async def test_403_for_another_partition(self, pm: Caller, node: Node) -> None:
        id_, _, _ = await node.make_organization("elsewhere")
        for partition in (str(id_), NOBODY):
            await pm.post(USER, {"partitionGlobalId": partition, "userName": new_name()}, expect=403)


class TestCreateUsers:
    async def test_200_the_published_sample(self, pm: Caller, node: Node, group: str) -> None:
        name, other = new_name(), new_name()
        body = {
            "users": [
                {"userName": name, "email": f"{name}@acme.test", "name": "Mora", "surname": "Kessler"},
                {"email": f"{other}@acme.test", "type": "user"},
            ],
            "partitionGlobalId": str(node.organization_id),
            "groupIDs": [group],
        }
        answer = await pm.post(BULK.lower(), body, expect=200)
        assert list(answer) == ["result", "users"]
        assert answer["result"] == OK
        assert [user["userName"] for user in answer["users"]] == [name, f"{other}@acme.test"]
        for user in answer["users"]:
            assert user == await pm.get(f"{USER}/{user['id']}")
            assert (user["groupIDs"], user["type"], user["invitationAccepted"]) == ([group], 0, False)
        row = (await trail(node, "User_PostBulkCreate"))[0]
        assert (row["component"], row["action"]) == ("User", "Create")
        assert all(user["id"] in row["detail"] for user in answer["users"])

    async def test_200_for_nobody(self, pm: Caller) -> None:
        assert await pm.post(BULK, {"users": []}) == {"result": OK, "users": []}

    @pytest.mark.parametrize(
        ("second", "code"),
        [
            ({"userName": "a b"}, "InvalidUserName"),
            ({"userName": "admin"}, "DuplicateUserName"),
            ({"userName": "FIRST.ONE"}, "DuplicateUserName"),
            ({"userName": "other.one", "email": "Admin@podium.local"}, "DuplicateEmail"),
            ({}, "InvalidUserName"),
        ],
    )
    async def test_400_one_wrong_and_none_is_made(
        self, pm: Caller, node: Node, second: dict[str, str], code: str
    ) -> None:
        answer = await pm.post(BULK, {"users": [{"userName": "first.one"}, second]}, expect=400)
        assert list(answer) == ["result", "users"]
        assert (codes(answer["result"]), answer["users"]) == ([code], [])
        assert await node.rows("SELECT FROM identity.users WHERE user_name = 'first.one'") == []

    async def test_400_an_unknown_group(self, pm: Caller) -> None:
        answer = await pm.post(BULK, {"users": [{"userName": new_name()}], "groupIDs": [NOBODY]}, expect=400)
        assert codes(answer["result"]) == ["GroupNotFound"]

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            ({}, "Users"),
            ({"users": None}, "Users"),
            ({"users": [{"userName": "x"}, {"email": "x"}]}, "Users[1].Email"),
            ({"users": [{"userName": f"u{number}"} for number in range(1001)]}, "Users"),
        ],
    )
    async def test_400_names_the_member(self, pm: Caller, body: dict[str, Any], key: str) -> None:
        assert list((await pm.post(BULK, body, expect=400))["errors"]) == [key]

    async def test_403_for_another_partition_and_groups_without_their_scope(
        self, pm: Caller, node: Node, group: str
    ) -> None:
        await pm.post(BULK, {"users": [], "partitionGlobalId": NOBODY}, expect=403)
        application = pm.bearer(await node.application_token(["PM.User"]))
        await application.post(BULK, {"users": [{"userName": new_name()}], "groupIDs": [group]}, expect=403)
