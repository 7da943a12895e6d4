"""SQL of the audit trail for who reads it in a tenant, and for retention, which is over all tenants."""

from __future__ import annotations

from datetime import datetime

from podium.kernel.db import Connection
from podium.orchestrator.scope import IN_TENANT

OF_ENTRY = f"{IN_TENANT} AND t.audit_log_id = $2::bigint"
HAS_ENTRY = "SELECT EXISTS (SELECT FROM kernel.audit t WHERE t.tenant_id = $1 AND t.id = $2)"

# What a tenant has not set is 0, and so is what is no number: then everything is kept.
KEPT_DAYS = """
SELECT CASE WHEN s.value ~ '^\\s*\\d{1,6}\\s*$' THEN s.value::int ELSE 0 END AS days
  FROM orchestrator.tenants t
  LEFT JOIN orchestrator.settings s ON s.tenant_id = t.id AND s.name_key = $1
 WHERE t.deleted_at IS NULL
"""
OLDEST = "SELECT min(t.executed_at) FROM kernel.audit t WHERE t.executed_at < $1"
DELETE_OLDER = "DELETE FROM kernel.audit t WHERE t.executed_at < $1"


async def has_entry(db: Connection, tenant_id: int, id_: int) -> bool:
    """Whether the tenant's trail has an entry of that number."""
    return bool(await db.fetchval(HAS_ENTRY, tenant_id, id_))


async def kept_days(db: Connection, name_key: str) -> list[int]:
    """For how many days each tenant keeps its entries; 0: for good."""
    return [row["days"] for row in await db.fetch(KEPT_DAYS, name_key)]


async def oldest(db: Connection, before: datetime) -> datetime | None:
    """When the oldest entry was made; None: no entry is from before the instant."""
    found: datetime | None = await db.fetchval(OLDEST, before)
    return found


async def delete_older(db: Connection, before: datetime) -> int:
    """Delete entries from before an instant; how many."""
    return int((await db.execute(DELETE_OLDER, before)).rpartition(" ")[2])
