"""Replaces the keys of a running installation: the master key, and the data keys with every value under them.

Each step leaves a state in which every node goes on to work and in which the whole can be begun again, so a rotation
that was killed is repeated and not repaired. The order is what makes it safe:

1. every data key is wrapped under the new master key as well, the old wraps stay;
2. a new data key is made, and nodes are given the time to hear of it;
3. the old data keys are retired: from that commit on the database takes no value under them (the trigger
   `refuse_retired_key`), so that what is found afterwards is all there ever will be;
4. values are sealed again, until a whole pass finds none;
5. old keys and old wraps are deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg

from podium.kernel import secrets
from podium.kernel.db import Connection, Database
from podium.kernel.keyring import ADD_WRAP, KEYS, LOCK, RELOAD_SECONDS, add_data_key
from podium.kernel.secrets import MasterKey, SecretError

HEARD_SECONDS = 2 * RELOAD_SECONDS + 2.0
"""How long a new data key is known before the old ones are retired: two readings of every node."""
BARREN_PASSES = 10
"""Passes in a row that found values and replaced none, which is no longer explained by rows that move."""
BLOCKS = 64
"""Pages of a table whose values are sealed again in one transaction: half a megabyte of rows."""

# Tried, not waited for: a second operator is told so.
TRY_ALONE = "SELECT pg_try_advisory_lock(hashtextextended('kernel.key_rotation', 0))"
TABLE_BLOCKS = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::int"
LOCK_OLD = "SELECT id FROM kernel.data_keys WHERE id <> $1 AND retired_at IS NULL ORDER BY id FOR UPDATE"
RETIRE = "UPDATE kernel.data_keys SET retired_at = clock_timestamp() WHERE id <> $1 AND retired_at IS NULL"
DELETE_RETIRED = "DELETE FROM kernel.data_keys WHERE retired_at IS NOT NULL"
DELETE_WRAPS = "DELETE FROM kernel.data_key_wraps WHERE master_key_id <> $1"
DATA_KEYS = """
SELECT k.id, k.created_at, k.retired_at, array_agg(w.master_key_id ORDER BY w.master_key_id) AS masters
  FROM kernel.data_keys k LEFT JOIN kernel.data_key_wraps w ON w.data_key_id = k.id
 GROUP BY k.id ORDER BY k.created_at, k.id
"""


class RotationError(Exception):
    """Why the keys were not replaced, in one line; what was done so far does no harm and is taken up the next time."""


class SealedColumn(NamedTuple):
    """A column of sealed values.

    `find`: rows `at` (the ctid as text), `owner`, `row` (both as the value's associated data spells them) and `sealed`
    between the ctids $1 and $2 (text) whose key is none of $3 (bytea[]). `replace`: puts $3 where $2 (both bytea[])
    still stands in the rows $1 (text[]).
    """

    table: str
    column: str
    find: str
    replace: str


@dataclass(slots=True)
class Rotated:
    """What a rotation did. `sealed_again` counts values by table."""

    active: bytes
    wrapped: int = 0
    sealed_again: dict[str, int] = field(default_factory=dict)
    deleted: int = 0


async def rotate(
    db: Database,
    columns: Sequence[SealedColumn],
    old: MasterKey,
    new: MasterKey | None,
    *,
    with_data: bool,
    keep_old: bool = False,
    switch: Callable[[], None] = lambda: None,
    heard_seconds: float = HEARD_SECONDS,
) -> Rotated:
    """Replace the master key (unless `new` is None) and, if wanted, the data keys; nodes serve all the while.

    `switch` puts the new master key where nodes find it; it is called when both keys open everything. `keep_old` leaves
    the wraps of the old master key, for nodes that are given the new one later. Raises RotationError when another
    rotation is running, or for a value that does not open; SecretError when neither master key opens the data keys.
    """
    masters = [old] if new is None else [old, new]
    async with AsyncExitStack() as stack:
        alone = await db.dedicated()
        stack.push_async_callback(alone.close)
        if not await alone.fetchval(TRY_ALONE):
            raise RotationError("Another rotation is running.")
        done, keys = await _prepare(db, masters, with_data=with_data)
        opening = keys | {master.id: master.key for master in masters}
        if with_data:
            await asyncio.sleep(heard_seconds)
            async with db.transaction() as connection:
                await connection.fetch(LOCK_OLD, done.active)  # waits for those that are just storing a value
                await connection.execute(RETIRE, done.active)
        kept = [done.active] if with_data else list(keys)
        sealing = keys[done.active]
        for column in columns:
            done.sealed_again[column.table] = await _seal_again(db, column, opening, sealing, kept)
        switch()
        async with db.transaction() as connection:
            await connection.execute(LOCK)
            if with_data:
                done.deleted = _affected(await connection.execute(DELETE_RETIRED))
            if new is not None and not keep_old:
                await connection.execute(DELETE_WRAPS, new.id)
    return done


async def forget_other_masters(db: Database, master: MasterKey) -> int:
    """Delete the wraps of every master key but this one; how many. Raises SecretError unless it opens every data key."""
    async with db.transaction() as connection:
        await connection.execute(LOCK)
        await _data_keys(connection, [master])
        return _affected(await connection.execute(DELETE_WRAPS, master.id))


async def data_keys(db: Connection) -> list[asyncpg.Record]:
    """Every data key with the ids of the master keys that open it, oldest first."""
    return list(await db.fetch(DATA_KEYS))


async def _prepare(
    db: Database, masters: Sequence[MasterKey], *, with_data: bool
) -> tuple[Rotated, dict[bytes, bytes]]:
    """Wrap every data key under every master key, and make the new one; the keys by id."""
    async with db.transaction() as connection:
        await connection.execute(LOCK)
        keys, active = await _data_keys(connection, masters)
        wrapped = 0
        if with_data or active is None:
            active = await add_data_key(connection, masters)
            keys, active = await _data_keys(connection, masters)
        assert active is not None
        for id_, key in keys.items():
            for master in masters:
                wrapped += _affected(await connection.execute(ADD_WRAP, id_, master.id, secrets.wrap(master, key)))
    return Rotated(active, wrapped), keys


async def _data_keys(db: Connection, masters: Sequence[MasterKey]) -> tuple[dict[bytes, bytes], bytes | None]:
    """Every data key by its id, and the id of the one that seals."""
    by_id = {master.id: master for master in masters}
    keys: dict[bytes, bytes] = {}
    named: set[bytes] = set()
    active = None
    for row in await db.fetch(KEYS):
        id_, master = bytes(row["id"]), by_id.get(bytes(row["master_key_id"]))
        named.add(id_)
        if master is not None:
            keys[id_] = secrets.unwrap(master, row["wrapped"], id_)
            active = id_ if row["retired_at"] is None else active
    if named - keys.keys():
        raise SecretError("The keys of this database were wrapped with another master key than the given one.")
    return keys, active


async def _seal_again(
    db: Database, column: SealedColumn, opening: dict[bytes, bytes], sealing: bytes, kept: Collection[bytes]
) -> int:
    """Seal every value of the column whose key is none of `kept` again; how many."""
    done = barren = 0
    while True:
        found, before = 0, done
        async with db.acquire() as connection:
            blocks = int(await connection.fetchval(TABLE_BLOCKS, column.table))
        for block in range(0, blocks, BLOCKS):
            async with db.transaction() as connection:
                rows = await connection.fetch(column.find, f"({block},0)", f"({block + BLOCKS},0)", list(kept))
                if not rows:
                    continue
                found += len(rows)
                fresh = [_again(column, row, opening, sealing) for row in rows]
                places = [row["at"] for row in rows]
                result = await connection.execute(column.replace, places, [row["sealed"] for row in rows], fresh)
                done += _affected(result)
        # a row that moved while the pass ran may have gone behind it: only a pass that finds nothing is the last
        if not found:
            return done
        barren = barren + 1 if done == before else 0
        if barren == BARREN_PASSES:
            raise RotationError(f"{found} values of {column.table} cannot be replaced.")


def _again(column: SealedColumn, row: asyncpg.Record, opening: dict[bytes, bytes], sealing: bytes) -> bytes:
    where = f"{column.table} row {row['row']} of {row['owner']}"
    try:
        key = opening[secrets.key_id_of(row["sealed"])]
        text = secrets.open_(
            key, row["sealed"], owner=row["owner"], table=column.table, row=row["row"], column=column.column
        )
    except (KeyError, SecretError) as error:
        raise RotationError(
            f"The value in {where} does not open: delete it or restore it, then rotate again."
        ) from error
    return secrets.seal(sealing, text, owner=row["owner"], table=column.table, row=row["row"], column=column.column)


def _affected(status: str) -> int:
    """`UPDATE 3` -> 3."""
    return int(status.rpartition(" ")[2])
