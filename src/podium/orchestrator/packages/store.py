"""SQL of feeds, packages and their entry points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from podium.kernel.db import Connection
from podium.orchestrator import scope

ADD_FEED = """
INSERT INTO orchestrator.feeds (tenant_id, id, name, purpose, folder_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)
"""
TENANT_FEED = "SELECT id FROM orchestrator.feeds t WHERE t.tenant_id = $1 AND t.purpose = $2 AND t.folder_id IS NULL"
FEED = """
SELECT t.id, t.name, t.purpose, t.folder_id, f.folder_type AS type
  FROM orchestrator.feeds t LEFT JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE t.tenant_id = $1 AND t.id = $2
"""
FEEDS = """
SELECT t.id, t.name, t.purpose, t.folder_id, f.folder_type AS type
  FROM orchestrator.feeds t LEFT JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE t.tenant_id = $1
   AND (t.folder_id IS NULL OR EXISTS (
        SELECT 1 FROM orchestrator.folders seen
         WHERE seen.tenant_id = t.tenant_id AND seen.id = ANY($2::bigint[]) AND t.folder_id = ANY(seen.ancestor_ids)))
 ORDER BY t.folder_id IS NOT NULL, t.purpose DESC, t.created_at, t.id
"""
FOLDER_FEED = """
SELECT feed.id, feed.name, feed.purpose, feed.folder_id, t.folder_type AS type
  FROM orchestrator.folders t
  JOIN orchestrator.feeds feed ON feed.tenant_id = t.tenant_id AND feed.purpose = 'Processes'
       AND (feed.folder_id IS NULL OR feed.folder_id = ANY(t.ancestor_ids))
 WHERE t.tenant_id = $1 AND t.id = $2
 ORDER BY array_position(t.ancestor_ids, feed.folder_id) DESC NULLS LAST LIMIT 1
"""
SHARING_FOLDERS = """
SELECT t.id FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.ancestor_ids @> ARRAY[$2::bigint]
"""
LATEST = f"""{scope.IN_TENANT} AND t.feed_id = $2::uuid
 AND NOT EXISTS (SELECT 1 FROM orchestrator.packages newer
                  WHERE newer.tenant_id = t.tenant_id AND newer.feed_id = t.feed_id
                    AND newer.package_key = t.package_key AND newer.version_order > t.version_order)
 AND ($3::text IS NULL OR strpos(lower(concat_ws(' ', t.package_id, t.title, t.description, t.tags)), $3::text) > 0)"""
VERSIONS_OF = f"{scope.IN_TENANT} AND t.feed_id = $2::uuid AND t.package_key = $3::text"
ENTRY_POINTS_OF = f"{scope.IN_TENANT} AND t.package_row_id = $2::bigint"
MAIN_ENTRY_POINT_OF = f"""{scope.IN_TENANT} AND t.package_row_id = $2::bigint
 AND t.path = (SELECT p.main_entry_point_path FROM orchestrator.packages p
                WHERE p.tenant_id = t.tenant_id AND p.id = t.package_row_id)"""

KIND = """
SELECT t.package_id, t.project_type FROM orchestrator.packages t
 WHERE t.tenant_id = $1 AND t.feed_id = $2 AND t.package_key = $3 ORDER BY t.version_order DESC LIMIT 1
"""
ADD_PACKAGE = """
INSERT INTO orchestrator.packages (
  tenant_id, feed_id, package_id, package_key, version, version_key, version_order, title, authors, description,
  release_notes, tags, project_url, license_url, project_type, process_type, target_framework, target_runtime,
  content_type, requires_user_interaction, is_attended, is_compiled, supports_multiple_entry_points,
  main_entry_point_path, input_arguments, output_arguments, blob, sha256, size_bytes, published_at, published_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
        $25, $26, $27, $28, $29, $30, $31)
ON CONFLICT (tenant_id, feed_id, package_key, version_key) DO NOTHING RETURNING id
"""
ADD_ENTRY_POINTS = """
INSERT INTO orchestrator.entry_points (tenant_id, package_row_id, position, unique_id, path, type, input_arguments,
                                       output_arguments, input_schema, output_schema)
SELECT $1, $2, e.position, e.unique_id, e.path, e.type, e.input_arguments, e.output_arguments, e.input_schema,
       e.output_schema
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[]) WITH ORDINALITY
    AS e(unique_id, path, type, input_arguments, output_arguments, input_schema, output_schema, position)
"""
# A package that is being put to use cannot be deleted before the user is committed: see LOCK_VERSIONS.
VERSION = """
SELECT t.id, t.feed_id, t.package_id, t.package_key, t.version, t.version_order, t.main_entry_point_path, t.blob,
       t.input_arguments
  FROM orchestrator.packages t
 WHERE t.tenant_id = $1 AND t.feed_id = $2 AND t.package_key = $3 AND t.version_key = $4 FOR KEY SHARE
"""
LATEST_VERSION = """
SELECT t.id, t.feed_id, t.package_id, t.package_key, t.version, t.version_order, t.main_entry_point_path, t.blob,
       t.input_arguments
  FROM orchestrator.packages t
 WHERE t.tenant_id = $1 AND t.feed_id = $2 AND t.package_key = $3 ORDER BY t.version_order DESC LIMIT 1 FOR KEY SHARE
"""
ENTRY_POINTS = """
SELECT t.id, t.unique_id, t.path, coalesce(t.input_schema, t.input_arguments) AS definition
  FROM orchestrator.entry_points t WHERE t.tenant_id = $1 AND t.package_row_id = $2 ORDER BY t.position
"""
UNIQUE_ID = "SELECT t.unique_id FROM orchestrator.entry_points t WHERE t.tenant_id = $1 AND t.id = $2"
LOCK_VERSIONS = """
SELECT t.id, t.version FROM orchestrator.packages t
 WHERE t.tenant_id = $1 AND t.feed_id = $2 AND t.package_key = $3 AND ($4::text IS NULL OR t.version_key = $4::text)
 ORDER BY t.id FOR UPDATE
"""
# A process holds its version; an unfinished job holds the version that it was started with.
USES = """
SELECT p.package_row_id AS id, p.name, 'process' AS kind FROM orchestrator.processes p
 WHERE p.tenant_id = $1 AND p.feed_id = $2 AND p.package_key = $3 AND p.package_row_id = ANY($4::bigint[])
UNION ALL
SELECT j.package_row_id, j.process_name, 'unfinished job' FROM orchestrator.processes p
  JOIN orchestrator.jobs j ON j.tenant_id = p.tenant_id AND j.process_id = p.id AND j.state IN (0, 1, 2, 3, 7, 8)
 WHERE p.tenant_id = $1 AND p.feed_id = $2 AND p.package_key = $3 AND j.package_row_id = ANY($4::bigint[])
"""
DELETE_VERSIONS = """
WITH gone AS (
  DELETE FROM orchestrator.packages t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) RETURNING t.blob
)
SELECT gone.blob FROM gone
 WHERE NOT EXISTS (SELECT 1 FROM orchestrator.packages kept
                    WHERE kept.blob = gone.blob AND NOT (kept.tenant_id = $1 AND kept.id = ANY($2::bigint[])))
"""
SET_ARGUMENTS = """
UPDATE orchestrator.packages t SET input_arguments = $3, output_arguments = $4 WHERE t.tenant_id = $1 AND t.id = $2
"""
SET_MAIN_ARGUMENTS = """
UPDATE orchestrator.entry_points t
   SET input_arguments = $3, output_arguments = $4, input_schema = $5, output_schema = $6
  FROM orchestrator.packages p
 WHERE t.tenant_id = $1 AND t.package_row_id = $2 AND p.tenant_id = t.tenant_id AND p.id = t.package_row_id
   AND t.path = p.main_entry_point_path
"""
ARGUMENTS = """
SELECT t.input_arguments, t.output_arguments, e.input_schema, e.output_schema
  FROM orchestrator.packages t
  LEFT JOIN orchestrator.entry_points e
    ON e.tenant_id = t.tenant_id AND e.package_row_id = t.id AND e.path = t.main_entry_point_path
 WHERE t.tenant_id = $1 AND t.id = $2
"""


class Feed(NamedTuple):
    """A feed; `folder_id` None: the tenant's own. `folder_type` is that of the folder it belongs to."""

    id: UUID
    name: str
    purpose: str
    folder_id: int | None
    folder_type: str | None

    @property
    def is_workspace(self) -> bool:
        """Whether the feed belongs to a personal workspace."""
        return self.folder_type == "Personal"


async def feed(db: Connection, tenant_id: int, feed_id: UUID) -> Feed | None:
    """The tenant's feed of this id."""
    row = await db.fetchrow(FEED, tenant_id, feed_id)
    return None if row is None else Feed(*row)


async def feeds(db: Connection, tenant_id: int, seen_folders: Sequence[int]) -> list[Feed]:
    """The tenant's own feeds, then those whose packages the folders use."""
    return [Feed(*row) for row in await db.fetch(FEEDS, tenant_id, list(seen_folders))]


async def folder_feed(db: Connection, tenant_id: int, folder_id: int) -> Feed | None:
    """The feed whose packages the folder uses: of itself or the nearest above, else the tenant's."""
    row = await db.fetchrow(FOLDER_FEED, tenant_id, folder_id)
    return None if row is None else Feed(*row)


async def sharing_folders(db: Connection, tenant_id: int, folder_id: int) -> list[int]:
    """Ids of the folder and of everything below it."""
    return [row["id"] for row in await db.fetch(SHARING_FOLDERS, tenant_id, folder_id)]


async def kind(db: Connection, tenant_id: int, feed_id: UUID, package_key: str) -> asyncpg.Record | None:
    """Casing of the id and project type, as the latest version has them."""
    return await db.fetchrow(KIND, tenant_id, feed_id, package_key)


async def version(
    db: Connection, tenant_id: int, feed_id: UUID, package_key: str, version_key: str | None
) -> asyncpg.Record | None:
    """One version, the latest when `version_key` is None; it cannot be deleted before the caller's transaction ends."""
    if version_key is None:
        return await db.fetchrow(LATEST_VERSION, tenant_id, feed_id, package_key)
    return await db.fetchrow(VERSION, tenant_id, feed_id, package_key, version_key)


async def lock_versions(
    db: Connection, tenant_id: int, feed_id: UUID, package_key: str, version_key: str | None
) -> list[asyncpg.Record]:
    """Id and version of one version or, with None, of all; nobody else can put them to use meanwhile."""
    return await db.fetch(LOCK_VERSIONS, tenant_id, feed_id, package_key, version_key)


async def uses(
    db: Connection, tenant_id: int, feed_id: UUID, package_key: str, ids: Sequence[int]
) -> list[asyncpg.Record]:
    """Who holds the versions: `id` of the version, `name` of the process, `kind`."""
    return await db.fetch(USES, tenant_id, feed_id, package_key, list(ids))


async def delete_versions(db: Connection, tenant_id: int, ids: Sequence[int]) -> list[str]:
    """Remove the rows; the blobs that nobody needs any more."""
    return [row["blob"] for row in await db.fetch(DELETE_VERSIONS, tenant_id, list(ids))]
