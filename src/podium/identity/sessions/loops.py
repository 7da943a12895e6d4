"""Deletes browser sessions that are over."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.identity.sessions import store
from podium.kernel.db import Connection
from podium.kernel.loops import Loop

BATCH = 1000
KEPT = timedelta(days=1)


async def forget_ended(db: Connection, now: datetime) -> int:
    """One batch of sessions whose time was over a day ago; how many went."""
    return await store.forget_ended(db, now - KEPT, BATCH)


LOOPS = [Loop("identity_sessions.forget_ended", every=timedelta(hours=1), turn=forget_ended)]
