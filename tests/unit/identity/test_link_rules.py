"""Texts of links in mails."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from podium.identity.links.rules import LIVES, PAGES, SECRET_BYTES, address, organization_of, token_of


@given(st.uuids(), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_text_names_its_organization_and_needs_no_escape_in_an_address(organization_id: UUID, secret: bytes) -> None:
    token = token_of(organization_id, secret)
    assert organization_of(token) == organization_id
    assert address("https://x/identity_", "reset", token) == f"https://x/identity_/web/reset?token={token}"
    assert token.replace("-", "").replace("_", "").isalnum()


@given(st.uuids(), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_other_secrets_make_other_texts(organization_id: UUID, one: bytes, other: bytes) -> None:
    assert (token_of(organization_id, one) == token_of(organization_id, other)) is (one == other)


@given(st.text(max_size=100) | st.text(alphabet="AZaz09-_+/=.", min_size=64, max_size=64))
def test_any_other_text_is_an_organization_or_none_and_never_an_error(text: str) -> None:
    found = organization_of(text)
    assert found is None or len(text) == 64


@given(st.uuids(), st.integers(1, 63))
def test_a_text_that_was_cut_is_no_link(organization_id: UUID, length: int) -> None:
    assert organization_of(token_of(organization_id, bytes(SECRET_BYTES))[:length]) is None


def test_every_purpose_has_an_end_and_a_page() -> None:
    assert LIVES.keys() == PAGES.keys()
    assert SECRET_BYTES * 8 >= 256
