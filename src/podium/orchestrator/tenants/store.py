"""SQL of tenants as the host sees them: over all of them, so none of it is limited to one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from podium.kernel.db import Connection

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7046180332)"  # as the first start of a node takes it
ALL = """
SELECT t.id, t.key, t.organization_id, t.name, coalesce(t.display_name, t.name) AS display_name, t.is_active,
       u.directory_id AS admin_id
  FROM orchestrator.tenants t
  LEFT JOIN orchestrator.users u ON u.tenant_id = t.id AND u.id = t.admin_user_id
 WHERE t.deleted_at IS NULL AND ($1::bigint IS NULL OR t.id = $1::bigint) ORDER BY t.id
"""
LAST_LOGINS = """
SELECT t.id, (SELECT max(u.last_login_at) FROM orchestrator.users u WHERE u.tenant_id = t.id) AS last_login_at
  FROM orchestrator.tenants t WHERE t.id = ANY($1::int[])
"""
LOCK = """
SELECT t.id, t.key, t.organization_id, t.name, t.display_name, t.is_active, u.directory_id AS admin_id
  FROM orchestrator.tenants t
  LEFT JOIN orchestrator.users u ON u.tenant_id = t.id AND u.id = t.admin_user_id
 WHERE t.deleted_at IS NULL AND t.id = ANY($1::bigint[]) ORDER BY t.id FOR UPDATE OF t
"""
NAME_IS_TAKEN = """
SELECT EXISTS (SELECT FROM orchestrator.tenants t WHERE t.name_key = $1 AND t.id <> $2 AND t.deleted_at IS NULL)
"""
COMPLETE = """
UPDATE orchestrator.tenants SET display_name = $2, is_active = $3, admin_user_id = (
  SELECT u.id FROM orchestrator.users u WHERE u.tenant_id = $1 AND u.directory_id = $4)
 WHERE id = $1
"""
CHANGE = "UPDATE orchestrator.tenants SET name = $2, name_key = $3, display_name = $4, is_active = $5 WHERE id = $1"
SET_ACTIVE = "UPDATE orchestrator.tenants SET is_active = $2 WHERE id = ANY($1::int[])"
END = """
UPDATE orchestrator.tenants SET deleted_at = $2, is_active = false, name_key = 'deleted:' || key WHERE id = $1
"""
LICENSE_KEYS = "SELECT t.license_key FROM orchestrator.machines t WHERE t.tenant_id = $1 ORDER BY t.id"
NEXT_ENDED = """
SELECT t.id FROM orchestrator.tenants t WHERE t.deleted_at IS NOT NULL
 ORDER BY t.deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
DELETE_ROWS = "SELECT gone, blobs FROM orchestrator.delete_rows_of_tenant($1, $2)"
DELETE = "DELETE FROM orchestrator.tenants t WHERE t.id = $1"


async def all_tenants(db: Connection, id_: int | None = None) -> list[Record]:
    """Every tenant by id, or the one of that id."""
    return await db.fetch(ALL, id_)


async def last_logins(db: Connection, ids: Sequence[int]) -> dict[int, datetime | None]:
    """When somebody last came into each tenant."""
    return {row["id"]: row["last_login_at"] for row in await db.fetch(LAST_LOGINS, list(ids))}


async def lock(db: Connection, ids: Sequence[int]) -> list[Record]:
    """The tenants of these ids that there are, to be changed."""
    return await db.fetch(LOCK, list(ids))


async def lock_names(db: Connection) -> None:
    """Nobody else makes or renames a tenant until the transaction ends."""
    await db.execute(ONE_AT_A_TIME)


async def is_taken(db: Connection, name_key: str, but: int = 0) -> bool:
    """Whether another tenant has the name, of whatever organization."""
    return bool(await db.fetchval(NAME_IS_TAKEN, name_key, but))


async def complete(db: Connection, id_: int, display_name: str | None, admin: object, *, is_active: bool) -> None:
    """Fill a new tenant's row; `admin` is the principal of its administrator."""
    await db.execute(COMPLETE, id_, display_name, is_active, admin)


async def change(
    db: Connection, id_: int, name: str, name_key: str, display_name: str | None, *, is_active: bool
) -> None:
    """Another name or state."""
    await db.execute(CHANGE, id_, name, name_key, display_name, is_active)


async def set_active(db: Connection, ids: Sequence[int], *, is_active: bool) -> None:
    """Open or close tenants."""
    await db.execute(SET_ACTIVE, list(ids), is_active)


async def end(db: Connection, id_: int, now: datetime) -> None:
    """The tenant is gone for everybody; its rows are removed later."""
    await db.execute(END, id_, now)


async def license_keys(db: Connection, id_: int) -> list[str]:
    """The licence keys of the tenant's machines, by which they get tokens."""
    return [row["license_key"] for row in await db.fetch(LICENSE_KEYS, id_)]


async def next_ended(db: Connection) -> int | None:
    """A tenant whose rows are to be removed, locked."""
    found: int | None = await db.fetchval(NEXT_ENDED)
    return found


async def delete_rows(db: Connection, id_: int, most: int) -> tuple[int, list[str]]:
    """How many of the tenant's rows went, and the files that they stood for; 0 when there are none left."""
    row = await db.fetchrow(DELETE_ROWS, id_, most)
    assert row is not None
    return row["gone"] or 0, row["blobs"] or []


async def delete(db: Connection, id_: int) -> None:
    """The last row of a tenant."""
    await db.execute(DELETE, id_)
