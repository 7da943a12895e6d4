"""SQL of navigation: pages of folders as the JSON that the wire shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from asyncpg import Record

from podium.kernel.db import Connection

PAGE = """
WITH found AS (
  SELECT t.id, t.key, t.display_name, t.path, t.path_key, t.description, t.folder_type, t.provision_type,
         t.permission_model, t.parent_id, t.feed_type, t.tenant_id
    FROM orchestrator.folders t
   WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[]) AND strpos(t.name_key, $3::text) > 0
     AND ($4::text[] IS NULL OR t.folder_type = ANY($4::text[])))
SELECT (SELECT count(*) FROM found) AS total,
       coalesce((SELECT json_agg(row_to_json(r)) FROM (
         SELECT t.key AS "Key", t.display_name AS "DisplayName", t.path AS "FullyQualifiedName",
                coalesce(p.path, '') AS "FolderPath", t.description AS "Description", t.folder_type AS "FolderType",
                t.folder_type = 'Personal' AS "IsPersonal", t.provision_type AS "ProvisionType",
                t.permission_model AS "PermissionModel", t.parent_id AS "ParentId", p.key AS "ParentKey",
                t.feed_type AS "FeedType", t.id AS "Id"
           FROM found t LEFT JOIN orchestrator.folders p ON p.tenant_id = t.tenant_id AND p.id = t.parent_id
          ORDER BY t.path_key LIMIT $5::bigint OFFSET $6::bigint) r), '[]'::json)::text AS items
"""
# $2: the folders that the user reaches. Those above them are shown too, for the way through, but cannot be chosen.
SHOWN = """
WITH shown AS (
  SELECT DISTINCT unnest(t.ancestor_ids) AS id FROM orchestrator.folders t
   WHERE t.tenant_id = $1::int AND t.id = ANY($2::bigint[])), rows AS (
  SELECT t.id, t.key, t.display_name, t.path, t.path_key, t.description, t.folder_type, t.provision_type,
         t.permission_model, t.parent_id, p.key AS parent_key, t.feed_type, t.ancestor_ids,
         EXISTS (SELECT 1 FROM orchestrator.folders c JOIN shown s ON s.id = c.id
                  WHERE c.tenant_id = t.tenant_id AND c.parent_id = t.id) AS has_children
    FROM orchestrator.folders t JOIN shown ON shown.id = t.id
    LEFT JOIN orchestrator.folders p ON p.tenant_id = t.tenant_id AND p.id = t.parent_id
   WHERE t.tenant_id = $1::int AND ($3::boolean OR coalesce(t.parent_id, 0) = coalesce($4::bigint, 0)))
SELECT (SELECT count(*) FROM rows) AS total,
       coalesce((SELECT json_agg(row_to_json(r)) FROM (
         SELECT t.id = ANY($2::bigint[]) AS "IsSelectable", t.has_children AS "HasChildren",
                cardinality(t.ancestor_ids) AS "Level", t.key AS "Key", t.display_name AS "DisplayName",
                t.path AS "FullyQualifiedName", t.description AS "Description", t.folder_type AS "FolderType",
                t.folder_type = 'Personal' AS "IsPersonal", t.provision_type AS "ProvisionType",
                t.permission_model AS "PermissionModel", t.parent_id AS "ParentId", t.parent_key AS "ParentKey",
                t.feed_type AS "FeedType", t.id AS "Id"
           FROM rows t ORDER BY t.path_key LIMIT $5::bigint OFFSET $6::bigint) r), '[]'::json)::text AS items
"""
IS_SHOWN = """
SELECT EXISTS (SELECT 1 FROM orchestrator.folders t
                WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) AND t.ancestor_ids @> ARRAY[$3::bigint])
"""
ABOVE = """
SELECT t.id, t.display_name, t.path FROM orchestrator.folders t
 WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) ORDER BY cardinality(t.ancestor_ids)
"""


class Rows(NamedTuple):
    """A page as JSON text of the array, and how many there are before paging."""

    items: msgspec.Raw
    total: int


async def page(
    db: Connection,
    tenant_id: int,
    reached: Sequence[int],
    search: str,
    types: Sequence[str] | None,
    take: int,
    skip: int,
) -> Rows:
    """The reached folders whose name contains `search` (folded), of these types, by path."""
    return _rows(
        await db.fetchrow(PAGE, tenant_id, list(reached), search, None if types is None else list(types), take, skip)
    )


async def shown(
    db: Connection,
    tenant_id: int,
    reached: Sequence[int],
    *,
    parent_id: int | None = None,
    every_level: bool = False,
    take: int | None = None,
    skip: int = 0,
) -> Rows:
    """The reached folders and those above them: the children of one (None: the roots), or all levels."""
    return _rows(await db.fetchrow(SHOWN, tenant_id, list(reached), every_level, parent_id, take, skip))


def _rows(row: Record | None) -> Rows:
    assert row is not None  # an aggregate always has its row
    return Rows(msgspec.Raw(row["items"].encode()), row["total"])
