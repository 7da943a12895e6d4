"""The life of a job as a table, walked at random."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Conflict
from podium.orchestrator.jobs import rules
from podium.orchestrator.jobs.rules import FINAL, State, Target

REPORTS = (State.RUNNING, State.FAULTED, State.SUCCESSFUL, State.STOPPED)
MOVES = st.one_of(
    st.sampled_from(REPORTS).map(lambda state: ("report", state)),
    st.sampled_from((rules.SOFT_STOP, rules.KILL)).map(lambda strategy: ("stop", strategy)),
)


def moved(state: State, move: tuple[str, object]) -> State:
    kind, what = move
    if kind == "report":
        assert isinstance(what, State)
        return rules.after_report(state, what) or state
    try:
        return rules.after_stop(state, str(what)) or state
    except Conflict:
        return state


@given(st.lists(MOVES, max_size=12))
def test_no_move_leaves_a_final_state(moves: list[tuple[str, object]]) -> None:
    state = State.PENDING
    for move in moves:
        following = moved(state, move)
        assert state not in FINAL or following is state
        state = following


@given(st.sampled_from(list(State)), st.sampled_from(REPORTS))
def test_a_doubled_report_changes_nothing_the_second_time(state: State, report: State) -> None:
    once = rules.after_report(state, report) or state
    twice = rules.after_report(once, report) or once
    assert twice is once


@given(st.sampled_from(list(State)), st.sampled_from(REPORTS))
def test_a_job_never_ends_without_having_run(state: State, report: State) -> None:
    path = rules.path_of_report(state, report)
    if state in rules.WAITING and path and path[-1] in FINAL:
        assert path[0] is State.RUNNING


def test_states_that_take_a_report_agree_with_the_table() -> None:
    for report in REPORTS:
        taking = {int(state) for state in State if rules.after_report(state, report) is not None}
        assert set(rules.states_that_take(report)) == taking
    assert 5 not in rules.states_that_take(State.RUNNING)


@pytest.mark.parametrize(
    ("state", "strategy", "following"),
    [
        (State.PENDING, rules.SOFT_STOP, State.STOPPED),
        (State.RESUMED, rules.KILL, State.STOPPED),
        (State.SUSPENDED, rules.SOFT_STOP, State.STOPPED),
        (State.RUNNING, rules.SOFT_STOP, State.STOPPING),
        (State.RUNNING, rules.KILL, State.TERMINATING),
        (State.STOPPING, rules.SOFT_STOP, None),
        (State.STOPPING, rules.KILL, State.TERMINATING),
        (State.TERMINATING, rules.KILL, None),
    ],
)
def test_stop(state: State, strategy: str, following: State | None) -> None:
    assert rules.after_stop(state, strategy) is following


@pytest.mark.parametrize("strategy", [rules.SOFT_STOP, rules.KILL])
@pytest.mark.parametrize("state", sorted(FINAL))
def test_409_stop_of_a_finished_job(state: State, strategy: str) -> None:
    with pytest.raises(Conflict):
        rules.after_stop(state, strategy)


@given(st.none() | st.integers(1, 100), st.none() | st.sampled_from(["Low", "Normal", "High"]), st.integers(1, 100))
def test_the_value_of_a_priority_wins_over_its_band(value: int | None, name: str | None, inherited: int) -> None:
    chosen = rules.priority(value, name, inherited)
    if value is not None:
        assert chosen == value
    elif name is not None:
        assert rules.band(chosen) == name
    else:
        assert chosen == inherited


@pytest.mark.parametrize(("text", "expected"), [(None, None), ("", None), (" 90 ", 90), ("0", 0)])
def test_seconds(text: str | None, expected: int | None) -> None:
    assert rules.seconds(text, "startInfo.StopProcessExpression") == expected


@pytest.mark.parametrize("text", ["0 30 * * *", "-1", "1.5", "٣", "9999999999"])
def test_400_seconds_that_are_none(text: str) -> None:
    with pytest.raises(BadRequest, match="StopProcessExpression"):
        rules.seconds(text, "startInfo.StopProcessExpression")


class TestTargets:
    def test_one_job_when_nothing_is_said(self) -> None:
        assert rules.targets(None, None, None, [], [], [], []) == [Target()]
        assert rules.targets(None, 0, None, [], [], [], []) == [Target()]

    def test_one_job_per_robot_when_specific(self) -> None:
        assert rules.targets("Specific", None, None, [4, 9], [], [], []) == [Target(robot_id=4), Target(robot_id=9)]

    def test_mappings_take_turns(self) -> None:
        mappings = [Target(1, 2), Target(3, 4)]
        assert rules.targets("ModernJobsCount", 3, None, [], mappings, [], []) == [*mappings, mappings[0]]

    def test_all_means_every_robot_of_the_folder(self) -> None:
        assert rules.targets("All", None, None, [], [], [], [7]) == [Target(robot_id=7)]

    @pytest.mark.parametrize(
        ("strategy", "count", "robots"),
        [
            ("Specific", None, None),
            ("RobotCount", None, 0),
            ("ModernJobsCount", 0, None),
            ("JobsCount", -1, None),
            (None, 10_001, None),
        ],
    )
    def test_400_names_the_member(self, strategy: str | None, count: int | None, robots: int | None) -> None:
        with pytest.raises(BadRequest, match="startInfo"):
            rules.targets(strategy, count, robots, [], [], [], [])

    def test_409_all_without_robots(self) -> None:
        with pytest.raises(Conflict):
            rules.targets("All", None, None, [], [], [], [])


@pytest.mark.parametrize(
    ("content", "runtime", "expected"),
    [("function", "python", "function/python"), ("Agent", "pythonAgent", "agent/pythonagent"), (None, "python", "process/python"),
     ("api", None, "api"), ("process", None, None), (None, None, None)],
)  # fmt: skip
def test_capability(content: str | None, runtime: str | None, expected: str | None) -> None:
    assert rules.capability(content, runtime) == expected
