"""The stage, once per module."""

from __future__ import annotations

import pytest

from tests.api.authorization.stage import Stage
from tests.conftest import Node


@pytest.fixture(scope="module")
async def stage(node: Node) -> Stage:
    """One of everything, and the callers."""
    return await Stage.of(node)
