"""A Vault (OpenBao in development mode: memory only), and a node whose operator allows loopback, files and variables."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from podium.orchestrator.credential_stores.catalogue import StoreTypes
from podium.orchestrator.credential_stores.plain_text import EnvironmentVariables, SecretFiles
from podium.orchestrator.credential_stores.types import Entry, Place, Secret
from podium.orchestrator.credential_stores.vault import HashiCorpVault, HashiCorpVaultReadOnly
from podium.orchestrator.outgoing import Outgoing
from tests.conftest import Node

ROOT = "root-token-0c4b"
STORES = "/odata/CredentialStores"


@dataclass
class Vault:
    """The server, and what a test does in it behind Podium's back."""

    url: str
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/v1/{path}", json=body)
        assert answer.status_code < 300 or answer.status_code == 404, answer.text
        return answer.json() if answer.content else None

    async def put(self, path: str, **members: str) -> None:
        await self.call("POST", f"secret/data/{path}", {"data": members})

    async def get(self, path: str) -> Any:
        found = await self.call("GET", f"secret/data/{path}")
        return found["data"]["data"] if "data" in found else None

    async def app_role(self) -> tuple[str, str]:
        """Role id and secret id of a role that may read and write everything in `secret`."""
        policy = 'path "secret/*" { capabilities = ["create", "update", "read"] }'
        await self.call("PUT", "sys/policies/acl/podium", {"policy": policy})
        await self.call("POST", "auth/approle/role/podium", {"token_policies": "podium"})
        role = await self.call("GET", "auth/approle/role/podium/role-id")
        secret = await self.call("POST", "auth/approle/role/podium/secret-id")
        return role["data"]["role_id"], secret["data"]["secret_id"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(address: str, *options: str) -> AsyncIterator[None]:
    """A server in development mode while the context lasts."""
    server = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "bao",
        *("server", f"-dev-root-token-id={ROOT}", "-dev-no-store-token", f"-dev-listen-address={address}", *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        server.terminate()
        await server.wait()


@pytest.fixture(scope="package")
async def vault() -> AsyncIterator[Vault]:
    address = f"127.0.0.1:{free_port()}"
    async with (
        running(address, "-dev"),
        httpx.AsyncClient(base_url=f"http://{address}", headers={"X-Vault-Token": ROOT}) as http,
    ):
        await until_it_answers(http)
        found = Vault(f"http://{address}", http)
        await found.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "1"}})
        await found.call("POST", "sys/auth/approle", {"type": "approle"})
        yield found


async def until_it_answers(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await http.get("/v1/sys/health")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.fixture
def folder_of_secrets(tmp_path: Path) -> Path:
    return tmp_path / "secrets"


@pytest.fixture
def environment() -> dict[str, str]:
    return {}


@pytest.fixture(autouse=True)
def types(node: Node, folder_of_secrets: Path, environment: dict[str, str]) -> Iterator[None]:
    """The types of a node whose operator allows loopback and has laid secrets beside it."""
    outgoing = Outgoing(["127.0.0.0/8"])
    ports = node.composition.services.ports
    before = ports[StoreTypes]
    ports[StoreTypes] = StoreTypes(
        [
            HashiCorpVault(outgoing),
            HashiCorpVaultReadOnly(outgoing),
            EnvironmentVariables("SECRET_", environment),
            SecretFiles(folder_of_secrets),
        ]
    )
    yield
    ports[StoreTypes] = before


def configuration(vault: Vault, **members: Any) -> dict[str, Any]:
    return {
        "VaultUri": vault.url,
        "AuthenticationType": "Token",
        "Token": ROOT,
        "SecretsEngine": "KeyValueV2",
        "DataPath": f"apps/{uuid4().hex}",
        **members,
    }


async def store(api: Any, type_: str, settings: dict[str, Any] | None = None, name: str = "Store") -> int:
    """Id of a new store."""
    body = {"Name": name, "Type": type_, "AdditionalConfiguration": json.dumps(settings or {})}
    return int((await api.post(STORES, body))["Id"])


async def built_in(api: Any) -> int:
    """Id of the store that every tenant has."""
    (row,) = (await api.get(STORES, params={"$filter": "Type eq 'Database'"}))["value"]
    return int(row["Id"])


async def set_default(api: Any, store_id: int, resource_type: str, **options: Any) -> Any:
    path = f"{STORES}({store_id})/UiPath.Server.Configuration.OData.SetDefaultStoreForResourceType"
    return await api.post(path, {"resourceType": resource_type}, **options)


@dataclass
class Notebook:
    """A writable type in memory, which fails as it is told to. `asked` is released at each reading."""

    name: str = "Notebook"
    entries: Sequence[Entry] = (Entry("Page", "Page", "Number"),)
    pages: dict[tuple[str, str], Secret] = field(default_factory=dict)
    failure: Exception | None = None
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def check(self, values: Mapping[str, str]) -> None:
        if values.get("Page") == "13":
            raise ValueError("Page: not that one")

    async def read(self, place: Place, name: str, *, has_user: bool) -> Secret:
        self.asked.release()
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        return self.pages[place.tenant, name]

    async def write(self, place: Place, name: str, secret: Secret) -> None:
        self.pages[place.tenant, name] = secret


@pytest.fixture
def notebook(node: Node) -> Iterator[Notebook]:
    found = Notebook()
    found.answers.set()
    ports = node.composition.services.ports
    before = ports[StoreTypes]
    ports[StoreTypes] = StoreTypes([found])
    yield found
    ports[StoreTypes] = before
