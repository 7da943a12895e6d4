"""The programs of the embedded PostgreSQL behind a folder that its account may not pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.kernel.postgres_programs import LIBRARIES, PROGRAMS, WHEEL, installed

START = """
import sys
from pathlib import Path
from podium.kernel.embedded_postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
postgres.stop()
from podium.kernel.postgres_programs import installed
print(installed())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Outside pytest's own folders, which are closed to other accounts."""
    folder = Path(tempfile.mkdtemp(prefix="podium-programs-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_the_server_starts_with_the_programs_in_a_closed_folder(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    site = installed().parents[2]
    for name in (WHEEL, LIBRARIES):
        if (site / name).is_dir():
            shutil.copytree(site / name, closed / name, symlinks=True)
    database = open_folder / "database"
    command = [sys.executable, "-c", START, str(database)]
    environment = os.environ | {"PYTHONPATH": str(closed)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(closed / PROGRAMS)
    copies = list(database.glob("programs-*"))
    assert len(copies) == (1 if os.geteuid() == 0 else 0)
