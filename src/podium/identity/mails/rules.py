"""When a mail is tried again, and what may stand in its head. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
"""Between one try and the next; the first is made at once, after the last nothing is tried any more."""

MAX_ADDRESS_CHARACTERS = 254
MAX_SUBJECT_CHARACTERS = 500
MAX_ERROR_CHARACTERS = 500

_PART = r"[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f]"
_ADDRESS = re.compile(rf"{_PART}{{1,64}}@{_PART}{{1,253}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def wait_after(tries: int) -> timedelta | None:
    """How long to wait after that many failed tries; None: it is given up."""
    return WAITS[tries - 1] if tries <= len(WAITS) else None


def is_address(text: str) -> bool:
    """Whether a mail can be addressed to it: one address and nothing that could begin another header or recipient."""
    return len(text) <= MAX_ADDRESS_CHARACTERS and is_one_line(text) and _ADDRESS.fullmatch(text) is not None


def is_one_line(text: str) -> bool:
    """Whether it holds no control characters and no line breaks of any kind."""
    return _CONTROL.search(text) is None


def words_of(error: str) -> str:
    """What a mail server said, as one line of a length that can be stored and shown."""
    return " ".join(_CONTROL.sub(" ", error.encode("utf-8", "replace").decode()).split())[:MAX_ERROR_CHARACTERS]
