"""The body of a request of the identity server, from its bytes to the model."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from podium.kernel.errors import UnsupportedMediaType, ValidationProblem
from podium.kernel.newtonsoft.binder import bind
from podium.kernel.newtonsoft.problems import Enough, Errors
from podium.kernel.newtonsoft.requirements import broken, has_null
from podium.kernel.newtonsoft.shapes import Shape, has_anything, shape_of

T = TypeVar("T")

EMPTY = "A non-empty request body is required."
LONGEST_LENIENT_BYTES = 1 << 18  # reading by characters takes half a second for this much
ENCODINGS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

# What the strict pass would take as it is: NUL, and instants that have no UTC form.
LENIENT_ONLY = (b"\\u0000", b'"0001-', b'"9999-')
MEDIA_TYPES = ("application/json", "text/json", "application/json-patch+json")


def decode(raw: bytes, model: type[T]) -> T:
    """The body as `model`: a struct, a list, a map or a plain type. Raises ValidationProblem and nothing else.

    What is spelled as published is decoded by msgspec in one pass; everything else is read as Newtonsoft would.
    """
    shape = _shape(model)  # type: ignore[arg-type]  # a type is hashable
    found, value = _strict(raw, model, shape)
    if not found:
        value, errors = bind(_text(raw), shape)
        if errors:
            raise ValidationProblem(errors.by_key)
        if value is None:
            raise ValidationProblem({"": [EMPTY]})
    _require(value, shape)
    result: T = value
    return result


def check_media_type(headers: Mapping[str, str]) -> None:
    """Refuse a body that does not say it is JSON. `headers` by lower-case names. Raises UnsupportedMediaType."""
    content_type = headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in MEDIA_TYPES and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType("The body must be application/json." if kind else "The body has no Content-Type.")


def _strict(raw: bytes, model: Any, shape: Shape) -> tuple[bool, Any]:
    """Whether the quick pass could take it, and what it found."""
    if has_anything(model) or any(each in raw for each in LENIENT_ONLY):
        return False, None
    try:
        value = _decoder(model).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False, None
    return not has_null(value, shape), value


def _text(raw: bytes) -> str:
    if len(raw) > LONGEST_LENIENT_BYTES:
        raise ValidationProblem({"": [f"A request body over {LONGEST_LENIENT_BYTES} bytes must be plain JSON."]})
    mark, encoding = next((each for each in ENCODINGS if raw.startswith(each[0])), (b"", "utf-8"))
    try:
        return raw[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise ValidationProblem({"": [f"The request body is not valid {encoding.upper()[:6].rstrip('-')}."]}) from None


def _require(value: object, shape: Shape) -> None:
    errors = Errors()
    try:
        for key, message in broken(value, shape):
            errors.add(key, message)
    except Enough:
        pass
    if errors:
        raise ValidationProblem(errors.by_key)


@lru_cache(maxsize=1024)
def _shape(model: Any) -> Shape:
    return shape_of(model)._replace(is_nullable=True)


@lru_cache(maxsize=1024)
def _decoder(model: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(model)
