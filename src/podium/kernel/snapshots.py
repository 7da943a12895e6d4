"""What the audit trail keeps of a change: the body that asked for it, and the thing as it was before. Pure.

This is the one place that decides what of it is a secret. Nothing that a name of NAMES or OPAQUE stands before leaves it,
and what it leaves is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

HIDDEN = "***"
MOST_CHARACTERS = 1000  # of one text
MOST_ITEMS = 50  # of one list, and members of one object
MOST_DEPTH = 8
MOST_BYTES = 8192  # of a body, and of a state before

# Parts of the names of members that hold a secret.
NAMES = (
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "licensekey",
    "connectionstring",
    "certificate",
)
# Members that carry what people and robots put there, secrets too: their content is nobody's business here.
OPAQUE = frozenset(
    [
        "specificcontent",
        "specificdata",
        "output",
        "outputdata",
        "analytics",
        "analyticsdata",
        "inputarguments",
        "outputarguments",
        "arguments",
        "environmentvariables",
        "storageparameters",
        "payload",
        "data",
        "taskdata",
        "content",
        "contentjson",
        "additionalconfiguration",
        "actiondata",
    ]
)
# Members whose value is a secret because of what another member says.
NAMING = ("name", "key", "settingname")
SAYING = frozenset({*NAMING, "valuetype"})
NAMED = frozenset({"value", "stringvalue", "defaultvalue"})
SECRET_TYPES = frozenset(["dbconnectionstring", "httpconnectionstring", "credential", "windowscredential", "secret"])

LONGEST_KEPT = 64
_NOT_A_WORD = re.compile(r"[^a-z0-9]")
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]*@")
_CUT_URL = re.compile(r"(?<=://)[^/@\s]*\Z")


def detail_of(body: object, before: object) -> dict[str, object] | None:
    """What is kept beside an audit row: `body` and `before` as far as there are any; None: neither."""
    kept = {name: bounded(value) for name, value in (("body", body), ("before", before)) if value is not None}
    return kept or None


def bounded(value: object) -> object:
    """The value without its secrets; one that is still too large is only told of."""
    shown = masked(value)
    size = len(msgspec.json.encode(shown))
    if size <= MOST_BYTES:
        return shown
    members = [name[:100] for name in shown][:MOST_ITEMS] if isinstance(shown, dict) else []
    return {"truncated": True, "bytes": size, "members": members}


def masked(value: object, depth: int = 0) -> object:
    """The value as JSON has it, secrets replaced; long texts and lists are cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if depth >= MOST_DEPTH or isinstance(value, bytes | bytearray):
        return HIDDEN
    if isinstance(value, msgspec.Struct):
        return _members(_of_struct(value), depth)
    if isinstance(value, Mapping):
        return _members(value.items(), depth)
    if isinstance(value, list | tuple | set | frozenset):
        several = list(value)
        shown = [masked(each, depth + 1) for each in several[:MOST_ITEMS]]
        return shown if len(several) <= MOST_ITEMS else [*shown, f"... {len(several) - MOST_ITEMS} more"]
    return HIDDEN


def is_secret_name(name: str) -> bool:
    """Whether what a member or a setting of that name holds is a secret."""
    return _read(name)[1]


def _members(pairs: Iterable[tuple[object, object]], depth: int) -> dict[str, object]:
    members = [(str(name), value, *_read(str(name))) for name, value in pairs]
    said = {word: value for _, value, word, _ in members if word in SAYING}
    hides_value = any(is_secret_name(str(said[name] or "")) for name in NAMING if name in said)
    hides_value |= _read(str(said.get("valuetype") or ""))[0] in SECRET_TYPES
    shown: dict[str, object] = {}
    for name, value, word, is_secret in members[:MOST_ITEMS]:
        is_hidden = is_secret or (hides_value and word in NAMED)
        is_empty = value is None or isinstance(value, bool) or value in ("", [], {})
        shown[_text(name)] = HIDDEN if is_hidden and not is_empty else masked(value, depth + 1)
    if len(members) > MOST_ITEMS:
        shown["..."] = len(members) - MOST_ITEMS
    return shown


def _of_struct(value: msgspec.Struct) -> Iterable[tuple[str, Any]]:
    for attribute, name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
        member = getattr(value, attribute)
        if member is not msgspec.UNSET:
            yield name, member


def _text(text: str) -> str:
    shown = _USER_IN_URL.sub(f"{HIDDEN}@", text[:MOST_CHARACTERS])
    return shown if len(text) <= MOST_CHARACTERS else f"{_CUT_URL.sub('', shown)}..."


def _read(name: str) -> tuple[str, bool]:
    """The name as names compare, and whether it is one of a secret."""
    return _read_and_kept(name) if len(name) <= LONGEST_KEPT else _read_anew(name)


def _read_anew(name: str) -> tuple[str, bool]:
    word = _NOT_A_WORD.sub("", name.casefold())
    return word, word in OPAQUE or any(part in word for part in NAMES)


_read_and_kept = lru_cache(4096)(_read_anew)
