"""SQL of assets, of the folders that show them and of their values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.assets.rules import NO_ASSET, Stored
from podium.orchestrator.sharing import Shared

# An asset is seen in every folder that it is linked to, so the folders limit the links.
SHOWN = f"""{scope.IN_TENANT} AND t.id IN (
 SELECT t.asset_id FROM orchestrator.asset_folders t WHERE {scope.IN_FOLDERS})"""
SHOWN_BUT_SECRETS = f"""{scope.IN_TENANT} AND t.value_type <> 'Secret' AND t.id IN (
 SELECT t.asset_id FROM orchestrator.asset_folders t WHERE {scope.IN_FOLDERS})"""
ONE = f"""{scope.IN_TENANT} AND t.id = $3::bigint AND t.id IN (
 SELECT t.asset_id FROM orchestrator.asset_folders t WHERE {scope.IN_FOLDERS})"""
ASSETS_TO_CHANGE = f"""
SELECT t.id, t.key, t.name, t.name_key, t.description, t.value_type, t.value_scope, t.is_deletable,
       t.allows_direct_api_access, t.tags
  FROM orchestrator.assets t
 WHERE {scope.IN_TENANT} AND t.id = ANY($3::bigint[]) AND t.id IN (
       SELECT t.asset_id FROM orchestrator.asset_folders t WHERE {scope.IN_FOLDERS})
 ORDER BY t.id FOR UPDATE
"""
NAMED = f"""
SELECT t.id, t.key, t.name, t.description, t.value_type, t.value_scope, t.allows_direct_api_access, t.tags
  FROM orchestrator.assets t
 WHERE {scope.IN_TENANT} AND t.id IN (
       SELECT t.asset_id FROM orchestrator.asset_folders t WHERE {scope.IN_FOLDERS} AND t.name_key = $3::text)
"""
FOLDER_WITH_NAME = f"""
SELECT f.display_name FROM orchestrator.asset_folders t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE {scope.IN_FOLDERS} AND t.name_key = $3::text AND t.asset_id <> $4::bigint LIMIT 1
"""
FOLDERS_OF = """
SELECT f.id, f.key, f.display_name, f.path
  FROM orchestrator.asset_folders t JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE t.tenant_id = $1 AND t.asset_id = $2 ORDER BY f.path_key
"""
ADD = """
INSERT INTO orchestrator.assets (tenant_id, key, name, name_key, description, value_type, value_scope,
                                 has_default_value, is_deletable, allows_direct_api_access, tags, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12, $13)
RETURNING id
"""
CHANGE = """
UPDATE orchestrator.assets t
   SET name = $3, name_key = $4, description = $5, value_type = $6, value_scope = $7, has_default_value = $8,
       is_deletable = $9, allows_direct_api_access = $10, tags = $11::jsonb, updated_at = $12, updated_by = $13
 WHERE t.tenant_id = $1 AND t.id = $2
"""
TOUCH = "UPDATE orchestrator.assets t SET updated_at = $3, updated_by = $4 WHERE t.tenant_id = $1 AND t.id = $2"
REMOVE = "DELETE FROM orchestrator.assets t WHERE t.tenant_id = $1 AND t.id = $2"
LINK = """
INSERT INTO orchestrator.asset_folders (tenant_id, folder_id, asset_id, name_key)
SELECT $1::int, folder_id, $2::bigint, $3::text FROM unnest($4::bigint[]) AS n(folder_id) ON CONFLICT
 (tenant_id, folder_id, asset_id) DO NOTHING
"""
UNLINK = f"DELETE FROM orchestrator.asset_folders t WHERE {scope.IN_FOLDERS} AND t.asset_id = $3"
SHARED = Shared(
    entity="Assets",
    ids_member="AssetIds",
    missing=NO_ASSET,
    to_change=ASSETS_TO_CHANGE,
    folders_of=FOLDERS_OF,
    folder_with_name=FOLDER_WITH_NAME,
    link=LINK,
    unlink=UNLINK,
)

VALUES = """
SELECT t.id, t.user_id, t.machine_id, t.text_value, t.bool_value, t.int_value, t.pairs, t.user_name, t.sealed,
       t.credential_store_id, t.external_name
  FROM orchestrator.asset_values t WHERE t.tenant_id = $1 AND t.asset_id = $2 ORDER BY t.id
"""
NEXT_VALUE_IDS = """
SELECT nextval(pg_get_serial_sequence('orchestrator.asset_values', 'id')) AS id FROM generate_series(1, $1::int)
"""
ADD_VALUES = """
INSERT INTO orchestrator.asset_values (tenant_id, id, asset_id, user_id, machine_id, text_value, bool_value, int_value,
                                       pairs, user_name, sealed, credential_store_id, external_name)
OVERRIDING SYSTEM VALUE
SELECT $1::int, n.id, $2::bigint, n.user_id, n.machine_id, n.text_value, n.bool_value, n.int_value, n.pairs::jsonb,
       n.user_name, n.sealed, n.credential_store_id, n.external_name
  FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::boolean[], $8::int[], $9::text[], $10::text[],
              $11::bytea[], $12::bigint[], $13::text[])
       AS n(id, user_id, machine_id, text_value, bool_value, int_value, pairs, user_name, sealed, credential_store_id,
            external_name)
"""
# What is sealed is left alone: a stored value is not written again under a key that may be about to go.
CHANGE_VALUES = """
UPDATE orchestrator.asset_values t
   SET text_value = n.text_value, bool_value = n.bool_value, int_value = n.int_value, pairs = n.pairs::jsonb,
       user_name = n.user_name, credential_store_id = n.credential_store_id, external_name = n.external_name
  FROM unnest($2::bigint[], $3::text[], $4::boolean[], $5::int[], $6::text[], $7::text[], $8::bigint[], $9::text[])
       AS n(id, text_value, bool_value, int_value, pairs, user_name, credential_store_id, external_name)
 WHERE t.tenant_id = $1::int AND t.id = n.id
"""
SEAL_AGAIN = """
UPDATE orchestrator.asset_values t SET sealed = n.sealed FROM unnest($2::bigint[], $3::bytea[]) AS n(id, sealed)
 WHERE t.tenant_id = $1::int AND t.id = n.id
"""
LEAVE_STORE = """
UPDATE orchestrator.asset_values t
   SET credential_store_id = CASE a.value_type WHEN 'Secret' THEN $4::bigint ELSE $3::bigint END,
       external_name = NULL, sealed = NULL, user_name = CASE a.value_type WHEN 'Secret' THEN NULL ELSE '' END
  FROM orchestrator.assets a
 WHERE t.tenant_id = $1::int AND t.credential_store_id = $2::bigint AND a.tenant_id = t.tenant_id AND a.id = t.asset_id
"""
REMOVE_OTHER_VALUES = """
DELETE FROM orchestrator.asset_values t WHERE t.tenant_id = $1 AND t.asset_id = $2 AND t.id <> ALL($3::bigint[])
"""

USERS_AMONG = """
SELECT t.id FROM orchestrator.users t
 WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) AND t.type <> 'DirectoryGroup' FOR KEY SHARE
"""
MACHINES_AMONG = """
SELECT t.id FROM orchestrator.machines t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[]) FOR KEY SHARE
"""
ROBOTS_AMONG = """
SELECT t.id, t.user_id, t.machine_id FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])
"""
ROBOT_OF_KEY = """
SELECT t.id, t.user_id, t.machine_id FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.key = $2 AND t.is_enabled
"""
ROBOT_OF_ID = "SELECT t.id, t.user_id, t.machine_id FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.id = $2"
MACHINE_OF_JOB = """
SELECT t.machine_id FROM orchestrator.jobs t WHERE t.tenant_id = $1 AND t.key = $2 AND t.robot_id = $3
"""


class Row(NamedTuple):
    """A value to write; `sealed` None leaves what is sealed as it is."""

    id: int
    user_id: int | None
    machine_id: int | None
    text: str | None
    boolean: bool | None
    integer: int | None
    pairs: str | None
    user_name: str | None
    sealed: bytes | None
    credential_store_id: int | None
    external_name: str | None


async def named(db: Connection, tenant_id: int, folder_id: int, name_key: str) -> Record | None:
    """The folder's asset of that name."""
    return await db.fetchrow(NAMED, tenant_id, [folder_id], name_key)


async def values(db: Connection, tenant_id: int, asset_id: int) -> list[Stored]:
    """Every value of the asset, the default among them."""
    return [Stored(*row) for row in await db.fetch(VALUES, tenant_id, asset_id)]


async def next_value_ids(db: Connection, amount: int) -> list[int]:
    """Ids for new values, which are sealed for their row before it is there."""
    return [row["id"] for row in await db.fetch(NEXT_VALUE_IDS, amount)] if amount else []


async def add_values(db: Connection, tenant_id: int, asset_id: int, rows: Sequence[Row]) -> None:
    """Store new values."""
    if rows:
        await db.execute(ADD_VALUES, tenant_id, asset_id, *map(list, zip(*rows, strict=True)))


async def change_values(db: Connection, tenant_id: int, rows: Sequence[Row]) -> None:
    """Replace what is plain in values that are there, and what is sealed where that is given."""
    if not rows:
        return
    ids, _, _, *plain, _, stores, names = map(list, zip(*rows, strict=True))
    await db.execute(CHANGE_VALUES, tenant_id, ids, *plain, stores, names)
    if fresh := [(row.id, row.sealed) for row in rows if row.sealed is not None]:
        await db.execute(SEAL_AGAIN, tenant_id, *map(list, zip(*fresh, strict=True)))


async def users_among(db: Connection, tenant_id: int, ids: Collection[int]) -> set[int]:
    """Those of the ids that are users who can have a value: groups cannot."""
    return {row["id"] for row in await db.fetch(USERS_AMONG, tenant_id, list(ids))}


async def machines_among(db: Connection, tenant_id: int, ids: Collection[int]) -> set[int]:
    """Those of the ids that are machines."""
    return {row["id"] for row in await db.fetch(MACHINES_AMONG, tenant_id, list(ids))}


async def robots_among(db: Connection, tenant_id: int, ids: Collection[int]) -> dict[int, Record]:
    """id, user_id and machine_id of those of the ids that are robots, by id."""
    return {row["id"]: row for row in await db.fetch(ROBOTS_AMONG, tenant_id, list(ids))}


async def robot(db: Connection, tenant_id: int, robot: int | UUID) -> Record | None:
    """id, user_id and machine_id of the robot of this id, or of this key if it is enabled."""
    return await db.fetchrow(ROBOT_OF_KEY if isinstance(robot, UUID) else ROBOT_OF_ID, tenant_id, robot)
