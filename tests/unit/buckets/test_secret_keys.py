"""Under which name a store outside keeps the secret key of a bucket, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Conflict
from podium.orchestrator.buckets import rules
from podium.orchestrator.credential_stores.rules import MAX_EXTERNAL_NAME, fresh_name

NAMES = st.none() | st.text(min_size=1, max_size=450)
SECRETS = st.none() | st.text(min_size=1)
BUCKETS = st.text(min_size=1, max_size=128)


def place(password: str | None, asked: str | None, stored: str | None, bucket: str, *, is_read_only: bool) -> str:
    return rules.external_name(password, asked, stored, bucket, store="Vault", is_read_only=is_read_only)


class TestExternalName:
    @given(SECRETS, NAMES, NAMES, BUCKETS, st.booleans())
    def test_what_is_asked_for_counts_then_what_is_there_then_one_is_made(
        self, password: str | None, asked: str | None, stored: str | None, bucket: str, is_read_only: bool
    ) -> None:
        if is_read_only and password is not None:
            with pytest.raises(BadRequest, match="Password: the credential store Vault is read only"):
                place(password, asked, stored, bucket, is_read_only=True)
            return
        if not is_read_only and (password, asked, stored) == (None, None, None):
            with pytest.raises(BadRequest, match="Password is required"):
                place(password, asked, stored, bucket, is_read_only=False)
            return
        found = place(password, asked, stored, bucket, is_read_only=is_read_only)
        known = asked or stored or (bucket if is_read_only else None)
        assert found == known or (known is None and found.startswith("podium-"))

    @given(BUCKETS)
    def test_names_that_are_made_fit_and_are_never_the_same(self, bucket: str) -> None:
        names = {fresh_name(bucket) for _ in range(3)}
        assert len(names) == 3
        assert all(len(name) <= MAX_EXTERNAL_NAME and name.isascii() and "/" not in name for name in names)


class TestKeptHere:
    @given(SECRETS, st.booleans())
    def test_a_secret_key_is_required_where_there_is_none(self, password: str | None, is_there: bool) -> None:
        if password is None and not is_there:
            with pytest.raises(BadRequest, match="Password is required"):
                rules.check_kept_here(password, None, store="Database", is_there=is_there)
        else:
            rules.check_kept_here(password, None, store="Database", is_there=is_there)

    @given(SECRETS, st.text(min_size=1), st.booleans())
    def test_a_name_in_another_store_is_refused(self, password: str | None, name: str, is_there: bool) -> None:
        with pytest.raises(BadRequest, match="ExternalName: the credential store Database"):
            rules.check_kept_here(password, name, store="Database", is_there=is_there)


class TestCheckSecretKey:
    @given(st.text(min_size=1))
    def test_any_text_may_be_one(self, text: str) -> None:
        assert rules.check_secret_key(text, "Vault") == text

    @pytest.mark.parametrize("text", ["", "\ud800", "ab\udfffc"])
    def test_what_no_storage_could_be_told_is_refused_and_not_repeated(self, text: str) -> None:
        with pytest.raises(Conflict) as refused:
            rules.check_secret_key(text, "Vault")
        assert refused.value.message == "The credential store Vault: what it has under the name is no secret key."
