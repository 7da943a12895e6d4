"""What an asset may hold, what of it stays when it changes, and which of its values a robot gets. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.orchestrator.credential_stores.rules import MAX_EXTERNAL_NAME, fresh_name

TYPES = (
    "DBConnectionString",
    "HttpConnectionString",
    "Text",
    "Bool",
    "Integer",
    "Credential",
    "WindowsCredential",
    "KeyValueList",
    "Secret",
)
SCOPES = ("Global", "PerRobot")
TEXTS = frozenset({"DBConnectionString", "HttpConnectionString", "Text"})
CREDENTIALS = frozenset({"Credential", "WindowsCredential"})
SECRET = "Secret"  # noqa: S105 - the name of a type
SECRET_MEMBERS = {SECRET: "SecretValue", **dict.fromkeys(CREDENTIALS, "CredentialPassword")}

NO_ASSET = "Asset does not exist."
NOT_NAMED = "Could not find an asset with this name."
NO_VALUE = "The asset does not have a value associated with this robot."

MAX_TEXT = 1_000_000
MAX_USER_NAME = 512
MAX_SECRET = 25_000
INT32 = range(-(2**31), 2**31)
WHOLE = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)

NEW_USER_WITHOUT_PASSWORD = 1500

Pairs = tuple[tuple[str, str], ...]


class Members(NamedTuple):
    """The members of a body that hold a value; those of other types than the asset's are not looked at.

    `value` is the textual form, for clients that send nothing else.
    """

    text: str | None = None
    boolean: bool | None = None
    integer: int | None = None
    pairs: Pairs | None = None
    user_name: str | None = None
    password: str | None = None
    secret: str | None = None
    value: str | None = None
    value_type: str | None = None


class Wanted(NamedTuple):
    """A value as it is asked for: the default (neither user nor machine), or that of a user, a machine or both.

    `place` is the path of its members in the body, blank for the body itself.
    """

    place: str
    user_id: int | None
    machine_id: int | None
    members: Members
    credential_store_id: int | None = None
    external_name: str | None = None


class Plain(NamedTuple):
    """What is stored of a value as it is."""

    text: str | None = None
    boolean: bool | None = None
    integer: int | None = None
    pairs: Pairs | None = None
    user_name: str | None = None


class Stored(NamedTuple):
    """A value of an asset; `pairs` is JSON text, `sealed` the password or secret if it is kept here.

    In another store it is kept under `external_name`, or the asset's name; then user name and password are only there.
    """

    id: int
    user_id: int | None
    machine_id: int | None
    text: str | None
    boolean: bool | None
    integer: int | None
    pairs: str | None
    user_name: str | None
    sealed: bytes | None
    credential_store_id: int | None
    external_name: str | None


def clean_name(given: str) -> str:
    """The name as it is stored: NFC, without blanks around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise BadRequest("Name: must not be empty.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise BadRequest("Name: must not have control characters.")
    return name


def has_default(scope: str, given: bool | None) -> bool:
    """Whether there is a value for everybody; older clients do not say, or say no of a Global asset."""
    return scope == "Global" or bool(given)


def check_values(scope: str, values: Sequence[Wanted]) -> None:
    """Raises BadRequest for values of users and machines that a Global asset has not, or that one has twice."""
    seen: set[tuple[int | None, int | None]] = set()
    for value in values:
        owner = value.user_id, value.machine_id
        if scope == "Global":
            raise BadRequest(f"{value.place}: an asset of ValueScope Global has one value for everybody.")
        if owner == (None, None):
            raise BadRequest(f"{value.place}: UserId or MachineId is required.", Code.PARAMETER_MISSING)
        if owner in seen:
            raise BadRequest(f"{value.place}: there is another value for the same user and machine.")
        seen.add(owner)


def plain(type_: str, wanted: Wanted) -> Plain:
    """What of the value is stored as it is. Raises BadRequest that names the member."""
    members = wanted.members
    check_type(type_, wanted)
    if type_ in TEXTS:
        return Plain(text=_text(wanted))
    if type_ == "Bool":
        return Plain(boolean=_boolean(wanted))
    if type_ == "Integer":
        return Plain(integer=_integer(wanted))
    if type_ == "KeyValueList":
        if members.pairs is None:
            raise _missing(wanted, "KeyValueList")
        return Plain(pairs=members.pairs)
    if type_ in CREDENTIALS:
        return Plain(user_name=_user_name(wanted))
    return Plain()


def secret_text(type_: str, wanted: Wanted, stored: Stored | None) -> str | None:
    """What is to be sealed; None when there is nothing, or when what is stored stays.

    An empty password keeps that of the same user name, an empty secret the secret. Raises BadRequest, #1500 for a new
    user name without its password.
    """
    if type_ not in CREDENTIALS and type_ != SECRET:
        return None
    if given := _given_secret(type_, wanted):
        return given
    if stored is None and type_ == SECRET:
        message = f"{member(wanted, 'SecretValue')}: asset secret value cannot be null."
        raise BadRequest(message, Code.PARAMETER_MISSING)
    if stored is None:
        raise _missing(wanted, SECRET_MEMBERS[type_])
    if type_ in CREDENTIALS and stored.user_name != _user_name(wanted):
        raise BadRequest("Credential asset cannot have an empty password for a new user", NEW_USER_WITHOUT_PASSWORD)
    return None


def external(
    type_: str, wanted: Wanted, asset_name: str, stored_name: str | None, *, store: str, is_read_only: bool
) -> tuple[str, str | None]:
    """Under which name another store keeps the value, and the password or secret to be written there, None for none.

    `stored_name`: where it is now, None when it comes new into the store. What is not named is written under a name of
    its own, for assets of several folders may have the same. Raises BadRequest that names the member, #1500 for a new
    user name without its password.
    """
    check_type(type_, wanted)
    given = _given_secret(type_, wanted)
    user_name = wanted.members.user_name if type_ in CREDENTIALS else None
    if wanted.external_name is not None and len(wanted.external_name) > MAX_EXTERNAL_NAME:
        place = member(wanted, "ExternalName")
        raise BadRequest(f"{place}: has more than {MAX_EXTERNAL_NAME} characters.", Code.PARAMETER_INVALID)
    if is_read_only:
        if given or user_name:
            place = member(wanted, SECRET_MEMBERS[type_] if given else "CredentialUsername")
            raise BadRequest(f"{place}: the credential store {store} is read only.", Code.PARAMETER_INVALID)
        return wanted.external_name or asset_name, None
    name = wanted.external_name or stored_name
    if given:
        if type_ in CREDENTIALS:
            _user_name(wanted)
        return name or fresh_name(asset_name), given
    if name is None:
        raise _missing(wanted, SECRET_MEMBERS[type_])
    if user_name:
        raise BadRequest("Credential asset cannot have an empty password for a new user", NEW_USER_WITHOUT_PASSWORD)
    return name, None


def check_not_external(wanted: Wanted, store: str) -> None:
    """Raises BadRequest for a name in another store when the value is kept in this one."""
    if wanted.external_name:
        place = member(wanted, "ExternalName")
        raise BadRequest(f"{place}: the credential store {store} has no names of others.", Code.PARAMETER_INVALID)


def require_secret(type_: str, wanted: Wanted) -> None:
    """Raises BadRequest for a value of another type, or without its password or secret."""
    check_type(type_, wanted)
    if not _given_secret(type_, wanted):
        raise _missing(wanted, SECRET_MEMBERS[type_])


def check_type(type_: str, wanted: Wanted) -> None:
    """Raises BadRequest for a value that says another type than its asset's."""
    if wanted.members.value_type not in (None, type_):
        raise BadRequest(f"{member(wanted, 'ValueType')}: expected {type_}, the type of the asset.")


def choose(values: Iterable[Stored], user_id: int | None, machine_id: int | None) -> Stored | None:
    """The value for a user on a machine: for both, else for the user, else for the machine, else the default."""
    fitting = [value for value in values if value.user_id in (None, user_id) and value.machine_id in (None, machine_id)]
    return min(fitting, key=lambda value: (value.user_id is None, value.machine_id is None), default=None)


def check_removal(name: str, *, is_deletable: bool) -> None:
    """Raises Conflict for an asset that was made to stay."""
    if not is_deletable:
        raise Conflict(f"The asset {name} cannot be deleted: its CanBeDeleted is false.", Code.FORBIDDEN_OPERATION)


def _given_secret(type_: str, wanted: Wanted) -> str | None:
    """The password or secret of the body, None for a blank one. Raises BadRequest."""
    given = wanted.members.secret if type_ == SECRET else wanted.members.password
    if given and len(given) > MAX_SECRET:
        place = member(wanted, SECRET_MEMBERS[type_])
        raise BadRequest(f"{place}: has more than {MAX_SECRET} characters.", Code.PARAMETER_INVALID)
    return given or None


def _text(wanted: Wanted) -> str:
    text = wanted.members.text if wanted.members.text is not None else wanted.members.value
    if text is None:
        raise _missing(wanted, "StringValue")
    if len(text) > MAX_TEXT:
        raise BadRequest(f"{member(wanted, 'Value')}: has more than {MAX_TEXT} characters.", Code.PARAMETER_INVALID)
    return text


def _boolean(wanted: Wanted) -> bool:
    if wanted.members.boolean is not None:
        return wanted.members.boolean
    if not wanted.members.value:
        raise _missing(wanted, "BoolValue")
    found = {"true": True, "false": False}.get(wanted.members.value.strip().lower())
    if found is None:
        raise BadRequest(f"{member(wanted, 'Value')}: expected true or false.", Code.PARAMETER_INVALID)
    return found


def _integer(wanted: Wanted) -> int:
    if wanted.members.integer is not None:
        return wanted.members.integer
    if not wanted.members.value:
        raise _missing(wanted, "IntValue")
    text = wanted.members.value.strip()
    if not WHOLE.fullmatch(text) or int(text) not in INT32:
        raise BadRequest(f"{member(wanted, 'Value')}: expected a 32-bit whole number.", Code.PARAMETER_INVALID)
    return int(text)


def _user_name(wanted: Wanted) -> str:
    name = wanted.members.user_name
    if not name:
        raise _missing(wanted, "CredentialUsername")
    if len(name) > MAX_USER_NAME:
        place = member(wanted, "CredentialUsername")
        raise BadRequest(f"{place}: has more than {MAX_USER_NAME} characters.", Code.PARAMETER_INVALID)
    return name


def _missing(wanted: Wanted, name: str) -> BadRequest:
    return BadRequest(f"{member(wanted, name)} is required.", Code.PARAMETER_MISSING)


def member(wanted: Wanted, name: str) -> str:
    """The path of a member of the value in the body."""
    return f"{wanted.place}.{name}" if wanted.place else name
