"""The checker sees what it is there to see: each fault, alone, in books that are otherwise in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from podium.orchestrator.jobs.rules import State
from tests.faults.checker import Books, Job, ends, starts
from tests.faults.journal import Told

RUNNING, SUCCESSFUL, FAULTED = State.RUNNING, State.SUCCESSFUL, State.FAULTED


def job(number: int) -> Job:
    """A job that went well."""
    return Job(number, f"key-{number}", f"call-{number}", SUCCESSFUL, 1, (RUNNING, SUCCESSFUL))


def books(*jobs: Job) -> Books:
    """Books in which every job has its audit row and its events."""
    events = Counter({("job.created", one.id): 1 for one in jobs})
    names = {SUCCESSFUL: "job.completed", FAULTED: "job.faulted"}
    events.update((names[one.state], one.id) for one in jobs if one.state in names)
    return Books(list(jobs), Counter(one.id for one in jobs), events)


def told(*jobs: Job) -> Told:
    """What clients know when every call was acknowledged."""
    return Told({one.reference for one in jobs}, {one.reference: one.key for one in jobs})


class TestStarts:
    def test_nothing_is_wrong_with_good_books(self) -> None:
        assert starts(told(job(1), job(2)), books(job(1), job(2))) == []

    def test_a_job_of_an_unanswered_call_may_exist_or_not(self) -> None:
        sent = Told({"call-1", "call-2"}, {}, {"call-1", "call-2"})
        assert starts(sent, books(job(1))) == []

    def test_an_acknowledged_job_is_lost(self) -> None:
        assert starts(told(job(1), job(2)), books(job(1))) == ["1 lost: acknowledged and not there: call-2"]

    def test_a_call_made_two_jobs(self) -> None:
        twin = replace(job(2), reference="call-1", key="key-1")
        assert starts(told(job(1)), books(job(1), twin)) == ["1 doubled: two jobs of one call: call-1"]

    def test_a_refused_call_made_a_job(self) -> None:
        sent = Told({"call-1"}, refused={"call-1": "500"})
        assert starts(sent, books(job(1))) == ["1 refused and there all the same: call-1"]

    def test_the_key_is_not_the_one_that_was_told(self) -> None:
        assert starts(told(replace(job(1), key="other")), books(job(1))) == ["1 another key than acknowledged: call-1"]

    def test_nobody_asked_for_the_job(self) -> None:
        assert starts(told(), books(job(1))) == ["1 never asked for: call-1"]

    def test_the_audit_row_is_missing(self) -> None:
        found = books(job(1))
        found.audited.clear()
        assert starts(told(job(1)), found) == ["1 without exactly one audit row: 1"]

    def test_the_event_was_stored_twice(self) -> None:
        found = books(job(1))
        found.events["job.created", 1] = 2
        assert starts(told(job(1)), found) == ["1 without exactly one job.created: 1"]


class TestEnds:
    def test_nothing_is_wrong_with_good_books(self) -> None:
        assert ends(books(job(1), replace(job(2), state=FAULTED, history=(RUNNING, FAULTED)))) == []

    @pytest.mark.parametrize(
        ("history", "complaint"),
        [
            ((SUCCESSFUL,), "by way of Successful"),
            ((RUNNING, SUCCESSFUL, SUCCESSFUL), "has the ends Successful, Successful"),
            ((RUNNING, FAULTED, SUCCESSFUL), "has the ends Faulted, Successful"),
            ((RUNNING, RUNNING, SUCCESSFUL), "by way of Running, Running, Successful"),
            ((RUNNING, SUCCESSFUL, RUNNING), "went on after its end"),
            ((), "has the ends nothing"),
        ],
    )
    def test_a_history_that_no_job_may_have(self, history: tuple[State, ...], complaint: str) -> None:
        assert complaint in " / ".join(ends(books(replace(job(1), history=history))))

    def test_a_job_that_never_ends(self) -> None:
        assert ends(books(replace(job(1), state=RUNNING, history=(RUNNING,)))) == ["job 1 is Running"]

    def test_an_end_that_was_not_wanted(self) -> None:
        found = books(replace(job(1), state=FAULTED, history=(RUNNING, FAULTED)))
        assert ends(found, wanted=[SUCCESSFUL]) == ["job 1 is Faulted"]

    def test_the_event_of_the_end_is_missing(self) -> None:
        found = books(job(1))
        del found.events["job.completed", 1]
        assert len(ends(found)) == 1
