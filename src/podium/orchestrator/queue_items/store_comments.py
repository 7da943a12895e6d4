"""SQL of comments."""

from __future__ import annotations

from datetime import datetime

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.queue_items.store_changes import Author

TO_CHANGE = f"""
SELECT c.id, c.user_id, c.client_id
  FROM orchestrator.queue_folders t
  JOIN orchestrator.queue_items i ON i.tenant_id = t.tenant_id AND i.queue_id = t.queue_id
  JOIN orchestrator.queue_item_comments c ON c.tenant_id = i.tenant_id AND c.item_id = i.id
 WHERE {scope.IN_ONE_FOLDER} AND c.id = $3 FOR UPDATE OF c
"""
ADD = """
INSERT INTO orchestrator.queue_item_comments (tenant_id, item_id, text, user_id, client_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
"""
CHANGE = "UPDATE orchestrator.queue_item_comments t SET text = $3 WHERE t.tenant_id = $1 AND t.id = $2"
REMOVE = "DELETE FROM orchestrator.queue_item_comments t WHERE t.tenant_id = $1 AND t.id = $2"


async def to_change(db: Connection, tenant_id: int, folder_id: int, comment_id: int) -> Record | None:
    """The comment on an item of the folder, locked."""
    return await db.fetchrow(TO_CHANGE, tenant_id, [folder_id], comment_id)


async def add(db: Connection, tenant_id: int, item_id: int, text: str, author: Author, now: datetime) -> int:
    """Id of a new comment."""
    made: int = await db.fetchval(ADD, tenant_id, item_id, text, *author, now)
    return made


async def change(db: Connection, tenant_id: int, comment_id: int, text: str) -> None:
    """The comment says this instead."""
    await db.execute(CHANGE, tenant_id, comment_id, text)


async def remove(db: Connection, tenant_id: int, comment_id: int) -> None:
    """The comment goes."""
    await db.execute(REMOVE, tenant_id, comment_id)
