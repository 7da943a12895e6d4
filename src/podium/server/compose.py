"""Puts the parts together: the one place that knows both contexts, fills their ports and starts the background work."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from podium.identity import bootstrap
from podium.identity.accounts import InProcessAccounts
from podium.identity.directory import InProcessClients, InProcessDirectory, Principal
from podium.identity.issuer import Issuer
from podium.identity.keys import loops as keys_loops
from podium.identity.mails import loops as mails_loops
from podium.identity.personal_tokens import actions as personal_tokens
from podium.identity.ports import AccessChanged, SignedIn, TenantRef, Tenants, UsersDeleted
from podium.identity.recovery import loops as recovery_loops
from podium.identity.tenant_administrators import InProcessAdministrators
from podium.kernel.audit_chain import sealing
from podium.kernel.audit_chain.signing import Signer
from podium.kernel.blobs import Blobs
from podium.kernel.call import Services
from podium.kernel.clock import Clock, system_clock
from podium.kernel.config import Config, ConfigError, resource
from podium.kernel.contract import Contract
from podium.kernel.db import Connection, Database
from podium.kernel.keyring import Keyring, installation_secret
from podium.kernel.loops import Loop, LoopRunner
from podium.kernel.migrate import migrate
from podium.kernel.operation import Operation, build
from podium.kernel.secrets import MasterKey, new_secret
from podium.orchestrator.access import actions as access_actions
from podium.orchestrator.access import first_start
from podium.orchestrator.access import rules as access_rules
from podium.orchestrator.access.actions import make_user
from podium.orchestrator.access.resolver import AccessResolver, application_principal
from podium.orchestrator.access.store import all_tenants, announce_change, seen
from podium.orchestrator.audit_logs import loops as audit_logs_loops
from podium.orchestrator.blob_links import BlobLinks
from podium.orchestrator.buckets import loops as buckets_loops
from podium.orchestrator.buckets.storage import Storage
from podium.orchestrator.credential_stores.catalogue import StoreTypes
from podium.orchestrator.exports import loops as exports_loops
from podium.orchestrator.jobs.leases import Leases
from podium.orchestrator.outgoing import Outgoing
from podium.orchestrator.personal_workspaces.actions import ensure_workspace
from podium.orchestrator.ports import Accounts, Administrators, Clients, Directory, JobTokens
from podium.orchestrator.presence import Presence
from podium.orchestrator.queue_items import loops as queue_items_loops
from podium.orchestrator.queue_items.traffic import Traffic
from podium.orchestrator.queues import loops as queues_loops
from podium.orchestrator.robots import actions as robots_actions
from podium.orchestrator.settings import actions as settings_actions
from podium.orchestrator.signals import Signals
from podium.orchestrator.tenants import loops as tenants_loops
from podium.server.admit import Admitter
from podium.server.admit_identity import IdentityAdmitter
from podium.server.authenticate import Authenticator
from podium.server.notify import Notifier
from podium.server.openapi.api import Registry
from podium.server.operations import LOOPS, OPERATION_MODULES
from podium.server.pages.guesses import Guesses
from podium.server.pages.shell import Pages
from podium.server.turn import Turn

log = structlog.get_logger("podium.server")

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


def _disabled(config: Config) -> frozenset[str]:
    """The permissions that nobody has. Raises ConfigError."""
    try:
        return access_rules.disabled_permissions(config.disabled_permissions)
    except ValueError as error:
        raise ConfigError(f"PODIUM_DISABLED_PERMISSIONS: {error}") from None


class TenantsOfAccess:
    """Tenants for who signs in."""

    def __init__(self, access: AccessResolver, default: str) -> None:
        self._access = access
        self._default = default

    async def find(self, name: str) -> TenantRef | None:
        """The active tenant of that name; the default one for an empty name."""
        wanted = (name or self._default).casefold()
        rows = await self._access.tenants()
        found = next((row for row in rows if row.name.casefold() == wanted and row.is_active), None)
        return None if found is None else TenantRef(found.key, found.name, found.organization_id)

    async def of_organization(self, organization_id: UUID) -> list[TenantRef]:
        """The active tenants of the organization by name."""
        rows = [one for one in await self._access.tenants() if one.organization_id == organization_id and one.is_active]
        found = [TenantRef(one.key, one.name, one.organization_id) for one in rows]
        return sorted(found, key=lambda one: one.name.casefold())


class AccessChangedForResolver:
    """Membership is the identity server's, what it opens is remembered by the orchestrator's tenants."""

    def __init__(self, access: AccessResolver) -> None:
        self._access = access

    async def announce(self, db: Connection, organization_id: UUID) -> None:
        """Tell every node, at the commit, to forget access in the organization's tenants."""
        for tenant in await all_tenants(db):
            if tenant.organization_id == organization_id:
                await announce_change(db, tenant.id)

    def forget(self) -> None:
        """Forget it here at once."""
        self._access.forget()


class UsersOutOfTenants:
    """Takes deleted users out of the organization's tenants (decision 47)."""

    async def users_deleted(self, db: Connection, organization_id: UUID, user_ids: Collection[UUID]) -> None:
        """Their rows, roles and memberships go; workspaces and running jobs stay."""
        for tenant in await all_tenants(db):
            if tenant.organization_id != organization_id:
                continue
            found = await access_actions.users_of(db, tenant.id, user_ids)
            if found:
                await robots_actions.let_outlive_users(db, tenant.id, found)
                await access_actions.remove_users(db, tenant.id, found)


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


async def _own_secrets(db: Database, keyring: Keyring) -> tuple[Signer, bytes]:
    """What signs audit checkpoints, and the key of blob addresses; the same on every node whatever the master key is."""
    async with db.acquire() as connection:
        blob_key = await installation_secret(connection, keyring, "blob addresses", new_secret)
        return await Signer.load(connection, keyring), blob_key.encode()


async def _page_key(db: Database, keyring: Keyring) -> bytes:
    """What the forms and cookies of pages are signed and sealed with; likewise the same on every node."""
    async with db.acquire() as connection:
        return (await installation_secret(connection, keyring, "pages", new_secret)).encode()


def _answers_to_identity(services: Services, access: AccessResolver, clients: Clients) -> dict[type, object]:
    """What the identity server asks of the orchestrator (identity/ports.py)."""
    return {
        AccessChanged: AccessChangedForResolver(access),
        UsersDeleted: UsersOutOfTenants(),
        Tenants: TenantsOfAccess(access, services.config.tenant),
        SignedIn: FirstSignIn(services, access, clients),
    }


def _files(config: Config, keyring: Keyring, blob_key: bytes) -> dict[type, object]:
    """What keeps files, and what speaks with stores outside."""
    outgoing = Outgoing(config.allowed_addresses)
    files = Blobs(config.data_dir / "blobs" / "buckets")  # apart, so that what no bucket has is found by its place
    return {
        Blobs: Blobs(config.data_dir / "blobs"),
        Outgoing: outgoing,
        StoreTypes: StoreTypes.load(config, outgoing),
        Storage: Storage(files, keyring, outgoing, config.bucket_file_limit_bytes),
        BlobLinks: BlobLinks(config.public_url, blob_key),
    }


def _loops(services: Services, keyring: Keyring, issuer: Issuer, signer: Signer) -> tuple[Loop, ...]:
    """The background work that needs more than a database."""
    blobs = services.port(Blobs)
    return (
        *keys_loops.loops(keyring),
        *mails_loops.loops(services.db, keyring),
        *recovery_loops.loops(keyring, issuer.issuer),
        *exports_loops.loops(blobs),
        *queues_loops.loops(services),
        *queue_items_loops.loops(keyring),
        *buckets_loops.loops(services.port(Storage)),
        *tenants_loops.loops(blobs),
        *audit_logs_loops.loops(signer),
        *sealing.loops(signer, services.config.data_dir),
    )


def _turn(services: Services, contract: Contract, operations: list[Operation], installed: Installed) -> Turn:
    """What answers the requests, with who lets them in."""
    config, access, issuer = services.config, services.port(AccessResolver), services.port(Issuer)
    own = {config.organization.lower(): installed.organization_id}
    administrators = services.port(Administrators)
    admitter = Admitter(contract, access, own, config.tenant, administrators)
    return Turn(
        services,
        contract,
        operations,
        Authenticator(issuer, partial(personal_tokens.authenticate, services.db), access, Leases(services.db)),
        admitter,
        IdentityAdmitter(services.db, InProcessDirectory(services.db)),
    )


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
        keyring = await Keyring.load(db, partial(MasterKey.load, config.data_dir, config.master_key))
        signer, blob_key = await _own_secrets(db, keyring)
        issuer = await Issuer.open(db, config, keyring, clock)
        services = Services(config=config, db=db, clock=clock)
        directory, clients = InProcessDirectory(db), InProcessClients()
        administrators = InProcessAdministrators(db, issuer)
        access = AccessResolver(db, directory, clock, _disabled(config))
        signals, presence, traffic = Signals(), Presence(), Traffic(db, keyring)
        services.ports.update(
            {
                Keyring: keyring,
                Issuer: issuer,
                Directory: directory,
                Clients: clients,
                Accounts: InProcessAccounts(issuer),
                Administrators: administrators,
                JobTokens: issuer,
                AccessResolver: access,
                Pages: Pages(config.public_url, await _page_key(db, keyring)),
                Guesses: Guesses(),
                **_answers_to_identity(services, access, clients),
                Signals: signals,
                Traffic: traffic,
                Presence: presence,
                **_files(config, keyring, blob_key),
            }
        )
        contract = Contract.load(resource("contract"))
        operations = build(contract, OPERATION_MODULES)
        services.ports[Contract] = contract
        services.ports[Registry] = Registry(contract, operations)
        turn = _turn(services, contract, operations, installed)
        of_ports = _loops(services, keyring, issuer, signer)
        loops = LoopRunner(db, (*LOOPS, *of_ports), clock, f"{socket.gethostname()}:{os.getpid()}")
        keyring.start()
        try:
            async with _background(db, signals, presence, access, issuer, loops):
                yield Composition(services, contract, operations, turn, loops, installed.organization_id)
        finally:
            await traffic.close()
            await services.port(Storage).close()
            await keyring.close()
            await issuer.close()
    finally:
        await db.close()


@asynccontextmanager
async def _background(
    db: Database, signals: Signals, presence: Presence, access: AccessResolver, issuer: Issuer, loops: LoopRunner
) -> AsyncIterator[None]:
    settings_actions.forget()  # an earlier node of this process may have known another database

    def access_changed(tenant_id: int | None) -> None:
        access.forget()
        settings_actions.forget(tenant_id)
        issuer.clients.forget()  # an application that came, changed or went is announced as such a change
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
