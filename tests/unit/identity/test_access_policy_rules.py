"""Changes of the access policy."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from podium.identity.access_policy.rules import Kind, changed, is_open

EVERYONE = UUID(int=1)
IDS = st.integers(2, 6).map(lambda number: UUID(int=number))
KINDS: st.SearchStrategy[Kind] = st.sampled_from(("user", "group"))
POLICIES = st.dictionaries(IDS, KINDS)


@given(POLICIES, st.sets(IDS), st.sets(IDS), st.sampled_from(("user", "group")))
def test_others_stay_and_the_removed_of_the_kind_are_gone(
    present: dict[UUID, Kind], add: set[UUID], remove: set[UUID], kind: Kind
) -> None:
    assert kind != "everyone"
    added: dict[UUID, Kind] = dict.fromkeys(add - set(present), kind)
    after = changed(present, added, remove, kind)
    assert {id_ for id_, one in after.items() if one == kind} & remove == set()
    assert {id_: one for id_, one in present.items() if one != kind}.items() <= after.items()
    assert set(after) <= set(present) | add
    assert set(added) - remove <= set(after)


def test_everyone_is_a_group() -> None:
    present: dict[UUID, Kind] = {EVERYONE: "everyone", UUID(int=2): "user"}
    assert changed(present, {}, [EVERYONE], "user") == present
    assert changed(present, {}, [EVERYONE], "group") == {UUID(int=2): "user"}


def test_only_everyone_alone_is_the_policy_that_nobody_set() -> None:
    assert is_open({EVERYONE: "everyone"})
    assert not is_open({EVERYONE: "everyone", UUID(int=2): "user"})
    assert not is_open({UUID(int=2): "group"})
    assert not is_open({})
