"""U1: whatever the owner of the database changes in the audit trail, a verification finds it."""

from __future__ import annotations

from pathlib import Path

from podium.kernel.config import resource
from podium.kernel.db import Database
from podium.kernel.migrate import migrate
from tests.conftest import WORKER, database
from tests.faults.tampering import new_trail, undetected


async def test_every_one_of_a_hundred_attacks_is_found(server_url: str, tmp_path: Path) -> None:
    async with database(server_url, f"tampering_{WORKER}") as url:
        await migrate(url, resource("migrations"))
        db = await Database.open(url, size=3)
        try:
            trail = await new_trail(db, tmp_path)
            await trail.grow(2000)
            assert (await trail.verdict()).wrong == 0
            assert await undetected(trail, 100) == []
            assert (await trail.verdict()).rows == 2000
        finally:
            await db.close()
