"""Rows that the workloads need and that nobody wants to send one by one: waiting items, ended items, jobs."""

from __future__ import annotations

import asyncpg

CONTENT = (
    '{"Customer": "C-1007", "Invoice": "2026-11-0042", "Amount": 1249.5, "Currency": "EUR",'
    ' "Mail": "a.b@example.org", "Note": "second reminder, asks for three weeks", "IsUrgent": false}'
)
ITEMS = """
WITH made AS (
  INSERT INTO orchestrator.queue_items (tenant_id, key, unique_key, queue_id, priority, rank, state, reference,
                                        reference_key, created_at, started_at, ended_at, lease_epoch)
  SELECT $1::int, k, k, $2::bigint, n % 3, 3 + n % 3, $5::smallint, 'INV-' || n, 'inv-' || n,
         now() - interval '1 hour', CASE WHEN $5 > 0 THEN now() END, CASE WHEN $5 > 1 THEN now() END, ($5 > 0)::int
    FROM (SELECT n, uuidv7() AS k FROM generate_series($3::int, $4::int) n) g
  RETURNING id)
INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content) SELECT $1, made.id, $6::jsonb FROM made
"""
WAITING = "SELECT count(*) FROM orchestrator.queue_items WHERE tenant_id = $1 AND queue_id = $2 AND state = 0 AND NOT is_deferred"
# The newest StartJobs is the pattern: the same process, folder and robot, other keys, states and instants.
JOBS = """
INSERT INTO orchestrator.jobs (tenant_id, key, folder_id, process_id, process_key, process_name, package_id, package_version,
                               feed_id, state, batch_key, created_at, started_at, ended_at, updated_at)
SELECT t.tenant_id, gen_random_uuid(), t.folder_id, t.process_id, t.process_key, t.process_name, t.package_id,
       t.package_version, t.feed_id, CASE WHEN n % $3 = 0 THEN 4 ELSE 5 END, t.batch_key,
       now() - n * interval '1 second', now() - n * interval '1 second', now(), now()
  FROM (SELECT * FROM orchestrator.jobs WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1) t, generate_series(1, $2) n
"""
PEER = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
SELECT $1, 'complete', $4::jsonb FROM generate_series($2::int, $3::int)
"""
PEER_WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = $1 AND status = 'todo'"
QUIET = "ALTER TABLE procrastinate_jobs DISABLE TRIGGER USER"
LOUD = "ALTER TABLE procrastinate_jobs ENABLE TRIGGER USER"
VACUUMED = (
    "orchestrator.queue_items",
    "orchestrator.queue_item_contents",
    "orchestrator.queue_item_events",
    "kernel.outbox",
)
CHUNK = 50_000
NEW, FAILED, SUCCESSFUL = 0, 2, 3


async def add_items(url: str, tenant_id: int, queue_id: int, count: int, state: int = NEW) -> None:
    """Items of one state in a queue."""
    connection = await asyncpg.connect(url)
    try:
        for first in range(1, count + 1, CHUNK):
            last = min(first + CHUNK - 1, count)
            await connection.execute(ITEMS, tenant_id, queue_id, first, last, state, CONTENT)
    finally:
        await connection.close()


async def waiting(url: str, tenant_id: int, queue_id: int) -> int:
    """How many items of the queue may be taken now."""
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(WAITING, tenant_id, queue_id))
    finally:
        await connection.close()


async def add_jobs(url: str, tenant_id: int, count: int, one_faulted_in: int) -> None:
    """Ended jobs like the newest one, one in so many Faulted, the others Successful."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(JOBS, tenant_id, count, one_faulted_in, timeout=600)
        await connection.execute("VACUUM ANALYZE orchestrator.jobs", timeout=600)
    finally:
        await connection.close()


async def add_peer_jobs(url: str, queue: str, count: int) -> None:
    """Waiting jobs of procrastinate."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(QUIET)
        for first in range(1, count + 1, CHUNK):
            await connection.execute(PEER, queue, first, min(first + CHUNK - 1, count), CONTENT)
        await connection.execute(LOUD)
        await connection.execute("VACUUM ANALYZE procrastinate_jobs", timeout=600)
    finally:
        await connection.close()


async def settle(url: str) -> None:
    """What autovacuum does in time, before anything is measured."""
    connection = await asyncpg.connect(url)
    try:
        for table in VACUUMED:
            await connection.execute(f"VACUUM ANALYZE {table}", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()
