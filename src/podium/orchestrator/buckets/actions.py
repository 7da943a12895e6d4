"""Makes and changes buckets; reads and writes their files, wherever these are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from asyncpg import Record
from obstore.store import S3Store

from podium.kernel.blobs import Stored
from podium.kernel.call import Services
from podium.kernel.db import Connection
from podium.kernel.errors import Code, Conflict, NotFound
from podium.kernel.ids import uuid7
from podium.orchestrator import sharing
from podium.orchestrator.blob_links import BlobLinks
from podium.orchestrator.buckets import rules, s3, secret_keys, store
from podium.orchestrator.buckets.changes import Asked
from podium.orchestrator.buckets.storage import Storage
from podium.orchestrator.buckets.store import SHARED, Bucket
from podium.orchestrator.credential_stores.actions import Stores


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it is now: in `file`, or in pieces from `read(start, end)`. `etag` is the header's text."""

    size_bytes: int
    content_type: str | None
    etag: str | None
    modified_at: datetime | None
    file: Path | None
    read: Callable[[int, int], AsyncIterator[bytes]] | None


def target(bucket_id: int, path: str) -> str:
    """The name under which blob addresses know a file."""
    return f"bucket:{bucket_id}:{path}"


def of_target(name: str) -> tuple[int, str]:
    """Bucket and path of what follows `bucket:` in such a name."""
    bucket_id, _, path = name.partition(":")
    return int(bucket_id), path


async def make(
    db: Connection, storage: Storage, stores: Stores, folder_id: int, asked: Asked, now: datetime, user_id: int | None
) -> int:
    """Id of a new bucket in the folder. Raises BadRequest, Conflict for a taken name or identifier.

    Of a store outside that is to keep the secret key also Conflict and Unavailable.
    """
    tenant_id = stores.tenant_id
    await sharing.check_name_is_free(db, SHARED, tenant_id, [folder_id], asked.name)
    if asked.key is not None and await store.has_key(db, tenant_id, asked.key):
        raise Conflict(f"Another bucket has the Identifier {asked.key}.", Code.ITEM_ALREADY_EXISTS)
    kept = await secret_keys.choose(db, stores, asked, None)
    assert kept is not None
    await _check_place(storage, asked)
    id_: int = await db.fetchval(store.NEXT_ID)
    await db.execute(
        store.ADD,
        tenant_id,
        id_,
        asked.key or uuid7(),
        asked.name,
        asked.name.casefold(),
        asked.description,
        asked.provider,
        asked.container,
        asked.parameters,
        kept.credential_store_id,
        kept.external_name,
        secret_keys.seal(storage, tenant_id, id_, kept),
        *asked.options,
        asked.tags,
        now,
        user_id,
    )
    await sharing.link(db, SHARED, tenant_id, id_, asked.name.casefold(), [folder_id])
    await secret_keys.write_outside(stores, kept)
    return id_


async def replace(
    db: Connection, storage: Storage, stores: Stores, bucket: Record, asked: Asked, now: datetime, user_id: int | None
) -> None:
    """Make the locked bucket what is asked for; the secret key stays when none is given and its store is the same.

    Raises BadRequest, Conflict for a name that is taken in one of its folders; of a store outside that is to keep the
    secret key also Conflict and Unavailable.
    """
    tenant_id = stores.tenant_id
    folders = [row["id"] for row in await sharing.folders_of(db, SHARED, tenant_id, bucket["id"])]
    await sharing.check_name_is_free(db, SHARED, tenant_id, folders, asked.name, apart_from=bucket["id"])
    kept = await secret_keys.choose(db, stores, asked, bucket)
    await _check_place(storage, asked)
    await db.execute(
        store.CHANGE,
        tenant_id,
        bucket["id"],
        asked.name,
        asked.name.casefold(),
        asked.description,
        asked.container,
        asked.parameters,
        *asked.options,
        asked.tags,
        now,
        user_id,
    )
    if kept is None:
        return
    sealed = secret_keys.seal(storage, tenant_id, bucket["id"], kept)
    await db.execute(store.KEEP_IN, tenant_id, bucket["id"], kept.credential_store_id, kept.external_name, sealed)
    await secret_keys.write_outside(stores, kept)


async def leave_store(db: Connection, tenant_id: int, store_id: int, other_id: int) -> None:
    """Let buckets whose secret keys are in a credential store name another one, without their secret keys.

    Buckets whose files are kept here name none any more.
    """
    await db.execute(store.LEAVE_STORE, tenant_id, store_id, other_id)


async def _check_place(storage: Storage, asked: Asked) -> None:
    """Refuse a place in a foreign storage that cannot be. Raises BadRequest."""
    if asked.place is not None:
        await storage.stores.check(asked.place)


async def find_shown(db: Connection, tenant_id: int, folder_ids: Sequence[int], bucket_id: int) -> Bucket:
    """The bucket, if one of the folders shows it. Raises NotFound."""
    found = await store.find_shown(db, tenant_id, folder_ids, bucket_id)
    if found is None:
        raise NotFound(rules.NO_BUCKET)
    return found


async def client(services: Services, tenant_id: int, bucket: Bucket) -> S3Store:
    """The client of a bucket whose files are elsewhere. Its secret key is read now: raises as `secret_keys.read`.

    Takes a connection of its own, and holds none while a store thinks.
    """
    return await _storage(services).client(bucket, await secret_keys.read(services, tenant_id, bucket))


async def access(
    services: Services,
    tenant_id: int,
    bucket: Bucket,
    verb: str,
    paths: Sequence[str],
    now: datetime,
    lifetime: timedelta,
    content_type: str | None = None,
    opened: S3Store | None = None,
) -> list[dict[str, object]]:
    """The wire's BlobFileAccess for each of the files, which need not be there; `verb` is GET or PUT.

    `opened`: the bucket's client if there is one already; else raises as `client` where the storage's own addresses are
    given.
    """
    if bucket.provider == rules.OWN or bucket.passes_data_through:
        links = services.ports[BlobLinks]
        assert isinstance(links, BlobLinks)
        return [links.access(tenant_id, target(bucket.id, path), verb, now, content_type, lifetime) for path in paths]
    opened = opened or await client(services, tenant_id, bucket)
    headers = {"Content-Type": content_type} if content_type else {}
    return [
        {
            "Uri": uri,
            "Verb": verb,
            "RequiresAuth": False,
            "Headers": {"Keys": list(headers), "Values": list(headers.values())},
        }
        for uri in await s3.sign(opened, "PUT" if verb == "PUT" else "GET", paths, lifetime)
    ]


async def content(services: Services, tenant_id: int, bucket_id: int, path: str) -> Content:
    """A file to be read now. Raises NotFound, and as `client` for one that is elsewhere."""
    async with services.db.acquire() as db:
        bucket = await store.find(db, tenant_id, bucket_id)
        found = await store.file(db, tenant_id, bucket_id, path)
    if bucket is None:
        raise NotFound(rules.NO_BUCKET)
    if bucket.provider != rules.OWN:
        opened = await client(services, tenant_id, bucket)
        seen = await s3.head(opened, path)
        read = partial(s3.read, opened, path, etag=seen.etag)
        return Content(seen.size_bytes, seen.content_type, seen.etag, seen.modified_at, None, read)
    if found is None:
        raise NotFound(rules.NO_FILE)
    file = await _storage(services).blobs.open(found.blob)
    return Content(found.size_bytes, found.content_type, _etag(found.sha256), found.written_at, file, None)


async def receive(
    services: Services,
    tenant_id: int,
    bucket_id: int,
    path: str,
    stream: AsyncIterator[bytes],
    content_type: str | None,
    now: datetime,
) -> str | None:
    """Store the stream as the file of that path, whole or not at all, in place of the one that is there; its etag.

    Takes connections of its own. Raises NotFound, Conflict for a bucket that is read-only or has no secret key that
    its store gives, TooLarge, Unavailable.
    """
    storage = _storage(services)
    async with services.db.acquire() as db:
        bucket = await store.find(db, tenant_id, bucket_id)
    if bucket is None:
        raise NotFound(rules.NO_BUCKET)
    rules.check_writable(bucket.name, is_read_only=bucket.is_read_only)
    # before the stream is read: who sends gigabytes is told at once that they cannot be kept
    opened = None if bucket.provider == rules.OWN else await client(services, tenant_id, bucket)
    written = await storage.blobs.write(stream, limit_bytes=storage.limit_bytes)
    is_kept = False
    try:
        if opened is None:
            async with services.db.transaction() as db:
                await _put_file(db, tenant_id, bucket_id, path, written, content_type, now)
            is_kept = True
            return _etag(written.sha256)
        return await s3.write(opened, path, await storage.blobs.open(written.name), content_type)
    finally:
        if not is_kept:
            await storage.blobs.delete(written.name)


async def store_file(
    services: Services, tenant_id: int, bucket_id: int, path: str, stream: AsyncIterator[bytes], now: datetime
) -> None:
    """As `receive`, for work in the background: the file is durable when this returns. The path is made clean here.

    Raises BadRequest for a path that no file can have.
    """
    clean = rules.clean_path(path)
    await receive(services, tenant_id, bucket_id, clean, stream, rules.guess_content_type(clean), now)


async def _put_file(
    db: Connection, tenant_id: int, bucket_id: int, path: str, written: Stored, content_type: str | None, now: datetime
) -> None:
    """The row of a file, in a bucket that stays as it is meanwhile; it may have gone or changed during the upload."""
    bucket = await store.lock_for_write(db, tenant_id, bucket_id)
    if bucket is None:
        raise NotFound(rules.NO_BUCKET)
    rules.check_writable(bucket["name"], is_read_only=bucket["is_read_only"])
    await db.execute(
        store.PUT_FILE,
        tenant_id,
        bucket_id,
        path,
        rules.directory_of(path),
        content_type,
        written.size_bytes,
        written.sha256,
        written.name,
        now,
    )


def _etag(sha256: bytes) -> str:
    return f'"{sha256.hex()}"'


def _storage(services: Services) -> Storage:
    found = services.ports[Storage]
    assert isinstance(found, Storage)
    return found
