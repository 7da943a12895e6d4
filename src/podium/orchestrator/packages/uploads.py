"""The parts of an uploaded form: files go to the blob store as they arrive, a form is never whole in memory."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from podium.kernel.blobs import Blobs, Stored
from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.packages.rules import EXTENSION

MAX_FILES = 10
MAX_FIELDS = 20
MAX_FIELD_BYTES = 10_000
MAX_BOUNDARY_BYTES = 200  # RFC 2046 allows 70

BEGIN, DATA, END = "begin", "data", "end"


@dataclass(frozen=True, slots=True)
class Upload:
    """A stored file; `filename` is what the client called it, None when it said nothing."""

    filename: str | None
    stored: Stored


@dataclass(slots=True)
class Form:
    """What a form held. The names of files' fields mean nothing; those of the texts are in lower case."""

    files: list[Upload] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


async def read_form(stream: AsyncIterator[bytes], content_type: str | None, blobs: Blobs, *, limit_bytes: int) -> Form:
    """The form, its files stored; `limit_bytes` holds for each file.

    Raises BadRequest for what is no form, for no file or more than MAX_FILES (#1666) and for a file of another ending
    (#1665), TooLarge for a file over the limit. Then, and whenever reading fails, no blob is left.
    """
    form = Form()
    try:
        await _fill(form, _Parts(stream, _boundary(content_type)), blobs, limit_bytes)
    except BaseException:
        await discard(blobs, form)
        raise
    return form


async def _fill(form: Form, parts: _Parts, blobs: Blobs, limit_bytes: int) -> None:
    while (headers := await parts.following()) is not None:
        name, filename, is_file = _described(headers)
        if is_file:
            if len(form.files) == MAX_FILES:
                raise BadRequest(f"At most {MAX_FILES} packages can be uploaded at once.", Code.INVALID_PACKAGE_COUNT)
            _check_ending(filename)
            form.files.append(Upload(filename, await blobs.write(parts.content(), limit_bytes=limit_bytes)))
        elif len(form.texts) < MAX_FIELDS:
            form.texts[name.lower()] = await _text(parts, name)
        else:
            raise BadRequest(f"The form has more than {MAX_FIELDS} fields.")
    if not form.files:
        raise BadRequest("The form holds no file.", Code.INVALID_PACKAGE_COUNT)


async def discard(blobs: Blobs, form: Form) -> None:
    """Remove the form's files from the store."""
    for upload in form.files:
        await blobs.delete(upload.stored.name)


class _Parts:
    """Pulls a form apart: `following` gives the headers of the next part, `content` its bytes."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        self._stream = stream
        self._events: deque[tuple[str, bytes]] = deque()
        self._headers: list[tuple[bytes, bytes]] = []
        self._name = b""
        self._value = b""
        self._is_over = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._take_name,
                "on_header_value": self._take_value,
                "on_header_end": self._take_header,
                "on_headers_finished": self._take_headers,
                "on_part_data": self._take_data,
                "on_part_end": self._take_end,
                "on_end": self._take_over,
            },
        )
        self._waiting: deque[dict[bytes, bytes]] = deque()

    async def following(self) -> dict[bytes, bytes] | None:
        """Headers of the next part, names in lower case; None after the last one."""
        while (event := await self._event()) is not None:
            if event[0] == BEGIN:
                return self._waiting.popleft()
        return None

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the part whose headers were given last."""
        while (event := await self._event()) is not None and event[0] != END:
            yield event[1]

    async def _event(self) -> tuple[str, bytes] | None:
        """The next event; None after the form's end. Raises BadRequest when the form breaks off."""
        while not self._events:
            if self._is_over:
                return None
            chunk = await anext(self._stream, None)
            if chunk is None:
                raise BadRequest("The form breaks off before its end.")
            try:
                self._parser.write(chunk)
            except MultipartParseError:
                raise BadRequest("The body is not a well-formed multipart/form-data.") from None
        return self._events.popleft()

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _take_header(self) -> None:
        self._headers.append((self._name.strip().lower(), self._value.strip()))
        self._name = self._value = b""

    def _take_headers(self) -> None:
        self._waiting.append(dict(self._headers))
        self._events.append((BEGIN, b""))

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append((DATA, data[start:end]))

    def _take_end(self) -> None:
        self._events.append((END, b""))

    def _take_over(self) -> None:
        self._is_over = True


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise BadRequest("The body must be multipart/form-data with a package in it.")
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > MAX_BOUNDARY_BYTES:
        raise BadRequest("The Content-Type of the form has no usable boundary.")
    return boundary


def _described(headers: dict[bytes, bytes]) -> tuple[str, str | None, bool]:
    """Name and file name of a part, and whether it is a file: it has a file name or bytes for its type."""
    _, options = parse_options_header(headers.get(b"content-disposition", b"").decode("latin-1"))
    given = options.get(b"filename")
    filename = None if given is None else _decoded(given)
    kind, _ = parse_options_header(headers.get(b"content-type", b"").decode("latin-1"))
    return _decoded(options.get(b"name", b"")), filename, given is not None or kind == b"application/octet-stream"


def _decoded(value: bytes) -> str:
    """Names in a form are UTF-8 with every client that is known."""
    return value.decode("utf-8", "replace")


def _check_ending(filename: str | None) -> None:
    last = re.split(r"[/\\]", filename or "")[-1].strip()
    if "." in last and not last.lower().endswith(EXTENSION):
        raise BadRequest(f"The name of a package's file ends with {EXTENSION}.", Code.INVALID_EXTENSION)


async def _text(parts: _Parts, name: str) -> str:
    value = bytearray()
    async for piece in parts.content():
        value += piece
        if len(value) > MAX_FIELD_BYTES:
            raise BadRequest(f"{name[:60]}: the field is longer than {MAX_FIELD_BYTES} bytes.")
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        raise BadRequest(f"{name[:60]}: the field is not UTF-8.") from None
