"""The types of credential stores that this installation has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from importlib.metadata import entry_points

import structlog

from podium.kernel.config import Config
from podium.orchestrator.credential_stores.plain_text import EnvironmentVariables, SecretFiles
from podium.orchestrator.credential_stores.rules import DATABASE
from podium.orchestrator.credential_stores.types import StoreType
from podium.orchestrator.credential_stores.vault import HashiCorpVault, HashiCorpVaultReadOnly
from podium.orchestrator.outgoing import Outgoing

GROUP = "podium.credential_stores"
AT_ONCE = 8
"""How many calls wait for stores at once; a few of them hold a connection to the database meanwhile."""

log = structlog.get_logger(__name__)


class StoreTypes:
    """Types by name, in any case. One per process."""

    def __init__(self, types: Iterable[StoreType]) -> None:
        self._types = {type_.name.casefold(): type_ for type_ in types}
        self.turns = asyncio.Semaphore(AT_ONCE)

    @classmethod
    def load(cls, config: Config, outgoing: Outgoing) -> StoreTypes:
        """The types that the operator has switched on, and those of installed plug-ins.

        A plug-in that does not load is left out and logged: its stores are unavailable, everything else works.
        """
        types: list[StoreType] = [HashiCorpVault(outgoing), HashiCorpVaultReadOnly(outgoing)]
        if config.credential_environment is not None:
            types.append(EnvironmentVariables(config.credential_environment, os.environ))
        if config.credential_files is not None:
            types.append(SecretFiles(config.credential_files))
        for entry_point in entry_points(group=GROUP):
            try:
                found = entry_point.load()()
                types.append(_checked(found, [DATABASE, *(type_.name for type_ in types)]))
            except Exception:
                log.exception("credential_stores.plugin", plugin=entry_point.name)
        return cls(types)

    @property
    def names(self) -> list[str]:
        """Every type, the built-in one first."""
        return [DATABASE, *(type_.name for type_ in self._types.values())]

    def named(self, name: str) -> StoreType | None:
        """The type of that name; None for the built-in one, and for one that is not here."""
        return self._types.get(name.casefold())


def _checked(found: object, names: Iterable[str]) -> StoreType:
    """The object as a type of its own. Raises TypeError."""
    if not isinstance(found, StoreType):
        raise TypeError("It is no StoreType.")
    if found.name.casefold() in {name.casefold() for name in names}:
        raise TypeError(f"There is another type called {found.name}.")
    return found
