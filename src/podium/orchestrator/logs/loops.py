"""Makes the partitions of the days and months to come, so that no row has to go into a default partition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from podium.kernel.db import Connection
from podium.kernel.loops import Loop
from podium.orchestrator.logs import store

DAYS_AHEAD = 7
MONTHS_AHEAD = 3

log = structlog.get_logger(__name__)


def days(now: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """Suffix and bounds of yesterday, today and the days to come, UTC."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for offset in range(-1, DAYS_AHEAD + 1):
        first = today + timedelta(days=offset)
        yield first.strftime("%Y%m%d"), first, first + timedelta(days=1)


def months(now: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """Suffix and bounds of the months to come, UTC.

    Not of this one: a row that is on its way into the default partition while its own is attached is refused, and with
    it the call that is audited. Log entries are tried again.
    """
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    first = (first + timedelta(days=32)).replace(day=1)
    for _ in range(MONTHS_AHEAD):
        following = (first + timedelta(days=32)).replace(day=1)
        yield first.strftime("%Y%m"), first, following
        first = following


async def make_log_days(db: Connection, now: datetime) -> int:
    """Make the missing days of the robot logs; how many."""
    return await _make(db, "orchestrator.robot_logs", "logged_at", days(now))


async def make_audit_months(db: Connection, now: datetime) -> int:
    """Make the missing months of the audit trail; how many."""
    return await _make(db, "kernel.audit", "executed_at", months(now))


async def _make(db: Connection, parent: str, column: str, wanted: Iterator[tuple[str, datetime, datetime]]) -> int:
    made = 0
    for suffix, lower_at, upper_at in wanted:
        try:
            async with db.transaction():
                made += await store.add_partition(db, parent, suffix, column, lower_at, upper_at)
        except asyncpg.LockNotAvailableError:
            log.warning("logs.partition_postponed", table=parent, partition=suffix)
            break
    return made


LOOPS = (
    Loop("logs.partitions", every=timedelta(hours=1), turn=make_log_days),
    Loop("audit.partitions", every=timedelta(hours=1), turn=make_audit_months),
)
