"""Refusals of the management API in the words of ASP.NET Identity: a list of codes with descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec


class Fault(NamedTuple):
    """One entry of `errors`."""

    code: str
    description: str


SUCCEEDED: dict[str, object] = {"succeeded": True, "errors": []}
"""The IdentityResult of a good change."""


def failed(faults: Iterable[Fault]) -> dict[str, object]:
    """The IdentityResult of a refused one."""
    return {"succeeded": False, "errors": [{"code": one.code, "description": one.description} for one in faults]}


class Refused(Exception):
    """400 with an IdentityResult; the transaction of the call is rolled back.

    `envelope`: the member that holds the result, where the answer is more than that, and what else it has.
    """

    def __init__(self, *faults: Fault, envelope: str = "", rest: dict[str, object] | None = None) -> None:
        super().__init__(*(one.code for one in faults))
        self.faults = faults
        self._envelope = envelope
        self._rest = rest or {}

    def body(self) -> bytes:
        """The JSON of the answer."""
        said = failed(self.faults)
        return msgspec.json.encode({self._envelope: said, **self._rest} if self._envelope else said)
