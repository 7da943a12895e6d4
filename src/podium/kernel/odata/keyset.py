"""Where a page ends and the next one begins: the place in the order as a token, and the condition that continues there.

A token says after which values of the order terms the next page begins, so the database finds that place by an index
however far it is, and rows that come or go meanwhile make no other row appear twice or not at all. An order by
something that is no column (a function's result) continues by number of rows instead.

A token is not secret and not signed: it can only move the place from which the caller's own rows are read. What is in
it is checked like every other input.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from podium.kernel.errors import BadRequest
from podium.kernel.odata import literals
from podium.kernel.odata.entity import Entity, Kind
from podium.kernel.odata.tree import Options, Position, invalid

VERSION = 1
MAX_TOKEN = 8000  # characters; an address must stay short enough for everybody between client and server
MAX_SKIP = 2**40
MAX_PAGE = 1000
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,16384}", re.ASCII)
FORBIDDEN = re.compile("[\x00\ud800-\udfff]")
PLAIN = (str, int, float, bool)
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# What asyncpg sends as the database's own infinity.
INFINITE = {"infinity": datetime.max.replace(tzinfo=UTC), "-infinity": datetime.min.replace(tzinfo=UTC)}
CASTS = {
    Kind.STRING: "text",
    Kind.INT: "bigint",
    Kind.DOUBLE: "double precision",
    Kind.BOOL: "boolean",
    Kind.GUID: "uuid",
    Kind.DATETIME: "timestamptz",
    Kind.DATE: "date",
    Kind.ENUM: "text",
}


@dataclass(frozen=True)
class Term:
    """One term of ORDER BY. `kind` is None when the term is no column and nothing can continue after its value."""

    sql: str
    descending: bool = False
    nulls_low: bool = False
    kind: Kind | None = None
    nullable: bool = True

    @property
    def text(self) -> str:
        nulls = "" if not self.nulls_low else " NULLS LAST" if self.descending else " NULLS FIRST"
        return f"{self.sql}{' DESC' if self.descending else ''}{nulls}"

    @property
    def nulls_first(self) -> bool:
        return self.descending is not self.nulls_low

    @property
    def compared(self) -> str:
        """The expression that a value of the token is compared with."""
        return f"({self.sql})::double precision" if self.kind is Kind.DOUBLE else self.sql

    @property
    def shown(self) -> str:
        """The expression whose value goes into the token; JSON tells every one of them exactly."""
        return f"({self.sql} AT TIME ZONE 'UTC')" if self.kind is Kind.DATETIME else self.compared


def walkable(terms: Sequence[Term]) -> bool:
    """Whether a page can continue after the values of its last row."""
    return all(term.kind is not None for term in terms)


def after(terms: Sequence[Term], is_null: Sequence[bool], placeholder: Callable[[int, str], str]) -> str:
    """The condition for the rows that follow a row; `is_null` says which of its values are null.

    Terms that run in the same direction and have no nulls behind them become one comparison of rows, which a btree
    index answers by going to the place.
    """
    first = terms[0]
    run = 0
    while run < len(terms) and terms[run].descending is first.descending and not is_null[run]:
        if terms[run].nullable and not terms[run].nulls_first:
            break
        run += 1
    if run == len(terms):
        left = ", ".join(term.compared for term in terms)
        right = ", ".join(_value(term, at, placeholder) for at, term in enumerate(terms))
        return f"(({left}) {'<' if first.descending else '>'} ({right}))"
    condition = ""
    for at in reversed(range(len(terms))):
        condition = _after_one(terms[at], at, is_null[at], condition, placeholder)
    if run:
        # Says again what the whole implies, in a form that an index can use.
        bound = f"{first.compared} {'<=' if first.descending else '>='} {_value(first, 0, placeholder)}"
        return f"({bound} AND {condition})"
    return condition


def _after_one(term: Term, at: int, is_null: bool, rest: str, placeholder: Callable[[int, str], str]) -> str:
    """Behind the value in this term; or level with it, and behind in the terms after it."""
    if is_null:
        behind = [f"{term.sql} IS NOT NULL"] if term.nulls_first else []
        level = f"{term.sql} IS NULL"
    else:
        value = _value(term, at, placeholder)
        behind = [f"{term.compared} {'<' if term.descending else '>'} {value}"]
        if term.nullable and not term.nulls_first:
            behind.append(f"{term.sql} IS NULL")
        level = f"{term.compared} = {value}"
    if rest:
        behind.append(f"({level} AND {rest})")
    return f"({' OR '.join(behind)})" if behind else "false"


def _value(term: Term, at: int, placeholder: Callable[[int, str], str]) -> str:
    assert term.kind is not None
    return placeholder(at, CASTS[term.kind])


def values(terms: Sequence[Term], given: Sequence[Any]) -> list[object]:
    """The values of a token as they are bound, nulls left out; raises BadRequest for what no such row can have."""
    if len(given) != len(terms):
        raise refused()
    found: list[object] = []
    for term, value in zip(terms, given, strict=True):
        if value is None:
            if not term.nullable:
                raise refused()
            continue
        try:
            found.append(_typed(term.kind, value))
        except BadRequest:
            raise refused() from None
    return found


def _typed(kind: Kind | None, value: Any) -> object:
    match kind, value:
        case Kind.STRING | Kind.ENUM, str() if not FORBIDDEN.search(value):
            return value
        case Kind.INT, int() if not isinstance(value, bool) and -literals.INT64 <= value < literals.INT64:
            return value
        case Kind.DOUBLE, int() | float() if not isinstance(value, bool):
            return _double(value)
        case Kind.DOUBLE, str() if value in WORDS:
            return WORDS[value]
        case Kind.BOOL, bool():
            return value
        case Kind.GUID, str():
            return literals.guid(value)
        case Kind.DATETIME, str():
            return INFINITE[value] if value in INFINITE else literals.instant(value)
        case Kind.DATE, str():
            return literals.day(value)
    raise refused()


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise refused() from None


def digest(entity: Entity, options: Options) -> str:
    """What a token belongs to: the list and everything that decides which rows it has in which order."""
    said = repr((entity.name, options.filter, options.orderby, options.literals, options.lists))
    return hashlib.blake2b(said.encode(), digest_size=9).hexdigest()


def written(position: Position) -> str:
    """The token; it may be longer than MAX_TOKEN."""
    place = position.offset if position.values is None else list(position.values)
    parts = [VERSION, position.digest, position.rows, position.left, place]
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(token: str) -> Position:
    """The position of a token; raises BadRequest for a text that `written` never makes."""
    if not TOKEN.fullmatch(token):
        raise refused()
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        parts = json.loads(text, parse_constant=_no_constant)
    except (binascii.Error, ValueError, RecursionError):
        raise refused() from None
    match parts:
        case [int(version), str(belongs), rows, left, place] if version == VERSION:
            if _counts(rows, MAX_PAGE) and _counts(left, MAX_PAGE):
                if isinstance(place, list) and all(value is None or isinstance(value, PLAIN) for value in place):
                    return Position(belongs, rows, left, tuple(place), 0)
                if isinstance(place, int) and _counts(place, MAX_SKIP):
                    return Position(belongs, rows, left, None, place)
    raise refused()


def _counts(number: object, most: int) -> bool:
    """Whether it is None or a number from 1 to `most`."""
    if isinstance(number, bool):
        return False
    return number is None or (isinstance(number, int) and 1 <= number <= most)


def _no_constant(name: str) -> object:
    raise ValueError(name)


def refused() -> BadRequest:
    """400 #1000 for a token that is not ours or that belongs to another list."""
    return invalid("$skiptoken is not one that this list has given.")
