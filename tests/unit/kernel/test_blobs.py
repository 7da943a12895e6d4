from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podium.kernel import blobs
from podium.kernel.blobs import Blobs, Grant, sign, verify
from podium.kernel.errors import Forbidden, NotFound, TooLarge, Unavailable

KEY = b"k" * 32
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def store(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


class TestBlobs:
    async def test_what_is_written_is_read(self, store: Blobs) -> None:
        content = os.urandom(blobs.BUFFER_BYTES + 17)
        stored = await store.write(chunks(content[:5], b"", content[5:]), limit_bytes=len(content))
        assert (stored.size_bytes, stored.sha256) == (len(content), hashlib.sha256(content).digest())
        assert (await store.open(stored.name)).read_bytes() == content

    async def test_an_empty_stream_is_an_empty_blob(self, store: Blobs) -> None:
        stored = await store.write(chunks(), limit_bytes=0)
        assert (await store.open(stored.name)).read_bytes() == b""

    async def test_the_same_bytes_twice_are_two_blobs(self, store: Blobs) -> None:
        first, second = [await store.write(chunks(b"x"), limit_bytes=1) for _ in range(2)]
        await store.delete(first.name)
        assert (await store.open(second.name)).read_bytes() == b"x"

    async def test_over_the_limit_leaves_nothing(self, store: Blobs, tmp_path: Path) -> None:
        with pytest.raises(TooLarge, match="limit of 5 bytes"):
            await store.write(chunks(b"123", b"456"), limit_bytes=5)
        assert files(tmp_path) == []

    async def test_a_broken_stream_leaves_nothing(self, store: Blobs, tmp_path: Path) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"x" * blobs.BUFFER_BYTES
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await store.write(broken(), limit_bytes=2 * blobs.BUFFER_BYTES)
        assert files(tmp_path) == []

    async def test_a_cancelled_write_leaves_nothing(self, store: Blobs, tmp_path: Path) -> None:
        begun = asyncio.Event()

        async def endless() -> AsyncIterator[bytes]:
            yield b"x" * blobs.BUFFER_BYTES
            begun.set()
            await asyncio.Event().wait()

        writing = asyncio.create_task(store.write(endless(), limit_bytes=2 * blobs.BUFFER_BYTES))
        await begun.wait()
        assert [path.parent.name for path in files(tmp_path)] == ["incoming"]
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert files(tmp_path) == []

    async def test_a_full_disk_is_unavailable(self, store: Blobs, tmp_path: Path) -> None:
        async def spooled_to_a_full_disk() -> AsyncIterator[bytes]:
            yield b"x"
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.raises(Unavailable, match="full"):
            await store.write(spooled_to_a_full_disk(), limit_bytes=1)
        assert files(tmp_path) == []

    async def test_a_deleted_blob_is_not_found(self, store: Blobs) -> None:
        stored = await store.write(chunks(b"x"), limit_bytes=1)
        await store.delete(stored.name)
        await store.delete(stored.name)
        with pytest.raises(NotFound):
            await store.open(stored.name)

    @pytest.mark.parametrize(
        "name", ["", "..", "../../etc/passwd", "a/b", "/etc/passwd", "A" * 32, "0" * 32 + "\n", "\0"]
    )
    async def test_a_name_of_another_form_is_not_found(self, store: Blobs, name: str) -> None:
        with pytest.raises(NotFound):
            await store.open(name)
        with pytest.raises(NotFound):
            await store.delete(name)

    async def test_only_old_half_written_files_are_removed(self, store: Blobs, tmp_path: Path) -> None:
        incoming = tmp_path / "blobs" / "incoming"
        (incoming / "old").touch()
        os.utime(incoming / "old", (NOW.timestamp() - 10,) * 2)
        (incoming / "new").touch()
        os.utime(incoming / "new", (NOW.timestamp() + 10,) * 2)
        stored = await store.write(chunks(b"x"), limit_bytes=1)
        assert await store.remove_abandoned(NOW) == 1
        assert [path.name for path in incoming.iterdir()] == ["new"]
        assert (await store.open(stored.name)).read_bytes() == b"x"


class TestSignedTokens:
    @given(
        tenant=st.integers(0, 2**31),
        blob=st.text(),
        verb=st.sampled_from(["GET", "PUT"]),
        seconds=st.integers(1, 10**6),
        content_type=st.none() | st.text(),
    )
    def test_a_token_says_what_was_signed(
        self, tenant: int, blob: str, verb: str, seconds: int, content_type: str | None
    ) -> None:
        expires_at = NOW + timedelta(seconds=seconds)
        token = sign(KEY, tenant=tenant, blob=blob, verb=verb, expires_at=expires_at, content_type=content_type)
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
        assert verify(KEY, token, verb=verb, now=NOW) == Grant(tenant, blob, verb, expires_at, content_type)

    @example(at=0, character="\ud800")
    @example(at=10**6, character="\ud800")
    @given(at=st.integers(0, 10**6), character=st.characters())
    def test_a_changed_character_is_forbidden(self, at: int, character: str) -> None:
        token = sign(KEY, tenant=1, blob="b", verb="GET", expires_at=NOW + timedelta(hours=1))
        at %= len(token)
        changed = token[:at] + character + token[at + 1 :]
        if changed != token:
            with pytest.raises(Forbidden):
                verify(KEY, changed, verb="GET", now=NOW)

    @given(st.text())
    def test_rubbish_is_forbidden(self, token: str) -> None:
        with pytest.raises(Forbidden):
            verify(KEY, token, verb="GET", now=NOW)

    def test_another_verb_key_or_time_is_forbidden(self) -> None:
        token = sign(KEY, tenant=1, blob="b", verb="get", expires_at=NOW)
        assert verify(KEY, token, verb="get", now=NOW - timedelta(seconds=1)).blob == "b"
        with pytest.raises(Forbidden, match="expired"):
            verify(KEY, token, verb="GET", now=NOW)
        with pytest.raises(Forbidden, match="does not allow PUT"):
            verify(KEY, token, verb="PUT", now=NOW - timedelta(seconds=1))
        with pytest.raises(Forbidden, match="signature"):
            verify(b"another key", token, verb="GET", now=NOW - timedelta(seconds=1))
