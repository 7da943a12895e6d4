"""When a signing key is made, signs, and is forgotten. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

LIFE = timedelta(days=90)
"""How long a key signs."""

ANNOUNCE = timedelta(days=14)
"""How long before its first signature a key is published, so that whoever caches the keys has seen it."""

KEEP = timedelta(days=14)
"""How long a replaced key still verifies; longer than any access token lives."""


class KeyDates(NamedTuple):
    """The life of one key. `retired_at` None: no successor has been made yet."""

    kid: str
    active_from: datetime
    retired_at: datetime | None = None


class NextKey(NamedTuple):
    """A key to make now, and until when its predecessors verify."""

    active_from: datetime
    predecessors_until: datetime


def next_key(keys: Iterable[KeyDates], now: datetime) -> NextKey | None:
    """The key that is due: at once when none can sign, else announced before the newest has signed for LIFE."""
    starts = [key.active_from for key in keys if not is_retired(key, now)]
    if not starts:
        return NextKey(now, now)
    end = max(starts) + LIFE
    if now < end - ANNOUNCE:
        return None
    # a server that was down for long announces too: a key never signs before it was published for a while
    begin = max(end, now + ANNOUNCE)
    return NextKey(begin, begin + KEEP)


def is_retired(key: KeyDates, now: datetime) -> bool:
    """Whether the key verifies nothing any more."""
    return key.retired_at is not None and key.retired_at <= now


def signer(keys: Iterable[KeyDates], now: datetime) -> KeyDates | None:
    """The key that signs now: of those that have begun, the newest."""
    begun = [key for key in keys if key.active_from <= now and not is_retired(key, now)]
    return max(begun, key=lambda key: (key.active_from, key.kid), default=None)
