"""Deletes authorization codes and device grants that have ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.identity.oidc import store
from podium.kernel.db import Connection
from podium.kernel.loops import Loop

BATCH = 1000
CODES_KEPT = timedelta(days=1)
"""A code that comes a second time is recognized that long; no access token lives longer."""

DEVICES_KEPT = timedelta(minutes=10)
"""A late device is told that it is too late, and not that it was never there."""


async def forget_ended(db: Connection, now: datetime) -> int:
    """One batch of what has ended; how many rows went."""
    return await store.forget_ended(db, now - CODES_KEPT, now - DEVICES_KEPT, BATCH)


LOOPS = [Loop("oidc.forget_ended", every=timedelta(minutes=10), turn=forget_ended)]
