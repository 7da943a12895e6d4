"""Sign-in and tokens over the edge of a running node."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from podium.identity.clients import actions as clients
from podium.identity.issuer import Issuer
from podium.identity.tokens import actions as tokens
from podium.kernel.secrets import hash_machine_secret

BASES = ["/identity", "/identity_", "/default/identity_", "/DEFAULT/default/identity_"]
ADMIN = {"tenancyName": "default", "usernameOrEmailAddress": "admin", "password": "correct horse 7 battery"}


@pytest.fixture
async def machine(node: Any) -> dict[str, str]:
    """The form by which a registered machine asks for a token."""
    key = str(uuid4())
    async with node.db.transaction() as connection:
        await clients.register_machine_client(
            connection, node.organization_id, key, hash_machine_secret("secret"), "HOST", node.clock()
        )
    return {"grant_type": "client_credentials", "client_id": key, "client_secret": "secret"}


class TestAuthenticate:
    @pytest.mark.parametrize(
        "path", ["/api/Account/Authenticate", "/api/account/authenticate", "/default/default/api/Account/Authenticate"]
    )
    async def test_200_and_the_token_opens_the_api(self, node: Any, path: str) -> None:
        answer = await node.http.post(path, json={name.title(): value for name, value in ADMIN.items()})
        assert answer.status_code == 200, answer.text
        headers = {"authorization": f"bearer {answer.json()['result']}"}
        assert (await node.http.get("/odata/Folders", headers=headers)).status_code == 200

    @pytest.mark.parametrize(
        "wrong",
        [{"password": "x"}, {"usernameOrEmailAddress": "nobody"}, {"tenancyName": "nowhere"}, {"tenancyName": "host"}],
    )
    async def test_400_the_same_for_every_refusal(self, node: Any, wrong: dict[str, str]) -> None:
        answer = await node.http.post("/api/Account/Authenticate", json=ADMIN | wrong)
        body = answer.json()
        assert (answer.status_code, body["message"], body["errorCode"]) == (
            400,
            "Invalid credentials, failed to login.",
            1000,
        )
        assert body["error"]["message"] == body["message"]

    @pytest.mark.parametrize("body", [{}, {"password": "x"}, {"usernameOrEmailAddress": "x"}, {"password": 1}, []])
    async def test_400_names_what_is_missing_or_wrong(self, node: Any, body: Any) -> None:
        answer = await node.http.post("/api/Account/Authenticate", json=body)
        assert answer.status_code == 400
        assert answer.json()["message"]

    async def test_401_once_the_users_tokens_are_revoked(self, node: Any) -> None:
        answer = await node.http.post("/api/Account/Authenticate", json=ADMIN | {"tenancyName": ""})
        headers = {"authorization": f"Bearer {answer.json()['result']}"}
        async with node.db.transaction() as connection:
            await tokens.end_all_of_user(connection, node.organization_id, node.admin, node.clock(), 3600)
        await node.port(Issuer).reload()
        assert (await node.http.get("/odata/Folders", headers=headers)).status_code == 401


class TestToken:
    @pytest.mark.parametrize("base", BASES)
    async def test_200_at_every_address(self, node: Any, machine: dict[str, str], base: str) -> None:
        answer = await node.http.post(f"{base}/connect/token", data=machine)
        assert answer.status_code == 200, answer.text
        assert answer.json()["scope"] == "OrchestratorApiUserAccess"
        assert "no-store" in answer.headers["cache-control"]

    async def test_400_in_words_of_oauth(self, node: Any, machine: dict[str, str]) -> None:
        answer = await node.http.post("/identity_/connect/token", data=machine | {"client_secret": "x"})
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
        answer = await node.http.post("/identity_/connect/token", json=machine)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


class TestDiscovery:
    @pytest.mark.parametrize("base", BASES)
    async def test_200_with_one_issuer_at_every_address(self, node: Any, base: str) -> None:
        document = (await node.http.get(f"{base}/.well-known/openid-configuration")).json()
        assert document["issuer"] == "http://podium.test/identity_"
        keys = (await node.http.get(document["jwks_uri"].removeprefix("http://podium.test"))).json()["keys"]
        assert keys[0]["kty"] == "RSA"
