"""SQL of settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from asyncpg import Record

from podium.kernel.db import Connection

OF_TENANT = "SELECT t.name_key, t.value, t.sealed FROM orchestrator.settings t WHERE t.tenant_id = $1"
PUT = """
INSERT INTO orchestrator.settings (tenant_id, name_key, name, value, sealed, updated_at)
SELECT $1::int, n.name_key, n.name, n.value, n.sealed, $2::timestamptz
  FROM unnest($3::text[], $4::text[], $5::text[], $6::bytea[]) AS n(name_key, name, value, sealed)
    ON CONFLICT (tenant_id, name_key)
    DO UPDATE SET value = excluded.value, sealed = excluded.sealed, updated_at = excluded.updated_at
"""
REMOVE = "DELETE FROM orchestrator.settings t WHERE t.tenant_id = $1 AND t.name_key = ANY($2::text[])"
OF_USER = "SELECT t.name_key, t.value FROM orchestrator.user_settings t WHERE t.tenant_id = $1 AND t.user_id = $2"
PUT_OF_USER = """
INSERT INTO orchestrator.user_settings (tenant_id, user_id, name_key, name, value, updated_at)
VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, user_id, name_key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
"""
# A machine with several hosts uses its slots once per host.
SLOTS_IN_USE = """
SELECT r.runtime_type, sum(r.slots)::bigint AS slots
  FROM orchestrator.sessions t
  JOIN orchestrator.session_runtimes r ON r.tenant_id = t.tenant_id AND r.session_id = t.id
 WHERE t.tenant_id = $1 AND t.state IN ('Available', 'Busy') AND NOT t.is_unresponsive
 GROUP BY r.runtime_type
"""


class Row(NamedTuple):
    """A setting to store; one of `value` and `sealed` is None."""

    name_key: str
    name: str
    value: str | None
    sealed: bytes | None


class Stored(NamedTuple):
    """What a tenant has set, by folded name."""

    values: Mapping[str, str]
    sealed: Mapping[str, bytes]


async def of_tenant(db: Connection, tenant_id: int) -> Stored:
    """Everything that the tenant has set."""
    rows: list[Record] = await db.fetch(OF_TENANT, tenant_id)
    return Stored(
        {row["name_key"]: row["value"] for row in rows if row["value"] is not None},
        {row["name_key"]: row["sealed"] for row in rows if row["sealed"] is not None},
    )


async def put(db: Connection, tenant_id: int, rows: Collection[Row], now: datetime) -> None:
    """Write settings over what is there."""
    if rows:
        await db.execute(PUT, tenant_id, now, *map(list, zip(*rows, strict=True)))


async def remove(db: Connection, tenant_id: int, name_keys: Collection[str]) -> None:
    """Take settings away; those that are not there are passed over."""
    await db.execute(REMOVE, tenant_id, list(name_keys))


async def of_user(db: Connection, tenant_id: int, user_id: int) -> dict[str, str]:
    """What a user has set for himself, by folded name."""
    return {row["name_key"]: row["value"] for row in await db.fetch(OF_USER, tenant_id, user_id)}


async def put_of_user(db: Connection, tenant_id: int, user_id: int, row: Row, now: datetime) -> None:
    """Write a user's own value."""
    await db.execute(PUT_OF_USER, tenant_id, user_id, row.name_key, row.name, row.value, now)


async def slots_in_use(db: Connection, tenant_id: int) -> dict[str, int]:
    """Runtime type -> slots of the machines with a session that is connected."""
    return {row["runtime_type"]: row["slots"] for row in await db.fetch(SLOTS_IN_USE, tenant_id)}
