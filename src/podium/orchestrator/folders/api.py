"""Operations on the folder tree."""

from __future__ import annotations

from uuid import UUID

import msgspec
from msgspec import UNSET

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.odata import Options, fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import scope
from podium.orchestrator.access.granting import check_may_move
from podium.orchestrator.folders import actions, rules, store
from podium.orchestrator.folders.entity import FOLDERS
from podium.orchestrator.packages import actions as packages


@operation("GET", "/odata/Folders")
async def list_folders(call: Call) -> Page:
    """Every folder for holders of Units.View, else those in which the caller has SubFolders.View."""
    where, args = actions.seen(call)
    page = await fetch_page(call.db, FOLDERS, parse_options(call.query), where, args, now=call.now)
    return Page(page.json, "Folders", page.total)


@operation("GET", "/odata/Folders({key})")
async def read_folder(call: Call, key: int) -> Item:
    place = await actions.place_for(call, key, "View")
    return await _item(call, place.id, parse_options(call.query))


@operation("GET", "/odata/Folders/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})")
async def read_folder_by_key(call: Call, identifier: UUID) -> Item:
    place = await actions.place_of_key_for(call, identifier, "View")
    return await _item(call, place.id, parse_options(call.query))


@operation("POST", "/odata/Folders")
async def create_folder(call: Call, body: wire.FolderDto) -> Item:
    """A root folder has its creator as Folder Administrator; a subfolder inherits whoever its parent has."""
    require_members(body)
    name = rules.clean_name(given(body.display_name, ""))
    rules.check_model(given(body.folder_type, "Standard"), given(body.permission_model, "FineGrained"))
    await actions.lock_tree(call)
    parent = await _parent_named(call, body)
    if parent is None and "Units.Create" not in call.reach.permissions:
        raise Forbidden("You are not authorized!")
    rules.check_new_child(parent)
    feed_type = rules.feed_of_new(given(body.feed_type, "Processes"), is_root=parent is None)
    await actions.check_name_is_free(call.db, call.tenant_id, parent.id if parent else None, name)
    made = await actions.make_folder(
        call.db,
        call.tenant_id,
        name,
        call.now,
        parent=None if parent is None else (parent.id, parent.path, list(parent.ancestor_ids)),
        description=rules.clean_description(given(body.description, None)),
        feed_type=feed_type,
    )
    if feed_type == rules.HOLDS_PACKAGES:
        await packages.make_feed(call.db, call.tenant_id, name, call.now, folder_id=made.id)
    await actions.settle(call, made, is_root=parent is None)
    return await _item(call, made.id)


@operation("PUT", "/odata/Folders({key})")
async def replace_folder(call: Call, key: int, body: wire.FolderDto) -> Item:
    """New name and description; where the folder stands and which feed it uses are not changed here."""
    require_members(body)
    name = rules.clean_name(given(body.display_name, ""))
    await actions.lock_tree(call)
    place = await actions.place_for(call, key, "Edit")
    _refuse_other_place(place, body)
    await actions.rename(call, place, name)
    await call.db.execute(
        store.DESCRIBE, call.tenant_id, place.id, rules.clean_description(given(body.description, None))
    )
    call.describe("Update", component="Folders", entity_id=place.id, name=place.path)
    return await _item(call, place.id)


@operation("PATCH", "/api/Folders/PatchNameDescription")
async def patch_folder(
    call: Call, body: wire.FolderUpdateNameDescriptionRequest, key: str | None = None
) -> msgspec.Raw:
    """Changes what is given; a null name is not given, a null description is emptied."""
    await actions.lock_tree(call)
    place = await actions.place_of_key_for(call, _key(key), "Edit")
    if body.name is not UNSET and body.name is not None:
        await actions.rename(call, place, rules.clean_name(body.name))
    if body.description is not UNSET:
        await call.db.execute(store.DESCRIBE, call.tenant_id, place.id, rules.clean_description(body.description))
    call.describe("Update", component="Folders", entity_id=place.id, name=place.path)
    return msgspec.Raw((await _item(call, place.id)).json.encode())


@operation("PUT", "/odata/Folders({folderId})/UiPath.Server.Configuration.OData.MoveFolder")
async def move_folder(call: Call, folder_id: int, target_parent_id: int | None = None) -> None:
    """To another parent with everything below it, or to the top when no target is named."""
    await actions.lock_tree(call)
    moved, target = await places_of_move(call, folder_id, target_parent_id)
    rules.check_move(moved, target, await store.height(call.db, call.tenant_id, moved))
    if moved.parent_id != (target.id if target else None):
        name = moved.display_name
        await actions.check_name_is_free(
            call.db, call.tenant_id, target.id if target else None, name, apart_from=moved.id
        )
        if target is not None:
            await check_may_move(call, moved.id, set(target.ancestor_ids) - set(moved.ancestor_ids))
        await _check_packages_stay(call, moved, target)
        new = rules.place_after_move(moved, target, name)
        await store.place_subtree(call.db, call.tenant_id, moved, new, name)
        await actions.tell_access_changed(call)
    call.describe("Move", component="Folders", entity_id=moved.id, name=moved.path)


@operation("DELETE", "/odata/Folders({key})")
async def delete_folder(call: Call, key: int) -> None:
    await actions.lock_tree(call)
    await actions.remove(call, await actions.place_for(call, key, "Delete"))


@operation("DELETE", "/api/Folders/DeleteByKey")
async def delete_folder_by_key(call: Call, key: str | None = None) -> None:
    await actions.lock_tree(call)
    await actions.remove(call, await actions.place_of_key_for(call, _key(key), "Delete"))


@operation("GET", "/odata/Folders/UiPath.Server.Configuration.OData.GetEntitiesSummary(folderId={folderId})")
async def read_content(call: Call, folder_id: int) -> Item:
    """What would have to go before the folder can be deleted, in it and below it."""
    place = await actions.place_for(call, folder_id, "View")
    ids = await store.subtree(call.db, call.tenant_id, place.id)
    jobs = await call.db.fetch(store.UNFINISHED_JOBS, call.tenant_id, ids)
    summary = wire.EntitiesSummaryDto(
        deletable_entities=[
            wire.EntitySummaryDto(category=each.category, type=each.type, name=each.name, count=each.amount)
            for each in await store.content(call.db, call.tenant_id, ids)
        ],
        stoppable_jobs=[{"Id": job["id"], "Key": job["key"], "ReleaseName": job["process_name"]} for job in jobs],
    )
    return Item(msgspec.json.encode(summary).decode(), "EntitiesSummaryDto")


async def places_of_move(
    call: Call, folder_id: int, target_parent_id: int | None
) -> tuple[rules.Place, rules.Place | None]:
    """The folder and its new parent, if the caller may take it away there and put it here. NotFound or Forbidden."""
    moved = await actions.place_for(call, folder_id, "Delete")
    await actions.place_for(call, folder_id, "Edit")
    if target_parent_id is not None:
        return moved, await actions.place_for(call, target_parent_id, "Create")
    if "Units.Create" not in call.reach.permissions:
        raise Forbidden("You are not authorized!")
    return moved, None


async def _item(call: Call, folder_id: int, options: Options | None = None) -> Item:
    """A folder that the caller was let through to, read from the table."""
    shown = options or parse_options({})
    text = await fetch_one(call.db, FOLDERS, shown, scope.FOLDER_ITSELF, [call.tenant_id, [folder_id]], now=call.now)
    if text is None:
        raise NotFound(rules.NO_FOLDER)
    return Item(text, "Folders")


async def _parent_named(call: Call, body: wire.FolderDto) -> rules.Place | None:
    """The parent that the body names by id, by key or by both; None for a root folder."""
    id_, key = given(body.parent_id, None), given(body.parent_key, None)
    if id_ is None and key is None:
        return None
    if id_ is None:
        assert key is not None
        return await actions.place_of_key_for(call, key, "Create")
    place = await actions.place_for(call, id_, "Create")
    if key not in (None, place.key):
        raise BadRequest("ParentKey: is not the key of ParentId.", Code.PARAMETER_INVALID)
    return place


def _refuse_other_place(place: rules.Place, body: wire.FolderDto) -> None:
    if given(body.parent_id, place.parent_id) != place.parent_id:
        raise BadRequest("ParentId: a folder is moved with MoveFolder.", Code.INCOMPATIBLE_FOLDER_PROPERTIES)
    if given(body.feed_type, "Undefined") not in ("Undefined", place.feed_type):
        raise BadRequest("FeedType: the feed of a folder cannot change.", Code.FEED_TYPE_CANNOT_CHANGE)


async def _check_packages_stay(call: Call, moved: rules.Place, target: rules.Place | None) -> None:
    """Refuse (409 #2802) to take processes away from the feed that their packages are in."""
    above = [*moved.ancestor_ids, *(target.ancestor_ids if target else ())]
    with_feed = await store.with_own_feed(call.db, call.tenant_id, above)
    after = rules.feed_root([*(target.ancestor_ids if target else ()), moved.id], with_feed)
    if rules.feed_root(moved.ancestor_ids, with_feed) == after:
        return
    ids = await store.subtree(call.db, call.tenant_id, moved.id)
    if await call.db.fetchval(store.HAS_PROCESSES, call.tenant_id, ids):
        raise Conflict(
            "The folder's processes use packages of another feed than the target's.",
            Code.INCOMPATIBLE_FOLDER_PROPERTIES,
        )


def _key(text: str | None) -> UUID:
    """The GUID of the query; what cannot be one names no folder."""
    if text is None:
        raise BadRequest("key is required.", Code.PARAMETER_MISSING)
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(rules.NO_FOLDER) from None
