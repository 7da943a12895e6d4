"""What a process may be: where it starts, its settings, and which version follows which. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.orchestrator.packages.versions import parse_version

MAX_NAME_LENGTH = 256  # characters
MAX_ARGUMENTS = 10_000  # characters of a process's own default input (decision 18)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.()-]*", re.ASCII)
NO_PROCESS = "Release does not exist."


class EntryPoint(Protocol):
    """What the choice needs to know of an entry point."""

    @property
    def id(self) -> int: ...
    @property
    def unique_id(self) -> UUID: ...
    @property
    def path(self) -> str: ...


E = TypeVar("E", bound=EntryPoint)


class Choice(NamedTuple):
    """The entry point that a process shall start at, by what is known of it; nothing: the main one."""

    id: int | None = None
    unique_id: UUID | None = None
    path: str | None = None

    @property
    def is_main(self) -> bool:
        """Whether nothing was chosen."""
        return self.id is None and self.unique_id is None and self.path is None


MAIN = Choice()


class Version(NamedTuple):
    """One entry of a process's history."""

    id: int
    package_version: str


def clean_name(text: str) -> str:
    """The name in NFC without space around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise BadRequest("Name must not be empty.")
    if len(name) > MAX_NAME_LENGTH:
        raise BadRequest(f"Name is longer than {MAX_NAME_LENGTH} characters.")
    if not name.isprintable():
        raise BadRequest("Name holds a character that is not allowed.")
    return name


def check_length(arguments: str, member: str) -> str:
    """The text of default arguments. Raises BadRequest when it is too long to be kept."""
    if len(arguments) > MAX_ARGUMENTS:
        raise BadRequest(f"{member}: at most {MAX_ARGUMENTS} characters are allowed.")
    return arguments


def environment_variables(text: str | None) -> str | None:
    """Lines KEY=VALUE, as given; None for a blank text. Raises BadRequest that names the line."""
    if text is None or not text.strip():
        return None
    for number, line in enumerate(text.splitlines(), start=1):
        key, equals, _ = line.partition("=")
        if line.strip() and (not equals or VARIABLE.fullmatch(key.strip()) is None):
            raise BadRequest(f"EnvironmentVariables: line {number} is not of the form KEY=VALUE.")
    return text


def chosen_entry_point(points: Sequence[E], main_path: str | None, choice: Choice) -> E | None:
    """The entry point that the choice means in this version, None when it has none such.

    A row id belongs to one version; the unique id and the path carry over to others, in this order.
    """
    if choice.is_main:
        return next((point for point in points if point.path == main_path), points[0] if points else None)
    path = None if choice.path is None else choice.path.lower()
    found = next((point for point in points if point.id == choice.id), None)
    found = found or next((point for point in points if point.unique_id == choice.unique_id), None)
    return found or next((point for point in points if point.path.lower() == path), None)


def wanted_entry_point(
    given_id: int | None, given_path: str | None, current_id: int | None, current_path: str | None
) -> Choice | None:
    """What a body's EntryPointId and EntryPointPath ask for; None when both only repeat what holds already.

    Clients read a process, change one of the two and send both back: the one that differs is meant, the path first.
    """
    path = given_path or None
    if path is not None and (current_path is None or path.lower() != current_path.lower()):
        return Choice(path=path)
    if given_id is not None and given_id != current_id:
        return Choice(id=given_id)
    return None


def previous_version(history: Sequence[Version], current_id: int | None, current: str) -> str:
    """The version to roll back to: the one that the current one replaced. Raises Conflict (#1667) when there is none.

    A rollback is itself an entry of the history, so that the next one returns to where the first began.
    """
    here = parse_version(current)
    earlier = [entry for entry in history if current_id is None or entry.id < current_id]
    for entry in sorted(earlier, reverse=True):
        if parse_version(entry.package_version) != here:
            return entry.package_version
    raise Conflict("The process has no previous version.", Code.PREVIOUS_VERSION_NOT_FOUND)


def is_newer(candidate: str, current: str) -> bool:
    """Whether a version is above the other in NuGet's order."""
    return parse_version(candidate) > parse_version(current)


def check_may_choose_version(name: str, *, is_auto_update: bool) -> None:
    """Refuse (409 #1689) to set the version of a process that follows its package by itself."""
    if is_auto_update:
        raise Conflict(
            f"The version of the process {name} is managed automatically; turn AutoUpdate off to choose one.",
            Code.VERSIONS_MANAGED_AUTOMATICALLY,
        )


def is_same(version: str, current: str) -> bool:
    """Whether two texts write the same version. Raises BadRequest (#1675) for a text that writes none."""
    return parse_version(version) == parse_version(current)
