"""Items as files: many lines become items of a queue, and the items of a queue are given out as lines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from podium import wire
from podium.kernel import audit, idempotency
from podium.kernel.blobs import Blobs
from podium.kernel.call import Call, Reply
from podium.kernel.errors import ApiError, BadRequest, Code, TooLarge, UnsupportedMediaType
from podium.kernel.keyring import Keyring
from podium.kernel.odata import page_statement, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import decode
from podium.orchestrator.queue_items import adding_many, contents, transfer_rules
from podium.orchestrator.queue_items.callers import Who, connection, transaction, who
from podium.orchestrator.queue_items.entity import QUEUE_ITEMS
from podium.orchestrator.queue_items.traffic import Traffic
from podium.orchestrator.queues.rules import Definition
from podium.orchestrator.scope import IN_ONE_FOLDER

CSV_TYPES = frozenset({"text/csv", "application/csv"})
JSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
MOST_BYTES = 256 * 1024 * 1024
MOST_ROWS = 100_000
MOST_ERRORS = 1000
LONGEST_LINE = 1024 * 1024  # bytes of a line of JSON
AT_ONCE = 1000
ALL_OR_NOTHING = "AllOrNothing"

MOST_OUT = 10_000  # rows of one answer
BYTES_OUT = 16 * 1024 * 1024  # an answer that has so many begins no further page
PAGE = 200
AFTER = f"{IN_ONE_FOLDER} AND t.queue_id = $3::bigint AND t.id > $4::bigint"


class File(NamedTuple):
    """An uploaded file, and how its lines are read."""

    path: Path
    is_csv: bool
    delimiter: str
    types: dict[str, str]


class Row(NamedTuple):
    """What a line asks for, or why it cannot."""

    number: int
    item: wire.QueueItemDataDto | None
    error: ApiError | None


@operation("POST", "/api/podium/QueueItems/Import", connected=False)
async def import_items(
    call: Call, queue_name: str, commit_type: str = ALL_OR_NOTHING, delimiter: str = "comma"
) -> wire.QueueItemsImportDto | Reply:
    """Add an item for each line of the file, CSV with a header or one JSON object per line.

    AllOrNothing: when a line is refused nothing is added. ProcessAllIndependently: the others are. The answer names the
    lines that were refused, the first thousand of them. With an Idempotency-Key all is one transaction in either case.
    """
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in CSV_TYPES | JSON_TYPES:
        raise UnsupportedMediaType("Expected a body of the type text/csv or application/x-ndjson.")
    key = idempotency.key_of(call)
    queue = await call.port(Traffic).definitions.queue(call.tenant_id, call.folder_id, queue_name)
    blobs = call.port(Blobs)
    stored = await blobs.write(call.stream(), limit_bytes=MOST_BYTES)
    try:
        file = File(
            await blobs.open(stored.name),
            kind in CSV_TYPES,
            transfer_rules.DELIMITERS[delimiter],
            transfer_rules.types_of(queue.content_schema),
        )
        if key is None:
            return await _import(call, queue, file, commit_type)
        async with call.services.db.transaction() as db:
            call.db, call.in_transaction = db, True
            digest = idempotency.digest_of(call, stored.sha256)
            found = await idempotency.once(call, key, digest, lambda: _answered(call, queue, file, commit_type))
            return Reply(found.status, found.body.encode(), found.content_type, dict(found.headers))
    finally:
        await blobs.delete(stored.name)


async def _answered(call: Call, queue: Definition, file: File, commit_type: str) -> idempotency.Answered:
    reply = Reply(200, msgspec.json.encode(await _import(call, queue, file, commit_type)))
    return idempotency.Answered(reply.status, reply.content_type, (), reply.body.decode())


async def _import(call: Call, queue: Definition, file: File, commit_type: str) -> wire.QueueItemsImportDto:
    total = await asyncio.to_thread(_count, file)
    if commit_type == ALL_OR_NOTHING:
        errors, is_kept = await _all_or_nothing(call, queue, file)
    else:
        errors, is_kept = await _each_for_itself(call, queue, file), True
    return wire.QueueItemsImportDto(
        success=not errors,
        rows=total,
        added=total - len(errors) if is_kept else 0,
        failed=len(errors),
        errors=errors[:MOST_ERRORS],
    )


async def _all_or_nothing(
    call: Call, queue: Definition, file: File
) -> tuple[list[wire.QueueItemsImportErrorDto], bool]:
    """The lines that were refused, and whether the others were added."""
    caller = who(call)
    async with connection(call.services.db, caller) as db:
        call.db = db
        begun = db.transaction()
        await begun.start()
        try:
            await _tell(call, queue)
            errors = await _add(call, queue, file, caller._replace(db=db))
        except BaseException:
            await begun.rollback()
            raise
        await (begun.rollback() if errors else begun.commit())
    return errors, not errors


async def _each_for_itself(call: Call, queue: Definition, file: File) -> list[wire.QueueItemsImportErrorDto]:
    caller = who(call)
    async with transaction(call.services.db, caller) as db:
        call.db = db
        await _tell(call, queue)
    return await _add(call, queue, file, caller)


async def _tell(call: Call, queue: Definition) -> None:
    call.describe("Import", entity_id=queue.id, name=queue.name)
    await audit.add(call)


async def _add(call: Call, queue: Definition, file: File, caller: Who) -> list[wire.QueueItemsImportErrorDto]:
    """Add what the lines ask for, a thousand at once; the lines that were refused."""
    commit = "ProcessAllIndependently"
    errors: list[wire.QueueItemsImportErrorDto] = []
    rows = _rows(file)
    while batch := await asyncio.to_thread(lambda: list(islice(rows, AT_ONCE))):
        good = [(row.number, row.item) for row in batch if row.item is not None]
        refused = [(row.number, row.error) for row in batch if row.error is not None]
        if good:
            items = [item for _, item in good]
            taken = await adding_many.add(call.port(Traffic), caller, queue.name, items, commit)
            refused += [(good[each.place][0], each.error) for each in taken]
        errors += [
            wire.QueueItemsImportErrorDto(line=number, error_code=error.code, message=error.message)
            for number, error in sorted(refused, key=lambda pair: pair[0])
        ]
    return errors


def _count(file: File) -> int:
    """How many lines there are. Raises BadRequest for a file that cannot be read to its end, TooLarge."""
    total = 0
    for total, _ in enumerate(_rows(file, is_read=False), 1):
        if total > MOST_ROWS:
            raise TooLarge(f"The file has more than {MOST_ROWS} lines.")
    return total


def _rows(file: File, *, is_read: bool = True) -> Iterator[Row]:
    """The lines of the file; without `is_read` nobody looks at what they say."""
    if file.is_csv:
        with file.path.open(encoding="utf-8-sig", newline="") as text:
            for line in transfer_rules.csv_lines(text, file.delimiter, file.types):
                if line.members is None:
                    yield Row(line.number, None, BadRequest(line.problem, Code.PARAMETER_INVALID))
                else:
                    yield _row(line.number, msgspec.json.encode(line.members) if is_read else b"{}")
    else:
        with file.path.open("rb") as binary:
            for number, each in transfer_rules.json_lines(binary, LONGEST_LINE):
                yield _row(number, each if is_read else b"{}")


def _row(number: int, text: bytes) -> Row:
    try:
        return Row(number, decode(text, wire.QueueItemDataDto, parameter="The line"), None)
    except BadRequest as error:
        return Row(number, None, error)


@operation("GET", "/api/podium/QueueItems/Export")
async def export_items(call: Call, queue_name: str, after: int = 0) -> Reply:
    """Items of the queue with ids above `after`, one JSON object per line, in the order of their ids.

    An answer ends after ten thousand items or some megabytes; then its header Link names the rest.
    """
    queue = await call.port(Traffic).definitions.queue(call.tenant_id, call.folder_id, queue_name, call.db)
    filter_ = next((value for name, value in call.query.items() if name.lower() == "$filter"), "")
    options = parse_options({"$filter": filter_, "$orderby": "Id", "$top": str(PAGE)})
    keyring = call.port(Keyring)
    lines: list[bytes] = []
    size, is_whole = 0, False
    while not is_whole and len(lines) < MOST_OUT and size < BYTES_OUT:
        args = [call.tenant_id, [call.folder_id], queue.id, after]
        page = page_statement(QUEUE_ITEMS, options, AFTER, args, counted=False, now=call.now)
        text = await contents.open_json(call.db, keyring, call.tenant_id, await call.db.fetchval(page.sql, *page.args))
        found = [bytes(each) for each in msgspec.json.decode(text, type=list[msgspec.Raw])]
        is_whole = len(found) < PAGE
        if found:
            after = msgspec.json.decode(found[-1], type=_Id).Id
            lines += found
            size += sum(map(len, found))
    headers = {"content-disposition": 'attachment; filename="items.ndjson"'}
    if not is_whole:
        rest = {"queueName": queue_name, "after": after} | ({"$filter": filter_} if filter_ else {})
        headers["link"] = f'<?{urlencode(rest)}>; rel="next"'
    return Reply(200, b"".join(line + b"\n" for line in lines), "application/x-ndjson; charset=utf-8", headers)


class _Id(msgspec.Struct):
    """What the next page begins after."""

    Id: int
