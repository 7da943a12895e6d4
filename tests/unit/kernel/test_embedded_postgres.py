from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import pytest

from podium.kernel.db import Database, connect
from podium.kernel.embedded_postgres import DatabaseStartError, EmbeddedPostgres
from podium.kernel.errors import NotFound, Unavailable

KILLED_SERVER = """
import os, signal, sys
from pathlib import Path
from podium.kernel.embedded_postgres import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1])).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def made(cluster: EmbeddedPostgres) -> Iterator[Path]:
    """A stopped cluster to copy, so that only one test waits for initdb."""
    folder = cluster.folder.parent / "made"
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    postgres.stop()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def postgres(open_folder: Path, made: Path) -> Iterator[EmbeddedPostgres]:
    copy = open_folder / "postgres"
    shutil.copytree(made, copy)
    embedded = EmbeddedPostgres(copy)
    yield embedded
    embedded.stop()


def postmaster_pid(postgres: EmbeddedPostgres) -> int:
    return int((postgres.folder / "cluster" / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def asked(url: str, question: str) -> object:
    async def ask() -> object:
        connection = await connect(url)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_a_new_cluster_is_utf8_and_listens_only_on_its_socket(cluster: EmbeddedPostgres) -> None:
    assert asked(cluster.url, "SELECT current_database() || ' ' || current_user") == "podium podium"
    assert asked(cluster.url, "SHOW server_encoding") == "UTF8"
    assert asked(cluster.url, "SHOW listen_addresses") == ""
    assert asked(cluster.url, "SELECT lower('ÄÖ')") == "äö"
    assert cluster.folder.stat().st_mode & 0o777 == 0o700
    assert cluster.running


def test_a_clean_stop_ends_the_postmaster_and_the_next_start_keeps_the_rows(postgres: EmbeddedPostgres) -> None:
    asked(postgres.start(), "CREATE TABLE kept AS SELECT 7 AS n")
    pid = postmaster_pid(postgres)
    postgres.stop()
    assert not psutil.pid_exists(pid)
    assert not postgres.running
    postgres.stop()
    assert asked(postgres.start(), "SELECT n FROM kept") == 7


def test_the_postmaster_has_a_session_of_its_own(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    assert os.getsid(postmaster_pid(postgres)) != os.getsid(0)


def test_starting_twice_is_starting_once(postgres: EmbeddedPostgres) -> None:
    url = postgres.start()
    pid = postmaster_pid(postgres)
    assert (postgres.start(), postmaster_pid(postgres)) == (url, pid)


def test_a_command_beside_the_server_finds_its_database_and_leaves_it_alone(postgres: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(postgres.folder)
    assert other.running_url() is None
    url = postgres.start()
    assert other.running_url() == url
    assert asked(url, "SELECT 1") == 1
    other.stop()
    assert postgres.running


def test_the_next_server_takes_up_the_postmaster_of_a_killed_one_and_ends_it(postgres: EmbeddedPostgres) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_SERVER, str(postgres.folder)])
    assert killed.returncode == -signal.SIGKILL
    pid = postmaster_pid(postgres)
    assert is_alive(pid)
    assert asked(postgres.start(), "SELECT 1") == 1
    assert postmaster_pid(postgres) == pid
    postgres.stop()
    assert not is_alive(pid)


def test_a_killed_postmaster_is_recovered(postgres: EmbeddedPostgres) -> None:
    asked(postgres.start(), "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(postmaster_pid(postgres), signal.SIGKILL)
    wait_for(lambda: not postgres.running)
    assert asked(postgres.start(), "SELECT n FROM kept") == 7


def test_a_stale_pid_of_another_program_is_seen_through(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.stop()
    pid_file = postgres.folder / "cluster" / "postmaster.pid"
    # PostgreSQL itself takes a pid of its own account for a live postmaster
    owner = postgres.folder.stat()
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid) as other:
        try:
            lines = [str(other.pid), str(pid_file.parent), "1", "5432", str(postgres.folder), "", "1 1", "ready"]
            pid_file.write_text("\n".join(lines) + "\n")
            shutil.chown(pid_file, owner.st_uid)
            assert not postgres.running
            assert asked(postgres.start(), "SELECT 1") == 1
            postgres.stop()
            assert other.poll() is None
        finally:
            other.kill()


def test_a_zombie_is_not_a_running_postmaster(postgres: EmbeddedPostgres) -> None:
    owner = postgres.folder.stat()
    postgres.start()
    postgres.stop()
    with subprocess.Popen(["true"], user=owner.st_uid) as zombie:
        wait_for(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
        pid_file = postgres.folder / "cluster" / "postmaster.pid"
        pid_file.write_text(f"{zombie.pid}\n{pid_file.parent}\n1\n5432\n{postgres.folder}\n\n1 1\nready\n")
        shutil.chown(pid_file, owner.st_uid)
        assert asked(postgres.start(), "SELECT 1") == 1


def test_a_folder_of_another_server_is_refused_and_left_running(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    second = EmbeddedPostgres(postgres.folder)
    with pytest.raises(DatabaseStartError, match="in use by another server"):
        second.start()
    second.stop()
    assert postgres.running


def test_another_version_is_refused_in_one_line(postgres: EmbeddedPostgres) -> None:
    (postgres.folder / "cluster" / "PG_VERSION").write_text("15\n")
    with pytest.raises(DatabaseStartError, match=r"is of PostgreSQL 15, the programs are of \d\d\.$") as refused:
        postgres.start()
    assert "\n" not in str(refused.value)
    assert not postgres.running


def test_a_damaged_cluster_is_refused_with_the_line_of_postgresql(postgres: EmbeddedPostgres) -> None:
    (postgres.folder / "cluster" / "pg_hba.conf").unlink()
    with pytest.raises(DatabaseStartError, match=r"did not start in .*pg_hba\.conf") as refused:
        postgres.start()
    assert "\n" not in str(refused.value)
    assert not postgres.running


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(open_folder: Path) -> None:
    (open_folder / "file").touch()
    with pytest.raises(DatabaseStartError, match="cannot be used") as refused:
        EmbeddedPostgres(open_folder / "file" / "postgres").start()
    assert "\n" not in str(refused.value)


def test_a_closed_folder_above_is_named(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    with pytest.raises(DatabaseStartError, match="closed"):
        EmbeddedPostgres(closed / "postgres").start()
    assert closed.stat().st_mode & 0o777 == 0o500


def test_a_folder_with_other_files_is_left_alone(open_folder: Path) -> None:
    open_folder.joinpath("letter.txt").touch()
    with pytest.raises(DatabaseStartError, match=r"letter\.txt"):
        EmbeddedPostgres(open_folder).start()
    assert open_folder.stat().st_mode & 0o777 == 0o711


def test_a_path_too_long_for_a_socket_uses_the_temp_folder(open_folder: Path, made: Path) -> None:
    copy = open_folder / ("long" * 25) / "postgres"
    shutil.copytree(made, copy)
    postgres = EmbeddedPostgres(copy)
    try:
        assert asked(postgres.start(), "SELECT 1") == 1
        sockets = Path((copy / "socket_folder").read_text())
        assert sockets.stat().st_mode & 0o777 == 0o700
        os.kill(postmaster_pid(postgres), signal.SIGKILL)
        wait_for(lambda: not postgres.running)
        assert asked(postgres.start(), "SELECT 1") == 1
        assert Path((copy / "socket_folder").read_text()) == sockets
    finally:
        postgres.stop()
    assert not sockets.exists()


class TestDatabase:
    async def test_a_lost_connection_is_unavailable_and_the_pool_recovers(self, postgres: EmbeddedPostgres) -> None:
        database = await Database.open(postgres.start(), size=2)

        async def asked_while_it_dies() -> None:
            async with database.acquire() as connection:
                os.kill(postmaster_pid(postgres), signal.SIGKILL)
                await connection.fetchval("SELECT pg_sleep(20)")

        with pytest.raises(Unavailable):
            await asked_while_it_dies()
        with pytest.raises(Unavailable):
            await database.transaction().__aenter__()
        wait_for(lambda: not postgres.running)
        postgres.start()
        async with database.transaction() as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await database.close()

    async def test_no_database_is_unavailable(self, open_folder: Path) -> None:
        with pytest.raises(Unavailable):
            await Database.open(f"postgresql:///podium?host={open_folder}")

    async def test_a_statement_over_its_time_is_unavailable(self, database_url: str) -> None:
        database = await Database.open(database_url, statement_timeout_ms=20)
        with pytest.raises(Unavailable, match="too long"):
            async with database.acquire() as connection:
                await connection.execute("SELECT pg_sleep(20)")
        await database.close()

    async def test_other_errors_pass_and_roll_back(self, database: Database) -> None:
        async with database.acquire() as connection:
            await connection.execute("CREATE TABLE things (n int PRIMARY KEY)")

        async def changed_and_refused() -> None:
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO things VALUES (1)")
                raise NotFound("gone")

        with pytest.raises(NotFound):
            await changed_and_refused()
        with pytest.raises(FileNotFoundError):
            async with database.acquire():
                raise FileNotFoundError("a file, not the database")
        with pytest.raises(asyncpg.UniqueViolationError):
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO things VALUES (1), (1)")
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO things VALUES (2)")
        async with database.acquire() as connection:
            assert [row["n"] for row in await connection.fetch("SELECT n FROM things")] == [2]

    async def test_a_release_makes_no_round_trip(self, database: Database) -> None:
        async with database.acquire() as connection:
            before = await connection.fetchval("SELECT pg_backend_pid()")
            await connection.execute("SET application_name = 'left'")
        async with database.acquire() as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") == before
            assert await connection.fetchval("SHOW application_name") == "left"

    async def test_a_cancelled_call_gives_its_connection_back(self, database_url: str) -> None:
        database = await Database.open(database_url, size=1)

        async def slow() -> None:
            async with database.transaction() as connection:
                await connection.execute("SELECT pg_sleep(20)")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(), 0.1)
        async with database.transaction() as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await database.close()
