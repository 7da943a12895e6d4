"""How the text of a setting is read as a number, a boolean or a password rule. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


def whole(text: str | None, least: int, most: int) -> int | None:
    """The number of a setting, None for text that is none or out of range."""
    if text is None or not _WHOLE.fullmatch(text.strip()):
        return None
    number = int(text.strip())
    return number if least <= number <= most else None


def truth(text: str | None) -> bool | None:
    """The boolean of a setting in any case, None for text that is none."""
    return {"true": True, "false": False}.get((text or "").strip().lower())


class Complexity(NamedTuple):
    """The JSON of `Auth.Password.PasswordComplexity`."""

    length: int = 8
    has_special_character: bool = False
    has_lowercase: bool = True
    has_uppercase: bool = False
    has_digit: bool = True


_MEMBERS = {"".join(name.split("_")): name for name in Complexity._fields}


def complexity(text: str | None) -> Complexity | None:
    """The rule of a value; None for text that is none. Members bind in any case; those that are missing have defaults.

    `Length` comes as a number or as text: the published sample has it as text.
    """
    try:
        said = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    found: dict[str, Any] = {}
    for member, value in said.items():
        name = _MEMBERS.get(member.lower())
        if name is None:
            continue
        read = _length(value) if name == "length" else _flag(value)
        if read is None:
            return None
        found[name] = read
    return Complexity(**found)


def _length(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 1 <= value <= 256 else None
    return whole(value, 1, 256) if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return truth(value) if isinstance(value, str) else None
