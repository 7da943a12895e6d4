"""What the orchestrator asks of the identity server; `server/compose.py` fills these in-process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from podium.kernel.call import Call
from podium.kernel.db import Connection

PEOPLE = ("user", "robot")
ALL_KINDS = ("user", "group", "robot", "application")


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
    @property
    def display_name(self) -> str: ...


@runtime_checkable
class Directory(Protocol):
    """Names and groups of principals; who is deleted has none."""

    async def groups_of(self, principal: UUID) -> list[UUID]: ...

    async def members_of(self, groups: Collection[UUID]) -> Sequence[tuple[UUID, UUID]]: ...

    async def names(self, organization_id: UUID, ids: Collection[UUID]) -> Mapping[UUID, PrincipalRef]: ...

    async def find(
        self, organization_id: UUID, name_or_email: str, kinds: Collection[str] = PEOPLE
    ) -> PrincipalRef | None: ...

    async def search(
        self, organization_id: UUID, prefix: str, limit: int, kinds: Collection[str] = ALL_KINDS
    ) -> Sequence[PrincipalRef]: ...


class NewAdministrator(NamedTuple):
    """The person that a tenant is made for; `name` is the user name."""

    name: str
    email: str
    first_name: str | None
    last_name: str | None
    password: str


@runtime_checkable
class Administrators(Protocol):
    """Who acts for the host, and what the host does with the people of an organization, in the caller's transaction."""

    async def is_administrator(self, subject: UUID) -> bool:
        """Whether the principal is an administrator of its organization."""
        ...

    async def organizations(self, db: Connection) -> Mapping[UUID, str]:
        """The names of the active organizations."""
        ...

    async def person(self, db: Connection, organization_id: UUID, subject: UUID) -> PrincipalRef | None:
        """The person of that id."""
        ...

    async def person_named(self, db: Connection, organization_id: UUID, name_or_email: str) -> PrincipalRef | None:
        """The active person of that user name, else of that e-mail."""
        ...

    async def add(self, db: Connection, organization_id: UUID, person: NewAdministrator, now: datetime) -> UUID:
        """The id of a new person. Raises BadRequest for a name or password that the organization does not take."""
        ...

    async def set_password(
        self,
        db: Connection,
        organization_id: UUID,
        subject: UUID,
        password: str,
        now: datetime,
        on_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        """Everything that let the person in has ended. Raises BadRequest, NotFound, Forbidden."""
        ...


class NewAccount(NamedTuple):
    """A person to add to the organization. `password` blank: comes in by invitation or another provider only."""

    user_name: str
    email: str
    first_name: str
    last_name: str
    password: str


@runtime_checkable
class Accounts(Protocol):
    """The organization's own people, as far as the orchestrator may touch them."""

    async def create(self, call: Call, organization_id: UUID, account: NewAccount) -> PrincipalRef:
        """In the call's transaction, into no group. Raises BadRequest with what is wrong, Conflict for a taken name."""
        ...

    async def change_own_password(
        self, call: Call, organization_id: UUID, old: str, new: str, then: Callable[[Connection], Awaitable[None]]
    ) -> None:
        """For the caller, in a transaction of its own, of which `then` is part. Raises BadRequest."""
        ...


@runtime_checkable
class JobTokens(Protocol):
    """Tokens with which the process of a job calls, as the robot that runs it; they are stored nowhere."""

    def issue_job_token(
        self,
        organization_id: UUID,
        robot_name: str,
        now: datetime,
        *,
        tenant_key: UUID,
        folder_key: UUID,
        job_key: UUID,
        lease_epoch: int,
        robot_key: UUID,
    ) -> str:
        """A token for one hand-out of the job; good until the job ends or is handed out again. About a millisecond."""
        ...


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
