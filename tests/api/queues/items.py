"""Items of any age and state, put where the API would have put them at their time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

NEW, IN_PROGRESS, FAILED, SUCCESSFUL, ABANDONED, RETRIED, DELETED = range(7)
ADD = """
WITH item AS (
  INSERT INTO orchestrator.queue_items (tenant_id, key, unique_key, queue_id, state, rank, exception_type, exception,
                                        reference, reference_key, has_unique_reference, created_at, started_at, ended_at)
  VALUES ($1, $2, $2, $3, $4, 4, $5, $6::jsonb, $7::text, lower($7::text), $8, $9, $9, $10)
  RETURNING tenant_id, id
), content AS (
  INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content)
  SELECT item.tenant_id, item.id, $11::jsonb FROM item
)
SELECT item.id FROM item
"""
LEFT = "SELECT id FROM orchestrator.queue_items WHERE tenant_id = $1 AND queue_id = $2 ORDER BY id"


async def add(
    api: Any,
    queue: Any,
    state: int,
    ended: datetime,
    kind: str | None = None,
    *,
    took: float = 10,
    reference: str | None = None,
    content: Any = None,
) -> int:
    """Id of a new item that ended at the instant; one that has not ended was made then."""
    reason = {"Reason": "no such vendor", "Details": None}
    rows = await api.node.rows(
        ADD,
        api.tenant_id,
        uuid4(),
        queue["Id"],
        state,
        f"{kind}Exception" if kind else None,
        msgspec.json.encode(reason).decode() if kind else None,
        reference,
        queue["EnforceUniqueReference"],
        ended - timedelta(seconds=took),
        None if state in (NEW, IN_PROGRESS) else ended,
        msgspec.json.encode(content or {}).decode(),
    )
    return int(rows[0]["id"])


async def left(api: Any, queue: Any) -> list[int]:
    """Ids of the queue's items, those deleted included."""
    return [row["id"] for row in await api.node.rows(LEFT, api.tenant_id, queue["Id"])]
