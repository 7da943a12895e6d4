"""Refusals of the OAuth endpoints, in OAuth's own words (RFC 6749, 5.2)."""

from __future__ import annotations

from typing import Literal

import msgspec

OAuthCode = Literal[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
]


class OAuthError(Exception):
    """Answered with `error` and `error_description`, never in an envelope of the other APIs. 400 for every code."""

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
        return msgspec.json.encode(said)
