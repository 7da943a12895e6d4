"""Resumes jobs whose instant has come or whose awaited job has ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.kernel.db import Connection
from podium.kernel.loops import Loop
from podium.orchestrator.job_triggers import actions, store

BATCH = 200


async def fire_due(db: Connection, now: datetime) -> int:
    """Fire up to BATCH triggers; how many."""
    due = await store.due_timers(db, now, BATCH)
    if len(due) < BATCH:
        due += await store.ended_jobs(db, BATCH - len(due))
    await actions.fire(db, due, now)
    return len(due)


LOOPS = (Loop("job_triggers.fire", every=timedelta(seconds=2), turn=fire_due),)
