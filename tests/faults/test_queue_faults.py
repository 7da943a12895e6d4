"""Queues under faults: nothing that was acknowledged is lost, nothing is done twice, and the books balance."""

from __future__ import annotations

from tests.faults import queue_faults
from tests.faults.kill_server import data_folder
from tests.faults.queue_faults import Outcome, Plan

READY_S = 5.0
RECOVERED_S = 10.0  # with a database that was killed as well and first reads its log


async def survived(plan: Plan, ready_s: float) -> Outcome:
    with data_folder() as folder:
        outcome = await queue_faults.run(plan, folder)
    assert outcome.wrong == [], str(outcome)
    assert outcome.added == plan.transactions, str(outcome)
    assert max(outcome.ready_again_s, default=0.0) <= ready_s, str(outcome)
    return outcome


async def test_a_hundred_kills_of_the_server_over_twenty_thousand_transactions() -> None:
    await survived(Plan(transactions=20_000, kills=100, seed=31), READY_S)


async def test_two_servers_race_over_fifty_thousand_items() -> None:
    await survived(Plan(transactions=50_000, nodes=2, seed=32), READY_S)


async def test_ten_kills_of_the_database() -> None:
    await survived(Plan(transactions=5_000, database_kills=10, nodes=2, seed=33), RECOVERED_S)


async def test_workers_that_freeze_past_their_lease_and_come_back_late() -> None:
    outcome = await survived(Plan(transactions=3_000, frozen_share=0.1, kills=3, seed=34), READY_S)
    assert outcome.expired >= 200, str(outcome)
