"""Keeps what jobs wait for and resumes them when it has happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from podium import wire
from podium.kernel.call import given
from podium.kernel.db import Connection
from podium.orchestrator.job_triggers import rules, store
from podium.orchestrator.jobs import actions as jobs

MOST_TRIGGERS = 1000


async def add_triggers(
    db: Connection, tenant_id: int, job_id: int, triggers: Sequence[wire.ResumeTriggerData], now: datetime
) -> bool:
    """Keep what a job waits for, and resume it at once when one of these things has happened already.

    The job has been suspended in this transaction, so that nothing can happen unseen in between. Whether it was
    resumed. Of more than MOST_TRIGGERS the first ones count.
    """
    waits: list[rules.Wait] = []
    details: list[str | None] = []
    inboxes: set[UUID] = set()
    for trigger in triggers[:MOST_TRIGGERS]:
        wait = _wait(trigger)
        if wait.inbox_id is not None:
            if wait.inbox_id in inboxes:
                continue
            inboxes.add(wait.inbox_id)
        waits.append(wait)
        details.append(_detail(trigger))
    if not waits:
        return False
    await store.add(db, tenant_id, job_id, waits, details, now)
    return await fire(db, await store.due_of_job(db, tenant_id, job_id, now), now) > 0


async def fire(db: Connection, due: Sequence[store.Due], now: datetime) -> int:
    """Mark the triggers and resume their jobs, each once; how many were suspended. Hosts are woken at the commit."""
    if not due:
        return 0
    await store.mark_fired(db, due, now)
    resumed = 0
    for each in {(each.tenant_id, each.job_id): each for each in reversed(due)}.values():
        if await jobs.resume_by_trigger(db, each.tenant_id, each.job_id, each.type, now):
            await store.wake(db, each.tenant_id, each.job_id)
            resumed += 1
    return resumed


async def item_ended(
    db: Connection, tenant_id: int, type_: str, now: datetime, *, keys: Sequence[str] = (), ids: Sequence[int] = ()
) -> int:
    """Resume the jobs that wait for these items, as they are final now; in the transaction that made them so.

    `type_` is Task, QueueItem or Job; items are named by key, by id or by both. How many jobs were resumed.
    """
    return await fire(db, await store.waiting_for(db, tenant_id, type_, keys, ids), now)


async def save_external(
    db: Connection, tenant_id: int, job_id: int, type_: str, external_id: str, now: datetime
) -> None:
    """Note that a job is going to wait for something outside; doing it again changes nothing."""
    await store.add(db, tenant_id, job_id, [rules.Wait(type_, external_id)], [None], now)


def _wait(trigger: wire.ResumeTriggerData) -> rules.Wait:
    api = given(trigger.api_resume, None)
    return rules.wait(
        given(trigger.trigger_type, None),
        item_key=given(trigger.item_key, None),
        item_id=given(trigger.item_id, None),
        inbox_id=given(api.inbox_id, None) if api is not None else None,
        message=given(trigger.trigger_message, None),
        resume_at=given(trigger.resume_time, None),
        new_inbox=uuid4(),
    )


def _detail(trigger: wire.ResumeTriggerData) -> str | None:
    """What the trigger says beyond the columns, as JSON text."""
    api = given(trigger.api_resume, None)
    request = given(api.request, None) if api is not None else None
    integration = given(trigger.integration_resume, None)
    said = {"integrationResume": integration, "request": request}
    kept = {name: value for name, value in said.items() if value is not None}
    return msgspec.json.encode(kept).decode() if kept else None
