"""What a page must remember until its form comes back: sealed, so that nobody reads or makes it, and for minutes only."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import NamedTuple, TypeVar

import msgspec

from podium.kernel.call import Call
from podium.kernel.secrets import SecretError, open_, seal
from podium.server.pages.shell import Pages

T = TypeVar("T")

LASTS = timedelta(minutes=10)


class _Kept(NamedTuple):
    ends_at: float
    value: msgspec.Raw


def keep(call: Call, purpose: str, value: object, lasts: timedelta = LASTS) -> str:
    """Text for a hidden field that `kept` reads again for the same purpose."""
    text = msgspec.json.encode(((call.now + lasts).timestamp(), value)).decode()
    sealed = seal(call.port(Pages).seal_key, text, owner=0, table="web", row=purpose, column="field")
    return base64.urlsafe_b64encode(sealed).decode()


def kept(call: Call, purpose: str, text: str, kind: type[T]) -> T | None:
    """What was kept; None for text that is not ours, for another purpose, or too old."""
    if not text.isascii():
        return None
    try:
        sealed = base64.urlsafe_b64decode(text)
        opened = open_(call.port(Pages).seal_key, sealed, owner=0, table="web", row=purpose, column="field")
        found = msgspec.json.decode(opened, type=_Kept)
        return msgspec.json.decode(found.value, type=kind) if found.ends_at > call.now.timestamp() else None
    except (binascii.Error, ValueError, SecretError, msgspec.DecodeError):
        return None
