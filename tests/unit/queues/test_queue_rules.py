"""What a queue may be, and when its items are old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.queues import rules

NOW = datetime(2026, 3, 2, 12, 34, 56, tzinfo=UTC)
INSTANTS = st.integers(0, 10 * 366 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(st.text(max_size=40))
def test_a_stored_name_is_found_by_what_was_given(text: str) -> None:
    try:
        name = rules.clean_name(text)
    except BadRequest:
        return
    assert rules.clean_name(name) == name
    assert rules.name_key(name) == rules.name_key(text)


@pytest.mark.parametrize(("sla", "risk"), [(0, 0), (10, 0), (10, 9)])
def test_a_risk_is_told_before_the_time_is_over(sla: int, risk: int) -> None:
    rules.check_times(sla, risk)


@pytest.mark.parametrize(("sla", "risk"), [(0, 1), (10, 10), (10, 11)])
def test_a_risk_after_the_time_is_refused(sla: int, risk: int) -> None:
    with pytest.raises(BadRequest):
        rules.check_times(sla, risk)


def test_a_policy_without_a_period_has_thirty_days() -> None:
    assert rules.policy("Final", "Delete", None, 7) == rules.Policy("Final", "Delete", 30, None)
    assert rules.policy("Stale", "Archive", 180, 7) == rules.Policy("Stale", "Archive", 180, 7)


@pytest.mark.parametrize(("action", "days", "bucket"), [("Delete", 0, None), ("None", 181, None), ("Archive", 5, 0)])
def test_a_policy_that_cannot_be_kept_is_refused(action: str, days: int, bucket: int | None) -> None:
    with pytest.raises(BadRequest):
        rules.policy("Final", action, days, bucket)


def test_what_ended_yesterday_is_old_when_another_day_has_passed() -> None:
    yesterday = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    assert not yesterday < rules.old_before(NOW, 1)
    assert yesterday < rules.old_before(datetime(2026, 3, 3, 0, 0, tzinfo=UTC), 1)


@given(INSTANTS, INSTANTS, st.integers(1, 180))
def test_an_item_goes_on_the_day_after_so_many_whole_days(now: datetime, ended: datetime, days: int) -> None:
    assert (ended < rules.old_before(now, days)) is ((now.date() - ended.date()).days > days)


@given(INSTANTS, st.integers(1, 180))
def test_periods_follow_each_other_up_to_now(now: datetime, days: int) -> None:
    found = rules.periods(now, days)
    width = timedelta(hours=1) if days == 1 else timedelta(days=1)
    assert len(found) == (24 if days == 1 else days)
    assert found[-1] <= now < found[-1] + width
    assert {later - sooner for sooner, later in pairwise(found)} <= {width}


@given(st.integers(0, 10**9), st.integers(1, 1000), st.floats(0, 10**6))
def test_times_of_all_are_told_from_some(count: int, sampled: int, sampled_s: float) -> None:
    assert rules.estimated(sampled, sampled, sampled_s) == pytest.approx(sampled_s)
    assert rules.estimated(count, sampled, sampled_s) == pytest.approx(sampled_s / sampled * count)
    assert rules.estimated(count, 0, 0.0) == 0
