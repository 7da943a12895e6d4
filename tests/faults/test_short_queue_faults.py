"""The short form of test_queue_faults, for every run of the tests."""

from __future__ import annotations

from tests.faults import queue_faults
from tests.faults.kill_server import data_folder
from tests.faults.queue_faults import Plan


async def test_kills_and_ended_leases_lose_and_double_nothing() -> None:
    plan = Plan(transactions=400, kills=3, database_kills=1, nodes=2, frozen_share=0.03, seed=21)
    with data_folder() as folder:
        outcome = await queue_faults.run(plan, folder)
    assert outcome.wrong == [], str(outcome)
    assert outcome.results >= plan.transactions, str(outcome)
    assert outcome.expired > 0, str(outcome)
