"""What may be deleted, reviewed and edited, in every state."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Conflict
from podium.orchestrator.queue_items import edit_rules, review_rules
from podium.orchestrator.queue_items.edit_rules import Values
from podium.orchestrator.queue_items.review_rules import Fault, Held, Review
from podium.orchestrator.queue_items.rules import State

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ITEMS = st.builds(
    Held,
    id=st.integers(1, 9),
    state=st.sampled_from(State),
    review=st.sampled_from(Review),
    row_version=st.integers(1, 3),
)
VERSIONS = st.dictionaries(st.integers(1, 9), st.none() | st.integers(1, 3), max_size=9)


class TestDeletes:
    def test_what_nobody_works_on_and_no_attempt_follows(self) -> None:
        verdicts = {state: review_rules.deletes(Held(1, state, Review.NONE, 1)) for state in State}
        assert verdicts == {
            State.NEW: True,
            State.IN_PROGRESS: Fault.WRONG_STATE,
            State.FAILED: True,
            State.SUCCESSFUL: True,
            State.ABANDONED: True,
            State.RETRIED: Fault.WRONG_STATE,
            State.DELETED: False,
        }


class TestReviews:
    @pytest.mark.parametrize(
        ("was", "allowed"),
        [
            (Review.NONE, {Review.IN_REVIEW, Review.VERIFIED, Review.RETRIED}),
            (Review.IN_REVIEW, {Review.NONE, Review.VERIFIED, Review.RETRIED}),
            (Review.VERIFIED, {Review.IN_REVIEW}),
            (Review.RETRIED, set()),
        ],
    )
    def test_go_these_steps(self, was: Review, allowed: set[Review]) -> None:
        for state in (State.FAILED, State.ABANDONED):
            steps = {to for to in Review if review_rules.reviews(Held(1, state, was, 1), to) is True}
            assert steps == allowed

    @given(ITEMS, st.lists(st.sampled_from(Review), max_size=8))
    def test_never_leave_a_retry_nor_begin_in_another_state(self, item: Held, targets: list[Review]) -> None:
        for target in targets:
            verdict = review_rules.reviews(item, target)
            if item.state not in (State.FAILED, State.ABANDONED) or item.review is Review.RETRIED:
                assert verdict is Fault.WRONG_STATE
            if verdict is True:
                assert target is not item.review
                item = item._replace(review=target)
            elif verdict is False:
                assert target is item.review

    @given(ITEMS)
    def test_begin_with_a_reviewer(self, item: Held) -> None:
        after = review_rules.with_reviewer(item.review)
        assert after is (Review.IN_REVIEW if item.review is Review.NONE else item.review)

    @pytest.mark.parametrize(("text", "review"), [("inreview", 1), ("None", 0), (" VERIFIED ", 2), ("3", 3)])
    def test_are_named_in_any_case_or_by_number(self, text: str, review: int) -> None:
        assert review_rules.review_named(text) == review

    @pytest.mark.parametrize("text", ["", "4", "-1", "Reviewed", "²"])
    def test_are_refused_under_other_names(self, text: str) -> None:
        with pytest.raises(BadRequest, match="status"):
            review_rules.review_named(text)


class TestSort:
    @given(VERSIONS, st.lists(ITEMS, unique_by=lambda item: item.id), st.sampled_from(Review))
    def test_changes_or_faults_or_leaves_each_item_once(
        self, versions: dict[int, int | None], held: list[Held], target: Review
    ) -> None:
        decided = {item.id: review_rules.reviews(item, target) for item in held}
        found = review_rules.sort(versions, held, decided)
        by_id = {item.id: item for item in held}
        assert set(found.to_change).isdisjoint(found.faults)
        assert {*found.to_change, *found.faults} <= versions.keys()
        for id_, version in versions.items():
            if id_ not in by_id:
                assert found.faults[id_] is Fault.MISSING
            elif id_ in found.to_change:
                assert decided[id_] is True
                assert version in (None, by_id[id_].row_version)
            elif id_ not in found.faults:
                assert decided[id_] is False

    def test_a_stale_version_of_what_is_right_already_is_no_fault(self) -> None:
        gone = Held(1, State.DELETED, Review.NONE, 9)
        assert review_rules.sort({1: 3}, [gone], {1: False}) == ([], {})

    def test_message_counts_the_reasons(self) -> None:
        faults = {1: Fault.STALE, 2: Fault.MISSING, 3: Fault.STALE}
        assert review_rules.message(faults, 5) == (
            "3 of 5 items were left as they are: 1 not in this folder, 2 changed since it was read."
        )
        assert review_rules.message({}, 5) is None


class TestRowVersion:
    @given(st.integers(-(2**63), 2**63 - 1))
    def test_is_the_number_in_eight_bytes(self, number: int) -> None:
        text = base64.b64encode(number.to_bytes(8, signed=True)).decode()
        assert review_rules.row_version(text, "RowVersion") == number

    @pytest.mark.parametrize("text", [None, "", "  "])
    def test_is_not_checked_when_it_is_not_there(self, text: str | None) -> None:
        assert review_rules.row_version(text, "RowVersion") is None

    @pytest.mark.parametrize("text", ["AAAA", "not base64", "AAAAAAAAAAAA", "é"])
    def test_is_refused_by_name_when_it_cannot_be_one(self, text: str) -> None:
        with pytest.raises(BadRequest, match=r"queueItems\[2\].RowVersion"):
            review_rules.row_version(text, "queueItems[2].RowVersion")


class TestErasure:
    STORED = Values("half", 1, NOW, NOW - timedelta(days=1))

    @pytest.mark.parametrize("state", [State.FAILED, State.SUCCESSFUL, State.ABANDONED, State.RETRIED, State.DELETED])
    def test_is_allowed_of_what_has_ended_when_nothing_else_changes(self, state: State) -> None:
        edit_rules.check_erasure(state, self.STORED, self.STORED, is_content_empty=True)
        edit_rules.check_erasure(state, self.STORED, Values(None, None, None, None), is_content_empty=True)

    @pytest.mark.parametrize(
        ("asked", "is_empty"),
        [
            (STORED, False),
            (STORED._replace(progress="done"), True),
            (STORED._replace(priority=0), True),
            (STORED._replace(due_at=NOW + timedelta(seconds=1)), True),
            (STORED._replace(defer_at=NOW), True),
        ],
    )
    def test_is_refused_when_anything_else_changes(self, asked: Values, is_empty: bool) -> None:
        with pytest.raises(Conflict):
            edit_rules.check_erasure(State.FAILED, self.STORED, asked, is_content_empty=is_empty)

    def test_is_refused_of_what_is_in_progress(self) -> None:
        with pytest.raises(Conflict, match="in progress"):
            edit_rules.check_erasure(State.IN_PROGRESS, self.STORED, self.STORED, is_content_empty=True)
