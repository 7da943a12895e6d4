"""A page of a list that the server cuts: it tells whether there is more, and where the next page begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from podium.kernel.odata import bind, keyset
from podium.kernel.odata.entity import Entity
from podium.kernel.odata.page import COUNTED, KEPT_STATEMENTS, Writer, filled, page_size
from podium.kernel.odata.statement import AFTER, SKIP, TOP, Compiled, Statement
from podium.kernel.odata.tree import Options, Position, Shape

EMPTY: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Walk:
    """One step: its statement, the most rows of its page, how many rows of the list come before the page.

    The statement yields `value` (text of the JSON array), `n` (rows found, one more than the page when there are more),
    `last` (the place of the page's last row as JSON; null when an offset must do) and `total` as a page does.
    """

    statement: Statement
    rows: int
    before: int
    preferred: int | None
    left: int | None

    def goes_on(self, found: int) -> bool:
        return found > self.rows and (self.left is None or self.left > self.rows)

    def next(self, digest: str, last: list[str | int | float | bool | None] | None) -> str:
        """The token of the page after this one; `last` is the place where this one ends, None when only its number counts."""
        left = None if self.left is None else self.left - self.rows
        by_offset = Position(digest, self.preferred, left, None, self.before + self.rows)
        if last is None:
            return keyset.written(by_offset)
        token = keyset.written(replace(by_offset, values=tuple(last)))
        return token if len(token) <= keyset.MAX_TOKEN else keyset.written(by_offset)


def is_walked(options: Options) -> bool:
    """Whether the server decides where the page ends: the caller named no size, prefers one, or follows a link."""
    return options.top is None or options.rows is not None or options.after is not None


def walk_statement(
    entity: Entity,
    options: Options,
    where: str,
    args: Sequence[object],
    *,
    counted: bool,
    max_rows: int,
    now: datetime | None = None,
) -> Walk:
    """The step that the options ask for; raises BadRequest, also for a token of another list."""
    after = options.after
    preferred = options.rows or (after.rows if after else None)
    left = after.left if after else options.top
    rows = min(number for number in (preferred, left, page_size(options, max_rows)) if number is not None)
    nulls, values = None, []
    if after is not None:
        if after.digest != keyset.digest(entity, options):
            raise keyset.refused()
        if after.values is not None:
            nulls = tuple(value is None for value in after.values)
            values = keyset.values(order_of(entity, options.shape), after.values)
        else:
            options = replace(options, skip=after.offset)
    compiled = _walk(entity, options.shape, where, len(args), counted, nulls)
    present = [at for at, null in enumerate(nulls or EMPTY) if not null]
    more = {AFTER - at: value for at, value in zip(present, values, strict=True)}
    statement = compiled.statement(options, args, rows, now, more)
    return Walk(statement, rows, options.skip, preferred, left)


@lru_cache(KEPT_STATEMENTS)
def order_of(entity: Entity, shape: Shape) -> tuple[keyset.Term, ...]:
    """The terms of the order; raises BadRequest when pages in this order cannot continue after values."""
    writer = Writer(0)
    terms = tuple(writer.order_terms(shape[3], bind.Scope(entity, "t", writer.aliases)))
    if not keyset.walkable(terms):
        raise keyset.refused()
    return terms


@lru_cache(KEPT_STATEMENTS)
def _walk(
    entity: Entity, shape: Shape, where: str, taken: int, counted: bool, nulls: tuple[bool, ...] | None
) -> Compiled:
    filter_, select, expand, orderby = shape
    writer = Writer(taken)
    scope = bind.Scope(entity, "t", writer.aliases)
    every = condition = writer.where(where, filter_, scope)
    terms = writer.order_terms(orderby, scope)
    if nulls is not None:
        condition += " AND " + keyset.after(terms, nulls, lambda at, cast: writer.number(AFTER - at, cast))
    source = writer.source(scope)
    top, skip = writer.number(TOP, "bigint"), writer.number(SKIP, "bigint")
    total = "NULL::bigint"
    if counted:
        total = f"(SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {every} LIMIT {COUNTED + 1}) c)"
        if nulls is None:
            found = f"(SELECT count(*) FROM p) BETWEEN 1 AND {top}"
            total = f"CASE WHEN {found} THEN {skip} + (SELECT count(*) FROM p) ELSE {total} END"
    # The places are columns that the sort has anyway; as JSON only that of the last row is written.
    marks = "".join(f", {term.sql} AS podium_place_{at}" for at, term in enumerate(terms))
    place = ", ".join(replace(term, sql=f"podium_place_{at}").shown for at, term in enumerate(terms))
    last = f"json_build_array({place})::text" if keyset.walkable(terms) else "NULL::text"
    order = ", ".join(term.text for term in terms)
    rows = f"SELECT t.*{marks} FROM {source} WHERE {condition} ORDER BY {order} LIMIT {top} + 1 OFFSET {skip}"
    columns = writer.columns(entity, "t", select, expand)
    shown = f"SELECT {columns} FROM p t {filled(entity.joins, 't')} WHERE t.podium_row <= {top} ORDER BY t.podium_row"
    return Compiled(
        f"WITH p AS MATERIALIZED (SELECT t.*, row_number() OVER () AS podium_row FROM ({rows}) t)"
        f" SELECT (SELECT '[' || coalesce(string_agg(row_to_json(r)::text, ','), '') || ']' FROM ({shown}) r) AS value,"
        f" (SELECT count(*) FROM p) AS n, (SELECT {last} FROM p WHERE podium_row = {top}) AS last,"
        f" {total} AS total",
        tuple(writer.parameters),
    )
