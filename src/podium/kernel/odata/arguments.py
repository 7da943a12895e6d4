"""A literal of the request as the value that is bound for a property of some kind; a mismatch is a 400 naming it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from podium.kernel.odata import literals
from podium.kernel.odata.entity import Kind, Property
from podium.kernel.odata.tree import Literal, LiteralType, invalid, shown

Convert = Callable[[Literal], object]

LIKE_SPECIAL = re.compile(r"([\\%_])")
ACCEPTED = {
    Kind.STRING: {LiteralType.STRING, LiteralType.GUID, LiteralType.ENUM},
    Kind.INT: {LiteralType.INTEGER, LiteralType.DECIMAL},
    Kind.DOUBLE: {LiteralType.INTEGER, LiteralType.DECIMAL},
    Kind.BOOL: {LiteralType.BOOLEAN},
    Kind.GUID: {LiteralType.GUID, LiteralType.STRING},
    Kind.DATETIME: {LiteralType.INSTANT, LiteralType.DATE, LiteralType.STRING},
    Kind.DATE: {LiteralType.DATE, LiteralType.STRING},
    Kind.ENUM: {LiteralType.STRING, LiteralType.ENUM, LiteralType.INTEGER},
}
NATURAL = {
    LiteralType.STRING: Kind.STRING,
    LiteralType.ENUM: Kind.STRING,
    LiteralType.INTEGER: Kind.INT,
    LiteralType.DECIMAL: Kind.DOUBLE,
    LiteralType.BOOLEAN: Kind.BOOL,
    LiteralType.GUID: Kind.GUID,
    LiteralType.INSTANT: Kind.DATETIME,
    LiteralType.DATE: Kind.DATE,
}
CASTS = {
    Kind.STRING: "text",
    Kind.INT: "bigint",
    Kind.DOUBLE: "double precision",
    Kind.BOOL: "boolean",
    Kind.GUID: "uuid",
    Kind.DATETIME: "timestamptz",
    Kind.DATE: "date",
}


@dataclass(frozen=True)
class Parameter:
    """A bound value: of the literal `index`, or with `many` of the list `index`."""

    index: int
    kind: Kind
    cast: str
    convert: Convert
    many: bool = False


@dataclass(frozen=True)
class Target:
    """What a literal is compared with. `label` is the caller's name for it; `enum` is the property of an ENUM.

    `is_folded`: it is a text that is stored casefolded.
    """

    kind: Kind
    label: str
    enum: Property | None = None
    is_folded: bool = False

    @property
    def cast(self) -> str:
        """The SQL type of the bound value."""
        if self.enum is not None:
            return "integer" if self.enum.by_number else "text"
        return CASTS[self.kind]


def check(target: Target, given: LiteralType) -> None:
    """Raises BadRequest when a literal of that type cannot be compared with the target."""
    if given not in ACCEPTED.get(target.kind, ()):
        raise invalid(f"'{target.label}' is a {target.kind} and cannot be compared with a {given}.")


def converter(target: Target) -> Convert:
    """The function from a literal to the bound value; it raises BadRequest for values that the target cannot have."""

    def convert(literal: Literal) -> object:
        check(target, literal.type)
        value = literal.value
        match target.kind:
            case Kind.ENUM:
                return _member(target, value)
            case Kind.STRING:
                text = unicodedata.normalize("NFC", str(value))
                return text.casefold() if target.is_folded else text
            case Kind.INT if not isinstance(value, int):
                raise invalid(f"'{target.label}' is an integer and cannot be in a list with a {literal.type}.")
            case Kind.DOUBLE:
                assert isinstance(value, int | float)
                return float(value)
            case Kind.GUID if not isinstance(value, UUID):
                return literals.guid(str(value))
            case Kind.DATETIME if not isinstance(value, datetime):
                return literals.instant(str(value))
            case Kind.DATE if not isinstance(value, date):
                return literals.day(str(value))
        return value

    return convert


def _member(target: Target, value: object) -> str | int:
    assert target.enum is not None
    found = target.enum.members.get(str(value).strip().lower())
    if found is None:
        raise invalid(f"'{shown(str(value))}' is not a value of '{target.label}'.")
    name, number = found
    return number if target.enum.by_number else name


def pattern(function: str, target: Target) -> Convert:
    """The function from a literal to a LIKE pattern in which the caller's own wildcards are plain characters."""
    convert = converter(target)

    def like(literal: Literal) -> str:
        text = LIKE_SPECIAL.sub(r"\\\1", str(convert(literal)))
        return ("" if function == "startswith" else "%") + text + ("" if function == "endswith" else "%")

    return like
