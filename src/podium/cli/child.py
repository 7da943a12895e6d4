"""A server as a child of this process: started, waited for, and stopped whatever happens."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from podium.cli.client import open_http
from podium.cli.failure import Failure

READY_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
LOOK_S = 0.1
TAIL_LINES = 5


@dataclass(frozen=True, slots=True)
class Child:
    """A running server and the file that its output goes to."""

    process: subprocess.Popen[bytes]
    log: Path

    def failure(self, what: str) -> Failure:
        """A failure with the last lines that the server wrote."""
        with contextlib.suppress(OSError):
            lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            what += ": " + " | ".join(lines[-TAIL_LINES:]) if lines else ""
        return Failure(what)


@contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Child]:
    """The command running, its output in the file; it is stopped at the end: asked first, killed after 20 s.

    It has a session of its own: Ctrl-C reaches us alone, and we stop it in our own order.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Child(process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(child: Child, url: str, limit_s: float = READY_LIMIT_S) -> None:
    """Returns when the address answers 200. Raises Failure when the server ended, or the limit passed."""
    import httpx

    until = time.monotonic() + limit_s
    with open_http(url) as http:
        while time.monotonic() < until:
            if child.process.poll() is not None:
                raise child.failure(f"The server ended with status {child.process.returncode}")
            with contextlib.suppress(httpx.TransportError):
                if http.get(url, timeout=2).status_code == 200:
                    return
            time.sleep(LOOK_S)
    raise child.failure(f"The server was not ready after {limit_s:g} s")
