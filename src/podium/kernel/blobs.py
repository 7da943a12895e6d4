"""Files of packages, buckets and attachments in a local folder, and the signed tokens that let a bearer reach one.

A blob has a random name, `incoming/` holds what is being written: a file that has its name is whole and on disk.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import errno
import functools
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from podium.kernel.errors import Forbidden, NotFound, TooLarge, Unavailable

NAME = re.compile(r"[0-9a-f]{32}")
SHARDS = 256
BUFFER_BYTES = 1024 * 1024
TOKEN_DOMAIN = b"podium blob 1\0"
FULL = (errno.ENOSPC, errno.EDQUOT)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """A written blob; `sha256` is the digest of its bytes."""

    name: str
    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed token allows its bearer until `expires_at`; `content_type` is None when any is allowed."""

    tenant: int
    blob: str
    verb: str
    expires_at: datetime
    content_type: str | None


class Blobs:
    """A folder of blobs, made when missing. Safe from many tasks and processes at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    async def write(self, stream: AsyncIterator[bytes], *, limit_bytes: int) -> Stored:
        """Store the stream under a new random name; it can be opened once this returns, not before.

        Raises TooLarge beyond the limit and Unavailable when the disk is full; then, and when the stream fails or the
        call is cancelled, nothing is left.
        """
        name = secrets.token_hex(16)
        aside = self._incoming / name
        digest = hashlib.sha256()
        size = 0
        buffer = bytearray()
        try:
            file = await _in_thread(aside.open, "xb", 0)
            try:
                async for chunk in stream:
                    size += len(chunk)
                    if size > limit_bytes:
                        raise TooLarge(f"The content is over the limit of {limit_bytes} bytes.")
                    buffer += chunk
                    if len(buffer) >= BUFFER_BYTES:
                        await _in_thread(_append, file, digest, buffer)
                        buffer = bytearray()
                await _in_thread(_append, file, digest, buffer)
                await _in_thread(_publish, file, aside, self._path(name))
            finally:
                await _in_thread(file.close)
        except OSError as error:
            if error.errno in FULL:
                raise Unavailable("The storage is full.") from error
            raise
        except asyncio.CancelledError:
            await _in_thread(functools.partial(self._path(name).unlink, missing_ok=True))
            raise
        finally:
            await _in_thread(functools.partial(aside.unlink, missing_ok=True))
        return Stored(name, size, digest.digest())

    async def open(self, name: str) -> Path:
        """The file of a blob, to be read only; raises NotFound for a name that is not there or is no blob's name."""
        path = self._path(name)
        if not await _in_thread(path.is_file):
            raise NotFound(f"There is no stored file {name}.")
        return path

    async def delete(self, name: str) -> None:
        """Remove a blob; one that is gone already is no error. Raises NotFound for what is no blob's name."""
        await _in_thread(functools.partial(self._path(name).unlink, missing_ok=True))

    async def remove_abandoned(self, before: datetime) -> int:
        """Remove what killed servers left half-written, last written before the instant; how many files."""
        return await _in_thread(self._remove_abandoned, before.timestamp())

    async def names(self, shard: int, before: datetime) -> list[str]:
        """Names of the blobs of one of SHARDS equal parts of the folder, written before the instant."""
        return await _in_thread(self._names, f"{shard:02x}", before.timestamp())

    def _names(self, part: str, before_s: float) -> list[str]:
        folder = self._folder / part
        if not folder.is_dir():
            return []
        found: list[str] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if NAME.fullmatch(entry.name) and entry.stat().st_mtime < before_s:
                        found.append(entry.name)
        return found

    def _remove_abandoned(self, before_s: float) -> int:
        old = [path for path in self._incoming.iterdir() if path.stat().st_mtime < before_s]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _path(self, name: str) -> Path:
        """Names come from callers, too: only the form made here reaches the file system."""
        if NAME.fullmatch(name) is None:
            raise NotFound("There is no stored file of that name.")
        return self._folder / name[:2] / name


def sign(
    key: bytes, *, tenant: int, blob: str, verb: str, expires_at: datetime, content_type: str | None = None
) -> str:
    """A token for a URL that allows its bearer one verb on one blob; it expires at the whole second of `expires_at`."""
    grant = [tenant, blob, verb.upper(), int(expires_at.timestamp()), content_type]
    payload = _text(json.dumps(grant, separators=(",", ":")).encode())
    return f"{payload}.{_mac(key, payload)}"


def verify(key: bytes, token: str, *, verb: str, now: datetime) -> Grant:
    """What the token allows; raises Forbidden when it is not ours, is for another verb, or has expired."""
    payload, _, mac = token.partition(".")
    if not token.isascii() or not hmac.compare_digest(mac.encode(), _mac(key, payload).encode()):
        raise Forbidden("The signature of the address does not hold.")
    try:
        tenant, blob, signed_verb, expires_s, content_type = json.loads(base64.urlsafe_b64decode(payload + "=="))
    except (binascii.Error, ValueError) as error:
        raise Forbidden("The signature of the address does not hold.") from error
    if now.timestamp() >= expires_s:
        raise Forbidden("The address has expired.")
    if signed_verb != verb.upper():
        raise Forbidden(f"The address does not allow {verb.upper()}.")
    return Grant(tenant, blob, signed_verb, datetime.fromtimestamp(expires_s, UTC), content_type)


def _mac(key: bytes, payload: str) -> str:
    return _text(hmac.digest(key, TOKEN_DOMAIN + payload.encode(), "sha256"))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


async def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call in a thread; a cancelled caller waits for it, as a file must not be closed under a write."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _append(file: BinaryIO, digest: hashlib._Hash, content: bytearray) -> None:
    digest.update(content)
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]  # unbuffered: a write may be short


def _publish(file: BinaryIO, aside: Path, path: Path) -> None:
    """Bytes to disk, then the name, then the name to disk."""
    os.fsync(file.fileno())
    path.parent.mkdir(mode=0o700, exist_ok=True)
    aside.replace(path)
    for folder in (path.parent, path.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
