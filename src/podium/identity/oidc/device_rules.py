"""The codes of devices without a browser, and what a poll of one gets (RFC 8628). Pure."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels: no words; and nothing that looks like another letter."""

CODE_LETTERS = 8
LIFE = timedelta(seconds=300)
INTERVAL_S = 5
SLOWER_BY_S = 5
MAX_INTERVAL_S = 60


class DeviceGrant(NamedTuple):
    """What a device's code stands for. `polled_at`: the last poll, None before the first."""

    client_id: str
    state: str
    interval_s: int
    polled_at: datetime | None
    expires_at: datetime


class Poll(Enum):
    """What a poll gets; the values are the words of the standard."""

    TOKENS = "tokens"
    UNKNOWN = "invalid_grant"
    EXPIRED = "expired_token"
    DENIED = "access_denied"
    PENDING = "authorization_pending"
    SLOW_DOWN = "slow_down"


def new_user_code() -> str:
    """Eight letters that a person types, without the dash."""
    return "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))


def shown(key: str) -> str:
    """A user code as it is shown: `BCDF-GHJK`."""
    return f"{key[:4]}-{key[4:]}"


def user_code_key(text: str) -> str | None:
    """What a person typed, as it is stored; None for what is no code."""
    letters = "".join(one for one in text.upper() if one not in "- \t")
    return letters if len(letters) == CODE_LETTERS and set(letters) <= set(LETTERS) else None


def judge_poll(grant: DeviceGrant | None, client_id: str, now: datetime) -> Poll:
    """Decide on the poll of a client that has proved itself."""
    if grant is None or grant.client_id != client_id or grant.state == "used":
        return Poll.UNKNOWN
    if grant.expires_at <= now:
        return Poll.EXPIRED
    if grant.state == "denied":
        return Poll.DENIED
    if grant.state == "approved":
        return Poll.TOKENS
    if grant.polled_at is not None and now - grant.polled_at < timedelta(seconds=grant.interval_s):
        return Poll.SLOW_DOWN
    return Poll.PENDING
