"""The first command that a newcomer runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.acceptance.programs import free_port, open_folder
from tests.acceptance.tools import OWN_SETTINGS, run

PODIUM = str(Path(sys.executable).with_name("podium"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}


def check_demo(environment: Mapping[str, str], *options: str) -> None:
    """`podium demo --exit` ends with status 0, and shows the sample's job, its log and its output."""
    said = run([PODIUM, "demo", "--exit", "--port", str(free_port()), *options], environment, timeout_s=120)
    assert "Successful" in said, said
    assert "Read 10 lines from items.csv" in said
    assert "2544.77" in said


def programs_that_name(folder: Path) -> list[list[str]]:
    """Command lines of live processes that hold the folder's path."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if any(str(folder) in word for word in line)]


class TestDemo:
    """`podium demo`."""

    def test_it_ends_with_a_successful_job_and_leaves_nothing_behind(self) -> None:
        with open_folder("demo") as folder:
            check_demo(ENVIRONMENT | {"TMPDIR": str(folder)})
            assert programs_that_name(folder) == []
            assert list(folder.iterdir()) == []

    def test_a_folder_that_was_named_is_kept_and_serves_the_next_demo(self) -> None:
        with open_folder("demo") as folder:
            environment = ENVIRONMENT | {"PODIUM_ADMIN_PASSWORD": "kept-password"}
            for _ in range(2):
                check_demo(environment, "--data-dir", str(folder / "data"))
            assert programs_that_name(folder) == []
