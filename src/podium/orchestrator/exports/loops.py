"""Writes exports: a turn reads some pages into a part, the last one puts the parts together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import structlog

from podium.kernel.blobs import Blobs, Stored
from podium.kernel.db import Connection
from podium.kernel.errors import ApiError, Unavailable
from podium.kernel.loops import Loop
from podium.orchestrator.exports import pages, rules, store
from podium.orchestrator.exports.kinds import KINDS

KEPT_FOR = timedelta(days=7)
PART_BYTES = 8 * 1024 * 1024  # a turn ends after this much, or after PART_SECONDS
PART_SECONDS = 2.0
MOST_BYTES = 1024**3
CHUNK_BYTES = 1024 * 1024

log = structlog.get_logger(__name__)


class Progress(msgspec.Struct, omit_defaults=False):
    """How far an export has come: where the next page begins, rows written, the blobs that hold them."""

    parts: list[str] = []
    after: list[Any] | None = None
    rows: int = 0
    size_bytes: int = 0


def loops(blobs: Blobs) -> tuple[Loop, ...]:
    """The loops of this area that need the files."""

    async def run(db: Connection, now: datetime) -> int:
        return await write_next(db, blobs, now) + await remove_leftovers(db, blobs)

    return (Loop("exports.run", every=timedelta(seconds=1), turn=run),)


async def write_next(db: Connection, blobs: Blobs, now: datetime) -> int:
    """Go on with one export; 0 when none is open. One that cannot be answered ends as Failed."""
    found = await store.take(db)
    if found is None:
        return 0
    progress = msgspec.json.decode(found["progress"], type=Progress)
    try:
        async with db.transaction():
            is_last = await _write_part(db, blobs, found, progress)
        if not is_last:
            await store.go_on(db, found["tenant_id"], found["id"], msgspec.json.encode(progress).decode())
            return 1
        whole = await _put_together(blobs, progress)
    except Unavailable:
        raise  # a full disk or a lost database is no fault of this export
    except (ApiError, asyncpg.DataError, asyncpg.QueryCanceledError) as error:
        log.warning("exports.failed", tenant=found["tenant_id"], export=found["id"], reason=str(error))
        reason = error.message if isinstance(error, ApiError) else "The rows could not be read in time."
        await store.fail(db, found["tenant_id"], found["id"], reason, now, progress.parts)
        return 1
    leftovers = [part for part in progress.parts if part != whole.name]
    await store.complete(db, found["tenant_id"], found["id"], whole.name, whole.size_bytes, now, leftovers)
    return 1


async def remove_leftovers(db: Connection, blobs: Blobs) -> int:
    """Remove the files that ended exports do not need any more; of how many exports."""
    found = await store.to_clean(db)
    for row in found:
        for part in msgspec.json.decode(row["progress"], type=Progress).parts:
            await blobs.delete(part)
        await store.cleaned(db, row["tenant_id"], row["id"])
    return len(found)


async def expire(db: Connection, now: datetime) -> int:
    """Take files out of reach that are older than KEPT_FOR; the next turn removes them."""
    return await store.expire(db, now - KEPT_FOR)


async def _write_part(db: Connection, blobs: Blobs, found: asyncpg.Record, progress: Progress) -> bool:
    """Write pages into a new blob and note it; whether nothing is left to read."""
    kind = KINDS[found["type"]]
    asked = msgspec.json.decode(found["query"], type=pages.Asked)
    source = pages.Source(kind, found["tenant_id"], found["folder_ids"], asked, found["requested_at"])
    clock = asyncio.get_running_loop()
    until = clock.time() + PART_SECONDS
    text = [] if progress.parts else [rules.heading(kind.columns)]
    size, is_last = 0, False
    while not is_last and size < PART_BYTES and clock.time() < until:
        wanted = pages.PAGE_ROWS if asked.top is None else min(pages.PAGE_ROWS, asked.top - progress.rows)
        rows = await pages.read(db, source, progress.after, wanted) if wanted > 0 else []
        text.append(rules.lines(kind.columns, rows))
        size += len(text[-1])
        is_last = len(rows) < pages.PAGE_ROWS
        if rows:
            progress.rows += len(rows)
            progress.after = pages.key_of(kind, rows[-1])
    part = await blobs.write(_once("".join(text).encode()), limit_bytes=MOST_BYTES - progress.size_bytes)
    progress.parts.append(part.name)
    progress.size_bytes += part.size_bytes
    return is_last


async def _put_together(blobs: Blobs, progress: Progress) -> Stored:
    """One blob of all parts; the only part is it."""
    if len(progress.parts) == 1:
        return Stored(progress.parts[0], progress.size_bytes, b"")
    return await blobs.write(_all(blobs, progress.parts), limit_bytes=MOST_BYTES)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _all(blobs: Blobs, parts: Sequence[str]) -> AsyncIterator[bytes]:
    for part in parts:
        path = await blobs.open(part)
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk
        finally:
            file.close()


LOOPS = (Loop("exports.expire", every=timedelta(hours=1), turn=expire),)
"""The loops of this area that need the database only."""
