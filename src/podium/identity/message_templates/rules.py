"""The form of a text, its placeholders, and the texts that every organization has from the start. Pure.

A text begins with a line `Subject: ...`, then comes a blank line, then the body, all of it plain. `{{word}}` stands for
what a mail is about; a text without the first line has the subject of the built-in one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

MAX_NAME_CHARACTERS = 256
MAX_VALUE_CHARACTERS = 100_000

ANYBODY = frozenset({"name", "organization", "recipient"})
"""Placeholders of every text: whom it greets, the organization's name, the address it goes to."""

_PLACEHOLDER = re.compile(r"\{\{[ \t]*([A-Za-z_]{1,40})[ \t]*\}\}")
_SUBJECT = re.compile(r"\s*subject[ \t]*:[ \t]*([^\r\n]*)(?:\r?\n|\Z)", re.IGNORECASE)


class Text(NamedTuple):
    """A subject of one line, and a body."""

    subject: str
    body: str


class BuiltIn(NamedTuple):
    """A text that the server itself sends. `needs`: placeholders without which it would be of no use."""

    name: str
    value: str
    needs: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()


_LINK = frozenset({"link"})

BUILT_IN: Mapping[str, BuiltIn] = {
    one.name.lower(): one
    for one in (
        BuiltIn(
            "EmailConfirmation",
            """Subject: Confirm your e-mail address

Hello {{name}},

please confirm that this address is yours:

{{link}}

The link works once. If you did not expect this mail, nothing needs to be done.
""",
            needs=_LINK,
            may=frozenset({"until"}),
        ),
        BuiltIn(
            "PasswordReset",
            """Subject: Choose a new password

Hello {{name}},

somebody, hopefully you, asked for a new password for your account at {{organization}}. Choose it here:

{{link}}

The link works once and only for a short time. If it was not you who asked, leave it alone: your password stays as it is.
""",
            needs=_LINK,
            may=frozenset({"until"}),
        ),
        BuiltIn(
            "UserInvite",
            """Subject: Your account at {{organization}}

Hello {{name}},

an account was made for you at {{organization}}. Open this link to choose a password and sign in:

{{link}}

The link works once. An administrator can send you another one.
""",
            needs=_LINK,
            may=frozenset({"inviter", "until"}),
        ),
        BuiltIn(
            "OrganizationInvite",
            """Subject: Invitation to {{organization}}

Hello {{name}},

you are invited to join {{organization}}. Accept the invitation here:

{{link}}

The link works once. If you do not want to join, nothing needs to be done.
""",
            needs=_LINK,
            may=frozenset({"inviter", "until"}),
        ),
        BuiltIn(
            "AccountLocked",
            """Subject: Your account was locked

Hello {{name}},

after too many wrong passwords your account at {{organization}} was locked for a while. You can sign in again later.
If it was not you who tried, tell an administrator.
""",
            may=frozenset({"until", "address"}),
        ),
    )
}
"""By name in lower case."""


def why_not(name: str, value: str) -> str | None:
    """What is wrong with a text of that name; None when nothing is. Only of built-in texts is known what they need."""
    if len(value) > MAX_VALUE_CHARACTERS:
        return f"The value must have at most {MAX_VALUE_CHARACTERS} characters."
    built_in = BUILT_IN.get(name.lower())
    if built_in is None:
        return None
    text = parsed(value)
    used = placeholders(text.subject) | placeholders(text.body)
    unknown = sorted(used - built_in.needs - built_in.may - ANYBODY)
    if unknown:
        known = sorted(built_in.needs | built_in.may | ANYBODY)
        return f"The placeholder {{{{{unknown[0]}}}}} is not one of {', '.join(known)}."
    missing = sorted(built_in.needs - placeholders(text.body))
    return f"The text must contain {{{{{missing[0]}}}}}." if missing else None


def why_not_a_name(name: str) -> str | None:
    """What is wrong with the name of a text; None when nothing is."""
    if not name.strip():
        return "The name must not be blank."
    return None if len(name) <= MAX_NAME_CHARACTERS else f"The name must have at most {MAX_NAME_CHARACTERS} characters."


def placeholders(text: str) -> frozenset[str]:
    """The words in double braces, in lower case."""
    return frozenset(found.lower() for found in _PLACEHOLDER.findall(text))


def parsed(value: str) -> Text:
    """Subject and body; the subject is blank where the text names none."""
    head = _SUBJECT.match(value)
    if head is None:
        return Text("", value.strip() + "\n")
    return Text(head[1].strip(), value[head.end() :].strip() + "\n")


def filled(name: str, value: str, values: Mapping[str, str]) -> Text:
    """The mail: placeholders replaced once, those without a value by nothing; the subject is one line whatever they hold."""
    text = parsed(value)
    built_in = BUILT_IN.get(name.lower())
    if not text.subject and built_in is not None:
        text = text._replace(subject=parsed(built_in.value).subject)
    by_word = {word.lower(): each for word, each in values.items()}

    def one(match: re.Match[str]) -> str:
        return by_word.get(match[1].lower(), "")

    subject = _PLACEHOLDER.sub(one, text.subject or name)
    return Text(" ".join(subject.split()), _PLACEHOLDER.sub(one, text.body))
