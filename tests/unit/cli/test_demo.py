"""The parts of `podium demo`: a child that is always stopped, a free port, the sample, the way through the wire."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from rich.console import Console

from podium.cli import child, demo
from podium.cli.connection import Address
from podium.cli.failure import Exit, Failure
from tests.unit.cli.conftest import PREFIX, Wire

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)",
]


def wait_for_words(log: Path) -> None:
    """Returns when the child has written something."""
    while not log.read_bytes():
        pass


class TestChild:
    def test_it_is_asked_to_stop_when_the_block_ends(self, tmp_path: Path) -> None:
        with child.started(SLEEP, os.environ, tmp_path / "log") as server:
            wait_for_words(server.log)
            assert server.process.poll() is None
        assert server.process.returncode == -signal.SIGTERM

    def test_it_is_stopped_when_the_block_fails(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), child.started(SLEEP, os.environ, tmp_path / "log") as server:
            raise KeyboardInterrupt
        assert server.process.returncode == -signal.SIGTERM

    def test_it_is_killed_when_it_does_not_listen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(child, "STOP_LIMIT_S", 0.1)
        with child.started(DEAF, os.environ, tmp_path / "log") as server:
            wait_for_words(server.log)
        assert server.process.returncode == -signal.SIGKILL

    def test_a_server_that_ends_is_reported_with_its_last_words(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", "print('the data folder is in use'); raise SystemExit(3)"]
        with (
            pytest.raises(Failure, match="ended with status 3: the data folder is in use"),
            child.started(command, os.environ, tmp_path / "log") as server,
        ):
            child.wait_until_ready(server, "http://127.0.0.1:9/readyz")

    def test_a_server_that_never_gets_ready_is_given_up(self, tmp_path: Path) -> None:
        with (
            pytest.raises(Failure, match=r"not ready after 0\.2 s"),
            child.started(SLEEP, os.environ, tmp_path / "log") as server,
        ):
            child.wait_until_ready(server, "http://127.0.0.1:9/readyz", limit_s=0.2)


class TestFreePort:
    def test_the_default_or_another_when_none_was_asked_for(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port: int = taken.getsockname()[1]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(demo, "DEFAULT_PORT", port)
                assert demo.free_port(None) not in {0, port}

    def test_a_wanted_port_that_is_taken_is_refused(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port: int = taken.getsockname()[1]
            with pytest.raises(Failure, match=f"Port {port} cannot be used"):
                demo.free_port(port)


class TestDataFolder:
    def test_an_own_folder_is_gone_afterwards_and_a_given_one_stays(self, tmp_path: Path) -> None:
        with demo.data_folder(None) as own:
            assert own.stat().st_mode & 0o777 == 0o700
        with demo.data_folder(tmp_path / "kept"):
            pass
        assert (own.exists(), (tmp_path / "kept").is_dir()) == (False, True)


class TestRunSample:
    def test_publishes_starts_follows_and_shows_the_output(self, wire: Wire, tmp_path: Path) -> None:
        wire.answers["GET", "/readyz"] = (200, {})
        text = io.StringIO()
        out = Console(file=text, width=200, soft_wrap=True)
        with child.started(SLEEP, os.environ, tmp_path / "log") as server:
            address = Address(wire.url, "default", "default")
            assert demo.run_sample(out, server, address, "right", is_kept=False) == 0
        (upload,) = wire.of("POST", "UploadPackage")
        assert b"invoice_total.1.0.0.nupkg" in upload.body
        assert wire.releases[0]["Name"] == "invoice_total"
        said = text.getvalue()
        for words in ("Server ready at", "Signed in as admin", "folder Shared", "three", "Successful", "12.50"):
            assert words in said

    def test_a_sample_that_is_there_already_is_run_again(self, wire: Wire, tmp_path: Path) -> None:
        path = "/odata/Processes/UiPath.Server.Configuration.OData.UploadPackage"
        wire.answers |= {("GET", "/readyz"): (200, {}), ("POST", path): (409, {"message": "There.", "errorCode": 1004})}
        with child.started(SLEEP, os.environ, tmp_path / "log") as server:
            address = Address(wire.url, "default", "default")
            assert demo.run_sample(Console(file=io.StringIO()), server, address, "right", is_kept=True) == 0

    def test_a_kept_folder_with_another_password_says_so(self, wire: Wire, tmp_path: Path) -> None:
        wire.answers["GET", "/readyz"] = (200, {})
        address = Address(wire.url, "default", "default")
        with (
            child.started(SLEEP, os.environ, tmp_path / "log") as server,
            pytest.raises(Failure) as refused,
        ):
            demo.run_sample(Console(file=io.StringIO()), server, address, "wrong", is_kept=True)
        assert refused.value.status is Exit.NOT_AUTHENTICATED
        assert "PODIUM_ADMIN_PASSWORD" in str(refused.value)
        assert wire.asked[-1].path == f"{PREFIX}/api/Account/Authenticate"


class TestSample:
    def test_it_runs_as_a_robot_runs_it(self, tmp_path: Path) -> None:
        (tmp_path / "input.json").write_text('{"tax_percent": 7, "pause_ms": 0}')
        environment = {"PODIUM_OUTPUT": str(tmp_path / "output.json"), "PATH": ""}
        with as_file(files("podium.samples") / demo.SAMPLE) as project:
            command = [sys.executable, "-I", str(project / "main.py"), str(tmp_path / "input.json")]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        output = json.loads((tmp_path / "output.json").read_text())
        net, tax, total = (Decimal(output[name]) for name in ("net", "tax", "total"))
        assert (output["lines"], net + tax) == (10, total)
        assert tax == (net * 7 / 100).quantize(Decimal("0.01"))
        assert len(ended.stdout.splitlines()) == 12


def test_help_does_not_load_what_only_commands_need() -> None:
    """Httpx alone costs a quarter of a second."""
    script = "import sys, podium.cli.main; print(*sorted({'httpx', 'msgspec', 'rich.table'} & sys.modules.keys()))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
