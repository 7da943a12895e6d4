"""The inside of a quoted string: escapes, raw line breaks, and how many lines it spans."""

from __future__ import annotations

import re
from typing import NamedTuple

PLAIN = {quote: re.compile(rf"[^{quote}\\\r\n]*") for quote in "\"'"}
HEXADECIMAL = re.compile("[0-9a-fA-F]{4}")
ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/"}


class Scanned(NamedTuple):
    """`at` is behind the string. `line_start` is where the last line began, when there were line breaks."""

    text: str
    at: int
    lines: int
    line_start: int


class Broken(ValueError):
    """The string does not end, or has an escape that is none; `scanned` is how far the reading came."""

    def __init__(self, message: str, scanned: Scanned) -> None:
        super().__init__(message)
        self.message = message
        self.scanned = scanned


def scan(text: str, start: int, end: int) -> Scanned:
    """The string whose opening quote is at `start`. Raises Broken."""
    quote = text[start]
    plain = PLAIN[quote]
    pieces: list[str] = []
    at, lines, line_start = start + 1, 0, 0
    has_surrogate = False
    while True:
        found = plain.match(text, at, end)
        assert found is not None
        pieces.append(found[0])
        at = found.end()
        if at >= end or (text[at] == "\\" and at + 1 >= end):
            raise Broken(
                f"Unterminated string. Expected delimiter: {quote}.", Scanned("", min(at + 1, end), lines, line_start)
            )
        if text[at] == quote:
            whole = "".join(pieces)
            return Scanned(_paired(whole) if has_surrogate else whole, at + 1, lines, line_start)
        if text[at] == "\\":
            try:
                piece, at = _escape(text, at + 1, end)
            except Broken as broken:
                raise Broken(broken.message, Scanned("", broken.scanned.at, lines, line_start)) from None
            has_surrogate = has_surrogate or "\ud800" <= piece <= "\udfff"
            pieces.append(piece)
        else:
            length = 2 if text.startswith("\r\n", at, end) else 1
            pieces.append(text[at : at + length])
            at += length
            lines, line_start = lines + 1, at


def _escape(text: str, at: int, end: int) -> tuple[str, int]:
    """What the escape at `at`, behind the backslash, stands for, and where it ends."""
    kind = text[at]
    at += 1
    if kind != "u":
        if kind not in ESCAPED:
            raise Broken(f"Bad JSON escape sequence: \\{kind}.", Scanned("", at, 0, 0))
        return ESCAPED[kind], at
    if at + 4 >= end:
        raise Broken("Unexpected end while parsing Unicode escape sequence.", Scanned("", at, 0, 0))
    digits = text[at : at + 4]
    if not HEXADECIMAL.fullmatch(digits):
        raise Broken(f"Invalid Unicode escape sequence: \\u{digits}.", Scanned("", at, 0, 0))
    return chr(int(digits, 16)), at + 4


def _paired(text: str) -> str:
    """Escaped pairs as the one character they mean; a half that is alone stays."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
