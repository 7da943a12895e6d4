"""Which personal tokens may be made, and by whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.clients.rules import USER_SCOPES, covers
from podium.identity.personal_tokens import rules
from podium.identity.settings.rules import PersonalTokenPolicy

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
POLICY = PersonalTokenPolicy()
SOMEBODY = UUID(int=7)
FIRST_PARTY = frozenset({"IdentityServerApi", "OrchestratorApiUserAccess"})
SCOPES = sorted(USER_SCOPES)


class TestWhoMayHandleThem:
    def test_a_user_who_signed_in_himself(self) -> None:
        for scope in FIRST_PARTY:
            assert rules.is_own_sign_in("user", SOMEBODY, frozenset({scope, "OR.Jobs"}))

    @given(st.frozensets(st.sampled_from(SCOPES)))
    def test_nobody_with_scopes_that_an_application_or_a_personal_token_can_have(self, scopes: frozenset[str]) -> None:
        assert not rules.is_own_sign_in("user", SOMEBODY, scopes)

    def test_no_program(self) -> None:
        for kind in ("application", "machine", "robot", "anonymous"):
            assert not rules.is_own_sign_in(kind, SOMEBODY, FIRST_PARTY)
        assert not rules.is_own_sign_in("user", None, FIRST_PARTY)
        assert not rules.is_own_sign_in("user", SOMEBODY, None)


class TestWhatMayBePassedOn:
    @given(st.frozensets(st.sampled_from([*SCOPES, *FIRST_PARTY])), st.lists(st.sampled_from(SCOPES)))
    def test_only_what_the_call_has_itself(self, held: frozenset[str], wanted: list[str]) -> None:
        lacking = rules.lacking(held, wanted)
        for scope in wanted:
            family = "IdentityServerApi" if scope.startswith("PM.") else "OrchestratorApiUserAccess"
            assert (scope not in lacking) is (covers(held, scope) or family in held)

    def test_nothing_of_no_scope_at_all(self) -> None:
        assert rules.lacking(None, ["OR.Jobs"]) == ["OR.Jobs"]


class TestFaults:
    @given(st.lists(st.sampled_from(SCOPES), min_size=1, max_size=9), st.floats(1, 360))
    def test_none_within_the_limits(self, scopes: list[str], days: float) -> None:
        assert rules.faults("build", NOW + timedelta(days=days), scopes, POLICY, NOW) == {}

    @pytest.mark.parametrize("days", [-1, 0, 0.9, 361, 1801])
    def test_the_end_is_too_near_or_too_far(self, days: float) -> None:
        assert list(rules.faults_of_end(NOW + timedelta(days=days), POLICY, NOW)) == ["Expiration"]

    def test_the_organization_s_limit_counts(self) -> None:
        end = NOW + timedelta(days=8)
        assert rules.faults_of_end(end, PersonalTokenPolicy(max_days=8), NOW) == {}
        assert list(rules.faults_of_end(end, PersonalTokenPolicy(max_days=7), NOW)) == ["Expiration"]

    @pytest.mark.parametrize("scope", ["OR.Default", "openid", "offline_access", "IdentityServerApi", "x" * 5000, ""])
    def test_scopes_that_none_has(self, scope: str) -> None:
        found = rules.faults("build", NOW + timedelta(days=9), ["OR.Jobs", scope], POLICY, NOW)
        assert list(found) == ["Scopes"]
        assert len(found["Scopes"][0]) < 300

    @pytest.mark.parametrize("description", ["", "x" * 257])
    def test_the_description(self, description: str) -> None:
        found = rules.faults(description, NOW + timedelta(days=9), ["OR.Jobs"], POLICY, NOW)
        assert list(found) == ["Description"]

    def test_everything_at_once(self) -> None:
        assert set(rules.faults("", None, [], POLICY, NOW)) == {"Expiration", "Description", "Scopes"}


class TestMarks:
    @given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
    def test_what_it_is_exchanged_for_is_named_by_the_text_and_tells_nothing_of_it(self, a: bytes, b: bytes) -> None:
        assert (rules.grant_of(a) == rules.grant_of(b)) is (a == b)
        assert rules.grant_of(a).bytes not in (a[:16], a[16:])

    @pytest.mark.parametrize(("seconds", "is_lately"), [(0, True), (59.9, True), (60, False), (3600, False)])
    def test_the_last_use_is_exact_to_the_minute(self, seconds: float, *, is_lately: bool) -> None:
        assert rules.was_used_lately(NOW, NOW + timedelta(seconds=seconds)) is is_lately
        assert not rules.was_used_lately(None, NOW)
