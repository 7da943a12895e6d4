"""Access tokens that last: the one in hand while it holds, a new one before it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from podium.cli import credentials
from podium.cli.credentials import Stored
from podium.cli.failure import Exit, Failure
from podium.cli.oauth import AGAIN, Refused, Tokens, discover, redeem

EARLY_S = 60.0
"""How long before its end a token is replaced: it must hold until the call has arrived."""

Source = Callable[[], str]
"""An access token that holds now. Raises Failure."""


def is_due(expires_at: float | None) -> bool:
    """Whether a token must be replaced before it is used; never where nobody said when it ends."""
    return expires_at is not None and time.time() >= expires_at - EARLY_S


def asked(ask: Callable[[], tuple[str, float | None]]) -> Source:
    """A token that is asked for at its first use, and again whenever it is about to end. `ask` gives it with its end."""
    token, expires_at = "", 0.0

    def current() -> str:
        nonlocal token, expires_at
        if not token or is_due(expires_at or None):
            token, ends = ask()
            expires_at = ends or 0.0
        return token

    return current


def kept(url: str, organization: str) -> Source | None:
    """The token of the stored sign-in, when that is one to this organization of this server."""

    def current() -> str:
        stored = _of(url, organization)
        if stored is None:
            raise Failure(f"Not signed in to {url} any more", Exit.NOT_AUTHENTICATED, hint=AGAIN)
        if stored.refresh_token is None or not is_due(stored.expires_at):
            return stored.token
        return _renew(url, organization)

    return current if _of(url, organization) else None


def _of(url: str, organization: str) -> Stored | None:
    stored = credentials.load()
    return stored if stored and (stored.url, stored.organization) == (url, organization) else None


def _renew(url: str, organization: str) -> str:
    """A refresh token is good for one use, and its second use ends the sign-in: one process at a time."""
    with credentials.locked():
        stored = _of(url, organization)
        if stored is None:
            raise Failure(f"Not signed in to {url} any more", Exit.NOT_AUTHENTICATED, hint=AGAIN)
        if stored.refresh_token is None or not is_due(stored.expires_at):
            return stored.token  # another process was faster
        try:
            tokens = redeem(discover(url), "refresh_token", refresh_token=stored.refresh_token)
        except Refused as refused:
            if refused.error != "invalid_grant":
                raise refused.failure from None
            raise Failure(f"The sign-in to {url} has ended", Exit.NOT_AUTHENTICATED, hint=AGAIN) from None
        credentials.save(_with(stored, tokens))
        return tokens.access_token


def _with(stored: Stored, tokens: Tokens) -> Stored:
    return replace(
        stored,
        token=tokens.access_token,
        refresh_token=tokens.refresh_token or stored.refresh_token,  # a server need not give a new one (RFC 6749, 6)
        expires_at=tokens.expires_at,
    )
