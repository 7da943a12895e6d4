"""The embedded PostgreSQL: one cluster in one folder, ended by the server that uses it.

Layout of the folder (0700, of the account that runs PostgreSQL): `cluster/` (PGDATA), `postgres.log`, the Unix socket,
`owner.lock` (held while a server uses the folder; the kernel frees it when that server dies) and, for a path that is
too long for a socket, `socket_folder` (where the socket is instead).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]

from podium.kernel.postgres_programs import ProgramsMissing, closed_parent, reachable

ACCOUNTS = ("podium", "postgres", "nobody")
"""Whom PostgreSQL runs as when the server is root (it refuses root itself): the first of these that exists."""

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 103
"""The longest socket path that Linux (107) and macOS (103) both take."""

START_SECONDS = 300.0  # crash recovery replays up to max_wal_size of log
CONFLICT_SECONDS = 15.0  # processes of a killed postmaster notice its death and go
STOP_SECONDS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))
POLL_SECONDS = 0.005
LOG_BYTES = 10 * 1024 * 1024

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "jit": "off",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_cost_delay": "0",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}


class DatabaseStartError(Exception):
    """The embedded database cannot start; the message is one line for the person at the terminal."""


class _PidFile(NamedTuple):
    """What `postmaster.pid` says; `status` is empty while the postmaster is still writing it."""

    pid: int
    socket_folder: str
    status: str


class EmbeddedPostgres:
    """A PostgreSQL cluster in `folder`, started by this process or taken over from one that was killed.

    Every method blocks; one thread at a time may call them. A second server on the same folder is refused.
    """

    def __init__(self, folder: Path, *, max_connections: int = 60) -> None:
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - absolute, symbolic links as the operator wrote them
        self._cluster = self.folder / "cluster"
        self._log = self.folder / "postgres.log"
        self._max_connections = max_connections
        self._child: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """The DSN of the database `podium` over the socket; RuntimeError before `start`."""
        if self._url is None:
            raise RuntimeError("the embedded database was not started")
        return self._url

    @property
    def running(self) -> bool:
        """Whether a postmaster of this folder is alive, whoever started it."""
        return self._postmaster() is not None

    def start(self) -> str:
        """Start the cluster, making it when it is new, or take up the running one; the DSN once it answers.

        Raises DatabaseStartError with one line.
        """
        if sys.platform == "win32":
            raise DatabaseStartError("The embedded database needs Unix sockets: set PODIUM_DATABASE_URL on Windows.")
        try:
            self._prepare_folder()
            self._take_lock()
            try:
                self._make_cluster_when_new()
                self._check_version()
                socket_folder = self._ready_socket_folder()
            except BaseException:
                self.stop()
                raise
        except OSError as error:
            raise DatabaseStartError(f"The database folder {self.folder} cannot be used: {error}.") from error
        self._url = _dsn(socket_folder)
        return self._url

    def running_url(self) -> str | None:
        """The DSN of the database that another process keeps running in this folder; None when there is none."""
        named = self._pid_file()
        is_ready = named is not None and named.status == "ready" and self._postmaster() is not None
        return _dsn(named.socket_folder) if named is not None and is_ready else None

    def stop(self) -> None:
        """End the postmaster and wait for it: fast shutdown first, harder signals when that takes too long.

        Does nothing when this object holds no lock on the folder, so it cannot end another server's database.
        """
        if self._lock is None:
            return
        postmaster = self._postmaster()
        if postmaster is None and self._child is not None:
            postmaster = psutil.Process(self._child.pid)
        if postmaster is not None:
            for number, seconds in STOP_SECONDS:
                with contextlib.suppress(psutil.NoSuchProcess):
                    postmaster.send_signal(number)
                if self._gone_within(postmaster, seconds):
                    break
        self._drop_socket_folder()
        os.close(self._lock)
        self._lock = self._url = None

    @cached_property
    def _account(self) -> pwd.struct_passwd | None:
        """Whom PostgreSQL runs as when this process is root; None when it runs as ourselves."""
        if os.geteuid() != 0:
            return None
        owner = self._cluster.stat().st_uid if self._cluster.is_dir() else 0
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        found = [entry for entry in known.values() if owner and entry.pw_uid == owner]
        found += [known[name] for name in ACCOUNTS if name in known]
        if not found:
            raise DatabaseStartError(
                f"PostgreSQL does not run as root, and there is no account {' or '.join(ACCOUNTS)}."
            )
        return found[0]

    @cached_property
    def _programs(self) -> Path:
        try:
            return reachable(self.folder, self._account)
        except ProgramsMissing as error:
            raise DatabaseStartError(str(error)) from error

    @property
    def _process_options(self) -> dict[str, Any]:
        """How every PostgreSQL program runs; neither PG* variables nor the server's secrets reach its environment."""
        account = self._account
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
        return {"env": environment, "cwd": "/", "umask": 0o077} | (
            {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        )

    def _prepare_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = self._account
        if account:
            closed = closed_parent(self.folder, account)
            if closed:
                raise DatabaseStartError(
                    f"PostgreSQL runs as {account.pw_name}, which may not pass {closed} on the way to {self.folder}."
                )
        if not self._cluster.is_dir():
            ours = {"cluster.new", "owner.lock", "postgres.log", "postgres.log.1", "socket_folder"}
            found = {name for name in os.listdir(self.folder) if not name.startswith("programs")}  # noqa: PTH208
            foreign = sorted(found - ours)
            if foreign:
                raise DatabaseStartError(
                    f"The database folder {self.folder} holds no database but other files ({foreign[0]})."
                )
        self.folder.chmod(0o700)
        if account:
            self._give_to(account)

    def _give_to(self, account: pwd.struct_passwd) -> None:
        """Hand the folder to the account; a cluster that root copied here (a restored backup) with all its files."""
        if self._cluster.is_dir() and self._cluster.stat().st_uid != account.pw_uid:
            for parent, folders, files in os.walk(self._cluster):
                for name in (".", *folders, *files):
                    os.chown(Path(parent, name), account.pw_uid, account.pw_gid, follow_symlinks=False)
        os.chown(self.folder, account.pw_uid, account.pw_gid)

    def _take_lock(self) -> None:
        import fcntl

        if self._lock is not None:
            return
        lock = _open(self.folder / "owner.lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DatabaseStartError(f"The database folder {self.folder} is in use by another server.") from None
        self._lock = lock

    def _make_cluster_when_new(self) -> None:
        """Make the cluster aside and rename it, so that one that exists is whole and holds the database `podium`."""
        if self._cluster.is_dir():
            return
        fresh = self.folder / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        self._run("initdb", "-D", str(fresh), "-U", "podium", "--auth=trust", "--no-instructions", *locale)
        self._run("postgres", "--single", "-D", str(fresh), "postgres", given=b"CREATE DATABASE podium\n")
        fresh.rename(self._cluster)

    def _check_version(self) -> None:
        marker = self._cluster / "PG_VERSION"
        found = marker.read_text(encoding="ascii").strip() if marker.is_file() else "no"
        ours = self._run("postgres", "--version").split()[-1].split(".")[0]
        if found != ours:
            raise DatabaseStartError(
                f"The cluster in {self.folder} is of PostgreSQL {found}, the programs are of {ours}."
            )

    def _socket_folder(self) -> Path:
        """Where the socket of the next start goes: the folder itself, or one under the temp directory when too long."""
        known = self.folder if _fits(self.folder) else self._recorded_socket_folder()
        if known:
            return known
        made = Path(tempfile.mkdtemp(prefix="podium-"))
        if self._account:
            os.chown(made, self._account.pw_uid, self._account.pw_gid)
        with os.fdopen(_open(self.folder / "socket_folder", os.O_WRONLY | os.O_TRUNC), "w", encoding="utf-8") as file:
            file.write(str(made))
        return made

    def _recorded_socket_folder(self) -> Path | None:
        """The folder made by an earlier start; None when it is gone or somebody else's."""
        with contextlib.suppress(OSError):
            known = Path((self.folder / "socket_folder").read_text(encoding="utf-8"))
            found = known.lstat()
            owner = self._account.pw_uid if self._account else os.geteuid()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077:
                return known
        return None

    def _drop_socket_folder(self) -> None:
        made = self._recorded_socket_folder()
        if made:
            for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
                (made / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                made.rmdir()
            (self.folder / "socket_folder").unlink()

    def _postmaster(self) -> psutil.Process | None:
        """The live postmaster of this cluster; None for a pid that is gone, a zombie or some other program's."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        named = self._pid_file()
        if named is None:
            return None
        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process(named.pid)
            # a postmaster works in its data directory; a process that was given the pid later does not
            if _is_alive(process) and os.path.samefile(process.cwd(), self._cluster):  # noqa: PTH121
                return process
        return None

    def _pid_file(self) -> _PidFile | None:
        try:
            lines = (self._cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            lines += [""] * (8 - len(lines))
            return _PidFile(int(lines[0]), lines[4], lines[7].strip())
        except (FileNotFoundError, ValueError):
            return None

    def _ready_socket_folder(self) -> str:
        """Take up or start a postmaster until one is ready; the folder of its socket."""
        began = time.monotonic()
        log_at: int | None = None
        while time.monotonic() - began < START_SECONDS:
            postmaster = self._postmaster()
            named = self._pid_file()
            if postmaster and named and named.pid == postmaster.pid and named.status == "ready":
                return named.socket_folder
            if postmaster is None and self._child is None:
                if log_at is not None:
                    self._raise_unless_conflict(log_at, time.monotonic() - began)
                self._clear_stale_pid()
                log_at = self._launch()
            time.sleep(POLL_SECONDS)
        raise DatabaseStartError(f"PostgreSQL was not ready within {START_SECONDS:.0f} s, see {self._log}.")

    def _raise_unless_conflict(self, log_at: int, seconds: float) -> None:
        """Raise with the line on which PostgreSQL gave up, unless processes of a killed one are still about to go."""
        with self._log.open("rb") as file:
            file.seek(log_at)
            lines = [line.decode("utf-8", "replace").strip() for line in file if b"FATAL" in line or b"PANIC" in line]
        line = lines[-1] if lines else f"it ended without a word, see {self._log}"
        if seconds > CONFLICT_SECONDS or not ("shared memory block" in line or "lock file" in line):
            raise DatabaseStartError(f"PostgreSQL did not start in {self.folder}: {line}")
        time.sleep(0.1)

    def _launch(self) -> int:
        """Start a postmaster in a session of its own, as Ctrl-C is the server's to handle; where its log begins."""
        socket_folder = self._socket_folder()
        if self._log.is_file() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        log = _open(self._log, os.O_WRONLY | os.O_APPEND)
        try:
            if self._account:
                os.fchown(log, self._account.pw_uid, self._account.pw_gid)
            begins = os.fstat(log).st_size
            settings = SETTINGS | {"max_connections": str(self._max_connections)}
            settings["unix_socket_directories"] = f'"{socket_folder}"'
            arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            self._child = subprocess.Popen(  # noqa: S603 - our own arguments
                [str(self._programs / "postgres"), "-D", str(self._cluster), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._process_options,
            )
        finally:
            os.close(log)
        return begins

    def _clear_stale_pid(self) -> None:
        """Remove lock files whose pid lives on as a zombie or as another program: PostgreSQL would refuse to start.

        Processes that outlived their postmaster still guard the cluster: the folder's inode leads to its shared memory.
        """
        named = self._pid_file()
        if named is not None and psutil.pid_exists(named.pid):
            folders = {self.folder, Path(named.socket_folder or self.folder)}
            for path in (self._cluster / "postmaster.pid", *(folder / f"{SOCKET_NAME}.lock" for folder in folders)):
                path.unlink(missing_ok=True)

    def _gone_within(self, postmaster: psutil.Process, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._child is not None and self._child.poll() is not None:
                self._child = None
            if self._child is None and not _is_alive(postmaster):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _run(self, program: str, *arguments: str, given: bytes = b"") -> str:
        """The output of one run of a PostgreSQL program; DatabaseStartError with its line when it fails."""
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, input=given, capture_output=True, check=False, **self._process_options)  # noqa: S603
        if done.returncode:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines() or ["no message"]
            errors = [line for line in said if "error" in line.lower() or "FATAL" in line] or said
            raise DatabaseStartError(f"{program} failed in {self.folder}: {errors[0]}")
        output: bytes = done.stdout
        return output.decode("utf-8", "replace")


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _open(path: Path, flags: int) -> int:
    """A file of ours, made when missing; never through a symbolic link that the account may have put there."""
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _dsn(socket_folder: str) -> str:
    return f"postgresql:///podium?host={quote(socket_folder, safe='')}&port=5432&user=podium"


def _fits(folder: Path) -> bool:
    """Whether a socket in this folder has a path that the kernel and the list syntax of PostgreSQL and asyncpg take."""
    path = str(folder / SOCKET_NAME)
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES and not set(path) & set(',"\\\n')
