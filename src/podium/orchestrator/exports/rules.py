"""The text of a CSV file: RFC 4180, CRLF, and no cell that a spreadsheet would run. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

BYTE_ORDER_MARK = "\ufeff"  # spreadsheets take a file without it for one of the local code page
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Columns = Sequence[tuple[str, str]]
"""Heading and wire name of each column."""


def cell(value: object) -> object:
    """What stands in the file: texts that a spreadsheet would take for a formula begin with an apostrophe."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def heading(columns: Columns) -> str:
    """The first line, after the byte order mark."""
    return BYTE_ORDER_MARK + _text([[name for name, _ in columns]])


def lines(columns: Columns, rows: Iterable[Mapping[str, object]]) -> str:
    """One line per row; a member that the row lacks is an empty cell."""
    return _text([cell(row.get(member)) for _, member in columns] for row in rows)


def _text(rows: Iterable[Sequence[object]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue()
