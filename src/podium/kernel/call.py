"""One call on its way through a handler: who asks, for which part of the data, with which connection, at which instant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from podium.kernel.clock import Clock
from podium.kernel.config import Config
from podium.kernel.contract import Row
from podium.kernel.db import Connection, Database
from podium.kernel.errors import Forbidden
from podium.kernel.outbox import Event

T = TypeVar("T")
ActorKind = Literal["anonymous", "user", "application", "robot", "machine"]


class Actor(NamedTuple):
    """The principal behind a call.

    `subject`: GUID of the identity principal (user or application), None for robots and machines.
    `user_id`: row of the tenant's users, None outside a tenant. `scopes`: None when every scope is granted.
    `tenant_key`: the tenant that the sign-in named, for calls that name none. `job_key` and `folder_id`: of a robot that
    calls with the token of one of its jobs, the job and the only folder that it reaches; None for everybody else.
    """

    kind: ActorKind
    subject: UUID | None = None
    name: str = ""
    email: str = ""
    organization_id: UUID | None = None
    client_id: str = ""
    scopes: frozenset[str] | None = None
    tenant_key: UUID | None = None
    user_id: int | None = None
    robot_id: int | None = None
    robot_key: UUID | None = None
    machine_id: int | None = None
    job_key: UUID | None = None
    folder_id: int | None = None


class Folder(NamedTuple):
    """A folder that the caller reaches, with the permissions that hold in it. `path` is the fully qualified name."""

    id: int
    key: UUID
    path: str
    permissions: frozenset[str]


class Reach(NamedTuple):
    """What a principal may do in a tenant: the tenant-wide permissions, and every folder it reaches by id.

    `anywhere` is the union of the permissions in those folders.
    """

    permissions: frozenset[str]
    folders: Mapping[int, Folder]
    anywhere: frozenset[str] = frozenset()

    def within(self, folder: Folder) -> frozenset[str]:
        """What holds in a folder: its own permissions and the tenant-wide ones."""
        return self.permissions | folder.permissions


NO_REACH = Reach(frozenset(), {})


@dataclass(slots=True, kw_only=True)
class Services:
    """What lives as long as the process. `ports` holds one object per interface that a context asked for."""

    config: Config
    db: Database
    clock: Clock
    ports: dict[type, object] = field(default_factory=dict)

    def port(self, kind: type[T]) -> T:
        """The object that fills an interface; compose.py put it there."""
        found = self.ports[kind]
        assert isinstance(found, kind)
        return found


@dataclass(slots=True, kw_only=True)
class Call:
    """The argument of every handler. Lives for one request; not shared between tasks.

    `path` is the address without organization and tenant; `query_string` is as it was sent, for who must see a parameter
    that is given twice. `client_address`: the peer's, or what a trusted proxy says of it; blank when it is not known.
    `organization_id`: the caller's; of a call that needs no credential the one that the address names, None when it
    names none. `in_transaction`: `db` is in a transaction that the turn commits, also for a handler that asks for none.
    """

    row: Row
    services: Services
    db: Connection
    now: datetime
    actor: Actor
    headers: Mapping[str, str]
    query: Mapping[str, str]
    stream: Callable[[], AsyncIterator[bytes]]
    gone: Callable[[], Awaitable[object]]
    public_url: str
    trace_id: str
    path: str = ""
    query_string: str = ""
    client_address: str = ""
    tenant_id: int = 0
    tenant_key: UUID | None = None
    tenant_name: str = ""
    organization_id: UUID | None = None
    organization_name: str = ""
    in_transaction: bool = False
    body: object = None
    reach: Reach = NO_REACH
    folder: Folder | None = None
    events: list[Event] = field(default_factory=list)
    audit: dict[str, Any] = field(default_factory=dict)
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    def port(self, kind: type[T]) -> T:
        """The object that fills an interface."""
        return self.services.port(kind)

    @property
    def permissions(self) -> frozenset[str]:
        """Tenant-wide permissions, with those of the folder named in the request."""
        return self.reach.within(self.folder) if self.folder else self.reach.permissions

    def require(self, *alternatives: str) -> None:
        """Refuse (403) unless the caller holds one of these permissions here."""
        if not any(name in self.permissions for name in alternatives):
            raise Forbidden("You are not authorized!")

    def folders_with(self, permission: str) -> list[int]:
        """Ids of the folders to read: the one named in the request, else every folder where the permission holds.

        Refuses (403) when there is none.
        """
        if self.folder is not None:
            self.require(permission)
            return [self.folder.id]
        if permission in self.reach.permissions:
            found = list(self.reach.folders)
        else:
            found = [folder.id for folder in self.reach.folders.values() if permission in folder.permissions]
        if not found and permission not in self.reach.permissions:
            raise Forbidden("You are not authorized!")
        return found

    @property
    def folder_id(self) -> int:
        """Id of the folder named in the request; only for rows whose folder rule is `required`."""
        assert self.folder is not None
        return self.folder.id

    def emit(self, type_: str, payload: Mapping[str, object], *, folder_id: int | None = None) -> None:
        """Queue an event; it is stored in the call's transaction and delivered after it."""
        home = folder_id if folder_id is not None else (self.folder.id if self.folder else None)
        self.events.append(Event(type_, payload, home))

    def on_commit(self, action: Callable[[], None]) -> None:
        """Run after the commit and only then: wake a loop, forget a cache entry."""
        self.after_commit.append(action)

    def describe(
        self,
        action: str,
        *,
        component: str = "",
        entity_id: int | str | None = None,
        name: str = "",
        before: Mapping[str, object] | None = None,
    ) -> None:
        """Fill the audit row of this call: verb of the published Action enumeration, component, entity.

        `before`: the entity as it was, members by their wire names; secrets are taken out of it and of the call's body.
        Of what is PUT, PATCHed and DELETEd by its key the server knows that itself.
        """
        self.audit.update(action=action, component=component or self.row.tag, entity_id=entity_id, name=name)
        if before is not None:
            self.audit["before"] = before


@dataclass(frozen=True, slots=True)
class Item:
    """One OData entity as JSON text; the edge adds `@odata.context`."""

    json: str
    set_name: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """OData rows as JSON text of the array; `total` None when the count was not asked for."""

    json: str
    set_name: str
    total: int | None = None
    next_link: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """The answer of an OData function or action with a plain value."""

    value: object
    type_name: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is complete in itself. `cookies`: values of Set-Cookie headers."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileReply:
    """A file of the blob store, streamed."""

    path: str
    file_name: str
    content_type: str = "application/octet-stream"


def given(value: T | msgspec.UnsetType | None, default: T) -> T:
    """The member's value, or the default when the body left it out or sent null."""
    return default if value is None or value is msgspec.UNSET else value
