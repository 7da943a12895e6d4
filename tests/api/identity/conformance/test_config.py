"""The plan Config OP: the provider's metadata. Numbers are sections of OpenID Connect Discovery."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.api.identity.conformance.conftest import ISSUER

REQUIRED = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "response_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
)
RECOMMENDED = ("userinfo_endpoint", "scopes_supported", "claims_supported")
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


async def test_oidcc_discovery_endpoint_verification(http: httpx.AsyncClient, provider: dict[str, Any]) -> None:
    """Every required and recommended member (3), https throughout, the issuer's own name, keys without secrets."""
    assert set(REQUIRED) | set(RECOMMENDED) <= provider.keys()
    assert provider["issuer"] == ISSUER
    for name, value in provider.items():
        if name.endswith(("_endpoint", "_uri", "issuer")):
            assert urlsplit(value).scheme == "https", name
            assert not urlsplit(value).query, name
            assert not urlsplit(value).fragment, name
        if name.endswith(("_supported", "_values")) and not isinstance(value, bool):
            assert value, name
            assert all(isinstance(one, str) for one in value), name
            assert len(set(value)) == len(value), name
    assert "code" in provider["response_types_supported"]
    assert set(provider["subject_types_supported"]) <= {"public", "pairwise"}
    assert "RS256" in provider["id_token_signing_alg_values_supported"]
    assert "authorization_code" in provider["grant_types_supported"]
    assert "openid" in provider["scopes_supported"]
    assert "sub" in provider["claims_supported"]
    assert {"client_secret_basic", "client_secret_post"} <= set(provider["token_endpoint_auth_methods_supported"])
    for name in ("claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"):
        assert provider[name] is False  # the default of the last one would be true
    published = (await http.get(provider["jwks_uri"])).json()["keys"]
    assert published
    assert len({key["kid"] for key in published}) == len(published)
    for key in published:
        assert (key["kty"], key["use"]) == ("RSA", "sig")
        assert not PRIVATE & key.keys()
