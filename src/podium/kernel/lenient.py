"""The lenient pass over a body that is already parsed: binds it to a model by the model's annotations.

Names bind without regard to case, unknown members are dropped, enumerations are taken by name in any case or by
number, GUIDs in any case and in braces, digits in a text as an integer, times without an offset as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

MAX_DEPTH = 64  # arrays and objects inside each other
MAX_OPEN = 128  # characters kept of a text outside an open enumeration
SHOWN = 60  # characters of a caller's text that a message repeats
TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels."

Binder = Callable[[object, str], object]

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SURROGATE = re.compile(r"[\ud800-\udfff]")
INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
GUID = re.compile(r"[{(]?([0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12})[)}]?")
KINDS = {
    str: "a string", bool: "a boolean", int: "an integer", float: "a number", list: "an array", dict: "an object",
    NoneType: "null",
}  # fmt: skip


class Misfit(ValueError):
    """A value that its member cannot take. `path` is blank for the body itself."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


def refuse_hostile(root: object) -> None:
    """Refuse NUL, which PostgreSQL cannot store, and nesting deeper than MAX_DEPTH; in every member, known or not."""
    stack: list[tuple[object, str, int]] = [(root, "", 0)]
    while stack:
        value, path, depth = stack.pop()
        if isinstance(value, str):
            if "\0" in value:
                raise Misfit(path, "the character NUL is not allowed.")
        elif isinstance(value, (dict, list)):
            if depth == MAX_DEPTH:
                raise Misfit("", TOO_DEEP)
            if isinstance(value, dict):
                if any("\0" in name for name in value):
                    raise Misfit(path, "the character NUL is not allowed in a name.")
                stack.extend((each, below(path, name), depth + 1) for name, each in value.items())
            else:
                stack.extend((each, f"{path}[{index}]", depth + 1) for index, each in enumerate(value))


def binder(hint: Any) -> Binder:
    """The function that binds an untyped value to this annotation. Raises Misfit when it is called."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _limited(arguments[0], next(each for each in arguments[1:] if isinstance(each, msgspec.Meta)))
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each not in (NoneType, msgspec.UnsetType))
        bind = binder(inner)
        return bind if NoneType not in arguments else lambda value, path: None if value is None else bind(value, path)
    if origin is Literal:
        return _enumeration(arguments, {}, is_open=False)
    if origin is list:
        return _list_of(binder(arguments[0]))
    if origin is dict:
        return _map_of(binder(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return lambda value, path: _struct(hint, value, path)
    return SCALARS.get(hint, lambda value, _path: value)


def _limited(hint: Any, meta: msgspec.Meta) -> Binder:
    extra: dict[str, Any] = meta.extra or {}
    if "names" in extra:
        return _enumeration(extra["names"], extra.get("numbers", {}), is_open=True)
    if "numbers" in extra:
        return _enumeration(get_args(hint), extra["numbers"], is_open=False)
    bind = binder(hint)

    def limited(value: object, path: str) -> object:
        bound = bind(value, path)
        if isinstance(bound, int) and not _within(bound, meta.ge, meta.le):
            raise Misfit(path, f"the number is not from {meta.ge} to {meta.le}.")
        if isinstance(bound, str) and not _within(len(bound), meta.min_length, meta.max_length):
            if not bound:
                raise Misfit(path, "must not be empty.")
            raise Misfit(path, f"{len(bound)} characters, allowed are {meta.min_length or 0} to {meta.max_length}.")
        return bound

    return limited


def _within(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def _enumeration(names: tuple[str, ...], numbers: Mapping[str, int], *, is_open: bool) -> Binder:
    def bind(value: object, path: str) -> object:
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            found = name_of(value, names, numbers)
            if found is not None or is_open:
                return found or str(value)[:MAX_OPEN]
            raise Misfit(path, f"expected {one_of(names)}, got {quoted(str(value))}.")
        raise Misfit(path, f"expected {one_of(names)}, got {_kind(value)}.")

    return bind


def name_of(value: str | int, names: tuple[str, ...], numbers: Mapping[str, int]) -> str | None:
    """The name as published, for a name in any case or its number, quoted or not."""
    number = value if isinstance(value, int) else whole(value)
    if number is not None:
        counted = numbers or {name: place for place, name in enumerate(names)}
        return next((name for name, own in counted.items() if own == number), None)
    folded = str(value).strip().lower()
    return next((name for name in names if name.lower() == folded), None)


def _list_of(bind: Binder) -> Binder:
    def bind_list(value: object, path: str) -> object:
        if not isinstance(value, list):
            raise Misfit(path, f"expected an array, got {_kind(value)}.")
        return [bind(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return bind_list


def _map_of(bind: Binder) -> Binder:
    def bind_map(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise Misfit(path, f"expected an object, got {_kind(value)}.")
        return {name: bind(each, below(path, name)) for name, each in value.items() if "@odata." not in name}

    return bind_map


def _struct(model: type[msgspec.Struct], value: object, path: str) -> object:
    if not isinstance(value, dict):
        raise Misfit(path, f"expected an object, got {_kind(value)}.")
    members = _members(model)
    bound: dict[str, object] = {}
    for name, each in value.items():
        if (member := members.get(name.lower())) is not None:
            wire_name, attribute, bind = member
            bound[attribute] = bind(each, below(path, wire_name))
    return model(**bound)


@lru_cache(maxsize=2048)
def _members(model: type[msgspec.Struct]) -> dict[str, tuple[str, str, Binder]]:
    """By wire name in lower case: the name as published, the attribute, and what binds it."""
    hints = get_type_hints(model, include_extras=True)
    return {
        name.lower(): (name, attribute, binder(hints[attribute]))
        for name, attribute in zip(model.__struct_encode_fields__, model.__struct_fields__, strict=True)
    }


# Single values


def _text(value: object, path: str) -> object:
    if isinstance(value, str):
        return value
    raise Misfit(path, f"expected a string, got {_kind(value)}.")


def _flag(value: object, path: str) -> object:
    if isinstance(value, bool):
        return value
    raise Misfit(path, f"expected a boolean, got {_kind(value)}.")


def _integer(value: object, path: str) -> object:
    number = whole(value) if isinstance(value, str) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    raise Misfit(path, f"expected an integer, got {_kind(value)}.")


def _number(value: object, path: str) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise Misfit(path, "the number is too large.") from None
    raise Misfit(path, f"expected a number, got {_kind(value)}.")


def _uuid(value: object, path: str) -> object:
    found = guid(value) if isinstance(value, str) else None
    if found is None:
        raise Misfit(path, f"expected a GUID, got {quoted(value) if isinstance(value, str) else _kind(value)}.")
    return found


def _time(value: object, path: str) -> object:
    found = instant(value) if isinstance(value, str) else None
    if found is None:
        given = quoted(value) if isinstance(value, str) else _kind(value)
        raise Misfit(path, f"expected a date and time, got {given}.")
    return found


SCALARS: dict[Any, Binder] = {str: _text, bool: _flag, int: _integer, float: _number, UUID: _uuid, datetime: _time}


def whole(text: str) -> int | None:
    return int(text) if INTEGER.fullmatch(text) else None


def guid(text: str) -> UUID | None:
    match = GUID.fullmatch(text.strip())
    return UUID(match[1]) if match else None


def instant(text: str) -> datetime | None:
    """An instant in UTC; a text without offset is UTC, one without a time is its midnight."""
    try:
        moment = msgspec.convert(f"{text}T00:00:00" if DATE.fullmatch(text) else text, datetime)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        return None


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep it: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not SURROGATE.search(text)


# Words of messages


def below(path: str, name: str) -> str:
    shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}..."
    return f"{path}.{shown}" if path else shown


def _kind(value: object) -> str:
    return KINDS.get(type(value), "a value")


def quoted(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def one_of(names: tuple[str, ...]) -> str:
    return f"one of {', '.join(names)}"
