"""The text of an expression cut into tokens, in one pass and not further than somebody reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from podium.kernel.odata import literals
from podium.kernel.odata.tree import Literal, LiteralType, invalid, shown

WORDS = {
    "true": Literal(LiteralType.BOOLEAN, True),
    "false": Literal(LiteralType.BOOLEAN, False),
    "null": Literal(LiteralType.NULL, None),
}
# No alternative can match the same text in two ways, so that each character is looked at a bounded number of times.
TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<mark>[(),/:])"
    rf"|(?P<guid>{literals.GUID.pattern})"
    rf"|(?P<instant>{literals.INSTANT.pattern})"
    rf"|(?P<day>{literals.DAY.pattern})"
    rf"|(?P<number>{literals.NUMBER.pattern})"
    r"|(?P<word>[a-z_][a-z0-9_.]*)",
    re.IGNORECASE | re.ASCII,
)
WORD_CHARACTER = re.compile(r"[a-z0-9_'-]", re.IGNORECASE | re.ASCII)


class TokenType(StrEnum):
    MARK = "mark"
    WORD = "word"
    LITERAL = "literal"
    END = "end"


class Token(NamedTuple):
    """`text` is the mark or word as written; `position` counts characters from 0."""

    type: TokenType
    text: str
    position: int
    literal: Literal | None = None


def tokens(text: str) -> Iterator[Token]:
    """The tokens one by one, END at last; raises BadRequest where no token begins.

    Who stops reading has paid for what it read only.
    """
    at = 0
    while at < len(text):
        if text[at] == "'":
            value, end = quoted(text, at)
            yield Token(TokenType.LITERAL, text[at:end], at, Literal(LiteralType.STRING, value))
        else:
            match = TOKEN.match(text, at)
            if match is None:
                raise invalid(f"Unexpected '{shown(text[at : at + 10])}' at position {at}.")
            end = match.end()
            if match.lastgroup == "word" and text[end : end + 1] == "'":
                value, end = quoted(text, end)
                yield Token(TokenType.LITERAL, text[at:end], at, literals.typed(match["word"], value))
            elif match.lastgroup != "space":
                yield _token(match, text)
        at = end
    yield Token(TokenType.END, "", len(text))


def _token(match: re.Match[str], text: str) -> Token:
    part, at = match[0], match.start()
    if match["mark"]:
        return Token(TokenType.MARK, part, at)
    if match["word"]:
        if literal := WORDS.get(part.lower()):
            return Token(TokenType.LITERAL, part, at, literal)
        return Token(TokenType.WORD, part, at)
    if WORD_CHARACTER.match(text, match.end()):
        raise invalid(f"'{shown(text[at : match.end() + 10])}' at position {at} is not a literal.")
    if match["guid"]:
        literal = Literal(LiteralType.GUID, literals.guid(part))
    elif match["instant"]:
        literal = Literal(LiteralType.INSTANT, literals.instant(part))
    elif match["day"]:
        literal = Literal(LiteralType.DATE, literals.day(part))
    else:
        literal = literals.number(part)
    return Token(TokenType.LITERAL, part, at, literal)


def quoted(text: str, at: int) -> tuple[str, int]:
    """The text of the quoted string that begins at `at`, doubled quotes made single, and the position after it."""
    parts: list[str] = []
    start = at + 1
    while True:
        end = text.find("'", start)
        if end < 0:
            raise invalid(f"The string that begins at position {at} has no end.")
        parts.append(text[start:end])
        if text[end + 1 : end + 2] != "'":
            return "'".join(parts), end + 1
        start = end + 2
