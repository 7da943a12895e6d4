"""How many jobs may run at once."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from podium.robot.slots import Slots


@given(number=st.integers(1, 4), steps=st.lists(st.sampled_from(["ask", "end", "give up", "seize"]), max_size=40))
def test_never_more_jobs_than_slots_and_none_is_forgotten(number: int, steps: list[str]) -> None:
    asyncio.run(play(number, steps))


async def play(number: int, steps: list[str]) -> None:
    slots = Slots(number)
    asked: list[asyncio.Task[None]] = []
    running = seized = 0
    for step in steps:
        granted = [task for task in asked if task.done()]
        waiting = [task for task in asked if not task.done()]
        if step == "ask":
            asked.append(asyncio.create_task(slots.acquire()))
        elif step == "seize":
            slots.seize()
            seized += 1
        elif step == "end" and seized:
            slots.release()
            seized -= 1
        elif step == "end" and granted:
            asked.remove(granted[0])
            slots.release()
        elif step == "give up" and waiting:
            asked.remove(waiting[-1])
            waiting[-1].cancel()
        for _ in range(3):
            await asyncio.sleep(0)
        running = sum(task.done() for task in asked)
        waits = len(asked) - running
        assert running <= number
        assert waits == 0 or running + seized >= number
        assert slots.free == max(0, number - running - seized - waits)
        assert slots.has_room.is_set() == (slots.free > 0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
