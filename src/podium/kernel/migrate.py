"""The schema: numbered SQL files, each applied once, in order, by whichever node starts first."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from podium.kernel.db import Connection, connect, translated

FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
NO_TRANSACTION = "-- podium: no-transaction"
"""First line of a file whose statements run one by one in autocommit. When one fails, those before it stay: such files
are written to be repeatable (IF NOT EXISTS)."""

LOCK_KEY = 0x706F_6469_756D  # "podium"
LOCK_POLL_SECONDS = 0.1

# Tried, not waited for: a waiting pg_advisory_lock holds a snapshot, on which the working node's CREATE INDEX
# CONCURRENTLY would wait in turn.
TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
UNLOCK = "SELECT pg_advisory_unlock($1)"
CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS public.podium_migrations (
  number int PRIMARY KEY,
  name text NOT NULL,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp())
"""
HAS_TABLE = "SELECT to_regclass('public.podium_migrations') IS NOT NULL"
APPLIED = "SELECT number, name, sha256, applied_at FROM public.podium_migrations ORDER BY number"
RECORD = "INSERT INTO public.podium_migrations (number, name, sha256) VALUES ($1, $2, $3)"


class MigrationError(Exception):
    """The schema and the files do not fit together, or a file failed; the message is one line."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file; `applied_at` is None while it is pending."""

    number: int
    name: str
    applied_at: datetime | None


@dataclass(frozen=True, slots=True)
class _File:
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(where: str | Connection, folder: Path) -> list[str]:
    """Apply the pending files of `folder` to a URL or an open connection; the names applied now, in order.

    Each file is one transaction. Any number of nodes may call this at once: one works, the others wait and find nothing
    to do. Raises MigrationError for a changed, failing or missing file and for a database ahead of the files.
    """
    files = _read(folder)
    async with _connected(where) as connection:
        while not await connection.fetchval(TRY_LOCK, LOCK_KEY):  # noqa: ASYNC110 - the holder is another process
            await asyncio.sleep(LOCK_POLL_SECONDS)
        try:
            await connection.execute(CREATE_TABLE)
            pending = _pending(files, await connection.fetch(APPLIED))
            for file in pending:
                await _apply(connection, file)
        finally:
            if not connection.is_closed():
                await connection.execute("RESET search_path")
                await connection.fetchval(UNLOCK, LOCK_KEY)
    return [file.name for file in pending]


async def state(where: str | Connection, folder: Path) -> list[Migration]:
    """Every file of `folder` in order, with the instant it was applied; changes nothing. Raises as `migrate` does."""
    files = _read(folder)
    async with _connected(where) as connection:
        applied = await connection.fetch(APPLIED) if await connection.fetchval(HAS_TABLE) else []
    _pending(files, applied)
    instants = {row["number"]: row["applied_at"] for row in applied}
    return [Migration(file.number, file.name, instants.get(file.number)) for file in files]


@asynccontextmanager
async def _connected(where: str | Connection) -> AsyncIterator[Connection]:
    with translated():
        if not isinstance(where, str):
            yield where
            return
        connection = await connect(where)
        try:
            yield connection
        finally:
            await connection.close()


def _read(folder: Path) -> list[_File]:
    files: dict[int, _File] = {}
    for path in sorted(folder.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"The migration {path.name} is not named NNNN_name.sql.")
        number = int(match[1])
        if number in files:
            raise MigrationError(f"The migrations {files[number].name} and {path.name} have the same number.")
        # read as text: line ends differ between checkouts of the same file and must not change its checksum
        files[number] = _File(number, path.name, path.read_text(encoding="utf-8"))
    return list(files.values())


def _pending(files: list[_File], applied: list[asyncpg.Record]) -> list[_File]:
    known = {file.number: file for file in files}
    newest = files[-1].number if files else 0
    for row in applied:
        file = known.get(row["number"])
        if file is None and row["number"] > newest:
            raise MigrationError(
                f"The database is at migration {row['name']}, this server knows up to {newest:04}:"
                " start the version that wrote it, or a newer one."
            )
        if file is None:
            raise MigrationError(f"The applied migration {row['name']} is missing from the files.")
        if file.sha256 != row["sha256"]:
            raise MigrationError(f"The migration {file.name} was changed after it was applied to this database.")
    done = {row["number"] for row in applied}
    last = max(done, default=0)
    pending = [file for file in files if file.number not in done]
    if pending and pending[0].number < last:
        raise MigrationError(f"The migration {pending[0].name} comes before {last:04}, which is applied already.")
    return pending


async def _apply(connection: Connection, file: _File) -> None:
    try:
        if file.sql.partition("\n")[0].strip() == NO_TRANSACTION:
            for statement in statements(file.sql):
                await connection.execute(statement)
            await connection.execute(RECORD, file.number, file.name, file.sha256)
            return
        async with connection.transaction():
            await connection.execute(file.sql)
            if not connection.is_in_transaction():
                raise MigrationError(f"The migration {file.name} ends its own transaction.")
            await connection.execute("RESET search_path")
            await connection.execute(RECORD, file.number, file.name, file.sha256)
    except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
        raise
    except asyncpg.PostgresError as error:
        raise MigrationError(f"The migration {file.name} failed{_place(file, error)}: {error}") from error


def _place(file: _File, error: asyncpg.PostgresError) -> str:
    """The line of the file that PostgreSQL points at; statements that ran alone have no line in the file."""
    position = getattr(error, "position", None)
    if not position or file.sql.startswith(NO_TRANSACTION):
        return ""
    return f" in line {file.sql.count(chr(10), 0, int(position) - 1) + 1}"


TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* )
    | (?P<block> /\* )
    | (?P<escaped> (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' )
    | (?P<text> '(?:[^']|'')*' )
    | (?P<name> "(?:[^"]|"")*" )
    | (?P<dollar> (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
    | (?P<end> ; )
    """,
    re.VERBOSE | re.DOTALL,
)


def statements(sql: str) -> list[str]:
    """The statements of a script, without the semicolons; those in quotes, dollar quotes and comments do not separate.

    Pieces that hold only comments are left out. `BEGIN ATOMIC` bodies are not understood: use dollar quotes.
    """
    found: list[str] = []
    begin = at = 0
    has_words = False
    while True:
        match = TOKEN.search(sql, at)
        until = match.start() if match else len(sql)
        has_words = has_words or bool(sql[at:until].strip())
        if match is not None and match["comment"] is None and match["block"] is None and match["end"] is None:
            has_words = True
        if match is None or match["end"]:
            if has_words:
                found.append(sql[begin:until].strip())
            if match is None:
                return found
            begin, has_words = match.end(), False
        at = _after_comment(sql, match.end()) if match["block"] else match.end()


def _after_comment(sql: str, at: int) -> int:
    """Where a block comment that was opened before `at` ends; they nest."""
    depth = 1
    for match in re.compile(r"/\*|\*/").finditer(sql, at):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(sql)
