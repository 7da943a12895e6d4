"""The parent of one job's process, by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from podium.robot import runner
from podium.robot.processes import is_alive, read_claim
from podium.robot.runner import ExecutionLog, Lines, LogFile


def entries_of(path: Path) -> list[tuple[str, str]]:
    return [(entry["l"], entry["m"]) for entry in map(json.loads, path.read_text().splitlines())]


def spec_at(folder: Path, code: str, **changes: Any) -> Path:
    spec = {
        "argv": [sys.executable, "-c", code],
        "cwd": str(folder),
        "claim": str(folder / "claim"),
        "log": str(folder / "log"),
        "exit": str(folder / "exit"),
        "grace_s": 0.2,
    }
    path = folder / "run.json"
    path.write_text(json.dumps(spec | changes))
    return path


def run(folder: Path, code: str, **changes: Any) -> dict[str, Any]:
    """The exit file of a whole run."""
    argv = [sys.executable, "-I", "-S", runner.__file__, str(spec_at(folder, code, **changes))]
    subprocess.run(argv, check=True, timeout=20)
    ended: dict[str, Any] = json.loads((folder / "exit").read_text())
    return ended


class TestLines:
    def test_lines_are_cut_at_line_ends_however_they_arrive(self, tmp_path: Path) -> None:
        lines = Lines("Info", LogFile(tmp_path / "log"))
        for chunk in (b"on", b"e\r\ntw", b"o\n\n  \nthr\xff\xc3", b"\xa4\nlast", b""):
            lines.feed(chunk)
        assert [text for _, text in entries_of(tmp_path / "log")] == ["one", "two", "thr\ufffdä", "last"]

    def test_a_line_without_end_does_not_grow_for_ever(self, tmp_path: Path) -> None:
        lines = Lines("Info", LogFile(tmp_path / "log"))
        for _ in range(10):
            lines.feed(b"x" * 60_000)
        assert len(entries_of(tmp_path / "log")) == 5
        assert len(lines.tail) == 8000

    def test_a_log_that_is_too_large_ends_with_a_note(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "LARGEST_LOG_BYTES", 500)
        lines = Lines("Info", LogFile(tmp_path / "log"))
        for _ in range(100):
            lines.feed(b"twenty characters...\n")
        told = entries_of(tmp_path / "log")
        assert len(told) < 15
        assert told[-1][0] == "Warn"


class TestExecutionLog:
    def test_entries_and_their_further_lines_are_put_together(self, tmp_path: Path) -> None:
        source = tmp_path / "execution.log"
        log = ExecutionLog(source, LogFile(tmp_path / "log"))
        log.read()
        with source.open("a") as file:
            file.write("[2031-02-03 04:05:06,789][WARNING] one\nmore\n[2031-02-03 04:05:07,000][DEBUG] tw")
            file.flush()
            log.read()
            assert entries_of(tmp_path / "log") == []
            file.write("o\n[2031-02-03 04:05:07,000][CRITICAL] three")
            file.flush()
            log.read()
            assert entries_of(tmp_path / "log") == [("Warn", "one\nmore")]
        log.read(at_end=True)
        assert entries_of(tmp_path / "log") == [("Warn", "one\nmore"), ("Trace", "two"), ("Fatal", "three")]
        first = json.loads((tmp_path / "log").read_text().splitlines()[0])
        assert first["t"] == time.mktime((2031, 2, 3, 4, 5, 6, 0, 0, -1)) + 0.789


class TestRun:
    def test_exit_code_and_last_words_are_kept(self, tmp_path: Path) -> None:
        ended = run(tmp_path, "import sys; print('out'); sys.exit('the reason')")
        assert (ended["code"], ended["stderr_tail"], ended["is_timed_out"]) == (1, "the reason\n", False)
        assert sorted(entries_of(tmp_path / "log")) == [("Error", "the reason"), ("Info", "out")]

    def test_a_program_that_does_not_exist_is_told(self, tmp_path: Path) -> None:
        assert "No such file" in run(tmp_path, "", argv=["/does/not/exist"])["failure"]

    def test_the_time_limit_holds_without_an_agent(self, tmp_path: Path) -> None:
        ended = run(tmp_path, "import time; time.sleep(60)", time_limit_s=0.2)
        assert (ended["code"], ended["is_timed_out"]) == (-signal.SIGTERM, True)

    def test_who_comes_second_does_not_run_the_job(self, tmp_path: Path) -> None:
        (tmp_path / "claim").write_text("{}")
        argv = [sys.executable, "-I", "-S", runner.__file__, str(spec_at(tmp_path, "print('twice')"))]
        subprocess.run(argv, check=True, timeout=20)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["claim", "run.json"]

    def test_a_stop_that_comes_before_the_child_is_obeyed(self, tmp_path: Path) -> None:
        spec = spec_at(tmp_path, "import time; time.sleep(60)")
        argv = [sys.executable, "-I", "-S", runner.__file__, str(spec)]
        pid = os.posix_spawn(argv[0], argv, dict(os.environ), setsigmask=[signal.SIGTERM, signal.SIGUSR1])
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        assert json.loads((tmp_path / "exit").read_text())["code"] == -signal.SIGTERM

    def test_the_child_does_not_inherit_the_runners_signal_handling(self, tmp_path: Path) -> None:
        code = (
            "import signal\nnames = [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP]\n"
            "print([signal.getsignal(name) == signal.SIG_DFL for name in names], signal.pthread_sigmask(0, []))"
        )
        run(tmp_path, code)
        assert entries_of(tmp_path / "log") == [("Info", "[True, True, True] set()")]

    def test_the_claim_names_runner_and_child_while_they_live(self, tmp_path: Path) -> None:
        spec = spec_at(tmp_path, "print('up', flush=True); import time; time.sleep(60)")
        with subprocess.Popen([sys.executable, "-I", "-S", runner.__file__, str(spec)]) as process:
            while not (tmp_path / "log").exists() or not entries_of(tmp_path / "log"):
                assert process.poll() is None
            held = read_claim(tmp_path / "claim")
            assert held is not None
            assert held.pid == process.pid
            assert is_alive(held.pid, held.identity)
            assert is_alive(held.child_pid, held.child_identity)
            assert not is_alive(held.child_pid, held.identity)
            process.send_signal(signal.SIGUSR1)
        assert not is_alive(held.child_pid, held.child_identity)
        assert json.loads((tmp_path / "exit").read_text())["code"] == -signal.SIGKILL
