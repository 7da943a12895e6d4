"""Operations on the folders that show an asset."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, given
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.operation import operation
from podium.orchestrator.assets import actions, events, rules, store
from podium.orchestrator.folders.rules import NO_FOLDER


@operation("GET", "/odata/Assets/UiPath.Server.Configuration.OData.GetFoldersForAsset(id={id})")
async def list_folders(call: Call, id: int) -> Item:  # noqa: A002 - the contract's name
    """The folders that show the asset where the caller may view it; the total counts the others as well."""
    folders = await store.folders_of(call.db, call.tenant_id, id)
    seen = [folder for folder in folders if _may(call, folder["id"], "View")]
    if not seen:
        raise NotFound(rules.NO_ASSET)
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


@operation("POST", "/odata/Assets/UiPath.Server.Configuration.OData.ShareToFolders")
async def share(call: Call, body: wire.AssetFoldersShareDto) -> None:
    """Show assets in further folders, and in some no more; all of it or nothing."""
    ids = list(dict.fromkeys(given(body.asset_ids, [])))
    if not ids:
        raise BadRequest("AssetIds is required.", Code.PARAMETER_MISSING)
    added, removed = set(given(body.to_add_folder_ids, [])), set(given(body.to_remove_folder_ids, []))
    if both := sorted(added & removed):
        raise BadRequest(f"ToAddFolderIds: the folder {both[0]} is also among ToRemoveFolderIds.")
    viewed = [folder_id for folder_id in call.reach.folders if _may(call, folder_id, "View")]
    assets = await store.assets_to_change(call.db, call.tenant_id, viewed, ids)
    if len(assets) < len(ids):
        raise NotFound(rules.NO_ASSET)
    _check_targets(call, added, "Create")
    _check_targets(call, removed, "Delete")
    workspace = await call.db.fetchval(store.WORKSPACES_AMONG, call.tenant_id, sorted(added))
    if workspace is not None:
        raise Conflict(f"Assets cannot be shared to the personal workspace {workspace}.", Code.FORBIDDEN_OPERATION)
    for asset in assets:
        present = {row["id"] for row in await store.folders_of(call.db, call.tenant_id, asset["id"])}
        rules.check_stays_somewhere(asset["name"], (present | added) - removed)
        await actions.check_name_is_free(
            call.db, call.tenant_id, added - present, asset["name"], apart_from=asset["id"]
        )
        await store.link(call.db, call.tenant_id, asset["id"], asset["name_key"], sorted(added - present))
        await call.db.execute(store.UNLINK, call.tenant_id, sorted(removed), asset["id"])
        folders = await store.folders_of(call.db, call.tenant_id, asset["id"])
        home = folders[0]["id"]
        call.emit("asset.updated", events.asset(asset, [row["key"] for row in folders]), folder_id=home)
    names = ", ".join(asset["name"] for asset in assets)
    call.describe("Associate", component="Assets", entity_id=",".join(map(str, ids)), name=names)


def _check_targets(call: Call, folder_ids: Iterable[int], action: str) -> None:
    """Raises NotFound for a folder that the caller does not see, Forbidden #1017 without the right in it."""
    for folder_id in sorted(folder_ids):
        if folder_id not in call.reach.folders:
            raise NotFound(NO_FOLDER)
        if not _may(call, folder_id, action):
            folder = call.reach.folders[folder_id]
            message = f"You are not authorized to change what the folder {folder.path} shows."
            raise Forbidden(message, Code.FORBIDDEN_OPERATION)


def _may(call: Call, folder_id: int, action: str) -> bool:
    folder = call.reach.folders.get(folder_id)
    return folder is not None and f"Assets.{action}" in call.reach.permissions | folder.permissions
