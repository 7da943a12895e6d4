"""Files in a storage that speaks S3, through obstore."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import obstore
import structlog
from obstore import exceptions
from obstore.store import S3Store

from podium.kernel.errors import BadRequest, Code, Conflict, NotFound, Unavailable
from podium.orchestrator.buckets import rules
from podium.orchestrator.buckets.egress import Egress
from podium.orchestrator.buckets.rules import S3Place
from podium.orchestrator.outgoing import Outgoing, Refused
from podium.orchestrator.status.rules import is_public

if TYPE_CHECKING:
    from obstore import GetOptions, ListStream, ObjectMeta
    from obstore.store import S3Credential

CONNECT, READ, WHOLE = timedelta(seconds=5), timedelta(seconds=30), timedelta(hours=6)
RETRY_FOR = timedelta(seconds=20)
PAGE = 1000
MAX_LISTED = 100_000
"""Files that one list looks through, so that one call does not read a storage of millions."""
MAX_SCANNED = 10_000
"""Files that one page of a list by tokens looks through; it may then be short, and has a token."""
PART_BYTES = 8 * 1024 * 1024
AT_ONCE = 4
CHUNK_BYTES = 256 * 1024
KEPT = 64
RESOLVE_SECONDS = 5.0
NOT_ALLOWED = re.compile(r"status code: 40[13]\b")
REFUSED = "The storage refuses the credentials of the bucket."

log = structlog.get_logger(__name__)


class Found(NamedTuple):
    """A file of the storage; `content_type` is a guess by the name unless the storage was asked for this file."""

    path: str
    size_bytes: int
    content_type: str | None
    modified_at: datetime | None
    etag: str | None = None


class Listed(NamedTuple):
    """A page of a list; `after` is where the next begins, None at the end."""

    files: list[Found]
    after: str | None


class Stores:
    """Makes the clients of storages and keeps some; one per process. What they send goes out through the egress."""

    def __init__(self, outgoing: Outgoing, egress: Egress) -> None:
        self._outgoing = outgoing
        self._egress = egress
        self._kept: dict[tuple[S3Place, str], S3Store] = {}

    async def check(self, place: S3Place) -> None:
        """Refuse (400) a place that no call would reach, and one of the internet without TLS."""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                address = await self._outgoing.resolve(place.host, place.port)
        except (Refused, TimeoutError) as error:
            reason = str(error) or "The name of the host cannot be resolved."
            raise BadRequest(f"StorageParameters: {place.host}: {reason}", Code.PARAMETER_INVALID) from None
        if place.is_plain and is_public(address):
            raise BadRequest(f"StorageParameters: {place.host}: use https.", Code.PARAMETER_INVALID)

    async def open(self, place: S3Place, secret_key: str) -> S3Store:
        """The client of a storage; nothing is sent yet.

        Clients are kept by their place and secret key, and whoever asks has read the secret key a moment ago. So one
        that was changed where it is kept counts from the next use on. The client of the old one is used no more and
        goes when others push it out; addresses that it signed work as long as the storage takes the old secret key.
        """
        kept = self._kept.pop((place, secret_key), None)
        if kept is None:
            kept = _client(place, secret_key, await self._egress.url())
        self._kept[place, secret_key] = kept
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return kept


def _client(place: S3Place, secret_key: str, proxy_url: str) -> S3Store:
    """What is not said here the library takes from the AWS_* variables of the server, which are not the tenant's."""
    credential: S3Credential = {
        "access_key_id": place.access_key,
        "secret_access_key": secret_key,
        "token": None,
        "expires_at": None,
    }
    return S3Store(
        place.container,
        endpoint=place.endpoint,
        aws_endpoint_url_s3=place.endpoint,
        region=place.region,
        credential_provider=lambda: credential,
        skip_signature=False,
        s3_express=False,
        virtual_hosted_style_request=False,
        disable_bulk_delete=True,
        client_options={
            "allow_http": place.is_plain,
            "allow_invalid_certificates": False,
            "proxy_url": proxy_url,
            "proxy_excludes": "",
            "connect_timeout": CONNECT,
            "read_timeout": READ,
            "timeout": WHOLE,
        },
        retry_config={"max_retries": 2, "retry_timeout": RETRY_FOR},
    )


async def sign(store: S3Store, verb: Literal["GET", "PUT"], paths: Sequence[str], lifetime: timedelta) -> list[str]:
    """Addresses that let their bearers read or write these files without us; nothing is sent."""
    return list(await obstore.sign_async(store, verb, paths, lifetime))


async def directory(store: S3Store, above: str) -> tuple[list[str], list[Found]]:
    """Names of the directories right below one, and its own files."""
    with _told():
        found = await obstore.list_with_delimiter_async(store, above or None)
    names = [prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"]]
    files = [_found(meta) for meta in found["objects"] if _is_file(meta, above)]
    return sorted(names), files


async def below(store: S3Store, above: str, most: int) -> tuple[list[Found], bool]:
    """The files of a directory and of those below it by bytes, at most so many, and whether that is all of them."""
    files: list[Found] = []
    with _told():
        async for chunk in _chunks(store, above, ""):
            for meta in chunk:
                if len(files) == most:
                    return files, False
                if _is_file(meta, above):
                    files.append(_found(meta))
    return files, True


async def page(store: S3Store, prefix: str, after: str, take: int) -> Listed:
    """The next files whose paths begin with the prefix, by bytes."""
    above = rules.directory_of(prefix)
    files: list[Found] = []
    seen = after
    with _told():
        async for scanned, meta in _numbered(store, above, after):
            path = meta["path"]
            if path.startswith(prefix) and _is_file(meta, above):
                if len(files) == take:
                    return Listed(files, seen)
                files.append(_found(meta))
            elif path > prefix and not path.startswith(prefix):
                break  # the paths come by bytes: none that follows begins with the prefix
            seen = path
            if scanned >= MAX_SCANNED:
                return Listed(files, seen)
    return Listed(files, None)


async def head(store: S3Store, path: str) -> Found:
    """What the storage says of a file. Raises NotFound."""
    with _told():
        answer = await obstore.get_async(store, path, options={"head": True})
    meta = answer.meta
    type_ = answer.attributes.get("Content-Type")
    return Found(path, meta["size"], type_ or rules.guess_content_type(path), meta["last_modified"], meta["e_tag"])


async def read(store: S3Store, path: str, start: int, end: int, etag: str | None) -> AsyncIterator[bytes]:
    """The bytes from `start` up to `end`, of the file that has the etag."""
    if start == end:
        return
    options: GetOptions = {"range": (start, end)}
    if etag is not None:
        options["if_match"] = etag
    with _told():
        answer = await obstore.get_async(store, path, options=options)
        async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)


async def write(store: S3Store, path: str, file: Path, content_type: str | None) -> str | None:
    """Store the file under the path, whole or not at all; its etag."""
    with _told():
        done = await obstore.put_async(
            store,
            path,
            file,
            attributes={"Content-Type": content_type} if content_type else None,
            chunk_size=PART_BYTES,
            max_concurrency=AT_ONCE,
        )
    return done["e_tag"]


async def delete(store: S3Store, path: str) -> None:
    """Remove a file; none there is no error."""
    with _told():
        await obstore.delete_async(store, path)


def _chunks(store: S3Store, above: str, after: str) -> ListStream[Sequence[ObjectMeta]]:
    return obstore.list(store, above or None, offset=after or None, chunk_size=PAGE)


async def _numbered(store: S3Store, above: str, after: str) -> AsyncIterator[tuple[int, ObjectMeta]]:
    numbers = itertools.count(1)
    async for chunk in _chunks(store, above, after):
        for meta in chunk:
            yield next(numbers), meta


def _is_file(meta: ObjectMeta, above: str) -> bool:
    """Not the empty object that some tools keep in place of a directory."""
    path = meta["path"]
    return path.startswith(above) and path != above.rstrip("/") and not (path.endswith("/") and meta["size"] == 0)


def _found(meta: ObjectMeta) -> Found:
    return Found(
        meta["path"], meta["size"], rules.guess_content_type(meta["path"]), meta["last_modified"], meta["e_tag"]
    )


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the library as errors of the API; what the storage said goes to the log, not to the caller."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound(rules.NO_FILE) from None
    except exceptions.InvalidPathError as error:
        log.warning("buckets.storage_path", reason=str(error)[:400])
        message = "The storage has a file whose path cannot be shown, with an empty part or a part of dots."
        raise Conflict(message, Code.FORBIDDEN_OPERATION) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError) as error:
        log.warning("buckets.storage_refused", reason=str(error)[:400])
        raise Conflict(REFUSED, Code.FORBIDDEN_OPERATION) from None
    except exceptions.PreconditionError:
        raise Unavailable("The file was changed while it was read.") from None
    except exceptions.BaseError as error:
        log.warning("buckets.storage_failed", reason=str(error)[:400])
        # lists do not tell these apart but in their text
        if "<Code>NoSuchBucket</Code>" in str(error):
            raise Conflict("The storage has no container of that name.", Code.FORBIDDEN_OPERATION) from None
        if NOT_ALLOWED.search(str(error)):
            raise Conflict(REFUSED, Code.FORBIDDEN_OPERATION) from None
        raise Unavailable("The storage of the bucket does not answer as it should.") from None
