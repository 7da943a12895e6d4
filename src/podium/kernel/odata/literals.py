"""From the text of a literal to its value; every refusal is a 400 that shows the text."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from uuid import UUID

from podium.kernel.odata.tree import Literal, LiteralType, invalid, shown

INT64 = 2**63
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
# A plus sign of an offset that was not percent-encoded arrives as a space.
INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?(Z|[-+ ]\d\d:\d\d)?", re.IGNORECASE | re.ASCII
)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?[ldfm]?", re.IGNORECASE | re.ASCII)
INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)


def number(text: str) -> Literal:
    """An INTEGER, or a DECIMAL when there is a fraction, an exponent or a suffix d, f or m."""
    digits = text.rstrip("lLdDfFmM")
    suffix = text[len(digits) :].lower()
    if suffix in ("", "l") and digits.lstrip("-").isdigit():
        return Literal(LiteralType.INTEGER, integer(digits))
    if suffix == "l":
        raise invalid(f"'{shown(text)}' is not a number.")
    value = float(digits)
    if not math.isfinite(value):
        raise invalid(f"The number '{shown(text)}' is out of range.")
    return Literal(LiteralType.DECIMAL, value)


def integer(text: str) -> int:
    """An int64; the length is looked at first, because Python refuses to convert thousands of digits."""
    significant = text.lstrip("-").lstrip("0")
    value = int(significant or "0") if len(significant) <= len(str(INT64)) else INT64 + 1
    value = -value if text.startswith("-") else value
    if not -INT64 <= value < INT64:
        raise invalid(f"The number '{shown(text)}' is out of range.")
    return value


def guid(text: str) -> UUID:
    if not GUID.fullmatch(text):
        raise invalid(f"'{shown(text)}' is not a GUID.")
    return UUID(text)


def day(text: str) -> date:
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise invalid(f"'{shown(text)}' is not a date.")


def instant(text: str) -> datetime:
    """A moment in UTC; a text without an offset is in UTC, a date alone is its midnight, excess digits are cut."""
    if DAY.fullmatch(text):
        return datetime.combine(day(text), datetime.min.time(), UTC)
    found = INSTANT.fullmatch(text)
    if found is None:
        raise invalid(f"'{shown(text)}' is not a date and time.")
    on, hour, minute, second, fraction, zone = found.groups()
    try:
        microsecond = int((fraction or "0").ljust(6, "0")[:6])
        at = time(int(hour), int(minute), int(second or 0), microsecond, _zone(zone))
        return datetime.combine(date.fromisoformat(on), at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid(f"'{shown(text)}' is not a date and time.") from None


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def typed(prefix: str, text: str) -> Literal:
    """A quoted text with a type before it: `guid'...'`, `datetime'...'`, or the full name of an enumeration."""
    match prefix.lower():
        case "guid":
            return Literal(LiteralType.GUID, guid(text))
        case "datetime" | "datetimeoffset":
            return Literal(LiteralType.INSTANT, instant(text))
        case "date":
            return Literal(LiteralType.DATE, day(text))
    if "." not in prefix:
        raise invalid(f"'{shown(prefix)}' is not a type of literal that is supported.")
    return Literal(LiteralType.ENUM, text)
