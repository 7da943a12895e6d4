"""Background work on items: what has become due, what nobody finished, what belongs to no queue any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.kernel.loops import Loop
from podium.orchestrator.job_triggers import actions as job_triggers
from podium.orchestrator.queue_items import retries, rules, store
from podium.orchestrator.queue_items.results import QUEUE_ITEM

DUE_BATCH = 2_000
REMOVAL_BATCH = 1_000
AWAITED_BATCH = 100


async def make_due(db: Connection, now: datetime) -> int:
    """Let deferred items be handed out whose time has come; how many."""
    return await store.make_all_due(db, now, DUE_BATCH)


async def resume_waiting(db: Connection, now: datetime) -> int:
    """Resume jobs whose item has ended, when that was not done with the end; how many."""
    resumed = 0
    for row in await store.ended_and_awaited(db, AWAITED_BATCH):
        keys = [key for key in row["keys"] if key is not None]
        ids = [id_ for id_ in row["ids"] if id_ is not None]
        resumed += await job_triggers.item_ended(db, row["tenant_id"], QUEUE_ITEM, now, keys=keys, ids=ids)
    return resumed


async def remove_orphans(db: Connection, now: datetime) -> int:
    """Delete items whose queue is gone, some at a time; how many. Jobs that waited for them are resumed."""
    removed = 0
    for tenant_id, queue_id in await store.queues_gone(db):
        if removed >= REMOVAL_BATCH:
            break
        items = await store.items_of_queue(db, tenant_id, queue_id, REMOVAL_BATCH - removed)
        await retries.resume_jobs(db, tenant_id, [row for row in items if row["state"] not in rules.FINAL], now)
        removed += await store.remove(db, tenant_id, queue_id, [row["id"] for row in items])
    return removed


LOOPS = (
    Loop("queue_items.make_due", every=timedelta(seconds=1), turn=make_due),
    Loop("queue_items.resume_waiting", every=timedelta(seconds=5), turn=resume_waiting),
    Loop("queue_items.remove_orphans", every=timedelta(minutes=10), turn=remove_orphans),
)


def loops(keyring: Keyring) -> tuple[Loop, ...]:
    """Those that seal."""

    async def abandon(db: Connection, now: datetime) -> int:
        return await retries.abandon(db, keyring, now)

    return (Loop("queue_items.abandon", every=timedelta(seconds=30), turn=abandon),)
