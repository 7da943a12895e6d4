"""The query options of a request, read into a typed tree. Knows no SQL and no entity.

Work grows with the length of the text alone: one pass per option, and per level of `$expand`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from podium.kernel.odata import keyset
from podium.kernel.odata.expression import ExpressionParser, Ledger
from podium.kernel.odata.lexer import quoted
from podium.kernel.odata.tree import (
    Expand,
    Expression,
    Literal,
    LiteralType,
    Options,
    OrderTerm,
    Position,
    invalid,
    shown,
)

MAX_LENGTH = 16_384  # characters of one option
MAX_TOP = 1000  # rows; the page limit of the published API
LONGEST_TOP = 10_000  # of lists that allow more to narrow rows; each list holds `$top` to its own limit
MAX_SKIP = 2**31
MAX_EXPAND_DEPTH = 2
MAX_EXPANDS = 32  # navigations in one request, all levels together
MAX_SELECT = 200

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
SELECTED = re.compile(r"\*|[A-Za-z_][A-Za-z0-9_./]*", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,40}", re.ASCII)
REFUSED_CHARACTERS = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL's text can hold none of them
PUNCTUATION = re.compile(r"['(),;=]")
KNOWN = frozenset({"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count"})
ONCE = KNOWN | {"$skiptoken"}  # of the request alone, not of an $expand
IGNORED = frozenset({"$format"})
PAGE_SIZE = "odata.maxpagesize"  # the preference of that name; the turn hands it in among the parameters


@dataclass(slots=True)
class _Clauses:
    """The options of one level, the request's or those in the parentheses of an `$expand`."""

    filter: Expression | None = None
    select: tuple[str, ...] | None = None
    expand: tuple[Expand, ...] = ()
    orderby: tuple[OrderTerm, ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool = False


class _Request:
    """The budget that all options of one request share."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.expands = 0

    def clauses(self, given: Mapping[str, str], depth: int) -> _Clauses:
        """The options of one level by name in lower case; `depth` is the number of `$expand`s around it."""
        clauses = _Clauses()
        for name, value in given.items():
            match name:
                case "$filter" if value.strip():
                    clauses.filter = ExpressionParser(value, self.ledger).filter()
                case "$orderby" if value.strip():
                    clauses.orderby = ExpressionParser(value, self.ledger).order()
                case "$select" if value.strip():
                    clauses.select = _select(value)
                case "$expand" if value.strip():
                    clauses.expand = self._expand(value, depth + 1)
                case "$top":
                    clauses.top = _whole("$top", value, MAX_TOP if depth else LONGEST_TOP)
                case "$skip":
                    clauses.skip = _whole("$skip", value, MAX_SKIP)
                case "$count":
                    clauses.count = _truth(value)
        return clauses

    def _expand(self, text: str, depth: int) -> tuple[Expand, ...]:
        if depth > MAX_EXPAND_DEPTH:
            raise invalid(f"$expand is nested more than {MAX_EXPAND_DEPTH} levels deep.")
        items: dict[str, Expand] = {}
        for part in _split(text, ","):
            head, inside = _parenthesised(part)
            item = self._item(head, inside, depth)
            items.setdefault(item.name.lower(), item)
        return tuple(items.values())

    def _item(self, head: str, inside: str | None, depth: int) -> Expand:
        """One navigation; `A/B` is the older spelling of `A($expand=B)`."""
        self.expands += 1
        if self.expands > MAX_EXPANDS:
            raise invalid(f"$expand names more than {MAX_EXPANDS} navigations.")
        name, slash, rest = head.partition("/")
        if not NAME.fullmatch(name):
            raise invalid(f"$expand cannot read '{shown(head)}'.")
        if slash:
            if depth >= MAX_EXPAND_DEPTH:
                raise invalid(f"$expand is nested more than {MAX_EXPAND_DEPTH} levels deep.")
            return Expand(name, expand=(self._item(rest, inside, depth + 1),))
        given = {} if inside is None else _named(inside)
        clauses = self.clauses(given, depth)
        return Expand(
            name,
            clauses.filter,
            clauses.select,
            clauses.expand,
            clauses.orderby,
            None if clauses.top is None else self._number(clauses.top),
            self._number(clauses.skip) if clauses.skip else None,
        )

    def _number(self, value: int) -> int:
        return self.ledger.slot(Literal(LiteralType.INTEGER, value)).index


def parse_options(raw: Mapping[str, str]) -> Options:
    """The options of a query string; raises BadRequest (400 #1000) that says which one is wrong.

    Names bind without regard to case; names without `$` are other people's parameters and are left alone; `$` names
    that are not supported are refused, so that nobody takes an unfiltered page for a filtered one.
    """
    given: dict[str, str] = {}
    for key, value in raw.items():
        name = key.strip().lower()
        if not name.startswith("$") or name in IGNORED:
            continue
        if name not in ONCE:
            raise invalid(f"The query option '{shown(key)}' is not supported.")
        if name in given:
            raise invalid(f"The query option '{name}' is given twice.")
        if len(value) > MAX_LENGTH:
            raise invalid(f"{name} is longer than {MAX_LENGTH} characters.")
        if REFUSED_CHARACTERS.search(value):
            raise invalid(f"{name} has a character that is not allowed.")
        given[name] = value
    request = _Request()
    found = request.clauses(given, 0)
    return Options(
        found.filter,
        found.select,
        found.expand,
        found.orderby,
        found.top,
        found.skip,
        found.count,
        tuple(request.ledger.literals),
        tuple(request.ledger.lists),
        _page_rows(raw.get(PAGE_SIZE, "")),
        _position(given),
    )


def _page_rows(text: str) -> int | None:
    """The size of a page that the caller prefers. It is a wish: what cannot be is not refused."""
    wanted = int(text) if DIGITS.fullmatch(text.strip()) else 0
    return min(wanted, MAX_TOP) or None


def _position(given: Mapping[str, str]) -> Position | None:
    token = given.get("$skiptoken", "").strip()
    if not token:
        return None
    if "$skip" in given:
        raise invalid("$skip and $skiptoken exclude each other.")
    return keyset.read(token)


def _whole(name: str, text: str, most: int) -> int:
    text = text.strip()
    if not DIGITS.fullmatch(text):
        raise invalid(f"{name} must be a whole number from 0 to {most}, not '{shown(text)}'.")
    if int(text) > most:
        raise invalid(f"The limit of '{most}' for {name} has been exceeded by '{text}'.")
    return int(text)


def _truth(text: str) -> bool:
    if (word := text.strip().lower()) not in ("true", "false"):
        raise invalid(f"$count must be true or false, not '{shown(text)}'.")
    return word == "true"


def _select(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if len(names) > MAX_SELECT:
        raise invalid(f"$select names more than {MAX_SELECT} properties.")
    for name in names:
        if not SELECTED.fullmatch(name):
            raise invalid(f"$select cannot read '{shown(name)}'.")
    return names


def _split(text: str, separator: str) -> list[str]:
    """The parts between the separators that stand outside quotes and parentheses."""
    parts: list[str] = []
    start = at = level = 0
    while mark := PUNCTUATION.search(text, at):
        at = mark.end()
        match mark[0]:
            case "'":
                _, at = quoted(text, mark.start())
            case "(":
                level += 1
            case ")":
                level -= 1
                if level < 0:
                    raise invalid(f"Unexpected ')' at position {mark.start()} of $expand.")
            case found if found == separator and level == 0:
                parts.append(text[start : mark.start()].strip())
                start = at
    if level:
        raise invalid("$expand has a '(' without its ')'.")
    parts.append(text[start:].strip())
    return parts


def _parenthesised(part: str) -> tuple[str, str | None]:
    """`Name(inside)` as its two halves; inside is None without parentheses."""
    head, opened, rest = part.partition("(")
    if not opened:
        return part, None
    if not rest.endswith(")"):
        raise invalid(f"$expand cannot read '{shown(part)}'.")
    return head.strip(), rest[:-1]


def _named(inside: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in _split(inside, ";"):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not equals or name not in KNOWN or name in given:
            raise invalid(f"$expand cannot read the option '{shown(part)}'.")
        given[name] = value
    return given
