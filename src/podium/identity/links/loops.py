"""Deletes links that ended long ago."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.identity.links import store
from podium.kernel.db import Connection
from podium.kernel.loops import Loop

KEEP = timedelta(days=30)
BATCH = 1000


async def forget(db: Connection, now: datetime) -> int:
    """One batch."""
    return await store.forget(db, now - KEEP, BATCH)


LOOPS = (Loop("links.forget", every=timedelta(hours=1), turn=forget),)
