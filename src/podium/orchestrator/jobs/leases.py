"""Which jobs are still with the robot that they were handed to: as long as one is, its token is good."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Database

KEPT_FOR = timedelta(seconds=3)
MOST_KEPT = 10_000

# A hand-out ends when the job ends, suspends itself, or goes back to those that wait.
HELD = """
SELECT t.folder_id, t.machine_id FROM orchestrator.jobs t
 WHERE t.tenant_id = $1 AND t.key = $2::uuid AND t.lease_epoch = $3::int AND t.session_id IS NOT NULL
   AND t.state IN (0, 1, 2, 3, 8)
"""


class Lease(NamedTuple):
    """Where a job runs: in which folder, and on a host of which machine."""

    folder_id: int
    machine_id: int


class Leases:
    """Asked of the database, and remembered for a few seconds when it holds. One per process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: OrderedDict[tuple[int, UUID, int], tuple[datetime, Lease]] = OrderedDict()

    async def find(self, tenant_id: int, job_key: UUID, epoch: int, now: datetime) -> Lease | None:
        """The job's hand-out of that number; None when it is over.

        One that is over is asked for each time: its number never comes again, a greater one has an entry of its own.
        """
        key = tenant_id, job_key, epoch
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        async with self._db.acquire() as db:
            row = await db.fetchrow(HELD, *key)
        if row is None:
            self._kept.pop(key, None)
            return None
        lease = Lease(row["folder_id"], row["machine_id"])
        self._kept[key] = now, lease
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return lease
