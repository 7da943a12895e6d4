"""Reads multipart/form-data as a stream: one part after the other, never the whole form in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from podium.kernel.errors import BadRequest, TooLarge

MAX_PARTS = 100
MAX_HEADER_BYTES = 16 * 1024  # of one part, all its headers together
MAX_BOUNDARY_BYTES = 200  # RFC 2046 allows 70

BEGIN, DATA, END = "begin", "data", "end"


class Part:
    """One part of a form. Its content is read once, before the next part is asked for; what is left is skipped.

    `filename` is None when the client named no file. `is_file`: it has a file name, or bytes for its type.
    """

    def __init__(self, headers: dict[bytes, bytes], source: _Source) -> None:
        _, options = parse_options_header(headers.get(b"content-disposition", b"").decode("latin-1"))
        given = options.get(b"filename")
        kind, _ = parse_options_header(headers.get(b"content-type", b"").decode("latin-1"))
        self.name = _decoded(options.get(b"name", b""))
        self.filename = None if given is None else _decoded(given)
        self.is_file = given is not None or kind == b"application/octet-stream"
        self._source = source

    async def stream(self) -> AsyncIterator[bytes]:
        """The content in pieces. Raises BadRequest when the form breaks off."""
        while (event := await self._source.event()) is not None and event[0] != END:
            yield event[1]

    async def read(self, limit_bytes: int) -> bytes:
        """The whole content. Raises TooLarge beyond the limit, which names the field."""
        value = bytearray()
        async for piece in self.stream():
            value += piece
            if len(value) > limit_bytes:
                raise TooLarge(f"{self.name[:60]}: the field is longer than {limit_bytes} bytes.")
        return bytes(value)


async def parts(content_type: str | None, body: AsyncIterator[bytes]) -> AsyncIterator[Part]:
    """The parts of a form in their order. Raises BadRequest for what is no whole, well-formed form."""
    source = _Source(_boundary(content_type), body)
    count = 0
    while (headers := await source.following()) is not None:
        count += 1
        if count > MAX_PARTS:
            raise BadRequest(f"The form has more than {MAX_PARTS} parts.")
        yield Part(headers, source)


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise BadRequest("The body must be multipart/form-data.")
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > MAX_BOUNDARY_BYTES:
        raise BadRequest("The Content-Type of the form has no usable boundary.")
    return boundary


def _decoded(value: bytes) -> str:
    """Names in a form are UTF-8 with every client that is known."""
    return value.decode("utf-8", "replace")


class _Source:
    """Pulls a form apart: what the parser's callbacks saw, in order."""

    def __init__(self, boundary: bytes, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._events: deque[tuple[str, bytes]] = deque()
        self._waiting: deque[dict[bytes, bytes]] = deque()
        self._headers: list[tuple[bytes, bytes]] = []
        self._name = b""
        self._value = b""
        self._header_bytes = 0
        self._is_over = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._take_name,
                "on_header_value": self._take_value,
                "on_header_end": self._take_header,
                "on_headers_finished": self._take_headers,
                "on_part_data": self._take_data,
                "on_part_end": self._take_end,
                "on_end": self._take_over,
            },
        )

    async def following(self) -> dict[bytes, bytes] | None:
        """Headers of the next part, names in lower case; None after the last one."""
        while (event := await self.event()) is not None:
            if event[0] == BEGIN:
                return self._waiting.popleft()
        return None

    async def event(self) -> tuple[str, bytes] | None:
        """The next event; None after the form's end. Raises BadRequest when the form breaks off."""
        while not self._events:
            if self._is_over:
                return None
            chunk = await anext(self._body, None)
            if chunk is None:
                raise BadRequest("The form breaks off before its end.")
            try:
                self._parser.write(chunk)
            except MultipartParseError:
                raise BadRequest("The body is not a well-formed multipart/form-data.") from None
        return self._events.popleft()

    def _begin(self) -> None:
        self._headers.clear()
        self._header_bytes = 0

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _count(self, more: int) -> None:
        self._header_bytes += more
        if self._header_bytes > MAX_HEADER_BYTES:
            raise BadRequest("The headers of a part are too long.")

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
