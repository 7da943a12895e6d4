"""Revocation (RFC 7009) and introspection (RFC 7662)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from podium.identity.issuer import Issuer
from tests.conftest import Caller, Node

from .conftest import ISSUER, SECRET, Browser, Party, claims_of, register


async def revoke(party: Party, token: str, **more: str) -> int:
    answer = await party.post("/connect/revocation", {"token": token, **more})
    return answer.status_code


class TestRevocation:
    async def test_200_an_access_token_ends_alone(self, node: Node, public: Party, browser: Browser) -> None:
        tokens, others = await public.tokens(browser), await public.tokens(browser)
        assert await revoke(public, tokens["access_token"], token_type_hint="access_token") == 200
        assert not await public.is_good(tokens["access_token"])
        assert await public.is_good(others["access_token"])
        assert (await public.refresh(tokens["refresh_token"])).status_code == 200
        node.port(Issuer)._noted.clear()
        await node.port(Issuer).reload()
        assert not await public.is_good(tokens["access_token"])

    @pytest.mark.parametrize("hint", ["refresh_token", "access_token", "nonsense", None])
    async def test_200_a_refresh_token_ends_with_all_that_came_of_its_sign_in(
        self, public: Party, browser: Browser, hint: str | None
    ) -> None:
        tokens, others = await public.tokens(browser), await public.tokens(browser)
        more = {"token_type_hint": hint} if hint else {}
        assert await revoke(public, tokens["refresh_token"], **more) == 200
        assert (await public.refresh(tokens["refresh_token"])).json() == {"error": "invalid_grant"}
        assert not await public.is_good(tokens["access_token"])
        assert await public.is_good(others["access_token"])

    async def test_200_a_spent_refresh_token_ends_its_sign_in_as_well(self, public: Party, browser: Browser) -> None:
        first = await public.tokens(browser)
        second = (await public.refresh(first["refresh_token"])).json()
        assert await revoke(public, first["refresh_token"]) == 200
        assert (await public.refresh(second["refresh_token"])).status_code == 400

    async def test_200_and_nothing_ends_for_another_clients_token(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        tokens, other = await public.tokens(browser), await register(node)
        for name in ("access_token", "refresh_token"):
            assert await revoke(other, tokens[name]) == 200
        assert await public.is_good(tokens["access_token"])
        assert (await public.refresh(tokens["refresh_token"])).status_code == 200

    @pytest.mark.parametrize("token", ["x", "e30.e30.e30", "A" * 86, "ä", "x" * 20_000])
    async def test_200_for_text_that_is_no_token(self, public: Party, token: str) -> None:
        assert await revoke(public, token) == 200

    async def test_400_without_a_token(self, public: Party) -> None:
        answer = await public.post("/connect/revocation", {"token": ""})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("secret", [None, "wrong"])
    async def test_400_without_the_secret(self, confidential: Party, browser: Browser, secret: str | None) -> None:
        tokens = await confidential.tokens(browser)
        answer = await confidential.post(
            "/connect/revocation", {"token": tokens["access_token"], "client_secret": secret}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")
        assert await confidential.is_good(tokens["access_token"])

    async def test_it_leaves_an_audit_row(self, node: Node, public: Party, browser: Browser) -> None:
        tokens = await public.tokens(browser)
        await revoke(public, tokens["access_token"])
        jti = claims_of(tokens["access_token"])["jti"]
        [row] = await node.rows("SELECT * FROM kernel.audit WHERE entity_id = $1", jti)
        assert (row["component"], row["action"]) == ("Authentication", "Revoke")
        assert (row["client_id"], row["organization_id"]) == (public.client_id, node.organization_id)


class TestIntrospection:
    async def test_200_what_an_access_token_says(
        self, node: Node, public: Party, confidential: Party, browser: Browser
    ) -> None:
        token = (await public.tokens(browser))["access_token"]
        said = (await confidential.post("/connect/introspect", {"token": token})).json()
        claims = claims_of(token)
        assert said["active"] is True
        assert {name: said[name] for name in ("sub", "exp", "iat", "jti", "iss", "client_id", "aud")} == {
            name: claims[name] for name in ("sub", "exp", "iat", "jti", "iss", "client_id", "aud")
        }
        assert sorted(said["scope"].split()) == sorted(claims["scope"])

    async def test_200_what_a_refresh_token_stands_for(
        self, node: Node, public: Party, confidential: Party, browser: Browser
    ) -> None:
        token = (await public.tokens(browser))["refresh_token"]
        said = (await confidential.post("/connect/introspect", {"token": token})).json()
        assert (said["active"], said["sub"], said["iss"]) == (True, str(node.admin), ISSUER)
        await public.refresh(token)
        assert (await confidential.post("/connect/introspect", {"token": token})).json() == {"active": False}

    async def test_200_inactive_once_it_has_ended(
        self, node: Node, public: Party, confidential: Party, browser: Browser
    ) -> None:
        tokens = await public.tokens(browser)
        await revoke(public, tokens["refresh_token"])
        for name in ("access_token", "refresh_token", "id_token"):
            said = await confidential.post("/connect/introspect", {"token": tokens[name]})
            assert (said.status_code, said.json()) == (200, {"active": False})

    async def test_200_inactive_for_another_organization(self, node: Node, public: Party, browser: Browser) -> None:
        organization, _, _ = await node.make_organization("curious")
        other = await register(node, organization=organization, secret=SECRET)
        tokens = await public.tokens(browser)
        for name in ("access_token", "refresh_token"):
            said = await other.post("/connect/introspect", {"token": tokens[name]})
            assert said.json() == {"active": False}

    async def test_200_what_a_personal_token_stands_for(self, node: Node, api: Caller, confidential: Party) -> None:
        me = api.with_scopes("IdentityServerApi", "OrchestratorApiUserAccess")
        expiration = (node.clock() + timedelta(days=1)).isoformat()
        token = await me.post(
            "/identity_/api/ReferenceToken",
            {"description": "mine", "expiration": expiration, "scopes": ["OR.Jobs"]},
            expect=201,
        )
        said = (await confidential.post("/connect/introspect", {"token": token})).json()
        assert (said["active"], said["sub"], said["scope"]) == (True, str(node.admin), "OR.Jobs")
        organization, _, _ = await node.make_organization("nosy")
        other = await register(node, organization=organization, secret=SECRET)
        for client, text in ((other, token), (confidential, f"{token}x")):
            assert (await client.post("/connect/introspect", {"token": text})).json() == {"active": False}

    async def test_400_for_a_client_without_a_secret(self, public: Party, browser: Browser) -> None:
        token = (await public.tokens(browser))["access_token"]
        answer = await public.post("/connect/introspect", {"token": token})
        assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
