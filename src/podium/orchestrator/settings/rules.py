"""Which changes of settings are allowed, and how a value is read. Pure."""

from __future__ import annotations

from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.orchestrator.settings.known import KNOWN, Known, fold

MASK = "********"
"""What stands on the wire for a secret that is set; written back it changes nothing."""


class Change(NamedTuple):
    """A value to store; `value` None: what is stored stays."""

    known: Known
    value: str | None


def named(name: str) -> Known:
    """The setting of that name, in any case. Raises NotFound."""
    found = KNOWN.get(fold(name))
    if found is None:
        raise NotFound("Setting does not exist.")
    return found


def change(name: str, value: str | None, place: str, *, by_user: bool = False) -> Change:
    """What is to be stored. Raises NotFound, BadRequest that names `place`, Conflict for what is not theirs to set."""
    known = named(name)
    if known.scope == "Application":
        raise Conflict(f"{known.name} is not set by tenants.", Code.FORBIDDEN_OPERATION)
    if by_user and known.scope != "All":
        raise Conflict(f"{known.name} is set for the tenant, not by users for themselves.", Code.FORBIDDEN_OPERATION)
    if value is None:
        raise BadRequest(f"{place} is required.", Code.PARAMETER_MISSING)
    if known.is_secret and value == MASK:
        return Change(known, None)
    try:
        return Change(known, known.check(value))
    except ValueError as wrong:
        raise BadRequest(f"{place}: {known.name}: {wrong}.", Code.PARAMETER_INVALID) from None


def shown(known: Known, stored: str | None, *, has_secret: bool) -> str:
    """The value as the wire has it."""
    if known.is_secret:
        return MASK if has_secret else ""
    return known.default if stored is None else stored


def readable(known: Known, stored: str | None) -> str:
    """The value that holds: one that the check would refuse today, written before it or elsewhere, counts as not set."""
    if stored is None:
        return known.default
    try:
        return known.check(stored)
    except ValueError:
        return known.default
