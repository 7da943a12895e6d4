"""Personal access tokens: made, used, renewed, exchanged, ended."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from podium.identity.issuer import Issuer
from podium.identity.personal_tokens import actions as personal_tokens
from podium.kernel.secrets import hash_machine_secret
from tests.conftest import Caller, Node

PATS = "/identity_/api/ReferenceToken"
FIRST_PARTY = ("IdentityServerApi", "OrchestratorApiUserAccess")


@pytest.fixture
async def me(api: Caller) -> Caller:
    """A user who signed in himself: no administrator of the organization, but one of the tenant."""
    return await api.as_role("Administrator").with_scopes(*FIRST_PARTY)


def wanted(node: Node, *scopes: str, **members: Any) -> dict[str, Any]:
    return {
        "description": "for the build",
        "expiration": (node.clock() + timedelta(days=30)).isoformat(),
        "scopes": list(scopes) or ["OR.Folders"],
    } | members


async def make(caller: Caller, *scopes: str, **members: Any) -> tuple[str, dict[str, Any]]:
    """A new token, and how it is listed."""
    token = await caller.post(PATS, wanted(caller.node, *scopes, **members), expect=201)
    return str(token), (await caller.get(PATS, expect=200))[-1]


def subject(caller: Caller) -> UUID:
    assert caller._user is not None
    return caller._user.id


async def trail(node: Node, token_id: str) -> list[tuple[str, str]]:
    rows = await node.rows("SELECT action, component FROM kernel.audit WHERE entity_id = $1 ORDER BY id", token_id)
    return [(row["action"], row["component"]) for row in rows]


class TestCreate:
    async def test_201_a_json_text_that_is_shown_once(self, me: Caller, node: Node) -> None:
        answer = await me.request("POST", PATS, wanted(node, "OR.Folders", "PM.User.Read", "OR.Folders"))
        assert answer.status == 201
        assert answer.headers["cache-control"] == "no-store"
        token = answer.json
        assert token.startswith("rt_")
        assert len(token) == len("rt_") + 43
        (shown,) = await me.get(PATS, expect=200)
        assert shown | {"id": "", "expiration": ""} == {
            "referenceToken": None,
            "id": "",
            "userId": str(subject(me)),
            "description": "for the build",
            "expiration": "",
            "scopes": ["OR.Folders", "PM.User.Read"],
            "lastUsed": None,
        }
        assert UUID(shown["id"])

    async def test_201_it_is_kept_as_its_hash_and_audited_without_it(self, me: Caller, node: Node) -> None:
        token, shown = await make(me)
        rows = await node.rows(
            "SELECT token_hash, t::text AS said FROM identity.personal_tokens t WHERE id = $1", UUID(shown["id"])
        )
        assert rows[0]["token_hash"] == hash_machine_secret(token)
        assert token not in rows[0]["said"]
        assert await trail(node, shown["id"]) == [("Create", "PersonalAccessToken")]
        rows = await node.rows("SELECT a::text AS said FROM kernel.audit a WHERE entity_id = $1", shown["id"])
        assert token not in rows[0]["said"]

    @pytest.mark.parametrize(
        ("member", "change"),
        [
            ("Description", {"description": ""}),
            ("Description", {"description": None}),
            ("Description", {"description": "x" * 257}),
            ("expiration", {"expiration": None}),
            ("Expiration", {"expiration": "2026-03-02T13:00:00Z"}),
            ("Expiration", {"expiration": "2020-01-01T00:00:00Z"}),
            ("Expiration", {"expiration": "2028-01-01T00:00:00Z"}),
            ("Scopes", {"scopes": []}),
            ("Scopes", {"scopes": None}),
            ("Scopes", {"scopes": ["OR.Nothing"]}),
            ("Scopes", {"scopes": ["OR.Folders", "openid"]}),
            ("Scopes", {"scopes": ["OR.Default"]}),
            ("Scopes", {"scopes": ["OrchestratorApiUserAccess"]}),
            ("Scopes", {"scopes": ["IdentityServerApi"]}),
        ],
    )
    async def test_400_names_the_member(self, me: Caller, node: Node, member: str, change: dict[str, Any]) -> None:
        answer = await me.post(PATS, wanted(node) | change, expect=400)
        assert list(answer["errors"]) == [member]
        assert await me.get(PATS, expect=200) == []

    async def test_400_past_five_also_at_once(self, me: Caller, node: Node) -> None:
        answers = await asyncio.gather(*(me.request("POST", PATS, wanted(node)) for _ in range(8)))
        assert sorted(one.status for one in answers) == [201] * 5 + [400] * 3
        (first, *_) = await me.get(PATS, expect=200)
        await me.delete(f"{PATS}/{first['id']}", expect=204)
        await me.post(PATS, wanted(node), expect=201)

    async def test_400_past_the_organization_s_own_limits(self, me: Caller, node: Node) -> None:
        for key, value in (("PersonalAccessToken.MaxDays", "7"), ("PersonalAccessToken.MaxPerUser", "1")):
            await node.rows(
                "INSERT INTO identity.settings (organization_id, key, key_key, value, updated_at)"
                " VALUES ($1, $2, $3, $4, $5)",
                *(node.organization_id, key, key.casefold(), value, node.clock()),
            )
        week = (node.clock() + timedelta(days=7)).isoformat()
        try:
            await me.post(PATS, wanted(node), expect=400)
            await me.post(PATS, wanted(node, expiration=week), expect=201)
            await me.post(PATS, wanted(node, expiration=week), expect=400)
        finally:
            await node.rows("DELETE FROM identity.settings WHERE key LIKE 'PersonalAccessToken.%'")

    async def test_403_for_scopes_that_the_call_has_not_itself(self, me: Caller, node: Node) -> None:
        classic = me.with_scopes("OrchestratorApiUserAccess", "PM.User.Read")
        await classic.post(PATS, wanted(node, "OR.Jobs", "PM.User.Read"), expect=201)
        await classic.post(PATS, wanted(node, "OR.Jobs", "PM.User.Write"), expect=403)
        platform = me.with_scopes("IdentityServerApi")
        await platform.post(PATS, wanted(node, "PM.Group"), expect=201)
        await platform.post(PATS, wanted(node, "OR.Jobs"), expect=403)

    async def test_403_for_applications_and_for_what_users_let_others_have(self, me: Caller, node: Node) -> None:
        application = me.bearer(await node.application_token(["OR.Folders", "PM.User"]))
        consented = me.with_scopes("OR.Folders", "PM.User")
        token, shown = await make(me)
        for caller in (application, consented, me.bearer(token)):
            await caller.post(PATS, wanted(node), expect=403)
            await caller.get(PATS, expect=403)
            for method, body in (("GET", None), ("DELETE", None), ("PUT", {"expiration": wanted(node)["expiration"]})):
                assert (await caller.request(method, f"{PATS}/{shown['id']}", body)).status == 403


class TestUse:
    async def test_200_in_both_apis_with_its_scopes_only(self, pm: Caller, node: Node) -> None:
        admin = pm.with_scopes(*FIRST_PARTY)
        token, _ = await make(admin, "OR.Folders", "PM.OAuthApp.Read")
        caller = admin.bearer(token)
        await caller.get("/odata/Folders", expect=200)
        await caller.get("/odata/Jobs", expect=403)
        await caller.get(f"/identity_/api/ExternalClient/{node.organization_id}", expect=200)
        await caller.post("/identity_/api/ExternalClient", {}, expect=403)
        for one in await admin.get(PATS, expect=200):
            await admin.delete(f"{PATS}/{one['id']}", expect=204)

    async def test_403_where_the_user_has_no_right(self, me: Caller, node: Node) -> None:
        token, _ = await make(me, "PM.OAuthApp", "OR.Settings")
        caller = me.bearer(token)
        await caller.get(f"/identity_/api/ExternalClient/{node.organization_id}", expect=403)
        await caller.post("/odata/Folders", {"DisplayName": "x"}, expect=403)

    @pytest.mark.parametrize(
        "spoilt", ["rt_", "rt_x", "RT_{0}", "{0}x", "rt_{0}", "{1}", "rt_" + "x" * 5000, "rt_\xe4"]
    )
    async def test_401_for_anything_else(self, me: Caller, spoilt: str) -> None:
        token, _ = await make(me)
        wrong = spoilt.format(token, token.removeprefix("rt_"))
        for path in ("/odata/Folders", PATS):
            answer = await me.node.http.get(path, headers={b"authorization": f"Bearer {wrong}".encode("latin-1")})
            assert answer.status_code == 401

    async def test_401_from_the_end_on(self, me: Caller, node: Node) -> None:
        end = node.clock() + timedelta(days=1)
        token, _ = await make(me, expiration=end.isoformat())
        caller = me.bearer(token)
        node.clock.forward(hours=23, minutes=59)
        await caller.get("/odata/Folders", expect=200)
        node.clock.forward(minutes=1)
        await caller.get("/odata/Folders", expect=401)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE identity.users SET is_active = false WHERE id = $1",
            "UPDATE identity.users SET deleted_at = now() WHERE id = $1",
            "DELETE FROM identity.personal_tokens WHERE user_id = $1",
        ],
    )
    async def test_401_at_once_when_the_user_is_disabled_or_deleted(self, me: Caller, node: Node, change: str) -> None:
        token, _ = await make(me)
        await me.bearer(token).get("/odata/Folders", expect=200)
        await node.rows(change, subject(me))
        await me.bearer(token).get("/odata/Folders", expect=401)
        await me.bearer(token).get("/identity_/api/ExternalApiResource", expect=401)

    async def test_the_last_use_is_noted_to_the_minute(self, me: Caller, node: Node) -> None:
        token, _ = await make(me)

        async def last_used(after: float) -> Any:
            node.clock.forward(seconds=after)
            await me.bearer(token).get("/odata/Folders", expect=200)
            return (await me.get(PATS, expect=200))[0]["lastUsed"]

        first = await last_used(1)
        assert first is not None
        assert await last_used(59) == first
        assert await last_used(1) > first

    async def test_403_for_another_organization_s_address(self, me: Caller, node: Node) -> None:
        _, name, _ = await node.make_organization("elsewhere")
        token, _ = await make(me)
        await me.bearer(token).get(f"/{name}/identity_/api/ExternalApiResource", expect=403)
        await me.bearer(token).get(f"/{name}/{me.tenant_name}/orchestrator_/odata/Folders", expect=403)


class TestReadOwn:
    async def test_200_one_and_404_of_somebody_else(self, me: Caller, api: Caller) -> None:
        _, shown = await make(me)
        assert await me.get(f"{PATS}/{shown['id']}", expect=200) == shown
        other = api.as_role().with_scopes(*FIRST_PARTY)
        assert await other.get(PATS, expect=200) == []
        for method, body in (("GET", None), ("DELETE", None), ("PUT", {"expiration": shown["expiration"]})):
            assert (await other.request(method, f"{PATS}/{shown['id']}", body)).status == 404
            assert (await other.request(method, f"{PATS}/{uuid4()}", body)).status == 404
        assert await me.get(PATS, expect=200) == [shown]

    async def test_400_for_an_id_that_is_no_guid(self, me: Caller) -> None:
        answer = await me.get(f"{PATS}/mine", expect=400)
        assert answer["errors"] == {"referenceTokenId": ["The value 'mine' is not valid."]}


class TestRenew:
    async def test_201_another_text_and_the_old_one_ends(self, me: Caller, node: Node) -> None:
        token, shown = await make(me)
        exchanged = (await me.post(f"{PATS}/Exchange", token, expect=200))["userAccessToken"]
        end = (node.clock() + timedelta(days=90)).isoformat()
        answer = await me.request("PUT", f"{PATS}/{shown['id']}", {"expiration": end})
        assert answer.status == 201
        renewed = answer.json
        for old in (token, exchanged):
            await me.bearer(old).get("/odata/Folders", expect=401)
        await me.bearer(renewed).get("/odata/Folders", expect=200)
        again = (await me.post(f"{PATS}/Exchange", renewed, expect=200))["userAccessToken"]
        await me.bearer(again).get("/odata/Folders", expect=200)
        (listed,) = await me.get(PATS, expect=200)
        assert (listed["id"], listed["scopes"]) == (shown["id"], shown["scopes"])
        assert listed["expiration"] > shown["expiration"]
        assert ("Update", "PersonalAccessToken") in await trail(node, shown["id"])

    async def test_201_one_that_ended_by_time(self, me: Caller, node: Node) -> None:
        token, shown = await make(me, expiration=(node.clock() + timedelta(days=1)).isoformat())
        node.clock.forward(days=2)
        await me.bearer(token).get("/odata/Folders", expect=401)
        body = {"expiration": (node.clock() + timedelta(days=1)).isoformat()}
        renewed = await me.put(f"{PATS}/{shown['id']}", body, expect=201)
        await me.bearer(renewed).get("/odata/Folders", expect=200)

    async def test_201_one_of_as_many_as_there_may_be(self, me: Caller, node: Node) -> None:
        made = [await make(me) for _ in range(5)]
        await me.put(f"{PATS}/{made[0][1]['id']}", {"expiration": wanted(node)["expiration"]}, expect=201)

    async def test_400_when_it_would_be_one_too_many(self, me: Caller, node: Node) -> None:
        _, shown = await make(me, expiration=(node.clock() + timedelta(days=1)).isoformat())
        node.clock.forward(days=2)
        for _ in range(5):
            await me.post(PATS, wanted(node), expect=201)
        body = {"expiration": wanted(node)["expiration"]}
        await me.put(f"{PATS}/{shown['id']}", body, expect=400)

    async def test_400_names_the_end(self, me: Caller) -> None:
        token, shown = await make(me)
        for end in ("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"):
            answer = await me.put(f"{PATS}/{shown['id']}", {"expiration": end}, expect=400)
            assert list(answer["errors"]) == ["Expiration"]
        await me.bearer(token).get("/odata/Folders", expect=200)

    async def test_403_when_the_call_has_not_the_token_s_scopes(self, me: Caller, node: Node) -> None:
        token, shown = await make(me, "PM.User")
        body = {"expiration": wanted(node)["expiration"]}
        await me.with_scopes("OrchestratorApiUserAccess").put(f"{PATS}/{shown['id']}", body, expect=403)
        await me.bearer(token).get(f"/identity_/api/Partition/{node.organization_id}", expect=403)


class TestDelete:
    async def test_204_it_ends_with_what_it_was_exchanged_for(self, me: Caller, node: Node) -> None:
        token, shown = await make(me)
        exchanged = (await me.post(f"{PATS}/Exchange", token, expect=200))["userAccessToken"]
        await me.bearer(exchanged).get("/odata/Folders", expect=200)
        answer = await me.request("DELETE", f"{PATS}/{shown['id']}")
        assert (answer.status, answer.content) == (204, b"")
        for ended in (token, exchanged):
            await me.bearer(ended).get("/odata/Folders", expect=401)
        assert await me.get(PATS, expect=200) == []
        await me.get(f"{PATS}/{shown['id']}", expect=404)
        await me.delete(f"{PATS}/{shown['id']}", expect=404)
        assert (await trail(node, shown["id"]))[-1] == ("Delete", "PersonalAccessToken")


class TestExchange:
    async def test_200_an_access_token_with_the_same_scopes(self, pm: Caller, me: Caller, node: Node) -> None:
        token, shown = await make(me, "OR.Folders", "PM.User.Read")
        answer = await pm.request("POST", f"{PATS}/Exchange", token)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        assert answer.json["expiresInSeconds"] == node.config.token_lifetime_s
        claims = node.port(Issuer).verify(answer.json["userAccessToken"], node.clock())
        assert (claims.subject, claims.scopes) == (subject(me), frozenset({"OR.Folders", "PM.User.Read"}))
        caller = me.bearer(answer.json["userAccessToken"])
        await caller.get("/odata/Folders", expect=200)
        await caller.get("/odata/Jobs", expect=403)
        await caller.post(PATS, wanted(node), expect=403)
        assert ("Exchange", "PersonalAccessToken") in await trail(node, shown["id"])

    async def test_200_it_ends_with_the_personal_token(self, me: Caller, node: Node) -> None:
        token, _ = await make(me, expiration=(node.clock() + timedelta(days=1)).isoformat())
        node.clock.forward(hours=23, minutes=50)
        answer = await me.post(f"{PATS}/Exchange", token, expect=200)
        assert answer["expiresInSeconds"] == 600
        assert node.port(Issuer).verify(answer["userAccessToken"], node.clock()).exp == node.clock().timestamp() + 600

    async def test_400_for_what_is_no_token_or_another_organization_s(self, me: Caller, node: Node) -> None:
        _, _, admin = await node.make_organization("elsewhere")
        there = me.bearer(node.token(admin, FIRST_PARTY))
        token, _ = await make(me)
        foreign = await there.post(PATS, wanted(node), expect=201)
        for wrong in ("rt_", f"{token}x", foreign, "", "\u00e4"):
            answer = await me.post(f"{PATS}/Exchange", wrong, expect=400)
            assert answer["errors"] == {"": ["The reference token is not valid."]}
        await there.post(f"{PATS}/Exchange", token, expect=400)
        for body in (None, 1, {"token": token}):
            assert (await me.request("POST", f"{PATS}/Exchange", body)).status == 400


class TestAdministrators:
    async def test_200_everybody_s_tokens_without_the_texts(self, pm: Caller, me: Caller, node: Node) -> None:
        token, shown = await make(me)
        answer = await pm.with_scopes("PM.User.Read").request("GET", f"{PATS}/partition/{node.organization_id}")
        assert answer.status == 200
        assert shown in answer.json
        assert token not in answer.text

    async def test_204_all_of_the_named_users_and_nobody_else_s(self, pm: Caller, api: Caller, me: Caller) -> None:
        other = await api.as_role("Administrator").with_scopes(*FIRST_PARTY)
        first, _ = await make(me)
        second, _ = await make(me)
        spared, _ = await make(other)
        exchanged = (await me.post(f"{PATS}/Exchange", first, expect=200))["userAccessToken"]
        answer = await pm.request("DELETE", PATS, {"userIds": [str(subject(me)), str(uuid4())]})
        assert (answer.status, answer.content) == (204, b"")
        for ended in (first, second, exchanged):
            await me.bearer(ended).get("/odata/Folders", expect=401)
        await me.bearer(spared).get("/odata/Folders", expect=200)

    @pytest.mark.parametrize("body", [{}, {"userIds": []}, {"userIds": None}, {"userIds": ["x"]}])
    async def test_400_unless_users_are_named(self, pm: Caller, me: Caller, body: dict[str, Any]) -> None:
        token, _ = await make(me)
        await pm.delete(PATS, body, expect=400)
        await me.bearer(token).get("/odata/Folders", expect=200)

    async def test_403_for_another_organization_and_its_users_keep_theirs(self, pm: Caller, node: Node) -> None:
        id_, _, admin = await node.make_organization("elsewhere")
        there = pm.bearer(node.token(admin, FIRST_PARTY))
        await there.post(PATS, wanted(node), expect=201)
        await pm.delete(PATS, {"partitionGlobalId": str(id_), "userIds": [str(admin.id)]}, expect=403)
        await pm.delete(PATS, {"userIds": [str(admin.id)]}, expect=204)
        assert len(await there.get(PATS, expect=200)) == 1

    async def test_all_tokens_of_a_user_end_with_him(self, me: Caller, node: Node) -> None:
        token, shown = await make(me)
        async with node.db.transaction() as connection:
            ended = await personal_tokens.end_all_of_user(connection, node.organization_id, subject(me), node.clock())
        assert [str(one) for one in ended] == [shown["id"]]
        await me.bearer(token).get("/odata/Folders", expect=401)
