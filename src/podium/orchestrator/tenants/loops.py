"""Removes what belonged to deleted tenants, in batches: rows of every table, and the files that they stand for."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

import structlog

from podium.kernel.blobs import Blobs
from podium.kernel.db import Connection
from podium.kernel.errors import NotFound
from podium.kernel.loops import Loop
from podium.orchestrator.tenants import store

BATCH = 2000

log = structlog.get_logger(__name__)


def loops(blobs: Blobs) -> tuple[Loop, ...]:
    """The loop of this area."""

    async def run(db: Connection, now: datetime) -> int:
        return await remove_some(db, blobs, now)

    return (Loop("tenants.remove", every=timedelta(minutes=1), turn=run),)


async def remove_some(db: Connection, blobs: Blobs, now: datetime) -> int:
    """Remove one batch of one deleted tenant; 0 when there is none. The tenant's own row goes last.

    Files go before the rows are committed: what remains of a turn that fails are rows of a tenant that nobody reads.
    """
    id_ = await store.next_ended(db)
    if id_ is None:
        return 0
    gone, files = await store.delete_rows(db, id_, BATCH)
    for name in files:
        with contextlib.suppress(NotFound):  # a name that another store gave
            await blobs.delete(name)
    if not gone:
        await store.delete(db, id_)
        log.info("tenants.removed", tenant=id_, at=now.isoformat())
    return 1
