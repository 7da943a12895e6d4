"""What the bodies of creation and change say, checked as far as that needs no database."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple
from uuid import UUID

import msgspec

from podium.identity.results import Fault
from podium.identity.users.rules import MAX_TEXT_CHARACTERS, broken_email_rules, broken_name_rules, has_form_of_email
from podium.identity.users.store import Changes
from podium.kernel.call import given
from podium.kernel.errors import ValidationProblem
from podium.wire import identity as wire

MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_CHARACTERS = 4000

STORED_TYPES = ("user", "robot", "directoryUser")
"""Other types of principals have tables and operations of their own."""

Text = str | msgspec.UnsetType | None


class Wanted(NamedTuple):
    """A user to create, as asked. `id` None: one of the server's choice."""

    id: UUID | None
    user_name: str
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    type: str
    legacy_id: int | None
    is_invitation_accepted: bool
    bypasses_basic_restriction: bool

    @property
    def faults(self) -> list[Fault]:
        """What is wrong with the names."""
        broken = broken_name_rules(self.user_name) + (broken_email_rules(self.email) if self.email else [])
        return [Fault(*one) for one in broken]


def wanted(body: wire.CreateUserCommand | wire.CreateUserCommandBase, place: str = "") -> Wanted:
    """The user that a body asks for. `place`: its path with a dot. Raises ValidationProblem."""
    email = _email(body.email, place)
    type_ = given(body.type, "user")
    if type_ not in STORED_TYPES:
        raise ValidationProblem({f"{place}Type": [f"Users of the type {type_} cannot be created here."]})
    id_ = given(body.id, UUID(int=0))
    return Wanted(
        id=id_ if id_.int else None,
        user_name=_text(body.user_name, f"{place}UserName", long=True) or email or "",
        email=email or None,
        first_name=_text(body.name, f"{place}Name") or None,
        last_name=_text(body.surname, f"{place}Surname") or None,
        display_name=_text(body.display_name, f"{place}DisplayName") or None,
        type=type_,
        legacy_id=given(body.legacy_id, None),
        is_invitation_accepted=given(body.invitation_accepted, False),
        bypasses_basic_restriction=given(body.bypass_basic_auth_restriction, False),
    )


def changes(body: wire.UpdateUserCommand) -> Changes:
    """What a body changes; an empty e-mail removes the address. Raises ValidationProblem."""
    attributes = given(body.extension_user_attributes_to_add_or_update, {})
    for name, value in attributes.items():
        if not name.strip() or len(name) > MAX_TEXT_CHARACTERS or len(value) > MAX_ATTRIBUTE_CHARACTERS:
            raise ValidationProblem(
                {
                    "ExtensionUserAttributesToAddOrUpdate": [
                        f"Names of attributes have 1 to {MAX_TEXT_CHARACTERS} characters, values up to {MAX_ATTRIBUTE_CHARACTERS}."
                    ]
                }
            )
    return Changes(
        first_name=_text(body.name, "Name"),
        last_name=_text(body.surname, "Surname"),
        display_name=_text(body.display_name, "DisplayName"),
        email=_email(body.email, ""),
        is_active=given(body.is_active, None),
        bypasses_basic_restriction=given(body.bypass_basic_auth_restriction, None),
        is_invitation_accepted=given(body.invitation_accepted, None),
        attributes=attributes,
        removed_attributes=given(body.extension_user_attributes_to_remove, []),
    )


def is_of_names_only(body: wire.UpdateUserCommand) -> bool:
    """Whether a body changes nothing but what users may change of themselves."""
    free = ("name", "surname", "display_name")
    others = (getattr(body, member) for member in body.__struct_fields__ if member not in free)
    return all(value in (None, msgspec.UNSET) or value in ([], {}) for value in others)


def changed_members(body: wire.UpdateUserCommand) -> list[str]:
    """Names of the members that a body has, without their values: for the audit trail."""
    names = zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True)
    return [name for member, name in names if getattr(body, member) not in (None, msgspec.UNSET)]


def _text(text: Text, member: str, *, long: bool = False) -> str | None:
    """The text as it is kept, NFC and without white space around it. `long`: the length is checked elsewhere."""
    if text is None or text is msgspec.UNSET:
        return None
    kept = unicodedata.normalize("NFC", str(text)).strip()
    if len(kept) > MAX_TEXT_CHARACTERS and not long:
        message = (
            f"The field {member.rpartition('.')[2]} must be a string with a maximum length of {MAX_TEXT_CHARACTERS}."
        )
        raise ValidationProblem({member: [message]})
    return kept


def _email(text: Text, place: str) -> str | None:
    kept = _text(text, f"{place}Email", long=True)
    if kept and not has_form_of_email(kept):
        raise ValidationProblem({f"{place}Email": ["The Email field is not a valid e-mail address."]})
    return kept
