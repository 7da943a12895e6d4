"""The token endpoint, and what relying parties read about this issuer."""

from __future__ import annotations

import msgspec

from podium.identity.clients.rules import APPLICATION_SCOPES, MACHINE_SCOPE, OPENID_SCOPES
from podium.identity.issuer import Issuer
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.form import credentials, read_form
from podium.identity.oidc.grants import GRANTS, authenticate_client
from podium.kernel.call import Call, Reply
from podium.kernel.operation import operation

NOT_STORED = {"cache-control": "no-store, no-cache, max-age=0", "pragma": "no-cache"}
CACHED = {"cache-control": "public, max-age=300"}


# Without a connection: most tokens need no query, and a refused refresh token must be able to commit.
@operation("POST", "/connect/token", connected=False)
async def token(call: Call) -> Reply:
    """Tokens for what the grant proves. Raises OAuthError."""
    form = await read_form(call)
    issuer = call.port(Issuer)
    presented = credentials(call.headers, call.query, form)
    asked = form.get("grant_type", "")
    if not asked:
        raise OAuthError("invalid_request", "The grant_type is missing.")
    grant = GRANTS.get(asked)
    if grant is None:
        raise OAuthError("unsupported_grant_type")
    client = await authenticate_client(call, issuer, presented)
    answer = await grant(call, issuer, client, form)
    return Reply(200, msgspec.json.encode(answer), headers=NOT_STORED)


@operation("GET", "/.well-known/openid-configuration", connected=False)
async def configuration(call: Call) -> Reply:
    """What this issuer offers today. Every address is the configured one, however the document was reached."""
    base = call.port(Issuer).issuer
    document = {
        "issuer": base,
        "jwks_uri": f"{base}/.well-known/openid-configuration/jwks",
        "token_endpoint": f"{base}/connect/token",
        "scopes_supported": [*OPENID_SCOPES, *APPLICATION_SCOPES, MACHINE_SCOPE],
        "claims_supported": ["sub", "name", "preferred_username", "email", "first_name", "last_name", "prt_id"],
        "grant_types_supported": list(GRANTS),
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
    }
    return Reply(200, msgspec.json.encode(document), headers=CACHED)


@operation("GET", "/.well-known/openid-configuration/jwks", connected=False)
async def public_keys(call: Call) -> Reply:
    """The keys that verify, announced ones too."""
    return Reply(200, msgspec.json.encode({"keys": call.port(Issuer).public_keys()}), headers=CACHED)
