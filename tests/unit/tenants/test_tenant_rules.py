"""Names of tenants."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.partitions.rules import RESERVED_NAMES as RESERVED_FOR_ORGANIZATIONS
from podium.kernel.errors import BadRequest, Conflict
from podium.orchestrator.tenants import rules
from podium.server import addresses

RESERVED_BY_DECISION = (
    "t odata api identity identity_ portal_ orchestrator_ tasks forms swagger healthz readyz livez metrics console"
)
NAMES = st.from_regex(r"[^\W\d_][^\W\d_0-9_-]{0,30}", fullmatch=True)


class TestNames:
    @given(NAMES)
    def test_a_good_name_is_kept_composed_and_its_key_is_stable(self, name: str) -> None:
        try:
            kept = rules.checked_name(name)
        except BadRequest:
            return
        assert kept == unicodedata.normalize("NFC", name.strip())
        assert rules.key(rules.key(kept)) == rules.key(kept)

    @given(st.text(max_size=80))
    def test_what_is_taken_is_one_word_of_an_address(self, name: str) -> None:
        try:
            kept = rules.checked_name(name)
        except BadRequest:
            return
        assert 1 < len(kept) <= rules.MAX_NAME_CHARACTERS
        assert not set(kept) & set("/\\?#%:. '\"\0")
        assert not addresses.is_reserved(kept)

    @pytest.mark.parametrize("name", RESERVED_BY_DECISION.split())
    def test_reserved_names_are_refused_in_any_case(self, name: str) -> None:
        for spelling in (name, name.upper(), name.title()):
            with pytest.raises(BadRequest):
                rules.checked_name(spelling)

    def test_whatever_is_reserved_elsewhere_is_reserved_here(self) -> None:
        assert rules.RESERVED_NAMES >= RESERVED_FOR_ORGANIZATIONS | addresses._RESERVED

    @pytest.mark.parametrize("name", ["", " ", "a", "9lives", "-a", "a b", "a.b", "a/b", "x" * 65, "naïve\0"])
    def test_bad_names(self, name: str) -> None:
        with pytest.raises(BadRequest, match="Name"):
            rules.checked_name(name)

    @pytest.mark.parametrize("name", ["ab", "Größe", "日本", "A-1_b", "x" * 64])
    def test_good_names(self, name: str) -> None:
        assert rules.checked_name(f" {name} ") == name


class TestStates:
    def test_an_active_tenant_is_not_deleted(self) -> None:
        rules.check_may_end(is_active=False)
        with pytest.raises(Conflict):
            rules.check_may_end(is_active=True)

    def test_the_installations_own_stays(self) -> None:
        rules.check_is_not_home("Acme", "default", "renamed")
        with pytest.raises(Conflict, match="renamed"):
            rules.check_is_not_home("DEFAULT", "default", "renamed")
