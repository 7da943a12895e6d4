"""The large tenant, seeded once for the tests of this folder."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.api.plans.seeding import World, seeded
from tests.conftest import Caller, Node

Sent = list[tuple[str, tuple[object, ...]]]


@pytest.fixture(scope="module")
async def world(node: Node) -> World:
    """A tenant of its own, with 100,000 rows of everything large."""
    return await seeded(Caller(node, "large"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The pages that the lists ask of the database while a test runs: statements and their values, as they were sent."""
    found: Sent = []
    fetchrow: Any = asyncpg.Connection.fetchrow

    async def recorded(self: Any, query: str, *args: object, **options: object) -> object:
        if "podium_row" in query:
            found.append((query, args))
        return await fetchrow(self, query, *args, **options)

    monkeypatch.setattr(asyncpg.Connection, "fetchrow", recorded)
    return found
