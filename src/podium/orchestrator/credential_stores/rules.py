"""What a credential store may be told, and which resources keep secrets in one. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.kernel.ids import uuid7
from podium.orchestrator.credential_stores.types import Entry

DATABASE = "Database"
BUILT_IN_NAME = "Orchestrator Database"
MASK = "********"
"""What stands on the wire for a secret entry that is set; written back it changes nothing."""

ASSET_CREDENTIAL, ROBOT_CREDENTIAL, BUCKET_CREDENTIAL, SECRETS = RESOURCE_TYPES = (
    "AssetCredential",
    "RobotCredential",
    "BucketCredential",
    "Secrets",
)
_ALIASES = {"asset": ASSET_CREDENTIAL, "robot": ROBOT_CREDENTIAL, "bucket": BUCKET_CREDENTIAL, "secret": SECRETS}
_NAMES = {name.casefold(): name for name in RESOURCE_TYPES} | _ALIASES

NO_STORE = "CredentialStore does not exist."
NO_PROXY = "CredentialsProxy does not exist."
NO_TYPE = "The type of credential store does not exist."

MAX_NAME = 128
MAX_VALUE = 10_000
MAX_EXTERNAL_NAME = 450
OUTSIDE_NAMES = re.compile(r"[^A-Za-z0-9_.]+", re.ASCII)
ADDITIONAL = "AdditionalConfiguration"


class Configured(NamedTuple):
    """A configuration in two parts."""

    plain: Mapping[str, str]
    secret: Mapping[str, str]

    @property
    def shown(self) -> dict[str, str]:
        """As everybody may see it."""
        return {**self.plain, **dict.fromkeys(self.secret, MASK)}

    @property
    def values(self) -> dict[str, str]:
        """As the type is given it."""
        return {**self.plain, **self.secret}

    def __repr__(self) -> str:
        return f"Configured({dict(self.plain)})"


def resource_type(text: str, place: str = "resourceType") -> str:
    """The published name of a resource type, given in any case or by the shorter name. Raises BadRequest."""
    found = _NAMES.get(text.strip().casefold())
    if found is None:
        raise BadRequest(f"{place}: expected one of {', '.join(RESOURCE_TYPES)}.", Code.PARAMETER_INVALID)
    return found


def clean_name(given: str) -> str:
    """The name as it is stored. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name or len(name) > MAX_NAME:
        raise BadRequest(f"Name: expected 1 to {MAX_NAME} characters.", Code.PARAMETER_INVALID)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise BadRequest("Name: must not have control characters.", Code.PARAMETER_INVALID)
    return name


def configured(entries: Sequence[Entry], text: str, stored: Configured) -> Configured:
    """The configuration that the JSON text asks for, over the stored one.

    A secret entry that is absent or masked stays as it is while no address changes; a blank one goes. Raises BadRequest
    that names the entry.
    """
    given = _given(entries, text)
    plain = {entry.key: given[entry.key] for entry in entries if entry.value_type != "Secret" and given.get(entry.key)}
    same_place = all(plain.get(entry.key) == stored.plain.get(entry.key) for entry in entries if entry.is_address)
    kept = stored.secret if same_place else {}
    secret: dict[str, str] = {}
    for entry in entries:
        if entry.value_type == "Secret":
            asked = given.get(entry.key, MASK)
            if found := kept.get(entry.key, "") if asked == MASK else asked:
                secret[entry.key] = found
        if entry.is_required and entry.key not in plain and entry.key not in secret:
            raise BadRequest(f"{ADDITIONAL}: {entry.key} is required.", Code.PARAMETER_MISSING)
    return Configured(plain, secret)


def _given(entries: Sequence[Entry], text: str) -> dict[str, str]:
    """The entries that the text gives, null as if it were absent."""
    by_name = {entry.key.casefold(): entry for entry in entries}
    given: dict[str, str] = {}
    for key, value in _members(text).items():
        entry = by_name.get(key.casefold())
        if entry is None:
            raise _wrong(key, "is no entry of this type of store")
        if value is not None:
            given[entry.key] = _written(entry, value)
    return given


def fresh_name(name: str) -> str:
    """A name for the secret of the thing of that name, which nothing else in a store has and people recognize."""
    return f"podium-{OUTSIDE_NAMES.sub('-', name).strip('-')[:100]}-{uuid7().hex[-12:]}"


def check_changeable(name: str, *, is_built_in: bool) -> None:
    """Raises Conflict for the store that every tenant has."""
    if is_built_in:
        raise Conflict(f"The credential store {name} can be neither changed nor deleted.", Code.FORBIDDEN_OPERATION)


def _members(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest(f"{ADDITIONAL}: expected the text of a JSON object.", Code.PARAMETER_INVALID) from None
    if not isinstance(said, dict):
        raise BadRequest(f"{ADDITIONAL}: expected the text of a JSON object.", Code.PARAMETER_INVALID)
    return said


def _written(entry: Entry, value: object) -> str:
    """The value as it is stored; blank for none."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_VALUE or "\0" in value:
        raise _wrong(entry.key, f"expected text of up to {MAX_VALUE} characters")
    text = value if entry.value_type == "Secret" else value.strip()
    if not text or entry.value_type in ("Secret", "String"):
        return text
    choices = {"Boolean": ("true", "false"), "Choice": entry.choices}.get(entry.value_type)
    if choices is None:
        if not text.isascii() or not text.removeprefix("-").isdigit():
            raise _wrong(entry.key, "expected a whole number")
        return text
    found = next((choice for choice in choices if choice.casefold() == text.casefold()), None)
    if found is None:
        raise _wrong(entry.key, f"expected one of {', '.join(choices)}")
    return found


def _wrong(key: str, reason: str) -> BadRequest:
    return BadRequest(f"{ADDITIONAL}: {key[:100]}: {reason}.", Code.PARAMETER_INVALID)
