"""The SQL of a page: the only place where SQL text is put together.

The text is made of declarations (`entity.py`) and of words written here. Literals of a request are numbered parameters
with a cast, never text. Compiled statements are kept by the shape of the options, so that equal requests with other
values cost no compilation and reach PostgreSQL as the same prepared statement.

Strings compare by `lower(x)`: equality and order are served by a btree on that expression, contains/startswith/endswith
are `lower(x) LIKE` with escapes, which a GIN index on `lower(x) gin_trgm_ops` serves (strpos could not use it).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from podium.kernel.odata import bind, inside
from podium.kernel.odata.arguments import Parameter
from podium.kernel.odata.entity import Entity, Kind, Navigation, Property
from podium.kernel.odata.keyset import Term
from podium.kernel.odata.statement import NOW, SKIP, TOP, Compiled, Statement
from podium.kernel.odata.tree import Expand, Expression, Options, OrderTerm, Shape, invalid, shown

MAX_ROWS = 1000
COUNTED = 10_000  # rows that a page counts exactly by itself
KEPT_STATEMENTS = 512
SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
SIMPLE = re.compile(r"[A-Za-z0-9_.]+", re.ASCII)
INSTANT_FORMAT = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''


def page_statement(
    entity: Entity,
    options: Options,
    where: str,
    args: Sequence[object],
    *,
    counted: bool = True,
    max_rows: int = MAX_ROWS,
    now: datetime | None = None,
) -> Statement:
    """The page as one row: `value` (text of the JSON array), `n` (rows in it), `total`.

    `where` is trusted SQL over the alias `t`, its parameters `$1` to `$k` are `args`. With `counted` the total is exact
    up to 10,000 matching rows and 10,001 above; without it, null. `now` is what the function now() yields, by default
    the transaction's time. Raises BadRequest for names, types and values that the entity does not have.
    """
    if options.after is not None:
        raise invalid("$skiptoken is not supported here.")
    top = page_size(options, max_rows)
    return _page(entity, options.shape, where, len(args), counted).statement(options, args, top, now)


def count_statement(
    entity: Entity, options: Options, where: str, args: Sequence[object], *, now: datetime | None = None
) -> Statement:
    """One row with the exact `total` of the matching rows, however many."""
    return _count(entity, options.filter, where, len(args)).statement(options, args, 0, now)


def one_statement(
    entity: Entity, options: Options, where: str, args: Sequence[object], *, now: datetime | None = None
) -> Statement:
    """One entity as `value` (text of the JSON object), or no row. Of the options $select and $expand count."""
    return _one(entity, options.select, options.expand, where, len(args)).statement(options, args, 0, now)


def page_size(options: Options, max_rows: int = MAX_ROWS) -> int:
    """The most rows that the page can have. Raises BadRequest for a `$top` beyond `max_rows`."""
    if options.top is not None and options.top > max_rows:
        raise invalid(f"The limit of '{max_rows}' for $top has been exceeded by '{options.top}'.")
    return max_rows if options.top is None else options.top


@lru_cache(KEPT_STATEMENTS)
def _page(entity: Entity, shape: Shape, where: str, taken: int, counted: bool) -> Compiled:
    filter_, select, expand, orderby = shape
    writer = Writer(taken)
    scope = bind.Scope(entity, "t", writer.aliases)
    condition = writer.where(where, filter_, scope)
    order = writer.order(orderby, scope)
    source = writer.source(scope)
    top, skip = writer.number(TOP, "bigint"), writer.number(SKIP, "bigint")
    total = "NULL::bigint"
    if counted:
        bounded = f"SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {condition} LIMIT {COUNTED + 1}) c"
        total = (
            f"CASE WHEN count(*) < {top} AND (count(*) > 0 OR {skip} = 0) THEN {skip} + count(*) ELSE ({bounded}) END"
        )
    rows = f"SELECT t.* FROM {source} WHERE {condition} ORDER BY {order} LIMIT {top} OFFSET {skip}"
    # The rows are limited first and written as JSON after, so that skipped rows and the sort never carry JSON.
    numbered = f"(SELECT t.*, row_number() OVER () AS podium_row FROM ({rows}) t) t {filled(entity.joins, 't')}"
    columns = writer.columns(entity, "t", select, expand)
    return Compiled(
        f"SELECT '[' || coalesce(string_agg(row_to_json(r)::text, ','), '') || ']' AS value, count(*) AS n,"
        f" {total} AS total FROM (SELECT {columns} FROM {numbered} ORDER BY t.podium_row) r",
        tuple(writer.parameters),
    )


@lru_cache(KEPT_STATEMENTS)
def _count(entity: Entity, filter_: Expression | None, where: str, taken: int) -> Compiled:
    writer = Writer(taken)
    scope = bind.Scope(entity, "t", writer.aliases)
    condition = writer.where(where, filter_, scope)
    return Compiled(f"SELECT count(*) AS total FROM {writer.source(scope)} WHERE {condition}", tuple(writer.parameters))


@lru_cache(KEPT_STATEMENTS)
def _one(
    entity: Entity, select: tuple[str, ...] | None, expand: tuple[Expand, ...], where: str, taken: int
) -> Compiled:
    writer = Writer(taken)
    source = writer.source(bind.Scope(entity, "t", writer.aliases))
    columns = writer.columns(entity, "t", select, expand)
    return Compiled(
        f"SELECT row_to_json(r)::text AS value FROM (SELECT {columns} FROM {source} WHERE ({where}) LIMIT 1) r",
        tuple(writer.parameters),
    )


def filled(sql: str, alias: str, target: str = "") -> str:
    """A declared text with its placeholders filled."""
    return sql.replace("{t}", alias).replace("{n}", target)


def _quoted(name: str) -> str:
    """A declared name as an SQL string."""
    return "'" + name.replace("'", "''") + "'"


def _output(declared: Property, alias: str) -> str:
    """How a property is written: instants in UTC with `Z`, enumerations by name."""
    sql = filled(declared.sql, alias)
    if declared.kind is Kind.DATETIME:
        return f"to_char(({sql}) AT TIME ZONE 'UTC', {INSTANT_FORMAT})"
    return _name_of(declared, sql) if declared.by_number else sql


def _name_of(declared: Property, sql: str) -> str:
    cases = " ".join(f"WHEN {number} THEN {_quoted(name)}" for name, number in declared.numbers.items())
    return f"(CASE ({sql})::integer {cases} END)"


class Writer:
    """Writes the parts of one statement and numbers their parameters, beginning after the caller's."""

    def __init__(self, taken: int) -> None:
        self.aliases = bind.Aliases()
        self.parameters: list[Parameter | int] = []
        self._taken = taken
        self._numbers: dict[int, str] = {}

    def number(self, special: int, cast: str) -> str:
        """The placeholder of TOP, SKIP or NOW; one parameter however often it is used."""
        if special not in self._numbers:
            self._numbers[special] = self._placeholder(special, cast)
        return self._numbers[special]

    def _placeholder(self, parameter: Parameter | int, cast: str) -> str:
        self.parameters.append(parameter)
        return f"${self._taken + len(self.parameters)}::{cast}"

    def where(self, where: str, filter_: Expression | None, scope: bind.Scope) -> str:
        if filter_ is None:
            return f"({where})"
        return f"({where}) AND {self.condition(bind.condition(filter_, scope))}"

    def source(self, scope: bind.Scope) -> str:
        """The scope's table with all its joins; the scope must be bound completely before."""
        assert scope.entity is not None
        parts = [f"{scope.entity.table} {scope.alias}", filled(scope.entity.joins, scope.alias), self.joins(scope)]
        return " ".join(part for part in parts if part)

    def joins(self, scope: bind.Scope) -> str:
        parts = []
        for join in scope.joins.values():
            target = join.navigation.entity
            table = f"{target.table} {join.alias}"
            if target.joins:
                table = f"({table} {filled(target.joins, join.alias)})"
            parts.append(f"LEFT JOIN {table} ON {filled(join.navigation.join, join.parent, join.alias)}")
        return " ".join(parts)

    def order(self, terms: tuple[OrderTerm, ...], scope: bind.Scope) -> str:
        """The whole order, ending in the key."""
        return ", ".join(term.text for term in self.order_terms(terms, scope))

    def order_terms(self, terms: tuple[OrderTerm, ...], scope: bind.Scope) -> list[Term]:
        """The terms of the whole order, the last one being the key.

        The key follows the direction of the term before it, so that one index read backwards serves both.
        """
        assert scope.entity is not None
        given = [(self._sortable(term, scope), term.descending) for term in terms]
        if not given:
            properties = scope.entity.properties
            given = [
                (bind.Column(scope.alias, properties[name], name), direction == "desc")
                for name, direction in scope.entity.default_order
            ]
        key = bind.Column(scope.alias, scope.entity.properties[scope.entity.key], scope.entity.key)
        parts: list[Term] = []
        for operand, descending in given:
            is_key = isinstance(operand, bind.Column) and (operand.alias, operand.declared) == (key.alias, key.declared)
            parts.append(self._order_term(operand, descending, is_key))
            if is_key and key.kind is not Kind.STRING:
                return parts
        descending = bool(given) and given[-1][1]
        return [*parts, Term(filled(key.declared.sql, scope.alias), descending, False, key.kind, nullable=False)]

    def _sortable(self, term: OrderTerm, scope: bind.Scope) -> bind.Operand:
        operand = bind.operand(term.operand, scope)
        if isinstance(operand, bind.Column) and not operand.declared.sortable:
            raise invalid(f"'{shown(operand.label)}' cannot be used in $orderby.")
        return operand

    def _order_term(self, operand: bind.Operand, descending: bool, is_key: bool) -> Term:
        sql = self.folded(operand) if operand.kind is Kind.STRING else self.value(operand)
        if not isinstance(operand, bind.Column):
            return Term(sql, descending)
        declared = operand.declared
        nullable = (declared.nullable and not is_key) or operand.alias != "t"
        kind = Kind.INT if declared.by_number else declared.kind
        return Term(sql, descending, declared.nulls_low, kind, nullable)

    def columns(self, entity: Entity, alias: str, select: tuple[str, ...] | None, expand: tuple[Expand, ...]) -> str:
        """The output list: properties, then navigations, each in the order of their declaration."""
        wanted = bind.selected(entity, select)
        columns = [(name, _output(entity.properties[name], alias)) for name in entity.properties if name in wanted]
        expands: dict[str, Expand] = {}
        for item in expand:
            if name := entity.lenient_named(item.name):
                columns.append((name, "NULL::json"))
            else:
                expands[bind.expandable(entity, item.name)] = item
        for name, navigation in entity.navigations.items():
            if name in expands:
                columns.append((name, self._expanded(navigation, alias, expands[name])))
            elif navigation.null_when_absent and (select is None or name in wanted):
                columns.append((name, "NULL::json"))
        return ", ".join(f'{sql} AS "{name}"' for name, sql in columns)

    def _expanded(self, navigation: Navigation, parent: str, item: Expand) -> str:
        """A correlated subquery of the outer statement: one object or null, or an array."""
        entity = navigation.entity
        scope = bind.Scope(entity, self.aliases.fresh(), self.aliases)
        condition = self.where(filled(navigation.join, parent, scope.alias), item.filter, scope)
        if not navigation.many:
            columns = self.columns(entity, scope.alias, item.select, item.expand)
            rows = f"SELECT {columns} FROM {self.source(scope)} WHERE {condition} LIMIT 1"
            return f"(SELECT row_to_json(r) FROM ({rows}) r)"
        is_own = bool(navigation.order) and not item.orderby
        order = filled(navigation.order, parent, scope.alias) if is_own else self.order(item.orderby, scope)
        columns = self.columns(entity, scope.alias, item.select, item.expand)
        limit = str(MAX_ROWS) if item.top is None else self._literal_number(item.top)
        offset = "" if item.skip is None else f" OFFSET {self._literal_number(item.skip)}"
        rows = f"SELECT {columns} FROM {self.source(scope)} WHERE {condition} ORDER BY {order} LIMIT {limit}{offset}"
        return f"(SELECT coalesce(json_agg(row_to_json(r)), '[]'::json) FROM ({rows}) r)"

    def _literal_number(self, index: int) -> str:
        parameter = Parameter(index, Kind.INT, "bigint", lambda literal: literal.value)
        return self.value(parameter)

    def condition(self, bound: bind.Condition) -> str:
        match bound:
            case bind.Joined(operator, terms):
                return "(" + f" {operator.upper()} ".join(self.condition(term) for term in terms) + ")"
            case bind.Negated(term):
                # A comparison with null is false in OData, unknown in SQL: its opposite must be true.
                return f"({self.condition(term)} IS NOT TRUE)"
            case bind.NullTest(operand, negated):
                return f"({self.value(operand)} IS {'NOT ' if negated else ''}NULL)"
            case bind.Test():
                return self._test(bound)
            case bind.Among():
                return self._among(bound)
            case bind.Match():
                return self._match(bound)
            case bind.Truth(operand):
                return self.value(operand)
            case bind.Exists():
                return self._exists(bound)
            case bind.Never():
                return "false"
            case inside.MemberTest():
                return inside.sql(bound, self.value)

    def _test(self, test: bind.Test) -> str:
        kinds = {test.left.kind, test.right.kind}
        both = not isinstance(test.left, Parameter) and not isinstance(test.right, Parameter)
        if Kind.STRING in kinds or (Kind.ENUM in kinds and both and test.operator in ("eq", "ne")):
            left, right = self.folded(test.left), self.folded(test.right)
        else:
            left, right = self.value(test.left), self.value(test.right)
        if test.operator == "ne":
            return f"({left} IS DISTINCT FROM {right})"
        if test.operator == "eq":
            return f"({left} {'IS NOT DISTINCT FROM' if both else '='} {right})"
        return f"({left} {SIGNS[test.operator]} {right})"

    def _among(self, among: bind.Among) -> str:
        values = self.value(among.values)
        if among.operand.kind is Kind.STRING:
            within = f"{self.folded(among.operand)} = ANY(ARRAY(SELECT lower(v) FROM unnest({values}) v))"
        else:
            within = f"{self.value(among.operand)} = ANY({values})"
        return f"({within} OR {self.value(among.operand)} IS NULL)" if among.or_null else f"({within})"

    def _match(self, match: bind.Match) -> str:
        within, sought = self.folded(match.operand), self.folded(match.sought)
        if match.like:
            return f"({within} LIKE {sought})"
        if match.function == "contains":
            return f"(strpos({within}, {sought}) > 0)"
        if match.function == "startswith":
            return f"starts_with({within}, {sought})"
        return f"starts_with(reverse({within}), reverse({sought}))"

    def _exists(self, exists: bind.Exists) -> str:
        inner = "" if exists.condition is None else self.condition(exists.condition)
        if isinstance(exists.link, Property):
            list_ = filled(exists.link.sql, exists.parent)
            return f"EXISTS (SELECT 1 FROM unnest({list_}) {exists.scope.alias}(v) WHERE {inner or 'true'})"
        join = filled(exists.link.join, exists.parent, exists.scope.alias)
        more = f" AND {inner}" if inner else ""
        return f"EXISTS (SELECT 1 FROM {self.source(exists.scope)} WHERE ({join}){more})"

    def folded(self, operand: bind.Operand) -> str:
        """The operand as text for comparisons without regard to case."""
        if isinstance(operand, bind.Column) and operand.declared.folded:
            return filled(operand.declared.folded, operand.alias)
        return f"lower({self._text(operand)})"

    def _text(self, operand: bind.Operand) -> str:
        if isinstance(operand, bind.Column) and operand.declared.by_number:
            return _name_of(operand.declared, self.value(operand))
        return f"{self.value(operand)}::text" if operand.kind is Kind.GUID else self.value(operand)

    def value(self, operand: bind.Operand) -> str:
        match operand:
            case bind.Column(alias, declared, _):
                sql = filled(declared.sql, alias)
                return sql if SIMPLE.fullmatch(sql) else f"({sql})"
            case Parameter():
                return self._placeholder(operand, operand.cast)
            case bind.Answer(condition):
                return f"coalesce({self.condition(condition)}, false)"
        return self._applied(operand)

    def _applied(self, applied: bind.Applied) -> str:
        match applied.function, applied.operands:
            case "now", _:
                return f"coalesce({self.number(NOW, 'timestamptz')}, now())"
            case "text", (inner,):
                return self._text(inner)
            case "trim", (inner,):
                return f"btrim({self.value(inner)})"
            case "length", (inner,):
                return f"char_length({self.value(inner)})"
            case "indexof", (within, sought):
                return f"(strpos({self.folded(within)}, {self.folded(sought)}) - 1)"
        (inner,) = applied.operands
        moment = f"({self.value(inner)} AT TIME ZONE 'UTC')" if inner.kind is Kind.DATETIME else self.value(inner)
        if applied.function == "date":
            return f"{moment}::date"
        return f"floor(extract({applied.function} FROM {moment}))::bigint"
