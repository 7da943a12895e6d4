"""A parsed tree bound to an entity: names looked up in the allow-list, types checked, joins found.

No SQL text is made here; `page.py` writes what this leaves. Literals stay slots: each becomes a `Parameter` that knows
how to read the value, so that one binding serves all requests of the same shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from podium.kernel.odata import inside
from podium.kernel.odata.arguments import NATURAL, Parameter, Target, check, converter, pattern
from podium.kernel.odata.entity import Entity, Kind, Navigation, Property
from podium.kernel.odata.tree import (
    AnyOf,
    Call,
    Compare,
    Expression,
    In,
    LiteralType,
    Logic,
    Not,
    Path,
    Slot,
    invalid,
    shown,
)

MATCHES = frozenset({"contains", "startswith", "endswith"})
PARTS = frozenset({"year", "month", "day", "hour", "minute", "second"})
FLIPPED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}
NUMERIC = frozenset({Kind.INT, Kind.DOUBLE})
TEXTUAL = frozenset({Kind.STRING, Kind.ENUM})
MEMBER = Property("{t}.v")  # the element of a list of strings


@dataclass(frozen=True)
class Column:
    """A property of the row with that alias."""

    alias: str
    declared: Property
    label: str

    @property
    def kind(self) -> Kind:
        return self.declared.kind


@dataclass(frozen=True)
class Applied:
    """A scalar function of operands."""

    function: str
    operands: tuple[Operand, ...]
    kind: Kind


@dataclass(frozen=True)
class Answer:
    """A condition used as a value; unknown counts as false."""

    condition: Condition
    kind: Kind = Kind.BOOL


Operand = Column | Parameter | Applied | Answer


@dataclass(frozen=True)
class Test:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True)
class NullTest:
    operand: Operand
    negated: bool


@dataclass(frozen=True)
class Never:
    """False: an order comparison with null."""


@dataclass(frozen=True)
class Among:
    operand: Operand
    values: Parameter
    or_null: bool


@dataclass(frozen=True)
class Match:
    """contains, startswith or endswith; with `like` the right side is a ready LIKE pattern."""

    function: str
    operand: Operand
    sought: Operand
    like: bool


@dataclass(frozen=True)
class Joined:
    operator: str
    terms: tuple[Condition, ...]


@dataclass(frozen=True)
class Negated:
    term: Condition


@dataclass(frozen=True)
class Truth:
    operand: Operand


@dataclass(frozen=True)
class Exists:
    """Some row of `scope`, reached from the row `parent` by `link`, meets the condition."""

    scope: Scope
    link: Navigation | Property
    parent: str
    condition: Condition | None


Condition = Test | NullTest | Never | Among | Match | Joined | Negated | Truth | Exists | inside.MemberTest


@dataclass(frozen=True)
class Join:
    alias: str
    parent: str
    navigation: Navigation


@dataclass
class Aliases:
    """Names of the joined tables of one statement, each used once."""

    used: int = 0

    def fresh(self) -> str:
        self.used += 1
        return f"n{self.used}"


@dataclass
class Scope:
    """The rows that names are looked up in. `entity` is None for the elements of a list of strings."""

    entity: Entity | None
    alias: str
    aliases: Aliases
    variable: str | None = None
    outer: Scope | None = None
    joins: dict[tuple[str, ...], Join] = field(default_factory=dict)

    def of_variable(self, name: str) -> Scope | None:
        """The innermost scope with that lambda variable."""
        if self.variable is not None and self.variable == name:
            return self
        return self.outer.of_variable(name) if self.outer else None

    @property
    def root(self) -> Scope:
        """Where names without a variable belong."""
        return self.outer.root if self.outer else self

    def _start(self, path: Path) -> tuple[Scope, list[str]]:
        scope = self.of_variable(path.names[0])
        return (self.root, list(path.names)) if scope is None else (scope, list(path.names[1:]))

    def column(self, path: Path) -> Column:
        """The property at the end of the path; raises BadRequest for unknown names and for ways through collections."""
        scope, names = self._start(path)
        if not names and scope.entity is None:
            return Column(scope.alias, MEMBER, str(path))
        if not names or scope.entity is None:
            raise invalid(f"'{shown(str(path))}' is not a property.")
        alias, entity = scope.walk(names[:-1], path)
        name = entity.property_named(names[-1])
        if name is None:
            hint = " is a navigation; name one of its properties" if entity.navigation_named(names[-1]) else ""
            raise invalid(f"'{shown(str(path))}'{hint or f' is not a property of {entity.name}'}.")
        return Column(alias, entity.properties[name], str(path))

    def member(self, path: Path) -> inside.Member | None:
        """The member of a JSON property at the end of the path; None when the path is something else."""
        scope, names = self._start(path)
        if len(names) < 2 or scope.entity is None:
            return None
        alias, entity = scope.walk(names[:-2], path)
        name = entity.property_named(names[-2])
        within = None if name is None else entity.properties[name].inside
        return None if within is None else inside.member_of(within, alias, self.aliases.fresh(), path)

    def collection(self, path: Path) -> tuple[str, Navigation | Property]:
        """The alias and the to-many navigation or list of strings at the end of the path."""
        scope, names = self._start(path)
        if names and scope.entity is not None:
            alias, entity = scope.walk(names[:-1], path)
            if (name := entity.navigation_named(names[-1])) and entity.navigations[name].many:
                return alias, entity.navigations[name]
            if (name := entity.property_named(names[-1])) and entity.properties[name].kind is Kind.STRINGS:
                return alias, entity.properties[name]
        raise invalid(f"'{shown(str(path))}' is not a collection.")

    def walk(self, names: list[str], path: Path) -> tuple[str, Entity]:
        """The alias and entity behind to-one navigations; joins are shared by all paths of the scope."""
        assert self.entity is not None
        alias, entity = self.alias, self.entity
        way: tuple[str, ...] = ()
        for given in names:
            name = entity.navigation_named(given)
            if name is None:
                raise invalid(f"'{shown(str(path))}': '{shown(given)}' is not a navigation of {entity.name}.")
            navigation = entity.navigations[name]
            if navigation.many:
                raise invalid(f"'{shown(str(path))}': '{name}' is a collection and needs any().")
            way = (*way, name)
            if way not in self.joins:
                self.joins[way] = Join(self.aliases.fresh(), alias, navigation)
            alias, entity = self.joins[way].alias, navigation.entity
        return alias, entity


def condition(node: Expression, scope: Scope) -> Condition:
    """The bound condition; raises BadRequest for what is no condition."""
    if (found := inside.test(node, scope.member)) is not None:
        return found
    match node:
        case Logic(operator, terms):
            return Joined(operator, tuple(condition(term, scope) for term in terms))
        case Not(term):
            return Negated(condition(term, scope))
        case Compare(operator, left, right):
            return _comparison(operator, left, right, scope)
        case In(operand, index, has_null):
            bound = filterable(operand, scope)
            target = _target(bound)
            cast = target.cast + "[]"
            return Among(bound, Parameter(index, bound.kind, cast, converter(target), many=True), has_null)
        case AnyOf():
            return _any(node, scope)
        case Call("substringof", (sought, within)):
            return _match("contains", within, sought, scope)
        case Call(name, (within, sought)) if name in MATCHES:
            return _match(name, within, sought, scope)
    bound = filterable(node, scope)
    if bound.kind is not Kind.BOOL:
        raise invalid(f"{_label(bound)} is not a condition.")
    return Truth(bound)


def _any(node: AnyOf, scope: Scope) -> Exists:
    alias, link = scope.collection(node.path)
    if isinstance(link, Property) and not link.filterable:
        raise invalid(f"'{node.path}' cannot be used in $filter.")
    entity = link.entity if isinstance(link, Navigation) else None
    inner = Scope(entity, scope.aliases.fresh(), scope.aliases, node.variable, scope)
    return Exists(inner, link, alias, None if node.predicate is None else condition(node.predicate, inner))


def _comparison(operator: str, left: Expression, right: Expression, scope: Scope) -> Condition:
    if isinstance(left, Slot) and not isinstance(right, Slot):
        left, right, operator = right, left, FLIPPED.get(operator, operator)
    bound = filterable(left, scope)
    if isinstance(right, Slot) and right.type is LiteralType.NULL:
        return NullTest(bound, operator == "ne") if operator in ("eq", "ne") else Never()
    other = _parameter(right, bound) if isinstance(right, Slot) else filterable(right, scope)
    _comparable(operator, bound, other)
    return Test(operator, bound, other)


def _comparable(operator: str, left: Operand, right: Operand) -> None:
    kinds = {left.kind, right.kind}
    if not (len(kinds) == 1 or kinds <= NUMERIC or kinds <= TEXTUAL) or kinds & {Kind.JSON, Kind.STRINGS}:
        raise invalid(f"{_label(left)} is a {left.kind} and cannot be compared with a {right.kind}.")
    by_name = Kind.ENUM in kinds and not (isinstance(left, Column) and left.declared.by_number)
    if operator not in ("eq", "ne") and (Kind.BOOL in kinds or by_name):
        raise invalid(f"{_label(left)} cannot be compared by '{operator}'.")


def _match(function: str, within: Expression, sought: Expression, scope: Scope) -> Match:
    operand = _text(filterable(within, scope))
    while isinstance(sought, Call) and sought.name in ("tolower", "toupper"):
        sought = sought.operands[0]
    if isinstance(sought, Slot):
        target = Target(Kind.STRING, f"{function}({_label(operand)})", is_folded=_is_folded(operand))
        check(target, sought.type)
        like = Parameter(sought.index, Kind.STRING, "text", pattern(function, target))
        return Match(function, operand, like, like=True)
    return Match(function, operand, _text(filterable(sought, scope)), like=False)


def _parameter(slot: Slot, other: Operand) -> Parameter:
    target = _target(other)
    check(target, slot.type)
    if target.kind is Kind.INT and slot.type is LiteralType.DECIMAL:
        target = Target(Kind.DOUBLE, target.label)
    return Parameter(slot.index, target.kind, target.cast, converter(target))


def _target(operand: Operand) -> Target:
    if operand.kind in (Kind.JSON, Kind.STRINGS):
        raise invalid(f"{_label(operand)} is a {operand.kind} and cannot be compared.")
    enum = operand.declared if isinstance(operand, Column) and operand.kind is Kind.ENUM else None
    return Target(operand.kind, _label(operand).strip("'"), enum, _is_folded(operand))


def _is_folded(operand: Operand) -> bool:
    return isinstance(operand, Column) and bool(operand.declared.folded)


def _label(operand: Operand) -> str:
    match operand:
        case Column():
            return f"'{shown(operand.label)}'"
        case Applied():
            return f"'{operand.function}'"
        case Parameter():
            return "The literal"
    return "The condition"


def _text(bound: Operand) -> Operand:
    if bound.kind is Kind.STRING:
        return bound
    if isinstance(bound, Column) and bound.kind in (Kind.ENUM, Kind.GUID):
        return Applied("text", (bound,), Kind.STRING)
    raise invalid(f"{_label(bound)} is a {bound.kind}, not a string.")


def filterable(node: Expression, scope: Scope) -> Operand:
    """The bound operand; raises BadRequest for properties that cannot be filtered by."""
    bound = operand(node, scope)
    if isinstance(bound, Column) and not bound.declared.filterable:
        raise invalid(f"'{bound.label}' cannot be used in $filter.")
    return bound


def operand(node: Expression, scope: Scope) -> Operand:
    """The bound value of an expression. Case never counts, so tolower and toupper are what they are applied to."""
    match node:
        case Path():
            return scope.column(node)
        case Slot(index, literal):
            if literal is LiteralType.NULL:
                raise invalid("null can only be compared with.")
            target = Target(NATURAL[literal], "the literal")
            return Parameter(index, target.kind, target.cast, converter(target))
        case Call("tolower" | "toupper", (inner,)):
            return _text(filterable(inner, scope))
        case Call("trim", (inner,)):
            return Applied("trim", (_text(filterable(inner, scope)),), Kind.STRING)
        case Call("length", (inner,)):
            return Applied("length", (_text(filterable(inner, scope)),), Kind.INT)
        case Call("indexof", (within, sought)):
            texts = (_text(filterable(within, scope)), _text(filterable(sought, scope)))
            return Applied("indexof", texts, Kind.INT)
        case Call("now"):
            return Applied("now", (), Kind.DATETIME)
        case Call(name, (inner,)) if name in PARTS or name == "date":
            return _calendar(name, filterable(inner, scope))
    return Answer(condition(node, scope))


def _calendar(name: str, inner: Operand) -> Applied:
    dated = inner.kind is Kind.DATE and name in ("year", "month", "day")
    if inner.kind is not Kind.DATETIME and not dated:
        raise invalid(f"{_label(inner)} is a {inner.kind}, not a date and time.")
    return Applied(name, (inner,), Kind.DATE if name == "date" else Kind.INT)


def selected(entity: Entity, select: tuple[str, ...] | None) -> set[str]:
    """The declared names that $select asks for; navigations among them say nothing about being expanded."""
    wanted: set[str] = set()
    for given in ("*",) if select is None else select:
        if given == "*":
            wanted.update(name for name, declared in entity.properties.items() if declared.default)
            continue
        found = entity.property_named(given) or entity.navigation_named(given) or entity.lenient_named(given)
        if found is None:
            raise invalid(f"'{shown(given)}' in $select is not a property of {entity.name}.")
        wanted.add(found)
    return wanted


def expandable(entity: Entity, given: str) -> str:
    """The declared name of a navigation that $expand may name."""
    name = entity.navigation_named(given)
    if name is None or not entity.navigations[name].expandable:
        raise invalid(f"'{shown(given)}' in $expand is not a navigation of {entity.name} that can be expanded.")
    return name
