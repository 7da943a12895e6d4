"""Rules of machines, robots and sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Conflict
from podium.orchestrator.machines import rules as machines
from podium.orchestrator.robots import rules as robots
from podium.orchestrator.sessions import rules as sessions

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MEMBERS = tuple(member for _, member in machines.SLOTS.values())


class TestMachines:
    @given(st.text())
    def test_a_name_that_is_taken_stays_as_it_is(self, text: str) -> None:
        try:
            name = machines.clean_name(text)
        except BadRequest:
            return
        assert name
        assert name == machines.clean_name(name)
        assert "\n" not in name

    @pytest.mark.parametrize("text", ["", " ", "a\nb", "a\x00", "\t"])
    def test_names_that_nobody_could_read_are_refused(self, text: str) -> None:
        with pytest.raises(BadRequest, match="Name"):
            machines.clean_name(text)

    @given(st.dictionaries(st.sampled_from(MEMBERS), st.none() | st.integers(-5, 5)))
    def test_slots_are_refused_exactly_when_one_is_below_0(self, slots: dict[str, int | None]) -> None:
        bad = [member for member, number in slots.items() if number is not None and number < 0]
        if not bad:
            machines.check_slots(slots)
            return
        with pytest.raises(BadRequest) as refused:
            machines.check_slots(slots)
        assert refused.value.message.startswith(f"{bad[0]}:")

    @given(st.text(max_size=300))
    def test_a_license_key_fits_a_header_and_is_long(self, text: str) -> None:
        try:
            machines.check_license_key(text)
        except BadRequest:
            return
        assert 16 <= len(text) <= 200
        assert text.isascii()
        assert not any(character.isspace() for character in text)

    def test_a_license_key_like_those_that_are_made_is_taken(self) -> None:
        machines.check_license_key("6f0c2b1e-5a1c-4a53-9d0e-0a3c5ea6f3c1")

    def test_a_fixed_member_may_be_repeated_but_not_changed(self) -> None:
        machines.check_unchanged("Type", "Template", None)
        machines.check_unchanged("Type", "Template", "Template")
        with pytest.raises(Conflict, match="Type"):
            machines.check_unchanged("Type", "Template", "Standard")


class TestRobots:
    @pytest.mark.parametrize(
        ("hosting", "machine", "refusal"),
        [
            ("Standard", "Standard", None),
            ("Standard", "Template", Conflict),
            ("Standard", None, BadRequest),
            ("Floating", None, None),
            ("Floating", "Standard", Conflict),
            ("Floating", "Template", Conflict),
        ],
    )
    def test_each_hosting_has_its_kind_of_machine(
        self, hosting: str, machine: str | None, refusal: type[Exception] | None
    ) -> None:
        if refusal is None:
            robots.check_hosting(hosting, machine)
            return
        with pytest.raises(refusal):
            robots.check_hosting(hosting, machine)

    @given(
        st.builds(robots.Fixed, st.sampled_from(("a", "b")), st.sampled_from((None, 1)), st.sampled_from(("x", "y"))),
        st.builds(robots.Fixed, st.sampled_from(("a", "b")), st.sampled_from((None, 1)), st.sampled_from(("x", "y"))),
        st.booleans(),
    )
    def test_only_a_busy_robot_keeps_what_it_is(self, old: robots.Fixed, new: robots.Fixed, is_busy: bool) -> None:
        if is_busy and old != new:
            with pytest.raises(Conflict):
                robots.check_change(old, new, is_busy)
        else:
            robots.check_change(old, new, is_busy)

    @pytest.mark.parametrize(
        "settings",
        [
            {"TracingLevel": "verbose"},
            {"ResolutionDepth": "x"},
            {"ResolutionDepth": True},
            {"FontSmoothing": 2},
            {"Other": {"a": 1}},
        ],
    )
    def test_settings_with_impossible_values_are_refused_by_name(self, settings: dict[str, object]) -> None:
        with pytest.raises(BadRequest, match=f"ExecutionSettings.{next(iter(settings))}"):
            robots.check_settings(settings)

    def test_settings_of_unknown_names_and_texts_of_numbers_are_taken(self) -> None:
        settings = {"Other": 1, "ResolutionWidth": "1920", "FontSmoothing": "True", "TracingLevel": None}
        robots.check_settings(settings)

    def test_too_many_settings_are_refused(self) -> None:
        with pytest.raises(BadRequest, match="ExecutionSettings"):
            robots.check_settings({str(number): number for number in range(robots.MAX_SETTINGS + 1)})


class TestSessions:
    @given(st.integers(-(2**31), 2**31 - 1))
    def test_debug_mode_ends_by_itself(self, minutes: int) -> None:
        if 1 <= minutes <= sessions.MAX_DEBUG_MINUTES:
            assert sessions.debug_until(True, minutes, NOW) == NOW + timedelta(minutes=minutes)
        else:
            with pytest.raises(BadRequest, match="minutes"):
                sessions.debug_until(True, minutes, NOW)
        assert sessions.debug_until(False, minutes, NOW) is None

    def test_debug_mode_needs_its_minutes(self) -> None:
        with pytest.raises(BadRequest, match="minutes"):
            sessions.debug_until(True, None, NOW)

    @pytest.mark.parametrize(
        ("state", "is_unresponsive", "goes"),
        [("Available", False, False), ("Available", True, True), ("Disconnected", False, True)],
    )
    def test_only_hosts_that_are_gone_are_forgotten(self, state: str, is_unresponsive: bool, goes: bool) -> None:
        if goes:
            sessions.check_is_gone(1, "alpha", state, is_unresponsive)
            return
        with pytest.raises(Conflict, match="alpha"):
            sessions.check_is_gone(1, "alpha", state, is_unresponsive)
