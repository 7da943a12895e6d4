"""Files of queue items: read line by line, sent in batches that the server takes once each."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from podium.cli.client import Orchestrator, Row
from podium.cli.failure import Exit, Failure

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
CONTENT = "SpecificContent"
PREFIX = "specificcontent/"
ITEMS_OF_BATCH = 1000
BYTES_OF_BATCH = 4_000_000
ADD_MANY = "/odata/Queues/UiPathODataSvc.BulkAddQueueItems"
TYPES: Mapping[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}


class Line(NamedTuple):
    """An item, and the line of the file that it begins on."""

    number: int
    item: Row


class Refused(NamedTuple):
    """Why the item of a line was not added."""

    line: int
    reason: str


@dataclass(slots=True)
class Sent:
    """What became of a file. `before`: of the items in the queue, those that an earlier import of the file put there."""

    lines: int = 0
    added: int = 0
    before: int = 0
    refused: list[Refused] = field(default_factory=list)


def read_lines(path: Path, types: Mapping[str, str], reference: str | None, delimiter: str | None) -> Iterator[Line]:
    """The items of a CSV file, or of one with a JSON object per line. Raises Failure (2) with the faulty line.

    Columns and members with a name of MEMBERS are those of the item, all others its content. Cells are text unless
    `types` says otherwise. `reference`: the part of the content that is the item's reference as well.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() in {".ndjson", ".jsonl"}:
                yield from _json_lines(file, reference)
            elif path.suffix.lower() in {".csv", ".tsv"}:
                separator = delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
                yield from _csv_lines(file, types, reference, separator)
            else:
                raise Failure(f"{path} is neither .csv, .tsv nor .ndjson", Exit.USAGE)
    except OSError as error:
        raise Failure(f"Cannot read {str(path)!r}: {error.strerror}", Exit.USAGE) from None
    except UnicodeDecodeError:
        raise Failure(f"{str(path)!r} is not UTF-8 text", Exit.USAGE) from None


def _csv_lines(file: Iterator[str], types: Mapping[str, str], reference: str | None, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    names: list[str] | None = None
    began = 1
    try:
        for cells in reader:
            number, began = began, reader.line_num + 1
            if not any(cells):
                continue
            if names is None:
                names = _heading(cells)
                continue
            if len(cells) != len(names):
                raise Failure(f"Line {number} has {len(cells)} cells, the heading {len(names)}", Exit.USAGE)
            members = {name: _typed(cell, name, types) for name, cell in zip(names, cells, strict=True)}
            yield Line(number, _item(members, number, reference, leaves_out=""))
    except csv.Error as error:
        raise Failure(f"Line {began} is not CSV: {error}", Exit.USAGE) from None
    if names is None:
        raise Failure("The file has no heading", Exit.USAGE)


def _heading(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not all(names):
        raise Failure(f"Column {names.index('') + 1} has no heading", Exit.USAGE)
    if len(set(names)) < len(names):
        raise Failure("Two columns have the same heading", Exit.USAGE)
    return names


def _typed(cell: str, name: str, types: Mapping[str, str]) -> Any:
    """The cell as the queue's schema wants it; what is no such value stays text, for the server to refuse."""
    wanted = TYPES.get(types.get(name.removeprefix("SpecificContent/"), ""))
    if wanted is None:
        return cell
    try:
        value = json.loads(cell.strip().lower())
    except ValueError:
        return cell
    return value if type(value) in wanted else cell


def _json_lines(file: Iterator[str], reference: str | None) -> Iterator[Line]:
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            members = json.loads(text)
        except ValueError as error:
            raise Failure(f"Line {number} is not JSON: {error}", Exit.USAGE) from None
        if not isinstance(members, dict):
            raise Failure(f"Line {number} is not a JSON object", Exit.USAGE)
        yield Line(number, _item(members, number, reference, leaves_out=None))


def _item(members: Row, number: int, reference: str | None, *, leaves_out: object) -> Row:
    """The item of a line. `leaves_out`: the value that stands for a member which the line does not give."""
    given = members.get(CONTENT)
    content: Row = dict(given) if isinstance(given, dict) else {}
    item: Row = {}
    for name, value in members.items():
        if name.casefold() in MEMBERS:
            if value != leaves_out:
                item[MEMBERS[name.casefold()]] = value
        elif name.casefold().startswith(PREFIX):
            content[name[len(PREFIX) :]] = value
        elif not (name == CONTENT and isinstance(given, dict)):
            content[name] = value
    if reference is not None:
        if reference not in content:
            raise Failure(f"Line {number} has no {reference!r} to be the reference", Exit.USAGE)
        item["Reference"] = str(content[reference])
    return item | {CONTENT: content}


def types_of(schema: object) -> dict[str, str]:
    """The plain types that a queue's JSON schema, as text, asks of members of the content."""
    try:
        properties = json.loads(schema)["properties"] if isinstance(schema, str) else {}
    except (ValueError, KeyError, TypeError):
        return {}
    if not isinstance(properties, dict):
        return {}
    types = {name: declared.get("type") for name, declared in properties.items() if isinstance(declared, dict)}
    return {name: type_ for name, type_ in types.items() if isinstance(type_, str)}


def send_lines(orchestrator: Orchestrator, queue: Row, lines: Iterator[Line], salt: str) -> Sent:
    """Add the items to the queue. What was sent before with the same salt is not added again, for a day.

    Raises Failure; what was sent until then stays.
    """
    sent = Sent()
    for batch in _batches(lines):
        try:
            _send(orchestrator, queue, batch, salt, sent)
        except Failure as failure:
            if failure.status is Exit.UNREACHABLE:
                failure.hint = (
                    f"{sent.added} items are in the queue. Give the same command again: nothing is added twice"
                )
            raise
    return sent


def _send(orchestrator: Orchestrator, queue: Row, batch: list[Line], salt: str, sent: Sent) -> None:
    items = [line.item for line in batch]
    body = {"queueName": queue["Name"], "commitType": "ProcessAllIndependently", "queueItems": items}
    # The place in the file is part of the key, so that a file may have the same lines twice.
    text = json.dumps([salt, queue["Key"], batch[0].number, items], sort_keys=True)
    key = f"podium-import-{hashlib.sha256(text.encode()).hexdigest()}"
    response = orchestrator.exchange(
        "POST", ADD_MANY, folder=queue["OrganizationUnitId"], json=body, headers={"Idempotency-Key": key}
    )
    answer = orchestrator.decoded(response) or {}
    failed = answer.get("FailedItems") or []
    sent.lines += len(batch)
    sent.added += len(batch) - len(failed)
    if response.headers.get("Idempotency-Replayed") == "true":
        sent.before += len(batch) - len(failed)
    sent.refused += [
        Refused(batch[each["Ordinal"] - 1].number, str(each.get("ErrorMessage") or each.get("ErrorCode")))
        for each in failed
    ]


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for line in lines:
        length = len(json.dumps(line.item))
        if batch and (len(batch) >= ITEMS_OF_BATCH or size + length > BYTES_OF_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += length
    if batch:
        yield batch
