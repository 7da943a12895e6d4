"""What a type of credential store is. A plug-in of the entry point group `podium.credential_stores` brings another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

ValueType = Literal["String", "Number", "Choice", "Boolean", "Secret"]


class Entry(NamedTuple):
    """A member of a store's configuration. The value of a Secret is kept sealed and shown to nobody.

    `choices`: all that a Choice may be, spelled so. `is_address`: it says who is told the secrets, so that they must be
    given anew when it changes; nobody may send a secret that he cannot see to a server of his own.
    """

    key: str
    title: str
    value_type: ValueType = "String"
    is_required: bool = False
    choices: tuple[str, ...] = ()
    is_address: bool = False


class Secret(NamedTuple):
    """What a store keeps under one name: a password with its user name, or one text without."""

    user_name: str | None
    text: str

    def __repr__(self) -> str:
        return "Secret(...)"


class Place(NamedTuple):
    """A store of a tenant. `values`: its configuration, secret entries in clear; entries that are not set are missing."""

    tenant: str
    tenant_key: UUID
    values: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Place({self.tenant})"


class StoreError(Exception):
    """The store did not do it. The message is shown to callers: nothing secret may be in it."""


class NotThere(StoreError):
    """The store has nothing of that name."""


class Denied(StoreError):
    """The store does not accept what it is asked, or who asks: trying again is of no use."""


class Unreachable(StoreError):
    """The store does not answer now."""


@runtime_checkable
class StoreType(Protocol):
    """A type of credential store whose secrets get into it on other ways: they are only read.

    One object serves every store of its type, in any number of tasks at once. What it does must not block the event
    loop, is given ten seconds, and raises StoreError.
    """

    @property
    def name(self) -> str:
        """The name on the wire, unique among the types."""
        ...

    @property
    def entries(self) -> Sequence[Entry]:
        """What a store of the type must be told."""
        ...

    def check(self, values: Mapping[str, str]) -> None:
        """Raise ValueError, with a public message that names the entry, for a configuration that cannot be right.

        Required entries, choices and numbers have been looked at already.
        """
        ...

    async def read(self, place: Place, name: str, *, has_user: bool) -> Secret:
        """What is kept under the name; `has_user` says which of the two forms is wanted."""
        ...


@runtime_checkable
class WritableStoreType(StoreType, Protocol):
    """A type into whose stores Podium writes."""

    async def write(self, place: Place, name: str, secret: Secret) -> None:
        """Keep it under the name, over what is there."""
        ...
