"""The parent of one job's process: streams its output to a log file, obeys stop and time limit, writes the exit file.

Started by path as `python -I -S runner.py <run.json>` in its own session: it needs nothing but the standard library,
starts in about 15 ms and lives on when the agent dies, so that a restarted agent reads the true result.

Signals: SIGTERM ends the job softly (SIGTERM to its process group, SIGKILL after the grace), SIGUSR1 kills it at once.
Files, named in run.json: `claim` is created exclusively and tells who runs (whoever creates it first decides whether
the job starts); `log` gets one JSON object a line (`t` seconds since the epoch, `l` level, `m` message);
`exit` appears when all is over.
"""

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

READ_BYTES = 65_536
LONGEST_LINE_BYTES = 100_000  # a job that never ends a line must not fill the memory
LARGEST_LOG_BYTES = 1 << 30  # a job that never stops writing must not fill the disk
STDERR_TAIL_BYTES = 8_000
DRAIN_S = 1.0
TAIL_PERIOD_S = 0.1

ENTRY = re.compile(rb"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\]\[(\w+)\] ?(.*)", re.DOTALL)
LEVELS = {"DEBUG": "Trace", "INFO": "Info", "WARNING": "Warn", "ERROR": "Error", "CRITICAL": "Fatal"}


def process_identity(pid: int) -> str | None:
    """A text that no other process has, before or after, even with the same pid; None when none runs (or a zombie)."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, check=False)  # noqa: S603, S607
        return asked.stdout.decode().strip() or None
    try:
        fields = stat.read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def write_whole(path: Path, value: dict[str, Any]) -> None:
    """The JSON file is there with all its content or not at all, also after a power cut."""
    draft = path.with_name(path.name + ".new")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class LogFile:
    """Log entries, appended in whole lines. When the disk is full the lines are lost, the job goes on."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._room = LARGEST_LOG_BYTES

    def add(self, entries: list[tuple[float, str, bytes]]) -> None:
        if not entries or self._room <= 0:
            return
        text = "".join(
            json.dumps({"t": at, "l": level, "m": line[:LONGEST_LINE_BYTES].decode("utf-8", "replace")}) + "\n"
            for at, level, line in entries
        )
        self._room -= len(text)
        if self._room <= 0:
            note = f"The job wrote more than {LARGEST_LOG_BYTES} bytes of log; the rest is dropped."
            text += json.dumps({"t": time.time(), "l": "Warn", "m": note}) + "\n"
        with contextlib.suppress(OSError):
            os.write(self._fd, text.encode())


class Lines:
    """One output stream of the job, cut into log entries of one level."""

    def __init__(self, level: str, log: LogFile | None) -> None:
        self.level = level
        self.tail = b""
        self._log = log
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """An empty chunk means the end of the stream."""
        self.tail = (self.tail + chunk)[-STDERR_TAIL_BYTES:]
        if self._log is None:
            return
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if self._rest and (not chunk or len(self._rest) > LONGEST_LINE_BYTES):
            lines.append(self._rest)
            self._rest = b""
        now = time.time()
        self._log.add([(now, self.level, line.rstrip(b"\r")) for line in lines if line.strip()])


class ExecutionLog:
    """The log file that the `uipath` runtime writes beside the job, read while it grows.

    Entries start with `[local time,ms][LEVEL] `; lines without that belong to the entry before.
    """

    def __init__(self, path: Path, log: LogFile) -> None:
        self._path = path
        self._log = log
        self._offset = 0
        self._rest = b""
        self._entry: tuple[float, str, bytes] | None = None

    def read(self, *, at_end: bool = False) -> None:
        """What was written since the last call; an entry is complete when the next begins or a call finds nothing."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read(1 << 20)
        except OSError:
            chunk = b""
        self._offset += len(chunk)
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if at_end and self._rest:
            lines.append(self._rest)
        entries = [entry for line in lines if (entry := self._take(line)) is not None]
        if self._entry is not None and (at_end or not chunk):
            entries.append(self._entry)
            self._entry = None
        self._log.add(entries)
        if at_end and len(chunk) == 1 << 20:
            self.read(at_end=True)

    def _take(self, line: bytes) -> tuple[float, str, bytes] | None:
        match = ENTRY.fullmatch(line.rstrip(b"\r"))
        if match is None:
            if self._entry is not None and len(self._entry[2]) < LONGEST_LINE_BYTES:
                at, level, message = self._entry
                self._entry = (at, level, message + b"\n" + line)
            return None
        complete = self._entry
        clock, thousandths, level_name, message = match.groups()
        seconds = time.mktime(time.strptime(clock.decode(), "%Y-%m-%d %H:%M:%S")) + int(thousandths) / 1000
        self._entry = (seconds, LEVELS.get(level_name.decode(), "Info"), message)
        return complete


class Supervision:
    """The running child, the wish to end it, and its deadline. Signals only set wishes; `wait` carries them out."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.wish: str | None = None
        self.is_timed_out = False
        self._grace: float = spec["grace_s"]
        self._limit: float | None = spec.get("time_limit_s")
        self._kill_at: float | None = None
        self._is_killed = False
        self._wake, wake_end = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        # Handlers, not SIG_IGN: an ignored signal would stay ignored in the child.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._ask("SoftStop"))
        signal.signal(signal.SIGUSR1, lambda *_: self._ask("Kill"))
        # The agent starts us with these blocked, so that none can end us before the handlers are in place.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})

    def _ask(self, wish: str) -> None:
        if self.wish != "Kill":
            self.wish = wish

    def wait(self, child: subprocess.Popen[bytes], streams: dict[Any, Lines], tail: ExecutionLog | None) -> None:
        """Returns when the child has ended and its output is read; what it left in its process group is killed."""
        started = time.monotonic()
        deadline = started + self._limit if self._limit else None
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            for pipe in streams:
                selector.register(pipe, selectors.EVENT_READ)
            while child.poll() is None:
                self._carry_out(child.pid, deadline)
                self._turn(selector, streams, self._pause(deadline, is_tailing=tail is not None))
                if tail is not None:
                    tail.read()
            signal_group(child.pid, signal.SIGKILL)
            drained_by = time.monotonic() + DRAIN_S
            while len(selector.get_map()) > 1 and time.monotonic() < drained_by:
                self._turn(selector, streams, DRAIN_S)
        for lines in streams.values():
            lines.feed(b"")
        if tail is not None:
            tail.read(at_end=True)

    def _carry_out(self, pid: int, deadline: float | None) -> None:
        now = time.monotonic()
        if deadline is not None and now >= deadline and not self.is_timed_out:
            self.is_timed_out = True
            self._ask("SoftStop")
        if self.wish == "SoftStop" and self._kill_at is None:
            self._kill_at = now + self._grace
            signal_group(pid, signal.SIGTERM)
        is_due = self.wish == "Kill" or (self._kill_at is not None and now >= self._kill_at)
        if is_due and not self._is_killed:
            self._is_killed = True
            signal_group(pid, signal.SIGKILL)

    def _pause(self, deadline: float | None, *, is_tailing: bool) -> float | None:
        moments = [self._kill_at] if self._kill_at is not None and not self._is_killed else []
        if deadline is not None and not self.is_timed_out:
            moments.append(deadline)
        pauses = [max(0.0, moment - time.monotonic()) for moment in moments]
        return min([*pauses, TAIL_PERIOD_S] if is_tailing else pauses, default=None)

    def _turn(self, selector: selectors.BaseSelector, streams: dict[Any, Lines], pause: float | None) -> None:
        for key, _ in selector.select(pause):
            if key.fileobj == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 512)
                continue
            chunk = os.read(key.fd, READ_BYTES)
            if chunk:
                streams[key.fileobj].feed(chunk)
            else:
                selector.unregister(key.fileobj)


def signal_group(pid: int, number: int) -> None:
    """Signals the process group that the process leads; one that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def claim(path: Path) -> bool:
    """True when the job is ours to start; False when somebody else created the file first."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(fd, "w") as file:
        json.dump({"pid": os.getpid(), "identity": process_identity(os.getpid())}, file)
    return True


def run(spec: dict[str, Any]) -> None:
    supervision = Supervision(spec)
    claim_path = Path(spec["claim"])
    if not claim(claim_path):
        return
    log = LogFile(Path(spec["log"]))
    execution_log = spec.get("execution_log")
    pipe = subprocess.PIPE
    try:
        child = subprocess.Popen(  # noqa: S603
            spec["argv"], cwd=spec["cwd"], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        write_whole(Path(spec["exit"]), {"failure": str(error)})
        return
    write_whole(
        claim_path,
        {
            "pid": os.getpid(),
            "identity": process_identity(os.getpid()),
            "child_pid": child.pid,
            "child_identity": process_identity(child.pid),
        },
    )
    # The uipath runtime writes its log file itself; what else it prints is progress for people, of use only in errors.
    errors = Lines("Error", None if execution_log else log)
    streams = {child.stdout: Lines("Info", None if execution_log else log), child.stderr: errors}
    supervision.wait(child, streams, ExecutionLog(Path(execution_log), log) if execution_log else None)
    ended = {
        "code": child.returncode,
        "is_timed_out": supervision.is_timed_out,
        "stderr_tail": errors.tail.decode("utf-8", "replace"),
        "ended_at": time.time(),
    }
    write_whole(Path(spec["exit"]), ended)


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
