"""SCIM 2.0 as far as it is kept here: filters, and what the operations of a PATCH make of a user or a group. Pure.

Attribute names compare without regard to case and may carry the URN of their schema. Attributes of the standard's user
that are not kept here are taken and dropped, because directories send all they have; any other name is refused.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from podium.identity.names import fold
from podium.identity.users.provisioning.rules import Person

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"

DEFAULT_COUNT = 100
MAX_COUNT = 1000
MAX_TEXT = 256
MAX_TERMS = 8

USER_FILTERS = ("id", "userName", "externalId", "displayName", "emails", "active")
GROUP_FILTERS = ("id", "displayName", "externalId", "members")

# What the standard's user has besides, its enterprise extension included; `name.formatted` is made of the other parts.
DROPPED = frozenset({
    "addresses", "costcenter", "department", "division", "employeenumber", "entitlements", "groups", "id", "ims",
    "locale", "manager", "meta", "name.formatted", "name.honorificprefix", "name.honorificsuffix", "name.middlename",
    "nickname", "organization", "password", "phonenumbers", "photos", "preferredlanguage", "profileurl", "roles",
    "schemas", "timezone", "title", "usertype", "x509certificates",
})  # fmt: skip
DROPPED_OF_GROUP = frozenset(("id", "meta", "schemas"))

TERM = re.compile(
    r"\s*(?P<path>[A-Za-z][\w.:$-]*(?:\[[^\]]*\](?:\.\w+)?)?)\s+(?P<operator>[A-Za-z]{2})"
    r'(?:\s+(?P<value>"(?:[^"\\]|\\.)*"|true|false))?\s*(?P<end>and\b|$)',
    re.IGNORECASE | re.ASCII,
)
EMAIL_PATH = re.compile(r"emails(\[[^\]]*\])?(\.value)?")
EMAIL_DETAIL = re.compile(r"emails(\[[^\]]*\])?\.(type|primary|display)")
OF_WORK = re.compile(r'\[\s*(?:type\s+eq\s+"work"|primary\s+eq\s+"?true"?)\s*\]', re.IGNORECASE)
OF_VALUE = re.compile(r'\[\s*value\s+eq\s+"([^"]*)"\s*\]', re.IGNORECASE)
MEMBER_PATH = re.compile(r'members\[\s*value\s+eq\s+"([^"]*)"\s*\]', re.IGNORECASE)


class ScimFault(Exception):
    """A refusal in SCIM's words. `scim_type`: a keyword of RFC 7644, table 9, or blank."""

    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type


class Operation(NamedTuple):
    """One operation of a PATCH; `value` is whatever JSON has."""

    op: str
    path: str
    value: Any


class Team(NamedTuple):
    """What a provisioning client sees of a group."""

    name: str
    external_id: str | None
    members: frozenset[UUID]


def attribute(path: str) -> str:
    """A path in lower case and without the URN of its schema."""
    plain = path.strip()
    if plain.lower().startswith("urn:"):
        head, bracket, rest = plain.partition("[")
        plain = head.rpartition(":")[2] + bracket + rest
    return plain.lower() if "[" not in plain else _with_lower_names(plain)


def _with_lower_names(path: str) -> str:
    head, _, rest = path.partition("[")
    condition, _, tail = rest.rpartition("]")
    return f"{head.lower()}[{condition}]{tail.lower()}"


def parse_filter(text: str, allowed: Sequence[str]) -> dict[str, str | bool]:
    """The attributes that must be equal, by the spelling of `allowed`. Raises ScimFault (invalidFilter)."""
    found: dict[str, str | bool] = {}
    at = 0
    while at < len(text) or not found:
        match = TERM.match(text, at)
        if match is None or len(found) == MAX_TERMS or (match["end"] and match.end() == len(text)):
            raise ScimFault(400, 'The filter must be of the form: attribute eq "value" and ...', "invalidFilter")
        if match["operator"].lower() != "eq" or match["value"] is None:
            raise ScimFault(400, f"The operator {match['operator']} is not supported; eq is.", "invalidFilter")
        name = _filtered(attribute(match["path"]), allowed)
        if name in found:
            raise ScimFault(400, f"The filter names {name} twice.", "invalidFilter")
        found[name] = _filter_value(name, match["value"])
        at = match.end()
    return found


def _filtered(path: str, allowed: Sequence[str]) -> str:
    plain = "emails" if EMAIL_PATH.fullmatch(path) else path.removesuffix(".value")
    for name in allowed:
        if name.lower() == plain:
            return name
    raise ScimFault(400, f"The attribute {path[:64]} cannot be filtered by.", "invalidFilter")


def _filter_value(name: str, literal: str) -> str | bool:
    try:
        value = json.loads(literal if literal.startswith('"') else literal.lower())
    except ValueError:
        raise ScimFault(400, f"The value of {name} is not a JSON string.", "invalidFilter") from None
    if name == "active":
        value = {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
    if isinstance(value, bool) is not (name == "active") or (isinstance(value, str) and not _is_text(value)):
        raise ScimFault(400, f"The value cannot be one of {name}.", "invalidFilter")
    return bool(value) if name == "active" else str(value)


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def patched_person(person: Person, operations: Sequence[Operation]) -> Person:
    """The user after all operations. Raises ScimFault."""
    for operation in operations:
        for name, value in _targets(operation):
            person = _set(person, name, None if operation.op == "remove" else value)
    return person


def patched_team(team: Team, operations: Sequence[Operation]) -> Team:
    """The group after all operations. Raises ScimFault."""
    for operation in operations:
        for name, value in _targets(operation):
            team = _set_of_team(team, name, value, operation.op)
    return team


def _targets(operation: Operation) -> list[tuple[str, Any]]:
    """Attribute and value of each part of an operation; without a path its value is an object of them."""
    if operation.op not in ("add", "replace", "remove"):
        raise ScimFault(
            400, f"The operation {operation.op[:32]!r} is not one of add, replace, remove.", "invalidSyntax"
        )
    if operation.path:
        return [(attribute(operation.path), operation.value)]
    if operation.op == "remove":
        raise ScimFault(400, "An operation remove needs a path.", "noTarget")
    if not isinstance(operation.value, Mapping):
        raise ScimFault(400, "An operation without a path needs an object as its value.", "invalidValue")
    return [(attribute(name), value) for name, value in operation.value.items()]


def _set(person: Person, name: str, value: Any) -> Person:
    match name:
        case "username":
            if not isinstance(value, str) or fold(value) != fold(person.user_name):
                raise ScimFault(400, "userName cannot be changed.", "mutability")
            return person
        case "active":
            return person._replace(is_active=truth(value))
        case "displayname":
            return person._replace(display_name=text(name, value))
        case "externalid":
            return person._replace(external_id=text(name, value))
        case "name.givenname":
            return person._replace(first_name=text(name, value))
        case "name.familyname":
            return person._replace(last_name=text(name, value))
        case "name":
            if value is None:
                return person._replace(first_name=None, last_name=None)
            if not isinstance(value, Mapping):
                raise ScimFault(400, "name must be an object.", "invalidValue")
            for part, each in value.items():
                person = _set(person, f"name.{part.lower()}", each)
            return person
    address = EMAIL_PATH.fullmatch(name)
    if address is not None:
        return person._replace(email=email(value)) if _is_kept(person, address[1]) else person
    if EMAIL_DETAIL.fullmatch(name) or re.split(r"[.\[]", name)[0] in DROPPED or name in DROPPED:
        return person
    raise ScimFault(400, f"There is no attribute {name[:64]}.", "invalidPath")


def _is_kept(person: Person, condition: str | None) -> bool:
    """Whether an e-mail with this condition in its path is the one that is kept."""
    if condition is None or OF_WORK.fullmatch(condition):
        return True
    named = OF_VALUE.fullmatch(condition)
    return named is not None and person.email is not None and fold(named[1]) == fold(person.email)


def _set_of_team(team: Team, name: str, value: Any, op: str) -> Team:
    one = MEMBER_PATH.fullmatch(name)
    if one is not None:
        named = frozenset({member_id(one[1])})
        return team._replace(members=team.members - named if op == "remove" else team.members | named)
    if name == "members":
        named = member_ids(value)
        if op == "remove":
            return team._replace(members=team.members - named if value is not None else frozenset())
        return team._replace(members=named if op == "replace" else team.members | named)
    if name == "externalid":
        return team._replace(external_id=None if op == "remove" else text(name, value))
    if name == "displayname":
        shown = None if op == "remove" else text(name, value)
        if shown is None:
            raise ScimFault(400, "displayName is required.", "invalidValue")
        return team._replace(name=shown)
    if name in DROPPED_OF_GROUP:
        return team
    raise ScimFault(400, f"There is no attribute {name[:64]}.", "invalidPath")


def text(name: str, value: Any) -> str | None:
    """A text to store, NFC; None for null and blank. Raises ScimFault."""
    if value is None:
        return None
    if not isinstance(value, str) or not _is_text(value) or len(value) > MAX_TEXT:
        raise ScimFault(400, f"{name} must be a string of at most {MAX_TEXT} characters.", "invalidValue")
    return unicodedata.normalize("NFC", value).strip() or None


def truth(value: Any) -> bool:
    """A boolean, or the words that some clients send for one. Raises ScimFault."""
    known = {"true": True, "false": False}
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    if not isinstance(value, bool):
        raise ScimFault(400, "active must be true or false.", "invalidValue")
    return value


def email(value: Any) -> str | None:
    """The one address that is kept of a list, an object or a text: the primary one, else the first. Raises ScimFault."""
    if isinstance(value, Mapping):
        return text("emails.value", next((each for name, each in value.items() if name.lower() == "value"), None))
    if not isinstance(value, list):
        return text("emails.value", value)
    if not all(isinstance(each, Mapping) for each in value):
        raise ScimFault(400, "emails must be a list of objects with a value.", "invalidValue")
    primary = next((each for each in value if each.get("primary") is True), value[0] if value else None)
    return None if primary is None else email(primary)


def member_ids(value: Any) -> frozenset[UUID]:
    """The ids of a list of members, or of one; none of null. Raises ScimFault."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    return frozenset(member_id(each.get("value") if isinstance(each, Mapping) else each) for each in listed)


def member_id(value: Any) -> UUID:
    """The id of a member. Raises ScimFault."""
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise ScimFault(400, f"There is no possible member with the id {str(value)[:64]!r}.", "invalidValue") from None
