"""What the orchestrator asks of the identity server; `server/compose.py` fills these in-process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from podium.kernel.db import Connection


class PrincipalRef(Protocol):
    """A principal as the directory names it. `kind`: user, group, robot or application."""

    @property
    def id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def first_name(self) -> str: ...
    @property
    def last_name(self) -> str: ...


@runtime_checkable
class Directory(Protocol):
    """Names and groups of principals."""

    async def groups_of(self, principal: UUID) -> list[UUID]: ...

    async def names(self, ids: Collection[UUID]) -> Mapping[UUID, PrincipalRef]: ...

    async def find(self, organization_id: UUID, name_or_email: str) -> PrincipalRef | None: ...


class SecretRef(Protocol):
    """A secret of a machine, without the secret."""

    @property
    def id(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...


@runtime_checkable
class Clients(Protocol):
    """Machine credentials, kept by the identity server so that machines get tokens; in the caller's transaction."""

    async def register_machine(
        self, db: Connection, organization_id: UUID, client_id: str, secret: str, name: str, now: datetime
    ) -> None: ...

    async def remove_machine(self, db: Connection, organization_id: UUID, client_id: str) -> None: ...

    async def machine_secrets(self, db: Connection, organization_id: UUID, client_id: str) -> Sequence[SecretRef]: ...

    async def add_machine_secret(
        self, db: Connection, organization_id: UUID, client_id: str, secret: str, now: datetime
    ) -> int | None: ...

    async def machine_of_secret(self, db: Connection, organization_id: UUID, secret_id: int) -> str | None: ...

    async def remove_machine_secret(
        self, db: Connection, organization_id: UUID, client_id: str, secret_id: int
    ) -> bool: ...
