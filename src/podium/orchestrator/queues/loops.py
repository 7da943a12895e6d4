"""Removes old items, where somebody has said after how many days that is to be."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from asyncpg import PostgresError, Record

from podium.kernel.call import Services
from podium.kernel.db import Connection
from podium.kernel.errors import ApiError
from podium.kernel.loops import Loop
from podium.orchestrator.queue_items import actions as queue_items
from podium.orchestrator.queues import archive, retention_store, rules

REMOVED_AT_ONCE = 500
ARCHIVED_AT_ONCE = 5_000  # in one file
MOST_OF_TURN = 5_000

log = structlog.get_logger(__name__)


def loops(services: Services) -> tuple[Loop, ...]:
    """The loops of this area, which write into buckets."""

    async def run(db: Connection, now: datetime) -> int:
        return await apply_retention(db, services, now)

    return (Loop("queues.retention", every=timedelta(minutes=10), turn=run),)


async def apply_retention(db: Connection, services: Services, now: datetime) -> int:
    """Remove some of the items that are old by their queue's policy; how many.

    What cannot be archived stays, and the others are not kept waiting by it.
    """
    removed = 0
    for policy in await retention_store.due(db, rules.old_before(now, 0)):
        try:
            async with db.transaction():
                removed += await _apply(db, services, policy, now)
        except (ApiError, PostgresError, OSError) as error:
            log.warning(
                "queues.retention_failed",
                tenant=policy["tenant_id"],
                queue=policy["queue_id"],
                action=policy["action"],
                reason=str(error),
            )
        if removed >= MOST_OF_TURN:
            break
    return removed


async def _apply(db: Connection, services: Services, policy: Record, now: datetime) -> int:
    tenant_id, queue_id = policy["tenant_id"], policy["queue_id"]
    is_archived = policy["action"] == "Archive"
    items = await retention_store.old_items(db, policy, ARCHIVED_AT_ONCE if is_archived else REMOVED_AT_ONCE)
    if not items:
        return 0
    ids = [item["id"] for item in items]
    if is_archived:
        await archive.write(db, services, policy, ids, now)
    if policy["kind"] == "Stale":
        await queue_items.resume_jobs(db, tenant_id, items, now)
    return await queue_items.remove(db, tenant_id, queue_id, ids)
