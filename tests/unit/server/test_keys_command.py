"""`podium keys` and `podium audit` on an installation whose server may run or not."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from podium.identity.mails import actions as mails
from podium.identity.settings import actions as settings_actions
from podium.kernel.keyring import Keyring
from podium.kernel.secrets import MasterKey, SecretError
from podium.server import keys_command
from tests.conftest import WORKER, MovableClock, Node, database, running, settings
from tests.faults.rotation import with_key_file

OTHER_KEY = base64.b64encode(bytes(range(100, 132))).decode()


class Installation:
    """A data folder and a database, after a server ran there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    async def podium(self, *arguments: str, status: int = 0, environment: Mapping[str, str] | None = None) -> str:
        """What the command says, after it ended as expected."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        done = await asyncio.to_thread(
            subprocess.run,
            [
                sys.executable,
                "-c",
                "from podium.cli.main import app; app()",
                *arguments,
                "--data-dir",
                str(self.folder),
            ],
            env=kept | {"PODIUM_DATABASE_URL": self.url} | dict(environment or {}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr


@pytest.fixture
async def node(server_url: str, installed: str, closed_folder: Path, tmp_path: Path) -> AsyncIterator[Node]:
    folder = with_key_file(closed_folder / f"keys_{WORKER}_{tmp_path.name}")
    async with database(server_url, f"keys_{WORKER}", installed) as url:
        config = replace(settings(url, folder), master_key=None)
        async with running(config, MovableClock()) as made:
            yield made


@pytest.fixture
def installation(node: Node) -> Installation:
    assert node.config.database_url is not None
    return Installation(node.config.data_dir, node.config.database_url)


def key_files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("master.key*")}


class TestRotate:
    async def test_the_file_is_replaced_and_nodes_start_with_it(self, installation: Installation, node: Node) -> None:
        before = MasterKey.load(installation.folder)
        said = await installation.podium("keys", "rotate")
        after = MasterKey.load(installation.folder)
        assert before != after
        assert after.id.hex() in said
        assert before.key.hex() not in said
        assert key_files(installation.folder) == {"master.key"}
        await Keyring.load(node.db, lambda: after)
        with pytest.raises(SecretError):
            await Keyring.load(node.db, lambda: before)
        assert after.id.hex() in await installation.podium("keys", "list")

    async def test_what_areas_sealed_opens_afterwards(self, installation: Installation, node: Node) -> None:
        keyring, organization = node.port(Keyring), node.organization_id
        async with node.db.transaction() as db:
            values = {"link": "https://podium.test/reset?token=abc"}
            mail = await mails.post(db, keyring, organization, "PasswordReset", "a@podium.test", values, node.clock())
        sealed = settings_actions.seal_secret(keyring, "smtp password", organization, "Email.Smtp.Password")
        await node.rows(
            "INSERT INTO identity.settings (organization_id, key, key_key, sealed, updated_at)"
            " VALUES ($1, 'Email.Smtp.Password', 'email.smtp.password', $2, now())",
            organization,
            sealed,
        )
        said = await installation.podium("keys", "rotate", "--data")
        assert " values sealed again, 1 data keys deleted" in said
        fresh = await Keyring.load(node.db, lambda: MasterKey.load(installation.folder))
        [row] = await node.rows("SELECT sealed FROM identity.mails WHERE id = $1", mail)
        assert "token=abc" in mails.open_body(fresh, organization, mail, row["sealed"])
        [row] = await node.rows("SELECT sealed FROM identity.settings WHERE key_key = 'email.smtp.password'")
        found = settings_actions.open_secret(fresh, row["sealed"], organization, "Email.Smtp.Password")
        assert found == "smtp password"

    async def test_a_key_that_was_prepared_by_a_killed_rotation_is_used(self, installation: Installation) -> None:
        prepared = MasterKey.of_file(installation.folder / keys_command.NEXT_FILE, make=True)
        await installation.podium("keys", "rotate")
        assert MasterKey.load(installation.folder) == prepared
        assert key_files(installation.folder) == {"master.key"}

    @pytest.mark.parametrize("content", [base64.b64decode(OTHER_KEY), OTHER_KEY.encode() + b"\n"])
    async def test_a_given_key_is_taken(self, installation: Installation, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "key").write_bytes(content)
        await installation.podium("keys", "rotate", "--new-key-file", str(tmp_path / "key"))
        assert MasterKey.load(installation.folder).key == base64.b64decode(OTHER_KEY)

    async def test_the_operators_own_key_is_replaced_by_the_operators_own(
        self, installation: Installation, node: Node
    ) -> None:
        own = {"PODIUM_MASTER_KEY": base64.b64encode(MasterKey.load(installation.folder).key).decode()}
        said = await installation.podium("keys", "rotate", status=1, environment=own)
        assert "PODIUM_NEW_MASTER_KEY" in said
        said = await installation.podium(
            "keys", "rotate", "--keep-old", environment=own | {"PODIUM_NEW_MASTER_KEY": OTHER_KEY}
        )
        assert "Set PODIUM_MASTER_KEY" in said
        new = {"PODIUM_MASTER_KEY": OTHER_KEY}
        for environment in (own, new):
            await installation.podium("keys", "list", environment=environment)
        assert "(1 wraps deleted)" in await installation.podium("keys", "forget-old", environment=new)
        with pytest.raises(SecretError):
            await Keyring.load(node.db, lambda: MasterKey.load(installation.folder))

    @pytest.mark.parametrize(
        ("content", "says"),
        [(b"short", "base64 of 32 bytes"), (b"\xff" * 31, "32 bytes"), (None, "cannot be read")],
    )
    async def test_a_file_that_holds_no_key_changes_nothing(
        self, installation: Installation, tmp_path: Path, content: bytes | None, says: str
    ) -> None:
        before = MasterKey.load(installation.folder)
        if content is not None:
            (tmp_path / "key").write_bytes(content)
        said = await installation.podium("keys", "rotate", "--new-key-file", str(tmp_path / "key"), status=1)
        assert says in said
        assert MasterKey.load(installation.folder) == before
        assert key_files(installation.folder) == {"master.key"}

    async def test_the_wrong_master_key_changes_nothing(self, installation: Installation, node: Node) -> None:
        before = MasterKey.load(installation.folder)
        wrong = {"PODIUM_MASTER_KEY": OTHER_KEY, "PODIUM_NEW_MASTER_KEY": base64.b64encode(bytes(32)).decode()}
        said = await installation.podium("keys", "rotate", status=1, environment=wrong)
        assert "another master key" in said
        await Keyring.load(node.db, lambda: before)

    async def test_data_only_with_a_new_master_key_is_wrong_use(self, installation: Installation) -> None:
        await installation.podium("keys", "rotate", "--data-only", "--keep-old", status=2)


class TestVerify:
    async def test_ok_and_then_the_row_that_was_changed(self, installation: Installation, node: Node) -> None:
        await self.some_rows(node)
        said = await installation.podium("audit", "verify")
        assert said.startswith("OK: 50 rows as they were sealed; 0 not sealed yet;")
        await node.rows("UPDATE kernel.audit SET actor_name = 'x' WHERE entity_name = 'n7'")
        said = await installation.podium("audit", "verify", status=1)
        assert "altered" in said
        assert "1 things are wrong" in said

    async def test_a_file_elsewhere_knows_what_was_cut_off(
        self, installation: Installation, node: Node, tmp_path: Path
    ) -> None:
        await self.some_rows(node)
        file = installation.folder / "audit-checkpoints.jsonl"
        (tmp_path / "copy.jsonl").write_bytes(file.read_bytes())
        for table in ("audit", "audit_chain", "audit_chain_head", "audit_checkpoints"):
            await node.rows(f"DELETE FROM kernel.{table}")
        said = await installation.podium("audit", "verify", "--checkpoints", str(tmp_path / "copy.jsonl"), status=1)
        assert "truncated" in said

    async def test_what_cannot_be_read_is_named(self, installation: Installation, tmp_path: Path) -> None:
        missing = str(tmp_path / "missing")
        for option in ("--public-key", "--checkpoints"):
            assert missing in await installation.podium("audit", "verify", option, missing, status=1)
        (tmp_path / "missing").write_text("no key")
        assert "no public key" in await installation.podium("audit", "verify", "--public-key", missing, status=1)

    async def some_rows(self, node: Node) -> None:
        for number in range(50):
            await node.rows(
                "INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, entity_name,"
                " actor_kind, actor_name, trace_id) VALUES (1, $1, 'Test', 'Folders', 'Create', $2, 'user', 'a', '')",
                node.clock(),
                f"n{number}",
            )
        async with asyncio.timeout(30):
            while len(await node.rows("SELECT FROM kernel.audit_chain")) < 50:  # noqa: ASYNC110 - the node's own loop
                await asyncio.sleep(0.05)
        await node.run_loop("audit.seal")  # writes the checkpoint down


class TestStart:
    async def test_a_server_with_another_master_key_says_so_and_does_not_start(
        self, installation: Installation
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        wrong = {"PODIUM_MASTER_KEY": OTHER_KEY}
        said = await installation.podium("up", "--no-robot", "--port", port, status=1, environment=wrong)
        assert "another master key" in said


class TestFolder:
    def test_a_folder_without_installation_is_named(self, tmp_path: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        done = subprocess.run(
            [sys.executable, "-m", "podium.server", "keys", "--data-dir", str(tmp_path), "list"],
            env=kept,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert f"there is no installation in {tmp_path}" in done.stderr
