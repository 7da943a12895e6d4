"""Which Podium this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def own_version() -> str:
    """The version of the installed package; a checkout that is not installed has none."""
    try:
        return version("podium")
    except PackageNotFoundError:
        return "0.0.0"
