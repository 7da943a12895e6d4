"""The long forms of what `test_audit_tampering` and `test_key_rotation` try every time (./dev test --full)."""

from __future__ import annotations

from pathlib import Path

from podium.kernel.config import resource
from podium.kernel.db import Database
from podium.kernel.migrate import migrate
from tests.conftest import WORKER, database
from tests.faults.rotation import rotate_under_load, with_key_file
from tests.faults.tampering import new_trail, undetected


async def test_every_one_of_a_thousand_attacks_on_ten_thousand_rows_is_found(server_url: str, tmp_path: Path) -> None:
    async with database(server_url, f"long_tampering_{WORKER}") as url:
        await migrate(url, resource("migrations"))
        db = await Database.open(url, size=3)
        try:
            trail = await new_trail(db, tmp_path)
            await trail.grow(10_000)
            assert await undetected(trail, 1000) == []
        finally:
            await db.close()


async def test_a_hundred_thousand_secrets_get_new_keys_and_no_call_fails(
    server_url: str, installed: str, closed_folder: Path
) -> None:
    folder = with_key_file(closed_folder / f"long_rotation_{WORKER}")
    async with database(server_url, f"long_rotation_{WORKER}", installed) as url:
        outcome = await rotate_under_load(url, folder, 100_000)
    assert outcome.failed == []
    assert outcome.status == 0, outcome.output
    assert (outcome.still_old, outcome.old_key_opens, outcome.old_master_opens) == (0, 0, False), outcome.output
