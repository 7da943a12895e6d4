"""What an item may hold, and what a result makes of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.queue_items import rules
from podium.orchestrator.queue_items.rules import Lease, Past, State, Times, Verdict

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
INSTANTS = st.one_of(
    st.none(),
    st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400)).map(lambda span: NOW + span),
)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
NAMES = st.text(min_size=1).filter(lambda name: '"' not in name and "@odata." not in name)
VERDICTS = st.sampled_from(Verdict)


class TestContent:
    @given(st.dictionaries(NAMES, PLAIN))
    def test_flat_maps_stay_as_they_are(self, content: dict[str, Any]) -> None:
        assert rules.flat(content) == content

    @given(st.dictionaries(NAMES, PLAIN), NAMES, st.one_of(st.lists(PLAIN), st.dictionaries(NAMES, PLAIN)))
    def test_nothing_is_inside_a_member(self, content: dict[str, Any], name: str, nested: object) -> None:
        with pytest.raises(BadRequest) as refused:
            rules.flat({**content, name: nested})
        assert refused.value.code == Code.CONTENT_INVALID

    @pytest.mark.parametrize("name", ["", 'a"b', '"'])
    def test_names_that_clients_cannot_read_back_are_refused(self, name: str) -> None:
        with pytest.raises(BadRequest) as refused:
            rules.flat({name: 1})
        assert refused.value.code == Code.CONTENT_INVALID

    def test_type_hints_are_no_content(self) -> None:
        assert rules.flat({"Amount": 1, "Amount@odata.type": "#Int64"}) == {"Amount": 1}


class TestReference:
    def test_a_unique_queue_wants_one(self) -> None:
        with pytest.raises(BadRequest) as refused:
            rules.check_reference("", is_unique=True)
        assert refused.value.code == Code.REFERENCE_REQUIRED
        assert rules.check_reference("", is_unique=False) is None

    def test_quotes_and_excess_are_refused(self) -> None:
        for text, code in (('a"b', Code.INVALID_ARGUMENT), ("x" * 129, Code.FIELD_TOO_LARGE)):
            with pytest.raises(BadRequest) as refused:
                rules.check_reference(text, is_unique=False)
            assert refused.value.code == code
        assert rules.check_reference("x" * 128, is_unique=False) == "x" * 128

    @given(st.text(st.characters(codec="ascii"), min_size=1, max_size=30))
    def test_case_does_not_make_another_reference(self, text: str) -> None:
        assert rules.reference_key(text.upper()) == rules.reference_key(text.lower())
        assert rules.reference_key("Ärger-7") == rules.reference_key("A\u0308RGER-7")


class TestTimes:
    @given(INSTANTS, INSTANTS, INSTANTS)
    def test_work_never_begins_only_when_it_should_be_done(
        self, defer_at: datetime | None, due_at: datetime | None, risk_at: datetime | None
    ) -> None:
        asked = Times(defer_at, due_at, risk_at)
        is_refused = defer_at is not None and due_at is not None and defer_at >= due_at > NOW
        if is_refused:
            with pytest.raises(BadRequest):
                rules.times(asked, NOW)
        else:
            assert rules.times(asked, NOW) == asked

    @given(INSTANTS, INSTANTS, st.integers(1, 2**31 - 1), st.integers(0, 2**31 - 1))
    def test_the_queues_promise_rules_and_counts_from_when_work_may_begin(
        self, defer_at: datetime | None, due_at: datetime | None, sla: int, risk: int
    ) -> None:
        found = rules.times(Times(defer_at, due_at, None), NOW, sla_minutes=sla, risk_sla_minutes=risk)
        begin = max(NOW, defer_at or NOW)
        assert found.defer_at == defer_at
        assert found.due_at == rules.later(begin, sla)
        assert found.risk_at == (rules.later(begin, risk) if risk else None)

    @given(st.integers(0, 2), st.integers(0, 2))
    def test_any_deadline_goes_before_none(self, priority: int, other: int) -> None:
        assert rules.rank(priority, NOW) < rules.rank(other, None)
        assert (rules.rank(priority, None) < rules.rank(other, None)) is (priority < other)


class TestVerdict:
    @given(st.booleans(), st.sampled_from([None, "ApplicationException", "BusinessException"]), INSTANTS)
    def test_only_a_success_with_an_instant_to_come_is_put_off(
        self, is_successful: bool, type_: str | None, defer_at: datetime | None
    ) -> None:
        found = rules.verdict(is_successful=is_successful, exception_type=type_, defer_at=defer_at, now=NOW)
        is_to_come = defer_at is not None and defer_at > NOW
        assert (found is Verdict.POSTPONED) is (is_successful and is_to_come)
        assert (found is Verdict.SUCCESS) is (is_successful and not is_to_come)
        assert (found is Verdict.BUSINESS_FAILURE) is (not is_successful and type_ == "BusinessException")

    @given(VERDICTS, st.booleans(), st.integers(0, 60), st.integers(0, 50))
    def test_only_faults_of_the_application_are_tried_again_and_so_often(
        self, verdict: Verdict, is_allowed: bool, retry_number: int, max_retries: int
    ) -> None:
        state = rules.state_after(verdict, is_allowed=is_allowed, retry_number=retry_number, max_retries=max_retries)
        assert (state is State.RETRIED) is (verdict is Verdict.FAILURE and is_allowed and retry_number < max_retries)
        assert (state is State.NEW) is (verdict is Verdict.POSTPONED)
        assert (state is State.SUCCESSFUL) is (verdict is Verdict.SUCCESS)


PASTS = st.builds(
    Past,
    state=st.sampled_from(State),
    lease=st.builds(Lease, holder=st.sampled_from(["a", "b"]), epoch=st.integers(0, 3)),
    operation_id=st.sampled_from([None, "op-1", "op-2"]),
    exception_type=st.sampled_from([None, "ApplicationException", "BusinessException"]),
)


class TestRepeats:
    @given(PASTS, VERDICTS, st.sampled_from(["a", "b"]), st.sampled_from([None, "op-1", "op-2"]))
    def test_only_the_very_result_that_ended_the_item_is_a_repeat(
        self, past: Past, verdict: Verdict, holder: str, operation_id: str | None
    ) -> None:
        found = rules.is_repeated(past, holder, None, operation_id, verdict, past.exception_type)
        if found:
            assert operation_id is not None
            assert (holder, operation_id) == (past.lease.holder, past.operation_id)
            assert past.state in rules.FINAL
            assert (past.state is State.SUCCESSFUL) is (verdict is Verdict.SUCCESS)

    def test_a_repeat_of_each_verdict_is_known(self) -> None:
        lease = Lease("a", 2)
        for state, verdict in (
            (State.SUCCESSFUL, Verdict.SUCCESS),
            (State.FAILED, Verdict.FAILURE),
            (State.RETRIED, Verdict.FAILURE),
        ):
            past = Past(state, lease, "op-1", None)
            assert rules.is_repeated(past, "a", None, "op-1", verdict, None)
            assert rules.is_repeated(past, "a", 2, "op-1", verdict, None)
            assert not rules.is_repeated(past, "a", 1, "op-1", verdict, None)
            assert rules.is_repeated(past, "b", None, "op-1", verdict, None) is False
        failed = Past(State.FAILED, lease, "op-1", None)
        assert not rules.is_repeated(failed, "a", None, "op-1", Verdict.BUSINESS_FAILURE, "BusinessException")


class Attempts(RuleBasedStateMachine):
    """A chain of attempts, by the rules alone."""

    def __init__(self) -> None:
        super().__init__()
        self.states = [State.NEW]
        self.numbers = [0]
        self.epoch = 0
        self.max_retries = 2

    @precondition(lambda self: self.states[-1] is State.NEW)
    @rule()
    def take(self) -> None:
        self.states[-1] = State.IN_PROGRESS
        self.epoch += 1

    @precondition(lambda self: self.states[-1] is State.IN_PROGRESS)
    @rule(verdict=VERDICTS, epoch_behind=st.integers(0, 2))
    def report(self, verdict: Verdict, epoch_behind: int) -> None:
        lease = Lease("a", self.epoch)
        if not rules.holds(self.states[-1], lease, "a", self.epoch - epoch_behind):
            assert epoch_behind > 0
            return
        self._end(
            rules.state_after(verdict, is_allowed=True, retry_number=self.numbers[-1], max_retries=self.max_retries)
        )

    @precondition(lambda self: self.states[-1] is State.IN_PROGRESS)
    @rule(is_allowed=st.booleans())
    def abandon(self, is_allowed: bool) -> None:
        self._end(
            rules.state_after_abandonment(
                is_allowed=is_allowed, retry_number=self.numbers[-1], max_retries=self.max_retries
            )
        )

    @precondition(lambda self: self.states[-1] in rules.FINAL)
    @rule(epoch=st.one_of(st.none(), st.integers(0, 5)))
    def report_late(self, epoch: int | None) -> None:
        assert not rules.holds(self.states[-1], Lease("a", self.epoch), "a", epoch)

    def _end(self, state: State) -> None:
        self.states[-1] = state
        if state is State.RETRIED:
            self.states.append(State.NEW)
            self.numbers.append(self.numbers[-1] + 1)

    @invariant()
    def one_attempt_at_most_is_open_and_it_is_the_last(self) -> None:
        assert all(state is State.RETRIED for state in self.states[:-1])
        assert self.states[-1] is not State.RETRIED
        assert self.numbers == list(range(len(self.numbers)))
        assert len(self.numbers) <= self.max_retries + 1


TestAttempts = Attempts.TestCase
