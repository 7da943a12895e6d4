"""Changes to client programs, and the memory of those that ask for tokens often."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from podium.identity.clients import store
from podium.identity.clients.rules import (
    APPLICATION_SCOPES,
    BUILT_IN_PUBLIC_CLIENT,
    BUILT_IN_REDIRECTS,
    MACHINE_SCOPE,
    Client,
    is_allowed_origin,
    principal_id,
)
from podium.identity.names import fold
from podium.identity.partitions.rules import HOST_ID
from podium.kernel.db import Connection, Database
from podium.kernel.errors import Conflict
from podium.kernel.secrets import hash_machine_secret

MAX_CLIENT_ID_CHARACTERS = 200
BOOTSTRAP_SECRET = "bootstrap"  # noqa: S105 - the description under which the operator's secret is kept


class KnownClients:
    """Clients read from the database, remembered for 5 s: a changed secret counts on every node within that time."""

    TTL = timedelta(seconds=5)
    MOST = 4096

    def __init__(self, db: Database) -> None:
        self._db = db
        self._clients: dict[str, tuple[datetime, Client]] = {}
        self._redirects: tuple[datetime, list[str]] | None = None
        self._changes = 0

    async def find(self, client_id: str, now: datetime) -> Client | None:
        """The client of that id, compared as it is; None when there is none. Unknown ids are not remembered."""
        if not client_id or len(client_id) > MAX_CLIENT_ID_CHARACTERS or "\0" in client_id:
            return None
        known = self._clients.get(client_id)
        if known is not None and timedelta() <= now - known[0] < self.TTL:
            return known[1]
        changes = self._changes
        async with self._db.acquire() as connection:
            client = await store.find(connection, client_id)
        if changes != self._changes:
            return client  # it may have been read before the change that made everything to be forgotten
        if client is None:
            self._clients.pop(client_id, None)
            return None
        if len(self._clients) >= self.MOST:
            self._clients.clear()
        self._clients[client_id] = (now, client)
        return client

    async def allows_origin(self, origin: str, now: datetime) -> bool:
        """Whether a browser page of that origin may call the token, key and discovery endpoints."""
        if self._redirects is None or not timedelta() <= now - self._redirects[0] < self.TTL:
            async with self._db.acquire() as connection:
                self._redirects = (now, await store.redirect_uris(connection))
        return is_allowed_origin(origin, self._redirects[1])

    def forget(self) -> None:
        """Read every client anew, after a change."""
        self._clients.clear()
        self._redirects = None
        self._changes += 1


async def ensure_built_in_client(db: Connection, now: datetime) -> None:
    """The public client of the vendor's command lines and SDKs; it belongs to the host."""
    client = Client(
        organization_id=HOST_ID,
        id=principal_id(BUILT_IN_PUBLIC_CLIENT),
        client_id=BUILT_IN_PUBLIC_CLIENT,
        kind="first_party",
        name="UiPath tools",
        is_confidential=False,
        redirect_uris=BUILT_IN_REDIRECTS,
        application_scopes=(),
        user_scopes=(),
        takes_any_scope=True,
        secrets=(),
    )
    await store.put(db, client, fold(client.name), now, is_bootstrap=False)


async def ensure_bootstrap_client(
    db: Connection, organization_id: UUID, client_id: str, secret: str, now: datetime
) -> None:
    """The operator's confidential application, with every application scope and exactly this secret of the operator's.

    Secrets that were added to it otherwise stay. A bootstrap application of another client id goes. Raises Conflict
    when the client id belongs to something else.
    """
    for other in await store.other_bootstrap_clients(db, organization_id, client_id):
        await store.remove(db, organization_id, other)
    client = Client(
        organization_id=organization_id,
        id=principal_id(client_id),
        client_id=client_id,
        kind="external",
        name="Bootstrap",
        is_confidential=True,
        redirect_uris=(),
        application_scopes=APPLICATION_SCOPES,
        user_scopes=(),
        takes_any_scope=False,
        secrets=(),
    )
    owner = await store.put(db, client, fold(client.name), now, is_bootstrap=True)
    if owner is None:
        raise Conflict(f"The client id {client_id} belongs to another client.")
    secret_hash = hash_machine_secret(secret)
    if not await store.has_secret(db, organization_id, owner, BOOTSTRAP_SECRET, secret_hash):
        await store.remove_secrets(db, organization_id, client_id, BOOTSTRAP_SECRET)
        await store.add_secret(db, organization_id, client_id, BOOTSTRAP_SECRET, secret_hash, now)


async def register_machine_client(
    db: Connection, organization_id: UUID, client_id: str, secret_hash: bytes, name: str, now: datetime
) -> None:
    """Let a machine ask for tokens: its licence key is the client id, `secret_hash` the SHA-256 of its secret.

    Runs in the caller's transaction. Raises Conflict for a client id that is taken.
    """
    if await store.find(db, client_id) is not None:
        raise Conflict("The machine key is taken.")
    client = Client(
        organization_id=organization_id,
        id=principal_id(client_id),
        client_id=client_id,
        kind="machine",
        name=name,
        is_confidential=True,
        redirect_uris=(),
        application_scopes=(MACHINE_SCOPE,),
        user_scopes=(),
        takes_any_scope=False,
        secrets=(),
    )
    await store.put(db, client, fold(name), now, is_bootstrap=False)
    await store.add_secret(db, organization_id, client_id, None, secret_hash, now)


async def replace_machine_secret(
    db: Connection, organization_id: UUID, client_id: str, secret_hash: bytes, now: datetime
) -> int | None:
    """Id of the machine's new and only secret; the old ones end within 5 s. None when there is no such client."""
    await store.remove_secrets(db, organization_id, client_id, None)
    return await store.add_secret(db, organization_id, client_id, None, secret_hash, now)


async def add_machine_secret(
    db: Connection, organization_id: UUID, client_id: str, secret_hash: bytes, now: datetime
) -> int | None:
    """Id of a further secret beside those the machine has; None when there is no such client."""
    return await store.add_secret(db, organization_id, client_id, None, secret_hash, now)


async def remove_machine_secret(db: Connection, organization_id: UUID, client_id: str, secret_id: int) -> bool:
    """Whether there was such a secret; it ends within 5 s."""
    return await store.remove_secret(db, organization_id, client_id, secret_id)


async def remove_client(db: Connection, organization_id: UUID, client_id: str) -> bool:
    """Whether there was such a client; no new tokens within 5 s (`tokens.actions.revoke` ends those it has)."""
    return await store.remove(db, organization_id, client_id)
