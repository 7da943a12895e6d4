"""What other areas ask of credential stores: which one it is, and to read or keep a secret in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec
import structlog

from podium.kernel.call import Call, Services
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound, Unavailable
from podium.kernel.keyring import Keyring
from podium.orchestrator.credential_stores import rules, store
from podium.orchestrator.credential_stores.catalogue import StoreTypes
from podium.orchestrator.credential_stores.rules import Configured
from podium.orchestrator.credential_stores.store import Store
from podium.orchestrator.credential_stores.types import Denied, NotThere, Place, Secret, StoreError, WritableStoreType

__all__ = ["Secret", "Store", "Stores", "ensure_built_in"]

TABLE, COLUMN = "orchestrator.credential_stores", "sealed"
STORE_SECONDS = 10.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """The credential stores of a tenant, for one call or one piece of work."""

    types: StoreTypes
    keyring: Keyring
    tenant_id: int
    tenant: str
    tenant_key: UUID

    @classmethod
    def of(cls, call: Call) -> Stores:
        assert call.tenant_key is not None
        return cls(call.port(StoreTypes), call.port(Keyring), call.tenant_id, call.tenant_name, call.tenant_key)

    @classmethod
    async def of_tenant(cls, db: Connection, services: Services, tenant_id: int) -> Stores:
        """For what has no call: signed addresses, and work in the background."""
        name, key = await store.tenant(db, tenant_id)
        return cls(services.port(StoreTypes), services.port(Keyring), tenant_id, name, key)

    async def choose(self, db: Connection, store_id: int | None, resource_type: str, place: str) -> Store:
        """The store of that id, else the default for the resource type. Raises BadRequest that names the member."""
        wanted = store_id or await store.default(db, self.tenant_id, resource_type)
        found = await store.by_id(db, self.tenant_id, wanted)
        if found is None:
            raise BadRequest(f"{place}: the credential store {wanted} does not exist.", Code.PARAMETER_INVALID)
        return found

    async def get(self, db: Connection, store_id: int) -> Store:
        """The store of that id. Raises NotFound."""
        found = await store.by_id(db, self.tenant_id, store_id)
        if found is None:
            raise NotFound(rules.NO_STORE)
        return found

    async def read(self, found: Store, name: str, *, has_user: bool) -> Secret:
        """What the store keeps under the name; not for the built-in store. Takes up to ten seconds.

        Raises NotFound, Conflict for what the store refuses, Unavailable for one that does not answer.
        """
        type_ = self.types.named(found.type)
        if type_ is None:
            raise Unavailable(f"The credential store {found.name}: its type {found.type} is not installed.")
        return await self._asked(found, type_.read(self._place(found), name, has_user=has_user))

    async def write(self, found: Store, name: str, secret: Secret) -> None:
        """Keep it in the store, which must be a writable one; raises as `read`."""
        type_ = self.types.named(found.type)
        if not isinstance(type_, WritableStoreType):
            raise Unavailable(f"The credential store {found.name}: its type {found.type} is not installed.")
        await self._asked(found, type_.write(self._place(found), name, secret))

    def configured(self, found: Store) -> Configured:
        """The store's configuration in clear. Raises SecretError."""
        shown = msgspec.json.decode(found.configuration, type=dict[str, str])
        secret: dict[str, str] = {}
        if found.sealed is not None:
            text = self.keyring.open(found.sealed, owner=self.tenant_id, table=TABLE, row=found.id, column=COLUMN)
            secret = msgspec.json.decode(text, type=dict[str, str])
        return Configured({key: value for key, value in shown.items() if key not in secret}, secret)

    def seal(self, id_: int, configured: Configured) -> bytes | None:
        """The secret entries as they are stored for the store of that id."""
        if not configured.secret:
            return None
        text = msgspec.json.encode(configured.secret).decode()
        return self.keyring.seal(text, owner=self.tenant_id, table=TABLE, row=id_, column=COLUMN)

    def _place(self, found: Store) -> Place:
        return Place(self.tenant, self.tenant_key, self.configured(found).values)

    async def _asked(self, found: Store, asked: Awaitable[T]) -> T:
        said = f"The credential store {found.name}:"
        try:
            async with asyncio.timeout(STORE_SECONDS), self.types.turns:
                return await asked
        except NotThere as error:
            raise NotFound(f"{said} {error}") from None
        except Denied as error:
            raise Conflict(f"{said} {error}", Code.FORBIDDEN_OPERATION) from None
        except StoreError as error:
            raise Unavailable(f"{said} {error}") from None
        except TimeoutError:
            raise Unavailable(f"{said} no answer within {STORE_SECONDS:g} seconds.") from None
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and say a secret with it
            log.error(  # noqa: TRY400 - its words and its trace may hold the secret
                "credential_stores.failed", store=found.id, type=found.type, error=type(error).__name__
            )
            raise Unavailable(f"{said} it failed.") from None


async def check_exists(db: Connection, tenant_id: int, store_id: int | None) -> None:
    """Refuse (400) a `CredentialStoreId` that names no store of the tenant; one that is found stays until the commit."""
    if store_id is not None and not await db.fetchval(store.STAYS, tenant_id, store_id):
        message = f"CredentialStoreId: the credential store {store_id} does not exist."
        raise BadRequest(message, Code.PARAMETER_INVALID)


async def ensure_built_in(db: Connection, tenant_id: int, now: datetime) -> None:
    """Make the store that every tenant has; repeatable."""
    name = rules.BUILT_IN_NAME
    await db.execute(store.ENSURE, tenant_id, name, name.casefold(), rules.DATABASE, now)
