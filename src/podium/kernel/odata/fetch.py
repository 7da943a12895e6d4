"""Pages and single entities read from the database, as JSON text that PostgreSQL has built."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from podium.kernel.odata.counts import KeptCounts
from podium.kernel.odata.entity import Entity
from podium.kernel.odata.page import (
    COUNTED,
    MAX_ROWS,
    Statement,
    count_statement,
    one_statement,
    page_size,
    page_statement,
)
from podium.kernel.odata.tree import Options

COUNTS = KeptCounts()


class Database(Protocol):
    """What is needed of an asyncpg connection or pool."""

    def fetchrow(self, query: str, /, *args: Any) -> Awaitable[Any]: ...


class CountRule(StrEnum):
    """When a list tells its total: always, or on `$count=true` and whenever the page itself shows it."""

    ALWAYS = "always"
    ON_REQUEST = "on request"


@dataclass(frozen=True)
class PageResult:
    """`json` is the text of the array; `total` is before $top and $skip; None: neither asked for nor free."""

    json: str
    total: int | None
    rows: int

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
    page = page_statement(entity, options, where, args, counted=counted, max_rows=max_rows, now=now)
    row = await db.fetchrow(page.sql, *page.args)
    total: int | None = row["total"] if counted else kept
    rows: int = row["n"]
    if rows < page_size(options, max_rows) and (rows or not options.skip):
        total = options.skip + rows
    elif counting is not None and total is not None and total > COUNTED and kept is None:
        total = await counts.total(_key(counting), lambda: _count(db, counting))
    return PageResult(row["value"], total, rows)


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
