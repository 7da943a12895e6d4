"""Operations on the folders that show an asset."""

from __future__ import annotations

from podium import wire
from podium.kernel.call import Call, Item, given
from podium.kernel.operation import operation
from podium.orchestrator import sharing
from podium.orchestrator.assets import events
from podium.orchestrator.assets.store import SHARED


@operation("GET", "/odata/Assets/UiPath.Server.Configuration.OData.GetFoldersForAsset(id={id})")
async def list_folders(call: Call, id: int) -> Item:  # noqa: A002 - the contract's name
    """The folders that show the asset where the caller may view it; the total counts the others as well."""
    return await sharing.accessible_folders(call, SHARED, id)


@operation("POST", "/odata/Assets/UiPath.Server.Configuration.OData.ShareToFolders")
async def share(call: Call, body: wire.AssetFoldersShareDto) -> None:
    """Show assets in further folders, and in some no more; all of it or nothing."""
    added, removed = given(body.to_add_folder_ids, []), given(body.to_remove_folder_ids, [])
    for asset, folders in await sharing.share(call, SHARED, given(body.asset_ids, []), added, removed):
        call.emit("asset.updated", events.asset(asset, [row["key"] for row in folders]), folder_id=folders[0]["id"])
