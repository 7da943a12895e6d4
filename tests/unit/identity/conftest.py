"""Identity over one database, which every test finds as the first start left it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import pytest

from podium.identity import bootstrap
from podium.identity.account import api as account
from podium.identity.bootstrap import Bootstrapped
from podium.identity.directory import Principal
from podium.identity.issuer import Issuer
from podium.identity.keys import actions as keys
from podium.identity.oidc import api as oidc
from podium.identity.oidc import discovery
from podium.identity.oidc.errors import OAuthError
from podium.identity.ports import SignedIn, TenantRef, Tenants
from podium.kernel.call import Actor, Call, Reply, Services
from podium.kernel.config import Config, resource
from podium.kernel.contract import Contract
from podium.kernel.db import Database, connect
from podium.kernel.keyring import Keyring
from podium.kernel.migrate import migrate
from podium.kernel.secrets import MasterKey
from podium.wire import LoginModel

MASTER = MasterKey(bytes(range(32)))
APP_ID = "0f6c2c1e-5a3b-4f0e-9d55-6f2a4d3b1c01"
APP_SECRET = "the-operators-own-secret"
ADMIN_PASSWORD = "correct horse 7 battery"
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TENANT_KEY = UUID("7e8a0a52-2f0f-4b6c-8d3e-3c7e5a9b1d10")

CONFIG = Config(
    data_dir=Path("unused"),
    public_url="https://podium.test",
    organization="Acme",
    admin_password=ADMIN_PASSWORD,
    bootstrap_client_id=APP_ID,
    bootstrap_client_secret=APP_SECRET,
)
TABLES = ("organizations", "users", "groups", "group_members", "clients", "client_secrets", "signing_keys")
"""What a first start fills, those that others refer to first."""

_NO_CONNECTION: Any = None
"""The edge gives these handlers no connection: they take one when they need it."""


@dataclass
class TestClock:
    """A clock that stands until it is moved."""

    __test__ = False
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now


@dataclass
class OneTenant:
    """The orchestrator's side: one tenant, `default`, and a memory of who signed in."""

    organization_id: UUID
    seen: list[Principal] = field(default_factory=list)

    async def find(self, name: str) -> TenantRef | None:
        if name.casefold() not in ("", "default"):
            return None
        return TenantRef(TENANT_KEY, "default", self.organization_id)

    async def of_organization(self, organization_id: UUID) -> list[TenantRef]:
        return [TenantRef(TENANT_KEY, "default", organization_id)] if organization_id == self.organization_id else []

    async def signed_in(self, organization_id: UUID, tenant_key: UUID, principal: Principal) -> None:
        assert organization_id == self.organization_id
        self.seen.append(principal)


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass
class Identity:
    """The running identity server of a test and how to call it."""

    db: Database
    config: Config
    clock: TestClock
    issuer: Issuer
    keyring: Keyring
    made: Bootstrapped
    contract: Contract
    tenants: OneTenant

    def call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
        async def stream() -> AsyncIterator[bytes]:
            yield body

        target, _, query = path.partition("?")
        ports: dict[type, object] = {Issuer: self.issuer, Tenants: self.tenants, SignedIn: self.tenants}
        return Call(
            row=self.contract.row(method, target),
            services=Services(config=self.config, db=self.db, clock=self.clock, ports=ports),
            db=_NO_CONNECTION,
            now=self.clock(),
            actor=Actor("anonymous"),
            headers=headers,
            query=dict(part.split("=", 1) for part in query.split("&") if part),
            stream=stream,
            gone=asyncio.Event().wait,
            public_url=self.config.public_url,
            trace_id="00-0-0-01",
        )

    async def token(
        self, form: Mapping[str, str] | bytes, headers: Mapping[str, str] | None = None, query: str = ""
    ) -> Answer:
        """POST /connect/token, rendered as the edge does."""
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        sent = {"content-type": "application/x-www-form-urlencoded"} | dict(headers or {})
        try:
            return _answer(await oidc.token(self.call("POST", f"/connect/token{query}", sent, body)))
        except OAuthError as error:
            return Answer(error.status, msgspec.json.decode(error.body()), {})

    async def get(self, path: str) -> Answer:
        """GET of a discovery document."""
        handler = {"/.well-known/openid-configuration": discovery.configuration}.get(path, discovery.public_keys)
        return _answer(await handler(self.call("GET", path, {}, b"")))

    async def sign_in(self, name: str, password: str, tenant: str = "default") -> Answer:
        """POST /api/Account/Authenticate."""
        body = LoginModel(tenancy_name=tenant, username_or_email_address=name, password=password)
        call = self.call("POST", "/api/Account/Authenticate", {"user-agent": "test"}, b"")
        return _answer(await account.authenticate(call, body))

    async def run(self, sql: str, *values: object) -> Any:
        """The rows of a statement that looks or changes behind the server's back."""
        async with self.db.acquire() as connection:
            return await connection.fetch(sql, *values)


def _answer(reply: Reply) -> Answer:
    return Answer(reply.status, msgspec.json.decode(reply.body), reply.headers)


@pytest.fixture(scope="session")
async def migrated(server_url: str) -> AsyncIterator[Database]:
    """The one database of the session, with the schema and nothing else."""
    name = f"identity_{os.getpid()}"
    connection = await connect(server_url)
    await connection.execute(f"CREATE DATABASE {name}")
    url = re.sub(r"^(\w+://[^/]*/)[^?]*", rf"\g<1>{name}", server_url)
    await migrate(url, resource("migrations"))
    opened = await Database.open(url, size=8)
    yield opened
    await opened.close()
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="session")
async def first_start(migrated: Database) -> Bootstrapped:
    """The first start, kept aside in the schema `kept`: hashes and keys take longer than a test."""
    await _empty(migrated)
    keyring = await Keyring.load(migrated, lambda: MASTER)
    made = await bootstrap.ensure(migrated, CONFIG, START)
    async with migrated.transaction() as connection:
        await keys.rotate(connection, keyring, START)
        await connection.execute("CREATE SCHEMA kept")
        for table in TABLES:
            await connection.execute(f"CREATE TABLE kept.{table} AS TABLE identity.{table}")
    return made


@pytest.fixture
async def database(migrated: Database) -> Database:
    """A database without an organization."""
    await _empty(migrated)
    return migrated


async def _empty(database: Database) -> None:
    async with database.transaction() as connection:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'identity'")
        names = ", ".join(f"identity.{row['tablename']}" for row in rows)
        await connection.execute(f"TRUNCATE {names}, kernel.audit RESTART IDENTITY")
        await connection.execute(
            "INSERT INTO identity.organizations (id, type, name, name_key, created_at)"
            " VALUES ('00000000-0000-0000-0000-000000000000', 'host', 'host', 'host', now())"
        )


@pytest.fixture
def config() -> Config:
    return CONFIG


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract.load(resource("contract"))


@pytest.fixture
async def identity(
    first_start: Bootstrapped, database: Database, config: Config, clock: TestClock, contract: Contract
) -> AsyncIterator[Identity]:
    async with database.transaction() as connection:
        await connection.execute("TRUNCATE identity.organizations CASCADE")
        for table in TABLES:
            await connection.execute(f"INSERT INTO identity.{table} OVERRIDING SYSTEM VALUE TABLE kept.{table}")
        await connection.execute("SELECT setval(pg_get_serial_sequence('identity.client_secrets', 'id'), 1000)")
    keyring = await Keyring.load(database, lambda: MASTER)
    issuer = await Issuer.open(database, config, keyring, clock)
    yield Identity(
        database, config, clock, issuer, keyring, first_start, contract, OneTenant(first_start.organization_id)
    )
    await issuer.close()
