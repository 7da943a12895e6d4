"""Replaces the keys of running nodes while they read and store secrets, and counts what fails."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from podium.kernel import secrets
from podium.kernel.keyring import Keyring
from podium.kernel.secrets import MASTER_KEY_FILE, MasterKey, SecretError
from tests.conftest import MASTER_KEY, MovableClock, Node, running, settings

TABLE = "kernel.secrets"
WRITERS, READERS = 1, 4
PLANT = """
INSERT INTO kernel.secrets (name, sealed, created_at) SELECT *, now() FROM unnest($1::text[], $2::bytea[])
"""
STORE = """
INSERT INTO kernel.secrets (name, sealed, created_at) VALUES ($1, $2, now())
ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed
"""


@dataclass
class Outcome:
    """What a rotation under load did."""

    reads: int = 0
    writes: int = 0
    failed: list[str] = field(default_factory=list)
    output: str = ""
    status: int = -1
    still_old: int = 0
    old_master_opens: bool = True
    old_key_opens: int = 0
    secrets: int = 0


def with_key_file(folder: Path) -> Path:
    """A data folder whose key file opens a copy of the installed database."""
    folder.mkdir()
    file = folder / MASTER_KEY_FILE
    file.write_bytes(base64.b64decode(MASTER_KEY))
    file.chmod(0o600)
    return folder


def place(name: str) -> dict[str, Any]:
    return {"owner": 0, "table": TABLE, "row": name, "column": "sealed"}


def text_of(name: str) -> str:
    return f"the secret of {name}"


async def rotate_under_load(url: str, folder: Path, count: int, arguments: Sequence[str] = ("--data",)) -> Outcome:
    """Two nodes with `count` secrets; the command runs as a process of its own, as an operator runs it."""
    outcome = Outcome(secrets=count)
    config = replace(settings(url, folder), master_key=None)
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(running(config, MovableClock())) for _ in range(2)]
        old_master = MasterKey.load(folder)
        old_keys = dict(nodes[0].port(Keyring)._keys)
        await _plant(nodes[0], count)
        ended = asyncio.Event()
        load = [_read(nodes[number % 2], count, number, ended, outcome) for number in range(READERS)]
        load += [_write(nodes[number % 2], count, number, ended, outcome) for number in range(WRITERS + 1)]
        tasks = [asyncio.create_task(one) for one in load]
        try:
            outcome.status, outcome.output = await _command(config.database_url or "", folder, arguments)
            # nodes that have just forgotten the old keys go on for two readings of the keys
            for _ in range(2):
                await asyncio.gather(*(node.port(Keyring).reload() for node in nodes))
        finally:
            ended.set()
            await asyncio.gather(*tasks)
        await _look(nodes, old_master, old_keys, outcome)
    return outcome


async def _plant(node: Node, count: int) -> None:
    keyring = node.port(Keyring)
    for begin in range(0, count, 5000):
        names = [f"secret {number}" for number in range(begin, min(begin + 5000, count))]
        await node.rows(PLANT, names, [keyring.seal(text_of(name), **place(name)) for name in names])


async def _read(node: Node, count: int, seed: int, ended: asyncio.Event, outcome: Outcome) -> None:
    chance = random.Random(seed)  # noqa: S311 - trials must be repeatable
    keyring = node.port(Keyring)
    while not ended.is_set():
        names = [f"secret {chance.randrange(count)}" for _ in range(20)]
        try:
            rows = await node.rows("SELECT name, sealed FROM kernel.secrets WHERE name = ANY($1::text[])", names)
            await asyncio.sleep(0)
            for row in rows:
                outcome.reads += 1
                if keyring.open(row["sealed"], **place(row["name"])) != text_of(row["name"]):
                    outcome.failed.append(f"{row['name']}: another text")
        except Exception as error:  # noqa: BLE001 - whatever fails is what the test is about
            outcome.failed.append(f"read: {error!r}")


async def _write(node: Node, count: int, seed: int, ended: asyncio.Event, outcome: Outcome) -> None:
    chance = random.Random(seed)  # noqa: S311 - trials must be repeatable
    keyring = node.port(Keyring)
    while not ended.is_set():
        name = f"secret {chance.randrange(count)}"
        try:
            await node.rows(STORE, name, keyring.seal(text_of(name), **place(name)))
            outcome.writes += 1
        except Exception as error:  # noqa: BLE001 - as above
            outcome.failed.append(f"write: {error!r}")
        await asyncio.sleep(0.005)


async def _command(url: str, folder: Path, arguments: Sequence[str]) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from podium.cli.main import app; app()"),
        *("keys", "rotate", "--data-dir", str(folder), *arguments),
        env=environment | {"PODIUM_DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def _look(nodes: list[Node], old_master: MasterKey, old_keys: dict[bytes, bytes], outcome: Outcome) -> None:
    """What is left of the old keys."""
    db = nodes[0].db
    try:
        await Keyring.load(db, lambda: old_master)
    except SecretError:
        outcome.old_master_opens = False
    fresh = await Keyring.load(db, lambda: MasterKey.load(nodes[0].config.data_dir))
    for row in await nodes[0].rows("SELECT name, sealed FROM kernel.secrets WHERE name LIKE 'secret %'"):
        outcome.still_old += secrets.key_id_of(row["sealed"]) != fresh.active
        for key in (old_master.key, *old_keys.values()):
            try:
                secrets.open_(key, row["sealed"], **place(row["name"]))
                outcome.old_key_opens += 1
            except SecretError:
                continue
