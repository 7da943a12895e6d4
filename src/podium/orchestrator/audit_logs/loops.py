"""Removes audit entries whose time is over, a day's at a time, and signs that they may be missing."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from podium.kernel.audit_chain import erasure
from podium.kernel.audit_chain.signing import Signer
from podium.kernel.db import Connection
from podium.kernel.loops import Loop
from podium.orchestrator.audit_logs import rules, store

log = structlog.get_logger(__name__)


def loops(signer: Signer) -> tuple[Loop, ...]:
    """The loop of this area."""

    async def run(db: Connection, now: datetime) -> int:
        return await remove_day(db, signer, now)

    return (Loop("audit.retention", every=timedelta(hours=1), turn=run),)


async def remove_day(db: Connection, signer: Signer, now: datetime) -> int:
    """Remove the oldest day's entries if `Audit.RetentionDays` of every tenant lets them go; 0 when nothing is due.

    The entries and their links go in one transaction with the word of it, so that a verification finds either all or
    none of it. Entries of the identity server are in the same trail and go with the others.
    """
    target = rules.removable_before(await store.kept_days(db, rules.RETENTION_SETTING.casefold()), now)
    if target is None:
        return 0
    step = rules.next_step(target, await store.oldest(db, target))
    if step is None:
        return 0
    await erasure.remove_before(db, signer, step, now)
    gone = await store.delete_older(db, step)
    log.info("audit.removed", before=step.isoformat(), entries=gone)
    return 1
