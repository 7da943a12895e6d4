"""Keeps a batch of log entries and what it tells of the jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from podium.kernel.db import Connection, Database
from podium.orchestrator.jobs import log_flags
from podium.orchestrator.logs import rules, store

MOST_ATTEMPTS = 3


class Logger(NamedTuple):
    """Who logs. `folders`: where it may; `every_job`: a robot may for every job of its tenant.

    `folder_id` is the folder named in the request, for entries that name neither a known job nor a folder.
    """

    tenant_id: int
    folders: Sequence[int]
    every_job: bool
    machine_id: int | None
    folder_id: int | None


async def keep(db: Database, who: Logger, entries: Sequence[rules.Entry], now: datetime) -> None:
    """Keep the entries, each once however often it comes.

    Two statements without a transaction: a batch whose second one failed comes again, and neither minds.
    """
    if not entries:
        return
    async with db.acquire() as connection:
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                await _add(connection, who, entries)
                break
            except asyncpg.CheckViolationError:
                # The partition of an entry's day was made while the entry was on its way into the default one.
                if attempt == MOST_ATTEMPTS:
                    raise
        if jobs := logged_jobs(entries):
            folders = None if who.every_job else who.folders
            await log_flags.note(connection, who.tenant_id, jobs, now, folders=folders)


async def _add(db: Connection, who: Logger, entries: Sequence[rules.Entry]) -> None:
    await store.add(
        db,
        who.tenant_id,
        entries,
        folders=who.folders,
        every_job=who.every_job,
        machine_id=who.machine_id,
        folder_id=who.folder_id,
    )


def logged_jobs(entries: Iterable[rules.Entry]) -> list[log_flags.Logged]:
    """The jobs named by the entries, each once."""
    worst: dict[UUID, tuple[bool, bool]] = {}
    for entry in entries:
        if entry.job_key is not None:
            errors, warnings = worst.get(entry.job_key, (False, False))
            worst[entry.job_key] = errors or entry.level >= rules.ERROR, warnings or entry.level == rules.WARN
    return [log_flags.Logged(key, *flags) for key, flags in worst.items()]
