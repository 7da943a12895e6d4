"""SQL of robot logs and of the partitions that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from podium.kernel.db import Connection
from podium.orchestrator.logs.rules import Entry

# $2 folders where the caller may log, $3 whether it may for every job of the tenant, $4 its machine. An entry belongs to
# the folder of its job, else to the one it names, else to $5.
ADD = """
INSERT INTO orchestrator.robot_logs (
  tenant_id, folder_id, logged_at, level, job_key, fingerprint, process_name, robot_name, windows_identity, host_name,
  machine_id, machine_key, runtime_type, message, raw_message)
SELECT $1::int, coalesce(j.folder_id, e.folder_id, $5::bigint), e.logged_at, e.level, e.job_key, e.fingerprint,
       coalesce(e.process_name, j.process_name), e.robot_name, e.windows_identity, coalesce(e.host_name, j.host_name),
       m.id, m.key, j.runtime_type, e.message, e.raw_message
  FROM unnest($6::timestamptz[], $7::smallint[], $8::uuid[], $9::bigint[], $10::uuid[], $11::text[], $12::text[],
              $13::text[], $14::text[], $15::text[], $16::text[]) WITH ORDINALITY
       AS e(logged_at, level, job_key, folder_id, fingerprint, process_name, robot_name, windows_identity, host_name,
            message, raw_message, position)
  LEFT JOIN orchestrator.jobs j ON j.tenant_id = $1::int AND j.key = e.job_key
  LEFT JOIN orchestrator.machines m ON m.tenant_id = $1::int AND m.id = coalesce(j.machine_id, $4::bigint)
  LEFT JOIN unnest($2::bigint[]) AS own(id) ON own.id = coalesce(j.folder_id, e.folder_id, $5::bigint)
 WHERE own.id IS NOT NULL OR (j.id IS NOT NULL AND $3::boolean)
 ORDER BY e.position
ON CONFLICT (tenant_id, fingerprint, logged_at) DO NOTHING
"""
ADD_PARTITION = "SELECT kernel.add_partition($1, $2, $3, $4, $5)"
LIMIT_LOCK_WAIT = "SET LOCAL lock_timeout = '2s'"


async def add(
    db: Connection,
    tenant_id: int,
    entries: Sequence[Entry],
    *,
    folders: Sequence[int],
    every_job: bool,
    machine_id: int | None,
    folder_id: int | None,
) -> None:
    """Keep the entries whose folder the caller may log in; what is there already stays as it is. One statement."""
    columns = [list(column) for column in zip(*entries, strict=True)]
    await db.execute(ADD, tenant_id, list(folders), every_job, machine_id, folder_id, *columns)


async def add_partition(
    db: Connection, parent: str, suffix: str, column: str, lower_at: datetime, upper_at: datetime
) -> bool:
    """Make one partition; False when there is nothing to make. In a transaction, whose waits for locks become short."""
    await db.execute(LIMIT_LOCK_WAIT)
    return bool(await db.fetchval(ADD_PARTITION, parent, suffix, column, lower_at, upper_at))
