"""Filters and patches of SCIM, without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.scim.rules import (
    GROUP_FILTERS,
    USER_FILTERS,
    Operation,
    ScimFault,
    Team,
    attribute,
    email,
    parse_filter,
    patched_person,
    patched_team,
)
from podium.identity.users.provisioning.rules import Person

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))
PERSON = Person("mora", "mora@acme.test", "Mora", "Kessler", "Mora K.", True, "ext-1")
TEAM = Team("Blue", None, frozenset({ONE, TWO}))
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.sampled_from(
    ["", "active", "emails", 'emails[type eq "work"].value', "name", "name.givenName", "userName", "members",
     'members[value eq "x"]', "displayName", "externalId", "title", "shoeSize", "urn:a:b:userName"]
)  # fmt: skip
OPERATIONS = st.lists(
    st.builds(Operation, st.sampled_from(["add", "replace", "remove", "x"]), PATHS, ANYTHING), max_size=4
)


T = TypeVar("T")


def outcome(action: Callable[[], T]) -> T | ScimFault:
    """What the action gives, or how it was refused; anything else it raises is a defect."""
    try:
        return action()
    except ScimFault as fault:
        return fault


class TestFilter:
    @given(WORDS, WORDS)
    def test_a_written_filter_is_read_back(self, name: str, external: str) -> None:
        text = f"userName eq {json.dumps(name)} AND externalid  EQ {json.dumps(external, ensure_ascii=False)}"
        assert parse_filter(text, USER_FILTERS) == {"userName": name, "externalId": external}

    @given(st.text(max_size=60))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        found = outcome(lambda: parse_filter(text, GROUP_FILTERS))
        if isinstance(found, ScimFault):
            assert (found.status, found.scim_type) == (400, "invalidFilter")
        else:
            assert found

    def test_a_flag_is_a_flag_and_comes_as_a_word_too(self) -> None:
        for text in ("active eq true", 'active eq "True"', "ACTIVE eq TRUE"):
            assert parse_filter(text, USER_FILTERS) == {"active": True}

    def test_more_terms_than_attributes_are_refused(self) -> None:
        with pytest.raises(ScimFault):
            parse_filter(" and ".join(['userName eq "x"'] * 50), USER_FILTERS)


class TestAttribute:
    @pytest.mark.parametrize(
        ("path", "plain"),
        [
            ("userName", "username"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName", "name.givenname"),
            ('Emails[Type eq "Work"].Value', 'emails[Type eq "Work"].value'),
        ],
    )
    def test_case_and_schema_do_not_matter(self, path: str, plain: str) -> None:
        assert attribute(path) == plain


class TestPerson:
    @given(OPERATIONS)
    def test_whatever_comes_the_user_name_stays_or_it_is_refused(self, operations: list[Operation]) -> None:
        after = outcome(lambda: patched_person(PERSON, operations))
        if isinstance(after, ScimFault):
            assert after.status == 400
        else:
            assert after.user_name == PERSON.user_name
            assert isinstance(after.is_active, bool)

    @pytest.mark.parametrize(
        ("path", "value", "kept"),
        [
            ('emails[type eq "work"].value', "new@acme.test", "new@acme.test"),
            ("emails[primary eq true].value", "new@acme.test", "new@acme.test"),
            ('emails[type eq "home"].value', "new@acme.test", "mora@acme.test"),
            ('emails[value eq "MORA@acme.test"].value', "new@acme.test", "new@acme.test"),
            ('emails[type eq "work"].primary', True, "mora@acme.test"),
            ("emails", {"value": "new@acme.test"}, "new@acme.test"),
            ("emails", [], None),
        ],
    )
    def test_only_the_address_that_is_kept_changes(self, path: str, value: Any, kept: str | None) -> None:
        assert patched_person(PERSON, [Operation("replace", path, value)]).email == kept

    def test_an_address_that_is_not_kept_is_not_removed(self) -> None:
        for path, kept in (('emails[value eq "x@y.z"]', PERSON.email), ("emails", None)):
            assert patched_person(PERSON, [Operation("remove", path, None)]).email == kept

    def test_of_several_addresses_the_primary_one_or_the_first(self) -> None:
        one, two = {"value": "a@x.y"}, {"value": "b@x.y", "primary": True}
        assert (email([one, two]), email([one]), email([])) == ("b@x.y", "a@x.y", None)

    def test_the_name_is_taken_apart(self) -> None:
        value = {"givenName": "A", "formatted": "A B", "middleName": "x"}
        after = patched_person(PERSON, [Operation("add", "name", value)])
        assert (after.first_name, after.last_name, after.display_name) == ("A", "Kessler", "Mora K.")


class TestTeam:
    @given(OPERATIONS)
    def test_whatever_comes_the_group_has_a_name_or_it_is_refused(self, operations: list[Operation]) -> None:
        after = outcome(lambda: patched_team(TEAM, operations))
        if isinstance(after, ScimFault):
            assert after.status == 400
        else:
            assert after.name
            assert all(isinstance(id_, UUID) for id_ in after.members)

    @pytest.mark.parametrize(
        ("op", "path", "value", "members"),
        [
            ("add", "members", [{"value": str(THREE)}], {ONE, TWO, THREE}),
            ("replace", "members", [{"value": str(THREE)}], {THREE}),
            ("replace", "members", None, set()),
            ("remove", "members", [{"value": str(ONE)}], {TWO}),
            ("remove", "members", None, set()),
            ("remove", f'members[value eq "{ONE}"]', None, {TWO}),
            ("add", "", {"members": {"value": str(THREE)}}, {ONE, TWO, THREE}),
        ],
    )
    def test_members(self, op: str, path: str, value: Any, members: set[UUID]) -> None:
        assert patched_team(TEAM, [Operation(op, path, value)]).members == members
