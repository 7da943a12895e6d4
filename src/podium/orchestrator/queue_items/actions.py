"""What other areas, and the cold half of this one, do with items."""

from __future__ import annotations

from collections.abc import Sequence

from podium.kernel.db import Connection
from podium.orchestrator.queue_items import store
from podium.orchestrator.queue_items.retries import resume_jobs, retry_by_hand

__all__ = ["remove", "resume_jobs", "retry_by_hand"]


async def remove(db: Connection, tenant_id: int, queue_id: int, item_ids: Sequence[int]) -> int:
    """Delete items of a queue for good, with all that belongs to them; how many. In the caller's transaction.

    A queue of unique references goes on to refuse theirs.
    """
    return await store.remove(db, tenant_id, queue_id, item_ids) if item_ids else 0
