"""Ends attempts that have no result and begins the next ones: what was abandoned, and retries by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from podium.kernel.db import Connection
from podium.kernel.ids import uuid7
from podium.kernel.keyring import Keyring
from podium.orchestrator.job_triggers import actions as job_triggers
from podium.orchestrator.queue_items import rules, store, store_retries
from podium.orchestrator.queue_items.results import QUEUE_ITEM, contents_for_next
from podium.orchestrator.queue_items.rules import State
from podium.orchestrator.queue_items.store_retries import Ending

BATCH = 500


async def abandon(db: Connection, keyring: Keyring, now: datetime) -> int:
    """End items that were in progress for longer than their tenant allows; how many. In the caller's transaction."""
    own = {tenant_id: _hours(text) for tenant_id, text in (await store.abandon_hours(db)).items()}
    ended = await _abandon(db, keyring, now, rules.ABANDON_AFTER_HOURS, list(own), just_these=False)
    of_period: defaultdict[int, list[int]] = defaultdict(list)
    for tenant_id, hours in own.items():
        of_period[hours].append(tenant_id)
    for hours, tenant_ids in of_period.items():
        if ended < BATCH:
            ended += await _abandon(db, keyring, now, hours, tenant_ids, just_these=True)
    return ended


async def _abandon(
    db: Connection, keyring: Keyring, now: datetime, hours: int, tenant_ids: Sequence[int], *, just_these: bool
) -> int:
    before = now - timedelta(hours=hours)
    rows = await store_retries.abandoned(db, before, tenant_ids, just_these=just_these, at_most=BATCH)
    states = [
        rules.state_after_abandonment(
            is_allowed=row["is_retried_when_abandoned"],
            retry_number=row["retry_number"],
            max_retries=row["max_retries"],
        )
        for row in rows
    ]
    await _end(db, keyring, list(zip(rows, states, strict=True)), now, by_hand=False)
    ended: defaultdict[int, list[Record]] = defaultdict(list)
    for row, state in zip(rows, states, strict=True):
        if state in rules.RESUMES_JOBS:
            ended[row["tenant_id"]].append(row)
    for tenant_id, items in ended.items():
        await resume_jobs(db, tenant_id, items, now)
    return len(rows)


async def retry_by_hand(
    db: Connection,
    keyring: Keyring,
    tenant_id: int,
    item_ids: Sequence[int],
    now: datetime,
    *,
    user_id: int | None,
    client_id: str | None,
) -> dict[int, int]:
    """Begin a next attempt of each of these items; the id of each one's next attempt. In the caller's transaction.

    The caller has made sure that they are Failed or Abandoned; they are Retried now, in state and in review.
    """
    rows = await store_retries.to_retry(db, tenant_id, item_ids)
    pairs = [(row, State.RETRIED) for row in rows]
    return await _end(db, keyring, pairs, now, by_hand=True, user_id=user_id, client_id=client_id)


async def _end(
    db: Connection,
    keyring: Keyring,
    items: Sequence[tuple[Record, State]],
    now: datetime,
    *,
    by_hand: bool,
    user_id: int | None = None,
    client_id: str | None = None,
) -> dict[int, int]:
    """End locked items, and begin the next attempt of those that are to be Retried; its id for each."""
    if not items:
        return {}
    retried = [row for row, state in items if state == State.RETRIED]
    next_ids = dict(zip((row["id"] for row in retried), await store.next_ids(db, len(retried)), strict=True))
    endings = [Ending(row["tenant_id"], row["id"], next_ids.get(row["id"], 0), state, uuid7()) for row, state in items]
    await store_retries.end(db, endings, now, by_hand=by_hand, user_id=user_id, client_id=client_id)
    sealed: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for row in retried:
        if row["is_encrypted"]:
            sealed[row["tenant_id"]][row["id"]] = next_ids[row["id"]]
    for tenant_id, of_tenant in sealed.items():
        await contents_for_next(keyring, db, tenant_id, of_tenant)
    return next_ids


async def resume_jobs(db: Connection, tenant_id: int, items: Iterable[Record], now: datetime) -> None:
    """Resume the jobs that wait for these items, of which id and key are told, as they are final now."""
    rows = list(items)
    keys = [str(row["key"]) for row in rows] + [str(row["id"]) for row in rows]
    await job_triggers.item_ended(db, tenant_id, QUEUE_ITEM, now, keys=keys, ids=[row["id"] for row in rows])


def _hours(text: str) -> int:
    """The setting as hours; what cannot be one is the default."""
    plain = text.strip()
    hours = int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 6 else 0
    return hours or rules.ABANDON_AFTER_HOURS
