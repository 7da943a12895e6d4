"""What an item may hold, in which order items are handed out, what a result makes of one. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from podium.kernel.errors import ApiError, BadRequest, Code, Conflict

NO_ITEM = "QueueItem does not exist."
DUPLICATE = "Error creating Transaction. Duplicate Reference."
NO_REFERENCE = "Error creating Transaction. Reference is required for Unique Reference Queues."
NOT_YOURS = "The transaction is not in progress, or somebody else is working on it."

MAX_CONTENT = 500 * 1024  # bytes of JSON
MAX_OUTPUT = 100 * 1024
MAX_ANALYTICS = 10 * 1024
MAX_PROGRESS = 104_857  # characters
MAX_EXCEPTION = 102_400  # characters of the reason, and of the details
MAX_REFERENCE = 128
MAX_AT_ONCE = 15_000  # items
MAX_SHOWN = 60  # characters of a caller's text that a message repeats

ABANDON_AFTER_HOURS = 24
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)

Plain = str | int | float | bool | None


class State(IntEnum):
    """The state of one attempt, by the number that is stored."""

    NEW = 0
    IN_PROGRESS = 1
    FAILED = 2
    SUCCESSFUL = 3
    ABANDONED = 4
    RETRIED = 5
    DELETED = 6


class Verdict(IntEnum):
    """What a robot says of an item that it has; stored nowhere, a parameter of the statement."""

    SUCCESS = 0
    FAILURE = 1  # may be retried
    BUSINESS_FAILURE = 2
    POSTPONED = 3


FINAL = frozenset({State.FAILED, State.SUCCESSFUL, State.ABANDONED, State.RETRIED, State.DELETED})
RESUMES_JOBS = frozenset({State.FAILED, State.SUCCESSFUL, State.ABANDONED, State.DELETED})
"""A job that waits for an item goes on waiting while the item is tried again."""


class Times(NamedTuple):
    """When an item may be worked on, and until when it should be done."""

    defer_at: datetime | None
    due_at: datetime | None
    risk_at: datetime | None


def rank(priority: int, due_at: datetime | None) -> int:
    """The class of an item in the order of hand-out: any deadline goes before none, then High, Normal, Low."""
    return priority + (3 if due_at is None else 0)


def reference_key(reference: str) -> str:
    """What two references have in common that are the same."""
    return unicodedata.normalize("NFC", reference).casefold()


def check_reference(reference: str | None, *, is_unique: bool) -> str | None:
    """The reference as it is stored; blank is none. Raises BadRequest."""
    if not reference:
        if is_unique:
            raise BadRequest(NO_REFERENCE, Code.REFERENCE_REQUIRED)
        return None
    text = unicodedata.normalize("NFC", reference)
    if len(text) > MAX_REFERENCE:
        raise BadRequest(f"Reference: has more than {MAX_REFERENCE} characters.", Code.FIELD_TOO_LARGE)
    if '"' in text:
        raise BadRequest('Reference: must not have the character ".', Code.INVALID_ARGUMENT)
    return text


def flat(content: Mapping[str, object], member: str = "SpecificContent") -> dict[str, Plain]:
    """The content without OData's type hints. Raises BadRequest, #1855, for what is not a flat map."""
    plain: dict[str, Plain] = {}
    for name, value in content.items():
        if "@odata." in name:
            continue
        if not name or '"' in name:
            raise BadRequest(f'{member}: a name must not be empty nor have the character ".', Code.CONTENT_INVALID)
        if value is not None and not isinstance(value, str | int | float):  # a bool is an int
            message = f"{member}.{shown(name)}: must be a string, a number, a boolean or null."
            raise BadRequest(message, Code.CONTENT_INVALID)
        plain[name] = value
    return plain


def check_size(text: str | bytes, limit: int, member: str) -> None:
    """Raises BadRequest, #1854."""
    if len(text) > limit:
        raise BadRequest(f"{member}: is larger than {limit} bytes.", Code.FIELD_TOO_LARGE)


def check_length(text: str | None, limit: int, member: str) -> None:
    """Raises BadRequest, #1854."""
    if text is not None and len(text) > limit:
        raise BadRequest(f"{member}: has more than {limit} characters.", Code.FIELD_TOO_LARGE)


def times(
    asked: Times, now: datetime, *, sla_minutes: int = 0, risk_sla_minutes: int = 0, member: str = "DeferDate"
) -> Times:
    """The times of an item. Where the queue promises one, its deadline rules, counted from when work may begin.

    Raises BadRequest for work that may begin only when it should be done.
    """
    asked = Times(*map(_storable, asked))
    if sla_minutes > 0:
        begin = asked.defer_at if asked.defer_at is not None and asked.defer_at > now else now
        risk_at = later(begin, risk_sla_minutes) if risk_sla_minutes > 0 else asked.risk_at
        return Times(asked.defer_at, later(begin, sla_minutes), risk_at)
    if asked.defer_at is not None and asked.due_at is not None and now < asked.due_at <= asked.defer_at:
        raise BadRequest(f"{member}: must be before DueDate.", Code.INVALID_ARGUMENT)
    return asked


def _storable(instant: datetime | None) -> datetime | None:
    """The last instant of the calendar is written as the end of time, which stands for no deadline: one before it."""
    return instant - timedelta(microseconds=1) if instant is not None and instant >= LAST_INSTANT else instant


def later(begin: datetime, minutes: int) -> datetime | None:
    """So many minutes after an instant; None for what is beyond the calendar."""
    try:
        return begin + timedelta(minutes=minutes)
    except OverflowError:
        return None


def is_waiting(defer_at: datetime | None, now: datetime) -> bool:
    """Whether an item is not to be handed out yet."""
    return defer_at is not None and defer_at > now


def verdict(*, is_successful: bool, exception_type: str | None, defer_at: datetime | None, now: datetime) -> Verdict:
    """What a result says. A success with an instant to come asks for the item to be handed out again after it."""
    if is_successful:
        return Verdict.POSTPONED if is_waiting(defer_at, now) else Verdict.SUCCESS
    return Verdict.BUSINESS_FAILURE if exception_type == "BusinessException" else Verdict.FAILURE


def is_retried(*, is_allowed: bool, retry_number: int, max_retries: int) -> bool:
    """Whether an attempt that failed by the application's fault is followed by another one."""
    return is_allowed and retry_number < max_retries


def state_after(verdict: Verdict, *, is_allowed: bool, retry_number: int, max_retries: int) -> State:
    """The state that a result brings an item in progress to. `is_allowed`: the queue retries by itself.

    The statement of results says the same in SQL; a test holds them together.
    """
    match verdict:
        case Verdict.POSTPONED:
            return State.NEW
        case Verdict.SUCCESS:
            return State.SUCCESSFUL
        case Verdict.BUSINESS_FAILURE:
            return State.FAILED
    again = is_retried(is_allowed=is_allowed, retry_number=retry_number, max_retries=max_retries)
    return State.RETRIED if again else State.FAILED


def state_after_abandonment(*, is_allowed: bool, retry_number: int, max_retries: int) -> State:
    """The state of an item that nobody finished. `is_allowed`: the queue retries what was abandoned."""
    again = is_retried(is_allowed=is_allowed, retry_number=retry_number, max_retries=max_retries)
    return State.RETRIED if again else State.ABANDONED


class Lease(NamedTuple):
    """Who works on an item. `epoch` grows at each hand-out."""

    holder: str
    epoch: int


def holds(state: int, lease: Lease, holder: str, epoch: int | None) -> bool:
    """Whether a caller may say something about an item: it has it, by the hand-out that it names, if it names one."""
    return state == State.IN_PROGRESS and lease.holder == holder and epoch in (None, lease.epoch)


class Past(NamedTuple):
    """What is known of an item that a result comes for, whatever state it is in."""

    state: int
    lease: Lease
    operation_id: str | None
    exception_type: str | None


def is_repeated(
    past: Past, holder: str, epoch: int | None, operation_id: str | None, verdict: Verdict, exception_type: str | None
) -> bool:
    """Whether the result is the one that ended the item, said once more."""
    if operation_id is None or past.operation_id != operation_id or past.lease.holder != holder:
        return False
    if epoch not in (None, past.lease.epoch):
        return False
    if verdict == Verdict.SUCCESS:
        return past.state == State.SUCCESSFUL
    is_failure = verdict in (Verdict.FAILURE, Verdict.BUSINESS_FAILURE)
    return is_failure and past.state in (State.FAILED, State.RETRIED) and past.exception_type == exception_type


def not_yours() -> Conflict:
    """The refusal of a result or a progress from who does not hold the item."""
    return Conflict(NOT_YOURS, Code.WRONG_STATE)


def duplicate() -> Conflict:
    """The refusal of a reference that the queue has seen."""
    return Conflict(DUPLICATE, Code.DUPLICATE_REFERENCE)


ERROR_NAMES: Mapping[int, str] = {
    Code.INVALID_REQUEST: "InvalidRequest",
    Code.INVALID_ARGUMENT: "InvalidArgument",
    Code.PARAMETER_INVALID: "ParameterInvalid",
    Code.DUPLICATE_REFERENCE: "DuplicateReference",
    Code.REFERENCE_REQUIRED: "TransactionReferenceRequired",
    Code.SCHEMA_VIOLATION: "QueueItemSchemaViolationException",
    Code.FIELD_TOO_LARGE: "QueueItemContentSizeExceeded",
    Code.CONTENT_INVALID: "InvalidArgument",
}


def error_name(error: ApiError) -> str:
    """The published name of a refusal's code, for answers that list refusals."""
    return ERROR_NAMES.get(error.code, "Unknown")


def shown(text: str) -> str:
    """A caller's text as messages repeat it."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
