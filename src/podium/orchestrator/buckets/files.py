"""Operations on the files of a bucket. Their content goes by signed addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from podium import wire
from podium.kernel import audit
from podium.kernel.call import Call, Item, Page
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.orchestrator.blob_links import camel
from podium.orchestrator.buckets import actions, rules, s3, store
from podium.orchestrator.buckets.entity import FILE_MEMBERS, FILES
from podium.orchestrator.buckets.s3 import Found
from podium.orchestrator.buckets.store import Bucket

MOST_DIRECTORIES = 10_000
SET = "BlobFiles"


@operation("GET", "/odata/Buckets({key})/UiPath.Server.Configuration.OData.GetFiles", connected=False)
async def list_files(
    call: Call,
    key: int,
    directory: str | None = None,
    recursive: bool | None = None,
    file_name_glob: str | None = None,
) -> Page:
    """The files of a directory, with `recursive` of those below it as well; no rows for directories."""
    glob = rules.check_glob(file_name_glob or "*")
    async with call.services.db.acquire() as db:
        bucket = await _bucket(db, call, key)
        above = rules.clean_directory(directory or "", keeps_form=_is_elsewhere(bucket))
        if not _is_elsewhere(bucket):
            return await _own_files(db, call, bucket, above, glob, is_recursive=bool(recursive))
    client = await actions.client(call.services, call.tenant_id, bucket)
    if recursive:
        files, is_whole = await s3.below(client, above, s3.MAX_LISTED)
        if not is_whole:
            raise _too_many("files", s3.MAX_LISTED)
    else:
        _, files = await s3.directory(client, above)
    return _rows(call, (_file(each) for each in files if rules.matches(glob, rules.file_name(each.path))))


@operation("GET", "/odata/Buckets({key})/UiPath.Server.Configuration.OData.GetDirectories", connected=False)
async def list_directories(
    call: Call, key: int, directory: str | None = None, file_name_glob: str | None = None
) -> Page:
    """The directories right below one; there are as many as the paths of files have."""
    glob = rules.check_glob(file_name_glob or "*")
    async with call.services.db.acquire() as db:
        bucket = await _bucket(db, call, key)
        above = rules.clean_directory(directory or "", keeps_form=_is_elsewhere(bucket))
        names: list[str] = []
        if not _is_elsewhere(bucket):
            names = await store.directories(db, call.tenant_id, bucket.id, above, MOST_DIRECTORIES + 1)
    if _is_elsewhere(bucket):
        names, _ = await s3.directory(await actions.client(call.services, call.tenant_id, bucket), above)
    if len(names) > MOST_DIRECTORIES:
        raise _too_many("directories", MOST_DIRECTORIES)
    return _rows(call, (_directory(above + name) for name in names if rules.matches(glob, name)))


@operation("GET", "/odata/Buckets({key})/UiPath.Server.Configuration.OData.GetFile", connected=False)
async def read_file(call: Call, key: int, path: str | None = None) -> Item:
    async with call.services.db.acquire() as db:
        bucket = await _bucket(db, call, key)
        clean = _path(bucket, path)
        if not _is_elsewhere(bucket):
            args = [call.tenant_id, bucket.id, clean]
            text = await fetch_one(db, FILES, parse_options(call.query), store.OF_PATH, args, now=call.now)
            if text is None:
                raise NotFound(rules.NO_FILE)
            return Item(text, SET)
    found = await s3.head(await actions.client(call.services, call.tenant_id, bucket), clean)
    (row,) = rows_page([_file(found)], FILE_MEMBERS, parse_options(call.query), now=call.now).rows
    return Item(msgspec.json.encode(row).decode(), SET)


@operation("DELETE", "/odata/Buckets({key})/UiPath.Server.Configuration.OData.DeleteFile", connected=False)
async def delete_file(call: Call, key: int, path: str | None = None) -> None:
    """A file that is not there is deleted already; so who is not answered deletes again, and both are in the trail."""
    async with call.services.db.acquire() as db:
        bucket = await _bucket(db, call, key)
    clean = _path(bucket, path)
    rules.check_writable(bucket.name, is_read_only=bucket.is_read_only)
    if _is_elsewhere(bucket):
        await s3.delete(await actions.client(call.services, call.tenant_id, bucket), clean)
    async with call.services.db.transaction() as db:
        if not _is_elsewhere(bucket):
            await store.remove_file(db, call.tenant_id, bucket.id, clean, call.now)
        await _audit(db, call, bucket, "DeleteBlobFile", clean)


@operation("GET", "/odata/Buckets({key})/UiPath.Server.Configuration.OData.GetReadUri", connected=False)
async def read_uri(
    call: Call, key: int, path: str | None = None, expiry_in_minutes: int | None = None
) -> wire.BlobFileAccessDto | dict[str, object]:
    """An address that reads a file, which need not be there yet."""
    lifetime = rules.lifetime(expiry_in_minutes)
    async with call.services.db.acquire() as db:
        bucket = await _bucket(db, call, key)
        clean = _path(bucket, path)
        if bucket.audits_reads:
            await _audit(db, call, bucket, "Download", clean)
    (access,) = await actions.access(call.services, call.tenant_id, bucket, "GET", [clean], call.now, lifetime)
    return access


@operation("GET", "/odata/Buckets({key})/UiPath.Server.Configuration.OData.GetWriteUri", connected=False)
async def write_uri(
    call: Call,
    key: int,
    path: str | None = None,
    expiry_in_minutes: int | None = None,
    content_type: str | None = None,
) -> dict[str, object]:
    """An address that writes a file, in place of one that is there; whoever gets it is in the audit trail."""
    lifetime = rules.lifetime(expiry_in_minutes)
    type_ = rules.check_content_type(content_type or "")
    async with call.services.db.acquire() as db:
        bucket = await _bucket(db, call, key)
    rules.check_writable(bucket.name, is_read_only=bucket.is_read_only)
    clean = _path(bucket, path)
    (access,) = await actions.access(call.services, call.tenant_id, bucket, "PUT", [clean], call.now, lifetime, type_)
    async with call.services.db.acquire() as db:
        await _audit(db, call, bucket, "CreateBlobFileSas", clean)
    return access


@operation("GET", "/api/Buckets/{id}/ListFiles", connected=False)
async def list_files_by_token(
    call: Call,
    id: int,  # noqa: A002 - the contract's name
    prefix: str | None = None,
    take_hint: int | None = None,
    continuation_token: str | None = None,
    expiry_in_minutes: int | None = None,
) -> dict[str, object]:
    """Files by path, page after page; with an expiry each has the address that reads it.

    A page of a storage elsewhere may be short, even empty, and still have a token.
    """
    take = rules.take(take_hint)
    lifetime = rules.lifetime(expiry_in_minutes) if expiry_in_minutes else None
    after = rules.after_token(continuation_token or "")
    async with call.services.db.acquire() as db:
        bucket = await _bucket(db, call, id)
        begin = rules.clean_prefix(prefix or "", keeps_form=_is_elsewhere(bucket))
        if bucket.audits_reads and lifetime is not None:
            await _audit(db, call, bucket, "Download", f"{begin}*")
        listed = None if _is_elsewhere(bucket) else await _own_listed(db, call, bucket, begin, after, take)
    client = None
    if listed is None:
        client = await actions.client(call.services, call.tenant_id, bucket)
        listed = await s3.page(client, begin, after, take)
    items: list[dict[str, object]] = [
        {
            "fullPath": rules.shown_path(file.path),
            "contentType": file.content_type,
            "size": file.size_bytes,
            "lastModified": file.modified_at,
        }
        for file in listed.files
    ]
    if lifetime is not None:
        paths = [file.path for file in listed.files]
        given = await actions.access(
            call.services, call.tenant_id, bucket, "GET", paths, call.now, lifetime, opened=client
        )
        for item, access in zip(items, given, strict=True):
            item["accessInfo"] = camel(access)
    return {"items": items, "continuationToken": None if listed.after is None else rules.token_after(listed.after)}


async def _bucket(db: Connection, call: Call, bucket_id: int) -> Bucket:
    return await actions.find_shown(db, call.tenant_id, [call.folder_id], bucket_id)


def _is_elsewhere(bucket: Bucket) -> bool:
    return bucket.provider != rules.OWN


def _path(bucket: Bucket, path: str | None) -> str:
    if path is None:
        raise BadRequest("path is required.", Code.PARAMETER_MISSING)
    return rules.clean_path(path, keeps_form=_is_elsewhere(bucket))


async def _own_files(db: Connection, call: Call, bucket: Bucket, above: str, glob: str, *, is_recursive: bool) -> Page:
    where, args = store.BELOW_DIRECTORY if is_recursive else store.IN_DIRECTORY, [call.tenant_id, bucket.id, above]
    if glob != "*":
        where = store.BELOW_DIRECTORY_LIKE if is_recursive else store.IN_DIRECTORY_LIKE
        args = [*args, rules.like(glob)]
    page = await fetch_page(db, FILES, parse_options(call.query), where, args, now=call.now)
    return Page(page.json, SET, page.total)


async def _own_listed(db: Connection, call: Call, bucket: Bucket, begin: str, after: str, take: int) -> s3.Listed:
    rows = await store.files_after(db, call.tenant_id, bucket.id, begin, after, take + 1)
    files = [Found(row["path"], row["size_bytes"], row["content_type"], row["written_at"]) for row in rows[:take]]
    return s3.Listed(files, files[-1].path if len(rows) > take else None)


def _rows(call: Call, rows: Iterable[Mapping[str, Any]]) -> Page:
    page = rows_page(list(rows), FILE_MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), SET, page.total)


def _file(found: Found) -> dict[str, object]:
    return {
        "FullPath": rules.shown_path(found.path),
        "ContentType": found.content_type,
        "Size": found.size_bytes,
        "IsDirectory": False,
        "LastModified": found.modified_at,
        "Id": None,
    }


def _directory(path: str) -> dict[str, object]:
    return {
        "FullPath": rules.shown_path(path),
        "ContentType": None,
        "Size": 0,
        "IsDirectory": True,
        "LastModified": None,
        "Id": None,
    }


def _too_many(what: str, most: int) -> BadRequest:
    return BadRequest(f"directory: has more than {most} {what}; name one below it.", Code.PARAMETER_INVALID)


async def _audit(db: Connection, call: Call, bucket: Bucket, action: str, path: str) -> None:
    """Keep in the audit trail who deletes a file or gets an address of one, before he has it."""
    call.describe(action, component="Buckets", entity_id=bucket.id, name=bucket.name)
    call.audit["detail"] = {"path": path}
    call.db = db
    await audit.add(call)
