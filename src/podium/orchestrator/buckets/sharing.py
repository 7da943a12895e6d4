"""Operations on the folders that show a bucket."""

from __future__ import annotations

from podium import wire
from podium.kernel.call import Call, Item, given
from podium.kernel.operation import operation
from podium.orchestrator import sharing
from podium.orchestrator.buckets import events
from podium.orchestrator.buckets.store import SHARED


@operation("GET", "/odata/Buckets/UiPath.Server.Configuration.OData.GetFoldersForBucket(id={id})")
async def list_folders(call: Call, id: int) -> Item:  # noqa: A002 - the contract's name
    """The folders that show the bucket where the caller may view it; the total counts the others as well."""
    return await sharing.accessible_folders(call, SHARED, id)


@operation("POST", "/odata/Buckets/UiPath.Server.Configuration.OData.ShareToFolders")
async def share(call: Call, body: wire.BucketFoldersShareDto) -> None:
    """Show buckets in further folders, and in some no more; all of it or nothing."""
    added, removed = given(body.to_add_folder_ids, []), given(body.to_remove_folder_ids, [])
    for bucket, folders in await sharing.share(call, SHARED, given(body.bucket_ids, []), added, removed):
        call.emit("bucket.updated", events.bucket(bucket, [row["key"] for row in folders]), folder_id=folders[0]["id"])
