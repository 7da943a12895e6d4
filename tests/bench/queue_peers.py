"""Queues without us: PostgreSQL writing the same rows, driven by pgbench, and procrastinate in this process."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import procrastinate
from procrastinate.jobs import Job, Status

from podium.kernel.postgres_programs import installed
from tests.bench.backlog import CONTENT
from tests.bench.load import Tally

RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
# The rows of one AddQueueItem: item, content, event, outbox.
RAW_ADD = """
WITH item AS (
  INSERT INTO orchestrator.queue_items (tenant_id, key, unique_key, queue_id, priority, rank, created_at, created_by)
  VALUES (1, uuidv7(), uuidv7(), :queue, 1, 4, now(), 1) RETURNING id
), content AS (
  INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content) SELECT 1, id, '{content}' FROM item
), event AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, user_id, created_at)
  SELECT 1, id, 0, 0, 1, now() FROM item
)
INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
SELECT 1, gen_random_uuid(), 'queueItem.added', 1, 1, now(),
       jsonb_build_object('QueueItem', jsonb_build_object('Id', id, 'SpecificContent', '{content}'::jsonb)) FROM item;
"""
# The rows of StartTransaction and of SetTransactionResult, a commit each.
RAW_WORK = """
WITH picked AS (
  SELECT id FROM orchestrator.queue_items WHERE tenant_id = 1 AND queue_id = :queue AND state = 0 AND NOT is_deferred
   ORDER BY rank, due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE orchestrator.queue_items t SET state = 1, started_at = now(), lease_holder = 'worker',
         lease_epoch = lease_epoch + 1, row_version = row_version + 1
    FROM picked WHERE t.tenant_id = 1 AND t.id = picked.id RETURNING t.id
), event AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, user_id, created_at)
  SELECT 1, id, 3, 1, 1, now() FROM taken
), told AS (
  INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
  SELECT 1, gen_random_uuid(), 'queueItem.transactionStarted', 1, 1, now(),
         jsonb_build_object('QueueItem', jsonb_build_object('Id', taken.id, 'SpecificContent', c.content))
    FROM taken JOIN orchestrator.queue_item_contents c ON c.tenant_id = 1 AND c.item_id = taken.id
)
SELECT taken.id AS item, c.content AS content
  FROM taken JOIN orchestrator.queue_item_contents c ON c.tenant_id = 1 AND c.item_id = taken.id \\gset
WITH ended AS (
  UPDATE orchestrator.queue_items t SET state = 3, ended_at = now(), output = '{"ok": true}', row_version = row_version + 1
   WHERE t.tenant_id = 1 AND t.id = :item AND t.state = 1 RETURNING t.id
), event AS (
  INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, user_id, created_at)
  SELECT 1, id, 3, 3, 1, now() FROM ended
)
INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
SELECT 1, gen_random_uuid(), 'queueItem.transactionCompleted', 1, 1, now(),
       jsonb_build_object('QueueItem', jsonb_build_object('Id', ended.id, 'SpecificContent', c.content))
  FROM ended JOIN orchestrator.queue_item_contents c ON c.tenant_id = 1 AND c.item_id = ended.id;
"""


class Pgbench:
    """Scripts run by eight clients of pgbench; a pair of statements is one transaction of a script."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._add, self._work = folder / "add.sql", folder / "work.sql"
        self._add.write_text(RAW_ADD.replace("{content}", CONTENT), encoding="utf-8")
        self._work.write_text(RAW_WORK, encoding="utf-8")

    async def adds(self, queue: int, callers: int, seconds: float) -> float:
        """Items added per second."""
        return await self._rate(self._add, queue, callers, seconds)

    async def pairs(self, queue: int, callers: int, seconds: float) -> float:
        """Items taken and completed per second."""
        return await self._rate(self._work, queue, callers, seconds)

    async def _rate(self, script: Path, queue: int, callers: int, seconds: float) -> float:
        options = ["-n", "-M", "prepared", "-c", str(callers), "-j", "1", "-T", str(max(1, round(seconds)))]
        process = await asyncio.create_subprocess_exec(
            str(installed() / "pgbench"),
            *options,
            *("-D", f"queue={queue}", "-f", str(script), self._url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        found = RATE.search(output.decode())
        if process.returncode or found is None:
            raise RuntimeError(f"pgbench ended with {process.returncode}: {output.decode()[-2000:]}")
        return float(found[1])


class Procrastinate:
    """The library, called in this process, with one connection for each caller."""

    def __init__(self, url: str, callers: int) -> None:
        self._connector = procrastinate.PsycopgConnector(conninfo=url, min_size=callers, max_size=callers)
        self._app = procrastinate.App(connector=self._connector)
        self._callers = callers
        self._worker = 0

    async def __aenter__(self) -> Self:
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()
        self._worker = await self._app.job_manager.register_worker()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._app.close_async()

    async def adds(self, queue: str, seconds: float) -> Tally:
        """Callers that defer one job per call."""

        async def add() -> None:
            job = Job(
                id=None,
                queue=queue,
                lock=None,
                queueing_lock=None,
                task_name="complete",
                task_kwargs={"content": CONTENT},
            )
            await self._app.job_manager.defer_job_async(job)

        return await self._loop(add, seconds)

    async def pairs(self, queue: str, seconds: float) -> Tally:
        """Callers that fetch a job and finish it."""

        async def work() -> None:
            job = await self._app.job_manager.fetch_job(queues=[queue], worker_id=self._worker)
            if job is None:
                raise RuntimeError("the queue of procrastinate has run dry")
            await self._app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=False)

        return await self._loop(work, seconds)

    async def _loop(self, act: Callable[[], Awaitable[None]], seconds: float) -> Tally:
        tally = Tally()

        async def call() -> None:
            while (sent := time.perf_counter()) < until:
                await act()
                tally.answered += 1
                tally.latencies.append(time.perf_counter() - sent)

        began = time.perf_counter()
        until = began + seconds
        await asyncio.gather(*(call() for _ in range(self._callers)))
        tally.seconds = time.perf_counter() - began
        tally.latencies.sort()
        return tally
