"""Numbers by which the management API names rows, in paths that take any text."""

from __future__ import annotations

import re

from podium.identity.requests import not_valid

_NUMBER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


def row_id(name: str, text: str) -> int:
    """The number of a path parameter. Raises ValidationProblem for text that is no 64-bit integer (decision 9)."""
    number = int(text) if _NUMBER.fullmatch(text) else 2**63
    if not -(2**63) <= number < 2**63:
        raise not_valid(name, text)
    return number
