"""A relying party made of the package Authlib: what it reads, gets, verifies, renews and gives back."""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.common.security import generate_token  # type: ignore[import-untyped]
from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken, UserInfo  # type: ignore[import-untyped]
from authlib.oidc.discovery import OpenIDProviderMetadata  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tests.acceptance.form_browser import FormBrowser
from tests.acceptance.programs import PASSWORD, Server, running_server
from tests.acceptance.tools import Tools

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it announces a change of its own HTTP library
    from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]

PUBLIC = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"
REDIRECT = "http://localhost:8104/oidc/login"
APPLICATION, SECRET = "relying-party", "s3cret: of the & party%"
SCOPE = "openid profile email offline_access OrchestratorApiUserAccess"

Row = dict[str, Any]


@pytest.fixture(scope="module")
def server(tools: Tools) -> Iterator[Server]:
    """A server that knows an application."""
    application = {"PODIUM_BOOTSTRAP_CLIENT_ID": APPLICATION, "PODIUM_BOOTSTRAP_CLIENT_SECRET": SECRET}
    with running_server(tools.environment | application, "--no-robot") as running:
        yield running


@pytest.fixture(scope="module")
def metadata(server: Server) -> Row:
    """What the issuer says about itself."""
    address = f"{server.url}/identity_/.well-known/openid-configuration"
    found: Row = httpx.get(address, trust_env=False).raise_for_status().json()
    return found


class Party:
    """An application that users sign in to."""

    def __init__(
        self, metadata: Row, client_id: str = PUBLIC, redirect_uri: str = REDIRECT, scope: str = SCOPE
    ) -> None:
        self.metadata = metadata
        self.redirect_uri = redirect_uri
        self.nonce = generate_token(20)
        self.client = OAuth2Client(
            client_id,
            scope=scope,
            redirect_uri=redirect_uri,
            token_endpoint_auth_method="none",
            code_challenge_method="S256",
            token_endpoint=metadata["token_endpoint"],
            trust_env=False,
        )

    def ask(self, verifier: str) -> tuple[str, str]:
        """Where the user's browser came back to, and the state that it was sent with."""
        endpoint = self.metadata["authorization_endpoint"]
        address, state = self.client.create_authorization_url(endpoint, code_verifier=verifier, nonce=self.nonce)
        with FormBrowser("admin", PASSWORD) as browser:
            back = browser.go(address, self.redirect_uri)
        assert parse_qs(urlsplit(back).query)["iss"] == [self.metadata["issuer"]]
        return back, state

    def sign_in(self) -> Row:
        """The token answer for a user who came back."""
        verifier = generate_token(64)
        back, state = self.ask(verifier)
        token: Row = self.client.fetch_token(authorization_response=back, state=state, code_verifier=verifier)
        return token

    def renew(self, refresh_token: str) -> Row:
        """The next token answer."""
        endpoint = self.metadata["token_endpoint"]
        token: Row = self.client.refresh_token(endpoint, refresh_token=refresh_token)
        return token

    def verified(self, token: str) -> jwt.Token:
        """A token that one of the issuer's keys signed. Raises JoseError."""
        keys = KeySet.import_key_set(httpx.get(self.metadata["jwks_uri"], trust_env=False).json())
        return jwt.decode(token, keys, algorithms=["RS256"])

    def subject(self, token: str) -> str:
        """The user that a token names."""
        return str(self.verified(token).claims["sub"])


@pytest.fixture
def party(metadata: Row) -> Iterator[Party]:
    """A relying party that nobody signed in to."""
    found = Party(metadata)
    with found.client:
        yield found


class TestDiscovery:
    """The metadata documents."""

    def test_it_is_valid_by_the_rules_of_openid_connect_and_oauth(self, metadata: Row) -> None:
        # Both insist on https for every address, which a server on this machine does not have.
        secure = {
            name: value.replace("http://", "https://") if isinstance(value, str) else value
            for name, value in metadata.items()
        }
        OpenIDProviderMetadata(secure).validate()
        AuthorizationServerMetadata(secure).validate()


class TestCode:
    """Authorization code with PKCE."""

    def test_the_id_token_and_the_access_token_hold(self, party: Party) -> None:
        token = party.sign_in()
        parameters = {"client_id": PUBLIC, "nonce": party.nonce, "access_token": token["access_token"]}
        options = {"iss": {"value": party.metadata["issuer"]}, "aud": {"value": PUBLIC}}
        decoded = party.verified(token["id_token"])
        claims = CodeIDToken(decoded.claims, decoded.header, options, parameters)
        claims.validate(leeway=5)
        access = party.verified(token["access_token"]).claims
        assert access["sub"] == claims["sub"]
        assert access["prt_id"]

    def test_a_token_that_was_changed_does_not_hold(self, party: Party) -> None:
        head, payload, signature = party.sign_in()["id_token"].split(".")
        changed = ("B" if signature[0] == "A" else "A") + signature[1:]
        with pytest.raises(JoseError):
            party.verified(f"{head}.{payload}.{changed}")

    def test_userinfo_tells_the_same_user(self, party: Party) -> None:
        token = party.sign_in()
        answer = party.client.get(party.metadata["userinfo_endpoint"])
        found = UserInfo(answer.raise_for_status().json())
        assert found["sub"] == party.subject(token["id_token"])
        assert (found["preferred_username"], found["email"]) == ("admin", "admin@podium.local")

    def test_another_verifier_is_refused(self, party: Party) -> None:
        back, state = party.ask(generate_token(64))
        with pytest.raises(OAuthError, match="invalid_grant"):
            party.client.fetch_token(authorization_response=back, state=state, code_verifier=generate_token(64))


class TestRefresh:
    """Refresh tokens."""

    def test_each_is_good_once_and_its_second_use_ends_the_sign_in(self, party: Party) -> None:
        first = party.sign_in()
        second = party.renew(first["refresh_token"])
        assert party.subject(second["id_token"]) == party.subject(first["id_token"])
        third = party.renew(second["refresh_token"])
        with pytest.raises(OAuthError, match="invalid_grant"):
            party.renew(first["refresh_token"])
        with pytest.raises(OAuthError, match="invalid_grant"):
            party.renew(third["refresh_token"])

    def test_a_revoked_one_is_refused_and_its_access_token_too(self, party: Party, server: Server) -> None:
        token = party.sign_in()
        folders = f"{server.tenant_url}/orchestrator_/odata/Folders"
        assert party.client.get(folders).status_code == 200
        answer = party.client.revoke_token(
            party.metadata["revocation_endpoint"],
            token=token["refresh_token"],
            token_type_hint="refresh_token",
        )
        assert answer.status_code == 200
        assert party.client.get(folders).status_code == 401
        with pytest.raises(OAuthError, match="invalid_grant"):
            party.renew(token["refresh_token"])


class TestOwnApplication:
    """An application that an administrator registered for a tool on people's machines."""

    def test_users_sign_in_to_it_on_any_port_with_its_scopes_and_no_others(self, server: Server, metadata: Row) -> None:
        with OAuth2Client(APPLICATION, SECRET, trust_env=False) as client:
            token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
            body = {
                "partitionGlobalId": claims_of(token["access_token"])["prt_id"],
                "name": "Command line of the team",
                "isConfidential": False,
                "redirectUri": "http://localhost:12700",
                "scopes": [{"name": "OR.Folders", "type": "user"}, {"name": "OR.Jobs", "type": "user"}],
            }
            made = client.post(f"{server.url}/identity_/api/ExternalClient", json=body)
            assert made.status_code == 201, made.text
        client_id = made.json()["id"]
        party = Party(metadata, client_id, "http://localhost:33418", "OR.Folders offline_access")
        with party.client:
            assert party.sign_in()["scope"] == "OR.Folders offline_access"
            assert party.client.get(f"{server.tenant_url}/orchestrator_/odata/Folders").status_code == 200
            assert party.client.get(f"{server.tenant_url}/orchestrator_/odata/Machines").status_code == 403
        wider = Party(metadata, client_id, "http://localhost:33418", "OR.Folders OR.Machines")
        with wider.client:
            back, _ = wider.ask(generate_token(64))
        assert parse_qs(urlsplit(back).query)["error"] == ["invalid_scope"]


class TestClientCredentials:
    """An application with a secret that holds every character that an encoding may get wrong."""

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_its_token_opens_what_it_asked_for(self, server: Server, metadata: Row, method: str) -> None:
        with OAuth2Client(APPLICATION, SECRET, token_endpoint_auth_method=method, trust_env=False) as client:
            token = client.fetch_token(
                metadata["token_endpoint"], grant_type="client_credentials", scope="OR.Folders.Read"
            )
            assert token["scope"] == "OR.Folders.Read"
            assert "refresh_token" not in token
            assert client.get(f"{server.tenant_url}/orchestrator_/odata/Folders").status_code == 200
            assert client.get(f"{server.url}/identity_/api/OpenIdClients").status_code in (403, 404)

    def test_a_wrong_secret_is_refused(self, metadata: Row) -> None:
        with (
            OAuth2Client(
                APPLICATION, "wrong", token_endpoint_auth_method="client_secret_basic", trust_env=False
            ) as client,
            pytest.raises(OAuthError, match="invalid_client"),
        ):
            client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

    def test_introspection_knows_its_token(self, metadata: Row) -> None:
        with OAuth2Client(APPLICATION, SECRET, trust_env=False) as client:
            token = client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="OR.Jobs")
            said = client.introspect_token(metadata["introspection_endpoint"], token=token["access_token"]).json()
        assert (said["active"], said["client_id"], said["scope"]) == (True, APPLICATION, "OR.Jobs")


def claims_of(token: str) -> Row:
    """The payload of a token, not verified."""
    payload = token.split(".")[1]
    found: Row = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found
