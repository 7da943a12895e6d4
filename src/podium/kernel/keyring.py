"""The data keys of a node, in memory: what seals and opens every secret at rest.

The database keeps the data keys wrapped by the master key. A node reads them when it starts and every few seconds, so it
knows a key that another process made before anything was sealed with it; a value that names a key which it has not
heard of makes it look at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from uuid import UUID

import asyncpg
import structlog

from podium.kernel import secrets
from podium.kernel.db import Connection, Database
from podium.kernel.errors import Unavailable
from podium.kernel.secrets import MasterKey, SecretError

RELOAD_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 1.0
"""How soon a second unknown key may make a node look: rubbish in a column must not cost a connection each time."""
LOOK_SECONDS = 5.0

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('kernel.data_keys', 0))"
KEYS = """
SELECT k.id, k.retired_at, w.master_key_id, w.wrapped
  FROM kernel.data_keys k JOIN kernel.data_key_wraps w ON w.data_key_id = k.id
 ORDER BY k.created_at, k.id
"""
ADD_KEY = "INSERT INTO kernel.data_keys (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id"
ADD_WRAP = """
INSERT INTO kernel.data_key_wraps (data_key_id, master_key_id, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
KEPT = "SELECT sealed FROM kernel.secrets WHERE name = $1"
KEEP = "INSERT INTO kernel.secrets (name, sealed, created_at) VALUES ($1, $2, clock_timestamp()) ON CONFLICT DO NOTHING"

SECRETS_TABLE = "kernel.secrets"

log = structlog.get_logger(__name__)


class Keyring:
    """Seals and opens values; synchronous, from memory. One per process; tasks and threads may share it.

    Until data keys came, values were sealed with the master key itself: those open as well.
    """

    def __init__(self, db: Database, find_master: Callable[[], MasterKey]) -> None:
        self._db = db
        self._find_master = find_master
        self._master = find_master()
        self._keys: dict[bytes, bytes] = {}
        self._leaving: dict[bytes, bytes] = {}
        self._active: tuple[bytes, bytes] | None = None
        self._looked_at = -LOOK_AGAIN_SECONDS
        self._looking = threading.Lock()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def load(cls, db: Database, find_master: Callable[[], MasterKey]) -> Keyring:
        """The keyring with its keys; the first data key is made when there is none. The schema must be migrated.

        `find_master` is asked again when keys turn up that the master key does not open: it may have been replaced.
        Raises SecretError when the database's keys were wrapped by another master key, Unavailable.
        """
        keyring = cls(db, find_master)
        async with db.transaction() as connection:
            await connection.execute(LOCK)
            if not await connection.fetch(KEYS):
                await add_data_key(connection, [keyring._master])
        await keyring.reload()
        return keyring

    def start(self) -> None:
        """Read the keys again every few seconds, until `close`; needs a running event loop."""
        self._task = asyncio.create_task(self._keep_fresh(), name="keyring")

    async def close(self) -> None:
        """Stop reading keys; those in memory go on to work."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def seal(self, text: str, *, owner: UUID | int, table: str, row: int | str | UUID, column: str) -> bytes:
        """The text, sealed for one column of one row of an organization, a tenant, or 0 for the installation.

        `table` with its schema. The row must be stored with exactly these words, or the value never opens again.
        """
        if self._active is None:
            raise SecretError("There is no key to seal with.")
        return secrets.seal(self._active[1], text, owner=owner, table=table, row=row, column=column)

    def open(self, sealed: bytes, *, owner: UUID | int, table: str, row: int | str | UUID, column: str) -> str:
        """The text again. Raises SecretError for a changed value, another place, or a key that is gone.

        Blocks for some milliseconds when the value names a key that this node has not heard of yet.
        """
        id_ = secrets.key_id_of(sealed)
        key = self._keys.get(id_) or self._leaving.get(id_)
        if key is None and id_ == self._master.id:
            key = self._master.key
        if key is None:
            self._look_now()
            key = self._keys.get(id_)
        if key is None:
            raise SecretError("The value was sealed with a key that this installation does not have.")
        return secrets.open_(key, sealed, owner=owner, table=table, row=row, column=column)

    @property
    def active(self) -> bytes:
        """The id of the key that seals."""
        if self._active is None:
            raise SecretError("There is no key to seal with.")
        return self._active[0]

    async def reload(self) -> None:
        """Read the keys now. Raises Unavailable, and SecretError for keys that the master key does not open."""
        async with self._db.acquire() as connection:
            rows = await connection.fetch(KEYS)
        self._take(rows)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                await self.reload()
            except Unavailable:
                log.warning("keyring.unavailable")
            except SecretError as error:  # the known keys go on to open what they sealed
                log.warning("keyring.unreadable", reason=str(error))

    def _take(self, rows: Iterable[asyncpg.Record]) -> None:
        """Unwrap what is new. What is gone from the database opens until the next reading: a value may be on its way."""
        wraps = list(rows)
        ids = {bytes(row["id"]) for row in wraps}
        mine = {bytes(row["id"]) for row in wraps if bytes(row["master_key_id"]) == self._master.id}
        if ids - mine - self._keys.keys():
            self._master = self._find_master()
        keys: dict[bytes, bytes] = {}
        active: tuple[bytes, bytes] | None = None
        for row in wraps:
            id_ = bytes(row["id"])
            if id_ in self._keys:
                keys[id_] = self._keys[id_]
            elif bytes(row["master_key_id"]) == self._master.id:
                keys[id_] = secrets.unwrap(self._master, row["wrapped"], id_)
            if id_ in keys and row["retired_at"] is None:
                active = id_, keys[id_]
        missing = ids - keys.keys()
        self._leaving = {id_: key for id_, key in self._keys.items() if id_ not in keys}
        self._keys, self._active = keys, active
        if missing:
            raise SecretError("The keys of this database were wrapped with another master key than the given one.")

    def _look_now(self) -> None:
        """Read the keys in a thread of their own, as the caller cannot wait for the event loop."""
        with self._looking:
            if time.monotonic() - self._looked_at < LOOK_AGAIN_SECONDS:
                return
            self._looked_at = time.monotonic()
            thread = threading.Thread(target=self._look, name="keyring", daemon=True)
            thread.start()
            thread.join(LOOK_SECONDS)

    def _look(self) -> None:
        async def read() -> list[asyncpg.Record]:
            connection = await self._db.dedicated()
            try:
                return list(await connection.fetch(KEYS))
            finally:
                await connection.close()

        try:
            self._take(asyncio.run(read()))
        except (Unavailable, SecretError, asyncpg.PostgresError) as error:
            log.warning("keyring.unavailable", reason=str(error))


async def add_data_key(db: Connection, masters: Iterable[MasterKey]) -> bytes:
    """Make a data key that seals from now on, wrapped by each of the master keys; its id. The caller holds LOCK."""
    while True:
        key = secrets.new_data_key()
        id_ = await db.fetchval(ADD_KEY, secrets.key_id(key))
        if id_ is not None:  # else another key has the same four bytes
            break
    for master in masters:
        await db.execute(ADD_WRAP, id_, master.id, secrets.wrap(master, key))
    return bytes(id_)


async def installation_secret(db: Connection, keyring: Keyring, name: str, make: Callable[[], str]) -> str:
    """A secret of the installation, made by whoever asks for it first; survives every change of keys."""
    sealed = await db.fetchval(KEPT, name)
    if sealed is None:
        made = keyring.seal(make(), owner=0, table=SECRETS_TABLE, row=name, column="sealed")
        await db.execute(KEEP, name, made)
        sealed = await db.fetchval(KEPT, name)
    return keyring.open(sealed, owner=0, table=SECRETS_TABLE, row=name, column="sealed")
