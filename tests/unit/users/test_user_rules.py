"""What may be said of a user, and what may happen to one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Conflict, Forbidden
from podium.orchestrator.users import rules
from podium.orchestrator.users.rules import Profile

CHANGED = st.frozensets(st.sampled_from(Profile._fields))


@given(CHANGED, st.booleans(), st.booleans(), st.booleans())
def test_nobody_changes_more_than_he_may(
    changed: frozenset[str], edits_users: bool, edits_robots: bool, is_own: bool
) -> None:
    allowed = set(Profile._fields) if edits_users else set()
    if is_own:
        allowed |= {"name", "surname"}
    if edits_robots:
        allowed |= {"may_have_robot_session", "may_have_unattended_session"}
    try:
        rules.check_may_change(changed, edits_users=edits_users, edits_robots=edits_robots, is_own=is_own)
    except Forbidden:
        assert not changed <= allowed
    else:
        assert changed <= allowed


def test_what_differs_is_named() -> None:
    assert Profile(name="a").changed(Profile(name="b", is_active=False)) == {"name", "is_active"}
    assert Profile().changed(Profile()) == frozenset()


@pytest.mark.parametrize("culture", ["en", "pt-BR", "zh-Hant-TW", "JA"])
def test_the_tag_of_a_language_is_taken(culture: str) -> None:
    assert rules.clean_culture(f" {culture} ") == culture


@pytest.mark.parametrize("culture", ["", "e", "english!", "en_US", "en-", "en-\n"])
def test_other_text_is_no_language(culture: str) -> None:
    with pytest.raises(BadRequest):
        rules.clean_culture(culture)


def test_ones_own_user_and_the_first_administrator_stay() -> None:
    rules.check_may_end(5, "ann", 6, "delete")
    with pytest.raises(Conflict, match="own user"):
        rules.check_may_end(5, "ann", 5, "delete")
    with pytest.raises(Conflict, match="cannot be deleted"):
        rules.check_may_end(5, "ADMIN", 6, "delete")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 257, "a\u2028b"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        rules.clean_user_name(name)


def test_a_person_needs_what_a_host_signs_in_with_and_a_robot_account_does_not() -> None:
    nothing = {"user_name": None, "password": None, "credential_type": None, "external_name": None}
    rules.check_first_account("DirectoryRobot", **nothing)
    rules.check_first_account("DirectoryUser", **{**nothing, "credential_type": "NoCredential"})
    rules.check_first_account("DirectoryUser", **{**nothing, "user_name": "a", "external_name": "vault/a"})
    rules.check_first_account("DirectoryUser", **{**nothing, "user_name": "a", "password": "b"})
    for lacking in ({"user_name": "a"}, {"password": "b"}, {}):
        with pytest.raises(BadRequest):
            rules.check_first_account("DirectoryUser", **{**nothing, **lacking})


def test_a_version_of_ones_own_is_named() -> None:
    rules.check_update_policy("LatestVersion", None)
    with pytest.raises(BadRequest):
        rules.check_update_policy("SpecificVersion", None)
    with pytest.raises(BadRequest):
        rules.check_update_policy("None", "x" * 129)
