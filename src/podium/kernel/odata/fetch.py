"""Pages and single entities read from the database, as JSON text that PostgreSQL has built."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from podium.kernel.odata import keyset
from podium.kernel.odata.counts import KeptCounts
from podium.kernel.odata.entity import Entity
from podium.kernel.odata.page import (
    COUNTED,
    MAX_ROWS,
    count_statement,
    one_statement,
    page_size,
    page_statement,
)
from podium.kernel.odata.statement import Statement
from podium.kernel.odata.tree import Options
from podium.kernel.odata.walk import Walk, is_walked, walk_statement

COUNTS = KeptCounts()


class Database(Protocol):
    """What is needed of an asyncpg connection or pool."""

    def fetchrow(self, query: str, /, *args: Any) -> Awaitable[Any]: ...


class CountRule(StrEnum):
    """When a list tells its total: always, or on `$count=true` and whenever the page itself shows it."""

    ALWAYS = "always"
    ON_REQUEST = "on request"


class PageText(str):
    """The text of a JSON array of rows. `following` is the `$skiptoken` of the next page; None when this is the last.

    A page whose size the caller chose by `$top` is always the last: the server did not cut it.
    """

    __slots__ = ("following",)

    def __new__(cls, text: str, following: str | None = None) -> PageText:
        made = super().__new__(cls, text)
        made.following = following
        return made

    following: str | None


@dataclass(frozen=True)
class PageResult:
    """`json` is the text of the array; `total` is before $top and $skip; None: neither asked for nor free."""

    json: PageText
    total: int | None
    rows: int

    def decoded(self) -> list[dict[str, Any]]:
        """The rows as Python has them."""
        found: list[dict[str, Any]] = json.loads(self.json)
        return found

    def envelope(self, context: str) -> str:
        """The whole body; `context` is the value of `@odata.context`."""
        count = "" if self.total is None else f'"@odata.count":{self.total},'
        return f'{{"@odata.context":{json.dumps(context)},{count}"value":{self.json}}}'


def entity_envelope(context: str, entity: str) -> str:
    """The body of one entity: `@odata.context`, and the members of the JSON object `entity` after it."""
    members = entity.strip().removeprefix("{")
    comma = "" if members.lstrip().startswith("}") else ","
    return f'{{"@odata.context":{json.dumps(context)}{comma}{members}'


async def fetch_page(
    db: Database,
    entity: Entity,
    options: Options,
    where: str,
    args: Sequence[object],
    *,
    count: CountRule = CountRule.ALWAYS,
    max_rows: int = MAX_ROWS,
    now: datetime | None = None,
    counts: KeptCounts = COUNTS,
) -> PageResult:
    """The rows that `where` (trusted SQL over alias `t`, parameters `args`) and the options let through.

    One statement; a total above 10,000 takes a second one, which is shared for one second by all with the same
    condition and values. Raises BadRequest (400 #1000) for options that the entity cannot answer.
    """
    wanted = options.count or count is CountRule.ALWAYS
    kept: int | None = None
    counting: Statement | None = None
    if wanted:
        counting = count_statement(entity, options, where, args, now=now)
        kept = counts.kept(_key(counting))
    counted = wanted and kept is None
    if is_walked(options):
        walk = walk_statement(entity, options, where, args, counted=counted, max_rows=max_rows, now=now)
        page, total, before = await _walked(db, entity, options, walk)
    else:
        statement = page_statement(entity, options, where, args, counted=counted, max_rows=max_rows, now=now)
        page, total, before = await _cut(db, options, statement, max_rows)
    if not counted:
        total = kept
    if before is not None:
        total = before + page.rows
    elif counting is not None and total is not None and total > COUNTED and kept is None:
        total = await counts.total(_key(counting), lambda: _count(db, counting))
    return PageResult(page.json, total, page.rows)


Found = tuple[PageResult, int | None, int | None]  # the page, what it counted, the rows before it if nothing follows


async def _cut(db: Database, options: Options, statement: Statement, max_rows: int) -> Found:
    """A page of the size that the caller chose."""
    row = await db.fetchrow(statement.sql, *statement.args)
    rows: int = row["n"]
    is_last = rows < page_size(options, max_rows) and (rows or not options.skip)
    return PageResult(PageText(row["value"]), None, rows), row["total"], options.skip if is_last else None


async def _walked(db: Database, entity: Entity, options: Options, walk: Walk) -> Found:
    """A page that the server cuts."""
    row = await db.fetchrow(walk.statement.sql, *walk.statement.args)
    found: int = row["n"]
    following = None
    if walk.goes_on(found):
        last = None if row["last"] is None else json.loads(row["last"])
        following = walk.next(keyset.digest(entity, options), last)
    rows = min(found, walk.rows)
    is_last = options.after is None and found <= walk.rows and (found or not walk.before)
    return PageResult(PageText(row["value"], following), None, rows), row["total"], walk.before if is_last else None


async def fetch_one(
    db: Database,
    entity: Entity,
    options: Options,
    where: str,
    args: Sequence[object],
    *,
    now: datetime | None = None,
) -> str | None:
    """The JSON text of the entity that `where` finds; None when there is none. $select and $expand apply."""
    statement = one_statement(entity, options, where, args, now=now)
    row = await db.fetchrow(statement.sql, *statement.args)
    return None if row is None else str(row["value"])


async def _count(db: Database, statement: Statement) -> int:
    row = await db.fetchrow(statement.sql, *statement.args)
    return int(row["total"])


def _key(statement: Statement) -> tuple[str, Hashable]:
    return statement.sql, _frozen(statement.args)


def _frozen(value: object) -> Hashable:
    """Lists as tuples; the type is kept with the value, because 1, 1.0 and True are equal."""
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return type(value), value if isinstance(value, Hashable) else repr(value)
