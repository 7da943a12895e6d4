"""Rules of processes: names, entry points over versions, history, variables."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.orchestrator.processes import rules

VERSIONS = st.sampled_from(["1.0.0", "1.0", "1.1.0-beta", "1.1.0", "2.0.0"])


class Point(NamedTuple):
    id: int
    unique_id: UUID
    path: str


POINTS = [Point(n, UUID(int=n), path) for n, path in enumerate(("main", "Other", "third"), start=1)]


def test_nothing_chosen_is_the_main_entry_point() -> None:
    assert rules.chosen_entry_point(POINTS, "Other", rules.MAIN) is POINTS[1]
    assert rules.chosen_entry_point(POINTS, "gone", rules.MAIN) is POINTS[0]
    assert rules.chosen_entry_point([], None, rules.MAIN) is None


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (rules.Choice(path="OTHER"), 2),
        (rules.Choice(id=3), 3),
        (rules.Choice(id=3, path="main"), 3),
        (rules.Choice(id=99, unique_id=UUID(int=2), path="main"), 2),
        (rules.Choice(id=99, unique_id=UUID(int=99), path="main"), 1),
        (rules.Choice(path="nowhere"), None),
        (rules.Choice(id=99), None),
    ],
)
def test_a_choice_is_found_by_row_then_unique_id_then_path(choice: rules.Choice, expected: int | None) -> None:
    found = rules.chosen_entry_point(POINTS, "main", choice)
    assert (found.id if found else None) == expected


def test_what_only_repeats_the_present_is_no_wish() -> None:
    assert rules.wanted_entry_point(None, None, 1, "main") is None
    assert rules.wanted_entry_point(1, "MAIN", 1, "main") is None
    assert rules.wanted_entry_point(None, "", 1, "main") is None


def test_of_id_and_path_the_changed_one_is_meant() -> None:
    assert rules.wanted_entry_point(1, "other", 1, "main") == rules.Choice(path="other")
    assert rules.wanted_entry_point(2, "main", 1, "main") == rules.Choice(id=2)
    assert rules.wanted_entry_point(2, "other", 1, "main") == rules.Choice(path="other")
    assert rules.wanted_entry_point(2, None, None, None) == rules.Choice(id=2)


@given(st.lists(VERSIONS, min_size=1, max_size=8))
def test_rolling_back_twice_returns(steps: list[str]) -> None:
    history = [rules.Version(n, version) for n, version in enumerate(steps, start=1)]
    if all(rules.is_same(step, steps[-1]) for step in steps):
        with pytest.raises(Conflict) as refused:
            rules.previous_version(history, history[-1].id, steps[-1])
        assert refused.value.code == Code.PREVIOUS_VERSION_NOT_FOUND
        return
    previous = rules.previous_version(history, history[-1].id, steps[-1])
    assert not rules.is_same(previous, steps[-1])
    history.append(rules.Version(len(history) + 1, previous))
    again = rules.previous_version(history, history[-1].id, previous)
    assert rules.is_same(again, steps[-1])


@given(VERSIONS, VERSIONS)
def test_newer_is_a_strict_order(left: str, right: str) -> None:
    assert rules.is_newer(left, right) + rules.is_newer(right, left) + rules.is_same(left, right) == 1


@given(st.text())
def test_a_clean_name_stays_clean(text: str) -> None:
    try:
        name = rules.clean_name(text)
    except BadRequest:
        assert not text.strip() or len(text) > rules.MAX_NAME_LENGTH or not text.strip().isprintable()
    else:
        assert rules.clean_name(name) == name


@pytest.mark.parametrize("text", ["A=1", "A=1\nB=", "A=x=y\r\n\r\nB=2\n", " A =1"])
def test_variables_are_lines_of_key_and_value(text: str) -> None:
    assert rules.environment_variables(text) == text


@pytest.mark.parametrize("text", ["A", "=1", "A=1\nB", "1A=2", "A B=1"])
def test_other_variables_are_refused_by_their_line(text: str) -> None:
    with pytest.raises(BadRequest, match=f"line {text.count(chr(10)) + 1} "):
        rules.environment_variables(text)


def test_blank_variables_are_none() -> None:
    assert rules.environment_variables(None) is None
    assert rules.environment_variables(" \n") is None


def test_a_managed_version_is_not_chosen_by_hand() -> None:
    rules.check_may_choose_version("p", is_auto_update=False)
    with pytest.raises(Conflict) as refused:
        rules.check_may_choose_version("p", is_auto_update=True)
    assert refused.value.code == Code.VERSIONS_MANAGED_AUTOMATICALLY


def test_long_arguments_are_refused() -> None:
    assert rules.check_length("x" * rules.MAX_ARGUMENTS, "inputArgs")
    with pytest.raises(BadRequest, match="inputArgs"):
        rules.check_length("x" * (rules.MAX_ARGUMENTS + 1), "inputArgs")
