"""Kills the robot agent at any moment while it runs jobs: every job still reaches exactly one final state.

As a program: `python -m tests.faults.kill_robot --kills 20 --jobs 60`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from podium.orchestrator.jobs.rules import STATE_NAMES, State
from tests.bench.server import PYTHON, ROOT
from tests.bench.world import World
from tests.faults import checker
from tests.faults.journal import Told
from tests.faults.kill_server import Victim, data_folder
from tests.faults.robots import asked

SLOTS = 4
WORK_S = (0.0, 1.5)
UP_S = (0.0, 2.5)  # how long an agent lives; it takes about half a second to its first job
DRAIN_S = 120.0
PYPROJECT = '[project]\nname = "Marks"\nversion = "1.0.0"\nrequires-python = ">=3.11"\ndependencies = []\n'
MAIN = """
import json, os, sys, time

with open(sys.argv[1]) as file:
    given = json.load(file)
with open(given["marks"], "a") as file:
    file.write(os.environ["UIPATH_JOB_KEY"] + "\\n")
time.sleep(given["seconds"])
with open(os.environ["PODIUM_OUTPUT"], "w") as file:
    json.dump({"slept": given["seconds"]}, file)
"""


@dataclass(slots=True)
class Outcome:
    """What came of a run; `at_work`: kills that hit open jobs; `runs`: jobs by how often a process of them was started."""

    kills: int
    at_work: int = 0
    states: Counter[str] = field(default_factory=Counter)
    runs: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {name}" for name, count in sorted(self.states.items()))
        runs = ", ".join(f"{count} jobs run {times} times" for times, count in sorted(self.runs.items()))
        said = f"{self.kills} kills of the agent, {self.at_work} with open jobs: {ends}; {runs}"
        return "\n".join([said, *([f"WRONG: {what}" for what in self.wrong] or ["nothing wrong"])])


class Robot:
    """The agent's process on one folder, killed and started again."""

    def __init__(self, url: str, license_key: str, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        self._environment = kept | {"PODIUM_ROBOT_MACHINE_KEY": license_key}
        self._command = [*PYTHON, "-m", "podium.robot", "--url", f"{url}/default/default"]
        self._command += ["--folder", str(folder / "robot"), "--slots", str(SLOTS), "--name", "host"]
        self._log = folder / "robot.log"
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """SIGKILL, then a new agent."""
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


async def run(kills: int, jobs: int, seed: int, folder: Path) -> Outcome:
    """The whole run in an empty folder."""
    outcome, dice = Outcome(kills), random.Random(seed)  # noqa: S311 - a repeatable choice, no secret
    marks, project = folder / "marks", folder / "project"
    marks.touch()
    project.mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (project / "main.py").write_text(MAIN, encoding="utf-8")
    victim = Victim(folder)
    try:
        await victim.ready()
        with World(victim.server.url) as world:
            folder_id = world.folder("Faults")
            process_key = world.process(folder_id, project)
            robot = Robot(victim.server.url, world.machine("faults", folder_id, SLOTS), folder)
            try:
                told = Told()
                for number in range(jobs):
                    given = json.dumps({"marks": str(marks), "seconds": dice.uniform(*WORK_S)})
                    sent = world.start_jobs(folder_id, process_key, Reference=f"job-{number}", InputArguments=given)
                    answer = await asked(victim.port, sent)
                    told.sent.add(f"job-{number}")
                    told.acknowledged[f"job-{number}"] = json.loads(answer.body)["value"][0]["Key"]
                for _ in range(kills):
                    await asyncio.sleep(dice.uniform(*UP_S))
                    outcome.at_work += await checker.open_jobs(victim.database_url) > 0
                    await asyncio.to_thread(robot.kill)
                await checker.drained(victim.database_url, DRAIN_S)
                _judge(await checker.books(victim.database_url), told, marks, outcome)
            finally:
                await asyncio.to_thread(robot.stop)
    finally:
        await asyncio.to_thread(victim.server.stop)
    return outcome


def _judge(found: checker.Books, told: Told, marks: Path, outcome: Outcome) -> None:
    outcome.wrong += checker.starts(told, found) + checker.ends(found)
    runs = Counter(marks.read_text(encoding="utf-8").split())
    for job in found.jobs:
        outcome.states[STATE_NAMES[job.state]] += 1
        outcome.runs[runs[job.key]] += 1
        if runs[job.key] > 1:
            outcome.wrong.append(f"job {job.id} was run {runs[job.key]} times")
        if job.state is State.SUCCESSFUL and not runs[job.key]:
            outcome.wrong.append(f"job {job.id} is Successful and was never run")


def main() -> int:
    """Exit status 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    print(options, flush=True)
    with data_folder() as folder:
        outcome = asyncio.run(run(options.kills, options.jobs, options.seed, folder))
    print(outcome)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
