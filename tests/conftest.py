"""A whole node in the test's process: `api` calls it, `given` fills it, `clock` moves its time.

One PostgreSQL per worker (or the server of PODIUM_TEST_DATABASE_URL), one installed database that is copied for every
module, and one tenant for every test, so that tests of a module do not see each other's rows.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
import structlog
from hypothesis import settings as hypothesis_settings

from podium.identity.bootstrap import ADMIN, ADMIN_EMAIL
from podium.identity.clients import store as clients_store
from podium.identity.clients.rules import Client
from podium.identity.groups import actions as groups
from podium.identity.issuer import Issuer
from podium.identity.partitions.actions import ensure_organization
from podium.identity.users.actions import active_user, add_user, user_id_of
from podium.identity.users.rules import NewUser, User
from podium.kernel.config import Config
from podium.kernel.db import Database, connect
from podium.kernel.embedded_postgres import EmbeddedPostgres
from podium.kernel.loops import Turn
from podium.orchestrator.access import actions as access
from podium.orchestrator.access import first_start
from podium.orchestrator.access.resolver import AccessResolver
from podium.server.app import make_app
from podium.server.compose import Composition, compose

from .builders import Given

# The same examples in every usual run, so that it fails for a change alone; `./dev test --full` looks for new ones. No
# deadline: how long an example takes is the machine's affair.
hypothesis_settings.register_profile("usual", derandomize=True, deadline=None, database=None)
hypothesis_settings.register_profile("full", deadline=None)
hypothesis_settings.load_profile("full" if os.environ.get("PODIUM_TEST_FULL") else "usual")

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ADMIN_PASSWORD = "correct horse 7 battery"
MASTER_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SCOPES = ["OrchestratorApiUserAccess"]
PUBLIC_URL = "http://podium.test"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
ANYTHING_GOOD = 0

T = TypeVar("T")

_NUMBERS = count(1)


@dataclass
class MovableClock:
    """A clock that stands until it is moved; it never goes back, for a module's tests share it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now


@dataclass
class Node:
    """A running node and how to reach into it."""

    composition: Composition
    config: Config
    clock: MovableClock
    http: httpx.AsyncClient
    admin: UUID
    admin_tokens: list[tuple[str, datetime]] = field(default_factory=list)

    @property
    def db(self) -> Database:
        return self.composition.services.db

    @property
    def organization_id(self) -> UUID:
        return self.composition.organization_id

    def port(self, kind: type[T]) -> T:
        found = self.composition.services.ports[kind]
        assert isinstance(found, kind)
        return found

    async def rows(self, sql: str, *values: object) -> list[Any]:
        """The rows of a statement behind the server's back."""
        async with self.db.acquire() as connection:
            return list(await connection.fetch(sql, *values))

    async def run_loop(self, name: str) -> int:
        """Run a background turn now, until it finds nothing to do; how much it did."""
        return await self.run_turn(self.composition.loops._loops[name].turn)

    async def run_turn(self, turn: Turn) -> int:
        """As `run_loop`, for a turn that is no loop of the node."""
        done = 0
        while True:
            async with self.db.transaction() as connection:
                batch = await turn(connection, self.clock())
            done += batch
            if batch <= 0:
                return done

    async def make_tenant(self, name: str) -> tuple[int, str]:
        """Id and name of a new tenant of the organization, as the first start makes it; the name gets a number."""
        unique = f"{name}-{next(_NUMBERS)}"
        async with self.db.transaction() as connection:
            administrator = (self.admin, ADMIN, ADMIN_EMAIL)
            id_ = await first_start.ensure_tenant(
                connection, self.organization_id, unique, administrator, None, self.clock()
            )
        self.port(AccessResolver).forget()
        return id_, unique

    async def user(self, id_: UUID) -> User:
        async with self.db.acquire() as connection:
            found = await active_user(connection, self.organization_id, id_)
        assert found is not None
        return found

    def token(self, user: User, scopes: Sequence[str] = SCOPES) -> str:
        return self.port(Issuer).issue_user_token(user, "tests", scopes, self.clock())

    async def application_token(self, scopes: Sequence[str], organization_id: UUID | None = None) -> str:
        """A token of a new confidential application with these application scopes."""
        client = await self.make_client(organization_id or self.organization_id, scopes)
        return self.port(Issuer).issue_application_token(client, scopes, self.clock())

    async def make_client(self, organization_id: UUID, scopes: Sequence[str], **facts: Any) -> Client:
        """A new external application; `facts` are fields of Client."""
        id_ = uuid4()
        client = Client(
            organization_id=organization_id,
            id=id_,
            client_id=str(id_),
            kind="external",
            name=f"App {next(_NUMBERS)}",
            is_confidential=True,
            redirect_uris=(),
            application_scopes=tuple(scopes),
            user_scopes=(),
            takes_any_scope=False,
            secrets=(),
        )._replace(**facts)
        async with self.db.transaction() as connection:
            await clients_store.put(connection, client, client.name.casefold(), self.clock(), is_bootstrap=False)
        return client

    async def make_organization(self, name: str) -> tuple[UUID, str, User]:
        """Id and name of a new organization, and its administrator; the name gets a number."""
        unique, now = f"{name}-{next(_NUMBERS)}", self.clock()
        async with self.db.transaction() as connection:
            id_ = await ensure_organization(connection, unique, now)
            await groups.ensure_built_in(connection, id_, now)
            user = NewUser(id_, uuid4(), ADMIN, f"{ADMIN}@{unique}.test", "Admin", "There", None, None, False)
            await add_user(connection, user, now)
            await groups.make_administrator(connection, id_, user.id, now)
            found = await active_user(connection, id_, user.id)
        assert found is not None
        return id_, unique, found


@dataclass(frozen=True)
class Response:
    """What came back. `json` is None for an empty body."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.content) if self.content else None

    @property
    def text(self) -> str:
        return self.content.decode()


class Caller:
    """Sends requests as one principal to one tenant.

    `get`, `post` ... answer the JSON body; `expect` is the status that must come, by default any good one, None for
    whatever comes. `await caller` makes sure that its user exists, which the first request does as well.
    """

    def __init__(self, node: Node, tenant: tuple[int, str] | str, headers: Mapping[str, str] | None = None) -> None:
        self.node = node
        self.user_id: Any = None
        self.user_name: Any = ADMIN
        self._tenant = tenant
        self._roles: tuple[str, ...] | None = None
        self._scopes: tuple[str, ...] = ()
        self._folder: int | None = None
        self._headers = headers
        self._user: User | None = None
        self._token: tuple[str, datetime] | None = None

    def __await__(self) -> Generator[Any, Any, Caller]:
        return self._ready().__await__()

    @property
    def tenant_id(self) -> int:
        """Id of the tenant; of one made by `tenant()` after the first request."""
        assert not isinstance(self._tenant, str)
        return self._tenant[0]

    @property
    def tenant_name(self) -> str:
        assert not isinstance(self._tenant, str)
        return self._tenant[1]

    def as_role(self, *roles: str, folder: int | Mapping[str, Any] | None = None) -> Caller:
        """A new user: with these roles in the folder, or tenant-wide when none is named; without roles a mere member."""
        other = Caller(self.node, self._tenant)
        other._roles = roles
        other._folder = folder["Id"] if isinstance(folder, Mapping) else folder
        return other

    def tenant(self, name: str) -> Caller:
        """The administrator in another, new tenant of the organization; its name gets a number."""
        return Caller(self.node, name)

    def machine(self, license_key: str) -> Caller:
        """A machine that sends its licence key and nothing else."""
        return Caller(self.node, self._tenant, {"x-robot-license": license_key})

    def with_scopes(self, *scopes: str) -> Caller:
        """The same user with a token of just these scopes."""
        other = copy(self)
        other._scopes, other._token = scopes, None
        return other

    def bearer(self, token: str) -> Caller:
        """Somebody with this token."""
        return self.with_headers({"authorization": f"Bearer {token}"})

    def with_headers(self, headers: Mapping[str, str]) -> Caller:
        """Somebody with these headers as the only credential: `{}` for nobody."""
        return Caller(self.node, self._tenant, dict(headers))

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        folder: int | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        files: Any = None,
        data: Any = None,
    ) -> Response:
        """The whole answer. `body` is sent as JSON; `content`, or `files` and `data`, as they are."""
        await self._ready()
        sent = {"x-uipath-tenantname": self.tenant_name} | await self._credential()
        if folder is not None:
            sent["x-uipath-organizationunitid"] = str(folder["Id"] if isinstance(folder, Mapping) else folder)
        if body is not None:
            content = msgspec.json.encode(body)
            sent["content-type"] = "application/json"
        answer = await self.node.http.request(
            method,
            path,
            headers={**sent, **{name.lower(): value for name, value in (headers or {}).items()}},
            params=params,
            content=content,
            files=files,
            data=data,
        )
        return Response(answer.status_code, answer.headers, answer.content)

    async def get(self, path: str, *, expect: int | None = ANYTHING_GOOD, **options: Any) -> Any:
        return await self._checked("GET", path, None, expect, options)

    async def post(self, path: str, body: object = None, *, expect: int | None = ANYTHING_GOOD, **options: Any) -> Any:
        return await self._checked("POST", path, body, expect, options)

    async def put(self, path: str, body: object = None, *, expect: int | None = ANYTHING_GOOD, **options: Any) -> Any:
        return await self._checked("PUT", path, body, expect, options)

    async def patch(self, path: str, body: object = None, *, expect: int | None = ANYTHING_GOOD, **options: Any) -> Any:
        return await self._checked("PATCH", path, body, expect, options)

    async def delete(
        self, path: str, body: object = None, *, expect: int | None = ANYTHING_GOOD, **options: Any
    ) -> Any:
        return await self._checked("DELETE", path, body, expect, options)

    async def _checked(
        self, method: str, path: str, body: object, expect: int | None, options: Mapping[str, Any]
    ) -> Any:
        answer = await self.request(method, path, body, **options)
        if expect is not None:
            is_expected = answer.status < 400 if expect == ANYTHING_GOOD else answer.status == expect
            wanted = "a good status" if expect == ANYTHING_GOOD else expect
            shown = answer.content[:2000].decode(errors="replace")
            assert is_expected, f"{method} {path}: {answer.status}, expected {wanted}: {shown}"
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.json if is_json or not answer.content else answer.content

    async def _ready(self) -> Caller:
        """Make the tenant and the user that are missing."""
        if isinstance(self._tenant, str):
            self._tenant = await self.node.make_tenant(self._tenant)
        if self._headers is None and self._user is None:
            self._user = await (self.node.user(self.node.admin) if self._roles is None else self._new_user(self._roles))
            self.user_name = self._user.user_name
            self.user_id = await self._tenant_user(self._user)
        return self

    async def _new_user(self, roles: tuple[str, ...]) -> User:
        node, number = self.node, next(_NUMBERS)
        name = f"user{number}"
        new = NewUser(
            node.organization_id, uuid4(), name, f"{name}@podium.test", "User", str(number), None, None, False
        )
        async with node.db.transaction() as connection:
            await add_user(connection, new, node.clock())
            user_id = await access.make_user(connection, self.tenant_id, new.id, name, new.email or "", node.clock())
            if self._folder is not None:
                await access.join_folder(connection, self.tenant_id, self._folder, user_id, list(roles), node.clock())
            else:
                for role in roles:
                    await access.grant_tenant_role(connection, self.tenant_id, user_id, role)
        node.port(AccessResolver).forget()
        return await node.user(new.id)

    async def _tenant_user(self, user: User) -> int:
        found = await self.node.rows(
            "SELECT id FROM orchestrator.users WHERE tenant_id = $1 AND directory_id = $2", self.tenant_id, user.id
        )
        return int(found[0]["id"])

    async def _credential(self) -> dict[str, str]:
        """The credential's headers; a token is renewed while the clock is moved."""
        if self._headers is not None:
            return dict(self._headers)
        assert self._user is not None
        if self._token is None or self.node.clock() - self._token[1] > timedelta(minutes=30):
            self._token = await self._new_token(self._user), self.node.clock()
        return {"authorization": f"Bearer {self._token[0]}"}

    async def _new_token(self, user: User) -> str:
        """The administrator signs in once for all tests of a module; everybody else has a token from the issuer."""
        if self._scopes or user.id != self.node.admin:
            return self.node.token(user, self._scopes or SCOPES)
        if not self.node.admin_tokens or self.node.clock() - self.node.admin_tokens[-1][1] > timedelta(minutes=30):
            self.node.admin_tokens.append((await sign_in(self.node), self.node.clock()))
        return self.node.admin_tokens[-1][0]


async def sign_in(node: Node) -> str:
    """The administrator's token by the classic way."""
    body = {"tenancyName": "default", "usernameOrEmailAddress": ADMIN, "password": ADMIN_PASSWORD}
    answer = await node.http.post("/api/Account/Authenticate", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["result"])


@asynccontextmanager
async def running(config: Config, clock: MovableClock) -> AsyncIterator[Node]:
    """A node on the database of the settings, called without a network."""
    held: list[Composition] = []

    @asynccontextmanager
    async def start() -> AsyncIterator[Composition]:
        async with compose(config, clock) as composition:
            held.append(composition)
            yield composition

    app = make_app(start)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.shell.router.lifespan_context(app.shell))
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL, timeout=60)
        )
        async with held[0].services.db.acquire() as connection:
            admin = await user_id_of(connection, held[0].organization_id, ADMIN)
        assert admin is not None
        yield Node(held[0], config, clock, http, admin)


def settings(database_url: str, folder: Path) -> Config:
    """The settings of a node for tests."""
    return Config(
        data_dir=folder,
        database_url=database_url,
        public_url=PUBLIC_URL,
        admin_password=ADMIN_PASSWORD,
        master_key=MASTER_KEY,
        pool_size=8,
    )


def with_database(url: str, name: str) -> str:
    """The DSN of another database of the same server."""
    return re.sub(r"^(\w+://[^/]*/)[^?]*", rf"\g<1>{name}", url)


@pytest.fixture(scope="session")
def closed_folder() -> Iterator[Path]:
    """A folder outside pytest's own, which are closed to the account that PostgreSQL runs under when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="podium-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def server_url(closed_folder: Path) -> AsyncIterator[str]:
    """The DSN of a PostgreSQL for this worker; what it writes need not outlive it."""
    given = os.environ.get("PODIUM_TEST_DATABASE_URL")
    if given:
        yield given
        return
    postgres = EmbeddedPostgres(closed_folder / "postgres", max_connections=100)
    try:
        postgres.start()
        connection = await connect(postgres.url)
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        yield postgres.url
    finally:
        postgres.stop()


@asynccontextmanager
async def database(server_url: str, name: str, template: str | None = None) -> AsyncIterator[str]:
    """A database of that name while the context lasts; its DSN."""
    connection = await connect(server_url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        copied = f"TEMPLATE {template} STRATEGY file_copy" if template else ""
        await connection.execute(f"CREATE DATABASE {name} {copied}")
        yield with_database(server_url, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture(scope="session")
async def installed(server_url: str, closed_folder: Path) -> AsyncIterator[str]:
    """The name of a database after a node's first start; nobody stays connected to it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    name = f"podium_installed_{WORKER}"
    async with database(server_url, name) as url:
        async with running(settings(url, closed_folder / "installed"), MovableClock()):
            pass
        yield name


@pytest.fixture(scope="module")
def clock() -> MovableClock:
    """The node's clock: `clock.now`, `clock.forward(hours=25)`."""
    return MovableClock()


@pytest.fixture(scope="module")
async def node(server_url: str, installed: str, closed_folder: Path, clock: MovableClock) -> AsyncIterator[Node]:
    """The module's node, on a database of its own."""
    name = f"podium_test_{WORKER}_{next(_NUMBERS)}"
    async with (
        database(server_url, name, installed) as url,
        running(settings(url, closed_folder / name), clock) as made,
    ):
        yield made


@pytest.fixture
async def api(node: Node) -> Caller:
    """The administrator of a new tenant."""
    return await Caller(node, "tenant")


@pytest.fixture
async def pm(api: Caller) -> Caller:
    """The organization's administrator with every right of the management API."""
    return api.with_scopes("IdentityServerApi")


@pytest.fixture
def given(api: Caller) -> Given:
    """Builders in the tenant of `api`."""
    return Given(api)
