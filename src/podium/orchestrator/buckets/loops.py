"""Removes files from the disk that no bucket has any more."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from podium.kernel.blobs import SHARDS
from podium.kernel.db import Connection
from podium.kernel.loops import Loop
from podium.orchestrator.buckets import store
from podium.orchestrator.buckets.storage import Storage

READ_FOR = timedelta(minutes=1)
"""How long a file that was replaced stays, for those who had just asked for it."""
ABANDONED_AFTER = timedelta(days=1)
"""After this long whoever wrote a blob has either made its row or died."""

log = structlog.get_logger(__name__)


def loops(storage: Storage) -> tuple[Loop, ...]:
    """The loops of this area, which all need the files."""

    async def remove(db: Connection, now: datetime) -> int:
        return await remove_leftovers(db, storage, now)

    async def sweep(db: Connection, now: datetime) -> int:
        await remove_orphans(db, storage, now)
        return 0  # one round is enough, however much it found

    return (
        Loop("buckets.remove_leftovers", every=timedelta(seconds=10), turn=remove),
        Loop("buckets.remove_orphans", every=timedelta(hours=6), turn=sweep),
    )


async def remove_leftovers(db: Connection, storage: Storage, now: datetime) -> int:
    """Remove blobs of files that were deleted or replaced; how many."""
    blobs = await store.take_leftovers(db, now - READ_FOR)
    for blob in blobs:
        await storage.blobs.delete(blob)
    return len(blobs)


async def remove_orphans(db: Connection, storage: Storage, now: datetime) -> int:
    """Remove what servers wrote that died before the file had its row; how many blobs."""
    before = now - ABANDONED_AFTER
    removed = await storage.blobs.remove_abandoned(before)
    for shard in range(SHARDS):
        for blob in await store.without_a_row(db, await storage.blobs.names(shard, before)):
            await storage.blobs.delete(blob)
            removed += 1
    if removed:
        log.info("buckets.orphans_removed", blobs=removed)
    return removed
