"""What identity asks of the orchestrator; compose.py puts one object behind each interface."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from podium.kernel.db import Connection

if TYPE_CHECKING:
    from podium.identity.directory import Principal


class TenantRef(NamedTuple):
    """A tenant that somebody may sign in to."""

    key: UUID
    name: str
    organization_id: UUID


@runtime_checkable
class Tenants(Protocol):
    """The tenants of the installation."""

    async def find(self, name: str) -> TenantRef | None:
        """The active tenant of that name, compared without regard to case; the default tenant for an empty name."""
        ...

    async def of_organization(self, organization_id: UUID) -> list[TenantRef]:
        """The active tenants of an organization by name."""
        ...


@runtime_checkable
class SignedIn(Protocol):
    """Told of each sign-in with a password, after it succeeded and before the token leaves."""

    async def signed_in(self, organization_id: UUID, tenant_key: UUID, principal: Principal) -> None:
        """Make what the first sign-in makes (the tenant's user, the personal workspace); repeatable."""
        ...


@runtime_checkable
class AccessChanged(Protocol):
    """Told when memberships, or principals themselves, come and go: what the orchestrator remembers of them is stale."""

    async def announce(self, db: Connection, organization_id: UUID) -> None:
        """Tell every node when the transaction commits."""
        ...

    def forget(self) -> None:
        """Drop what this node remembers, after the commit."""
        ...


@runtime_checkable
class UsersDeleted(Protocol):
    """Told when users are deleted, in the transaction of that (decision 47)."""

    async def users_deleted(self, db: Connection, organization_id: UUID, user_ids: Collection[UUID]) -> None:
        """Take the users and their assignments out of the organization's tenants; what they made stays."""
        ...
