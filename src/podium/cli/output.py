"""How answers look: a table for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PLAIN_WIDTH = 10_000  # characters; a table that is not for a terminal is never cut


class Format(StrEnum):
    """The shapes of an answer."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[
    Format, typer.Option("--output", "-o", help="A table for people, or the server's rows as JSON.")
]

Columns = Mapping[str, str | Callable[[Mapping[str, Any]], Any]]
"""Heading -> member of the row, or a function of the row."""

STATE_STYLES = {
    "Successful": "green",
    "Available": "green",
    "Running": "cyan",
    "Busy": "cyan",
    "Pending": "yellow",
    "Resumed": "yellow",
    "Suspended": "yellow",
    "Stopping": "yellow",
    "Terminating": "yellow",
    "Stopped": "magenta",
    "Faulted": "red",
    "Error": "red",
    "Fatal": "red",
    "Warn": "yellow",
    "Unresponsive": "red",
    "Disconnected": "dim",
    "New": "yellow",
    "InProgress": "cyan",
    "Failed": "red",
    "Retried": "magenta",
    "Abandoned": "red",
    "Deleted": "dim",
}


def console(*, stderr: bool = False) -> Console:
    """Where people read: coloured on a terminal, plain and unbroken lines anywhere else."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=None if stream.isatty() else PLAIN_WIDTH)


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Columns, output: Format, *, nothing: str) -> None:
    """Rows as a table of the columns, or all their members as JSON; `nothing` is said on stderr when there are none."""
    if output is Format.JSON:
        return show_json(rows)
    if not rows:
        typer.echo(nothing, err=True)
        return None
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in columns:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*[cell(value_of(row, source)) for source in columns.values()])
    _print_table(table)
    return None


def show_record(row: Mapping[str, Any], columns: Columns, output: Format) -> None:
    """One thing: a line for each column that has a value, or all its members as JSON."""
    if output is Format.JSON:
        return show_json(row)
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for heading, source in columns.items():
        value = value_of(row, source)
        if value not in (None, ""):
            table.add_row(heading, cell(value))
    _print_table(table)
    return None


def show_json(value: Any) -> None:
    """JSON on stdout, indented, UTF-8 whatever the terminal's encoding is."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.flush()
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.flush()


def value_of(row: Mapping[str, Any], source: str | Callable[[Mapping[str, Any]], Any]) -> Any:
    """What a column shows of the row."""
    return row.get(source) if isinstance(source, str) else source(row)


def cell(value: Any) -> Text:
    """A value as people read it. The server's text is never taken as markup or control sequences."""
    from rich.text import Text

    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    text = printable(str(value))
    return Text(text, style=STATE_STYLES.get(text, ""))


def printable(text: str) -> str:
    """The text without the characters that move a terminal's cursor or change its state."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def moment(member: str) -> Callable[[Mapping[str, Any]], str | None]:
    """A column that shows a member's instant in this machine's time zone, to the second."""

    def shown(row: Mapping[str, Any]) -> str | None:
        instant = parse_instant(row.get(member))
        return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S") if instant else None

    return shown


def parse_instant(text: object) -> datetime | None:
    """An instant of the wire (ISO 8601, up to 7 fraction digits); None for null and for text that is none."""
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def seconds_between(start: object, end: object) -> float | None:
    """Seconds from one instant of the wire to the other; None when one of them is missing."""
    first, last = parse_instant(start), parse_instant(end)
    return (last - first).total_seconds() if first and last else None


def _print_table(table: Any) -> None:
    out = console()
    if out.is_terminal:
        out.print(table)
        return
    # rich fills every line of a table up to its width; lines for a pipe end with their last character
    with out.capture() as capture:
        out.print(table)
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())
