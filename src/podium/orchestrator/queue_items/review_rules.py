"""What may be done to items that are not worked on: delete, review, edit. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.queue_items.rules import State


class Review(IntEnum):
    """What people found out about an item that failed."""

    NONE = 0
    IN_REVIEW = 1
    VERIFIED = 2
    RETRIED = 3


class Fault(IntEnum):
    """Why an item of a bulk call was left as it is."""

    MISSING = 0
    STALE = 1
    WRONG_STATE = 2
    TOO_LATE = 3


class Held(NamedTuple):
    """An item as it is decided on."""

    id: int
    state: State
    review: Review
    row_version: int


class Sorted(NamedTuple):
    """The items of a bulk call: those to change, and the fault of each other one. In neither: right already."""

    to_change: list[int]
    faults: dict[int, Fault]


DELETABLE = frozenset({State.NEW, State.FAILED, State.SUCCESSFUL, State.ABANDONED})
REVIEWABLE = frozenset({State.FAILED, State.ABANDONED})
STEPS: Mapping[Review, frozenset[Review]] = {
    Review.NONE: frozenset({Review.IN_REVIEW, Review.VERIFIED, Review.RETRIED}),
    Review.IN_REVIEW: frozenset({Review.NONE, Review.VERIFIED, Review.RETRIED}),
    Review.VERIFIED: frozenset({Review.IN_REVIEW}),
    Review.RETRIED: frozenset(),
}
REVIEWS = {
    "none": Review.NONE,
    "inreview": Review.IN_REVIEW,
    "verified": Review.VERIFIED,
    "retried": Review.RETRIED,
    **{str(int(review)): review for review in Review},
}
FAULTS: Mapping[Fault, str] = {
    Fault.MISSING: "not in this folder",
    Fault.STALE: "changed since it was read",
    Fault.WRONG_STATE: "in a state that does not allow it",
    Fault.TOO_LATE: "due before that",
}


def deletes(item: Held) -> bool | Fault:
    """Whether deleting changes the item: what is deleted already stays as it is."""
    if item.state is State.DELETED:
        return False
    return True if item.state in DELETABLE else Fault.WRONG_STATE


def reviews(item: Held, target: Review) -> bool | Fault:
    """Whether the review status changes; the same status again changes nothing."""
    if item.state not in REVIEWABLE:
        return Fault.WRONG_STATE
    if target in STEPS[item.review]:
        return True
    return False if target is item.review and target is not Review.RETRIED else Fault.WRONG_STATE


def takes_reviewer(item: Held) -> bool | Fault:
    """Whether a reviewer can be set or taken away."""
    can = item.state in REVIEWABLE and item.review is not Review.RETRIED
    return True if can else Fault.WRONG_STATE


def with_reviewer(review: Review) -> Review:
    """The review status of an item that gets a reviewer."""
    return Review.IN_REVIEW if review is Review.NONE else review


def sort(versions: Mapping[int, int | None], held: Iterable[Held], decided: Mapping[int, bool | Fault]) -> Sorted:
    """Which items to change. `versions`: what the caller has read by id, None when it does not say.

    `decided`: the answer of a rule above for each item that is there. A stale version counts only for an item that
    would change, so that a call that is sent again ends well.
    """
    found = {item.id: item for item in held}
    to_change: list[int] = []
    faults: dict[int, Fault] = {}
    for id_, version in versions.items():
        verdict = decided.get(id_, Fault.MISSING) if id_ in found else Fault.MISSING
        if isinstance(verdict, Fault):
            faults[id_] = verdict
        elif verdict and version is not None and version != found[id_].row_version:
            faults[id_] = Fault.STALE
        elif verdict:
            to_change.append(id_)
    return Sorted(to_change, faults)


def message(faults: Mapping[int, Fault], total: int) -> str | None:
    """What the answer of a bulk call says of the items that were left; None when there are none."""
    if not faults:
        return None
    counts = {fault: sum(each is fault for each in faults.values()) for fault in Fault}
    reasons = ", ".join(f"{count} {FAULTS[fault]}" for fault, count in counts.items() if count)
    return f"{len(faults)} of {total} items were left as they are: {reasons}."


def review_named(text: str) -> Review:
    """The review status of a name in any case, or of a number. Raises BadRequest."""
    found = REVIEWS.get(text.strip().lower())
    if found is None:
        raise BadRequest("status: expected one of None, InReview, Verified, Retried.", Code.PARAMETER_INVALID)
    return found


def row_version(text: str | None, member: str) -> int | None:
    """The number in a RowVersion; None when there is no text. Raises BadRequest that names the member."""
    if text is None or not text.strip():
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 8:
        raise BadRequest(f"{member}: expected the Base64 text of eight bytes.", Code.PARAMETER_INVALID)
    return int.from_bytes(raw, signed=True)
