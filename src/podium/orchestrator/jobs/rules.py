"""The life of a job: states, what may follow what, priorities, time limits, who may run it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from podium.kernel.errors import BadRequest, Code, Conflict


class State(IntEnum):
    """Numbers as on the wire and in the table."""

    PENDING = 0
    RUNNING = 1
    STOPPING = 2
    TERMINATING = 3
    FAULTED = 4
    SUCCESSFUL = 5
    STOPPED = 6
    SUSPENDED = 7
    RESUMED = 8


STATE_NAMES = (
    "Pending",
    "Running",
    "Stopping",
    "Terminating",
    "Faulted",
    "Successful",
    "Stopped",
    "Suspended",
    "Resumed",
)
FINAL = frozenset({State.FAULTED, State.SUCCESSFUL, State.STOPPED})
WAITING = frozenset({State.PENDING, State.RESUMED})

SOFT_STOP = "SoftStop"
KILL = "Kill"

_REPORTED: dict[State, dict[State, State]] = {
    **dict.fromkeys(
        (State.PENDING, State.RESUMED, State.RUNNING),
        {State.RUNNING: State.RUNNING} | {final: final for final in FINAL},
    ),
    State.STOPPING: {State.RUNNING: State.STOPPING} | {final: final for final in FINAL},
    State.TERMINATING: {State.RUNNING: State.TERMINATING} | {final: final for final in FINAL},
}


def after_report(current: State, reported: State) -> State | None:
    """The state that follows a robot's report; None when the report changes nothing (late, doubled, out of order)."""
    return _REPORTED.get(current, {}).get(reported)


def states_that_take(reported: State) -> tuple[int, ...]:
    """The states in which a report of this kind has an effect."""
    return tuple(int(state) for state in State if after_report(state, reported) is not None)


def path_of_report(current: State, reported: State) -> tuple[State, ...]:
    """The states entered by a report, in order: a job that ends without having reported Running ran all the same."""
    following = after_report(current, reported)
    if following is None or following is current:
        return ()
    if current in WAITING and following in FINAL:
        return (State.RUNNING, following)
    return (following,)


def after_stop(current: State, strategy: str) -> State | None:
    """The state that follows a stop request; None when nothing changes. Raises Conflict for a finished job."""
    if current in FINAL:
        if strategy == KILL:
            raise Conflict("The job has ended and cannot be terminated.", Code.JOB_CANNOT_BE_TERMINATED)
        raise Conflict("The job has ended and cannot be stopped.", Code.JOB_CANNOT_BE_CANCELLED)
    if current in WAITING or current is State.SUSPENDED:
        return State.STOPPED
    if strategy == KILL:
        return None if current is State.TERMINATING else State.TERMINATING
    return State.STOPPING if current is State.RUNNING else None


PRIORITY_OF_BAND = {"Low": 25, "Normal": 45, "High": 65}


def band(priority: int) -> str:
    """The name of a priority's band: Low up to 30, High from 61."""
    return "Low" if priority <= 30 else "High" if priority >= 61 else "Normal"


def priority(value: int | None, name: str | None, inherited: int) -> int:
    """The effective priority 1..100: the value wins over the band, both over what is inherited."""
    if value is not None:
        return value
    return inherited if name is None else PRIORITY_OF_BAND[name]


def seconds(text: str | None, member: str) -> int | None:
    """A time limit, which the wire gives as text holding whole seconds. Raises BadRequest."""
    if text is None or not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdigit() or len(text.strip()) > 9:
        raise BadRequest(f"{member}: expected a whole number of seconds, got {text[:40]!r}.")
    return int(text.strip())


MAX_JOBS_PER_START = 10_000


@dataclass(frozen=True, slots=True)
class Target:
    """Where one job must run; all None: wherever there is room."""

    robot_id: int | None = None
    machine_id: int | None = None
    session_ids: tuple[int, ...] = ()


def targets(
    strategy: str | None,
    count: int | None,
    no_of_robots: int | None,
    robot_ids: Sequence[int],
    mappings: Sequence[Target],
    session_ids: Sequence[int],
    folder_robots: Sequence[int],
) -> list[Target]:
    """One target per job that StartJobs is to make. Raises BadRequest that names the member."""
    chosen = strategy or "ModernJobsCount"
    if chosen == "Specific":
        if not robot_ids and not mappings:
            raise BadRequest("startInfo.RobotIds: the strategy Specific needs at least one robot.")
        return [Target(robot_id=robot) for robot in robot_ids] or list(mappings)
    if chosen == "All":
        if not folder_robots:
            raise Conflict("No robot of this folder can run the process.", Code.INVALID_START_JOB_ROBOTS)
        return [Target(robot_id=robot) for robot in folder_robots]
    if chosen == "RobotCount":
        if not no_of_robots or no_of_robots < 1:
            raise BadRequest("startInfo.NoOfRobots: the strategy RobotCount needs a number of at least 1.")
        number = no_of_robots
    else:
        number = 1 if count is None or (strategy is None and count == 0) else count
        if number < 1:
            raise BadRequest("startInfo.JobsCount: expected at least 1.")
    if number > MAX_JOBS_PER_START:
        raise BadRequest(f"startInfo.JobsCount: at most {MAX_JOBS_PER_START} jobs can be started at once.")
    pool = list(mappings) or [Target(robot_id=robot) for robot in robot_ids]
    if not pool:
        pool = [Target(session_ids=tuple(session_ids))]
    return [pool[position % len(pool)] for position in range(number)]


def capability(content_type: str | None, target_runtime: str | None) -> str | None:
    """What a host must advertise to run the package, lower-case; None for a package of workflows.

    `function/python`, `agent/pythonagent`, `api`; a plain Python project is `process/python`.
    """
    kind, runtime = (content_type or "").lower(), (target_runtime or "").lower()
    if kind == "api":
        return "api"
    if not runtime:
        return None
    return f"{kind or 'process'}/{runtime}"
