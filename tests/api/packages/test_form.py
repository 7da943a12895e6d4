"""Forms in every cutting: the parts come out as they went in, and a broken form leaves no file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.kernel.blobs import Blobs
from podium.kernel.errors import BadRequest, TooLarge
from podium.orchestrator.packages.uploads import Form, read_form

KIND = "multipart/form-data; boundary=bound"
FILES = st.lists(st.binary(max_size=400) | st.just(b"--bound\r\n") | st.just(b"\r\n--boun"), min_size=1, max_size=4)


def form_of(files: list[bytes], texts: dict[str, str]) -> bytes:
    parts = [
        f'--bound\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in texts.items()
    ]
    for number, content in enumerate(files):
        head = f'--bound\r\nContent-Disposition: form-data; name="f{number}"; filename="p{number}.nupkg"\r\n'
        parts.append(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n")
    return b"".join(parts) + b"--bound--\r\n"


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read(body: bytes, size: int, folder: Path, limit: int = 10_000) -> tuple[Form, list[bytes]]:
    async def run() -> tuple[Form, list[bytes]]:
        blobs = Blobs(folder)
        form = await read_form(pieces(body, size), KIND, blobs, limit_bytes=limit)
        return form, [(await blobs.open(each.stored.name)).read_bytes() for each in form.files]

    return asyncio.run(run())


def left(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


@settings(max_examples=40)
@given(FILES, st.integers(min_value=1, max_value=300))
def test_parts_survive_every_cutting(files: list[bytes], size: int) -> None:
    whole = [content for content in files if b"\r\n--bound" not in b"\r\n" + content]
    if not whole:
        return
    with tempfile.TemporaryDirectory() as folder:
        form, contents = read(form_of(whole, {"feedId": " ä "}), size, Path(folder))
        assert contents == whole
        assert [each.filename for each in form.files] == [f"p{n}.nupkg" for n in range(len(whole))]
        assert form.texts == {"feedid": "ä"}


@settings(max_examples=40)
@given(st.integers(min_value=1, max_value=120), st.integers(min_value=1, max_value=300))
def test_a_form_cut_short_is_refused_and_leaves_nothing(missing: int, size: int) -> None:
    body = form_of([b"one", b"two"], {})
    with tempfile.TemporaryDirectory() as folder:
        with pytest.raises(BadRequest):
            read(body[: -missing - 4], size, Path(folder))
        assert left(Path(folder)) == 0


def test_too_much_of_anything_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        read(form_of([b"one", b"x" * 11], {}), 50, tmp_path, limit=10)
    for texts in ({f"t{n}": "" for n in range(21)}, {"feedId": "x" * 10_001}):
        with pytest.raises(BadRequest):
            read(form_of([b"one"], texts), 1000, tmp_path)
        with pytest.raises(BadRequest):
            read(form_of([b"one"] * 11, {}), 1000, tmp_path)
    assert left(tmp_path) == 0
