"""What settings may be, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Conflict, NotFound
from podium.orchestrator.settings import rules
from podium.orchestrator.settings.known import KNOWN, Known, fold

ALL = sorted(KNOWN.values())


@pytest.mark.parametrize("known", ALL, ids=lambda known: known.name)
def test_every_default_is_allowed_and_stays_what_it_is(known: Known) -> None:
    assert known.check(known.default) == known.default
    assert rules.readable(known, None) == known.default


@given(st.sampled_from(ALL), st.text(max_size=40))
def test_any_text_is_refused_or_stored_in_a_form_that_is_read_again(known: Known, text: str) -> None:
    try:
        change = rules.change(known.name, text, "Value")
    except (BadRequest, Conflict):
        return
    if change.value is not None:
        assert known.check(change.value) == change.value
        assert rules.readable(known, change.value) == change.value


@given(st.text(max_size=40).filter(lambda text: fold(text) not in KNOWN))
def test_a_name_that_is_none_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        rules.change(name, "1", "Value")


@given(st.sampled_from(ALL), st.text(max_size=20))
def test_what_holds_is_always_allowed(known: Known, stored: str) -> None:
    held = rules.readable(known, stored)
    assert known.check(held) == held


def test_a_secret_is_never_shown() -> None:
    for known in ALL:
        if known.is_secret:
            assert rules.shown(known, "clear", has_secret=True) == rules.MASK
            assert rules.shown(known, None, has_secret=False) == ""


@pytest.mark.parametrize("known", [known for known in ALL if known.scope != "All"], ids=lambda known: known.name)
def test_users_set_only_what_is_theirs(known: Known) -> None:
    with pytest.raises(Conflict):
        rules.change(known.name, known.default, "Value", by_user=True)
