"""Provisioning by SCIM 2.0."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Caller, Node

USERS = "/identity_/scim/users"
GROUPS = "/identity_/scim/groups"
NOBODY = "00000000-0000-4000-8000-00000000dead"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
NUMBERS = count(1)

Make = Callable[..., Awaitable[Any]]


@pytest.fixture
def user(pm: Caller) -> Make:
    """Provisions a user with these further attributes."""

    async def make(**attributes: Any) -> Any:
        name = f"scim{next(NUMBERS)}"
        body = {"userName": name, "emails": [{"value": f"{name}@acme.test", "primary": True}], **attributes}
        return await pm.post(USERS, body, expect=201)

    return make


@pytest.fixture
def group(pm: Caller) -> Make:
    """Provisions a group with these members."""

    async def make(*members: str, **attributes: Any) -> Any:
        body = {"displayName": f"Scim group {next(NUMBERS)}", "members": [{"value": id_} for id_ in members]}
        return await pm.post(GROUPS, {**body, **attributes}, expect=201)

    return make


def operations(*parts: tuple[str, str | None, Any]) -> dict[str, Any]:
    listed = [{"op": op, **({"path": path} if path else {}), "value": value} for op, path, value in parts]
    return {"schemas": [PATCH], "Operations": listed}


def fault(answer: Any, status: int, scim_type: str = "") -> str:
    """The detail of a refusal that has this status and type."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"].startswith("application/scim+json")
    body = answer.json
    assert (body["schemas"], body["status"], body.get("scimType", "")) == ([ERROR], str(status), scim_type)
    return str(body["detail"])


async def audited(node: Node, operation: str) -> list[tuple[str, str, str | None]]:
    """Component, action and entity of the operation's audit rows, newest first."""
    rows = await node.rows(
        "SELECT component, action, entity_id FROM kernel.audit WHERE organization_id = $1 AND operation = $2"
        " ORDER BY id DESC",
        node.organization_id,
        operation,
    )
    return [tuple(row) for row in rows]


async def administrators(pm: Caller) -> str:
    found = await pm.get(GROUPS, params={"filter": 'displayName eq "administrators"'})
    return str(found["Resources"][0]["id"])


class TestCreateUser:
    async def test_201_in_the_standard_s_shape(self, pm: Caller, node: Node) -> None:
        number = next(NUMBERS)
        body = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "externalId": f"ext-{number}",
            "userName": f"mora{number}",
            "name": {"givenName": "Mora", "familyName": "Kessler", "formatted": "ignored"},
            "displayName": "Mora K.",
            "emails": [{"value": "home@acme.test", "type": "home"}, {"value": f"m{number}@acme.test", "primary": True}],
            "active": True,
            "title": "Lead",
            ENTERPRISE: {"department": "Finance"},
        }
        answer = await pm.request("POST", USERS, body, headers={"content-type": "application/scim+json"})
        assert (answer.status, answer.headers["content-type"]) == (201, "application/scim+json; charset=utf-8")
        made = answer.json
        created = made["meta"].pop("created")
        assert made["meta"] == {"resourceType": "User", "lastModified": created}
        assert UUID(made.pop("id"))
        del made["meta"]
        assert made == {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "externalId": f"ext-{number}",
            "userName": f"mora{number}",
            "name": {"formatted": "Mora Kessler", "familyName": "Kessler", "givenName": "Mora"},
            "displayName": "Mora K.",
            "active": True,
            "emails": [{"value": f"m{number}@acme.test", "type": "work", "primary": True}],
        }
        assert (await audited(node, "Scim_PostUsers"))[0][:2] == ("User", "Create")

    async def test_201_the_management_api_knows_it(self, pm: Caller, user: Make) -> None:
        made = await user(active=False)
        found = await pm.get(f"/identity_/api/User/{made['id']}")
        assert (found["userName"], found["isActive"], made["active"]) == (made["userName"], False, False)

    async def test_409_user_name_or_e_mail_taken(self, pm: Caller, user: Make) -> None:
        made = await user()
        fault(await pm.request("POST", USERS, {"userName": made["userName"].upper()}), 409, "uniqueness")
        body = {"userName": f"scim{next(NUMBERS)}", "emails": made["emails"]}
        fault(await pm.request("POST", USERS, body), 409, "uniqueness")

    @pytest.mark.parametrize(
        ("body", "word"),
        [
            ({}, "userName"),
            ({"userName": " "}, "userName"),
            ({"userName": "no spaces please"}, "no spaces please"),
            ({"userName": "x" * 257}, "userName"),
            ({"userName": "fine", "emails": [{"value": "nonsense"}]}, "nonsense"),
            ({"userName": "fine", "displayName": "x" * 257}, "displayName"),
        ],
    )
    async def test_400_names_what_is_wrong(self, pm: Caller, body: Any, word: str) -> None:
        assert word in fault(await pm.request("POST", USERS, body), 400, "invalidValue")

    async def test_400_a_body_that_is_none(self, pm: Caller) -> None:
        for content in (b"", b"{", b"[]", b'{"active": "perhaps"}'):
            answer = await pm.request("POST", USERS, content=content, headers={"content-type": "application/scim+json"})
            assert answer.status == 400


class TestListUsers:
    async def test_200_found_by_each_attribute(self, pm: Caller, user: Make) -> None:
        made = await user(externalId=f"Ext-{uuid4()}", displayName=f"Shown {uuid4()}")
        address = made["emails"][0]["value"]
        for text in (
            f'userName eq "{made["userName"].upper()}"',
            f'urn:ietf:params:scim:schemas:core:2.0:User:userName EQ "{made["userName"]}"',
            f'externalId eq "{made["externalId"]}"',
            f'displayName eq "{made["displayName"].lower()}"',
            f'emails.value eq "{address.upper()}"',
            f'emails[type eq "work"].value eq "{address}"',
            f'id eq "{made["id"]}" and active eq true',
        ):
            found = await pm.get(USERS, params={"filter": text})
            assert found["Resources"] == [made], text
            assert (found["totalResults"], found["startIndex"], found["itemsPerPage"]) == (1, 1, 1)
        for text in (
            f'externalId eq "{made["externalId"].lower()}"',
            f'id eq "{made["id"]}" and active eq false',
            'id eq "nonsense"',
        ):
            assert (await pm.get(USERS, params={"filter": text}))["Resources"] == [], text

    async def test_200_in_parts(self, pm: Caller, user: Make) -> None:
        made = [await user(displayName="In parts") for _ in range(3)]
        asked = {"filter": 'displayName eq "in parts"', "startIndex": 2, "count": 1}
        found = await pm.get(USERS, params=asked)
        assert (found["totalResults"], found["startIndex"], found["itemsPerPage"]) == (3, 2, 1)
        assert found["Resources"] == [made[1]]
        for odd in ({"startIndex": 0, "count": 5}, {"startIndex": -7}):
            everything = await pm.get(USERS, params={**asked, "count": 100, **odd})
            assert everything["Resources"] == made
        nothing = await pm.get(USERS, params={**asked, "count": -1})
        assert (nothing["totalResults"], nothing["Resources"]) == (3, [])

    @pytest.mark.parametrize(
        "text",
        [
            "userName", 'userName co "x"', "userName eq", "userName eq x", 'title eq "x"', 'userName eq "x" or id eq "y"',
            'userName eq "x" and', 'userName eq "x" and userName eq "y"', 'active eq "perhaps"', "userName eq true",
            'userName eq "\\ud800"', 'userName eq "\\u0000"', '(userName eq "x")',
        ],
    )  # fmt: skip
    async def test_400_a_filter_that_is_not_understood(self, pm: Caller, text: str) -> None:
        fault(await pm.request("GET", USERS, params={"filter": text}), 400, "invalidFilter")

    async def test_400_a_page_that_is_no_number(self, pm: Caller) -> None:
        for name in ("startIndex", "count"):
            assert name.lower() in fault(await pm.request("GET", USERS, params={name: "x"}), 400, "invalidValue")

    async def test_200_nothing_of_another_organization(self, pm: Caller, node: Node, user: Make) -> None:
        made = await user()
        _, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["PM.User"]))
        assert [each["userName"] for each in (await there.get(USERS))["Resources"]] == ["admin"]
        for method in ("GET", "DELETE"):
            fault(await there.request(method, f"{USERS}/{made['id']}"), 404)
        body = operations(("replace", "active", False))
        fault(await there.request("PATCH", f"{USERS}/{made['id']}", body), 404)


class TestGetUser:
    async def test_200_and_404(self, pm: Caller, user: Make) -> None:
        made = await user()
        assert await pm.get(f"{USERS}/{made['id']}") == made
        for id_ in (NOBODY, "har-3107"):
            fault(await pm.request("GET", f"{USERS}/{id_}"), 404)


class TestPatchUser:
    async def test_200_every_attribute_with_and_without_path(self, pm: Caller, node: Node, user: Make) -> None:
        made = await user(externalId="old", displayName="Old", name={"givenName": "Old", "familyName": "Old"})
        changed = await pm.patch(
            f"{USERS}/{made['id']}",
            operations(
                ("Replace", None, {"displayName": "New", "name.givenName": "Given", "externalId": "new"}),
                ("add", "name.familyName", "Family"),
                ("replace", 'emails[type eq "work"].value', "new.address@acme.test"),
                ("add", f"{ENTERPRISE}:department", "Finance"),
                ("replace", "userName", made["userName"].upper()),
            ),
        )
        assert (changed["displayName"], changed["externalId"], changed["userName"]) == ("New", "new", made["userName"])
        assert (changed["name"]["givenName"], changed["name"]["familyName"]) == ("Given", "Family")
        assert changed["emails"] == [{"value": "new.address@acme.test", "type": "work", "primary": True}]
        assert (await audited(node, "Scim_PatchUsersByUserId"))[0] == ("User", "Update", made["id"])

    async def test_200_removed_attributes_are_gone(self, pm: Caller, user: Make) -> None:
        made = await user(externalId="old", displayName="Old", name={"givenName": "Old", "familyName": "Old"})
        parts = [("remove", name, None) for name in ("externalId", "displayName", "name.givenName", "emails")]
        changed = await pm.patch(f"{USERS}/{made['id']}", operations(*parts))
        assert (changed["externalId"], changed["emails"], changed["name"]["givenName"]) == (None, [], None)
        assert changed["displayName"] == "Old"  # what is left of the name

    async def test_disabling_ends_tokens_and_enabling_lets_in_again(
        self, pm: Caller, api: Caller, node: Node, clock: Any
    ) -> None:
        caller = await api.as_role()
        assert caller._user is not None
        mine = f"/identity_/api/User/{caller._user.id}"
        token = node.token(caller._user, ["IdentityServerApi"])
        signed_in = pm.bearer(token)
        await signed_in.get(mine)
        clock.forward(seconds=1)
        path = f"{USERS}/{caller._user.id}"
        changed = await pm.patch(path, operations(("Replace", "active", "False")))
        assert changed["active"] is False
        assert (await signed_in.request("GET", mine)).status == 401
        assert (await pm.patch(path, operations(("Replace", None, {"active": True}))))["active"] is True
        clock.forward(seconds=1)
        await pm.bearer(node.token(await node.user(caller._user.id), ["IdentityServerApi"])).get(mine)

    async def test_400_the_last_administrator_stays_active_and_there(self, pm: Caller, node: Node) -> None:
        _, _, admin = await node.make_organization("small")
        program = pm.bearer(await node.application_token(["PM.User"], admin.organization_id))
        body = operations(("replace", "active", False))
        assert "administrator" in fault(await program.request("PATCH", f"{USERS}/{admin.id}", body), 400, "mutability")
        fault(await program.request("DELETE", f"{USERS}/{admin.id}"), 400, "mutability")
        assert (await program.get(f"{USERS}/{admin.id}"))["active"] is True

    @pytest.mark.parametrize(
        ("part", "scim_type"),
        [
            (("replace", "userName", "other"), "mutability"),
            (("remove", "userName", None), "mutability"),
            (("replace", "active", "perhaps"), "invalidValue"),
            (("remove", "active", None), "invalidValue"),
            (("replace", "displayName", 7), "invalidValue"),
            (("replace", "name", "x"), "invalidValue"),
            (("replace", "emails", ["x"]), "invalidValue"),
            (("replace", "emails", [{"value": "nonsense"}]), "invalidValue"),
            (("replace", "shoeSize", 43), "invalidPath"),
            (("replace", None, "x"), "invalidValue"),
            (("remove", None, None), "noTarget"),
            (("move", "active", True), "invalidSyntax"),
        ],
    )
    async def test_400_and_nothing_changed(self, pm: Caller, user: Make, part: Any, scim_type: str) -> None:
        made = await user()
        path = f"{USERS}/{made['id']}"
        body = operations(("replace", "displayName", "Never"), part)
        fault(await pm.request("PATCH", path, body), 400, scim_type)
        assert await pm.get(path) == made

    async def test_400_without_operations(self, pm: Caller, user: Make) -> None:
        made = await user()
        bodies: list[dict[str, Any]] = [{}, {"Operations": []}, {"Operations": None}]
        for body in bodies:
            fault(await pm.request("PATCH", f"{USERS}/{made['id']}", body), 400, "invalidSyntax")

    async def test_409_an_address_that_is_taken_and_404_nobody(self, pm: Caller, user: Make) -> None:
        one, two = await user(), await user()
        body = operations(("replace", "emails", one["emails"]))
        fault(await pm.request("PATCH", f"{USERS}/{two['id']}", body), 409, "uniqueness")
        fault(await pm.request("PATCH", f"{USERS}/{NOBODY}", body), 404)


class TestDeleteUser:
    async def test_204_the_name_is_free(self, pm: Caller, node: Node, user: Make, group: Make) -> None:
        made = await user()
        team = await group(made["id"])
        assert (await pm.request("DELETE", f"{USERS}/{made['id']}")).status == 204
        fault(await pm.request("GET", f"{USERS}/{made['id']}"), 404)
        assert (await pm.get(f"{GROUPS}/{team['id']}"))["members"] == []
        assert (await user(userName=made["userName"]))["id"] != made["id"]
        assert (await audited(node, "Scim_DeleteUsersByUserId"))[0] == ("User", "Delete", made["id"])

    async def test_400_oneself_and_404_nobody(self, pm: Caller, node: Node) -> None:
        fault(await pm.request("DELETE", f"{USERS}/{node.admin}"), 400, "mutability")
        fault(await pm.request("DELETE", f"{USERS}/{NOBODY}"), 404)


class TestGroups:
    async def test_201_and_found_by_each_attribute(self, pm: Caller, node: Node, user: Make, group: Make) -> None:
        member = await user()
        made = await group(member["id"], externalId=f"G-{uuid4()}")
        assert made["members"] == [{"value": member["id"], "display": member["displayName"], "type": "User"}]
        assert (await audited(node, "Scim_PostGroups"))[0] == ("Group", "Create", made["id"])
        assert await pm.get(f"{GROUPS}/{made['id']}") == made
        for text in (
            f'displayName eq "{made["displayName"].upper()}"',
            f'externalId eq "{made["externalId"]}"',
            f'id eq "{made["id"]}" and members eq "{member["id"]}"',
            f'members.value eq "{member["id"]}"',
        ):
            assert (await pm.get(GROUPS, params={"filter": text}))["Resources"] == [made], text
        for text in (f'id eq "{made["id"]}" and members eq "{NOBODY}"', 'members eq "x"'):
            assert (await pm.get(GROUPS, params={"filter": text}))["totalResults"] == 0

    async def test_200_without_members_when_these_are_excluded(self, pm: Caller, user: Make, group: Make) -> None:
        made = await group((await user())["id"])
        asked = {"excludedAttributes": "meta, MEMBERS", "filter": f'id eq "{made["id"]}"'}
        (found,) = (await pm.get(GROUPS, params=asked))["Resources"]
        assert "members" not in found
        assert "members" not in await pm.get(f"{GROUPS}/{made['id']}", params={"excludedAttributes": "members"})

    async def test_409_a_name_that_is_taken(self, pm: Caller, group: Make) -> None:
        made, other = await group(), await group()
        fault(await pm.request("POST", GROUPS, {"displayName": made["displayName"].lower()}), 409, "uniqueness")
        body = operations(("replace", "displayName", made["displayName"]))
        fault(await pm.request("PATCH", f"{GROUPS}/{other['id']}", body), 409, "uniqueness")

    async def test_400_no_name_or_an_impossible_member(self, pm: Caller, group: Make) -> None:
        fault(await pm.request("POST", GROUPS, {"members": []}), 400, "invalidValue")
        for id_ in (NOBODY, "x", (await group())["id"]):
            body = {"displayName": f"Odd {next(NUMBERS)}", "members": [{"value": id_}]}
            assert id_ in fault(await pm.request("POST", GROUPS, body), 400, "invalidValue")

    async def test_404_nobody_s(self, pm: Caller) -> None:
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", operations(("replace", "displayName", "x")))):
            for id_ in (NOBODY, "x"):
                fault(await pm.request(method, f"{GROUPS}/{id_}", body), 404)


class TestPatchGroup:
    async def test_200_members_come_and_go(self, pm: Caller, node: Node, user: Make, group: Make) -> None:
        one, two, three = [(await user())["id"] for _ in range(3)]
        made = await group(one)
        path = f"{GROUPS}/{made['id']}"
        for part, expected in (
            (("Add", "members", [{"value": two}, {"value": three}, {"value": one}]), {one, two, three}),
            (("Remove", f'members[value eq "{one}"]', None), {two, three}),
            (("Remove", "members", [{"value": two}]), {three}),
            (("replace", None, {"members": [{"value": one}], "externalId": "kept"}), {one}),
            (("remove", "members", None), set[str]()),
        ):
            changed = await pm.patch(path, operations(part))
            assert {member["value"] for member in changed["members"]} == expected
        assert changed["externalId"] == "kept"
        assert (await audited(node, "Scim_PatchGroupsByGroupId"))[0] == ("Group", "MembershipChange", made["id"])

    async def test_200_renamed(self, pm: Caller, node: Node, group: Make) -> None:
        made, name = await group(), f"Renamed {next(NUMBERS)}"
        changed = await pm.patch(f"{GROUPS}/{made['id']}", operations(("replace", "displayName", name)))
        assert changed["displayName"] == name
        assert (await audited(node, "Scim_PatchGroupsByGroupId"))[0] == ("Group", "Update", made["id"])

    @pytest.mark.parametrize(
        ("part", "scim_type"),
        [
            (("replace", "displayName", " "), "invalidValue"),
            (("remove", "displayName", None), "invalidValue"),
            (("add", "members", [{"value": "x"}]), "invalidValue"),
            (("add", "members", [{"value": NOBODY}]), "invalidValue"),
            (("add", "owners", []), "invalidPath"),
        ],
    )
    async def test_400_and_nothing_changed(self, pm: Caller, group: Make, part: Any, scim_type: str) -> None:
        made = await group()
        body = operations(("replace", "externalId", "never"), part)
        fault(await pm.request("PATCH", f"{GROUPS}/{made['id']}", body), 400, scim_type)
        assert await pm.get(f"{GROUPS}/{made['id']}") == made

    async def test_400_built_in_groups_keep_name_and_place(self, pm: Caller, user: Make) -> None:
        (everyone,) = (await pm.get(GROUPS, params={"filter": 'displayName eq "Everyone"'}))["Resources"]
        assert everyone["members"] == []
        path = f"{GROUPS}/{everyone['id']}"
        member = [{"value": (await user())["id"]}]
        for part in (("replace", "displayName", "Other"), ("add", "members", member)):
            fault(await pm.request("PATCH", path, operations(part)), 400, "mutability")
        fault(await pm.request("DELETE", path), 400, "mutability")

    async def test_administrators_need_both_scopes_and_keep_the_last_one(
        self, pm: Caller, node: Node, user: Make
    ) -> None:
        path, member = f"{GROUPS}/{await administrators(pm)}", (await user())["id"]
        body = operations(("add", "members", [{"value": member}]))
        half = pm.bearer(await node.application_token(["PM.Group"]))
        fault(await half.request("PATCH", path, body), 403)
        both = pm.bearer(await node.application_token(["PM.Group.Write", "PM.User.Write"]))
        await both.patch(path, body)
        await both.patch(path, operations(("remove", f'members[value eq "{member}"]', None)))
        fault(await both.request("PATCH", path, operations(("remove", "members", None))), 400, "mutability")


class TestDeleteGroup:
    async def test_204_the_members_stay(self, pm: Caller, node: Node, user: Make, group: Make) -> None:
        member = await user()
        made = await group(member["id"])
        assert (await pm.request("DELETE", f"{GROUPS}/{made['id']}")).status == 204
        fault(await pm.request("GET", f"{GROUPS}/{made['id']}"), 404)
        await pm.get(f"{USERS}/{member['id']}")
        assert (await audited(node, "Scim_DeleteGroupsByGroupId"))[0] == ("Group", "Delete", made["id"])


class TestScopes:
    async def test_403_by_the_kind_of_resource(self, pm: Caller, node: Node) -> None:
        users = pm.bearer(await node.application_token(["PM.User"]))
        groups = pm.bearer(await node.application_token(["PM.Group"]))
        assert (await users.request("GET", USERS)).status == 200
        assert (await users.request("GET", GROUPS)).status == 403
        assert (await groups.request("GET", GROUPS)).status == 200
        assert (await groups.request("GET", USERS)).status == 403
