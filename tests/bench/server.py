"""Server processes under measurement: started on a core of their own, watched, ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import HOST

ROOT = Path(__file__).resolve().parents[2]
PYTHON: tuple[str, ...] = (sys.executable,)
SERVER_CORE, LOAD_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")
READY_S = 60.0
LOOK_S = 0.005


class NotReady(Exception):
    """The server ended or did not become ready; the message holds the end of what it wrote."""


@dataclass(slots=True)
class Server:
    """A running server process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    def cpu_s(self) -> float:
        """Seconds of CPU, user and system, since its start."""
        return cpu_s(self.process.pid)

    def wait_until_ready(self, limit_s: float = READY_S) -> float:
        """Seconds until /readyz answered 200. Raises NotReady."""
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if self.process.poll() is not None:
                break
            if is_ready(self.port):
                return time.monotonic() - began
            time.sleep(LOOK_S)
        raise NotReady(f"The server on port {self.port} is not ready:\n{self.log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM; SIGKILL after 20 s."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


def cpu_s(pid: int) -> float:
    """Seconds of CPU, user and system, of a process since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def is_ready(port: int) -> bool:
    """Whether /readyz answers 200 now; a plain socket, because this is asked every few milliseconds."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as asked:
            asked.sendall(f"GET /readyz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            return asked.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        found: int = probe.getsockname()[1]
        return found


def can_pin() -> bool:
    """Whether server and load can have a core each."""
    return shutil.which("taskset") is not None and os.cpu_count() not in (None, 1)


def start(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], port: int, log: Path, *, is_pinned: bool
) -> Server:
    """A Python module as a server process; its output is added to the log."""
    prefix = ("taskset", "-c", str(SERVER_CORE)) if is_pinned else ()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*prefix, *PYTHON, "-m", module, *arguments],
            cwd=ROOT,
            env=inherited | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(process, port, log)


@contextmanager
def running(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], port: int, log: Path
) -> Iterator[Server]:
    """A ready server on the server's core, stopped at the end."""
    server = start(module, arguments, environment, port, log, is_pinned=can_pin())
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
