"""POST /connect/token: client authentication, client_credentials, discovery."""

from __future__ import annotations

import base64
from datetime import timedelta
from uuid import UUID

import pytest

from podium.identity.clients import actions as clients
from podium.identity.clients.rules import BUILT_IN_PUBLIC_CLIENT
from podium.kernel.errors import Conflict
from podium.kernel.secrets import hash_machine_secret

from .conftest import APP_ID, APP_SECRET, Identity

APP = {"grant_type": "client_credentials", "client_id": APP_ID, "client_secret": APP_SECRET}
KEY = "8f1b6d52-0000-4000-8000-5d7d2c9a1e77"


def basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


class TestClientCredentials:
    async def test_200_with_the_scopes_asked_for(self, identity: Identity) -> None:
        answer = await identity.token(APP | {"scope": "OR.Jobs OR.Folders.Read"})
        assert answer.status == 200
        assert answer.body["expires_in"] == 3600
        assert (answer.body["token_type"], answer.body["scope"]) == ("Bearer", "OR.Jobs OR.Folders.Read")
        assert set(answer.body) == {"access_token", "expires_in", "token_type", "scope"}
        assert "no-store" in answer.headers["cache-control"]
        claims = identity.issuer.verify(answer.body["access_token"], identity.clock())
        assert claims.scopes == {"OR.Jobs", "OR.Folders.Read"}
        assert claims.organization_id == identity.made.organization_id

    @pytest.mark.parametrize("scope", [{}, {"scope": ""}, {"scope": " "}])
    async def test_200_without_scope_gives_all_of_them(self, identity: Identity, scope: dict[str, str]) -> None:
        answer = await identity.token(APP | scope)
        assert {"OR.Jobs", "PM.User", "OR.Default"} <= set(answer.body["scope"].split())

    async def test_200_by_http_basic(self, identity: Identity) -> None:
        form = {"grant_type": "client_credentials", "scope": "OR.Default"}
        answer = await identity.token(form, basic(APP_ID, APP_SECRET))
        assert (answer.status, answer.body["scope"]) == (200, "OR.Default")

    async def test_200_although_an_old_token_is_sent_along(self, identity: Identity) -> None:
        assert (await identity.token(APP, {"authorization": "Bearer old"})).status == 200

    async def test_400_the_same_answer_for_an_unknown_client_and_a_wrong_secret(self, identity: Identity) -> None:
        wrong = await identity.token(APP | {"client_secret": "wrong"})
        assert (wrong.status, wrong.body) == (400, {"error": "invalid_client"})
        for form in (
            APP | {"client_id": "nobody"},
            APP | {"client_id": "x" * 300},
            APP | {"client_id": ""},
            APP | {"client_secret": ""},
            {"grant_type": "client_credentials", "client_id": APP_ID},
            {"grant_type": "client_credentials"},
        ):
            assert await identity.token(form) == wrong
        assert await identity.token({"grant_type": "client_credentials"}, basic(APP_ID, "wrong")) == wrong

    async def test_400_for_the_secret_in_the_address(self, identity: Identity) -> None:
        answer = await identity.token(APP, query=f"?client_secret={APP_SECRET}")
        assert (answer.status, answer.body["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            (APP | {"scope": "offline_access"}, "invalid_scope"),
            (APP | {"scope": "openid"}, "invalid_scope"),
            (APP | {"scope": "OrchestratorApiUserAccess"}, "invalid_scope"),
            (APP | {"scope": "OR.Jobs Nothing.Of.Ours"}, "invalid_scope"),
            (APP | {"scope": 'OR.Jobs "'}, "invalid_scope"),
            (APP | {"grant_type": "password"}, "unsupported_grant_type"),
            (APP | {"grant_type": "implicit"}, "unsupported_grant_type"),
            (APP | {"grant_type": ""}, "invalid_request"),
            ({"client_id": APP_ID, "client_secret": APP_SECRET}, "invalid_request"),
            (b"grant_type=client_credentials&grant_type=refresh_token", "invalid_request"),
            (b"grant_type=client_credentials&client_id=%00", "invalid_request"),
            (b"a=" + b"x" * 70000, "invalid_request"),
            ({"grant_type": "client_credentials", "client_id": BUILT_IN_PUBLIC_CLIENT}, "unauthorized_client"),
            (APP | {"client_id": BUILT_IN_PUBLIC_CLIENT}, "invalid_client"),
        ],
    )
    async def test_400(self, identity: Identity, form: dict[str, str] | bytes, error: str) -> None:
        answer = await identity.token(form)
        assert (answer.status, answer.body["error"]) == (400, error)

    @pytest.mark.parametrize("media_type", ["application/json", "", "multipart/form-data; boundary=x"])
    async def test_400_for_another_media_type(self, identity: Identity, media_type: str) -> None:
        answer = await identity.token(APP, {"content-type": media_type})
        assert (answer.status, answer.body["error"]) == (400, "invalid_request")

    async def test_the_rate_needs_no_query_once_the_client_is_known(self, identity: Identity) -> None:
        await identity.token(APP)
        await identity.run("DELETE FROM identity.clients WHERE client_id = $1", APP_ID)
        assert (await identity.token(APP)).status == 200
        identity.clock.forward(seconds=5)
        assert (await identity.token(APP)).body == {"error": "invalid_client"}


class TestMachineClients:
    async def register(self, identity: Identity) -> None:
        async with identity.db.transaction() as connection:
            await clients.register_machine_client(
                connection,
                identity.made.organization_id,
                KEY,
                hash_machine_secret("machine-secret"),
                "HOST-1",
                identity.clock(),
            )

    async def asks(self, identity: Identity, secret: str) -> bool:
        form = {"grant_type": "client_credentials", "client_id": KEY, "client_secret": secret}
        answer = await identity.token(form | {"scope": "OrchestratorApiUserAccess"})
        if answer.status == 200:
            assert identity.issuer.verify(answer.body["access_token"], identity.clock()).kind == "machine"
        return answer.status == 200

    async def test_a_machine_gets_a_token_by_its_key(self, identity: Identity) -> None:
        await self.register(identity)
        assert await self.asks(identity, "machine-secret")
        assert not await self.asks(identity, "other")

    async def test_a_replaced_secret_ends_within_five_seconds_and_an_added_one_stands_beside(
        self, identity: Identity
    ) -> None:
        await self.register(identity)
        assert await self.asks(identity, "machine-secret")
        organization = identity.made.organization_id
        async with identity.db.transaction() as connection:
            second = await clients.add_machine_secret(
                connection, organization, KEY, hash_machine_secret("second"), identity.clock()
            )
        identity.clock.forward(seconds=5)
        assert await self.asks(identity, "machine-secret")
        assert await self.asks(identity, "second")
        async with identity.db.transaction() as connection:
            assert second is not None
            assert await clients.remove_machine_secret(connection, organization, KEY, second)
            assert not await clients.remove_machine_secret(connection, organization, KEY, second)
            await clients.replace_machine_secret(
                connection, organization, KEY, hash_machine_secret("third"), identity.clock()
            )
        identity.clock.forward(seconds=5)
        assert [await self.asks(identity, secret) for secret in ("machine-secret", "second", "third")] == [
            False,
            False,
            True,
        ]

    async def test_a_removed_machine_gets_nothing(self, identity: Identity) -> None:
        await self.register(identity)
        async with identity.db.transaction() as connection:
            assert not await clients.remove_client(connection, UUID(int=5), KEY)
            assert await clients.remove_client(connection, identity.made.organization_id, KEY)
        assert not await self.asks(identity, "machine-secret")

    async def test_a_key_that_is_taken_is_refused(self, identity: Identity) -> None:
        await self.register(identity)
        with pytest.raises(Conflict):
            await self.register(identity)

    async def test_an_expired_secret_proves_nothing(self, identity: Identity) -> None:
        await self.register(identity)
        ends = identity.clock() + timedelta(minutes=1)
        await identity.run("UPDATE identity.client_secrets SET expires_at = $1 WHERE description IS NULL", ends)
        assert await self.asks(identity, "machine-secret")
        identity.clock.forward(minutes=1)
        assert not await self.asks(identity, "machine-secret")


class TestDiscovery:
    async def test_200_only_what_works(self, identity: Identity) -> None:
        document = (await identity.get("/.well-known/openid-configuration")).body
        assert document["issuer"] == "https://podium.test/identity_"
        assert document["token_endpoint"] == "https://podium.test/identity_/connect/token"
        assert document["jwks_uri"] == "https://podium.test/identity_/.well-known/openid-configuration/jwks"
        assert set(document["grant_types_supported"]) == {
            "authorization_code",
            "client_credentials",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        }
        assert document["code_challenge_methods_supported"] == ["S256"]
        assert "check_session_iframe" not in document

    async def test_200_the_keys(self, identity: Identity) -> None:
        [key] = (await identity.get("/.well-known/openid-configuration/jwks")).body["keys"]
        assert set(key) == {"kty", "use", "alg", "kid", "e", "n"}

    async def test_the_pages_of_registered_addresses_may_call(self, identity: Identity) -> None:
        known = identity.issuer.clients
        assert await known.allows_origin("http://localhost:8055", identity.clock())
        assert not await known.allows_origin("https://evil.test", identity.clock())
