"""What the attacks share: how many variants there are, the doors that are tried, and a listener that nobody may call.

The usual run takes a part of what is expensive; `PODIUM_TEST_FULL=1` (`./dev test --full`) takes all of it, and the
measurements of time as well, which say nothing unless they are many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest

from podium.identity.issuer import Issuer
from podium.identity.users.actions import active_user, add_user
from podium.identity.users.passwords import Passwords
from podium.identity.users.rules import NewUser, User
from tests.api.identity.oidc.conftest import admin, browser, confidential, issuer, native, public, stranger  # noqa: F401
from tests.api.identity.pages.conftest import other_visitor, visitor  # noqa: F401 - fixtures
from tests.conftest import PUBLIC_URL, Node

FULL = os.environ.get("PODIUM_TEST_FULL") == "1"
EVERY_SCOPE = ("OrchestratorApiUserAccess", "IdentityServerApi")
PASSWORD = "harmless teapot 41"

collect_ignore = [] if FULL else ["test_timing.py"]


def times(usual: int, full: int) -> int:
    """How often, in the usual run and in the full one."""
    return full if FULL else usual


class Doors(NamedTuple):
    """The answers of an orchestrator operation and of an identity operation to one token."""

    orchestrator: int
    identity: int


SHUT = Doors(401, 401)
OPEN = Doors(200, 200)


async def knock(node: Node, token: str | bytes) -> Doors:
    """What the token opens. Bytes go as they are, so that no client's library cleans them."""
    raw = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token
    sent = [(b"authorization", b"Bearer " + raw)]
    folders = await node.http.get("/odata/Folders?$top=1", headers=sent)
    groups = await node.http.get(f"/identity_/api/Group/{node.organization_id}", headers=sent)
    return Doors(folders.status_code, groups.status_code)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an OAuth refusal."""
    return answer.status_code, answer.json()["error"]


class CheapPasswords(Passwords):
    """Hashes that cost nothing, and the stored ones that a guess was compared with (None: nobody's)."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_kib=64)
        self.compared: list[str | None] = []

    async def verify(self, stored: str | None, password: str) -> bool:
        self.compared.append(stored)
        return await super().verify(stored, password)


@pytest.fixture
def passwords(node: Node, monkeypatch: pytest.MonkeyPatch) -> CheapPasswords:
    """The node's passwords at the lowest price, for thousands of guesses."""
    cheap = CheapPasswords()
    monkeypatch.setattr(node.port(Issuer), "passwords", cheap)
    return cheap


async def make_user(node: Node, name: str, organization_id: UUID | None = None) -> User:
    """A person with PASSWORD; the name gets a number."""
    made = f"{name}-{uuid4().hex[:12]}"
    hashed = await node.port(Issuer).passwords.hash(PASSWORD)
    where = organization_id or node.organization_id
    new = NewUser(where, uuid4(), made, f"{made}@podium.test", name, "X", None, hashed, False)
    async with node.db.transaction() as connection:
        await add_user(connection, new, node.clock())
        found = await active_user(connection, where, new.id)
    assert found is not None
    return found


@pytest.fixture
async def victim(node: Node) -> User:
    """A user of the organization who did nothing wrong."""
    return await make_user(node, "victim")


@asynccontextmanager
async def from_address(node: Node, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the node whose connections come from that address."""
    inner = node.http._transport
    assert isinstance(inner, httpx.ASGITransport)
    transport = httpx.ASGITransport(inner.app, client=(address, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, timeout=60) as http:
        yield http


@dataclass
class Canary:
    """A web server of the attacker that counts who comes."""

    address: str
    body: bytes = b""
    hits: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits.append(await reader.readline())
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(self.body)}\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    """Listening on loopback; it has been seen to count a visit, which is forgotten."""
    made = Canary("")
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, httpx.AsyncClient(trust_env=False) as http:
        await http.get(f"{made.address}/control")
        assert len(made.hits) == 1
        made.hits.clear()
        yield made
