"""POST /api/User/{userId}/changepassword."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.api.identity.people import NOBODY, OK, PASSWORD, USER, codes, make, new_name, setting, sign_in, trail
from tests.conftest import Caller, Node

BASES = ("/identity_", "/identity", "/default/identity", "/default/default/identity_")
NEW = "patr0nu5"


async def change(caller: Caller, id_: UUID, old: str | None, new: str | None, expect: int = 200) -> Any:
    body = {"oldPassword": old, "newPassword": new}
    return await caller.post(f"{USER}/{id_}/changepassword", body, expect=expect)


class TestChangePassword:
    @pytest.mark.parametrize("base", BASES)
    async def test_200_the_published_example(self, pm: Caller, node: Node, base: str) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        body = {"oldPassword": PASSWORD, "newPassword": NEW}
        answer = await pm.request("POST", f"{base}/api/User/{id_}/changePassword", body)
        assert (answer.status, answer.json) == (200, OK)
        assert answer.content == b'{"succeeded":true,"errors":[]}'
        assert (await sign_in(node, name, NEW)).status == 200, "the new one is not due"
        assert (await sign_in(node, name, PASSWORD)).status == 400

    async def test_200_by_oneself_and_what_let_in_has_ended(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        await node.rows(
            "INSERT INTO identity.refresh_families (organization_id, id, client_id, subject, scopes, authenticated_at,"
            " expires_at) VALUES ($1, $2, 'c', $2, '{}', $3, $3)",
            node.organization_id,
            id_,
            node.clock(),
        )
        own = pm.bearer(node.token(await node.user(id_), ["PM.User.Write"]))
        node.clock.forward(seconds=1)
        assert await change(own, id_, PASSWORD, NEW) == OK
        await change(own, id_, NEW, f"{NEW}7", expect=401)
        (family,) = await node.rows("SELECT revoked_at FROM identity.refresh_families WHERE id = $1", id_)
        assert family["revoked_at"] == node.clock()

    async def test_200_by_an_application_who_knows_the_old_one(self, pm: Caller, node: Node) -> None:
        id_ = await make(pm, password=PASSWORD)
        application = pm.bearer(await node.application_token(["PM.User"]))
        assert codes(await change(application, id_, "guess", NEW, expect=400)) == ["PasswordMismatch"]
        assert await change(application, id_, PASSWORD, NEW) == OK
        row = (await trail(node, "User_PostByUserIdChangepassword"))[0]
        assert (row["component"], row["action"], row["entity_id"]) == ("User", "PasswordChange", str(id_))
        assert row["client_id"]
        assert row["detail"] is None

    async def test_400_the_old_one_is_wrong_or_missing(self, pm: Caller, node: Node) -> None:
        id_ = await make(pm, password=PASSWORD)
        before = len(await trail(node, "User_PostByUserIdChangepassword"))
        for old in ("wrong", "", None, PASSWORD + " ", "x" * 300):
            answer = await change(pm, id_, old, NEW, expect=400)
            assert answer == {
                "succeeded": False,
                "errors": [{"code": "PasswordMismatch", "description": "Incorrect password."}],
            }
        assert len(await trail(node, "User_PostByUserIdChangepassword")) == before
        without = await make(pm)
        assert codes(await change(pm, without, "", NEW, expect=400)) == ["PasswordMismatch"]

    @pytest.mark.parametrize(
        ("new", "expected"),
        [
            (None, ["PasswordTooShort", "PasswordRequiresDigit", "PasswordRequiresLower"]),
            ("", ["PasswordTooShort", "PasswordRequiresDigit", "PasswordRequiresLower"]),
            ("ÄÖÜäöüßé", ["PasswordRequiresDigit", "PasswordRequiresLower"]),
            ("x7" * 129, ["PasswordTooLong", "PasswordTooCommon"]),
            ("password1", ["PasswordTooCommon"]),
            (PASSWORD, ["PasswordPreviouslyUsed"]),
        ],
    )
    async def test_400_every_broken_rule_at_once(self, pm: Caller, new: str | None, expected: list[str]) -> None:
        id_ = await make(pm, password=PASSWORD)
        assert codes(await change(pm, id_, PASSWORD, new, expect=400)) == expected

    async def test_400_by_the_rules_of_the_organization(self, pm: Caller, node: Node) -> None:
        id_ = await make(pm, password=PASSWORD)
        rule = '{"hasSpecialCharacter":true,"hasLowercase":true,"hasUppercase":true,"hasDigit":true,"Length":"12"}'
        async with setting(node, "Auth.Password.PasswordComplexity", rule):
            answer = await change(pm, id_, PASSWORD, NEW, expect=400)
        assert answer["errors"] == [
            {"code": "PasswordTooShort", "description": "Passwords must be at least 12 characters."},
            {
                "code": "PasswordRequiresNonAlphanumeric",
                "description": "Passwords must have at least one non alphanumeric character.",
            },
            {
                "code": "PasswordRequiresUpper",
                "description": "Passwords must have at least one uppercase ('A'-'Z').",
            },
        ]
        async with setting(node, "Auth.Password.RefuseCommonPasswords", "false"):
            assert await change(pm, id_, PASSWORD, "password1") == OK

    async def test_400_the_present_one_and_as_many_before_it_as_the_limit_says(self, pm: Caller, node: Node) -> None:
        id_ = await make(pm, password=PASSWORD)
        await change(pm, id_, PASSWORD, "second teapot 2")
        await change(pm, id_, "second teapot 2", "third teapot 3")
        for used in ("third teapot 3", "second teapot 2"):
            assert codes(await change(pm, id_, "third teapot 3", used, expect=400)) == ["PasswordPreviouslyUsed"]
        async with setting(node, "Auth.Password.PreviousUseLimit", "2"):
            answer = await change(pm, id_, "third teapot 3", PASSWORD, expect=400)
            assert codes(answer) == ["PasswordPreviouslyUsed"]
        assert await change(pm, id_, "third teapot 3", PASSWORD) == OK
        async with setting(node, "Auth.Password.PreviousUseLimit", "0"):
            assert await change(pm, id_, PASSWORD, PASSWORD) == OK

    async def test_400_wrong_ones_count_and_lock(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        async with setting(node, "Auth.UserLockOut.MaxFailedAccessAttemptsBeforeLockout", "2"):
            assert codes(await change(pm, id_, "wrong", NEW, expect=400)) == ["PasswordMismatch"]
            assert (await sign_in(node, name, "wrong")).status == 400
        assert codes(await change(pm, id_, PASSWORD, NEW, expect=400)) == ["UserLockedOut"]
        assert "Invalid credentials" in (await sign_in(node, name, PASSWORD)).json["message"]
        node.clock.forward(seconds=300)
        assert await change(pm, id_, PASSWORD, NEW) == OK

    async def test_400_a_disabled_user_is_told_only_with_the_right_one(self, pm: Caller) -> None:
        id_ = await make(pm, password=PASSWORD)
        await pm.put(f"{USER}/{id_}", {"isActive": False})
        assert codes(await change(pm, id_, "wrong", NEW, expect=400)) == ["PasswordMismatch"]
        assert codes(await change(pm, id_, PASSWORD, NEW, expect=400)) == ["UserNotActive"]

    async def test_400_for_text_that_is_no_guid(self, pm: Caller) -> None:
        answer = await pm.post(f"{USER}/gryff-01/changepassword", {}, expect=400)
        assert answer["errors"] == {"userId": ["The value 'gryff-01' is not valid."]}

    async def test_403_of_another_user_by_who_is_no_administrator(self, pm: Caller, api: Caller) -> None:
        id_ = await make(pm, password=PASSWORD)
        await change((await api.as_role()).with_scopes("PM.User"), id_, PASSWORD, NEW, expect=403)

    async def test_404_for_nobody_and_somebody_elsewhere(self, pm: Caller, node: Node) -> None:
        _, _, stranger = await node.make_organization("elsewhere")
        for id_ in (UUID(NOBODY), stranger.id):
            await change(pm, id_, PASSWORD, NEW, expect=404)


class TestClassicSignIn:
    async def test_400_a_password_that_is_too_old_is_told_only_to_who_knows_it(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        await change(pm, id_, PASSWORD, NEW)
        async with setting(node, "Auth.Password.DefaultExpirationDays", "1"):
            assert (await sign_in(node, name, NEW)).status == 200
            node.clock.forward(days=1)
            assert "Invalid credentials" in (await sign_in(node, name, "wrong")).json["message"]
            assert "must be changed" in (await sign_in(node, name, NEW)).json["message"]
            assert (await sign_in(node, "admin", "correct horse 7 battery")).status == 200, (
                "the operator's is never due"
            )

    async def test_400_with_a_second_factor_and_where_one_is_asked_of_everybody(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        await change(pm, id_, PASSWORD, NEW)
        async with setting(node, "Auth.SecondFactor.Required", "true"):
            assert "second factor" in (await sign_in(node, name, NEW)).json["message"]
        assert (await sign_in(node, name, NEW)).status == 200
        await node.rows(
            "INSERT INTO identity.passkeys (organization_id, id, user_id, credential_id, public_key, sign_count, name,"
            " created_at) VALUES ($1, $2, $2, $3, '', 0, 'key', $4)",
            node.organization_id,
            id_,
            id_.bytes,
            node.clock(),
        )
        assert "second factor" in (await sign_in(node, name, NEW)).json["message"]
        assert "Invalid credentials" in (await sign_in(node, name, "wrong")).json["message"]

    async def test_400_where_passwords_are_restricted_but_for_the_exempt(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        await change(pm, id_, PASSWORD, NEW)
        async with setting(node, "Auth.RestrictBasicAuthentication", "true"):
            refused = await sign_in(node, name, NEW)
            wrong = await sign_in(node, name, "wrong")
            assert refused.status == 400
            assert {**refused.json, "traceId": ""} == {**wrong.json, "traceId": ""}
            await pm.put(f"{USER}/{id_}", {"bypassBasicAuthRestriction": True})
            assert (await sign_in(node, name, NEW)).status == 200
