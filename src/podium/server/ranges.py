"""The part of a file that a request asks for (RFC 9110, 14), for files that are no files of this machine."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

from starlette.responses import Response, StreamingResponse

from podium.server.request import Request

RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.ASCII | re.IGNORECASE)


class Part(NamedTuple):
    """From `start` up to `end`, which is not in it; both 0 for a part that the file does not have."""

    start: int
    end: int


def part_of(header: str, size: int) -> Part | None:
    """What the header asks for of a file of that size; None: all of it, as for several parts or a malformed header."""
    found = RANGE.fullmatch(header)
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        last = min(int(found[2]), size)
        return Part(size - last, size) if last else Part(0, 0)
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if found[2] and int(found[2]) < start:
        return None
    return Part(start, end) if start < size else Part(0, 0)


def response(
    request: Request, size: int, headers: Mapping[str, str], read: Callable[[int, int], AsyncIterator[bytes]]
) -> Response:
    """The file, or the part that was asked for; the headers only for HEAD."""
    condition = request.headers.get("if-range")
    is_current = condition is None or condition in (headers.get("etag"), headers.get("last-modified"))
    part = part_of(request.headers.get("range", ""), size) if is_current else None
    if part == Part(0, 0):
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    status, whole = (200, Part(0, size)) if part is None else (206, part)
    sent = {**headers, "content-length": str(whole.end - whole.start)}
    if part is not None:
        sent["content-range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=sent)
    return StreamingResponse(read(whole.start, whole.end), status_code=status, headers=sent)
