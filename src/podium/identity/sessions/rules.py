"""When a browser session ends, and the form of its cookie. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from podium.identity import cookies

if TYPE_CHECKING:
    from podium.identity.settings.rules import SessionPolicy

TOUCH = timedelta(minutes=1)
"""How often at most it is noted that a session was seen; it may end by being idle that much too early."""

COOKIE = "podium"
COOKIE_CHARACTERS = 43  # 256 bits in base64url


class Session(NamedTuple):
    """One sign-in in one browser. `methods`: how the user proved himself, in the words of `amr` (RFC 8176).

    `expires_at`: its end, however much it is used. `idle`: how long it may go unseen, None for as long as it lasts.
    `flow`: the hash of the address that this sign-in leads back to, until that was used (see `flow_of`).
    """

    organization_id: UUID
    id: UUID
    user_id: UUID
    methods: tuple[str, ...]
    authenticated_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_persistent: bool
    created_at: datetime
    idle: timedelta | None = None
    address: str | None = None
    browser: str | None = None
    flow: bytes | None = None


class Life(NamedTuple):
    """How long a new session lasts, and how long it may go unseen (None: as long as it lasts)."""

    absolute: timedelta
    idle: timedelta | None


def life(policy: SessionPolicy, *, is_persistent: bool) -> Life:
    """A session that outlives the browser has one end only: after the days that the policy gives it."""
    if is_persistent:
        return Life(timedelta(days=policy.persistent_days), None)
    idle = timedelta(minutes=policy.idle_minutes) if policy.idle_minutes > 0 else None
    return Life(timedelta(hours=policy.absolute_hours), idle)


def is_over(session: Session, now: datetime, policy: SessionPolicy | None = None) -> bool:
    """Whether the session has ended by time. `policy`: the one that holds now, where it may be stricter than then."""
    end, idle = session.expires_at, session.idle
    if policy is not None:
        allowed = life(policy, is_persistent=session.is_persistent)
        end = min(end, session.created_at + allowed.absolute)
        idle = min((one for one in (idle, allowed.idle) if one is not None), default=None)
    return now >= end or (idle is not None and now - session.last_seen_at >= idle)


def cookie_name(public_url: str) -> str:
    """`__Host-`: browsers take it over TLS only, from this host only, and for every path."""
    return cookies.cookie_name(public_url, COOKIE)


def set_cookie(public_url: str, value: str, max_age: int | None = None) -> str:
    """The Set-Cookie header's value. `max_age` in seconds; None: until the browser is closed."""
    return cookies.write(public_url, COOKIE, value, max_age)


def clear_cookie(public_url: str) -> str:
    """The Set-Cookie header's value that removes the cookie."""
    return cookies.clear(public_url, COOKIE)


def read_cookie(public_url: str, headers: Mapping[str, str]) -> str | None:
    """The session's cookie of a request; None without one, and for two: one of them is not from us."""
    name = cookie_name(public_url)
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    found = [value for key, _, value in pairs if key == name]
    return found[0] if len(found) == 1 and len(found[0]) == COOKIE_CHARACTERS else None


def flow_of(return_url: str) -> bytes:
    """What identifies the sign-in that an address leads back to: SHA-256 of its parameters, in whatever spelling."""
    query = return_url.partition("?")[2].partition("#")[0]
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    return hashlib.sha256(urlencode(sorted(pairs)).encode()).digest()
