"""Conditions and statements that find items and their chains. $1 tenant, $2 the list of one folder."""

from __future__ import annotations

from uuid import UUID

from podium.kernel.db import Connection
from podium.orchestrator import scope

ONE = f"{scope.IN_ONE_FOLDER} AND t.id = $3::bigint"
OF_CHAIN = f"{scope.IN_ONE_FOLDER} AND t.key = $3::uuid"
LAST_OF_ITEM = f"""{scope.IN_ONE_FOLDER} AND t.id = (
 SELECT max(n.id) FROM orchestrator.queue_items o
   JOIN orchestrator.queue_items n ON n.tenant_id = o.tenant_id AND n.key = o.key
  WHERE o.tenant_id = $1::int AND o.id = $3::bigint)"""
LAST_OF_KEY = f"""{scope.IN_ONE_FOLDER} AND t.id = (
 SELECT max(n.id) FROM orchestrator.queue_items n WHERE n.tenant_id = $1::int AND n.key = $3::uuid)"""
# For what belongs to items: events and comments.
OF_ITEMS_CHAIN = f"{scope.IN_ONE_FOLDER} AND t.item_key = $3::uuid"
AMONG = f"{scope.IN_TENANT} AND t.id = ANY($2::bigint[])"

CHAIN_OF = f"""
SELECT i.key FROM orchestrator.queue_folders t
  JOIN orchestrator.queue_items i ON i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id
 WHERE {scope.IN_ONE_FOLDER} AND i.id = $3
"""


async def chain_of(db: Connection, tenant_id: int, folder_id: int, item_id: int) -> UUID | None:
    """The key of the item's chain; None when the folder does not show the item."""
    found: UUID | None = await db.fetchval(CHAIN_OF, tenant_id, [folder_id], item_id)
    return found
