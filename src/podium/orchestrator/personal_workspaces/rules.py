"""The name of a workspace, and who may explore one. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from podium.kernel.errors import Code, Conflict

LONGEST_USER = 80  # characters of the user's name in the workspace's


def workspace_name(user_name: str) -> str:
    """The display name; what a folder's name cannot have is written as an underscore."""
    plain = "".join(
        "_" if character == "/" or unicodedata.category(character).startswith(("C", "Zl", "Zp")) else character
        for character in unicodedata.normalize("NFC", user_name)
    )
    return f"{plain[:LONGEST_USER].strip() or 'User'}'s workspace"


def check_start(user_id: int, owner_id: int, exploring: Sequence[int]) -> None:
    """Refuse (409) to explore one's own workspace, twice, or beside somebody else."""
    if user_id == owner_id:
        raise Conflict("A workspace cannot be explored by its owner.", Code.FORBIDDEN_OPERATION)
    if user_id in exploring:
        raise Conflict("You are already exploring this workspace.", Code.FORBIDDEN_OPERATION)
    if exploring:
        raise Conflict("Another user is exploring this workspace.", Code.FORBIDDEN_OPERATION)


def check_stop(user_id: int, owner_id: int, exploring: Sequence[int]) -> None:
    """Refuse (409) to end what was not begun."""
    if user_id == owner_id or user_id not in exploring:
        raise Conflict("You are not exploring this workspace.", Code.FORBIDDEN_OPERATION)
