"""Sessions and second factors of a user, as administrators and the user himself reach them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from podium.identity.second_factors import actions as second_factors
from podium.identity.sessions import actions as sessions
from podium.identity.settings.rules import SessionPolicy
from podium.kernel.keyring import Keyring
from tests.api.identity.pages.persons import PASSWORD, code_of, make_user
from tests.api.identity.people import NOBODY, sign_in, trail
from tests.conftest import Caller, Node

PODIUM_USER = "/identity_/api/podium/User"


async def begin(node: Node, user_id: UUID) -> str:
    """The id of a new session."""
    async with node.db.transaction() as db:
        session, _ = await sessions.start(
            db, node.organization_id, user_id, ("pwd",), node.clock(), SessionPolicy(), browser="Lynx", address="::1"
        )
    return str(session.id)


class TestSessions:
    async def test_200_of_a_user(self, pm: Caller, node: Node) -> None:
        user = await make_user(node, "listed")
        first = await begin(node, user.id)
        (row,) = await pm.get(f"{PODIUM_USER}/{user.id}/sessions")
        assert (row["id"], row["browser"], row["address"], row["methods"]) == (first, "Lynx", "::1", ["pwd"])
        assert row["createdAt"].endswith("Z")
        assert "token" not in str(row).lower()

    async def test_200_and_204_for_the_user_himself_and_nobody_else(self, api: Caller, node: Node) -> None:
        me, other = await make_user(node, "me"), await make_user(node, "not.me")
        mine = await begin(node, me.id)
        caller = api.bearer(node.token(await node.user(me.id), ["IdentityServerApi"]))
        await caller.get(f"{PODIUM_USER}/{me.id}/sessions", expect=200)
        for path in (f"{other.id}/sessions", f"{other.id}/sessions/{mine}"):
            assert (await caller.request("DELETE", f"{PODIUM_USER}/{path}")).status == 403
        assert (await caller.request("GET", f"{PODIUM_USER}/{other.id}/sessions")).status == 403
        await caller.delete(f"{PODIUM_USER}/{me.id}/sessions/{mine}", expect=204)

    async def test_204_one_ends(self, pm: Caller, node: Node) -> None:
        user = await make_user(node, "halved")
        first, second = await begin(node, user.id), await begin(node, user.id)
        await pm.delete(f"{PODIUM_USER}/{user.id}/sessions/{first}", expect=204)
        assert [row["id"] for row in await pm.get(f"{PODIUM_USER}/{user.id}/sessions")] == [second]
        await pm.delete(f"{PODIUM_USER}/{user.id}/sessions/{first}", expect=404)
        (row, *_) = await trail(node, "Sessions_DeleteByUserIdBySessionId")
        assert (row["component"], row["action"], row["entity_id"]) == ("Authentication", "UserLogout", str(user.id))

    async def test_204_all_end_with_the_access_tokens(self, pm: Caller, api: Caller, node: Node) -> None:
        user = await make_user(node, "cleared")
        await begin(node, user.id)
        token = api.bearer(node.token(await node.user(user.id), ["IdentityServerApi"]))
        await token.get(f"{PODIUM_USER}/{user.id}/sessions", expect=200)
        await pm.delete(f"{PODIUM_USER}/{user.id}/sessions", expect=204)
        assert await pm.get(f"{PODIUM_USER}/{user.id}/sessions") == []
        assert (await token.request("GET", f"{PODIUM_USER}/{user.id}/sessions")).status == 401

    async def test_404_for_the_session_of_another_user(self, pm: Caller, node: Node) -> None:
        user, other = await make_user(node, "mixed"), await make_user(node, "up")
        theirs = await begin(node, other.id)
        await pm.delete(f"{PODIUM_USER}/{user.id}/sessions/{theirs}", expect=404)

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    async def test_404_and_400_for_who_does_not_exist(self, pm: Caller, node: Node, method: str) -> None:
        assert (await pm.request(method, f"{PODIUM_USER}/{NOBODY}/sessions")).status == 404
        answer: Any = await pm.request(method, f"{PODIUM_USER}/magic-7/sessions")
        assert answer.json["errors"] == {"userId": ["The value 'magic-7' is not valid."]}
        _, _, there = await node.make_organization("next.door")
        assert (await pm.request(method, f"{PODIUM_USER}/{there.id}/sessions")).status == 404


class TestSecondFactors:
    async def test_204_and_the_password_lets_in_again(self, pm: Caller, node: Node) -> None:
        user = await make_user(node, "lost.phone")
        secret, now = second_factors.new_totp_secret(), node.clock()
        async with node.db.transaction() as db:
            code = code_of(secret, now)
            owner = node.organization_id
            await second_factors.enrol_totp(db, node.port(Keyring), owner, user.id, secret, code, now)
            await second_factors.new_recovery_codes(db, owner, user.id, now)
        assert (await sign_in(node, "lost.phone", PASSWORD)).status == 400
        await pm.delete(f"{PODIUM_USER}/{user.id}/secondFactors", expect=204)
        async with node.db.acquire() as db:
            factors = await second_factors.factors_of(db, node.organization_id, user.id)
        assert (factors.has_any, factors.recovery_codes_left) == (False, 0)
        assert (await sign_in(node, "lost.phone", PASSWORD)).status == 200
        (row, *_) = await trail(node, "SecondFactors_DeleteByUserId")
        assert (row["component"], row["action"], row["entity_id"]) == ("User", "Update", str(user.id))

    async def test_nothing_is_kept_of_a_deleted_user(self, pm: Caller, node: Node) -> None:
        user = await make_user(node, "erased")
        secret, now = second_factors.new_totp_secret(), node.clock()
        async with node.db.transaction() as db:
            code = code_of(secret, now)
            await second_factors.enrol_totp(db, node.port(Keyring), node.organization_id, user.id, secret, code, now)
        await pm.delete(f"/identity_/api/User/{user.id}")
        assert await node.rows("SELECT 1 FROM identity.totp WHERE user_id = $1", user.id) == []

    async def test_403_for_the_user_himself(self, api: Caller, node: Node) -> None:
        me = await make_user(node, "careless")
        caller = api.bearer(node.token(await node.user(me.id), ["IdentityServerApi"]))
        assert (await caller.request("DELETE", f"{PODIUM_USER}/{me.id}/secondFactors")).status == 403

    async def test_404_for_who_does_not_exist(self, pm: Caller) -> None:
        await pm.delete(f"{PODIUM_USER}/{NOBODY}/secondFactors", expect=404)
