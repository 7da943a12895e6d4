"""From a process's end to the job's final state."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.robot.outcome import Ending, outcome_of, suspension_dto
from podium.robot.record import Stop

CONTEXT: dict[str, Any] = {"stop": None, "is_uipath": False, "is_adopted": False}
RESULTS = (
    st.none()
    | st.integers()
    | st.dictionaries(
        st.sampled_from(["status", "output", "error", "resume"]),
        st.none() | st.sampled_from(["successful", "suspended", "faulted"]) | st.dictionaries(st.text(), st.text()),
    )
)
STOPS = st.sampled_from([None, "SoftStop", "Kill", "Shutdown"])


def test_successful_without_an_output_file() -> None:
    outcome = outcome_of(Ending(code=0), None, **CONTEXT)
    assert (outcome.state, outcome.output) == ("Successful", "{}")


@pytest.mark.parametrize("stop", ["SoftStop", "Kill"])
def test_successful_when_the_job_ended_well_in_spite_of_a_stop(stop: Stop) -> None:
    assert outcome_of(Ending(code=0), b"{}", **CONTEXT | {"stop": stop}).state == "Successful"


@pytest.mark.parametrize("stop", ["SoftStop", "Kill"])
def test_stopped_when_the_process_vanished_during_a_stop(stop: Stop) -> None:
    assert outcome_of(None, None, **CONTEXT | {"stop": stop}).state == "Stopped"


def test_faulted_with_the_signal_that_ended_the_process() -> None:
    outcome = outcome_of(Ending(code=-11, stderr_tail="last words"), None, **CONTEXT)
    assert outcome.error is not None
    assert (outcome.error.title, outcome.error.detail) == ("The process was ended by signal 11", "last words")


def test_faulted_by_the_shutdown_of_the_robot_is_not_blamed_on_the_job() -> None:
    outcome = outcome_of(Ending(code=-15), None, **CONTEXT | {"stop": "Shutdown"})
    assert outcome.error is not None
    assert outcome.error.code == "PODIUM.ROBOT_SHUT_DOWN"


def test_faulted_after_the_time_limit_even_when_the_job_ended_well_then() -> None:
    assert outcome_of(Ending(code=0, is_timed_out=True), b"{}", **CONTEXT).state == "Faulted"


def test_suspended_is_told_with_its_triggers() -> None:
    told = {"status": "suspended", "resumeTriggers": [{"triggerType": "Timer"}], "error": {"code": "C", "title": "T"}}
    outcome = outcome_of(Ending(code=0), json.dumps(told).encode(), **CONTEXT | {"is_uipath": True})
    assert outcome.suspension is not None
    dto = suspension_dto(
        outcome.suspension, robot_key="r", job_key="j", persistence_id="p", resume_version=2, at="2031-01-01T00:00:00Z"
    )
    assert dto["resumeTriggers"] == [{"triggerType": "Timer"}]
    assert (dto["subState"], dto["errorCode"], dto["resumeVersion"]) == ("faulted", "C", 2)


@given(
    ending=st.none()
    | st.builds(
        Ending,
        code=st.just(0) | st.none() | st.integers(-64, 255),
        failure=st.none() | st.just("no such file"),
        is_timed_out=st.booleans(),
        stderr_tail=st.text(),
    ),
    result=st.none() | st.binary() | RESULTS.map(lambda value: json.dumps(value).encode()),
    stop=STOPS,
    is_uipath=st.booleans(),
    is_adopted=st.booleans(),
)
def test_every_end_has_one_final_state_and_a_fault_has_a_reason(
    ending: Ending | None, result: bytes | None, stop: Stop | None, is_uipath: bool, is_adopted: bool
) -> None:
    outcome = outcome_of(ending, result, stop=stop, is_uipath=is_uipath, is_adopted=is_adopted)
    assert outcome.state in {"Successful", "Faulted", "Stopped", "Suspended"}
    assert (outcome.state == "Faulted") == (outcome.error is not None)
    assert outcome.state != "Stopped" or stop in {"SoftStop", "Kill"}
    if outcome.state == "Successful":
        assert isinstance(json.loads(outcome.output or ""), dict)
    if outcome.error is not None:
        assert outcome.error.title
        assert len(outcome.error.detail or "") <= 8000


@pytest.mark.parametrize(
    ("told", "output"),
    [
        ({}, "{}"),
        ({"output": None}, "{}"),
        ({"output": {"n": 1}}, '{"n":1}'),
        ({"output": "text"}, '{"output":"text"}'),
    ],
)
def test_the_runtimes_output_is_always_an_object(told: dict[str, Any], output: str) -> None:
    outcome = outcome_of(Ending(code=0), json.dumps(told).encode(), **CONTEXT | {"is_uipath": True})
    assert outcome.output == output
