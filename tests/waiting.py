"""Waiting for what the database tells nobody."""

from __future__ import annotations

import asyncio

from podium.kernel.db import Database

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def until_one_waits_for_a_lock(db: Database) -> None:
    """Until some session of the database waits for a lock that another has."""
    async with db.acquire() as connection, asyncio.timeout(30):
        while not await connection.fetchval(WAITING):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)
