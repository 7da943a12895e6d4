"""Deletes refresh tokens and revocations that have ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.identity.tokens import store
from podium.kernel.db import Connection
from podium.kernel.loops import Loop

BATCH = 1000


async def forget_ended(db: Connection, now: datetime) -> int:
    """One batch of ended families with their tokens; how many rows went."""
    return await store.forget_ended(db, now, BATCH)


LOOPS = [Loop("tokens.forget_ended", every=timedelta(hours=1), turn=forget_ended)]
