"""Files of items as lines: what a line says of an item, and which line is wrong. Pure."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code

MEMBERS = {
    name.casefold(): name
    for name in (
        "Reference",
        "Priority",
        "DeferDate",
        "DueDate",
        "RiskSlaDate",
        "Progress",
        "Source",
        "ParentOperationId",
    )
}
PREFIX = "specificcontent/"
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
WHOLE = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
TRUTH = {"true": True, "false": False}
MOST_COLUMNS = 500


class Line(NamedTuple):
    """An item as a line says it, by the members of the wire; or what is wrong with the line."""

    number: int
    members: Mapping[str, object] | None
    problem: str = ""


class Column(NamedTuple):
    """What a column fills: a member of the item or, with `is_content`, one of its content of the schema's `type`."""

    name: str
    is_content: bool
    type: str = "string"


class _Wrong(ValueError):
    """What is wrong with a cell."""


def types_of(schema: str | None) -> dict[str, str]:
    """The type that a queue's schema asks of each member of the content; members without one are left out."""
    properties = json.loads(schema).get("properties") if schema else None
    found: dict[str, str] = {}
    for name, declared in properties.items() if isinstance(properties, dict) else ():
        types = declared.get("type") if isinstance(declared, dict) else None
        each = [types] if isinstance(types, str) else types if isinstance(types, list) else []
        named = [type_ for type_ in each if type_ != "null"]
        if len(named) == 1 and isinstance(named[0], str):
            found[name] = named[0]
    return found


def csv_lines(text: Iterable[str], delimiter: str, types: Mapping[str, str]) -> Iterator[Line]:
    """The rows below the header. Raises BadRequest, #1015, for a file that cannot be read any further.

    The number is that of the physical line that a row begins on. Columns whose name is a member's fill that; any other,
    and any named `SpecificContent/...`, fills the content, as the type that `types` says or as text. An empty cell
    leaves its member out, unless that is a text of the content.
    """
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    columns: list[Column] | None = None
    began = 1
    try:
        for cells in reader:
            number, began = began, reader.line_num + 1
            if not cells:
                continue
            if columns is None:
                columns = _columns(cells, types)
            elif len(cells) != len(columns):
                yield Line(number, None, f"The line has {len(cells)} cells, the header {len(columns)}.")
            else:
                yield _line(number, columns, cells)
    except csv.Error as error:
        raise BadRequest(f"Line {began}: {error}.", Code.PARAMETER_INVALID) from None
    except UnicodeDecodeError:
        raise BadRequest(f"The file is not UTF-8; the fault is after line {began}.", Code.PARAMETER_INVALID) from None
    if columns is None:
        raise BadRequest("The file has no header.", Code.PARAMETER_INVALID)


def _columns(cells: Sequence[str], types: Mapping[str, str]) -> list[Column]:
    if len(cells) > MOST_COLUMNS:
        raise BadRequest(f"The header has more than {MOST_COLUMNS} columns.", Code.PARAMETER_INVALID)
    columns: list[Column] = []
    for at, cell in enumerate(cells, 1):
        name = cell.strip()
        if name.casefold().startswith(PREFIX):
            name = name[len(PREFIX) :]
            columns.append(Column(name, is_content=True, type=types.get(name, "string")))
        elif name.casefold() in MEMBERS:
            columns.append(Column(MEMBERS[name.casefold()], is_content=False))
        else:
            columns.append(Column(name, is_content=True, type=types.get(name, "string")))
        if not name:
            raise BadRequest(f"Column {at} of the header has no name.", Code.PARAMETER_INVALID)
    if len({(column.name, column.is_content) for column in columns}) < len(columns):
        raise BadRequest("The header has the same column twice.", Code.PARAMETER_INVALID)
    return columns


def _line(number: int, columns: Sequence[Column], cells: Sequence[str]) -> Line:
    members: dict[str, object] = {}
    content: dict[str, object] = {}
    for column, cell in zip(columns, cells, strict=True):
        if not column.is_content:
            if cell.strip():
                members[column.name] = cell.strip()
            continue
        try:
            value = _value(cell, column.type)
        except _Wrong as wrong:
            return Line(number, None, f"{column.name}: {wrong}")
        if value is not None:
            content[column.name] = value
    return Line(number, {**members, "SpecificContent": content})


def _value(cell: str, type_: str) -> str | int | float | bool | None:
    """The cell as the schema's type; None for one that is empty. Raises _Wrong."""
    if type_ not in ("integer", "number", "boolean"):
        return cell
    text = cell.strip()
    if not text:
        return None
    if type_ == "boolean":
        if text.lower() not in TRUTH:
            raise _Wrong("expected true or false.")
        return TRUTH[text.lower()]
    if WHOLE.fullmatch(text):
        return int(text)
    if type_ == "integer" or not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise _Wrong("expected a whole number." if type_ == "integer" else "expected a number, such as 12.5.")
    return float(text)


def json_lines(file: Iterable[bytes], longest: int) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers. Raises BadRequest, #1854, for one over the limit."""
    for number, line in enumerate(file, 1):
        if len(line) > longest:
            raise BadRequest(f"Line {number}: is longer than {longest} bytes.", Code.FIELD_TOO_LARGE)
        if line.strip():
            yield number, line
