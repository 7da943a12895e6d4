"""Finds the row of the contract for a method and a path, at the same cost for the last route as for the first.

A tree of dictionaries over path segments. A segment may carry parameters in parentheses (`Jobs(5)`,
`GetByKey(identifier=...)`, `Processes('My(1):1.0')`) or be one (`{inboxId}`); letter case does not matter, nor does a
trailing `()`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"^\[?\{(\w+)\}\]?$")


class Found(NamedTuple, Generic[T]):
    """A route with the raw texts of its path parameters, quotes removed."""

    target: T
    parameters: dict[str, str]


class MethodNotAllowed(Exception):
    """The path exists, but not for this method. `allowed` lists those that do."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(", ".join(allowed))
        self.allowed = allowed


class _Node(Generic[T]):
    __slots__ = ("children", "methods", "name", "wildcard")

    def __init__(self) -> None:
        self.children: dict[tuple[str, tuple[str, ...]], _Node[T]] = {}
        self.wildcard: _Node[T] | None = None
        self.name = ""
        self.methods: dict[str, tuple[T, tuple[str, ...]]] = {}


class Dispatcher(Generic[T]):
    """The route table. Built once; lookups change nothing."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        self._root: _Node[T] = _Node()
        self._spelled: dict[tuple[str, str], Found[T]] = {}
        for method, path, target in routes:
            self._add(method, path, target)

    def _add(self, method: str, path: str, target: T) -> None:
        node = self._root
        names: list[str] = []
        for segment in path.split("/")[1:]:
            whole = _PLACEHOLDER.match(segment)
            if whole:
                node.wildcard = node.wildcard or _Node()
                node = node.wildcard
                names.append(whole[1])
                continue
            word, arguments = split_segment(segment)
            keys: list[str] = []
            for key, value in arguments:
                placeholder = _PLACEHOLDER.match(value)
                assert placeholder, f"{path}: a parameter of a route must be a placeholder"
                names.append(placeholder[1])
                keys.append(key.lower())
            node = node.children.setdefault((word.lower(), tuple(sorted(keys))), _Node())
        if method in node.methods:
            raise ValueError(f"{method} {path} is the same route as another")
        node.methods[method] = (target, tuple(names))
        if not names:
            self._spelled[method, path] = Found(target, {})

    def find(self, method: str, path: str) -> Found[T] | None:
        """The route of a decoded path, None when there is none. Raises MethodNotAllowed."""
        spelled = self._spelled.get((method, path))
        return self._searched(method, path) if spelled is None else spelled

    def _searched(self, method: str, path: str) -> Found[T] | None:
        node = self._root
        values: dict[str, str] = {}
        ordered: list[str] = []
        for segment in path.split("/")[1:]:
            word, arguments = split_segment(segment)
            keys = tuple(sorted(key.lower() for key, _ in arguments)) if arguments else ()
            child = node.children.get((word.lower(), keys))
            if child is None and node.wildcard is not None:
                child, arguments = node.wildcard, [("", segment)]
            if child is None:
                return None
            node = child
            for key, value in arguments:
                ordered.append(value)
                if key:
                    values[key.lower()] = value
        entry = node.methods.get(method)
        if entry is None:
            if not node.methods:
                return None
            raise MethodNotAllowed(sorted(node.methods))
        target, names = entry
        return Found(
            target, {name: values.get(name.lower(), value) for name, value in zip(names, ordered, strict=True)}
        )


def split_segment(segment: str) -> tuple[str, list[tuple[str, str]]]:
    """`GetByKey(identifier='a(1)')` -> the word and its arguments; a sole unnamed argument has the key ''."""
    opening = segment.find("(")
    if opening < 0 or not segment.endswith(")"):
        return segment, []
    inside = segment[opening + 1 : -1]
    if not inside:
        return segment[:opening], []
    arguments: list[tuple[str, str]] = []
    for part in _split_outside(inside):
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            key, value = "", part
        arguments.append((key.strip(), _unquote(value.strip())))
    return segment[:opening], arguments


def _split_outside(text: str) -> list[str]:
    """The parts between commas that stand in neither quotes nor brackets."""
    if "," not in text:
        return [text]
    parts, start, quoted, depth = [], 0, False, 0
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "[]":
            depth += 1 if character == "[" else -1
        elif character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == "'" and value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if value.startswith("[") and value.endswith("]"):
        return value[1:-1]
    return value
