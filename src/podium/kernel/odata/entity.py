"""The allow-list of the OData layer: wire names, and the trusted SQL behind them.

In every SQL text here `{t}` stands for the alias of the entity's row, in `Navigation.join` and `Navigation.order` also
`{n}` for the alias of the target's row. Braces that mean something else are left alone. The main table of a statement
always has the alias `t`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# A PostgreSQL identifier has 63 bytes; a longer one would be cut without a word.
WIRE_NAME = re.compile(r"[A-Za-z_@][A-Za-z0-9_.@]{0,62}", re.ASCII)


class Kind(StrEnum):
    """What a property's SQL yields, how literals are read against it, and how it is written.

    STRING compares and sorts without regard to case, by `lower(x)`: indexes are on that expression. INT is any integer
    column. ENUM is text, or a number with `by_number`. DATETIME is a timestamptz, DATE a date, STRINGS a text array
    (for any()), JSON a json or jsonb value that is embedded as it is and neither filtered nor sorted by.
    """

    STRING = "string"
    INT = "integer"
    BIGINT = INT
    DOUBLE = "number"
    BOOL = "boolean"
    GUID = "GUID"
    DATETIME = "date and time"
    DATE = "date"
    ENUM = "enumeration"
    STRINGS = "list of strings"
    JSON = "JSON"


@dataclass(frozen=True)
class Inside:
    """Where a filter looks for the members of a JSON property.

    `value` is the SQL of the property's object with names and texts in lower case. With `rows` it belongs to a row of
    another table, alias `{m}`, that `join` finds; without it to the entity's own row.
    """

    value: str
    rows: str = ""
    join: str = ""


@dataclass(frozen=True, eq=False)
class Property:
    """One wire member of an entity.

    `enum` holds the names, either in the order of their numbers from 0 or with their numbers. `default=False` is
    written only when `$select` names it. With `nulls_low` nulls sort before every value, as the vendor's do; without
    it they sort as PostgreSQL's indexes have them (last when ascending), which lets an index serve the order.
    `inside`: how members of a JSON property are filtered by, `Name/Member eq 'x'`; without it they are not.
    `folded` is the SQL of a STRING as it is stored for comparisons, NFC and casefolded: indexes on that serve filters.
    `nullable=False` is a promise of the table (NOT NULL): a page in that order goes on by one jump into the index.
    """

    sql: str
    kind: Kind = Kind.STRING
    enum: tuple[str, ...] | Mapping[str, int] | None = None
    by_number: bool = False
    filterable: bool = True
    sortable: bool = True
    default: bool = True
    nulls_low: bool = False
    nullable: bool = True
    inside: Inside | None = None
    folded: str = ""
    numbers: Mapping[str, int] = field(init=False, repr=False)
    members: Mapping[str, tuple[str, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if (self.kind is Kind.ENUM) is (self.enum is None):
            raise ValueError(f"{self.sql}: names belong to the kind ENUM, and ENUM needs them")
        given = self.enum or ()
        numbers = dict(given) if isinstance(given, Mapping) else {name: at for at, name in enumerate(given)}
        object.__setattr__(self, "numbers", numbers)
        members: dict[str, tuple[str, int]] = {}
        for name, number in numbers.items():
            members[name.lower()] = members[str(number)] = (name, number)
        object.__setattr__(self, "members", members)
        if self.kind in (Kind.JSON, Kind.STRINGS):
            object.__setattr__(self, "sortable", False)
        if self.kind is Kind.JSON:
            object.__setattr__(self, "filterable", False)


@dataclass(frozen=True, eq=False)
class Navigation:
    """A way to another entity.

    `join` is the whole condition, tenant equality included, for example
    `{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.robot_id`. `target` may be a function when the entities refer to
    each other. A to-one join must match at most one row. `order` is the order of an expanded to-many; without it the
    target's own. When not expanded the member is left out, or null with `null_when_absent`.
    """

    target: Entity | Callable[[], Entity]
    join: str
    many: bool = False
    order: str = ""
    expandable: bool = True
    null_when_absent: bool = False

    @property
    def entity(self) -> Entity:
        return self.target if isinstance(self.target, Entity) else self.target()


@dataclass(frozen=True, eq=False)
class Entity:
    """An entity set: its table, and what of it the wire may name.

    `joins` are joins that every statement on the entity carries; the aliases in it begin with `{t}_`, because one
    statement may hold the entity twice. Those of a row that is there anyway are outer joins, since PostgreSQL leaves
    these out where nothing asks for them: a million rows are counted and skipped without. `lenient_expand` are names
    that `$expand` accepts and answers with null. Names bind without regard to case. The key must be unique among the
    rows that a caller's condition lets through.
    """

    name: str
    table: str
    properties: Mapping[str, Property]
    navigations: Mapping[str, Navigation] = field(default_factory=dict)
    key: str = "Id"
    default_order: tuple[tuple[str, str], ...] = ()
    joins: str = ""
    lenient_expand: frozenset[str] = frozenset()
    _properties: Mapping[str, str] = field(init=False, repr=False)
    _navigations: Mapping[str, str] = field(init=False, repr=False)
    _lenient: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = [*self.properties, *self.navigations, *self.lenient_expand]
        if len({name.lower() for name in names}) < len(names):
            raise ValueError(f"{self.name}: two members have the same name")
        for name in names:
            if not WIRE_NAME.fullmatch(name):
                raise ValueError(f"{self.name}: {name!r} cannot be a member's name")
        for name, direction in ((self.key, "asc"), *self.default_order):
            if name not in self.properties or direction not in ("asc", "desc"):
                raise ValueError(f"{self.name}: cannot sort by {name} {direction}")
        object.__setattr__(self, "_properties", {name.lower(): name for name in self.properties})
        object.__setattr__(self, "_navigations", {name.lower(): name for name in self.navigations})
        object.__setattr__(self, "_lenient", {name.lower(): name for name in self.lenient_expand})

    def property_named(self, name: str) -> str | None:
        """The declared spelling of a property; None when there is none."""
        return self._properties.get(name.lower())

    def navigation_named(self, name: str) -> str | None:
        """The declared spelling of a navigation; None when there is none."""
        return self._navigations.get(name.lower())

    def lenient_named(self, name: str) -> str | None:
        """The declared spelling of a name that `$expand` accepts and ignores; None when there is none."""
        return self._lenient.get(name.lower())
