"""SQL of buckets, of the folders that show them and of the files that are kept here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.sharing import Shared

# A bucket is seen in every folder that it is linked to, so the folders limit the links.
SHOWN = f"""{scope.IN_TENANT} AND t.id IN (
 SELECT t.bucket_id FROM orchestrator.bucket_folders t WHERE {scope.IN_FOLDERS})"""
ONE = f"""{scope.IN_TENANT} AND t.id = $3::bigint AND t.id IN (
 SELECT t.bucket_id FROM orchestrator.bucket_folders t WHERE {scope.IN_FOLDERS})"""
ONE_BY_KEY = f"""{scope.IN_TENANT} AND t.key = $3::uuid AND t.id IN (
 SELECT t.bucket_id FROM orchestrator.bucket_folders t WHERE {scope.IN_FOLDERS})"""
TO_CHANGE = f"""
SELECT t.id, t.key, t.name, t.name_key, t.description, t.provider, t.container, t.parameters, t.sealed, t.tags,
       t.credential_store_id, t.external_name, t.is_read_only, t.audits_reads, t.passes_data_through
  FROM orchestrator.buckets t
 WHERE {scope.IN_TENANT} AND t.id = ANY($3::bigint[]) AND t.id IN (
       SELECT t.bucket_id FROM orchestrator.bucket_folders t WHERE {scope.IN_FOLDERS})
 ORDER BY t.id FOR UPDATE
"""
FOLDERS_OF = """
SELECT f.id, f.key, f.display_name, f.path
  FROM orchestrator.bucket_folders t JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE t.tenant_id = $1 AND t.bucket_id = $2 ORDER BY f.path_key
"""
FOLDER_WITH_NAME = f"""
SELECT f.display_name FROM orchestrator.bucket_folders t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE {scope.IN_FOLDERS} AND t.name_key = $3::text AND t.bucket_id <> $4::bigint LIMIT 1
"""
LINK = """
INSERT INTO orchestrator.bucket_folders (tenant_id, folder_id, bucket_id, name_key)
SELECT $1::int, folder_id, $2::bigint, $3::text FROM unnest($4::bigint[]) AS n(folder_id) ON CONFLICT
 (tenant_id, folder_id, bucket_id) DO NOTHING
"""
UNLINK = f"DELETE FROM orchestrator.bucket_folders t WHERE {scope.IN_FOLDERS} AND t.bucket_id = $3"

SHARED = Shared(
    entity="Buckets",
    ids_member="BucketIds",
    missing="Bucket does not exist.",
    to_change=TO_CHANGE,
    folders_of=FOLDERS_OF,
    folder_with_name=FOLDER_WITH_NAME,
    link=LINK,
    unlink=UNLINK,
)

FIND = """
SELECT t.id, t.name, t.provider, t.container, t.parameters, t.credential_store_id, t.external_name, t.sealed,
       t.is_read_only, t.audits_reads, t.passes_data_through
  FROM orchestrator.buckets t WHERE t.tenant_id = $1 AND t.id = $2
"""
FIND_IN_FOLDERS = f"""
SELECT t.id, t.name, t.provider, t.container, t.parameters, t.credential_store_id, t.external_name, t.sealed,
       t.is_read_only, t.audits_reads, t.passes_data_through
  FROM orchestrator.buckets t
 WHERE {scope.IN_TENANT} AND t.id = $3::bigint AND t.id IN (
       SELECT t.bucket_id FROM orchestrator.bucket_folders t WHERE {scope.IN_FOLDERS})
"""
HAS_KEY = "SELECT EXISTS (SELECT 1 FROM orchestrator.buckets t WHERE t.tenant_id = $1 AND t.key = $2)"
NEXT_ID = "SELECT nextval(pg_get_serial_sequence('orchestrator.buckets', 'id'))"
ADD = """
INSERT INTO orchestrator.buckets (tenant_id, id, key, name, name_key, description, provider, container, parameters,
                                  credential_store_id, external_name, sealed, is_read_only, audits_reads,
                                  passes_data_through, tags, created_at, created_by)
OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::jsonb, $17, $18)
"""
CHANGE = """
UPDATE orchestrator.buckets t
   SET name = $3, name_key = $4, description = $5, container = $6, parameters = $7, is_read_only = $8,
       audits_reads = $9, passes_data_through = $10, tags = $11::jsonb, updated_at = $12, updated_by = $13
 WHERE t.tenant_id = $1 AND t.id = $2
"""
# What is sealed is left alone when no new secret comes: it may be sealed under a key that is about to go.
KEEP_IN = """
UPDATE orchestrator.buckets t SET credential_store_id = $3, external_name = $4, sealed = $5
 WHERE t.tenant_id = $1 AND t.id = $2
"""
LEAVE_STORE = """
UPDATE orchestrator.buckets t
   SET credential_store_id = CASE t.provider WHEN 'Orchestrator' THEN NULL ELSE $3::bigint END, external_name = NULL
 WHERE t.tenant_id = $1 AND t.credential_store_id = $2
"""
IS_ARCHIVE = """
SELECT EXISTS (SELECT 1 FROM orchestrator.queue_retention t WHERE t.tenant_id = $1 AND t.bucket_id = $2)
    OR EXISTS (SELECT 1 FROM orchestrator.processes t WHERE t.tenant_id = $1 AND t.retention_bucket_id = $2)
"""
REMOVE_FILES = """
WITH gone AS (
  DELETE FROM orchestrator.bucket_files t WHERE t.tenant_id = $1::int AND t.bucket_id = $2::bigint RETURNING t.blob
)
INSERT INTO orchestrator.bucket_leftovers (tenant_id, blob, since)
SELECT $1::int, gone.blob, $3::timestamptz FROM gone
"""
REMOVE = "DELETE FROM orchestrator.buckets t WHERE t.tenant_id = $1 AND t.id = $2"

# A prefix is a range that ends before the last code point, which no path has: an index serves it whatever the plan.
IN_DIRECTORY = f"{scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.directory = $3::text"
BELOW_DIRECTORY = f"""{scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.path >= $3::text
 AND t.path < ($3::text || chr(1114111))"""
OF_PATH = f"{scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.path = $3::text"
# The name of the file, which begins where its directory ends.
IN_DIRECTORY_LIKE = f"""{scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.directory = $3::text
 AND substr(t.path, length(t.directory) + 1) LIKE $4::text"""
BELOW_DIRECTORY_LIKE = f"""{scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.path >= $3::text
 AND t.path < ($3::text || chr(1114111)) AND substr(t.path, length(t.directory) + 1) LIKE $4::text"""
# Each step looks up the next directory in the index: '0' is the character after '/'.
DIRECTORIES = f"""
WITH RECURSIVE found (name) AS (
  (SELECT split_part(substr(t.directory, length($3::text) + 1), '/', 1) FROM orchestrator.bucket_files t
    WHERE {scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.directory > $3::text
      AND t.directory < ($3::text || chr(1114111))
    ORDER BY t.directory LIMIT 1)
  UNION ALL
  SELECT following.name FROM found CROSS JOIN LATERAL (
    SELECT split_part(substr(t.directory, length($3::text) + 1), '/', 1) AS name FROM orchestrator.bucket_files t
     WHERE {scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.directory >= ($3::text || found.name || '0')
       AND t.directory < ($3::text || chr(1114111))
     ORDER BY t.directory LIMIT 1) following
)
SELECT found.name FROM found LIMIT $4::int
"""
FILES_AFTER = f"""
SELECT t.path, t.content_type, t.size_bytes, t.written_at FROM orchestrator.bucket_files t
 WHERE {scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.path >= $3::text
   AND t.path < ($3::text || chr(1114111)) AND t.path > $4::text
 ORDER BY t.path LIMIT $5::int
"""
FILE = f"""
SELECT t.path, t.content_type, t.size_bytes, t.sha256, t.blob, t.written_at FROM orchestrator.bucket_files t
 WHERE {scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.path = $3::text
"""
LOCK = """
SELECT t.name, t.is_read_only FROM orchestrator.buckets t
 WHERE t.tenant_id = $1 AND t.id = $2 AND t.provider = 'Orchestrator' FOR KEY SHARE
"""
PUT_FILE = """
WITH stored AS (
  INSERT INTO orchestrator.bucket_files AS t (tenant_id, bucket_id, path, directory, content_type, size_bytes, sha256, blob,
                                              created_at, written_at)
  VALUES ($1::int, $2, $3, $4, $5, $6, $7, $8, $9::timestamptz, $9::timestamptz)
  ON CONFLICT (tenant_id, bucket_id, path) DO UPDATE
     SET content_type = excluded.content_type, size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
         blob = excluded.blob, written_at = excluded.written_at
  RETURNING old.blob AS replaced
)
INSERT INTO orchestrator.bucket_leftovers (tenant_id, blob, since)
SELECT $1::int, stored.replaced, $9::timestamptz FROM stored WHERE stored.replaced IS NOT NULL
"""
REMOVE_FILE = f"""
WITH gone AS (
  DELETE FROM orchestrator.bucket_files t
   WHERE {scope.IN_TENANT} AND t.bucket_id = $2::bigint AND t.path = $3::text RETURNING t.blob
)
INSERT INTO orchestrator.bucket_leftovers (tenant_id, blob, since)
SELECT $1::int, gone.blob, $4::timestamptz FROM gone
"""
# Loops look after every tenant.
TAKE_LEFTOVERS = """
DELETE FROM orchestrator.bucket_leftovers t
 WHERE (t.tenant_id, t.blob) IN (
   SELECT o.tenant_id, o.blob FROM orchestrator.bucket_leftovers o
    WHERE o.since <= $1 ORDER BY o.since LIMIT 200 FOR UPDATE SKIP LOCKED)
RETURNING t.blob
"""
WITHOUT_A_ROW = """
SELECT n.blob FROM unnest($1::text[]) AS n(blob)
 WHERE NOT EXISTS (SELECT 1 FROM orchestrator.bucket_files t WHERE t.blob = n.blob)
"""


class Bucket(NamedTuple):
    """What is needed to get at a bucket's files.

    The secret key of a storage elsewhere is in `sealed`, or in the credential store under `external_name`, or missing.
    """

    id: int
    name: str
    provider: str
    container: str | None
    parameters: str | None
    credential_store_id: int | None
    external_name: str | None
    sealed: bytes | None
    is_read_only: bool
    audits_reads: bool
    passes_data_through: bool


class File(NamedTuple):
    """A file that is kept here."""

    path: str
    content_type: str | None
    size_bytes: int
    sha256: bytes
    blob: str
    written_at: datetime


async def find(db: Connection, tenant_id: int, bucket_id: int) -> Bucket | None:
    """The tenant's bucket of this id, in whatever folder."""
    row = await db.fetchrow(FIND, tenant_id, bucket_id)
    return None if row is None else Bucket(*row)


async def find_shown(db: Connection, tenant_id: int, folder_ids: Sequence[int], bucket_id: int) -> Bucket | None:
    """The bucket, if one of the folders shows it."""
    row = await db.fetchrow(FIND_IN_FOLDERS, tenant_id, list(folder_ids), bucket_id)
    return None if row is None else Bucket(*row)


async def has_key(db: Connection, tenant_id: int, key: UUID) -> bool:
    """Whether a bucket of the tenant has this identifier."""
    return bool(await db.fetchval(HAS_KEY, tenant_id, key))


async def is_archive(db: Connection, tenant_id: int, bucket_id: int) -> bool:
    """Whether a queue or a process archives into the bucket."""
    return bool(await db.fetchval(IS_ARCHIVE, tenant_id, bucket_id))


async def directories(db: Connection, tenant_id: int, bucket_id: int, above: str, limit: int) -> list[str]:
    """Names of the directories right below one, by bytes; at most `limit`."""
    return [row["name"] for row in await db.fetch(DIRECTORIES, tenant_id, bucket_id, above, limit)]


async def files_after(
    db: Connection, tenant_id: int, bucket_id: int, prefix: str, after: str, limit: int
) -> list[Record]:
    """path, content_type, size_bytes and written_at of the next files of the prefix, by bytes."""
    return await db.fetch(FILES_AFTER, tenant_id, bucket_id, prefix, after, limit)


async def file(db: Connection, tenant_id: int, bucket_id: int, path: str) -> File | None:
    """The file of that path."""
    row = await db.fetchrow(FILE, tenant_id, bucket_id, path)
    return None if row is None else File(*row)


async def lock_for_write(db: Connection, tenant_id: int, bucket_id: int) -> Record | None:
    """Name and is_read_only of a bucket whose files are kept here; it stays as it is until the transaction ends."""
    return await db.fetchrow(LOCK, tenant_id, bucket_id)


async def remove_file(db: Connection, tenant_id: int, bucket_id: int, path: str, now: datetime) -> None:
    """Take the file out of the bucket; its blob is left to the loop. None there is no error."""
    await db.execute(REMOVE_FILE, tenant_id, bucket_id, path, now)


async def remove(db: Connection, tenant_id: int, bucket_id: int, now: datetime) -> None:
    """Remove the bucket and the rows of its files; their blobs are left to the loop."""
    await db.execute(REMOVE_FILES, tenant_id, bucket_id, now)
    await db.execute(REMOVE, tenant_id, bucket_id)


async def take_leftovers(db: Connection, before: datetime) -> list[str]:
    """Blobs that lost their file before the instant; forgotten with the transaction."""
    return [row["blob"] for row in await db.fetch(TAKE_LEFTOVERS, before)]


async def without_a_row(db: Connection, blobs: Sequence[str]) -> list[str]:
    """Those of the blobs that no file has."""
    return [row["blob"] for row in await db.fetch(WITHOUT_A_ROW, list(blobs))]
