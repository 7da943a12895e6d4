"""Until when the audit trail is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

NO_SUCH_ENTRY = "AuditLog does not exist."
RETENTION_SETTING = "Audit.RetentionDays"


def removable_before(days_of_tenants: Iterable[int], now: datetime) -> datetime | None:
    """Entries from before this instant may go; None: nothing may.

    The trail is one chain over all tenants: it is kept as long as the tenant that keeps the longest wants, and for good
    when one of them has not set a period. Whole days of UTC, so that a day is there or not.
    """
    days = list(days_of_tenants)
    if not days or min(days) <= 0:
        return None
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return today - timedelta(days=max(days))
    except OverflowError:
        return None


def next_step(target: datetime, oldest: datetime | None) -> datetime | None:
    """How far the next batch goes on its way to `target`: one day's entries at a time; None: there are none to remove.

    `oldest`: of the entries from before the target.
    """
    if oldest is None:
        return None
    day = oldest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(target, day + timedelta(days=1))
