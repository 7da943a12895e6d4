"""What the OData parser produces: a frozen tree that holds no literal value.

A literal is a numbered slot in the tree; its value is in `Options.literals`. Two requests of the same form with other
values therefore have equal trees, and the tree itself is the key under which compiled SQL is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from podium.kernel.errors import BadRequest

SHOWN = 80  # characters of the caller's text that a message repeats


def invalid(detail: str) -> BadRequest:
    """400 #1000 with the sentence that clients match, and what was wrong."""
    return BadRequest(f"Invalid OData query options. {detail}")


def shown(text: str) -> str:
    """The caller's text, short enough for a message."""
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


class LiteralType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    NULL = "null"
    GUID = "guid"
    INSTANT = "date and time"
    DATE = "date"
    ENUM = "enumeration"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value of the request. INSTANT values are aware and in UTC; ENUM values are the text in the quotes."""

    type: LiteralType
    value: str | int | float | bool | UUID | datetime | date | None


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one literal."""

    index: int
    type: LiteralType


@dataclass(frozen=True, slots=True)
class Path:
    """A property, perhaps through navigations or of a lambda variable; names as the caller wrote them."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.names)


@dataclass(frozen=True, slots=True)
class Call:
    """A function; `name` is in lower case."""

    name: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is one of eq ne gt ge lt le."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class In:
    """Membership. The values but null are the tuple `Options.lists[index]`; `has_null`: null was among them."""

    operand: Expression
    index: int
    has_null: bool


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A lambda over a collection; without predicate: the collection has a member."""

    path: Path
    variable: str | None
    predicate: Expression | None


@dataclass(frozen=True, slots=True)
class Logic:
    """Two or more terms joined by `operator`, which is `and` or `or`."""

    operator: str
    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    term: Expression


Expression = Slot | Path | Call | Compare | In | AnyOf | Logic | Not


@dataclass(frozen=True, slots=True)
class OrderTerm:
    operand: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Expand:
    """One navigation to be embedded. `top` and `skip` are indexes into `Options.literals`; None when not given."""

    name: str
    filter: Expression | None = None
    select: tuple[str, ...] | None = None
    expand: tuple[Expand, ...] = ()
    orderby: tuple[OrderTerm, ...] = ()
    top: int | None = None
    skip: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page goes on: after the row with these `values` of the order terms, or after `offset` rows.

    `digest` names the list that it belongs to; `rows` is the size of a page that the caller prefers, `left` the number
    of rows until `$top` is reached; None: not given.
    """

    digest: str
    rows: int | None
    left: int | None
    values: tuple[str | int | float | bool | None, ...] | None
    offset: int = 0


Shape = tuple[Expression | None, tuple[str, ...] | None, tuple[Expand, ...], tuple[OrderTerm, ...]]


@dataclass(frozen=True, slots=True)
class Options:
    """The query options of a request.

    `select` is None when everything is wanted; `top` is None when not given; `count` is True only for `$count=true`.
    `rows` is the size of a page that the caller prefers, `after` where an earlier page ended.
    """

    filter: Expression | None = None
    select: tuple[str, ...] | None = None
    expand: tuple[Expand, ...] = ()
    orderby: tuple[OrderTerm, ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool = False
    literals: tuple[Literal, ...] = ()
    lists: tuple[tuple[Literal, ...], ...] = ()
    rows: int | None = None
    after: Position | None = None

    @property
    def shape(self) -> Shape:
        """What decides the SQL text: everything but the values."""
        return self.filter, self.select, self.expand, self.orderby
