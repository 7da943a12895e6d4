"""What a model's annotations ask of a body: the kinds of its members, by the names .NET has for them."""

from __future__ import annotations

import math
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from podium.kernel.lenient import guid, name_of
from podium.kernel.newtonsoft.numbers import INT32_BITS, INT64_BITS, fits, quoted_integer
from podium.kernel.newtonsoft.tokens import Token, Value, Wanted

INT32_MAX = 2**31 - 1
MODELS = "UiPath.IdentityServer.Models"


class Kind(Enum):
    """How a value is read and what becomes of it."""

    TEXT = auto()
    FLAG = auto()
    INT32 = auto()
    INT64 = auto()
    DOUBLE = auto()
    GUID = auto()
    INSTANT = auto()
    NAME = auto()
    ARRAY = auto()
    MAP = auto()
    OBJECT = auto()
    ANYTHING = auto()


SCALARS: dict[Any, tuple[Kind, str]] = {
    str: (Kind.TEXT, "System.String"),
    bool: (Kind.FLAG, "System.Boolean"),
    int: (Kind.INT64, "System.Int64"),
    float: (Kind.DOUBLE, "System.Double"),
    UUID: (Kind.GUID, "System.Guid"),
    datetime: (Kind.INSTANT, "System.DateTime"),
}
WANTED = {
    Kind.TEXT: Wanted.TEXT,
    Kind.FLAG: Wanted.FLAG,
    Kind.INT32: Wanted.INT32,
    Kind.DOUBLE: Wanted.DOUBLE,
    Kind.INSTANT: Wanted.INSTANT,
}
REFERENCES = (Kind.TEXT, Kind.ARRAY, Kind.MAP, Kind.OBJECT, Kind.ANYTHING)
OBJECT_EXAMPLE = 'JSON object (e.g. {"name":"value"})'
ARRAY_EXAMPLE = "JSON array (e.g. [1,2,3])"
DESCRIPTIONS = {Kind.OBJECT: OBJECT_EXAMPLE, Kind.MAP: OBJECT_EXAMPLE, Kind.ARRAY: ARRAY_EXAMPLE}
PRIMITIVE = "JSON primitive value (e.g. string, number, boolean, null)"


class Limits(NamedTuple):
    """What the annotation bounds, None where it does not."""

    least: int | None = None
    most: int | None = None
    shortest: int | None = None
    longest: int | None = None


class Shape(NamedTuple):
    """One annotation. `clr` is the type's name in messages, `item` that of a list or map, `names` an enumeration's."""

    kind: Kind
    clr: str
    is_nullable: bool = False
    item: Shape | None = None
    model: type[msgspec.Struct] | None = None
    names: tuple[str, ...] = ()
    numbers: tuple[tuple[str, int], ...] = ()
    limits: Limits = Limits()

    @property
    def wanted(self) -> Wanted | None:
        return WANTED.get(self.kind)

    @property
    def description(self) -> str:
        return DESCRIPTIONS.get(self.kind, PRIMITIVE)

    def take(self, token: Token, value: Value) -> Any:
        """The value of a single token as this shape. Raises ValueError when it cannot be one."""
        if token in (Token.NULL, Token.UNDEFINED) or (value == "" and self.kind not in (Kind.TEXT, Kind.ANYTHING)):
            found = None
        else:
            found = self._fitted(value)
            if found is None:
                raise ValueError
        if found is None and not self.is_nullable:
            raise ValueError
        return found

    def _fitted(self, value: Value) -> object:
        match self.kind:
            case Kind.GUID:
                return guid(value) if isinstance(value, str) else None
            case Kind.NAME:
                return self._named(value)
            case Kind.INT64:
                return _int64(value)
            case Kind.ANYTHING:
                return _storable(value)
            case Kind.ARRAY | Kind.MAP | Kind.OBJECT:
                return None
        return value

    def _named(self, value: Value) -> str | None:
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return name_of(value, self.names, dict(self.numbers))
        return None


class Member(NamedTuple):
    """A member of a model. `property_name` is its name in .NET, which the validation attributes go by."""

    attribute: str
    property_name: str
    shape: Shape
    is_required: bool


@lru_cache(maxsize=1024)
def members(model: type[msgspec.Struct]) -> dict[str, Member]:
    """By the name on the wire."""
    hints = get_type_hints(model, include_extras=True)
    required, not_null = getattr(model, "REQUIRED", ()), getattr(model, "NOT_NULL", ())
    found = {}
    for name, attribute in zip(model.__struct_encode_fields__, model.__struct_fields__, strict=True):
        property_name = name[:1].upper() + name[1:]
        shape = shape_of(hints[attribute], f"{MODELS}.{model.__name__}{property_name}")
        if attribute not in not_null:
            shape = nullable(shape)
        found[name] = Member(attribute, property_name, shape, attribute in required)
    return found


@lru_cache(maxsize=1024)
def members_by_folded_name(model: type[msgspec.Struct]) -> dict[str, Member]:
    """By the name in lower case."""
    return {name.lower(): member for name, member in members(model).items()}


@lru_cache(maxsize=2048)
def shape_of(hint: Any, called: str = f"{MODELS}.Value") -> Shape:
    """The shape of an annotation that is not nullable; `called` names an enumeration."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _limited(shape_of(arguments[0], called), arguments[1:])
    if origin in (Union, UnionType):
        (inner,) = (each for each in arguments if each not in (NoneType, msgspec.UnsetType))
        return shape_of(inner, called)
    if origin is Literal:
        return Shape(Kind.NAME, called, names=arguments)
    if origin is list:
        item = shape_of(arguments[0], called)
        return Shape(Kind.ARRAY, f"{item.clr}[]", item=item)
    if origin is dict:
        item = shape_of(arguments[1], called)
        clr = f"System.Collections.Generic.Dictionary`2[System.String,{item.clr}]"
        return Shape(Kind.MAP, clr, item=item)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Shape(Kind.OBJECT, f"{MODELS}.{hint.__name__}", model=hint)
    return Shape(*SCALARS[hint]) if hint in SCALARS else Shape(Kind.ANYTHING, "System.Object", is_nullable=True)


@lru_cache(maxsize=1024)
def has_anything(hint: Any) -> bool:
    """Whether some part of it takes every JSON. Models that hold themselves are not looked into twice."""
    return _has_anything(shape_of(hint), set())


def _has_anything(shape: Shape, seen: set[type]) -> bool:
    if shape.model is not None and shape.model not in seen:
        seen.add(shape.model)
        return any(_has_anything(member.shape, seen) for member in members(shape.model).values())
    return shape.kind is Kind.ANYTHING or (shape.item is not None and _has_anything(shape.item, seen))


def _limited(shape: Shape, metas: tuple[Any, ...]) -> Shape:
    for meta in metas:
        if not isinstance(meta, msgspec.Meta):
            continue
        extra = meta.extra or {}
        shape = shape._replace(numbers=tuple(extra.get("numbers", {}).items()))
        if shape.kind is Kind.INT64 and meta.le is not None and meta.le <= INT32_MAX:
            shape = shape._replace(kind=Kind.INT32, clr="System.Int32")
        if shape.kind in (Kind.INT32, Kind.INT64):
            bits = INT32_BITS if shape.kind is Kind.INT32 else INT64_BITS
            is_whole_range = (meta.ge, meta.le) == (-(1 << bits - 1), (1 << bits - 1) - 1)
            limits = Limits() if is_whole_range else Limits(least=meta.ge, most=meta.le)  # type: ignore[arg-type]
        else:
            limits = Limits(shortest=meta.min_length, longest=meta.max_length)
        shape = shape._replace(limits=limits)
    return shape


def nullable(shape: Shape) -> Shape:
    clr = shape.clr if shape.kind in REFERENCES else f"System.Nullable`1[{shape.clr}]"
    return shape._replace(is_nullable=True, clr=clr)


def _int64(value: Value) -> int | None:
    """As Convert.ToInt64: floats to the nearest even number, booleans as 1 and 0."""
    if isinstance(value, str):
        return quoted_integer(value, INT64_BITS)
    if isinstance(value, float):
        value = round(value) if abs(value) < float(1 << INT64_BITS) else None
    return int(value) if isinstance(value, int) and fits(value, INT64_BITS) else None


def _storable(value: Value) -> Value:
    """What every reader of JSON can take; None for the numbers that are none or too large."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if not isinstance(value, int) or fits(value, INT64_BITS) else None
