"""What relying parties read about this issuer."""

from __future__ import annotations

import msgspec

from podium.identity.clients.rules import APPLICATION_SCOPES, MACHINE_SCOPE, OPENID_SCOPES
from podium.identity.issuer import Issuer
from podium.identity.oidc.grants import GRANTS
from podium.identity.oidc.rules import PROMPTS
from podium.kernel.call import Call, Reply
from podium.kernel.operation import operation

# `vary`: what a page of another origin may read differs from what everybody may
CACHED = {"cache-control": "public, max-age=300", "vary": "origin"}
CLAIMS = (
    *("sub", "prt_id", "name", "preferred_username", "first_name", "last_name", "given_name", "family_name"),
    *("email", "email_verified", "auth_time", "amr", "sid", "nonce", "at_hash"),
)
WITH_A_SECRET = ("client_secret_basic", "client_secret_post")


@operation("GET", "/.well-known/openid-configuration", connected=False)
async def configuration(call: Call) -> Reply:
    """What this issuer offers. Every address is the configured one, however the document was reached."""
    base = call.port(Issuer).issuer
    endpoint = f"{base}/connect"
    document = {
        "issuer": base,
        "jwks_uri": f"{base}/.well-known/openid-configuration/jwks",
        "authorization_endpoint": f"{endpoint}/authorize",
        "token_endpoint": f"{endpoint}/token",
        "userinfo_endpoint": f"{endpoint}/userinfo",
        "end_session_endpoint": f"{endpoint}/endsession",
        "revocation_endpoint": f"{endpoint}/revocation",
        "introspection_endpoint": f"{endpoint}/introspect",
        "device_authorization_endpoint": f"{endpoint}/deviceauthorization",
        "scopes_supported": [*OPENID_SCOPES, *APPLICATION_SCOPES, MACHINE_SCOPE],
        "claims_supported": CLAIMS,
        "grant_types_supported": list(GRANTS),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "token_endpoint_auth_methods_supported": [*WITH_A_SECRET, "none"],
        "revocation_endpoint_auth_methods_supported": [*WITH_A_SECRET, "none"],
        "introspection_endpoint_auth_methods_supported": WITH_A_SECRET,
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": PROMPTS,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "frontchannel_logout_supported": False,
        "backchannel_logout_supported": False,
    }
    return Reply(200, msgspec.json.encode(document), headers=CACHED)


@operation("GET", "/.well-known/openid-configuration/jwks", connected=False)
async def public_keys(call: Call) -> Reply:
    """The keys that verify, announced ones too."""
    return Reply(200, msgspec.json.encode({"keys": call.port(Issuer).public_keys()}), headers=CACHED)
