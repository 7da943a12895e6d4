"""Forgets addresses whose time is over, and tries to sign in that an administrator does not want to keep."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.identity.users.sign_in import store
from podium.kernel.db import Connection
from podium.kernel.loops import Loop

BATCH = 1000


async def forget_addresses(db: Connection, now: datetime) -> int:
    """One batch of budgets and known addresses; how many rows went."""
    return await store.forget_addresses(db, now, BATCH)


async def forget_attempts(db: Connection, now: datetime) -> int:
    """One batch of tries older than the setting `Auth.SignIn.AttemptRetentionDays` says; without it they stay for good.

    An organization's own number counts before the host's.
    """
    for organization_id, days in await store.kept_days(db):
        if count := await store.forget_attempts(db, organization_id, now - timedelta(days=days), BATCH):
            return count
    return 0


LOOPS = [
    Loop("users.forget_addresses", every=timedelta(minutes=10), turn=forget_addresses),
    Loop("users.forget_attempts", every=timedelta(hours=1), turn=forget_attempts),
]
