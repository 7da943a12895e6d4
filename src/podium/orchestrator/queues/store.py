"""SQL of queues and of the folders that show them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.queues.rules import NO_QUEUE, Asked, Definition
from podium.orchestrator.sharing import Shared

# A queue is seen in every folder that it is linked to, so the folders limit the links.
SHOWN = f"""{scope.IN_TENANT} AND t.id IN (
 SELECT t.queue_id FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS})"""
ONE = f"""{scope.IN_TENANT} AND t.id = $3::bigint AND t.id IN (
 SELECT t.queue_id FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS})"""
ONE_OF_KEY = f"""{scope.IN_TENANT} AND t.key = $3::uuid AND t.id IN (
 SELECT t.queue_id FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS})"""
TO_CHANGE = f"""
SELECT t.id, t.key, t.name, t.name_key, t.description, t.max_retries, t.is_retried_automatically,
       t.is_retried_when_abandoned, t.has_unique_references, t.is_encrypted, t.sla_minutes, t.risk_sla_minutes,
       t.process_id, t.tags
  FROM orchestrator.queues t
 WHERE {scope.IN_TENANT} AND t.id = ANY($3::bigint[]) AND t.id IN (
       SELECT t.queue_id FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS})
 ORDER BY t.id FOR UPDATE
"""
FOLDER_WITH_NAME = f"""
SELECT f.display_name FROM orchestrator.queue_folders t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE {scope.IN_FOLDERS} AND t.name_key = $3::text AND t.queue_id <> $4::bigint LIMIT 1
"""
FOLDERS_OF = """
SELECT f.id, f.key, f.display_name, f.path
  FROM orchestrator.queue_folders t JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE t.tenant_id = $1 AND t.queue_id = $2 ORDER BY f.path_key
"""
LINK = """
INSERT INTO orchestrator.queue_folders (tenant_id, folder_id, queue_id, name_key)
SELECT $1::int, folder_id, $2::bigint, $3::text FROM unnest($4::bigint[]) AS n(folder_id) ON CONFLICT
 (tenant_id, folder_id, queue_id) DO NOTHING
"""
UNLINK = f"DELETE FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS} AND t.queue_id = $3"
SHARED = Shared(
    entity="Queues",
    ids_member="QueueIds",
    missing=NO_QUEUE,
    to_change=TO_CHANGE,
    folders_of=FOLDERS_OF,
    folder_with_name=FOLDER_WITH_NAME,
    link=LINK,
    unlink=UNLINK,
)

# In the order of Definition.
DEFINITION = """
SELECT q.id, q.key, q.name, q.revision, q.max_retries, q.is_retried_automatically, q.is_retried_when_abandoned,
       q.has_unique_references, q.is_encrypted, q.sla_minutes, q.risk_sla_minutes, q.content_schema, q.output_schema,
       q.analytics_schema, q.process_id,
       json_build_object(
         'Id', q.id, 'Key', q.key, 'Name', q.name, 'Description', q.description, 'MaxNumberOfRetries', q.max_retries,
         'AcceptAutomaticallyRetry', q.is_retried_automatically, 'EnforceUniqueReference', q.has_unique_references,
         'SlaInMinutes', q.sla_minutes, 'RiskSlaInMinutes', q.risk_sla_minutes)::text AS shown
"""
NAMED = f"""{DEFINITION}
  FROM orchestrator.queue_folders t JOIN orchestrator.queues q ON q.tenant_id = t.tenant_id AND q.id = t.queue_id
 WHERE {scope.IN_FOLDERS} AND t.name_key = $3
"""
DEFINITIONS = f"""{DEFINITION}
  FROM orchestrator.queues q WHERE q.tenant_id = $1 AND q.id = ANY($2::bigint[])
"""
ADD = """
INSERT INTO orchestrator.queues (tenant_id, key, name, name_key, description, max_retries, is_retried_automatically,
                                 is_retried_when_abandoned, has_unique_references, is_encrypted, sla_minutes,
                                 risk_sla_minutes, process_id, content_schema, output_schema, analytics_schema, tags,
                                 created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17::jsonb, $18, $19)
RETURNING id
"""
CHANGE = """
UPDATE orchestrator.queues t
   SET name = $3, name_key = $4, description = $5, max_retries = $6, is_retried_automatically = $7,
       is_retried_when_abandoned = $8, has_unique_references = $9, is_encrypted = $10, sla_minutes = $11,
       risk_sla_minutes = $12, process_id = $13, content_schema = $14, output_schema = $15, analytics_schema = $16,
       tags = $17::jsonb, updated_at = $18, updated_by = $19, revision = t.revision + 1
 WHERE t.tenant_id = $1 AND t.id = $2
"""
REMOVE = "DELETE FROM orchestrator.queues t WHERE t.tenant_id = $1 AND t.id = $2"
SCHEMAS = f"""
SELECT t.name, t.content_schema, t.output_schema, t.analytics_schema FROM orchestrator.queues t
 WHERE {scope.IN_TENANT} AND t.id = $3::bigint AND t.id IN (
       SELECT t.queue_id FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS})
"""
IS_SHOWN = f"""
SELECT EXISTS (SELECT 1 FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS} AND t.queue_id = $3::bigint)
"""
PROCESS_AMONG = f"""
SELECT t.id FROM orchestrator.processes t WHERE {scope.IN_FOLDERS} AND t.id = $3::bigint FOR KEY SHARE
"""
OF_PROCESS = """
SELECT t.name FROM orchestrator.queues t WHERE t.tenant_id = $1 AND t.process_id = $2 ORDER BY t.id LIMIT 1
"""


async def named(db: Connection, tenant_id: int, folder_id: int, key: str) -> Definition | None:
    """The folder's queue of that name key."""
    row = await db.fetchrow(NAMED, tenant_id, [folder_id], key)
    return None if row is None else Definition(*row)


async def definitions(db: Connection, tenant_id: int, ids: Collection[int]) -> list[Definition]:
    """The queues of these ids, wherever they are shown."""
    return [Definition(*row) for row in await db.fetch(DEFINITIONS, tenant_id, list(ids))]


async def add(db: Connection, tenant_id: int, key: UUID, asked: Asked, now: datetime, user_id: int | None) -> int:
    """Id of a new queue, which no folder shows yet."""
    id_: int = await db.fetchval(ADD, tenant_id, key, *asked, now, user_id)
    return id_


async def change(db: Connection, tenant_id: int, id_: int, asked: Asked, now: datetime, user_id: int | None) -> None:
    """Make the queue what is asked for; its name in the folders goes along."""
    await db.execute(CHANGE, tenant_id, id_, *asked, now, user_id)


async def schemas(db: Connection, tenant_id: int, folder_ids: Collection[int], id_: int) -> Record | None:
    """Name and schemas of the queue, if one of the folders shows it."""
    return await db.fetchrow(SCHEMAS, tenant_id, list(folder_ids), id_)


async def has_process(db: Connection, tenant_id: int, folder_ids: Collection[int], process_id: int) -> bool:
    """Whether one of the folders has that process; it stays until the transaction ends."""
    return await db.fetchval(PROCESS_AMONG, tenant_id, list(folder_ids), process_id) is not None


async def of_process(db: Connection, tenant_id: int, process_id: int) -> str | None:
    """Name of a queue that names the process."""
    name: str | None = await db.fetchval(OF_PROCESS, tenant_id, process_id)
    return name
