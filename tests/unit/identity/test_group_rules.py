"""Who may change members, what a name is, and which kinds the directory's words mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.directory_search.rules import (
    ENTITY_TYPES,
    OBJECT_TYPES,
    SOURCES,
    both,
    kinds_of_source,
    kinds_of_type,
)
from podium.identity.groups.rules import MAX_NAME, may_change_members, name_fault, stored_name

SCOPES = st.frozensets(
    st.sampled_from(
        ["PM.Group", "PM.Group.Write", "PM.Group.Read", "PM.User", "PM.User.Write", "PM.User.Read", "PM.RobotAccount"]
    )
)


class TestMayChangeMembers:
    @given(SCOPES)
    def test_what_opens_administrators_opens_every_group(self, scopes: frozenset[str]) -> None:
        if may_change_members(scopes, is_application=True, of_administrators=True):
            assert may_change_members(scopes, is_application=True, of_administrators=False)
            assert scopes & {"PM.User", "PM.User.Write"}

    @given(SCOPES)
    def test_reading_scopes_open_nothing(self, scopes: frozenset[str]) -> None:
        reading = frozenset(scope for scope in scopes if scope.endswith(".Read"))
        assert not may_change_members(reading, is_application=True, of_administrators=False)

    def test_a_user_was_asked_for_his_role_already(self) -> None:
        assert may_change_members(frozenset({"PM.RobotAccount"}), is_application=False, of_administrators=True)

    def test_every_right_of_the_management_api_is_enough(self) -> None:
        for scopes in (None, frozenset({"IdentityServerApi"})):
            assert may_change_members(scopes, is_application=True, of_administrators=True)


class TestName:
    @given(st.text(max_size=MAX_NAME + 20))
    def test_a_stored_name_is_stored_the_same_again(self, text: str) -> None:
        name = stored_name(text)
        assert stored_name(name) == name
        assert (name_fault(name) is None) is (0 < len(name) <= MAX_NAME)


class TestKinds:
    def test_names_in_any_case_and_numbers(self) -> None:
        for number, (name, kinds) in enumerate(ENTITY_TYPES.items()):
            assert kinds_of_type(name.upper()) == kinds_of_type(f" {number} ") == kinds
        for number, (name, kinds) in enumerate(SOURCES.items()):
            assert kinds_of_source(name.lower()) == kinds_of_source(str(number)) == kinds

    @pytest.mark.parametrize("text", ["", "robot", "-1", "99", "1.0", "user,group"])
    def test_other_words_are_none(self, text: str) -> None:
        assert kinds_of_type(text) is None

    @given(st.sampled_from([None, *ENTITY_TYPES.values()]), st.lists(st.sampled_from(list(SOURCES.values()))))
    def test_both_let_through_what_each_does(
        self, types: tuple[str, ...] | None, sources: list[tuple[str, ...]]
    ) -> None:
        kinds = both(types, sources)  # type: ignore[arg-type]  # the words of the rules, drawn
        assert set(kinds) <= set(types or OBJECT_TYPES)
        if sources:
            assert all(any(kind in source for source in sources) for kind in kinds)
        else:
            assert set(kinds) == set(types or OBJECT_TYPES)
