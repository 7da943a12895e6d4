"""The short form of test_kills, for every run of the tests; how soon the server is ready again is asserted there."""

from __future__ import annotations

from tests.faults import kill_server
from tests.faults.kill_server import Plan, data_folder


async def test_five_kills_lose_and_double_nothing() -> None:
    plan = Plan(kills=5, jobs=200, seed=11)
    with data_folder() as folder:
        outcome = await kill_server.run(plan, folder)
    assert outcome.wrong == [], str(outcome)
    assert outcome.acknowledged > plan.jobs / 2, str(outcome)
