"""Reads multipart/form-data as a stream: one part at a time, never the whole body in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage

import python_multipart
from python_multipart.exceptions import FormParserError

from podium.kernel.errors import TooLarge

MAX_PARTS = 100
MAX_HEADER_BYTES = 16 * 1024


class MultipartError(Exception):
    """The body is no well-formed multipart; the message says what is wrong."""


@dataclass(slots=True)
class _Progress:
    """What the parser's callbacks have seen since the last look: ('begin', headers), ('data', bytes), ('end', None)."""

    headers: dict[str, str] = field(default_factory=dict)
    field_name: bytes = b""
    field_value: bytes = b""
    header_bytes: int = 0
    seen: deque[tuple[str, object]] = field(default_factory=deque)

    def name_data(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self.field_name += data[start:end]

    def value_data(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self.field_value += data[start:end]

    def header_end(self) -> None:
        self.headers[self.field_name.decode("latin-1").lower()] = self.field_value.decode("utf-8", "replace")
        self.field_name = self.field_value = b""

    def headers_end(self) -> None:
        self.seen.append(("begin", self.headers))
        self.headers = {}

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self.seen.append(("data", data[start:end]))

    def part_end(self) -> None:
        self.seen.append(("end", None))

    def part_begin(self) -> None:
        self.header_bytes = 0

    def _count(self, more: int) -> None:
        self.header_bytes += more
        if self.header_bytes > MAX_HEADER_BYTES:
            raise MultipartError("the headers of a part are too long")


class Part:
    """One part. Its content is read once, before the next part is asked for."""

    def __init__(self, source: _Source, headers: dict[str, str]) -> None:
        described = EmailMessage()
        described["content-disposition"] = (
            headers.get("content-disposition", "form-data").replace("\r", "").replace("\n", "")
        )
        parameters = described["content-disposition"].params
        self.name: str = parameters.get("name", "")
        self.filename: str | None = parameters.get("filename")
        self.content_type = headers.get("content-type", "")
        self._source = source

    async def stream(self) -> AsyncIterator[bytes]:
        """The content in pieces."""
        while (piece := await self._source.content()) is not None:
            yield piece

    async def read(self, limit_bytes: int) -> bytes:
        """The whole content. Raises TooLarge."""
        whole = b""
        async for piece in self.stream():
            whole += piece
            if len(whole) > limit_bytes:
                raise TooLarge(f"The part {self.name} is larger than {limit_bytes} bytes.")
        return whole


class _Source:
    def __init__(
        self, parser: python_multipart.MultipartParser, progress: _Progress, body: AsyncIterator[bytes]
    ) -> None:
        self._parser = parser
        self._progress = progress
        self._body = body
        self._in_part = False

    async def _next(self) -> tuple[str, object] | None:
        while not self._progress.seen:
            chunk = await anext(self._body, None)
            try:
                if chunk is None:
                    self._parser.finalize()
                    return None
                self._parser.write(chunk)
            except FormParserError as error:
                raise MultipartError(str(error)) from error
        return self._progress.seen.popleft()

    async def part(self) -> Part | None:
        """The next part; what is left of the one before is skipped."""
        while (event := await self._next()) is not None:
            kind, value = event
            if kind == "begin":
                assert isinstance(value, dict)
                self._in_part = True
                return Part(self, value)
        return None

    async def content(self) -> bytes | None:
        """The next piece of the part's content; None at its end. Raises MultipartError when the body ends before it."""
        if not self._in_part:
            return None
        event = await self._next()
        if event is None:
            raise MultipartError("the body ends inside a part")
        kind, value = event
        if kind == "end":
            self._in_part = False
            return None
        assert isinstance(value, bytes)
        return value


async def parts(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """The parts of a body in their order. Raises MultipartError."""
    kind, parameters = python_multipart.multipart.parse_options_header(content_type)
    boundary = parameters.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise MultipartError("expected multipart/form-data with a boundary")
    progress = _Progress()
    parser = python_multipart.MultipartParser(
        boundary,
        {
            "on_part_begin": progress.part_begin,
            "on_part_data": progress.part_data,
            "on_part_end": progress.part_end,
            "on_header_field": progress.name_data,
            "on_header_value": progress.value_data,
            "on_header_end": progress.header_end,
            "on_headers_finished": progress.headers_end,
        },
    )
    source = _Source(parser, progress, body)
    count = 0
    while (part := await source.part()) is not None:
        count += 1
        if count > MAX_PARTS:
            raise MultipartError(f"more than {MAX_PARTS} parts")
        yield part
