"""SQL of credential stores and of which is the default for what."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Connection
from podium.orchestrator import scope

ENSURE = """
INSERT INTO orchestrator.credential_stores (tenant_id, name, name_key, type, is_built_in, is_read_only, created_at)
VALUES ($1, $2, $3, $4, true, false, $5) ON CONFLICT DO NOTHING
"""
STAYS = f"SELECT true FROM orchestrator.credential_stores t WHERE {scope.IN_TENANT} AND t.id = $2::bigint FOR KEY SHARE"
BY_ID = f"""
SELECT t.id, t.name, t.type, t.is_built_in, t.is_read_only, t.configuration, t.sealed
  FROM orchestrator.credential_stores t WHERE {scope.IN_TENANT} AND t.id = $2::bigint
"""
BY_ID_TO_CHANGE = f"""
SELECT t.id, t.name, t.type, t.is_built_in, t.is_read_only, t.configuration, t.sealed
  FROM orchestrator.credential_stores t WHERE {scope.IN_TENANT} AND t.id = $2::bigint FOR UPDATE
"""
DEFAULT = """
SELECT coalesce((SELECT d.store_id FROM orchestrator.credential_store_defaults d
                  WHERE d.tenant_id = $1::int AND d.resource_type = $2::text),
                (SELECT t.id FROM orchestrator.credential_stores t WHERE t.tenant_id = $1::int AND t.is_built_in))
"""
BUILT_IN = "SELECT t.id FROM orchestrator.credential_stores t WHERE t.tenant_id = $1 AND t.is_built_in"
NAMED = """
SELECT t.id FROM orchestrator.credential_stores t WHERE t.tenant_id = $1 AND t.name_key = $2 AND t.id <> $3
"""
NEXT_ID = "SELECT nextval(pg_get_serial_sequence('orchestrator.credential_stores', 'id'))"
ADD = """
INSERT INTO orchestrator.credential_stores (tenant_id, id, name, name_key, type, is_read_only, configuration, sealed,
                                            created_at, created_by)
OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10)
"""
CHANGE = """
UPDATE orchestrator.credential_stores t
   SET name = $3, name_key = $4, configuration = $5::jsonb, sealed = $6, updated_at = $7, updated_by = $8
 WHERE t.tenant_id = $1 AND t.id = $2
"""
REMOVE = "DELETE FROM orchestrator.credential_stores t WHERE t.tenant_id = $1 AND t.id = $2"
SET_DEFAULT = """
INSERT INTO orchestrator.credential_store_defaults (tenant_id, resource_type, store_id) VALUES ($1, $2, $3)
    ON CONFLICT (tenant_id, resource_type) DO UPDATE SET store_id = excluded.store_id
"""
TENANT = "SELECT t.name, t.key FROM orchestrator.tenants t WHERE t.id = $1"
USES = f"""
SELECT count(*) FROM orchestrator.credential_store_uses t WHERE {scope.IN_TENANT} AND t.store_id = $2::bigint
"""


class Store(NamedTuple):
    """A store as it is kept; `configuration` is JSON text with its secrets masked."""

    id: int
    name: str
    type: str
    is_built_in: bool
    is_read_only: bool
    configuration: str
    sealed: bytes | None


class New(NamedTuple):
    """What of a store is written."""

    id: int
    name: str
    configuration: str
    sealed: bytes | None


async def by_id(db: Connection, tenant_id: int, id_: int, *, to_change: bool = False) -> Store | None:
    """The store of that id; locked if it is to be changed."""
    row = await db.fetchrow(BY_ID_TO_CHANGE if to_change else BY_ID, tenant_id, id_)
    return None if row is None else Store(*row)


async def default(db: Connection, tenant_id: int, resource_type: str) -> int:
    """Id of the store that keeps secrets of this kind when none is named."""
    found: int = await db.fetchval(DEFAULT, tenant_id, resource_type)
    return found


async def is_taken(db: Connection, tenant_id: int, name: str, apart_from: int = 0) -> bool:
    """Whether another store has the name."""
    return await db.fetchval(NAMED, tenant_id, name.casefold(), apart_from) is not None


async def next_id(db: Connection) -> int:
    """Id of a store to come: its secrets are sealed for the row before it is there."""
    found: int = await db.fetchval(NEXT_ID)
    return found


async def add(
    db: Connection, tenant_id: int, new: New, type_: str, now: datetime, user_id: int | None, *, is_read_only: bool
) -> None:
    """A new store."""
    name_key = new.name.casefold()
    await db.execute(
        ADD, tenant_id, new.id, new.name, name_key, type_, is_read_only, new.configuration, new.sealed, now, user_id
    )


async def change(db: Connection, tenant_id: int, new: New, now: datetime, user_id: int | None) -> None:
    """Another name and configuration."""
    await db.execute(
        CHANGE, tenant_id, new.id, new.name, new.name.casefold(), new.configuration, new.sealed, now, user_id
    )


async def uses(db: Connection, tenant_id: int, store_id: int) -> int:
    """How many things keep their secrets in the store."""
    found: int = await db.fetchval(USES, tenant_id, store_id)
    return found


async def tenant(db: Connection, tenant_id: int) -> tuple[str, UUID]:
    """Name and key of the tenant, by which stores outside know it."""
    row = await db.fetchrow(TENANT, tenant_id)
    assert row is not None
    return row["name"], row["key"]
