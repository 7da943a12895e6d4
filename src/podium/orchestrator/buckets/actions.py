"""Makes and changes buckets; reads and writes their files, wherever these are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from asyncpg import Record

from podium.kernel.blobs import Stored
from podium.kernel.call import Services
from podium.kernel.db import Connection
from podium.kernel.errors import Code, Conflict, NotFound
from podium.kernel.ids import uuid7
from podium.orchestrator import sharing
from podium.orchestrator.blob_links import BlobLinks
from podium.orchestrator.buckets import rules, s3, store
from podium.orchestrator.buckets.changes import Asked
from podium.orchestrator.buckets.storage import Storage
from podium.orchestrator.buckets.store import SHARED, Bucket
from podium.orchestrator.credential_stores import actions as credential_stores


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
    db: Connection, storage: Storage, tenant_id: int, folder_id: int, asked: Asked, now: datetime, user_id: int | None
) -> int:
    """Id of a new bucket in the folder. Raises BadRequest, Conflict for a taken name or identifier."""
    await sharing.check_name_is_free(db, SHARED, tenant_id, [folder_id], asked.name)
    if asked.key is not None and await store.has_key(db, tenant_id, asked.key):
        raise Conflict(f"Another bucket has the Identifier {asked.key}.", Code.ITEM_ALREADY_EXISTS)
    await _check_named(db, storage, tenant_id, asked)
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
        None if asked.password is None else storage.seal(tenant_id, id_, asked.password),
        asked.credential_store_id,
        *asked.options,
        asked.tags,
        now,
        user_id,
    )
    await sharing.link(db, SHARED, tenant_id, id_, asked.name.casefold(), [folder_id])
    return id_


async def replace(
    db: Connection, storage: Storage, tenant_id: int, bucket: Record, asked: Asked, now: datetime, user_id: int | None
) -> None:
    """Make the locked bucket what is asked for; the secret key stays when none is given.

    Raises BadRequest, Conflict for a name that is taken in one of its folders.
    """
    folders = [row["id"] for row in await sharing.folders_of(db, SHARED, tenant_id, bucket["id"])]
    await sharing.check_name_is_free(db, SHARED, tenant_id, folders, asked.name, apart_from=bucket["id"])
    await _check_named(db, storage, tenant_id, asked)
    await db.execute(
        store.CHANGE,
        tenant_id,
        bucket["id"],
        asked.name,
        asked.name.casefold(),
        asked.description,
        asked.container,
        asked.parameters,
        asked.credential_store_id,
        *asked.options,
        asked.tags,
        now,
        user_id,
    )
    if asked.password is not None:
        sealed = storage.seal(tenant_id, bucket["id"], asked.password)
        await db.execute(store.SEAL_AGAIN, tenant_id, bucket["id"], sealed)


async def _check_named(db: Connection, storage: Storage, tenant_id: int, asked: Asked) -> None:
    """Refuse a credential store, and a place in a foreign storage, that cannot be. Raises BadRequest."""
    await credential_stores.check_exists(db, tenant_id, asked.credential_store_id)
    if asked.place is not None:
        await storage.stores.check(asked.place)


async def find_shown(db: Connection, tenant_id: int, folder_ids: Sequence[int], bucket_id: int) -> Bucket:
    """The bucket, if one of the folders shows it. Raises NotFound."""
    found = await store.find_shown(db, tenant_id, folder_ids, bucket_id)
    if found is None:
        raise NotFound(rules.NO_BUCKET)
    return found


async def access(
    services: Services,
    tenant_id: int,
    bucket: Bucket,
    verb: str,
    paths: Sequence[str],
    now: datetime,
    lifetime: timedelta,
    content_type: str | None = None,
) -> list[dict[str, object]]:
    """The wire's BlobFileAccess for each of the files, which need not be there; `verb` is GET or PUT."""
    if bucket.provider == rules.OWN or bucket.passes_data_through:
        links = services.ports[BlobLinks]
        assert isinstance(links, BlobLinks)
        return [links.access(tenant_id, target(bucket.id, path), verb, now, content_type, lifetime) for path in paths]
    client = await _storage(services).client(tenant_id, bucket)
    headers = {"Content-Type": content_type} if content_type else {}
    return [
        {
            "Uri": uri,
            "Verb": verb,
            "RequiresAuth": False,
            "Headers": {"Keys": list(headers), "Values": list(headers.values())},
        }
        for uri in await s3.sign(client, "PUT" if verb == "PUT" else "GET", paths, lifetime)
    ]


async def content(services: Services, tenant_id: int, bucket_id: int, path: str) -> Content:
    """A file to be read now. Raises NotFound."""
    storage = _storage(services)
    async with services.db.acquire() as db:
        bucket = await store.find(db, tenant_id, bucket_id)
        found = await store.file(db, tenant_id, bucket_id, path)
    if bucket is None:
        raise NotFound(rules.NO_BUCKET)
    if bucket.provider != rules.OWN:
        client = await storage.client(tenant_id, bucket)
        seen = await s3.head(client, path)
        read = partial(s3.read, client, path, etag=seen.etag)
        return Content(seen.size_bytes, seen.content_type, seen.etag, seen.modified_at, None, read)
    if found is None:
        raise NotFound(rules.NO_FILE)
    file = await storage.blobs.open(found.blob)
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

    Takes connections of its own. Raises NotFound, Conflict for a bucket that is read-only, TooLarge, Unavailable.
    """
    storage = _storage(services)
    async with services.db.acquire() as db:
        bucket = await store.find(db, tenant_id, bucket_id)
    if bucket is None:
        raise NotFound(rules.NO_BUCKET)
    rules.check_writable(bucket.name, is_read_only=bucket.is_read_only)
    written = await storage.blobs.write(stream, limit_bytes=storage.limit_bytes)
    is_kept = False
    try:
        if bucket.provider == rules.OWN:
            async with services.db.transaction() as db:
                await _put_file(db, tenant_id, bucket_id, path, written, content_type, now)
            is_kept = True
            return _etag(written.sha256)
        client = await storage.client(tenant_id, bucket)
        return await s3.write(client, path, await storage.blobs.open(written.name), content_type)
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


async def delete_file(
    db: Connection, services: Services, tenant_id: int, bucket: Bucket, path: str, now: datetime
) -> None:
    """Remove a file; none there is no error. Raises Conflict for a bucket that is read-only."""
    rules.check_writable(bucket.name, is_read_only=bucket.is_read_only)
    if bucket.provider == rules.OWN:
        await store.remove_file(db, tenant_id, bucket.id, path, now)
    else:
        await s3.delete(await _storage(services).client(tenant_id, bucket), path)


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
