"""What a job's log tells of the job itself: that it lives, and whether it met errors or warnings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Connection

ALIVE_EVERY = timedelta(seconds=5)
"""A robot sends its log twice a second; the sign of life needs no finer grain, and each one rewrites the row."""

# $5 folders whose jobs the caller may log for, NULL: every job of the tenant. Rows are locked in one order, so that two
# batches with the same jobs do not wait for each other.
NOTE = """
WITH locked AS (
  SELECT t.id, e.has_errors, e.has_warnings
    FROM unnest($2::uuid[], $3::boolean[], $4::boolean[]) AS e(key, has_errors, has_warnings)
    JOIN orchestrator.jobs t ON t.tenant_id = $1::int AND t.key = e.key
   WHERE ((e.has_errors AND NOT t.has_errors) OR (e.has_warnings AND NOT t.has_warnings)
          OR (t.state IN (1, 2, 3) AND (t.reported_at IS NULL OR t.reported_at <= $7::timestamptz)))
     AND ($5::bigint[] IS NULL OR EXISTS (SELECT FROM unnest($5::bigint[]) AS own(id) WHERE own.id = t.folder_id))
   ORDER BY t.id FOR NO KEY UPDATE OF t
)
UPDATE orchestrator.jobs t
   SET has_errors = t.has_errors OR locked.has_errors, has_warnings = t.has_warnings OR locked.has_warnings,
       reported_at = CASE WHEN t.state IN (1, 2, 3) THEN greatest(t.reported_at, $6::timestamptz) ELSE t.reported_at END
  FROM locked WHERE t.tenant_id = $1::int AND t.id = locked.id
"""


class Logged(NamedTuple):
    """What a batch of entries says of one job."""

    job_key: UUID
    has_errors: bool
    has_warnings: bool


async def note(
    db: Connection, tenant_id: int, jobs: Sequence[Logged], now: datetime, *, folders: Sequence[int] | None
) -> None:
    """Set the flags of the jobs, and for those that run the time of the last report; one entry per job.

    `folders`: where the caller may log, None for robots, which may for every job of their tenant.
    """
    keys, errors, warnings = zip(*jobs, strict=True)
    own = None if folders is None else list(folders)
    await db.execute(NOTE, tenant_id, list(keys), list(errors), list(warnings), own, now, now - ALIVE_EVERY)
