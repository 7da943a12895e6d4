"""Makes and finds folders: asked by the API, by a new tenant and by personal workspaces."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, Conflict
from podium.kernel.ids import uuid7
from podium.orchestrator import scope
from podium.orchestrator.access import actions as access_actions
from podium.orchestrator.access import rules as access_rules
from podium.orchestrator.access import store as access
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.folders import rules, store


class NewFolder(NamedTuple):
    """Id and key of a folder that was just made."""

    id: int
    key: UUID
    path: str


async def make_folder(
    db: Connection,
    tenant_id: int,
    name: str,
    now: datetime,
    *,
    parent: tuple[int, str, list[int]] | None = None,
    description: str | None = None,
    folder_type: str = "Standard",
    feed_type: str = "Processes",
    permission_model: str = "FineGrained",
    owner_id: int | None = None,
) -> NewFolder:
    """A new folder; `parent` is id, path and ancestor ids of the one above. The caller checked name and depth."""
    key = uuid7()
    path = rules.path_below(None if parent is None else parent[1], name)
    id_: int = await db.fetchval(
        store.ADD_FOLDER,
        tenant_id,
        key,
        None if parent is None else parent[0],
        [] if parent is None else parent[2],
        name,
        name.casefold(),
        path,
        path.casefold(),
        description,
        folder_type,
        feed_type,
        permission_model,
        owner_id,
        now,
    )
    await access.announce_change(db, tenant_id)
    return NewFolder(id_, key, path)


async def check_name_is_free(
    db: Connection, tenant_id: int, parent_id: int | None, name: str, *, apart_from: int | None = None
) -> None:
    """Refuse (409 #1001) a name that a sibling has; `parent_id` None: among the roots."""
    taken = await db.fetchval(store.SIBLING_NAMED, tenant_id, parent_id, name.casefold())
    if taken is not None and taken != apart_from:
        raise Conflict(f"The name {name} is already used.")


async def place_for(call: Call, folder_id: int, action: str, *also: str) -> rules.Place:
    """The folder, if the caller may do this to it: `Units.<action>` anywhere, `SubFolders.<action>` where held.

    `also` are further permissions that suffice in the folder. Raises NotFound or Forbidden.
    """
    return _allowed(call, await store.place(call.db, call.tenant_id, folder_id), action, also)


async def place_of_key_for(call: Call, key: UUID, action: str) -> rules.Place:
    """As `place_for`, by the folder's key."""
    return _allowed(call, await store.place_of_key(call.db, call.tenant_id, key), action, ())


def _allowed(call: Call, place: rules.Place | None, action: str, also: tuple[str, ...]) -> rules.Place:
    reached = None if place is None else call.reach.folders.get(place.id)
    return rules.check_permission(
        place,
        call.reach.permissions,
        None if reached is None else reached.permissions,
        f"Units.{action}",
        f"SubFolders.{action}",
        *also,
    )


def seen(call: Call) -> tuple[str, list[object]]:
    """Condition and arguments for the folders that the caller may look at, without the workspaces of others."""
    if "Units.View" in call.reach.permissions:
        return store.SEEN_BY_TENANT_RIGHT, [call.tenant_id, list(call.reach.folders)]
    held = [folder.id for folder in call.reach.folders.values() if "SubFolders.View" in folder.permissions]
    return scope.FOLDER_ITSELF, [call.tenant_id, held]


async def lock_tree(call: Call) -> None:
    """Be the only one to change the shape of the tenant's tree until the call ends."""
    await store.lock_tree(call.db, call.tenant_id)


async def settle(call: Call, made: NewFolder, *, is_root: bool) -> None:
    """What every folder has that a client made: a root folder its creator as Folder Administrator (decision 31)."""
    if is_root and call.actor.user_id is not None:
        administrator = [access_rules.FOLDER_ADMINISTRATOR]
        await access_actions.join_folder(call.db, call.tenant_id, made.id, call.actor.user_id, administrator, call.now)
    await tell_access_changed(call)
    call.describe("Create", component="Folders", entity_id=made.id, name=made.path)


async def rename(call: Call, place: rules.Place, name: str) -> None:
    """Give the folder this name, and the paths below it with it. The caller holds the tree. Raises Conflict."""
    if name == place.display_name:
        return
    await check_name_is_free(call.db, call.tenant_id, place.parent_id, name, apart_from=place.id)
    above = place.path.removesuffix(place.display_name)
    new = rules.Moved(place.parent_id, place.ancestor_ids, above + name)
    await store.place_subtree(call.db, call.tenant_id, place, new, name)
    await tell_access_changed(call)


async def remove(call: Call, place: rules.Place) -> None:
    """The folder and its empty subfolders; members and machines leave with it, content keeps it (400 #1012).

    The caller holds the tree.
    """
    ids = await store.subtree(call.db, call.tenant_id, place.id)
    if held := await store.content(call.db, call.tenant_id, ids):
        named = ", ".join(f"{each.amount} {each.name}" for each in held)
        raise BadRequest(f"The folder {place.path} is not empty: {named}.", Code.HAS_DEPENDENT_ITEMS)
    await call.db.execute(store.DELETE_SUBTREE, call.tenant_id, ids)
    await tell_access_changed(call)
    call.describe("Delete", component="Folders", entity_id=place.id, name=place.path)


async def convert_workspace(call: Call, workspace_id: int, name: str, owner_id: int) -> None:
    """Make a personal workspace a root folder of this name: its content stays, its owner becomes its administrator.

    The workspace's machine is taken off and waits for the owner's next workspace. Raises Conflict for a taken name.
    """
    await store.lock_tree(call.db, call.tenant_id)
    place = await store.place(call.db, call.tenant_id, workspace_id)
    assert place is not None  # the caller found it in this transaction
    await check_name_is_free(call.db, call.tenant_id, None, name, apart_from=place.id)
    await store.place_subtree(call.db, call.tenant_id, place, rules.Moved(None, [place.id], name), name)
    await call.db.execute(store.CONVERT_WORKSPACE, call.tenant_id, place.id)
    await call.db.execute(store.DROP_WORKSPACE_MACHINE, call.tenant_id, [place.id])
    await call.db.execute(store.LEAVE_ALL, call.tenant_id, [place.id])
    if await access_actions.has_user(call.db, call.tenant_id, owner_id):  # else deleted: administrators reach it
        roles = [access_rules.FOLDER_ADMINISTRATOR]
        await access_actions.join_folder(call.db, call.tenant_id, place.id, owner_id, roles, call.now)
    await tell_access_changed(call)


async def leave_folder(call: Call, folder_id: int, user_id: int) -> None:
    """End the user's membership in the folder itself; nothing happens when there is none."""
    await call.db.execute(store.LEAVE, call.tenant_id, [folder_id], user_id)
    await tell_access_changed(call)


async def tell_access_changed(call: Call) -> None:
    """Let every node forget what it remembers of the tenant's access, this one as soon as the call commits."""
    await access.announce_change(call.db, call.tenant_id)
    call.on_commit(call.port(AccessResolver).forget)
