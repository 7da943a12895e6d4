"""Groups: which every organization has, what a name is, who may change members. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.names import fold

ADMINISTRATORS = "Administrators"
EVERYONE = "Everyone"

BUILT_IN = (
    EVERYONE,
    ADMINISTRATORS,
    "Automation Users",
    "Automation Developers",
    "Citizen Developers",
    "Automation Express",
)

MAX_NAME = 256
EVERY_SCOPE = "IdentityServerApi"
MEMBERSHIP_SCOPES = frozenset({"PM.Group", "PM.Group.Write"})
USER_SCOPES = frozenset({"PM.User", "PM.User.Write"})


class Group(NamedTuple):
    """A group as stored. `external_id`: what a provisioning client calls it."""

    id: UUID
    name: str
    is_built_in: bool
    external_id: str | None
    created_at: datetime
    updated_at: datetime | None

    @property
    def is_everyone(self) -> bool:
        """Whether every active user is in it, without a row."""
        return self.is_built_in and fold(self.name) == fold(EVERYONE)

    @property
    def is_administrators(self) -> bool:
        """Whether its members administer the organization."""
        return self.is_built_in and fold(self.name) == fold(ADMINISTRATORS)


def stored_name(given: str) -> str:
    """A name as it is kept: NFC, without white space around it; blank when there is nothing left."""
    return unicodedata.normalize("NFC", given).strip()


def name_fault(name: str) -> str | None:
    """What is wrong with a name in the words of a validation problem; None: nothing."""
    if not name:
        return "The Name field is required."
    if len(name) > MAX_NAME:
        return f"The field Name must be a string with a maximum length of {MAX_NAME}."
    return None


def may_change_members(scopes: Collection[str] | None, *, is_application: bool, of_administrators: bool) -> bool:
    """Whether scopes suffice for a change of members (decision 35); the role of a user is asked for elsewhere.

    A user's token was let in by its scope and his role. An application needs a scope of groups, and for the group
    Administrators one of users as well.
    """
    if not is_application or scopes is None or EVERY_SCOPE in scopes:
        return True
    given = set(scopes)
    return bool(given & MEMBERSHIP_SCOPES) and (not of_administrators or bool(given & USER_SCOPES))
