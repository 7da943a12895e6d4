"""The validation attributes of a model: what is required, and the bounds of texts and numbers."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from podium.kernel.newtonsoft.shapes import Member, Shape, members


def broken(value: object, shape: Shape, path: str = "") -> Iterator[tuple[str, str]]:
    """Key and message of each attribute that a bound value breaks, however deep; keys have the names of .NET."""
    if isinstance(value, msgspec.Struct) and shape.model is not None:
        for member in members(shape.model).values():
            own = getattr(value, member.attribute)
            place = f"{path}.{member.property_name}" if path else member.property_name
            yield from ((place, message) for message in _of_member(own, member))
            yield from broken(own, member.shape, place)
    elif isinstance(value, list) and shape.item is not None and shape.item.model is not None:
        for index, each in enumerate(value):
            yield from broken(each, shape.item, f"{path}[{index}]")


def has_null(value: object, shape: Shape) -> bool:
    """Whether a member that is a plain value in the published model is null, however deep."""
    if isinstance(value, msgspec.Struct) and shape.model is not None:
        for member in members(shape.model).values():
            own = getattr(value, member.attribute)
            if own is None and not member.shape.is_nullable:
                return True
            if has_null(own, member.shape):
                return True
    elif isinstance(value, list) and shape.item is not None and shape.item.model is not None:
        return any(has_null(each, shape.item) for each in value)
    return False


def _of_member(value: object, member: Member) -> Iterator[str]:
    is_missing = value is None or value is msgspec.UNSET
    if member.is_required and (is_missing or (isinstance(value, str) and not value.strip())):
        yield f"The {member.property_name} field is required."
    if isinstance(value, str) and not _within(len(value), member.shape.limits.shortest, member.shape.limits.longest):
        yield _length(member)
    elif isinstance(value, int) and not _within(value, member.shape.limits.least, member.shape.limits.most):
        limits = member.shape.limits
        yield f"The field {member.property_name} must be between {limits.least} and {limits.most}."


def _within(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def _length(member: Member) -> str:
    name, shortest, longest = member.property_name, member.shape.limits.shortest, member.shape.limits.longest
    if longest is None:
        return f"The field {name} must be a string or array type with a minimum length of '{shortest}'."
    least = f"a minimum length of {shortest} and " if shortest else ""
    return f"The field {name} must be a string with {least}a maximum length of {longest}."
