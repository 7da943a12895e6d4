"""Types that somebody else brings: found by their entry point, kept at arm's length."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from podium.orchestrator.credential_stores import actions
from podium.orchestrator.credential_stores.catalogue import StoreTypes
from podium.orchestrator.outgoing import Outgoing
from tests.conftest import Node

from .conftest import STORES, Notebook

READ = "/odata/Assets/UiPath.Server.Configuration.OData.GetRobotAssetByNameForRobotKey"
PLANTED = "planted-in-the-error-5a"
PLUG_IN = """
class Notebook:
    name = "Notebook"
    entries = ()

    def check(self, values):
        pass

    async def read(self, place, name, *, has_user):
        raise NotImplementedError


def broken():
    raise RuntimeError("no notebook")
"""


async def asset(api: Any, given: Any) -> Any:
    folder = await given.folder()
    made = await api.post(STORES, {"Name": "Book", "Type": "notebook", "AdditionalConfiguration": '{"Page": 7}'})
    body = {"Name": "Key", "ValueScope": "Global", "ValueType": "Secret", "AllowDirectApiAccess": True}
    await api.post("/odata/Assets", {**body, "SecretValue": "s3cret", "CredentialStoreId": made["Id"]}, folder=folder)
    return folder


class TestAPlugIn:
    async def test_keeps_and_tells_secrets(self, api: Any, given: Any, notebook: Notebook) -> None:
        folder = await asset(api, given)
        assert (await api.post(READ, {"assetName": "Key"}, folder=folder))["SecretValue"] == "s3cret"
        assert [tenant for tenant, _ in notebook.pages] == [api.tenant_name]

    async def test_refuses_a_configuration_in_its_own_words(self, api: Any, notebook: Notebook) -> None:
        body = {"Name": "Book", "Type": notebook.name, "AdditionalConfiguration": '{"Page": 13}'}
        assert "not that one" in (await api.post(STORES, body, expect=400))["message"]

    async def test_503_whatever_it_raises_and_nothing_of_it_is_told(
        self, api: Any, given: Any, notebook: Notebook
    ) -> None:
        folder = await asset(api, given)
        notebook.failure = RuntimeError(PLANTED)
        with structlog.testing.capture_logs() as lines:
            answer = await api.request("POST", READ, {"assetName": "Key"}, folder=folder)
        assert answer.status == 503
        assert PLANTED not in answer.text
        assert PLANTED not in str(lines)
        assert any(line["event"] == "credential_stores.failed" for line in lines)

    async def test_503_when_it_takes_too_long(
        self, api: Any, given: Any, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = await asset(api, given)
        monkeypatch.setattr(actions, "STORE_SECONDS", 0.1)
        notebook.answers.clear()
        answer = await api.post(READ, {"assetName": "Key"}, folder=folder, expect=503)
        assert "no answer" in answer["message"]

    async def test_503_when_it_is_gone(self, api: Any, given: Any, notebook: Notebook) -> None:
        folder = await asset(api, given)
        api.node.composition.services.ports[StoreTypes] = StoreTypes([])
        answer = await api.post(READ, {"assetName": "Key"}, folder=folder, expect=503)
        assert notebook.name in answer["message"]

    async def test_readers_hold_no_connection_while_it_thinks(self, api: Any, given: Any, notebook: Notebook) -> None:
        """More readers than the pool has connections wait, and everybody else is served."""
        folder = await asset(api, given)
        notebook.answers.clear()
        readers = [
            asyncio.create_task(api.post(READ, {"assetName": "Key"}, folder=folder))
            for _ in range(api.node.config.pool_size + 2)
        ]
        try:
            async with asyncio.timeout(30):
                await api.get(STORES)
        finally:
            notebook.answers.set()
            found = await asyncio.gather(*readers)
        assert {one["SecretValue"] for one in found} == {"s3cret"}


class TestLoading:
    def test_entry_points_are_found_and_broken_ones_left_out(
        self, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = tmp_path / "notebooks-1.0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: notebooks\nVersion: 1.0\n")
        (package / "entry_points.txt").write_text(
            "[podium.credential_stores]\nbook=podium_notebooks:Notebook\ntwice=podium_notebooks:Notebook\n"
            "broken=podium_notebooks:broken\nmissing=podium_notebooks:nothing\nno-type=builtins:object\n"
        )
        (tmp_path / "podium_notebooks.py").write_text(PLUG_IN)
        monkeypatch.syspath_prepend(str(tmp_path))
        with structlog.testing.capture_logs() as lines:
            names = StoreTypes.load(node.config, Outgoing()).names
        sys.modules.pop("podium_notebooks", None)
        assert names == ["Database", "HashiCorpVault", "HashiCorpVaultReadOnly", "Notebook"]
        assert sorted(line["plugin"] for line in lines) == ["broken", "missing", "no-type", "twice"]
