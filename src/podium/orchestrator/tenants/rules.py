"""Names of tenants, and the state that a tenant must be in. Pure."""

from __future__ import annotations

import unicodedata

from podium.kernel.errors import BadRequest, Conflict

MAX_NAME_CHARACTERS = 64
NO_SUCH_TENANT = "Tenant does not exist."

RESERVED_NAMES = frozenset(
    [
        "t",
        "odata",
        "api",
        "identity",
        "identity_",
        "portal_",
        "orchestrator",
        "orchestrator_",
        "audit_",
        "orgaudit_",
        "tasks",
        "forms",
        "swagger",
        "blobs",
        "healthz",
        "readyz",
        "livez",
        "metrics",
        "console",
        "host",
    ]
)
"""First words of addresses that mean something else, and the host's own name."""


def checked_name(name: str) -> str:
    """The name as it is kept. Raises BadRequest: it becomes a part of addresses."""
    kept = unicodedata.normalize("NFC", name.strip())
    if not kept:
        raise BadRequest("Name is required.")
    if len(kept) > MAX_NAME_CHARACTERS:
        raise BadRequest(f"Name: at most {MAX_NAME_CHARACTERS} characters.")
    is_formed = len(kept) > 1 and kept[0].isalpha() and all(_may_follow(letter) for letter in kept[1:])
    if not is_formed:
        raise BadRequest("Name: a letter, followed by letters, digits, '-' and '_'.")
    if key(kept) in RESERVED_NAMES:
        raise BadRequest(f"Name: {kept} is reserved.")
    return kept


def key(name: str) -> str:
    """The form in which names are compared."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_may_end(*, is_active: bool) -> None:
    """Refuse to delete a tenant that is in use."""
    if is_active:
        raise Conflict("The tenant is active: deactivate it before it is deleted.", 0)


def check_is_not_home(name: str, home: str, what: str) -> None:
    """Refuse what would take the installation its own tenant, through which the host is reached."""
    if key(name) == key(home):
        raise Conflict(f"{name} is the installation's own tenant: it cannot be {what}.", 0)


def _may_follow(letter: str) -> bool:
    return letter.isalpha() or letter in "0123456789-_"
