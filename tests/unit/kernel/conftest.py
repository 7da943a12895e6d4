"""One embedded cluster per worker; a fresh database for every test that asks for one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from podium.kernel.db import Database, connect
from podium.kernel.embedded_postgres import EmbeddedPostgres

_NUMBERS = count(1)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every account may pass; pytest's own are closed, and as root PostgreSQL runs as another."""
    folder = Path(tempfile.mkdtemp(prefix="podium-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="podium-test-"))
    folder.chmod(0o711)
    postgres = EmbeddedPostgres(folder / "postgres")
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        shutil.rmtree(folder)


@pytest.fixture
async def database_url(cluster: EmbeddedPostgres) -> AsyncIterator[str]:
    """The DSN of an empty database of this test."""
    name = f"test_{next(_NUMBERS)}"
    connection = await connect(cluster.url)
    try:
        await connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        yield cluster.url.replace("/podium?", f"/{name}?")
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await Database.open(database_url, size=8)
    yield opened
    await opened.close()
