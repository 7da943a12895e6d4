"""Operations on buckets."""

from __future__ import annotations

from uuid import UUID

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import sharing
from podium.orchestrator.buckets import actions, changes, events, rules, store
from podium.orchestrator.buckets.entity import BUCKETS
from podium.orchestrator.buckets.storage import Storage
from podium.orchestrator.buckets.store import SHARED
from podium.orchestrator.credential_stores.actions import Stores


@operation("GET", "/odata/Buckets")
async def list_buckets(call: Call) -> Page:
    return await _page(call, call.folders_with("Buckets.View"))


@operation("GET", "/odata/Buckets/UiPath.Server.Configuration.OData.GetBucketsAcrossFolders")
async def list_buckets_across_folders(call: Call, exclude_folder_id: int | None = None) -> Page:
    """Buckets of the folders where the caller may view them, but that one; none when there is no such folder."""
    return await _page(call, sharing.readable(call, "Buckets", exclude_folder_id))


@operation("GET", "/odata/Buckets({key})")
async def read_bucket(call: Call, key: int) -> Item:
    return await _item(call, store.ONE, key)


@operation("GET", "/odata/Buckets/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})")
async def read_bucket_by_key(call: Call, identifier: UUID) -> Item:
    return await _item(call, store.ONE_BY_KEY, identifier)


@operation("POST", "/odata/Buckets")
async def create_bucket(call: Call, body: wire.BucketDto) -> Item:
    """Clients give the Identifier; one is made for those that do not."""
    require_members(body)
    asked = changes.asked(body, changes.DEFAULTS)
    storage, stores = call.port(Storage), Stores.of(call)
    made = await actions.make(call.db, storage, stores, call.folder_id, asked, call.now, call.actor.user_id)
    await _tell(call, made, "Create", "bucket.created")
    return await _item(call, store.ONE, made)


@operation("PUT", "/odata/Buckets({key})")
async def replace_bucket(call: Call, key: int, body: wire.BucketDto) -> Item:
    """Everything but the provider and the identifier.

    Where files are elsewhere, and where their secret key is, stays when the body is silent on it.
    """
    require_members(body)
    bucket = await _bucket(call, key)
    asked = changes.asked(body, dict(bucket))
    if asked.key not in (None, bucket["key"]):
        raise BadRequest(f"Identifier: cannot be changed; it is {bucket['key']}.", Code.PARAMETER_INVALID)
    storage, stores = call.port(Storage), Stores.of(call)
    await actions.replace(call.db, storage, stores, bucket, asked, call.now, call.actor.user_id)
    await _tell(call, key, "Update", "bucket.updated")
    return await _item(call, store.ONE, key)


@operation("DELETE", "/odata/Buckets({key})")
async def delete_bucket(call: Call, key: int) -> None:
    """From every folder that shows it, with the files that are kept here; files in a storage elsewhere stay there."""
    bucket = await _bucket(call, key)
    if await store.is_archive(call.db, call.tenant_id, key):
        message = f"The bucket {bucket['name']} is the archive of a retention policy."
        raise Conflict(message, Code.ITEM_IS_IN_USE)
    await _tell(call, key, "Delete", "bucket.deleted")
    await store.remove(call.db, call.tenant_id, key, call.now)


async def _page(call: Call, folders: list[int]) -> Page:
    options = parse_options(call.query)
    page = await fetch_page(call.db, BUCKETS, options, store.SHOWN, [call.tenant_id, folders], now=call.now)
    return Page(page.json, "Buckets", page.total)


async def _item(call: Call, where: str, bucket: int | UUID) -> Item:
    args = [call.tenant_id, [call.folder_id], bucket]
    text = await fetch_one(call.db, BUCKETS, parse_options(call.query), where, args, now=call.now)
    if text is None:
        raise NotFound(rules.NO_BUCKET)
    return Item(text, "Buckets")


async def _bucket(call: Call, bucket_id: int) -> Record:
    """The folder's bucket, locked. Raises NotFound."""
    rows = await sharing.to_change(call.db, SHARED, call.tenant_id, [call.folder_id], [bucket_id])
    if not rows:
        raise NotFound(rules.NO_BUCKET)
    return rows[0]


async def _tell(call: Call, bucket_id: int, action: str, event: str) -> None:
    """Say in audit and events what is done to the bucket, as it is now."""
    bucket = await _bucket(call, bucket_id)
    folders = await sharing.folders_of(call.db, SHARED, call.tenant_id, bucket_id)
    call.emit(event, events.bucket(bucket, [folder["key"] for folder in folders]))
    call.describe(action, component="Buckets", entity_id=bucket_id, name=bucket["name"])
