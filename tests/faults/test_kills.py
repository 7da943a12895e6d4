"""Servers and robots are killed at random moments: nothing that was acknowledged is lost, nothing happens twice."""

from __future__ import annotations

from tests.faults import kill_robot, kill_server
from tests.faults.kill_server import Plan, data_folder

READY_S = 5.0
RECOVERED_S = 10.0  # with a database that was killed as well and first reads its log


class TestServer:
    async def test_fifty_kills_lose_and_double_nothing(self) -> None:
        await self._survives(Plan(kills=50, jobs=2000, seed=12))

    async def test_kills_that_take_the_database_along_lose_and_double_nothing(self) -> None:
        await self._survives(Plan(kills=10, jobs=400, database_every=2, seed=13), RECOVERED_S)

    async def _survives(self, plan: Plan, ready_s: float = READY_S) -> None:
        with data_folder() as folder:
            outcome = await kill_server.run(plan, folder)
        assert outcome.wrong == [], str(outcome)
        assert outcome.acknowledged > plan.jobs / 2, str(outcome)
        assert max(outcome.ready_again_s) <= ready_s, str(outcome)


class TestRobot:
    async def test_each_job_reaches_one_end_however_often_its_agent_is_killed(self) -> None:
        with data_folder() as folder:
            outcome = await kill_robot.run(20, 60, 14, folder)
        assert outcome.wrong == [], str(outcome)
        assert outcome.at_work >= 5, str(outcome)
        assert outcome.states.total() == 60
