"""Bodies that nobody means well with, made from a good one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

LONG = 70_000
DEEP = 10_000
VALUES: dict[str, bytes] = {
    "null": b"null",
    "a huge number": b"1e400",
    "a long number": b"9" * 400,
    "a negative number": b"-1",
    "a flag": b"true",
    "an object": b'{"a":{"b":[]}}',
    "an array": b"[[],{},null]",
    "nothing in quotes": b'""',
    "NUL": b'"a\\u0000b"',
    "half a surrogate": b'"a\\ud800b"',
    "text of no kind": b'"\\u202e%s{}<script>\'; --"',
    "a nil GUID": b'"00000000-0000-0000-0000-000000000000"',
    "no end of text": b'"' + b"x" * LONG + b'"',
    "no end of depth": b"[" * DEEP + b"]" * DEEP,
    "an instant out of range": b'"9999-12-31T23:59:59-14:00"',
}


class Hostile(NamedTuple):
    """A body and what is wrong with it. `is_no_body`: nothing of the sort can be taken by any operation."""

    name: str
    content: bytes
    is_no_body: bool = False


def bodies(good: Any) -> Iterator[Hostile]:
    """The good body with every member spoiled in every way, and what is no body at all."""
    yield from _whole(msgspec.json.encode(good))
    for path in _paths(good):
        spoiled = msgspec.json.encode(_with_hole(good, path))
        for name, value in VALUES.items():
            yield Hostile(f"{name} at {'.'.join(map(str, path))}", spoiled.replace(_HOLE, value))


def _whole(good: bytes) -> Iterator[Hostile]:
    yield Hostile("nothing", b"", is_no_body=True)
    yield Hostile("half", good[: len(good) // 2], is_no_body=True)
    yield Hostile("bytes that are no text", b'{"\xff\xfe\xfa": 1}', is_no_body=True)
    yield Hostile("brackets without end", b"[" * DEEP, is_no_body=True)
    yield Hostile("objects without end", b'{"a":' * DEEP, is_no_body=True)
    yield Hostile("more behind it", good + b"{}", is_no_body=True)
    yield Hostile("a word", b"undefined", is_no_body=True)
    if not good.startswith(b'"'):
        wrong = b"[]" if good.startswith(b"{") else b"{}"
        yield Hostile("the other container", wrong, is_no_body=True)
    yield Hostile("a number", b"17", is_no_body=not good.startswith(b'"'))


_HOLE = b'"the hole"'


def _paths(value: Any) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        parts: Sequence[tuple[str | int, Any]] = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))[:1]
    else:
        parts = []
    for key, part in parts:
        yield (key,)
        yield from ((key, *path) for path in _paths(part))


def _with_hole(value: Any, path: tuple[str | int, ...]) -> Any:
    if not path:
        return _HOLE.decode().strip('"')
    first, *rest = path
    if isinstance(value, dict):
        return {key: _with_hole(part, tuple(rest)) if key == first else part for key, part in value.items()}
    return [_with_hole(part, tuple(rest)) if at == first else part for at, part in enumerate(value)]
