"""What identity asks of the orchestrator; compose.py puts one object behind each interface."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

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


@runtime_checkable
class SignedIn(Protocol):
    """Told of each sign-in with a password, after it succeeded and before the token leaves."""

    async def signed_in(self, organization_id: UUID, tenant_key: UUID, principal: Principal) -> None:
        """Make what the first sign-in makes (the tenant's user, the personal workspace); repeatable."""
        ...
