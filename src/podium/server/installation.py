"""The database of an installation, for commands that work beside its server or without it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from podium.kernel.config import Config, ConfigError, resource
from podium.kernel.db import Database, connect
from podium.kernel.embedded_postgres import DatabaseStartError, EmbeddedPostgres
from podium.kernel.errors import Unavailable
from podium.kernel.migrate import MigrationError, state

T = TypeVar("T")


class CommandError(Exception):
    """Why a command did not do what it was asked: one line for the operator."""


def say(line: str) -> None:
    """A line for the person at the terminal, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def database_of(config: Config) -> Iterator[str]:
    """The DSN of the installation's database: the configured one, else the running embedded one, else it is started.

    Raises CommandError.
    """
    if config.database_url is not None:
        yield config.database_url
        return
    folder = config.data_dir / "postgres"
    if not folder.is_dir():
        raise CommandError(f"there is no installation in {config.data_dir}: name it with --data-dir")
    embedded = EmbeddedPostgres(folder)
    try:
        running = embedded.running_url()
        url = running or embedded.start()
    except DatabaseStartError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"the database folder {folder} cannot be read: {error.strerror}") from error
    try:
        yield url
    finally:
        if running is None:
            embedded.stop()


def with_database(config: Config, work: Callable[[Database], Awaitable[T]]) -> T:
    """What `work` makes of the installation's database, whose schema must be that of this version.

    Raises CommandError, and what `work` raises.
    """

    async def run(url: str) -> T:
        connection = await connect(url)
        try:
            pending = [one.name for one in await state(connection, resource("migrations")) if one.applied_at is None]
        finally:
            await connection.close()
        if pending:
            raise CommandError("the database is of an older version: start the server once, then try again")
        db = await Database.open(url, size=2, statement_timeout_ms=0)
        try:
            return await work(db)
        finally:
            await db.close()

    try:
        with database_of(config) as url:
            return asyncio.run(run(url))
    except Unavailable as error:
        raise CommandError(f"the database does not answer: {error.message}") from error
    except (MigrationError, ConfigError) as error:
        raise CommandError(f"the database cannot be used: {error}") from error
