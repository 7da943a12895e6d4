"""What the checks read: files as syntax trees, and the text of every string in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

FOLDERS = ("src", "tools", "tests")


class Fault(NamedTuple):
    """A place that breaks a rule; `message` says what to do instead."""

    path: PurePosixPath
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Text(NamedTuple):
    """A string of the source; `{}` stands where an f-string has a placeholder."""

    line: int
    text: str


@dataclass(frozen=True)
class Source:
    """A file; `path` is relative to the root of the checkout."""

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    def is_in(self, *folders: str) -> bool:
        """Whether the path is one of these files or lies in one of these folders."""
        return any(self.path.is_relative_to(folder) for folder in folders)

    @cached_property
    def strings(self) -> tuple[Text, ...]:
        """Every string but docstrings."""
        return tuple(self._strings(self.tree))

    def _strings(self, node: ast.AST) -> Iterator[Text]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring
            if isinstance(child, ast.Constant) and isinstance(child.value, str):
                yield Text(child.lineno, child.value)
            elif isinstance(child, ast.JoinedStr):
                yield Text(child.lineno, joined(child))
            else:
                yield from self._strings(child)

    def fault(self, line: int, rule: str, message: str) -> Fault:
        return Fault(self.path, line, rule, message)


def joined(node: ast.JoinedStr) -> str:
    """The text of an f-string with `{}` for each placeholder."""
    parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return "".join(str(part) for part in parts)


def line_of(text: Text, offset: int) -> int:
    """The line of an offset in a string; right for the triple-quoted strings that SQL is written in."""
    return text.line + text.text.count("\n", 0, offset)


def read(root: Path) -> list[Source]:
    """Every Python file of the checkout, in the order of their paths."""
    paths = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return [
        Source(PurePosixPath(path.relative_to(root).as_posix()), path.read_text(encoding="utf-8")) for path in paths
    ]
