"""Versions: order, normalisation and the key that the database sorts by."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.packages.versions import latest, parse_version

ORDERED = [
    "0.0.0-0", "0.0.0", "0.0.0.1", "0.9", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-10.0", "1.0.0-10.a",
    "1.0.0--", "1.0.0-1-", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.1.1", "1.0.0-alpha.beta", "1.0.0-alpha-",
    "1.0.0-alpha1", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0.1-a", "1.0.0.1", "1.0.1", "1.2",
    "1.10", "2", "10.0.0", "2147483647.0.0",
]  # fmt: skip
EQUAL = [
    ("1", "1.0.0"),
    ("1.0", "1.0.0"),
    ("1.0.0.0", "1.0.0"),
    ("01.002.3", "1.2.3"),
    ("1.0.0+build", "1.0.0"),
    ("1.0.0-BETA+x.y", "1.0.0-beta"),
    ("1.0.0-b.01", "1.0.0-b.1"),
    ("1.2.3.4-x", "1.2.3.4-x"),
]
WRONG = [
    "", "v1.0.0", "1.", ".1", "1..0", "1.0.0.0.0", "1.0.0-", "1.0.0-a..b", "1.0.0+", "1.0.0-a_b", "1.0.0a1",
    "-1.0.0", "1.0.0 ", "1.0.0\n", "2147483648", "99999999999", "1.0.0-ä", "٣.0.0", "1.0.0-" + "a" * 123, "1,0",
]  # fmt: skip

LABEL = st.one_of(
    st.integers(min_value=0, max_value=10**30).map(str),
    st.text("0123456789abcxyzABCXYZ-", min_size=1, max_size=5),
)
NUMBERS = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**31 - 1)), min_size=1, max_size=4)


@st.composite
def version_texts(draw: st.DrawFn) -> str:
    text = ".".join(map(str, draw(NUMBERS)))
    labels = draw(st.lists(LABEL, max_size=3))
    metadata = draw(st.sampled_from(["", "+1", "+a.b"]))
    return text + ("-" + ".".join(labels) if labels else "") + metadata


def test_order() -> None:
    shuffled = ORDERED[::-2] + ORDERED[-2::-2]
    assert sorted(shuffled, key=parse_version) == ORDERED
    assert sorted(shuffled, key=lambda text: parse_version(text).sort_key) == ORDERED


@pytest.mark.parametrize(("text", "normalised"), EQUAL)
def test_texts_of_the_same_version(text: str, normalised: str) -> None:
    assert parse_version(text).normalised == normalised
    assert parse_version(text) == parse_version(normalised)
    assert parse_version(text).sort_key == parse_version(normalised).sort_key


@pytest.mark.parametrize("text", WRONG)
def test_400_1675_not_a_version(text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_version(text)
    assert refusal.value.code == 1675


@given(version_texts())
def test_normalising_twice_changes_nothing(text: str) -> None:
    version = parse_version(text)
    again = parse_version(version.normalised)
    assert again == version
    assert again.normalised == version.normalised


@given(version_texts(), version_texts())
def test_keys_sort_as_versions_do(left: str, right: str) -> None:
    first, second = parse_version(left), parse_version(right)
    assert (first < second) == (first.sort_key < second.sort_key)
    assert (first == second) == (first.sort_key == second.sort_key) == (first.normalised == second.normalised)
    assert (first < second) + (first == second) + (first > second) == 1


@given(version_texts())
def test_keys_are_digits_so_that_no_collation_matters(text: str) -> None:
    key = parse_version(text).sort_key
    assert key.isascii()
    assert key.isdigit()


@given(version_texts())
def test_a_prerelease_is_below_its_release(text: str) -> None:
    version = parse_version(text)
    release = parse_version(version.normalised.split("-")[0])
    assert version < release or version == release


@given(st.text(max_size=200))
def test_any_text_is_a_version_or_refused(text: str) -> None:
    with suppress(BadRequest):
        assert parse_version(text).sort_key


def test_latest() -> None:
    assert latest(["1.0.0", "1.10.0-rc.1", "1.9"]) == "1.10.0-rc.1"
    assert latest(["1.0.0-rc", "1.0"]) == "1.0"
    assert latest([]) is None
