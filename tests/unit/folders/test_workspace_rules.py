"""The name of a personal workspace, and who may explore it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import Conflict
from podium.orchestrator.folders.rules import clean_name
from podium.orchestrator.personal_workspaces import rules


@given(st.text())
def test_a_workspace_of_any_user_has_a_name_that_a_folder_can_have(user_name: str) -> None:
    name = rules.workspace_name(user_name)
    assert clean_name(name) == name


def test_a_plain_user_name_stays() -> None:
    assert rules.workspace_name("ada@example.com") == "ada@example.com's workspace"


@pytest.mark.parametrize(("user", "exploring"), [(1, []), (2, [2]), (2, [3])])
def test_a_start_is_refused_to_the_owner_twice_and_beside_another(user: int, exploring: list[int]) -> None:
    with pytest.raises(Conflict):
        rules.check_start(user, 1, exploring)


def test_a_start_is_let_through_when_nobody_explores() -> None:
    rules.check_start(2, 1, [])


@pytest.mark.parametrize(("user", "exploring"), [(1, []), (2, []), (2, [3])])
def test_a_stop_is_refused_to_who_does_not_explore(user: int, exploring: list[int]) -> None:
    with pytest.raises(Conflict):
        rules.check_stop(user, 1, exploring)


def test_a_stop_is_let_through_to_who_explores() -> None:
    rules.check_stop(2, 1, [2])
