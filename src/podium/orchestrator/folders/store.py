"""SQL of the folder tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.folders import rules

ADD_FOLDER = """
WITH next AS (SELECT nextval(pg_get_serial_sequence('orchestrator.folders', 'id')) AS id)
INSERT INTO orchestrator.folders (tenant_id, id, key, parent_id, ancestor_ids, display_name, name_key, path, path_key,
                                  description, folder_type, feed_type, permission_model, owner_id, created_at)
OVERRIDING SYSTEM VALUE
SELECT $1, next.id, $2, $3, $4::bigint[] || next.id, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 FROM next
RETURNING id
"""
# Who changes the shape of a tenant's tree waits here for whoever is at it; -1 is no user's id (see LOCK_OWNER of
# personal workspaces, which shares the space of two-part keys).
LOCK_TREE = "SELECT pg_advisory_xact_lock($1::int, -1)"
SEEN_BY_TENANT_RIGHT = f"{scope.IN_TENANT} AND (t.folder_type <> 'Personal' OR t.id = ANY($2::bigint[]))"
# What may be looked at may be looked at below too, so that the caller's folders are no part of it.
BELOW_WITH_MACHINE = f"""{scope.IN_TENANT} AND t.ancestor_ids @> ARRAY[$2::bigint] AND t.id <> $2::bigint
 AND EXISTS (SELECT 1 FROM orchestrator.machine_folders m
              WHERE m.tenant_id = t.tenant_id AND m.folder_id = t.id AND m.machine_id = $3::bigint)"""
PLACE = """
SELECT t.id, t.key, t.parent_id, t.ancestor_ids, t.display_name, t.path, t.folder_type, t.feed_type, t.owner_id
  FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.id = $2
"""
PLACE_OF_KEY = """
SELECT t.id, t.key, t.parent_id, t.ancestor_ids, t.display_name, t.path, t.folder_type, t.feed_type, t.owner_id
  FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.key = $2
"""
SIBLING_NAMED = """
SELECT t.id FROM orchestrator.folders t
 WHERE t.tenant_id = $1 AND coalesce(t.parent_id, 0) = coalesce($2::bigint, 0) AND t.name_key = $3
"""
HEIGHT = """
SELECT max(cardinality(t.ancestor_ids)) - $3::int + 1 FROM orchestrator.folders t
 WHERE t.tenant_id = $1 AND t.ancestor_ids @> ARRAY[$2::bigint]
"""
# The beginning of every path and chain below folder $2 is exchanged at once; $4 ends in $2 itself.
PLACE_SUBTREE = """
UPDATE orchestrator.folders t
   SET parent_id = CASE WHEN t.id = $2::bigint THEN $3::bigint ELSE t.parent_id END,
       ancestor_ids = $4::bigint[] || t.ancestor_ids[$5::int + 1:],
       path = $6::text || substr(t.path, length($7::text) + 1),
       path_key = $8::text || substr(t.path_key, length($9::text) + 1),
       display_name = CASE WHEN t.id = $2::bigint THEN $10::text ELSE t.display_name END,
       name_key = CASE WHEN t.id = $2::bigint THEN $11::text ELSE t.name_key END
 WHERE t.tenant_id = $1 AND t.ancestor_ids @> ARRAY[$2::bigint]
"""
DESCRIBE = "UPDATE orchestrator.folders t SET description = $3 WHERE t.tenant_id = $1 AND t.id = $2"
SUBTREE = "SELECT t.id FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.ancestor_ids @> ARRAY[$2::bigint]"
DELETE_SUBTREE = "DELETE FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
WITH_OWN_FEED = """
SELECT t.id FROM orchestrator.folders t
 WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) AND t.feed_type IN ('FolderHierarchy', 'PersonalWorkspace')
"""
HAS_PROCESSES = f"""
SELECT EXISTS (SELECT 1 FROM orchestrator.processes t WHERE {scope.IN_FOLDERS})
"""
CONTENT = f"""
SELECT c.category, c.type, c.name, c.amount FROM (
  SELECT 1 AS position, 'Automations' AS category, 'Release' AS type, 'Processes' AS name, count(*) AS amount
    FROM orchestrator.processes t WHERE {scope.IN_FOLDERS}
  UNION ALL
  SELECT 2, 'Automations', 'Job', 'Unfinished jobs', count(*)
    FROM orchestrator.jobs t
   WHERE {scope.IN_FOLDERS} AND t.state IN (0, 1, 2, 3, 7, 8)
  UNION ALL
  SELECT 3, 'Packages', 'Package', 'Packages', count(*)
    FROM orchestrator.feeds t JOIN orchestrator.packages p ON p.tenant_id = t.tenant_id AND p.feed_id = t.id
   WHERE {scope.IN_FOLDERS}
  UNION ALL
  SELECT 4, 'Resources', 'Asset', 'Assets', count(*) FROM orchestrator.asset_folders t WHERE {scope.IN_FOLDERS}
  UNION ALL
  SELECT 5, 'Resources', 'Queue', 'Queues', count(*) FROM orchestrator.queue_folders t WHERE {scope.IN_FOLDERS}
  UNION ALL
  SELECT 6, 'Resources', 'Bucket', 'Buckets', count(*) FROM orchestrator.bucket_folders t WHERE {scope.IN_FOLDERS}
) c WHERE c.amount > 0 ORDER BY c.position
"""
UNFINISHED_JOBS = f"""
SELECT t.id, t.key, t.state, t.process_name FROM orchestrator.jobs t
 WHERE {scope.IN_FOLDERS} AND t.state IN (0, 1, 2, 3, 7, 8)
 ORDER BY t.id LIMIT 100
"""
# The packages stay where they are: the feed of the workspace becomes the folder's own.
CONVERT_WORKSPACE = """
UPDATE orchestrator.folders t SET folder_type = 'Standard', feed_type = 'FolderHierarchy', owner_id = NULL
 WHERE t.tenant_id = $1 AND t.id = $2
"""
DROP_WORKSPACE_MACHINE = f"""
DELETE FROM orchestrator.machine_folders t USING orchestrator.machines m
 WHERE {scope.IN_FOLDERS}
   AND m.tenant_id = t.tenant_id AND m.id = t.machine_id AND m.scope = 'PersonalWorkspace'
"""
LEAVE = f"DELETE FROM orchestrator.folder_members t WHERE {scope.IN_FOLDERS} AND t.user_id = $3"
LEAVE_ALL = f"DELETE FROM orchestrator.folder_members t WHERE {scope.IN_FOLDERS}"


class Content(NamedTuple):
    """So many things of one kind that folders hold."""

    category: str
    type: str
    name: str
    amount: int


async def place(db: Connection, tenant_id: int, folder_id: int) -> rules.Place | None:
    """The folder of this id."""
    row = await db.fetchrow(PLACE, tenant_id, folder_id)
    return None if row is None else rules.Place(*row)


async def place_of_key(db: Connection, tenant_id: int, key: UUID) -> rules.Place | None:
    """The folder of this key."""
    row = await db.fetchrow(PLACE_OF_KEY, tenant_id, key)
    return None if row is None else rules.Place(*row)


async def lock_tree(db: Connection, tenant_id: int) -> None:
    """Be the only one to change the tenant's tree until the transaction ends; what was read before may be stale."""
    await db.execute(LOCK_TREE, tenant_id)


async def height(db: Connection, tenant_id: int, top: rules.Place) -> int:
    """Levels of the subtree, its top included."""
    found: int = await db.fetchval(HEIGHT, tenant_id, top.id, top.depth)
    return found


async def place_subtree(db: Connection, tenant_id: int, old: rules.Place, new: rules.Moved, name: str) -> None:
    """Give the folder its new parent and name, and everything below it the new beginning, in one statement."""
    await db.execute(
        PLACE_SUBTREE,
        tenant_id,
        old.id,
        new.parent_id,
        list(new.ancestor_ids),
        old.depth,
        new.path,
        old.path,
        new.path.casefold(),
        old.path.casefold(),
        name,
        name.casefold(),
    )


async def subtree(db: Connection, tenant_id: int, folder_id: int) -> list[int]:
    """Ids of the folder and of everything below it."""
    return [row["id"] for row in await db.fetch(SUBTREE, tenant_id, folder_id)]


async def with_own_feed(db: Connection, tenant_id: int, folder_ids: Sequence[int]) -> set[int]:
    """Those of the folders that have packages of their own."""
    return {row["id"] for row in await db.fetch(WITH_OWN_FEED, tenant_id, list(folder_ids))}


async def content(db: Connection, tenant_id: int, folder_ids: Sequence[int]) -> list[Content]:
    """What the folders hold, by kind; kinds of which there is nothing are left out."""
    return [Content(*row) for row in await db.fetch(CONTENT, tenant_id, list(folder_ids))]
