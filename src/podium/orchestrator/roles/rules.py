"""What a role may be called and may grant. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.orchestrator.access.rules import ALL_PERMISSIONS, FOLDER_PERMISSIONS, TENANT_PERMISSIONS

NO_ROLE = "Role does not exist."
MAX_NAME = 64
TYPES = ("Mixed", "Tenant", "Folder")
NOT_IN_TEXT = frozenset({"Cc", "Cs", "Zl", "Zp"})

_BY_KEY = {permission.casefold(): permission for permission in ALL_PERMISSIONS}


def clean_name(given: str, member: str = "Name") -> str:
    """The name as it is stored: NFC, without blanks around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise BadRequest(f"{member} must not be empty.", Code.PARAMETER_MISSING)
    if len(name) > MAX_NAME:
        raise BadRequest(f"{member} has more than {MAX_NAME} characters.", Code.PARAMETER_INVALID)
    if any(unicodedata.category(character) in NOT_IN_TEXT for character in name):
        raise BadRequest(f"{member} must not have control characters.", Code.PARAMETER_INVALID)
    return name


def granted(permissions: Iterable[tuple[str, bool]]) -> frozenset[str]:
    """The permissions that are granted, of names with whether they are; a name that is not granted is as if absent.

    Names bind without regard to case. Raises BadRequest for one that is no permission.
    """
    found = set()
    for position, (name, is_granted) in enumerate(permissions):
        known = _BY_KEY.get(name.strip().casefold())
        if known is None:
            raise BadRequest(f"Permissions[{position}].Name: {name[:60]!r} is no permission.", Code.PARAMETER_INVALID)
        if is_granted:
            found.add(known)
    return frozenset(found)


def type_of_new(permissions: frozenset[str], declared: str | None) -> str:
    """The type of a new role: what its permissions make it, or what is declared of one without any.

    Raises BadRequest for permissions of both kinds, and for a type that they contradict.
    """
    found = _type_of(permissions)
    if found == "Mixed" or declared == "Mixed":
        raise BadRequest(
            "Permissions: a new role is either for the tenant or for folders; mixed roles cannot be created.",
            Code.PARAMETER_INVALID,
        )
    if found is not None and declared not in (None, found):
        raise BadRequest(f"Type: the permissions are those of a {found} role.", Code.PARAMETER_INVALID)
    return found or declared or "Tenant"


def check_change(type_: str, permissions: frozenset[str], declared: str | None) -> None:
    """Refuse permissions that a role of this type cannot have, and another type. Mixed roles may have any."""
    if declared not in (None, type_):
        raise BadRequest("Type: the type of a role cannot change.", Code.PARAMETER_INVALID)
    allowed = {"Tenant": TENANT_PERMISSIONS, "Folder": FOLDER_PERMISSIONS}.get(type_, ALL_PERMISSIONS)
    if strange := permissions - allowed:
        raise BadRequest(f"Permissions: {min(strange)} cannot be granted by a {type_} role.", Code.PARAMETER_INVALID)


def check_deletable(name: str, *, is_static: bool) -> None:
    """Raises Conflict for a role that every tenant has."""
    if is_static:
        raise Conflict(f"The role {name} is built in and cannot be deleted.", Code.FORBIDDEN_OPERATION)


def check_editable(name: str, *, is_editable: bool) -> None:
    """Raises Conflict for a role whose permissions are fixed."""
    if not is_editable:
        raise Conflict(f"The role {name} cannot be changed.", Code.FORBIDDEN_OPERATION)


def check_new_name(old: str, new: str, *, is_static: bool) -> None:
    """Raises Conflict for another name of a role that is known by it."""
    if is_static and old != new:
        raise Conflict(f"The role {old} is built in and keeps its name.", Code.FORBIDDEN_OPERATION)


def scope_of(permission: str) -> str:
    """Where a permission counts, as the wire names it."""
    return "Global" if permission in TENANT_PERMISSIONS else "Folder"


def _type_of(permissions: frozenset[str]) -> str | None:
    """None for a role without permissions, which may become either."""
    if not permissions:
        return None
    if permissions <= TENANT_PERMISSIONS:
        return "Tenant"
    return "Folder" if permissions <= FOLDER_PERMISSIONS else "Mixed"
