"""K1 and K4: no secret lies open in the database, the data folder or the log."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from podium.kernel.secrets import MASTER_KEY_FILE
from tests.conftest import WORKER, MovableClock, database, settings
from tests.faults import planting
from tests.faults.rotation import with_key_file


async def test_none_of_a_thousand_secrets_is_found(server_url: str, installed: str, closed_folder: Path) -> None:
    folder = with_key_file(closed_folder / f"planted_{WORKER}")
    async with database(server_url, f"planted_{WORKER}", installed) as url:
        config = replace(settings(url, folder), master_key=None)
        async with planting.world_with_log(config, MovableClock()) as (world, kept):
            planted = await planting.plant(world)
            everything = [secret for secrets in planted.values() for secret in secrets]
            assert len(set(everything)) >= 1000
            await world.node.run_loop("audit.seal")
            key_file = (folder / MASTER_KEY_FILE).read_bytes()
            places = {
                "database": await planting.dump(world.node),
                "log": planting.log_text(kept),
                "audit files": b"\n".join(path.read_bytes() for path in folder.glob("audit-*")),
            }
            keys = planting.own_secrets(config, world.keyring, key_file)
            assert planting.raw_in(places, keys) == []
            places["data folder"] = planting.files(folder)
            assert len(places["database"]) > 100_000
            assert places["log"].count(b'"event":"call"') > 500
            assert b"User_Post" in places["log"]
            assert planting.found_in(places, everything) == []
            control = planted["mail_links"][-1]
            await world.node.rows("UPDATE identity.organizations SET name = $1 WHERE type = 'organization'", control)
            assert planting.found_in({"database": await planting.dump(world.node)}, [control])


SECRET = "q7Vd-oK2_uXw9PzT4rYb"


class TestSearch:
    """The search itself finds what is there."""

    @pytest.mark.parametrize(
        "spelled",
        [
            SECRET.encode(),
            SECRET.encode().hex().encode(),
            SECRET.encode().hex().upper().encode(),
            SECRET.encode("utf-16-le"),
            SECRET.encode("utf-16-be").hex().encode(),
            *(base64.b64encode(b"x" * before + SECRET.encode() + b"yy") for before in range(4)),
            *(base64.urlsafe_b64encode(b"x" * before + SECRET.encode()) for before in range(4)),
        ],
    )
    def test_a_secret_is_found_however_it_is_spelled(self, spelled: bytes) -> None:
        assert planting.found_in({"here": b"before " + spelled + b" after"}, [SECRET])

    def test_another_secret_is_not_found(self) -> None:
        assert not planting.found_in({"here": SECRET.swapcase().encode()}, [SECRET])
