"""Numbers as Newtonsoft reads them: 0x is hexadecimal, a leading zero octal, both in two's complement.

Every function raises ValueError whose text is the message.
"""

from __future__ import annotations

import math
import re

from podium.kernel.newtonsoft.problems import shown

INT32_BITS, INT64_BITS = 32, 64
LONGEST_INTEGER = 380  # characters

INTEGER = re.compile(r"-?[0-9]+")
FLOAT = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
TRIMMED_INTEGER = re.compile(r"[\t-\r ]*([-+]?[0-9]{1,380})[\t-\r ]*")


def int32(text: str) -> int:
    """A number where an Int32 is wanted."""
    if _is_other_base(text):
        return _other_base(text, INT32_BITS, "integer")
    if not INTEGER.fullmatch(text):
        raise ValueError(f"Input string '{shown(text)}' is not a valid integer.")
    number = int(text) if len(text) <= LONGEST_INTEGER else 1 << INT64_BITS
    if not fits(number, INT32_BITS):
        raise ValueError(f"JSON integer {shown(text)} is too large or small for an Int32.")
    return number


def any_number(text: str) -> int | float:
    """A number where nothing special is wanted: an integer of any size, or a float."""
    if _is_other_base(text):
        return _other_base(text, INT64_BITS, "number")
    if not INTEGER.fullmatch(text):
        return double(text, "number")
    if len(text) > LONGEST_INTEGER:
        raise ValueError(f"JSON integer {shown(text)} is too large to parse.")
    return int(text)


def double(text: str, kind: str = "double") -> float:
    """A number where a float is wanted; `kind` is the word of the message."""
    if _is_other_base(text):
        return float(_other_base(text, INT64_BITS, kind))
    number = float(text) if FLOAT.fullmatch(text) else math.inf
    if math.isinf(number):
        raise ValueError(f"Input string '{shown(text)}' is not a valid {kind}.")
    return number


def quoted_integer(text: str, bits: int) -> int | None:
    """The integer in a string; None when there is none of that size."""
    found = TRIMMED_INTEGER.fullmatch(text)
    number = int(found[1]) if found else None
    return number if number is not None and fits(number, bits) else None


def fits(number: int, bits: int) -> bool:
    return -(1 << bits - 1) <= number < 1 << bits - 1


def _is_other_base(text: str) -> bool:
    return len(text) > 1 and text[0] == "0" and text[1] not in ".eE"


def _other_base(text: str, bits: int, kind: str) -> int:
    try:
        number = int(text, 16 if text[:2] in ("0x", "0X") else 8)
    except ValueError:
        number = 1 << bits
    if number >> bits:
        raise ValueError(f"Input string '{shown(text)}' is not a valid {kind}.")
    return number if fits(number, bits) else number - (1 << bits)
