"""Which kinds of principals the words of the directory mean. Pure.

Only principals of this installation are known: there is no other directory behind it yet.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["user", "robot", "group", "application"]

LOCAL = "local"
"""The source of every entity, and the name of the only scope."""

MEMBER_KINDS: tuple[Kind, ...] = ("user", "robot", "application")
"""What can be in a group."""

ENTITY_TYPES: dict[str, tuple[Kind, ...]] = {
    "user": ("user", "robot"),  # robot accounts come as users
    "group": ("group",),
    "application": ("application",),
}
TYPE_NUMBERS: dict[Kind, int] = {"user": 0, "robot": 0, "group": 1, "application": 2}
OBJECT_TYPES: dict[Kind, str] = {
    "user": "DirectoryUser",
    "robot": "DirectoryRobotUser",
    "group": "DirectoryGroup",
    "application": "DirectoryApplication",
}
SOURCES: dict[str, tuple[Kind, ...]] = {
    "localUsers": ("user",),
    "directoryUsers": (),
    "localGroups": ("group",),
    "directoryGroups": (),
    "robotAccounts": ("robot",),
    "applications": ("application",),
}

NUMBER = re.compile(r"[0-9]{1,3}")


def kinds_of_type(text: str) -> tuple[Kind, ...] | None:
    """The kinds of a DirectoryEntityType by name or number; None for what is none."""
    return _named(text, ENTITY_TYPES)


def kinds_of_source(text: str) -> tuple[Kind, ...] | None:
    """The kinds of a SourceFilter by name or number; None for what is none."""
    return _named(text, SOURCES)


def _named(text: str, words: dict[str, tuple[Kind, ...]]) -> tuple[Kind, ...] | None:
    wanted = text.strip().lower()
    if NUMBER.fullmatch(wanted):
        number = int(wanted)
        return list(words.values())[number] if number < len(words) else None
    return next((kinds for name, kinds in words.items() if name.lower() == wanted), None)


def both(types: tuple[Kind, ...] | None, sources: list[tuple[Kind, ...]]) -> list[Kind]:
    """The kinds that the type and one of the sources let through; None, or no source, lets every kind through."""
    every: tuple[Kind, ...] = tuple(OBJECT_TYPES)
    wanted = {kind for source in sources for kind in source} if sources else set(every)
    return [kind for kind in types or every if kind in wanted]
