"""The text of an exported file: columns of the rows as CSV. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from podium.kernel import csv_text
from podium.kernel.csv_text import BYTE_ORDER_MARK

Columns = Sequence[tuple[str, str]]
"""Heading and wire name of each column."""


def heading(columns: Columns) -> str:
    """The first line, after the byte order mark."""
    return BYTE_ORDER_MARK + csv_text.lines([[name for name, _ in columns]])


def lines(columns: Columns, rows: Iterable[Mapping[str, object]]) -> str:
    """One line per row; a member that the row lacks is an empty cell."""
    return csv_text.lines([row.get(member) for _, member in columns] for row in rows)
