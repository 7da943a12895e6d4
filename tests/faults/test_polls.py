"""A robot whose long poll broke off asks again: the job goes to the poll that is heard, at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from podium.kernel.config import resource
from tests.bench.load import Connection, Lost
from tests.bench.world import World, robot_request
from tests.faults.kill_server import SAMPLE, Victim, data_folder
from tests.faults.robots import asked

POLL = {"WaitSeconds": 25, "RunningJobs": [], "FreeSlots": 4}
AT_ONCE_S = 12.0  # less than half of what the poll would wait


async def test_polls_that_broke_off_take_no_job_along() -> None:
    with data_folder() as folder:
        victim = Victim(folder)
        try:
            await victim.ready()
            await _job_after_broken_polls(victim)
        finally:
            victim.server.stop()


async def _job_after_broken_polls(victim: Victim) -> None:
    with World(victim.server.url) as world:
        folder_id = world.folder("Polls")
        process_key = world.process(folder_id, resource("contract").parent / Path(SAMPLE))
        key = world.machine("polls", folder_id, 4)
        sent = robot_request(key, "host", "Commands", POLL)
        for _ in range(3):
            connection = await Connection.open(victim.port)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.ask(sent), 0.2)
            connection.close()
        poll = asyncio.create_task(asked(victim.port, sent))
        job = json.loads((await asked(victim.port, world.start_jobs(folder_id, process_key))).body)["value"][0]
        try:
            answer = await asyncio.wait_for(poll, AT_ONCE_S)
        except (TimeoutError, Lost):
            pytest.fail("the job did not reach the open poll")
        assert [command["data"]["jobKey"] for command in json.loads(answer.body)["commands"]] == [job["Key"]]
