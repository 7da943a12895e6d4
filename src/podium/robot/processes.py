"""Processes by pid and identity, whether or not this agent started them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from podium.robot import runner
from podium.robot.runner import process_identity

POLL_S = 0.1
STOP_SIGNALS = {signal.SIGTERM, signal.SIGUSR1}


class Claim(msgspec.Struct):
    """Who runs a job: the runner and, once it is started, the job's own process (leader of its group)."""

    pid: int
    identity: str | None = None
    child_pid: int | None = None
    child_identity: str | None = None


def read_claim(path: Path) -> Claim | None:
    """None when nobody has begun the job, or the writer was cut off in the middle."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Claim)
    except (OSError, msgspec.DecodeError):
        return None


def start_runner(spec: Path, variables: dict[str, str]) -> int:
    """The pid of a runner in a session of its own. Stop signals sent before it can handle them are kept for it."""
    argv = [sys.executable, "-I", "-S", str(Path(runner.__file__).resolve()), str(spec)]
    nowhere = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
    return os.posix_spawn(argv[0], argv, variables, file_actions=nowhere, setsid=True, setsigmask=STOP_SIGNALS)


def reap(pid: int) -> None:
    """Takes note of the end of a process, if it is our child; returns when it has ended."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def is_alive(pid: int | None, identity: str | None) -> bool:
    return pid is not None and identity is not None and process_identity(pid) == identity


def signal_runner(pid: int, identity: str | None, number: signal.Signals) -> None:
    """Nothing happens when that process is gone."""
    if is_alive(pid, identity):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def destroy(claim: Claim) -> None:
    """Kills the job's process group and its runner, as far as they are still the same processes."""
    if claim.child_pid is not None and is_alive(claim.child_pid, claim.child_identity):
        runner.signal_group(claim.child_pid, signal.SIGKILL)
    signal_runner(claim.pid, claim.identity, signal.SIGKILL)


async def gone(pid: int, identity: str | None) -> None:
    """Returns when that process has ended; at once when it has already."""
    try:
        fd = os.pidfd_open(pid)
    except (AttributeError, OSError):
        while is_alive(pid, identity):  # noqa: ASYNC110  (not our child: nobody tells us)
            await asyncio.sleep(POLL_S)
        return
    try:
        if not is_alive(pid, identity):
            return
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(fd, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(fd)
    finally:
        os.close(fd)
