"""Compares what clients were told with what the database holds: nothing lost, nothing doubled, every book balanced.

As a program: `python -m tests.faults.checker DATABASE_URL JOURNAL`.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from podium.orchestrator.jobs.rules import FINAL, STATE_NAMES, State
from tests.faults.journal import Told, read

SHOWN = 5
LOOK_S = 0.2
JOBS = (
    "SELECT id, key::text, reference, state, lease_epoch FROM orchestrator.jobs WHERE reference IS NOT NULL ORDER BY id"
)
HISTORY = "SELECT job_id, array_agg(state ORDER BY id) AS states FROM orchestrator.job_history GROUP BY job_id"
AUDIT = "SELECT entity_id FROM kernel.audit WHERE operation = 'Jobs_StartJobs'"
EVENTS = """
SELECT type, coalesce(payload->'Job'->>'Id', payload->'Jobs'->0->>'Id')::bigint AS job_id FROM kernel.outbox WHERE type LIKE 'job.%'
"""
OPEN_JOBS = "SELECT count(*) FROM orchestrator.jobs WHERE reference IS NOT NULL AND state <> ALL($1::smallint[])"
EVENT_OF = {State.FAULTED: "job.faulted", State.SUCCESSFUL: "job.completed", State.STOPPED: "job.stopped"}


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the database has it; `history` are the states that it went through after Pending."""

    id: int
    key: str
    reference: str
    state: State
    lease_epoch: int
    history: tuple[State, ...]


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that the server wrote down about the jobs of a run."""

    jobs: list[Job]
    audited: Counter[int]
    events: Counter[tuple[str, int]]


async def books(database_url: str) -> Books:
    """Read the database; jobs without a reference are not of the run."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            history = {row["job_id"]: tuple(map(State, row["states"])) for row in await connection.fetch(HISTORY)}
            jobs = [
                Job(
                    row["id"],
                    row["key"],
                    row["reference"],
                    State(row["state"]),
                    row["lease_epoch"],
                    history.get(row["id"], ()),
                )
                for row in await connection.fetch(JOBS)
            ]
            audited = Counter(int(row["entity_id"]) for row in await connection.fetch(AUDIT))
            events = Counter((row["type"], row["job_id"]) for row in await connection.fetch(EVENTS))
    finally:
        await connection.close()
    return Books(jobs, audited, events)


async def open_jobs(database_url: str) -> int:
    """How many jobs of the run have not ended."""
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval(OPEN_JOBS, [int(state) for state in FINAL]))
    finally:
        await connection.close()


async def drained(database_url: str, limit_s: float) -> None:
    """Wait until every job of the run ended, up to the limit; those that have not are for `ends` to tell."""
    for _ in range(int(limit_s / LOOK_S)):
        if not await open_jobs(database_url):
            return
        await asyncio.sleep(LOOK_S)


def starts(told: Told, found: Books) -> list[str]:
    """What is wrong with the starts: lost, doubled, never asked for, or without their audit row and event."""
    wrong: list[str] = []
    count = Counter(job.reference for job in found.jobs)
    keys = {job.reference: job.key for job in found.jobs}
    ids = {job.id for job in found.jobs}
    _add(wrong, "lost: acknowledged and not there", told.acknowledged.keys() - count.keys())
    _add(wrong, "doubled: two jobs of one call", (name for name, number in count.items() if number > 1))
    _add(wrong, "never asked for", count.keys() - told.sent)
    _add(wrong, "refused and there all the same", told.refused.keys() & count.keys())
    _add(wrong, "another key than acknowledged", (n for n, key in told.acknowledged.items() if keys.get(n, key) != key))
    _add(wrong, "without exactly one audit row", (i for i in ids if found.audited[i] != 1))
    _add(wrong, "without exactly one job.created", (i for i in ids if found.events["job.created", i] != 1))
    _add(wrong, "audited without a job", found.audited.keys() - ids)
    _add(wrong, "event without a job", {i for _, i in found.events} - ids)
    return wrong


def ends(found: Books, *, wanted: Iterable[State] = FINAL) -> list[str]:
    """What is wrong with the ends: none, several, one that is not wanted, success without Running, or no event."""
    wrong: list[str] = []
    allowed = frozenset(wanted)
    for job in found.jobs:
        finals = [state for state in job.history if state in FINAL]
        if job.state not in allowed:
            wrong.append(f"job {job.id} is {STATE_NAMES[job.state]}")
        if job.state in FINAL and finals != [job.state]:
            wrong.append(f"job {job.id} has the ends {_names(finals)} in its history and is {STATE_NAMES[job.state]}")
        if finals and job.history[-1] not in FINAL:
            wrong.append(f"job {job.id} went on after its end: {_names(job.history)}")
        if job.state is State.SUCCESSFUL and job.history != (State.RUNNING, State.SUCCESSFUL):
            wrong.append(f"job {job.id} became Successful by way of {_names(job.history)}")
        told = {name: found.events[name, job.id] for name in EVENT_OF.values()}
        due = {name: int(name == EVENT_OF.get(job.state)) for name in EVENT_OF.values()}
        if told != due:
            wrong.append(f"job {job.id} is {STATE_NAMES[job.state]} and its events are {told}")
    return wrong


def _names(states: Iterable[State]) -> str:
    return ", ".join(STATE_NAMES[state] for state in states) or "nothing"


def _add(wrong: list[str], what: str, found: Iterable[object]) -> None:
    names = sorted(map(str, found))
    if names:
        wrong.append(f"{len(names)} {what}: {', '.join(names[:SHOWN])}")


def main() -> int:
    """Check a database against a journal; exit status 1 when something is wrong."""
    database_url, journal = sys.argv[1:]
    found = asyncio.run(books(database_url))
    wrong = starts(read(Path(journal)), found) + ends(found)
    print("\n".join(wrong) or f"{len(found.jobs)} jobs, nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
