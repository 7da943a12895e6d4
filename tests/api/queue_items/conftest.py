"""What tests of items share."""

from __future__ import annotations

from typing import Any

import pytest

from .stored import Stored


@pytest.fixture
def stored(api: Any) -> Stored:
    """Queues and items in the tenant of `api`."""
    return Stored(api)


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def queue(stored: Stored, folder: Any) -> Any:
    return await stored.queue(folder)
