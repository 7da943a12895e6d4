"""What may be said of a user, and what may happen to one. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden

NO_USER = "User does not exist."
NOT_AUTHORIZED = "You are not authorized!"
MASK = "*****"
SEEDED = "admin"
MAX_USER_NAME = 256
MAX_VERSION = 128
CULTURE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")

# The type of a user by the kind of its principal, and back.
TYPE_OF_KIND: Mapping[str, str] = {
    "user": "DirectoryUser",
    "group": "DirectoryGroup",
    "robot": "DirectoryRobot",
    "application": "DirectoryExternalApplication",
}
KIND_OF_TYPE: Mapping[str, str] = {type_: kind for kind, type_ in TYPE_OF_KIND.items()}
PEOPLE = ("User", "DirectoryUser")
WITH_IDENTIFIER = ("DirectoryRobot", "DirectoryExternalApplication")
WITHOUT_ROBOT = ("DirectoryGroup", "DirectoryExternalApplication")
OWN = frozenset({"name", "surname"})
"""What everybody may change of himself, beside the credentials of his robots."""
OF_ROBOTS = frozenset({"may_have_robot_session", "may_have_unattended_session"})
"""What goes with a user's robots."""


class Profile(NamedTuple):
    """What of a user changes by PUT and PATCH."""

    name: str | None = None
    surname: str | None = None
    email: str | None = None
    is_active: bool = True
    may_have_user_session: bool = True
    may_have_robot_session: bool = True
    may_have_unattended_session: bool = False
    may_have_personal_workspace: bool = True
    restrict_to_workspace: bool = False
    update_policy: str = "None"
    update_version: str | None = None

    def changed(self, other: Profile) -> frozenset[str]:
        """The names of what differs."""
        return frozenset(name for name in self._fields if getattr(self, name) != getattr(other, name))


def clean_user_name(given: str) -> str:
    """The name as it is stored: NFC, without blanks around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise BadRequest("UserName is required.", Code.PARAMETER_MISSING)
    if len(name) > MAX_USER_NAME:
        raise BadRequest(f"UserName has more than {MAX_USER_NAME} characters.", Code.PARAMETER_INVALID)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise BadRequest("UserName must not have control characters.", Code.PARAMETER_INVALID)
    return name


def clean_culture(given: str) -> str:
    """The tag of a language, such as `en` or `pt-BR`. Raises BadRequest."""
    culture = given.strip()
    if not CULTURE.fullmatch(culture):
        raise BadRequest("culture: expected the tag of a language, such as en or pt-BR.", Code.PARAMETER_INVALID)
    return culture


def check_update_policy(policy: str, version: str | None) -> None:
    """Raises BadRequest for a policy that lacks its version, or a version too long."""
    if policy == "SpecificVersion" and not version:
        raise BadRequest(f"UpdatePolicy.SpecificVersion is required by the type {policy}.", Code.PARAMETER_MISSING)
    if version is not None and len(version) > MAX_VERSION:
        raise BadRequest(
            f"UpdatePolicy.SpecificVersion has more than {MAX_VERSION} characters.", Code.PARAMETER_INVALID
        )


def check_may_change(changed: frozenset[str], *, edits_users: bool, edits_robots: bool, is_own: bool) -> None:
    """Raises Forbidden for a change of the profile that takes more than the caller has.

    `edits_users`: Users.Edit; `edits_robots`: one of the rights on robots.
    """
    free = (OWN if is_own else frozenset()) | (OF_ROBOTS if edits_robots else frozenset())
    if not edits_users and changed - free:
        raise Forbidden(NOT_AUTHORIZED)


def check_may_end(user_id: int, name: str, caller_id: int | None, what: str) -> None:
    """Refuse to end one's own access, and that of the administrator whom the installation began with."""
    if user_id == caller_id:
        raise Conflict(f"You cannot {what} your own user.", Code.FORBIDDEN_OPERATION)
    if name.casefold() == SEEDED:
        raise Conflict(f"The user {name} cannot be {what}d.", Code.FORBIDDEN_OPERATION)


def check_same(member: str, given: str | None, stored: str | None) -> None:
    """Raises BadRequest when a member that cannot change is given with another value."""
    if given and (stored or "").casefold() != given.strip().casefold():
        raise BadRequest(f"{member}: cannot change.", Code.PARAMETER_INVALID)


def check_first_account(
    type_: str, *, user_name: str | None, password: str | None, credential_type: str | None, external_name: str | None
) -> None:
    """Refuse a person's first unattended robot without what a host signs in with.

    Robot accounts may go without: jobs then run under the host's own account.
    """
    if type_ not in PEOPLE or credential_type == "NoCredential" or (external_name and user_name):
        return
    if not user_name or not password:
        raise BadRequest(
            "UnattendedRobot.UserName and UnattendedRobot.Password are required for the first unattended robot.",
            Code.PARAMETER_MISSING,
        )
