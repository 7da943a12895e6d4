"""What an event is called and the sentence that tells it. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

SOURCE = "Identity"
DETAILS_VERSION = "1.0"

KINDS: Mapping[str, str] = {
    "User": "user",
    "Group": "group",
    "RobotAccount": "robot account",
    "ExternalClient": "external application",
    "Setting": "setting",
    "PersonalAccessToken": "personal access token",
    "MessageTemplate": "message template",
}
"""The categories of things that are made and changed, with the word for one."""

VERBS: Mapping[str, str] = {
    "Create": "created",
    "Update": "changed",
    "Delete": "deleted",
    "Invite": "invited",
    "Read": "read",
}

SENTENCES: Mapping[tuple[str, str], str] = {
    ("User", "PasswordChange"): "{who} changed the password of the user {what}.",
    ("User", "PasswordReset"): "{who} set a new password for the user {what} by a link.",
    ("User", "EmailConfirmation"): "{who} confirmed the e-mail address of the user {what}.",
    ("Group", "MembershipChange"): "{who} changed the members of the group {what}.",
    ("ExternalClient", "SecretGenerate"): "{who} made a secret for the external application {what}.",
    ("ExternalClient", "SecretDelete"): "{who} deleted a secret of the external application {what}.",
    ("Setting", "Execute"): "{who} tried the mail server: {what}.",
    ("PersonalAccessToken", "Exchange"): "{who} exchanged a personal access token for an access token.",
    ("Authentication", "UserLogin"): "{who} signed in.",
    ("Authentication", "UserLoginFailed"): "{who} tried to sign in without success.",
    ("Authentication", "UserLogout"): "{who} signed out.",
    ("Authentication", "RobotLogin"): "The robot {what} signed in.",
    ("Authentication", "ExternalAppLogin"): "The external application {what} signed in.",
    ("Authentication", "Grant"): "{who} let {what} act for him.",
    ("Authentication", "Revoke"): "{what} was revoked: {who} presented it a second time.",
}

TREE: Mapping[str, tuple[str, ...]] = {
    "Authentication": ("UserLogin", "UserLoginFailed", "UserLogout", "Grant", "Revoke"),
    "ExternalClient": ("Create", "Update", "Delete", "SecretGenerate", "SecretDelete"),
    "Group": ("Create", "Update", "Delete", "MembershipChange"),
    "MessageTemplate": ("Create", "Update", "Delete"),
    "PersonalAccessToken": ("Create", "Update", "Delete", "Exchange"),
    "RobotAccount": ("Create", "Update", "Delete"),
    "Setting": ("Read", "Update", "Delete", "Execute"),
    "User": ("Create", "Update", "Delete", "Invite", "PasswordChange", "PasswordReset", "EmailConfirmation"),
}
"""Targets and types of events that filters may name; others occur as well and are found without a filter."""


def message(category: str, action: str, who: str, what: str | None) -> str:
    """One sentence in English. `what` is the thing's name, or its id."""
    names = {"who": who or "Somebody", "what": what or "without a name"}
    sentence = SENTENCES.get((category, action))
    if sentence is None:
        kind, verb = KINDS.get(category), VERBS.get(action)
        if kind is None or verb is None:
            return f"{names['who']}: {action} of {category}{f' {what}' if what else ''}."
        sentence = f"{{who}} {verb} the {kind} {{what}}." if what else f"{{who}} {verb} {_many(kind)}."
    return sentence.format(**names)


def _many(kind: str) -> str:
    return f"{kind}s"


class Cursor(NamedTuple):
    """The place between two events of a list: after the one that is named."""

    created_at: datetime
    id: int


def cursor_text(cursor: Cursor) -> str:
    """As it stands in a link."""
    microseconds = (cursor.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{microseconds}.{cursor.id}".encode()).decode().rstrip("=")


def cursor_of(text: str) -> Cursor | None:
    """The place that a link names; None for a text that none of ours has."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
        microseconds, _, number = raw.partition(".")
        created_at, id_ = _EPOCH + timedelta(microseconds=int(microseconds)), int(number)
    except (binascii.Error, ValueError, OverflowError):
        return None
    return Cursor(created_at, id_) if 0 <= id_ < 2**63 else None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
