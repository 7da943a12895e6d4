"""K2: master key and data keys are replaced while two nodes work."""

from __future__ import annotations

from pathlib import Path

from podium.kernel.secrets import MASTER_KEY_FILE
from tests.conftest import WORKER, database
from tests.faults.rotation import rotate_under_load, with_key_file


async def test_no_read_and_no_write_fails_and_the_old_keys_open_nothing(
    server_url: str, installed: str, closed_folder: Path
) -> None:
    folder = with_key_file(closed_folder / f"rotation_{WORKER}")
    async with database(server_url, f"rotation_{WORKER}", installed) as url:
        outcome = await rotate_under_load(url, folder, 3000)
    assert outcome.failed == []
    assert outcome.status == 0, outcome.output
    assert (outcome.still_old, outcome.old_key_opens, outcome.old_master_opens) == (0, 0, False), outcome.output
    assert min(outcome.reads / 1000, outcome.writes / 100) > 1, str(outcome)
    assert [path.name for path in folder.glob("master.key*")] == [MASTER_KEY_FILE]
    assert "values sealed again" in outcome.output
