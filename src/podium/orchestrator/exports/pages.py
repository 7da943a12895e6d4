"""Reads what is exported, page by page by key, with the options that the request was made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from podium.kernel.db import Connection
from podium.kernel.odata import Kind as ValueKind
from podium.kernel.odata import page_statement, parse_options
from podium.orchestrator.exports.kinds import Kind

PAGE_ROWS = 200  # a log entry may be large, and a page is held in memory

Row = dict[str, Any]


class Asked(msgspec.Struct, omit_defaults=True):
    """The options of a request as they are kept: text that has been read and bound once.

    `of` are the ids that the kind's condition names besides the folders.
    """

    filter: str | None = None
    top: int | None = None
    skip: int = 0
    of: list[int] = []


@dataclass(frozen=True)
class Source:
    """Rows of one kind in the tenant's folders; `now` is what the function now() of the filter yields."""

    kind: Kind
    tenant_id: int
    folder_ids: Sequence[int]
    asked: Asked
    now: datetime


def asked(kind: Kind, query: Mapping[str, str], of: Sequence[int] = ()) -> Asked:
    """The options to keep. Raises BadRequest for every option that the list would refuse; the order is the kind's own."""
    options = parse_options(query)
    page_statement(kind.entity, options, kind.where, [0, [], *of])
    given = {name.strip().lower(): value for name, value in query.items()}
    return Asked(given.get("$filter", "").strip() or None, options.top, options.skip, list(of))


async def read(db: Connection, source: Source, after: Sequence[Any] | None, at_most: int) -> list[Row]:
    """The next rows, after the row with that key; `at_most` up to PAGE_ROWS."""
    kind = source.kind
    raw = {"$select": kind.select, "$orderby": kind.order}
    if source.asked.filter:
        raw["$filter"] = source.asked.filter
    options = parse_options(raw)
    args: list[object] = [source.tenant_id, list(source.folder_ids), *source.asked.of]
    where = kind.where
    if after is None:
        options = replace(options, skip=source.asked.skip)
    else:
        where = kind.after
        args += [_key_value(kind, name, value) for name, value in zip(kind.key, after, strict=True)]
    page = page_statement(kind.entity, options, where, args, counted=False, max_rows=at_most, now=source.now)
    row = await db.fetchrow(page.sql, *page.args)
    assert row is not None
    return msgspec.json.decode(row["value"], type=list[Row])


def key_of(kind: Kind, row: Row) -> list[Any]:
    """Where the next page begins, as JSON can hold it."""
    return [row[name] for name in kind.key]


def _key_value(kind: Kind, name: str, value: Any) -> object:
    is_instant = kind.entity.properties[name].kind is ValueKind.DATETIME
    return datetime.fromisoformat(value) if is_instant else value
