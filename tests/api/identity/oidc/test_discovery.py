"""What relying parties read of the issuer, which pages of others may call, and keys that change."""

from __future__ import annotations

from typing import Any

import pytest

from podium.identity.issuer import Issuer
from tests.conftest import Node

from .conftest import ISSUER, SECRET, kid_of, register

DOCUMENT = "/identity_/.well-known/openid-configuration"
TOKEN = "/identity_/connect/token"


async def document(node: Node) -> dict[str, Any]:
    answer = await node.http.get(DOCUMENT)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


class TestConfiguration:
    async def test_200_with_what_the_standard_requires(self, node: Node) -> None:
        said = await document(node)
        assert said["issuer"] == ISSUER
        assert said["response_types_supported"] == ["code"]
        assert said["subject_types_supported"] == ["public"]
        assert said["id_token_signing_alg_values_supported"] == ["RS256"]
        assert said["code_challenge_methods_supported"] == ["S256"]
        assert said["authorization_response_iss_parameter_supported"] is True
        assert "openid" in said["scopes_supported"]
        assert {"sub", "iss"} & set(said["claims_supported"])

    async def test_200_every_endpoint_is_there(self, node: Node) -> None:
        said = await document(node)
        endpoints = [address for name, address in said.items() if name.endswith(("_endpoint", "_uri", "_iframe"))]
        assert len(endpoints) == 8
        for address in endpoints:
            assert address.startswith(f"{ISSUER}/")
            answer = await node.http.request("OPTIONS", address)
            assert answer.status_code == 405, address
            method = "GET" if "GET" in answer.headers["allow"] else "POST"
            assert (await node.http.request(method, address)).status_code < 500

    @pytest.mark.parametrize("base", ["/identity", "/default/identity_", "/default/default/identity_"])
    async def test_200_the_same_at_every_address(self, node: Node, base: str) -> None:
        answer = await node.http.get(f"{base}/.well-known/openid-configuration", headers={"host": "evil.test"})
        assert answer.json() == await document(node)


class TestOtherOrigins:
    async def test_the_origin_of_a_registered_address_may_read(self, node: Node) -> None:
        await register(node, redirect_uris=("https://cors.test/back",))
        headers = {"origin": "https://cors.test"}
        for path in (DOCUMENT, f"{DOCUMENT}/jwks"):
            answer = await node.http.get(path, headers=headers)
            assert answer.headers["access-control-allow-origin"] == "https://cors.test"
            assert answer.headers["vary"] == "origin"
        for path in (TOKEN, "/identity_/connect/revocation", "/identity_/connect/userinfo"):
            preflight = await node.http.options(path, headers=headers | {"access-control-request-method": "POST"})
            assert preflight.status_code == 204
            assert preflight.headers["access-control-allow-origin"] == "https://cors.test"
            refused = await node.http.post(path, data={"x": "y"}, headers=headers)
            assert refused.headers["access-control-allow-origin"] == "https://cors.test"
            assert "access-control-allow-credentials" not in refused.headers

    @pytest.mark.parametrize("origin", ["http://localhost:1", "http://localhost:65000"])
    async def test_a_loopback_page_at_any_port_may(self, node: Node, origin: str) -> None:
        answer = await node.http.get(DOCUMENT, headers={"origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin

    @pytest.mark.parametrize("origin", ["https://evil.test", "null", "https://localhost:8104", "http://127.0.0.1:8104"])
    async def test_no_other_page_may(self, node: Node, origin: str) -> None:
        answer = await node.http.get(DOCUMENT, headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "origin"

    @pytest.mark.parametrize(
        "path",
        [
            "/identity_/connect/authorize",
            "/identity_/connect/endsession",
            "/identity_/connect/introspect",
            "/identity_/connect/deviceauthorization",
            "/identity_/connect/tokens",
            "/identity_/api/Setting",
            "/odata/Folders",
        ],
    )
    async def test_nothing_else_is_shared(self, node: Node, path: str) -> None:
        for method in ("OPTIONS", "GET", "POST"):
            answer = await node.http.request(method, path, headers={"origin": "http://localhost:8104"})
            assert "access-control-allow-origin" not in answer.headers


class TestKeys:
    async def test_a_new_key_is_announced_first_and_the_old_ones_tokens_hold(self, node: Node) -> None:
        async def kids() -> list[str]:
            return [key["kid"] for key in (await node.http.get(f"{DOCUMENT}/jwks")).json()["keys"]]

        [old] = await kids()
        party = await register(node, secret=SECRET, application_scopes=("OR.Jobs",))
        form = {"grant_type": "client_credentials"}
        node.clock.forward(days=76, minutes=1)
        assert await node.run_loop("keys.rotate") == 1
        await node.port(Issuer).reload()
        announced = await kids()
        assert (len(announced), announced[0]) == (2, old)
        before = (await party.post("/connect/token", form)).json()["access_token"]
        assert kid_of(before) == old
        node.clock.forward(days=13, hours=23, minutes=50)
        last = (await party.post("/connect/token", form)).json()["access_token"]
        assert kid_of(last) == old
        node.clock.forward(minutes=30)
        first = (await party.post("/connect/token", form)).json()["access_token"]
        assert kid_of(first) == announced[1]
        assert await party.is_good(last)
        assert await party.is_good(first)
