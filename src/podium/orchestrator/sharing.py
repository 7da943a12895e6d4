"""Things of a tenant that several folders show: which folders, and the change of that for many things at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec
from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.orchestrator import scope
from podium.orchestrator.folders.rules import NO_FOLDER

WORKSPACES_AMONG = f"""
SELECT t.display_name FROM orchestrator.folders t WHERE {scope.FOLDER_ITSELF} AND t.folder_type = 'Personal' LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Shared:
    """What an area says of its things.

    `entity` names their permissions and the audit's component ("Queues") and stands in messages, `ids_member` is the
    member of the body with their ids, `missing` the message for one that is not there. The rest is SQL; $1 is always
    the tenant:

    - `to_change`: $2 folder ids, $3 ids -> id, key, name, name_key (and what events need) of those that one of the
      folders shows, by id and locked
    - `folders_of`: $2 id -> id, key, display_name, path of the folders that show it
    - `folder_with_name`: $2 folder ids, $3 name_key, $4 id to leave out -> display_name
    - `link`: $2 id, $3 name_key, $4 folder ids
    - `unlink`: $2 folder ids, $3 id
    """

    entity: str
    ids_member: str
    missing: str
    to_change: str
    folders_of: str
    folder_with_name: str
    link: str
    unlink: str


async def accessible_folders(call: Call, shared: Shared, id_: int) -> Item:
    """The folders that show it where the caller may view it; the total counts the others as well. Raises NotFound."""
    folders = await folders_of(call.db, shared, call.tenant_id, id_)
    seen = [folder for folder in folders if _may(call, folder["id"], shared, "View")]
    if not seen:
        raise NotFound(shared.missing)
    shown = wire.AccessibleFoldersDto(
        accessible_folders=[
            wire.SimpleFolderDto(
                display_name=folder["display_name"], fully_qualified_name=folder["path"], id=folder["id"]
            )
            for folder in seen
        ],
        total_folders_count=len(folders),
    )
    return Item(msgspec.json.encode(shown).decode(), "AccessibleFoldersDto")


async def share(
    call: Call, shared: Shared, ids: Iterable[int], added: Iterable[int], removed: Iterable[int]
) -> list[tuple[Record, list[Record]]]:
    """Show the things in further folders, and in some no more: all of it or nothing.

    Each of them as `to_change` gives it, with the folders that show it now. Raises BadRequest, NotFound, Forbidden
    #1017 and Conflict; says in the audit what was done.
    """
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        raise BadRequest(f"{shared.ids_member} is required.", Code.PARAMETER_MISSING)
    to_add, to_remove = set(added), set(removed)
    if both := sorted(to_add & to_remove):
        raise BadRequest(f"ToAddFolderIds: the folder {both[0]} is also among ToRemoveFolderIds.")
    things = await to_change(call.db, shared, call.tenant_id, readable(call, shared.entity), wanted)
    if len(things) < len(wanted):
        raise NotFound(shared.missing)
    _check_targets(call, shared, to_add, "Create")
    _check_targets(call, shared, to_remove, "Delete")
    workspace = await call.db.fetchval(WORKSPACES_AMONG, call.tenant_id, sorted(to_add))
    if workspace is not None:
        message = f"{shared.entity} cannot be shared to the personal workspace {workspace}."
        raise Conflict(message, Code.FORBIDDEN_OPERATION)
    done = [(thing, await _move(call.db, shared, call.tenant_id, thing, to_add, to_remove)) for thing in things]
    names = ", ".join(thing["name"] for thing in things)
    call.describe("Associate", component=shared.entity, entity_id=",".join(map(str, wanted)), name=names)
    return done


async def to_change(
    db: Connection, shared: Shared, tenant_id: int, folder_ids: Collection[int], ids: Collection[int]
) -> list[Record]:
    """Those of the things that one of the folders shows, locked."""
    return await db.fetch(shared.to_change, tenant_id, list(folder_ids), list(ids))


async def folders_of(db: Connection, shared: Shared, tenant_id: int, id_: int) -> list[Record]:
    """id, key, display_name and path of the folders that show it."""
    return await db.fetch(shared.folders_of, tenant_id, id_)


async def link(
    db: Connection, shared: Shared, tenant_id: int, id_: int, name_key: str, folder_ids: Iterable[int]
) -> None:
    """Show it in these folders, too."""
    await db.execute(shared.link, tenant_id, id_, name_key, sorted(folder_ids))


async def check_name_is_free(
    db: Connection, shared: Shared, tenant_id: int, folder_ids: Iterable[int], name: str, apart_from: int = 0
) -> None:
    """Refuse (409 #1001) a name that another one has in one of the folders."""
    args = (tenant_id, sorted(folder_ids), name.casefold(), apart_from)
    if await db.fetchval(shared.folder_with_name, *args) is not None:
        raise Conflict(f"The name {name} is already used.")


def readable(call: Call, entity: str, excluded: int | None = None) -> list[int]:
    """The folders, but that one, where the caller may view the entity; for lists without a folder."""
    return [
        folder.id
        for folder in call.reach.folders.values()
        if folder.id != excluded and f"{entity}.View" in call.reach.within(folder)
    ]


async def _move(
    db: Connection, shared: Shared, tenant_id: int, thing: Record, added: set[int], removed: set[int]
) -> list[Record]:
    present = {row["id"] for row in await folders_of(db, shared, tenant_id, thing["id"])}
    if not (present | added) - removed:
        message = f"{thing['name']} would be shown in no folder any more: delete it instead."
        raise Conflict(message, Code.WRONG_STATE)
    fresh = added - present
    await check_name_is_free(db, shared, tenant_id, fresh, thing["name"], apart_from=thing["id"])
    await link(db, shared, tenant_id, thing["id"], thing["name_key"], fresh)
    await db.execute(shared.unlink, tenant_id, sorted(removed), thing["id"])
    return await folders_of(db, shared, tenant_id, thing["id"])


def _check_targets(call: Call, shared: Shared, folder_ids: Iterable[int], action: str) -> None:
    """Raises NotFound for a folder that the caller does not see, Forbidden #1017 without the right in it."""
    for folder_id in sorted(folder_ids):
        if folder_id not in call.reach.folders:
            raise NotFound(NO_FOLDER)
        if not _may(call, folder_id, shared, action):
            folder = call.reach.folders[folder_id]
            message = f"You are not authorized to change what the folder {folder.path} shows."
            raise Forbidden(message, Code.FORBIDDEN_OPERATION)


def _may(call: Call, folder_id: int, shared: Shared, action: str) -> bool:
    folder = call.reach.folders.get(folder_id)
    return folder is not None and f"{shared.entity}.{action}" in call.reach.within(folder)
