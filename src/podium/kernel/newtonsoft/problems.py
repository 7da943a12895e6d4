"""What goes wrong in a body: the exceptions, their texts with path, line and position, and the list they end up in."""

from __future__ import annotations

import math
from collections.abc import Sequence

SHOWN = 100  # characters of a caller's text that a message repeats
MAX_ERRORS = 200  # MVC's limit; the last one says that there were more
FIRST_WITH_EXPONENT = 1e15
NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
TOO_MANY = "The maximum number of allowed model errors has been reached."

SPECIAL = frozenset(". '/\"[]()\t\n\r\f\b\\\x85\u2028\u2029")
ESCAPES = str.maketrans(
    {"'": "\\'", "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f", "\b": "\\b"}
    | {c: f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}
)


class Problem(ValueError):
    """Something is wrong with the body. `path` and `names`, the members on it, say where the reader stood."""

    def __init__(self, message: str, path: str, names: Sequence[str], line: int, position: int) -> None:
        super().__init__(placed(message, path, line, position))
        self.path = path
        self.names = names


class Unreadable(Problem):
    """The text is no JSON, or not of the kind that was asked for."""


class Unfit(Unreadable):
    """Readable JSON that the model cannot take; its key names the member even when the reader is elsewhere."""


class TooDeep(Problem):
    """The nesting is over the limit: nothing after it is read."""


class Enough(Exception):
    """There are as many errors as are told; reading on is of no use."""


class Errors:
    """Keys to messages, in the order of their appearance."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[str]] = {}
        self._count = 0

    def add(self, key: str, message: str) -> None:
        """Raises Enough when this is one too many."""
        self._count += 1
        if self._count >= MAX_ERRORS:
            self.by_key.setdefault("", []).append(TOO_MANY)
            raise Enough
        self.by_key.setdefault(key, []).append(message)

    def __bool__(self) -> bool:
        return self._count > 0


def placed(message: str, path: str, line: int, position: int) -> str:
    """The message with where it happened. A message that ends with a line break keeps it."""
    if not message.endswith("\n"):
        message = message.strip()
        message = f"{message} " if message.endswith(".") else f"{message}. "
    return f"{message}Path '{path}', line {line}, position {position}."


def below(path: str, name: str) -> str:
    """The path of a member; names with special characters stand in brackets."""
    if SPECIAL.isdisjoint(name):
        return f"{path}.{shown(name)}" if path else shown(name)
    return f"{path}['{shown(name).translate(ESCAPES)}']"


def shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def printed(value: object) -> str:
    """A value as the messages spell it."""
    if value is None:
        return "{null}"
    if isinstance(value, str):
        return f'"{shown(value)}"'
    if isinstance(value, float):
        return _float(value)
    return shown(str(value))


def _float(value: float) -> str:
    """The shortest text that gives the number back, with an exponent from fifteen digits on."""
    if not math.isfinite(value):
        return NOT_FINITE.get(value, "NaN")
    text = repr(value).upper().removesuffix(".0")
    if "E" in text or abs(value) < FIRST_WITH_EXPONENT:
        return text
    whole = text.lstrip("-").partition(".")[0]
    digits = text.lstrip("-").replace(".", "").rstrip("0")
    mantissa = f"{digits[0]}.{digits[1:]}" if digits[1:] else digits
    return f"{'-' if value < 0 else ''}{mantissa}E+{len(whole) - 1}"
