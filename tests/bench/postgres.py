"""PostgreSQL without us: the rows of one StartJobs written by bare asyncpg, and the rate of plain commits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import asyncpg

from podium.kernel.config import resource
from podium.kernel.db import Connection
from podium.kernel.migrate import migrate
from tests.bench.load import MOST_REQUESTS, Tally

TABLES = ("orchestrator.jobs", "kernel.audit", "kernel.outbox")
COLUMNS = """
SELECT column_name FROM information_schema.columns
 WHERE table_schema = split_part($1, '.', 1) AND table_name = split_part($1, '.', 2) AND is_identity = 'NO'
 ORDER BY ordinal_position
"""
NEWEST = {
    "orchestrator.jobs": "SELECT * FROM orchestrator.jobs ORDER BY id DESC LIMIT 1",
    "kernel.audit": "SELECT * FROM kernel.audit WHERE operation = 'Jobs_StartJobs' ORDER BY id DESC LIMIT 1",
    "kernel.outbox": "SELECT * FROM kernel.outbox WHERE type = 'job.created' ORDER BY id DESC LIMIT 1",
}
PLAIN_TABLE = "CREATE TABLE IF NOT EXISTS bench_commits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)"
PLAIN = "INSERT INTO bench_commits (note) VALUES ($1)"


class Rows:
    """The rows that one StartJobs wrote, ready to be written again elsewhere in one statement and one commit."""

    def __init__(self, statement: str, values: Sequence[Any], key_at: Sequence[int]) -> None:
        self.statement = statement
        self._values = list(values)
        self._key_at = key_at

    def values(self) -> list[Any]:
        """The parameters, with keys of their own."""
        for position in self._key_at:
            self._values[position] = uuid4()
        return self._values


async def rows_of_a_start(url: str) -> Rows:
    """Read what the newest StartJobs left in the three tables."""
    connection = await asyncpg.connect(url)
    try:
        parts: list[str] = []
        values: list[Any] = []
        key_at: list[int] = []
        for table in TABLES:
            names = [row["column_name"] for row in await connection.fetch(COLUMNS, table)]
            row = await connection.fetchrow(NEWEST[table])
            assert row is not None, f"no StartJobs has left a row in {table}"
            places = []
            for name in names:
                if name in ("key", "event_id"):
                    key_at.append(len(values))
                values.append(row[name])
                places.append(f"${len(values)}")
            parts.append(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(places)})")
        statement = f"WITH job AS ({parts[0]}), audit AS ({parts[1]}) {parts[2]}"
    finally:
        await connection.close()
    return Rows(statement, values, key_at)


async def new_database(url: str, name: str) -> str:
    """A further database of the same cluster with the product's schema; its URL."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    made = url.replace("///podium?", f"///{name}?", 1)
    await migrate(made, resource("migrations"))
    connection = await asyncpg.connect(made)
    try:
        await connection.execute(PLAIN_TABLE)
    finally:
        await connection.close()
    return made


async def write_rows(url: str, rows: Rows, callers: int, seconds: float) -> Tally:
    """Callers that write the rows, one commit each, again and again."""

    async def write(connection: Connection) -> None:
        await connection.execute(rows.statement, *rows.values())

    return await _loop(url, write, callers, seconds)


async def commit(url: str, callers: int, seconds: float) -> Tally:
    """Callers that commit one short row each, again and again."""

    async def write(connection: Connection) -> None:
        await connection.execute(PLAIN, "x")

    return await _loop(url, write, callers, seconds)


async def _loop(url: str, write: Any, callers: int, seconds: float) -> Tally:
    tally = Tally()
    links = [await asyncpg.connect(url) for _ in range(callers)]

    async def call(link: Connection) -> None:
        for _ in range(MOST_REQUESTS // callers):
            sent = time.perf_counter()
            if sent >= until:
                return
            await write(link)
            tally.answered += 1
            tally.latencies.append(time.perf_counter() - sent)

    began = time.perf_counter()
    until = began + seconds
    try:
        await asyncio.gather(*map(call, links))
    finally:
        for link in links:
            await link.close()
    tally.seconds = time.perf_counter() - began
    tally.latencies.sort()
    return tally
