"""Items on their way out: as CSV in a ZIP file in a bucket."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

import msgspec
from asyncpg import Record

from podium.kernel.call import Services
from podium.kernel.db import Connection
from podium.kernel.odata import page_statement, parse_options
from podium.orchestrator.buckets import actions as buckets
from podium.orchestrator.exports import rules as csv
from podium.orchestrator.exports.kinds import QUEUE_CSV
from podium.orchestrator.queues import retention_store, rules

PAGE_ROWS = 200
KEPT_IN_MEMORY = 8 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024


async def write(db: Connection, services: Services, policy: Record, ids: Sequence[int], now: datetime) -> None:
    """Write the items into the policy's bucket; the file is durable when this returns.

    Raises what the bucket refuses: NotFound, Conflict for a read-only one, TooLarge, Unavailable.
    """
    ordered = sorted(ids)
    path = rules.archive_path(policy["queue_id"], policy["name"], policy["kind"], ordered[0], ordered[-1])
    with tempfile.SpooledTemporaryFile(KEPT_IN_MEMORY) as file:
        with ZipFile(file, "w", ZIP_DEFLATED) as archive, archive.open("items.csv", "w") as entry:
            await asyncio.to_thread(entry.write, csv.heading(QUEUE_CSV.columns).encode())
            for begin in range(0, len(ordered), PAGE_ROWS):
                text = await _lines(db, policy, ordered[begin : begin + PAGE_ROWS], now)
                await asyncio.to_thread(entry.write, text.encode())
        file.seek(0)
        await buckets.store_file(services, policy["tenant_id"], policy["bucket_id"], path, _chunks(file), now)


async def _lines(db: Connection, policy: Record, ids: Sequence[int], now: datetime) -> str:
    options = parse_options({"$select": QUEUE_CSV.select, "$orderby": QUEUE_CSV.order, "$top": str(PAGE_ROWS)})
    args = [policy["tenant_id"], policy["queue_id"], list(ids)]
    page = page_statement(QUEUE_CSV.entity, options, retention_store.ARCHIVED, args, counted=False, now=now)
    rows = await db.fetchval(page.sql, *page.args)
    return csv.lines(QUEUE_CSV.columns, msgspec.json.decode(rows))


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
        yield chunk
