"""Names, groups and credentials of principals, as the orchestrator asks for them; in the same process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal, NamedTuple, get_args
from uuid import UUID

from asyncpg import Record

from podium.identity.clients import actions as clients
from podium.identity.groups import actions as groups
from podium.identity.names import fold
from podium.identity.users.rules import User
from podium.kernel.db import Connection, Database
from podium.kernel.secrets import hash_machine_secret

PrincipalKind = Literal["user", "group", "robot", "application"]


class Principal(NamedTuple):
    """A principal as shown. `name`: user name, group name or client name; absent texts are empty."""

    id: UUID
    kind: PrincipalKind
    name: str
    email: str
    first_name: str
    last_name: str
    display_name: str


def principal_of(user: User) -> Principal:
    """A user as the orchestrator is told of him."""
    return Principal(
        id=user.id,
        kind="user",
        name=user.user_name,
        email=user.email or "",
        first_name=user.first_name or "",
        last_name=user.last_name or "",
        display_name=user.full_name,
    )


NAMES = """
SELECT id, kind, name, email, first_name, last_name, display_name FROM identity.principals
 WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""

# A user's name wins over another user's e-mail, and that over others; the older one over a younger of the same name.
FIND = """
SELECT id, kind, name, email, first_name, last_name, display_name FROM identity.principals
 WHERE organization_id = $1 AND kind = ANY($3::text[]) AND (name_key = $2 OR email_key = $2)
 ORDER BY kind = 'user' DESC, name_key = $2 DESC, created_at, id LIMIT 1
"""

SEARCH = """
SELECT id, kind, name, email, first_name, last_name, display_name FROM identity.principals
 WHERE organization_id = $1 AND kind = ANY($4::text[])
   AND (name_key ^@ $2::text OR email_key ^@ $2::text OR lower(display_name) ^@ $2::text)
 ORDER BY name_key, id LIMIT $3
"""

MACHINE_SECRETS = """
SELECT s.id, s.created_at FROM identity.client_secrets s
  JOIN identity.clients c ON (c.organization_id, c.id) = (s.organization_id, s.owner_id)
 WHERE c.organization_id = $1 AND c.client_id = $2 AND c.kind = 'machine' ORDER BY s.id
"""

MACHINE_WITH = """
SELECT c.client_id FROM identity.client_secrets s
  JOIN identity.clients c ON (c.organization_id, c.id) = (s.organization_id, s.owner_id)
 WHERE c.organization_id = $1 AND s.id = $2 AND c.kind = 'machine'
"""


class MachineSecret(NamedTuple):
    """A secret of a machine, without the secret."""

    id: int
    created_at: datetime


class InProcessDirectory:
    """Answers the orchestrator's questions about principals from the same database. One per process, keeps nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def names(self, organization_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, Principal]:
        """The principals of these ids; unknown and deleted ones and those of other organizations are left out."""
        async with self._db.acquire() as connection:
            rows = await connection.fetch(NAMES, organization_id, list(ids))
        return {row["id"]: _principal(row) for row in rows}

    async def groups_of(self, principal: UUID) -> list[UUID]:
        """Ids of the principal's groups; Everyone is among them for an active user, not for a robot account."""
        async with self._db.acquire() as connection:
            return await groups.groups_of(connection, principal)

    async def members_of(self, group_ids: Collection[UUID]) -> list[tuple[UUID, UUID]]:
        """Principal and group, for every member of the groups; every active user is in Everyone."""
        async with self._db.acquire() as connection:
            return await groups.members_of(connection, group_ids)

    async def find(
        self, organization_id: UUID, name_or_email: str, kinds: Collection[str] = ("user", "robot")
    ) -> Principal | None:
        """The principal of one of these kinds that is called so, else the user of that e-mail; without regard to case."""
        if "\0" in name_or_email:
            return None
        async with self._db.acquire() as connection:
            row = await connection.fetchrow(FIND, organization_id, fold(name_or_email), list(kinds))
        return _principal(row) if row else None

    async def search(
        self, organization_id: UUID, prefix: str, limit: int, kinds: Collection[str] = get_args(PrincipalKind)
    ) -> list[Principal]:
        """Principals whose name, shown name or e-mail starts so, by name; at most `limit`."""
        if "\0" in prefix:
            return []
        async with self._db.acquire() as connection:
            rows = await connection.fetch(SEARCH, organization_id, fold(prefix), limit, list(kinds))
        return [_principal(row) for row in rows]

    async def is_administrator(self, subject: UUID) -> bool:
        """Whether the principal is in the group Administrators of its organization."""
        async with self._db.acquire() as connection:
            return await groups.is_administrator(connection, subject)


class InProcessClients:
    """Machine credentials, in the transaction of the orchestrator's change. Keeps nothing."""

    async def register_machine(
        self, db: Connection, organization_id: UUID, client_id: str, secret: str, name: str, now: datetime
    ) -> None:
        """Let a machine ask for tokens by its licence key and this secret. Raises Conflict for a key that is taken."""
        await clients.register_machine_client(db, organization_id, client_id, hash_machine_secret(secret), name, now)

    async def remove_machine(self, db: Connection, organization_id: UUID, client_id: str) -> None:
        """The machine gets no more tokens; nothing when it is unknown."""
        await clients.remove_client(db, organization_id, client_id)

    async def machine_secrets(self, db: Connection, organization_id: UUID, client_id: str) -> list[MachineSecret]:
        """The machine's secrets, oldest first; none when it is unknown."""
        return [MachineSecret(*row) for row in await db.fetch(MACHINE_SECRETS, organization_id, client_id)]

    async def add_machine_secret(
        self, db: Connection, organization_id: UUID, client_id: str, secret: str, now: datetime
    ) -> int | None:
        """Id of a further secret beside those the machine has; None when it is unknown."""
        return await clients.add_machine_secret(db, organization_id, client_id, hash_machine_secret(secret), now)

    async def machine_of_secret(self, db: Connection, organization_id: UUID, secret_id: int) -> str | None:
        """The licence key of the machine that has this secret."""
        found: str | None = await db.fetchval(MACHINE_WITH, organization_id, secret_id)
        return found

    async def remove_machine_secret(
        self, db: Connection, organization_id: UUID, client_id: str, secret_id: int
    ) -> bool:
        """Whether the machine had such a secret; it ends within 5 s."""
        return await clients.remove_machine_secret(db, organization_id, client_id, secret_id)


def _principal(row: Record) -> Principal:
    texts = (row[name] or "" for name in ("name", "email", "first_name", "last_name", "display_name"))
    return Principal(row["id"], row["kind"], *texts)
