"""Time steps of authenticators, recovery codes, counters of passkeys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.second_factors.rules import (
    RECOVERY_BYTES,
    STEP_S,
    Factors,
    digits,
    is_cloned,
    normal_recovery_code,
    recovery_code,
    steps,
)

INSTANTS = st.floats(min_value=STEP_S, max_value=4e9)


@given(INSTANTS, st.floats(min_value=-STEP_S, max_value=STEP_S))
def test_a_clock_half_a_minute_off_is_in_step(at: float, off: float) -> None:
    assert int((at + off) // STEP_S) in steps(at)


@given(INSTANTS)
def test_three_steps_are_taken_and_no_more(at: float) -> None:
    now = int(at // STEP_S)
    assert list(steps(at)) == [now - 1, now, now + 1]


@given(INSTANTS, st.floats(min_value=2 * STEP_S + 1, max_value=1e6))
def test_a_code_is_not_taken_for_longer_than_a_minute_and_a_half(at: float, later: float) -> None:
    assert int(at // STEP_S) not in steps(at + later + STEP_S)


@given(st.integers(0, 999_999), st.sampled_from(["", " ", "-", "\u00a0"]))
def test_blanks_in_a_code_do_not_matter(number: int, gap: str) -> None:
    text = f"{number:06}"
    assert digits(f" {text[:3]}{gap}{text[3:]} ") == text


@given(st.text(max_size=60))
def test_text_is_six_ascii_digits_or_no_code(text: str) -> None:
    found = digits(text)
    assert found is None or (len(found) == 6 and found.isascii() and found.isdecimal())


@pytest.mark.parametrize("text", ["", "12345", "1234567", "١٢٣٤٥٦", "12345a", "123456\n7"])
def test_other_text_is_no_code(text: str) -> None:
    assert digits(text) is None


@given(st.binary(min_size=RECOVERY_BYTES, max_size=RECOVERY_BYTES), st.sampled_from(["", "-", " ", "--", ". "]))
def test_a_recovery_code_is_known_however_it_is_typed(random: bytes, gap: str) -> None:
    code = recovery_code(random)
    assert normal_recovery_code(code.upper().replace("-", gap)) == code
    assert normal_recovery_code(normal_recovery_code(code)) == code


@given(
    st.binary(min_size=RECOVERY_BYTES, max_size=RECOVERY_BYTES),
    st.binary(min_size=RECOVERY_BYTES, max_size=RECOVERY_BYTES),
)
def test_other_bytes_make_other_recovery_codes(one: bytes, other: bytes) -> None:
    assert (recovery_code(one) == recovery_code(other)) is (one == other)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_counter_goes_up_unless_it_never_counts(stored: int, presented: int) -> None:
    assert is_cloned(stored, presented) is not (presented > stored or stored == presented == 0)


def test_recovery_codes_alone_are_no_second_factor() -> None:
    assert not Factors(recovery_codes_left=10).has_any
    assert Factors(has_totp=True).has_any
    assert Factors(passkeys=1).has_any
