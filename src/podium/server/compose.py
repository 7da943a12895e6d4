"""Puts the parts together: the one place that knows both contexts, fills their ports and starts the background work."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from podium.identity import bootstrap
from podium.identity.account import api as account_api
from podium.identity.directory import InProcessClients, InProcessDirectory, Principal
from podium.identity.issuer import Issuer
from podium.identity.keys import loops as keys_loops
from podium.identity.oidc import api as oidc_api
from podium.identity.ports import SignedIn, TenantRef, Tenants
from podium.identity.tokens import loops as tokens_loops
from podium.kernel.blobs import Blobs
from podium.kernel.call import Services
from podium.kernel.clock import Clock, system_clock
from podium.kernel.config import Config, resource
from podium.kernel.contract import Contract
from podium.kernel.db import Database
from podium.kernel.loops import Loop, LoopRunner
from podium.kernel.migrate import migrate
from podium.kernel.operation import Operation, build
from podium.kernel.secrets import MasterKey
from podium.orchestrator.access import first_start
from podium.orchestrator.access.actions import make_user
from podium.orchestrator.access.resolver import AccessResolver, application_principal
from podium.orchestrator.access.store import seen
from podium.orchestrator.attachments import api as attachments_api
from podium.orchestrator.blob_links import BlobLinks
from podium.orchestrator.exports import api as exports_api
from podium.orchestrator.exports import loops as exports_loops
from podium.orchestrator.folders import api as folders_api
from podium.orchestrator.folders.machines import api as folder_machines_api
from podium.orchestrator.folders.members import api as folder_members_api
from podium.orchestrator.folders.navigation import api as folder_navigation_api
from podium.orchestrator.job_triggers import api as job_triggers_api
from podium.orchestrator.job_triggers import loops as job_triggers_loops
from podium.orchestrator.jobs import api as jobs_api
from podium.orchestrator.jobs import loops as jobs_loops
from podium.orchestrator.jobs import validation as jobs_validation
from podium.orchestrator.logs import api as logs_api
from podium.orchestrator.logs import loops as logs_loops
from podium.orchestrator.machines import api as machines_api
from podium.orchestrator.packages import api as packages_api
from podium.orchestrator.personal_workspaces import api as personal_workspaces_api
from podium.orchestrator.personal_workspaces.actions import ensure_workspace
from podium.orchestrator.ports import Clients, Directory
from podium.orchestrator.presence import Presence
from podium.orchestrator.processes import api as processes_api
from podium.orchestrator.robots import api as robots_api
from podium.orchestrator.robots_service import api as robots_service_api
from podium.orchestrator.robots_service import files as robots_service_files
from podium.orchestrator.sessions import api as sessions_api
from podium.orchestrator.sessions import loops as sessions_loops
from podium.orchestrator.signals import Signals
from podium.orchestrator.status import api as status_api
from podium.orchestrator.users import api as users_api
from podium.server.admit import Admitter
from podium.server.authenticate import Authenticator
from podium.server.notify import Notifier
from podium.server.turn import Turn

log = structlog.get_logger("podium.server")

OPERATION_MODULES = (
    account_api,
    oidc_api,
    attachments_api,
    exports_api,
    folders_api,
    folder_machines_api,
    folder_members_api,
    folder_navigation_api,
    job_triggers_api,
    jobs_api,
    jobs_validation,
    logs_api,
    machines_api,
    packages_api,
    personal_workspaces_api,
    processes_api,
    robots_api,
    robots_service_api,
    robots_service_files,
    sessions_api,
    status_api,
    users_api,
)
LOOPS: tuple[Loop, ...] = (
    *exports_loops.LOOPS,
    *job_triggers_loops.LOOPS,
    *jobs_loops.LOOPS,
    *logs_loops.LOOPS,
    *sessions_loops.LOOPS,
    *tokens_loops.LOOPS,
)
FLUSH_EVERY = timedelta(seconds=5)


@dataclass(slots=True)
class Composition:
    """A node that answers requests."""

    services: Services
    contract: Contract
    operations: list[Operation]
    turn: Turn
    loops: LoopRunner
    organization_id: UUID


@dataclass(slots=True)
class Installed:
    """What the first start made or found."""

    organization_id: UUID
    tenant_id: int
    admin_password: str | None


async def install(db: Database, config: Config, clock: Clock) -> Installed:
    """Make what every installation has; any number of times, by any number of nodes at once."""
    now = clock()
    made = await bootstrap.ensure(db, config, now)
    application = None
    if made.bootstrap_client_id is not None:
        application = application_principal(made.bootstrap_client_id), made.bootstrap_client_id
    async with db.transaction() as connection:
        administrator = (made.admin_id, bootstrap.ADMIN, bootstrap.ADMIN_EMAIL)
        tenant_id = await first_start.ensure_tenant(
            connection, made.organization_id, config.tenant, administrator, application, now
        )
    return Installed(made.organization_id, tenant_id, made.admin_password)


class TenantsOfAccess:
    """Tenants for the classic sign-in."""

    def __init__(self, access: AccessResolver, default: str) -> None:
        self._access = access
        self._default = default

    async def find(self, name: str) -> TenantRef | None:
        """The active tenant of that name; the default one for an empty name."""
        wanted = (name or self._default).casefold()
        rows = await self._access.tenants()
        found = next((row for row in rows if row.name.casefold() == wanted and row.is_active), None)
        return None if found is None else TenantRef(found.key, found.name, found.organization_id)


class FirstSignIn:
    """Makes the tenant's user and its workspace when somebody signs in (decisions 30 and 34)."""

    def __init__(self, services: Services, access: AccessResolver, clients: Clients) -> None:
        self._services = services
        self._access = access
        self._clients = clients

    async def signed_in(self, organization_id: UUID, tenant_key: UUID, principal: Principal) -> None:
        """Repeatable; called before the token leaves."""
        now = self._services.clock()
        tenant = next((row for row in await self._access.tenants() if row.key == tenant_key), None)
        if tenant is None:
            return
        is_known = await self._access.user(tenant.id, principal.id) is not None
        async with self._services.db.transaction() as db:
            user_id = await make_user(db, tenant.id, principal.id, principal.name, principal.email, now)
            await ensure_workspace(db, self._clients, tenant.id, organization_id, user_id, now)
            await seen(db, tenant.id, user_id, now)
        if not is_known:
            self._access.forget()


@asynccontextmanager
async def compose(
    config: Config, clock: Clock = system_clock, *, installed: Installed | None = None
) -> AsyncIterator[Composition]:
    """A running node on the database of `config.database_url`; ended in order when the context ends.

    `installed`: what this process has just installed itself; without it the node makes sure of it.
    """
    assert config.database_url is not None
    if installed is None:
        await migrate(config.database_url, resource("migrations"))
    db = await Database.open(config.database_url, size=config.pool_size)
    try:
        installed = installed or await install(db, config, clock)
        master = MasterKey.load(config.data_dir, config.master_key)
        issuer = await Issuer.open(db, config, master.key, clock)
        services = Services(config=config, db=db, clock=clock)
        directory, clients = InProcessDirectory(db), InProcessClients()
        access = AccessResolver(db, directory, clock)
        signals, presence = Signals(), Presence()
        blobs = Blobs(config.data_dir / "blobs")
        services.ports.update(
            {
                Issuer: issuer,
                Directory: directory,
                Clients: clients,
                AccessResolver: access,
                Tenants: TenantsOfAccess(access, config.tenant),
                SignedIn: FirstSignIn(services, access, clients),
                Signals: signals,
                Presence: presence,
                Blobs: blobs,
                BlobLinks: BlobLinks(config.public_url, master.key),
            }
        )
        contract = Contract.load(resource("contract"))
        operations = build(contract, OPERATION_MODULES)
        organizations = {config.organization.lower(): installed.organization_id}
        admitter = Admitter(contract, access, organizations, config.tenant)
        turn = Turn(services, contract, operations, Authenticator(issuer, access), admitter)
        owner = f"{socket.gethostname()}:{os.getpid()}"
        loops = LoopRunner(db, (*LOOPS, *keys_loops.loops(master.key), *exports_loops.loops(blobs)), clock, owner)
        try:
            async with _background(db, signals, presence, access, loops):
                yield Composition(services, contract, operations, turn, loops, installed.organization_id)
        finally:
            await issuer.close()
    finally:
        await db.close()


@asynccontextmanager
async def _background(
    db: Database, signals: Signals, presence: Presence, access: AccessResolver, loops: LoopRunner
) -> AsyncIterator[None]:
    def access_changed(tenant_id: int) -> None:
        access.forget()
        presence.forget_tenant(tenant_id)

    notifier = Notifier(db, signals, access_changed)
    tasks = [
        asyncio.create_task(notifier.run(), name="notifier"),
        asyncio.create_task(_flush(db, presence), name="flush"),
    ]
    loops.start()
    try:
        yield
    finally:
        await loops.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await presence.flush(db)


async def _flush(db: Database, presence: Presence) -> None:
    """Write the sessions' reports every few seconds; a database that is away is tried again."""
    while True:
        await asyncio.sleep(FLUSH_EVERY.total_seconds())
        try:
            await presence.flush(db)
        except Exception as error:  # noqa: BLE001 - beats are hints; the next flush writes them
            log.warning("beats not written", error=str(error))
