"""B10: folders, assets, queues and items behave as their pure model does, whatever is done in whatever order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import Node
from tests.model.machine import run

STEPS = 100
RUNS, LEAST = (400, 10_000) if os.environ.get("PODIUM_TEST_FULL") else (16, 250)


async def test_the_server_is_equal_to_the_model(node: Node) -> None:
    loop = asyncio.get_running_loop()

    def wait(awaitable: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(awaited(), loop).result(60)

    machine = run(wait, node)
    chosen = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
    )
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=chosen)
    assert machine.steps >= LEAST
