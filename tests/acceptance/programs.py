"""A server and robots as programs of their own, on real ports and folders, and the Web API read beside the clients."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
Row = dict[str, Any]

ODATA = "UiPath.Server.Configuration.OData."
PASSWORD = "acceptance-password"
FINAL = ("Successful", "Faulted", "Stopped")
PORTS = range(20_000, 32_000)
READY_S = 60.0
STOP_S = 30.0
LOOK_S = 0.1


class Program:
    """A running program whose output goes to a file."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self.log = log
        self._name = Path(command[0]).name + " " + " ".join(command[1:4])
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """Everything that it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def check_alive(self) -> None:
        """Fails with the program's last words when it has ended."""
        status = self._process.poll()
        assert status is None, f"{self._name} ended with {status}:\n{self.said[-4000:]}"

    def end(self) -> int:
        """Its exit status after SIGTERM; after 30 s everything that it started is killed and the test fails."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise AssertionError(f"{self._name} did not end by SIGTERM:\n{self.said[-4000:]}") from None


def until(condition: Callable[[], T], what: str, *, seconds: float, programs: Sequence[Program] = ()) -> T:
    """The condition's value as soon as it is true; fails when the time has passed or one of the programs ended."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        for program in programs:
            program.check_alive()
        logs = "".join(f"\n--- {program.log.name}\n{program.said[-3000:]}" for program in programs)
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s{logs}"
        time.sleep(LOOK_S)
    return value


def free_port() -> int:
    """A port that nobody listens on, below those that systems give to outgoing connections."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@contextmanager
def open_folder(name: str) -> Iterator[Path]:
    """A folder that other accounts may pass through: as root, PostgreSQL runs as one of them. Removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"podium-{name}-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A server of these tests, and its Web API as the administrator sees it."""

    def __init__(self, url: str, program: Program) -> None:
        self.url = url
        self.program = program
        self.tenant_url = f"{url}/default/default"
        self.api = httpx.Client(base_url=f"{self.tenant_url}/orchestrator_", timeout=30, trust_env=False)

    def sign_in(self) -> str:
        """The administrator's token, used for the calls that follow."""
        body = {"tenancyName": "default", "usernameOrEmailAddress": "admin", "password": PASSWORD}
        token: str = self.call("POST", "/api/Account/Authenticate", json=body)["result"]
        self.api.headers["Authorization"] = f"Bearer {token}"
        return token

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded answer of a call that must succeed."""
        answer = self.api.request(method, path, **options)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def rows(self, path: str, **query: str) -> list[Row]:
        """The rows of a list."""
        found: list[Row] = self.call("GET", path, params={f"${name}": value for name, value in query.items()})["value"]
        return found

    def newest_job(self, process: str) -> Row:
        """The job that was started last."""
        return self.rows("/odata/Jobs", filter=f"ReleaseName eq '{process}'", orderby="Id desc", top="1")[0]

    def job(self, key: str) -> Row:
        """A job with everything that belongs to it."""
        found: Row = self.call("GET", f"/odata/Jobs/{ODATA}GetByKey(identifier={key})")
        return found

    def wait_for(self, key: str, *states: str, robot: Program, seconds: float = 180) -> Row:
        """The job as soon as it is in one of the states, or has ended."""

        def reached() -> Row | None:
            job = self.job(key)
            return job if job["State"] in {*states, *FINAL} else None

        programs = (self.program, robot)
        job = until(reached, f"job {key} {' or '.join(states)}", seconds=seconds, programs=programs)
        assert job is not None
        return job

    def messages(self, job: Row) -> list[str]:
        """The texts of the job's log, oldest first."""
        rows = self.rows("/odata/RobotLogs", filter=f"JobKey eq {job['Key']}", orderby="TimeStamp asc,Id asc")
        return [row["Message"] for row in rows]


@contextmanager
def running_server(environment: Mapping[str, str], *options: str) -> Iterator[Server]:
    """`python -m podium.server up` on a new data folder and a free port; it must end by SIGTERM with status 0."""
    port = free_port()
    with open_folder("server") as folder:
        data = folder / "data"
        command = [sys.executable, "-m", "podium.server", "up", "--port", str(port), "--data-dir", str(data), *options]
        program = Program(command, {**environment, "PODIUM_ADMIN_PASSWORD": PASSWORD}, folder, folder / "server.log")
        server = Server(f"http://127.0.0.1:{port}", program)
        try:
            until(lambda: is_ready(server.url), "the server is ready", seconds=READY_S, programs=[program])
            server.sign_in()
            yield server
        finally:
            server.api.close()
            status = program.end()
        assert status == 0, program.said[-4000:]


def is_ready(url: str) -> bool:
    """Whether the server at the address and its database answer."""
    try:
        return httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running(name: str, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Program]:
    """A robot at home in a folder of its own, ended by SIGTERM."""
    with open_folder(name) as folder:
        program = Program(command, {**environment, "HOME": str(folder)}, folder, folder / f"{name}.log")
        try:
            yield program
        finally:
            program.end()
