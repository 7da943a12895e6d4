"""PUT /api/User/{userId}."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.identity.people import NOBODY, OK, PASSWORD, USER, codes, make, new_name, read, setting, sign_in, trail
from tests.conftest import Caller, Node


@pytest.fixture
async def groups(node: Node) -> dict[str, str]:
    rows = await node.rows("SELECT name, id FROM identity.groups WHERE organization_id = $1", node.organization_id)
    return {row["name"]: str(row["id"]) for row in rows}


class TestUpdateUser:
    @pytest.mark.parametrize(
        "base", ["/identity_", "/identity", "/default/identity", "/default/default/identity_", "/DEFAULT/identity_"]
    )
    async def test_200_the_published_example(self, pm: Caller, node: Node, groups: dict[str, str], base: str) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, groupIDs=[groups["Automation Users"]])
        body = {
            "name": "Hermia",
            "surname": "Granger",
            "displayName": "Hermia G.",
            "email": f"{name}@acme.test",
            "isActive": True,
            "password": "wingard1um",
            "groupIDsToAdd": [groups["Automation Developers"]],
            "groupIDsToRemove": [groups["Automation Users"]],
            "bypassBasicAuthRestriction": True,
            "invitationAccepted": True,
        }
        answer = await pm.request("PUT", f"{base}/api/User/{id_}", body)
        assert (answer.status, answer.json) == (200, OK)
        found = await read(pm, id_)
        assert {member: found[member] for member in ("name", "surname", "displayName", "email")} == {
            member: body[member] for member in ("name", "surname", "displayName", "email")
        }
        assert found["groupIDs"] == [groups["Automation Developers"]]
        assert found["bypassBasicAuthRestriction"] is found["invitationAccepted"] is True
        assert found["lastModificationTime"] is not None

    async def test_200_what_is_absent_or_null_stays(self, pm: Caller) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, name="Mora", email=f"{name}@acme.test")
        before = await read(pm, id_)
        assert await pm.put(f"{USER}/{id_}", {"name": None, "email": None, "isActive": None, "userName": "other"}) == OK
        after = await read(pm, id_)
        assert {**after, "lastModificationTime": None} == before
        assert await pm.put(f"{USER}/{id_}", {"surname": "Kessler", "email": ""}) == OK
        after = await read(pm, id_)
        assert (after["name"], after["surname"], after["email"]) == ("Mora", "Kessler", None)

    async def test_200_attributes_are_added_replaced_and_removed(self, pm: Caller) -> None:
        id_ = await make(pm)
        await pm.put(f"{USER}/{id_}", {"extensionUserAttributesToAddOrUpdate": {"house": "g", "Year": "1"}})
        await pm.put(
            f"{USER}/{id_}",
            {"extensionUserAttributesToAddOrUpdate": {"house": "s"}, "extensionUserAttributesToRemove": ["Year", "x"]},
        )
        assert (await read(pm, id_))["extensionUserAttributes"] == {"house": "s"}

    async def test_200_group_changes_that_change_nothing(self, pm: Caller, groups: dict[str, str]) -> None:
        own, other = groups["Automation Users"], groups["Citizen Developers"]
        id_ = await make(pm, groupIDs=[own])
        body = {"groupIDsToAdd": [own, groups["Everyone"]], "groupIDsToRemove": [other]}
        assert await pm.put(f"{USER}/{id_}", body) == OK
        assert (await read(pm, id_))["groupIDs"] == [own]
        assert await pm.put(f"{USER}/{id_}", {"groupIDsToAdd": [other], "groupIDsToRemove": [other]}) == OK
        assert (await read(pm, id_))["groupIDs"] == [own]

    async def test_200_a_new_administrator_has_the_rights_at_once(
        self, pm: Caller, node: Node, groups: dict[str, str]
    ) -> None:
        id_ = await make(pm)
        own = pm.bearer(node.token(await node.user(id_), ["IdentityServerApi"]))
        await own.get(f"{USER}/{node.admin}", expect=403)
        await pm.put(f"{USER}/{id_}", {"groupIDsToAdd": [groups["Administrators"]]})
        await own.get(f"{USER}/{node.admin}", expect=200)
        await pm.put(f"{USER}/{id_}", {"groupIDsToRemove": [groups["Administrators"]]})
        await own.get(f"{USER}/{node.admin}", expect=403)

    async def test_200_disabling_ends_everything(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        token = node.token(await node.user(id_), ["IdentityServerApi"])
        await node.rows(
            "INSERT INTO identity.refresh_families (organization_id, id, client_id, subject, scopes, authenticated_at,"
            " expires_at) VALUES ($1, $2, 'c', $2, '{}', $3, $3)",
            node.organization_id,
            id_,
            node.clock(),
        )
        await node.rows(
            "INSERT INTO identity.sessions (organization_id, id, user_id, token_hash, methods, authenticated_at,"
            " created_at, last_seen_at, expires_at) VALUES ($1, $2, $2, sha256($3::bytea), '{pwd}', $4, $4, $4, $4)",
            node.organization_id,
            id_,
            str(id_).encode(),
            node.clock(),
        )
        await node.rows(
            "INSERT INTO identity.personal_tokens (organization_id, id, user_id, token_hash, description, scopes,"
            " created_at, expires_at) VALUES ($1, $2, $2, sha256($3::bytea), 'd', '{}', $4, $4)",
            node.organization_id,
            id_,
            str(id_).encode(),
            node.clock(),
        )
        node.clock.forward(seconds=1)
        await pm.put(f"{USER}/{id_}", {"isActive": False})
        assert (await read(pm, id_))["isActive"] is False
        await pm.bearer(token).get(f"{USER}/{id_}", expect=401)
        for table, column in (
            ("refresh_families", "revoked_at"),
            ("sessions", "ended_at"),
            ("personal_tokens", "revoked_at"),
        ):
            (row,) = await node.rows(f"SELECT {column} FROM identity.{table} WHERE id = $1", id_)
            assert row[column] == node.clock(), table
        assert "must be changed" not in (await sign_in(node, name, PASSWORD)).json["message"]
        await pm.put(f"{USER}/{id_}", {"isActive": True})
        assert "must be changed" in (await sign_in(node, name, PASSWORD)).json["message"]

    async def test_200_a_reset_password_opens_the_lock_and_must_be_changed(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        until = node.clock().replace(year=2030)
        await node.rows("UPDATE identity.users SET locked_until = $2, failed_attempts = 3 WHERE id = $1", id_, until)
        await pm.put(f"{USER}/{id_}", {"password": f"{PASSWORD}2"})
        assert "must be changed" in (await sign_in(node, name, f"{PASSWORD}2")).json["message"]
        assert "Invalid credentials" in (await sign_in(node, name, PASSWORD)).json["message"]

    async def test_200_activating_opens_the_lock(self, pm: Caller, node: Node) -> None:
        id_ = await make(pm)
        await node.rows(
            "UPDATE identity.users SET locked_until = $2 WHERE id = $1", id_, node.clock().replace(year=2030)
        )
        await pm.put(f"{USER}/{id_}", {"isActive": True})
        assert (await node.rows("SELECT locked_until FROM identity.users WHERE id = $1", id_))[0][
            "locked_until"
        ] is None

    async def test_200_a_new_address_is_doubted_once_mails_can_be_sent(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, email=f"{name}@acme.test")
        await pm.put(f"{USER}/{id_}", {"email": f"x{name}@acme.test"})
        assert (await read(pm, id_))["emailConfirmed"] is True
        async with setting(node, "Email.Smtp.Host", "mail.acme.test"):
            await pm.put(f"{USER}/{id_}", {"email": f"X{name}@acme.test"})
            assert (await read(pm, id_))["emailConfirmed"] is True
            await pm.put(f"{USER}/{id_}", {"email": f"y{name}@acme.test"})
        assert (await read(pm, id_))["emailConfirmed"] is False

    async def test_200_is_audited_by_the_names_of_members(self, pm: Caller, node: Node) -> None:
        id_ = await make(pm)
        await pm.put(f"{USER}/{id_}", {"name": "Mora", "password": PASSWORD})
        row = (await trail(node, "User_PutByUserId"))[0]
        assert (row["component"], row["action"], row["entity_id"]) == ("User", "Update", str(id_))
        assert row["organization_id"] == node.organization_id
        assert "password" in row["detail"]
        assert PASSWORD not in row["detail"]

    async def test_400_in_published_words(self, pm: Caller) -> None:
        id_ = await make(pm, password=PASSWORD)
        for body, code in (
            ({"email": "ADMIN@podium.local"}, "DuplicateEmail"),
            ({"email": "a b@c"}, "InvalidEmail"),
            ({"groupIDsToAdd": [NOBODY]}, "GroupNotFound"),
            ({"groupIDsToRemove": [NOBODY]}, "GroupNotFound"),
            ({"password": PASSWORD}, "PasswordPreviouslyUsed"),
            ({"password": "password1"}, "PasswordTooCommon"),
        ):
            answer = await pm.put(f"{USER}/{id_}", {"name": "not kept", **body}, expect=400)
            assert codes(answer) == [code]
        assert codes(await pm.put(f"{USER}/{id_}", {"password": ""}, expect=400))[0] == "PasswordTooShort"
        assert (await read(pm, id_))["name"] is None

    async def test_400_the_last_administrator(self, pm: Caller, node: Node, groups: dict[str, str]) -> None:
        for body in ({"isActive": False}, {"groupIDsToRemove": [groups["Administrators"]]}):
            answer = await pm.put(f"{USER}/{node.admin}", body, expect=400)
            assert codes(answer) == ["LastAdministrator"]
        second = await make(pm, groupIDs=[groups["Administrators"]])
        assert await pm.put(f"{USER}/{second}", {"groupIDsToRemove": [groups["Administrators"]]}) == OK

    @pytest.mark.parametrize(
        ("body", "key"),
        [
            ({"email": "x"}, "Email"),
            ({"displayName": "x" * 257}, "DisplayName"),
            ({"extensionUserAttributesToAddOrUpdate": {" ": "x"}}, "ExtensionUserAttributesToAddOrUpdate"),
            (
                {"extensionUserAttributesToAddOrUpdate": {f"a{number}": "" for number in range(101)}},
                "ExtensionUserAttributesToAddOrUpdate",
            ),
        ],
    )
    async def test_400_names_the_member(self, pm: Caller, body: dict[str, Any], key: str) -> None:
        id_ = await make(pm)
        assert list((await pm.put(f"{USER}/{id_}", body, expect=400))["errors"]) == [key]
        assert (await read(pm, id_))["extensionUserAttributes"] == {}

    async def test_400_for_text_that_is_no_guid(self, pm: Caller) -> None:
        answer = await pm.put(f"{USER}/her-1909", {"name": "x"}, expect=400)
        assert answer["errors"] == {"userId": ["The value 'her-1909' is not valid."]}

    async def test_200_users_change_their_own_names_and_403_nothing_else(self, api: Caller, node: Node) -> None:
        user = (await api.as_role()).with_scopes("PM.User.Write")
        assert user._user is not None
        own = f"{USER}/{user._user.id}"
        body: dict[str, object] = {"name": "A", "surname": "B", "displayName": "C", "email": None, "groupIDsToAdd": []}
        assert await user.put(own, body) == OK
        for other in (
            {"email": "a@b"},
            {"isActive": True},
            {"password": PASSWORD},
            {"groupIDsToAdd": [NOBODY]},
            {"bypassBasicAuthRestriction": True},
            {"invitationAccepted": True},
            {"extensionUserAttributesToAddOrUpdate": {"a": "b"}},
        ):
            await user.put(own, {"name": "D", **other}, expect=403)
        (row,) = await node.rows("SELECT first_name FROM identity.users WHERE id = $1", user._user.id)
        assert row["first_name"] == "A"
        await user.put(f"{USER}/{node.admin}", {"name": "x"}, expect=403)

    async def test_403_an_application_without_the_scope_of_groups(
        self, pm: Caller, node: Node, groups: dict[str, str]
    ) -> None:
        id_ = await make(pm)
        application = pm.bearer(await node.application_token(["PM.User.Write"]))
        await application.put(f"{USER}/{id_}", {"groupIDsToAdd": [groups["Administrators"]]}, expect=403)
        assert await application.put(f"{USER}/{id_}", {"name": "x"}) == OK
        both = pm.bearer(await node.application_token(["PM.User.Write", "PM.Group.Write"]))
        assert await both.put(f"{USER}/{id_}", {"groupIDsToAdd": [groups["Automation Users"]]}) == OK

    async def test_404_for_nobody_and_somebody_elsewhere(self, pm: Caller, node: Node) -> None:
        _, _, stranger = await node.make_organization("elsewhere")
        for id_ in (NOBODY, stranger.id):
            await pm.put(f"{USER}/{id_}", {"name": "x"}, expect=404)
