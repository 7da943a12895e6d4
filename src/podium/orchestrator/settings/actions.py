"""What other areas read out of the settings, mostly from memory, and how settings are changed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection
from datetime import datetime

from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.orchestrator.access.store import announce_change
from podium.orchestrator.settings import rules, store
from podium.orchestrator.settings.known import EXECUTION, EXECUTIONS, LANGUAGES, fold
from podium.orchestrator.settings.rules import Change
from podium.orchestrator.settings.store import Row, Stored

TABLE, COLUMN = "orchestrator.settings", "sealed"

KEPT_FOR_S = 60.0
"""How long a node may go by an old value when the announcement of a change is lost."""
KEPT_TENANTS = 10_000


class _Kept:
    """What tenants have set, in memory.

    A reading that began before a change was heard of is not kept, so that it cannot outlive the change.
    """

    def __init__(self) -> None:
        self._tenants: OrderedDict[int, tuple[float, Stored]] = OrderedDict()
        self._changes = 0

    async def of_tenant(self, db: Connection, tenant_id: int) -> Stored:
        found = self._tenants.get(tenant_id)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        before = self._changes
        stored = await store.of_tenant(db, tenant_id)
        if before == self._changes:
            self._tenants[tenant_id] = (time.monotonic() + KEPT_FOR_S, stored)
            if len(self._tenants) > KEPT_TENANTS:
                self._tenants.popitem(last=False)
        return stored

    def forget(self, tenant_id: int | None) -> None:
        self._changes += 1
        if tenant_id is None:
            self._tenants.clear()
        else:
            self._tenants.pop(tenant_id, None)


_KEPT = _Kept()


def forget(tenant_id: int | None = None) -> None:
    """Drop what is remembered of a tenant, or of all; called at every change, local or announced."""
    _KEPT.forget(tenant_id)


async def value(db: Connection, tenant_id: int, name: str) -> str:
    """What holds for the tenant: its own value or the default. Not for secrets. Raises NotFound for an unknown name.

    Mostly from memory; every node has heard of a change moments after its commit.
    """
    known = rules.named(name)
    assert not known.is_secret, f"{name} is read by secret()"
    stored = await _KEPT.of_tenant(db, tenant_id)
    return rules.readable(known, stored.values.get(fold(name)))


async def number(db: Connection, tenant_id: int, name: str) -> int:
    """As `value`, of a setting that is a whole number."""
    return int(await value(db, tenant_id, name))


async def switch(db: Connection, tenant_id: int, name: str) -> bool:
    """As `value`, of a setting that is true or false."""
    return await value(db, tenant_id, name) == "true"


async def secret(db: Connection, keyring: Keyring, tenant_id: int, name: str) -> str:
    """A secret setting in clear, blank when it is not set. Raises SecretError for one that does not open."""
    sealed = (await store.of_tenant(db, tenant_id)).sealed.get(fold(name))
    if sealed is None:
        return ""
    return keyring.open(sealed, owner=tenant_id, table=TABLE, row=fold(name), column=COLUMN)


async def of_user(db: Connection, tenant_id: int, user_id: int | None, name: str) -> str:
    """What holds for a user: his own value, else the tenant's."""
    if user_id is not None:
        own = (await store.of_user(db, tenant_id, user_id)).get(fold(name))
        if own is not None:
            return rules.readable(rules.named(name), own)
    return await value(db, tenant_id, name)


async def put(db: Connection, keyring: Keyring, tenant_id: int, changes: Collection[Change], now: datetime) -> None:
    """Store changes and tell every node, at the commit; the caller forgets what its own node remembers."""
    rows = [_row(keyring, tenant_id, each) for each in changes if each.value is not None]
    cleared = [row.name_key for row in rows if row.value is None and row.sealed is None]
    await store.remove(db, tenant_id, cleared)
    await store.put(db, tenant_id, [row for row in rows if row.name_key not in cleared], now)
    await announce_change(db, tenant_id)


async def remove(db: Connection, tenant_id: int, names: Collection[str]) -> None:
    """Let the defaults hold again, announced as `put`."""
    await store.remove(db, tenant_id, [fold(name) for name in names])
    await announce_change(db, tenant_id)


def titles() -> dict[str, str]:
    """The words for what settings and their values are called, by key."""
    words = {f"Settings.{EXECUTION}{one.key}": one.title for one in EXECUTIONS}
    return {**words, **{f"Languages.{one.name}": one.title for one in LANGUAGES}}


def _row(keyring: Keyring, tenant_id: int, change: Change) -> Row:
    """A setting to store; a secret of no characters is one that is not set."""
    name_key, name, text = fold(change.known.name), change.known.name, change.value
    if not change.known.is_secret:
        return Row(name_key, name, text, None)
    sealed = keyring.seal(text, owner=tenant_id, table=TABLE, row=name_key, column=COLUMN) if text else None
    return Row(name_key, name, None, sealed)
