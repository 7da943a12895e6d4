"""The same query options over a short list in memory, for lists that no table holds.

Same parser, same limits, same refusals; types are those of the values, so a comparison of unlike types is refused only
when a value is there to see it.
"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from podium.kernel.odata import literals
from podium.kernel.odata.bind import MATCHES
from podium.kernel.odata.page import MAX_ROWS
from podium.kernel.odata.tree import (
    AnyOf,
    Call,
    Compare,
    Expression,
    In,
    Literal,
    Logic,
    Not,
    Options,
    Path,
    Slot,
    invalid,
    shown,
)

ORDERED: Mapping[str, Callable[[Any, Any], object]] = {
    "gt": operators.gt,
    "ge": operators.ge,
    "lt": operators.lt,
    "le": operators.le,
}
WORDS = {bool: "boolean", int: "number", float: "number", str: "string", date: "date and time"}
Row = Mapping[str, object]


@dataclass(frozen=True)
class RowsPage:
    """`total` is the number of rows after $filter, before $top and $skip."""

    rows: list[dict[str, object]]
    total: int


def rows_page(
    rows: Sequence[Row],
    names: Sequence[str],
    options: Options,
    *,
    max_rows: int = MAX_ROWS,
    now: datetime | None = None,
) -> RowsPage:
    """The rows that the options let through; members in the order of `names`, the allow-list.

    Nested members are mappings, collections are lists. $expand is accepted for names of the list and changes nothing.
    Raises BadRequest (400 #1000) for other names, and for types that cannot be compared. Without `now` the function
    now() is null.
    """
    allowed = {name.lower(): name for name in names}
    selected = _selected(allowed, options)
    for item in options.expand:
        _allowed(allowed, item.name)
    if options.after is not None:
        raise invalid("$skiptoken is not supported here.")
    if options.top is not None and options.top > max_rows:
        raise invalid(f"The limit of '{max_rows}' for $top has been exceeded by '{options.top}'.")
    reader = _Reader(options, allowed, now)
    for node in [options.filter, *(term.operand for term in options.orderby)]:
        if node is not None:
            reader.check(node, frozenset())
    found = [row for row in rows if options.filter is None or reader.holds(options.filter, row, {})]
    for term in reversed(options.orderby):
        operand = term.operand
        try:
            found.sort(key=lambda row, operand=operand: _rank(reader.value(operand, row, {})), reverse=term.descending)  # type: ignore[misc]
        except TypeError:
            raise invalid("The values cannot be sorted.") from None
    most = max_rows if options.top is None else options.top
    page = found[options.skip : options.skip + most]
    return RowsPage(
        [{name: row[name] for name in names if name in selected and name in row} for row in page], len(found)
    )


def _allowed(allowed: Mapping[str, str], given: str) -> str:
    if (name := allowed.get(given.lower())) is None:
        raise invalid(f"'{shown(given)}' is not a property.")
    return name


def _selected(allowed: Mapping[str, str], options: Options) -> set[str]:
    if options.select is None or "*" in options.select:
        return set(allowed.values())
    return {_allowed(allowed, name) for name in options.select}


def _rank(value: object) -> tuple[bool, object]:
    """Null sorts before every value."""
    return (False, 0) if value is None else (True, value)


def _plain(value: object) -> object:
    """Values as they compare: strings and GUIDs folded, instants in UTC."""
    match value:
        case str():
            return value.casefold()
        case UUID():
            return str(value)
        case datetime():
            return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
    return value


class _Reader:
    """Evaluates the tree of one request over rows; `variables` are the members that lambda variables stand for."""

    def __init__(self, options: Options, allowed: Mapping[str, str], now: datetime | None) -> None:
        self._options = options
        self._allowed = allowed
        self._now = now

    def check(self, node: Expression, variables: frozenset[str]) -> None:
        """Raises BadRequest for names outside the allow-list, whether or not there are rows."""
        match node:
            case Path(names) if names[0] not in variables:
                _allowed(self._allowed, names[0])
            case Call(_, operands) | Logic(_, operands):
                for operand in operands:
                    self.check(operand, variables)
            case Compare(_, left, right):
                self.check(left, variables)
                self.check(right, variables)
            case Not(inner) | In(inner):
                self.check(inner, variables)
            case AnyOf(path, variable, predicate):
                self.check(path, variables)
                if variable is not None and predicate is not None:
                    self.check(predicate, variables | {variable})

    def holds(self, node: Expression, row: Row, variables: Mapping[str, object]) -> bool:
        answer = self.value(node, row, variables)
        if answer is not None and not isinstance(answer, bool):
            raise invalid("$filter is not a condition.")
        return bool(answer)

    def value(self, node: Expression, row: Row, variables: Mapping[str, object]) -> object:
        match node:
            case Slot(index):
                return _plain(self._options.literals[index].value)
            case Path(names):
                return _plain(self._member(names, row, variables))
            case Logic("and", terms):
                return all(self.holds(term, row, variables) for term in terms)
            case Logic(_, terms):
                return any(self.holds(term, row, variables) for term in terms)
            case Not(term):
                return not self.holds(term, row, variables)
            case Compare(operator, left, right):
                return _compare(
                    operator, self.value(left, row, variables), self.value(right, row, variables), _label(left, right)
                )
            case In(operand, index, has_null):
                values = self._options.lists[index]
                return _among(self.value(operand, row, variables), values, has_null, _label(operand))
            case AnyOf():
                return self._any(node, row, variables)
            case Call(name, operands):
                return _call(name, [self.value(operand, row, variables) for operand in operands], self._now)

    def _member(self, names: tuple[str, ...], row: Row, variables: Mapping[str, object]) -> object:
        value: object = row
        if names[0] in variables:
            value, names = variables[names[0]], names[1:]
        for name in names:
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise invalid(f"'{shown('/'.join(names))}' is not a property.")
            folded = {str(key).lower(): key for key in value}
            value = value[folded[name.lower()]] if name.lower() in folded else None
        return value

    def _any(self, node: AnyOf, row: Row, variables: Mapping[str, object]) -> bool:
        members = self._member(node.path.names, row, variables)
        if members is None:
            return False
        if not isinstance(members, list | tuple):
            raise invalid(f"'{shown(str(node.path))}' is not a collection.")
        if node.variable is None or node.predicate is None:
            return bool(members)
        return any(self.holds(node.predicate, row, {**variables, node.variable: member}) for member in members)


def _among(value: object, values: tuple[Literal, ...], has_null: bool, label: str) -> bool:
    if value is None:
        return has_null
    return any(_compare("eq", value, _plain(literal.value), label) for literal in values)


def _compare(operator: str, left: object, right: object, label: str) -> bool:
    """The comparison of two plain values; null is equal to null and in no order with anything."""
    if left is None or right is None:
        return {"eq": left is right, "ne": left is not right}.get(operator, False)
    left, right = _alike(left, right)
    numeric = isinstance(left, int | float) and isinstance(right, int | float)
    if isinstance(left, bool) is not isinstance(right, bool) or not (numeric or type(left) is type(right)):
        raise invalid(f"{label} is a {_word(left)} and cannot be compared with a {_word(right)}.")
    if operator in ("eq", "ne"):
        return (left == right) is (operator == "eq")
    try:
        return bool(ORDERED[operator](left, right))
    except TypeError:
        raise invalid(f"{label} cannot be compared by '{operator}'.") from None


def _alike(left: object, right: object) -> tuple[object, object]:
    """Both as instants when one is an instant or a day; the other may be its text."""
    if not isinstance(left, date) and not isinstance(right, date):
        return left, right
    return _moment(left), _moment(right)


def _moment(value: object) -> object:
    if isinstance(value, str):
        return literals.instant(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, datetime.min.time(), UTC)
    return value


def _word(value: object) -> str:
    """What a message calls a value of that type."""
    for type_, word in WORDS.items():
        if isinstance(value, type_):
            return word
    return "collection or object"


def _label(*nodes: Expression) -> str:
    """The property that a message names."""
    return next((f"'{shown(str(node))}'" for node in nodes if isinstance(node, Path)), "The operand")


def _call(name: str, operands: list[object], now: datetime | None) -> object:
    if name == "now":
        return now
    if any(operand is None for operand in operands):
        return False if name in MATCHES or name == "substringof" else None
    first = operands[0]
    if name in ("year", "month", "day", "hour", "minute", "second", "date"):
        moment = literals.instant(first) if isinstance(first, str) else first
        if not isinstance(moment, datetime):
            raise invalid(f"The function '{name}' takes a date and time.")
        return moment.date() if name == "date" else getattr(moment, name)
    texts = [operand for operand in operands if isinstance(operand, str)]
    if len(texts) < len(operands):
        raise invalid(f"The function '{name}' takes strings.")
    text, sought = texts[0], texts[-1]
    match name:
        case "contains":
            return sought in text
        case "substringof":
            return text in sought
        case "startswith":
            return text.startswith(sought)
        case "endswith":
            return text.endswith(sought)
        case "indexof":
            return text.find(sought)
        case "length":
            return len(text)
        case "trim":
            return text.strip()
    return text
