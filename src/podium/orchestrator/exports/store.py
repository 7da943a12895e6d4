"""SQL of exports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from podium.kernel.db import Connection
from podium.orchestrator.scope import IN_TENANT

ADD = """
INSERT INTO orchestrator.exports (tenant_id, name, type, query, folder_ids, requested_at, requested_by)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7) RETURNING id
"""
FILE = f"""
SELECT t.name, t.status, t.blob, t.error FROM orchestrator.exports t WHERE {IN_TENANT} AND t.id = $2::bigint
"""
FILE_OF_REQUESTER = f"""
SELECT t.name, t.status, t.blob, t.error FROM orchestrator.exports t
 WHERE {IN_TENANT} AND t.id = $2::bigint AND t.requested_by = $3::bigint
"""

# The export that has written the least goes first, so that a large one does not keep the others waiting.
TAKE = """
SELECT t.tenant_id, t.id, t.type, t.query, t.folder_ids, t.progress, t.requested_at FROM orchestrator.exports t
 WHERE t.status IN ('New', 'InProgress')
 ORDER BY jsonb_array_length(t.progress -> 'parts'), t.id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
GO_ON = """
UPDATE orchestrator.exports t SET status = 'InProgress', progress = $3::jsonb WHERE t.tenant_id = $1 AND t.id = $2
"""
COMPLETE = """
UPDATE orchestrator.exports t
   SET status = 'Completed', blob = $3, size_bytes = $4, executed_at = $5,
       progress = jsonb_build_object('parts', to_jsonb($6::text[]))
 WHERE t.tenant_id = $1 AND t.id = $2
"""
FAIL = """
UPDATE orchestrator.exports t
   SET status = 'Failed', error = $3, executed_at = $4, progress = jsonb_build_object('parts', to_jsonb($5::text[]))
 WHERE t.tenant_id = $1 AND t.id = $2
"""
EXPIRE = """
UPDATE orchestrator.exports t
   SET blob = NULL, progress = jsonb_build_object('parts', t.progress -> 'parts' || to_jsonb(t.blob))
 WHERE (t.tenant_id, t.id) IN (
   SELECT o.tenant_id, o.id FROM orchestrator.exports o
    WHERE o.blob IS NOT NULL AND o.executed_at < $1 LIMIT 500 FOR UPDATE SKIP LOCKED)
RETURNING t.id
"""
TO_CLEAN = """
SELECT t.tenant_id, t.id, t.progress FROM orchestrator.exports t
 WHERE t.status IN ('Completed', 'Failed') AND t.progress <> '{"parts": []}' ORDER BY t.id LIMIT 20 FOR UPDATE SKIP LOCKED
"""
CLEANED = """
UPDATE orchestrator.exports t SET progress = '{"parts": []}' WHERE t.tenant_id = $1 AND t.id = $2
"""


async def add(
    db: Connection,
    tenant_id: int,
    name: str,
    type_: str,
    query: str,
    folder_ids: Sequence[int],
    now: datetime,
    user_id: int,
) -> int:
    """Id of a new export that waits to be written; `query` is JSON text."""
    id_: int = await db.fetchval(ADD, tenant_id, name, type_, query, list(folder_ids), now, user_id)
    return id_


async def file(db: Connection, tenant_id: int, id_: int, user_id: int | None = None) -> asyncpg.Record | None:
    """Name, status, blob and error of an export; only that user's when one is given."""
    if user_id is None:
        return await db.fetchrow(FILE, tenant_id, id_)
    return await db.fetchrow(FILE_OF_REQUESTER, tenant_id, id_, user_id)


async def take(db: Connection) -> asyncpg.Record | None:
    """The export to go on with, locked."""
    return await db.fetchrow(TAKE)


async def go_on(db: Connection, tenant_id: int, id_: int, progress: str) -> None:
    """Keep how far the export has come."""
    await db.execute(GO_ON, tenant_id, id_, progress)


async def complete(
    db: Connection, tenant_id: int, id_: int, blob: str, size_bytes: int, now: datetime, parts: Sequence[str]
) -> None:
    """The file is there; `parts` are to be removed."""
    await db.execute(COMPLETE, tenant_id, id_, blob, size_bytes, now, list(parts))


async def fail(db: Connection, tenant_id: int, id_: int, error: str, now: datetime, parts: Sequence[str]) -> None:
    """The export ends without a file; `parts` are to be removed."""
    await db.execute(FAIL, tenant_id, id_, error, now, list(parts))


async def expire(db: Connection, before: datetime) -> int:
    """Take the files of exports that ended before the instant out of reach; how many."""
    return len(await db.fetch(EXPIRE, before))


async def to_clean(db: Connection) -> list[asyncpg.Record]:
    """Ended exports with files to remove, locked."""
    return await db.fetch(TO_CLEAN)


async def cleaned(db: Connection, tenant_id: int, id_: int) -> None:
    """Nothing is left to remove."""
    await db.execute(CLEANED, tenant_id, id_)
