"""Turns the text of a request into typed values, or says which member is wrong.

A body that is spelled as published is decoded by msgspec in one pass; any other goes through the pass of
`podium.kernel.lenient`. What neither can bind is a BadRequest that names the member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from podium.kernel.contract import Param
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.lenient import (
    MAX_DEPTH,
    TOO_DEEP,
    Misfit,
    below,
    binder,
    guid,
    instant,
    is_storable,
    name_of,
    one_of,
    quoted,
    refuse_hostile,
    whole,
)

T = TypeVar("T")

INT64 = range(-(2**63), 2**63)
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
BEFORE_COLON = re.compile(rb'"\s*+:')
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
AS_SQUARE = bytes.maketrans(b"{}", b"[]")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# What the strict pass would take as it is: annotations of OData, NUL, and instants that have no UTC form.
LENIENT_ONLY = (b"@odata", b"\\u0000", b'"0001-', b'"9999-')


def decode(body: bytes, model: type[T], *, parameter: str) -> T:
    """The body as `model`: a struct, a list of them, or a plain type. Which members are required is not looked at.

    `parameter` is the name that messages give to the body as a whole. Raises BadRequest: code 0 for a missing body,
    `PARAMETER_INVALID` for everything else.
    """
    text = body.removeprefix(BYTE_ORDER_MARK).strip()
    if not text or text == b"null":
        raise BadRequest(f"{parameter} must not be null", Code.NONE)
    if not any(each in text for each in LENIENT_ONLY):
        try:
            value: T = _decoder(model).decode(text)  # type: ignore[arg-type]  # a type is hashable
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the lenient pass binds it or says what is wrong
        else:
            if not _is_deep(text):
                _refuse_repeated(text, parameter)
                return value
    untyped = _parse(text, parameter)
    try:
        refuse_hostile(untyped)
        _refuse_repeated(text, parameter)
        bound: T = binder(model)(untyped, "")  # type: ignore[assignment]  # the binder of a type gives that type
    except Misfit as misfit:
        place = misfit.path if misfit.path[:1] not in ("", "[") else f"{parameter}{misfit.path}"
        raise BadRequest(f"{place}: {misfit.reason}", Code.PARAMETER_INVALID) from None
    return bound


def require_members(body: msgspec.Struct, *, path: str = "") -> None:
    """Refuse the first member that the published model requires and the body lacks or has as null, however deep.

    Raises BadRequest, code `PARAMETER_MISSING`. Not for PATCH.
    """
    names = dict(zip(body.__struct_fields__, body.__struct_encode_fields__, strict=True))
    for attribute in getattr(body, "REQUIRED", ()):
        if getattr(body, attribute) in (msgspec.UNSET, None):
            raise BadRequest(f"{below(path, names[attribute])} is required.", Code.PARAMETER_MISSING)
    for attribute, name in names.items():
        value = getattr(body, attribute)
        for place, each in _structs(value, below(path, name)):
            require_members(each, path=place)


def convert(text: str, param: Param) -> object:
    """The text of one parameter as its kind: int, bool, UUID, datetime, str, or a list of these.

    A key of the path that cannot be one names nothing: NotFound. In the query it is a BadRequest that names it.
    """
    if param.many:
        return [_converted(part.strip(), param) for part in text.split(",")] if text.strip() else []
    return _converted(text, param)


def decode_query(pairs: Iterable[tuple[str, str]], params: Iterable[Param]) -> dict[str, object]:
    """The query parameters by their Python names; absent ones have their default or None, an empty text is absent.

    Names bind without regard to case; the OData options and unknown names are left out; of a repeated name the last
    counts, unless the parameter is a list. Raises BadRequest.
    """
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        given.setdefault(name.lower(), []).append(text)
    return {
        param.argument: _from_query(given.get(param.name.lower(), []), param) for param in params if not param.is_odata
    }


def _from_query(texts: list[str], param: Param) -> object:
    texts = texts if param.kind == "string" and not param.enum else [text for text in texts if text.strip()]
    if param.many and texts:
        return [each for text in texts for each in _listed(convert(text, param))]
    if texts:
        return convert(texts[-1], param)
    if param.required:
        raise BadRequest(f"{param.name} is required.", Code.PARAMETER_MISSING)
    return None if param.default is None else convert(param.default, param)


def _listed(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


def _converted(text: str, param: Param) -> object:
    value, expected = _read(text, param)
    if value is not None:
        return value
    message = f"{param.name}: expected {expected}, got {quoted(text)}."
    raise NotFound(message) if param.place == "path" else BadRequest(message, Code.PARAMETER_INVALID)


def _read(text: str, param: Param) -> tuple[object, str]:
    """The value, None when the text cannot be one; and what was expected."""
    bare = text.strip().strip("'")
    if param.enum:
        return name_of(bare, param.enum, {}), one_of(param.enum)
    match param.kind:
        case "integer":
            number = whole(bare.removesuffix("L"))
            return number if number is not None and number in INT64 else None, "a 64-bit integer"
        case "boolean":
            return {"true": True, "false": False}.get(bare.lower()), "true or false"
        case "uuid":
            return guid(bare), "a GUID"
        case "date-time":
            return instant(bare), "a date and time"
    return text if is_storable(text) else None, "text without NUL and broken characters"


def _structs(value: object, path: str) -> Iterable[tuple[str, msgspec.Struct]]:
    if isinstance(value, msgspec.Struct):
        yield path, value
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _structs(each, f"{path}[{index}]")


# The strict pass


@lru_cache(maxsize=2048)
def _decoder(model: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(model)


def _is_deep(text: bytes) -> bool:
    """Whether well-formed JSON nests deeper than MAX_DEPTH; told without visiting the bytes one by one."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    brackets = STRING.sub(b"", text).translate(AS_SQUARE, NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def _refuse_repeated(text: bytes, parameter: str) -> None:
    """Raises BadRequest when an object of the well-formed text has a member twice: readers differ in which one counts."""
    names = [part[part.rfind(b'"') :] for part in BEFORE_COLON.split(text)[:-1]]
    if len(set(names)) == len(names) and b"\\" not in text:
        return

    def once(members: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                raise BadRequest(f"{parameter}: the member {quoted(name)} is there twice.", Code.PARAMETER_INVALID)
            seen.add(name)

    try:
        # numbers as text: some have more digits than Python reads
        json.loads(text, object_pairs_hook=once, parse_int=str, parse_float=str)
    except UnicodeDecodeError:  # the strict pass does not look at members that nobody asked for
        raise BadRequest(f"{parameter} is not valid JSON: the text is not UTF-8.", Code.PARAMETER_INVALID) from None


def _parse(text: bytes, parameter: str) -> object:
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise BadRequest(f"{parameter}: {TOO_DEEP}", Code.PARAMETER_INVALID) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, msgspec.DecodeError) else "the text is not UTF-8"
        raise BadRequest(f"{parameter} is not valid JSON: {reason.rstrip('.')}.", Code.PARAMETER_INVALID) from None
