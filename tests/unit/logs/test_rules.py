"""Levels, instants and fingerprints of log entries."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.logs import actions, batch, loops, rules

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class TestLevel:
    @pytest.mark.parametrize(
        ("given_level", "number"),
        [
            ("Trace", 0), ("Verbose", 0), ("debug", 1), ("Info", 2), ("Information", 2), ("INFO ", 2), ("Warn", 3),
            ("Warning", 3), ("Error", 4), ("Critical", 5), ("Fatal", 5), (4, 4), ("4", 4), (None, 2), ("loud", 2),
            (17, 2), (True, 2), ([], 2),
        ],
    )  # fmt: skip
    def test_known_words_and_numbers_have_their_number_and_all_else_is_info(
        self, given_level: object, number: int
    ) -> None:
        assert rules.level(given_level) == number


class TestInstant:
    def test_seven_digits_are_cut_to_microseconds(self) -> None:
        found = rules.instant("2026-03-01T10:00:00.1234567+02:00", NOW)
        assert found == datetime(2026, 3, 1, 8, 0, 0, 123456, tzinfo=UTC)

    def test_a_time_without_an_offset_is_utc(self) -> None:
        assert rules.instant("2026-03-01 10:00:00", NOW) == datetime(2026, 3, 1, 10, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text",
        [
            "1999-12-31T23:59:59Z", "2026-03-03T12:00:01Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
            "2026-02-30T00:00:00Z", "yesterday", "", None, 1772452800, "2026-03-01T10:00:00+99:99",
        ],
    )  # fmt: skip
    def test_what_cannot_be_true_is_now(self, text: object) -> None:
        assert rules.instant(text, NOW) == NOW

    @given(
        st.timedeltas(timedelta(days=1), timedelta(days=9550)).map(lambda age: rules.OLDEST + age),
        st.integers(-840, 840),
        st.sampled_from([0, 3, 6]),
    )
    def test_any_offset_and_number_of_digits_gives_the_same_instant(
        self, moment: datetime, minutes: int, digits: int
    ) -> None:
        exact = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
        local = (exact + timedelta(minutes=minutes)).replace(tzinfo=None)
        sign, away = ("-", -minutes) if minutes < 0 else ("+", minutes)
        fraction = f".{local.microsecond:06d}"[: digits + 1] if digits else ""
        text = f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{sign}{away // 60:02d}:{away % 60:02d}"
        assert rules.instant(text, NOW) == exact

    @given(st.text())
    def test_no_text_breaks_it(self, text: str) -> None:
        assert rules.OLDEST <= rules.instant(text, NOW) <= NOW + rules.AHEAD


class TestEntry:
    @given(JSON)
    def test_no_json_breaks_a_batch_and_every_entry_can_be_stored(self, value: object) -> None:
        body = json.dumps([value, json.dumps(value), {"message": value, "level": value, "jobId": value}]).encode()
        entries = batch.read(body, NOW)
        assert len(entries) >= 1
        for entry in entries:
            for text in entry:
                if isinstance(text, str):
                    assert "\0" not in text
                    text.encode()

    def test_a_text_and_an_object_are_the_same_entry(self) -> None:
        fields = {"message": "m", "fingerprint": str(uuid4()), "jobId": str(uuid4()), "Level": "Warn"}
        text, plain = batch.read(json.dumps([json.dumps(fields), fields]).encode(), NOW)
        assert text._replace(raw_message="") == plain._replace(raw_message="")
        assert json.loads(plain.raw_message) == json.loads(text.raw_message) == fields

    def test_without_a_fingerprint_equal_entries_differ_but_a_batch_sent_twice_does_not(self) -> None:
        body = json.dumps([{"message": "same"}, {"message": "same"}]).encode()
        first, again = batch.read(body, NOW), batch.read(body, NOW)
        assert first[0].fingerprint != first[1].fingerprint
        assert [entry.fingerprint for entry in first] == [entry.fingerprint for entry in again]

    def test_malformed_elements_are_left_out(self) -> None:
        body = b'[7, null, "no json", "{\\"message\\": ", [], {"message": "kept"}, "[]", "\\ud800"]'
        assert [entry.message for entry in batch.read(body, NOW)] == ["kept"]

    def test_halves_of_surrogate_pairs_and_nul_are_replaced(self) -> None:
        (entry,) = batch.read(b'[{"message": "a\\ud800b\\u0000c"}]', NOW)
        assert entry.message == "a?b\ufffdc"

    @pytest.mark.parametrize("body", [b"", b"null", b"7", b"[1,", b"true", b"[" * 5000 + b"]" * 5000])
    def test_a_body_that_is_no_array_is_refused(self, body: bytes) -> None:
        with pytest.raises(BadRequest, match="logs"):
            batch.read(body, NOW)

    def test_more_entries_than_the_limit_are_refused(self) -> None:
        with pytest.raises(BadRequest, match="10001 entries"):
            batch.read(b"[" + b",".join([b"1"] * 10_001) + b"]", NOW)

    def test_a_huge_message_is_cut_and_its_json_text_stays_json(self) -> None:
        body = json.dumps([{"message": "x" * 1_500_000, "level": "Error", "more": "y" * 3_000_000}]).encode()
        (entry,) = batch.read(body, NOW)
        assert entry.message == "x" * 1_000_000
        assert len(entry.raw_message) < 2_100_000
        assert json.loads(entry.raw_message)["message"] == entry.message

    def test_the_jobs_of_a_batch_carry_their_worst_entries(self) -> None:
        first, second = uuid4(), uuid4()
        said = [(first, "Info"), (second, "Warn"), (first, "Fatal"), (None, "Error")]
        body = json.dumps([{"jobId": key and str(key), "level": level} for key, level in said]).encode()
        found = actions.logged_jobs(batch.read(body, NOW))
        assert {tuple(job) for job in found} == {(first, True, False), (second, False, True)}


class TestPartitions:
    @given(st.timedeltas(timedelta(0), timedelta(days=30_000)).map(lambda age: NOW + age))
    def test_days_and_months_follow_each_other_without_a_gap_around_now(self, now: datetime) -> None:
        for parts, before, after in (
            (list(loops.days(now)), timedelta(days=1), timedelta(days=7)),
            (list(loops.months(now)), timedelta(days=-32), timedelta(days=89)),
        ):
            assert all(end == start for (*_, end), (_, start, _) in pairwise(parts))
            assert parts[0][1] <= now - before
            assert now + after < parts[-1][2]
            assert len({suffix for suffix, *_ in parts}) == len(parts)


def test_a_fingerprint_that_is_no_guid_is_stable() -> None:
    key = uuid4()
    fields = {"fingerprint": "abc", "jobId": str(key)}
    assert rules.entry(fields, "1", NOW).fingerprint == rules.entry(fields, "2", NOW).fingerprint
    assert rules.entry({**fields, "fingerprint": str(key)}, "", NOW).fingerprint == UUID(str(key))
