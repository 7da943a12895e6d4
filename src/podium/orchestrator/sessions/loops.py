"""Watches sessions: hosts that fall silent, hosts that are gone for good, hosts that came back without their jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.kernel.db import Connection
from podium.kernel.loops import Loop
from podium.orchestrator.jobs import hand_out
from podium.orchestrator.sessions import store

SILENT_AFTER = timedelta(seconds=120)  # 30 s x 4 missed heartbeats, the published default
GONE_AFTER = timedelta(minutes=30)
SETTLED_AFTER = timedelta(minutes=2)
RESTART_WINDOW = timedelta(hours=1)

LOST_INFO = "Job faulted due to service shutdown or disconnect."
LOST_CODE = "PODIUM.ROBOT_LOST"


async def mark_silent(db: Connection, now: datetime) -> int:
    """Flag sessions without a report for two minutes; what they had not started goes back to the pool."""
    rows = await db.fetch(store.SILENT, now, now - SILENT_AFTER)
    for row in rows:
        await hand_out.release_unstarted(db, row["tenant_id"], row["id"], now)
    return len(rows)


async def end_lost(db: Connection, now: datetime) -> int:
    """End the jobs of hosts that are gone, and of hosts that came back without them (decision 42)."""
    ended = 0
    for row in await db.fetch(store.GONE, now - GONE_AFTER):
        ended += await hand_out.end_lost(db, row["tenant_id"], row["id"], now, info=LOST_INFO, code=LOST_CODE)
    for row in await db.fetch(store.RESTARTED, now - SETTLED_AFTER, now - RESTART_WINDOW):
        ended += await hand_out.end_lost(
            db, row["tenant_id"], row["id"], now, info=LOST_INFO, code=LOST_CODE, silent_since=row["opened_at"]
        )
    return ended


LOOPS = (
    Loop("sessions.mark_silent", every=timedelta(seconds=15), turn=mark_silent),
    Loop("sessions.end_lost", every=timedelta(seconds=30), turn=end_lost),
)
