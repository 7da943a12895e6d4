"""What a folder may be called, where it may stand, and what a move makes of a path. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound

MAX_DEPTH = 7  # levels, the root is the first
MAX_NAME = 115
MAX_DESCRIPTION = 500
NAME_NOT_ALLOWED = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control, half pairs, separators of lines
HOLDS_PACKAGES = "FolderHierarchy"
CREATABLE_FEEDS = ("Processes", HOLDS_PACKAGES)
MOVABLE_TYPES = ("Standard", "Virtual")
NO_FOLDER = "Folder does not exist."


class Place(NamedTuple):
    """A folder and where it stands. `ancestor_ids` runs from the root to the folder itself."""

    id: int
    key: UUID
    parent_id: int | None
    ancestor_ids: Sequence[int]
    display_name: str
    path: str
    folder_type: str
    feed_type: str
    owner_id: int | None

    @property
    def depth(self) -> int:
        return len(self.ancestor_ids)


class Moved(NamedTuple):
    """What a subtree gets in place of its old beginning."""

    parent_id: int | None
    ancestor_ids: Sequence[int]
    path: str


def clean_name(given: str) -> str:
    """The name as it is stored (NFC). Raises BadRequest #2810 for what cannot be a name.

    `.` and `..` are steps of a relative folder path, `/` parts its segments.
    """
    name = unicodedata.normalize("NFC", given)
    reason = ""
    if not name.strip():
        reason = "must not be empty"
    elif len(name) > MAX_NAME:
        reason = f"has more than {MAX_NAME} characters"
    elif name != name.strip():
        reason = "must not begin or end with a blank"
    elif "/" in name or name in (".", ".."):
        reason = "must not contain / nor be . or .."
    elif any(unicodedata.category(character) in NAME_NOT_ALLOWED for character in name):
        reason = "must not contain control characters"
    if reason:
        raise BadRequest(f"DisplayName {reason}.", Code.INVALID_FOLDER_NAME)
    return name


def clean_description(given: str | None) -> str | None:
    """The description as it is stored. Raises BadRequest for one that is too long."""
    if given is not None and len(given) > MAX_DESCRIPTION:
        raise BadRequest(f"Description has more than {MAX_DESCRIPTION} characters.", Code.PARAMETER_INVALID)
    return given


def path_below(parent_path: str | None, name: str) -> str:
    """The fully qualified name of a folder under a parent; None is the top."""
    return name if parent_path is None else f"{parent_path}/{name}"


def check_model(folder_type: str, permission_model: str) -> None:
    """Refuse what a client cannot make: workspaces and solutions come about otherwise, classic folders not at all."""
    if permission_model != "FineGrained":
        raise BadRequest("PermissionModel: classic folders cannot be created.", Code.CANNOT_CREATE_CLASSIC)
    if folder_type != "Standard":
        raise BadRequest(
            f"FolderType: a {folder_type} folder cannot be created here.", Code.INCOMPATIBLE_FOLDER_PROPERTIES
        )


def feed_of_new(given: str, *, is_root: bool) -> str:
    """The feed type of a new folder; `Undefined` is the tenant's feed. Raises BadRequest #2802."""
    feed = "Processes" if given == "Undefined" else given
    if feed not in CREATABLE_FEEDS:
        raise BadRequest(f"FeedType: {feed} is not a feed of folders.", Code.INCOMPATIBLE_FOLDER_PROPERTIES)
    if feed == HOLDS_PACKAGES and not is_root:
        raise BadRequest(
            "FeedType: only a root folder can have a feed of its own.", Code.INCOMPATIBLE_FOLDER_PROPERTIES
        )
    return feed


def check_new_child(parent: Place | None) -> None:
    """Refuse a parent that is full in depth or takes no folders. Raises Conflict #2804, BadRequest #2802."""
    if parent is None:
        return
    if parent.folder_type == "Personal":
        raise BadRequest("A personal workspace has no subfolders.", Code.INCOMPATIBLE_FOLDER_PROPERTIES)
    _check_depth(parent.depth + 1)


def check_move(moved: Place, target: Place | None, height: int) -> None:
    """Refuse a move that the tree cannot take; `height` counts the levels of the moved subtree, itself included.

    Raises Conflict #2820 (into itself), #2834 (fixed), #2804 (too deep), #2802 (its feed belongs to the top).
    """
    if moved.folder_type not in MOVABLE_TYPES:
        raise Conflict(f"A {moved.folder_type} folder cannot be moved.", Code.CANNOT_MOVE_FOLDER)
    if target is None:
        return
    if moved.id in target.ancestor_ids:
        raise Conflict("A folder cannot be moved into itself or its subfolders.", Code.CANNOT_MOVE_TO_DESCENDANT)
    if target.folder_type == "Personal":
        raise Conflict("A folder cannot be moved into a personal workspace.", Code.CANNOT_MOVE_FOLDER)
    if moved.feed_type == HOLDS_PACKAGES:
        raise Conflict("A folder with a feed of its own stays a root folder.", Code.INCOMPATIBLE_FOLDER_PROPERTIES)
    _check_depth(target.depth + height)


def place_after_move(moved: Place, target: Place | None, name: str) -> Moved:
    """Where the folder stands afterwards, under its (possibly new) name."""
    if target is None:
        return Moved(None, [moved.id], name)
    return Moved(target.id, [*target.ancestor_ids, moved.id], path_below(target.path, name))


def rewritten(old: Place, new: Moved, ancestor_ids: Sequence[int], path: str) -> tuple[list[int], str]:
    """Ancestors and path of a folder of the moved subtree: the old beginning exchanged, the rest kept.

    The statement that moves does the same in SQL.
    """
    return [*new.ancestor_ids, *ancestor_ids[old.depth :]], new.path + path[len(old.path) :]


def feed_root(ancestor_ids: Sequence[int], with_feed: Collection[int]) -> int | None:
    """The ancestor whose packages a folder uses; None for the tenant's feed."""
    return next((id_ for id_ in reversed(ancestor_ids) if id_ in with_feed), None)


def check_permission(
    place: Place | None, held: frozenset[str], here: frozenset[str] | None, tenant_right: str, *folder_rights: str
) -> Place:
    """The folder, if the caller may do this to it.

    `held`: tenant-wide permissions; `here`: those in the folder, None when the caller does not reach it. The tenant
    right acts on any folder but the workspaces of others, a folder right where it is held. Raises NotFound for what
    the caller does not see, Forbidden for what it sees without the right.
    """
    if place is None:
        raise NotFound(NO_FOLDER)
    if here is None and place.folder_type == "Personal":
        raise NotFound(NO_FOLDER)
    if tenant_right in held or any(right in (here or ()) for right in folder_rights):
        return place
    if here is None and "Units.View" not in held:
        raise NotFound(NO_FOLDER)
    raise Forbidden("You are not authorized!")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Conflict(f"Folders nest at most {MAX_DEPTH} levels deep.", Code.MAXIMUM_FOLDER_DEPTH)
