"""Refusals of the OAuth endpoints, in OAuth's own words (RFC 6749, 4.1.2.1 and 5.2; OpenID Connect Core 3.1.2.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

OAuthCode = Literal[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
    "authorization_pending",
    "slow_down",
    "expired_token",
    "invalid_token",
    "insufficient_scope",
]

AuthorizeCode = Literal[
    "invalid_request",
    "unauthorized_client",
    "access_denied",
    "unsupported_response_type",
    "invalid_scope",
    "login_required",
    "consent_required",
    "interaction_required",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
]


class OAuthError(Exception):
    """Answered with `error` and `error_description`, never in an envelope of the other APIs. 400 for nearly every code."""

    def __init__(self, error: OAuthCode, description: str = "", status: int = 400) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.status = status

    def body(self) -> bytes:
        """The JSON of the answer."""
        said: dict[str, str] = {"error": self.error}
        if self.description:
            said["error_description"] = self.description
        return json.dumps(said, separators=(",", ":")).encode()


class AuthorizeError(Exception):
    """Told to the client by a redirect to its address, which is registered."""

    def __init__(self, error: AuthorizeCode, description: str) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description


class NoRedirect(Exception):
    """Shown to the user: the client or its address is not known, so nothing is sent there. `said`: what was asked."""

    def __init__(self, description: str, said: Mapping[str, str]) -> None:
        super().__init__(description)
        self.description = description
        self.said = dict(said)
