"""What a queue may be, and when its items are old. Pure."""

from __future__ import annotations

import unicodedata
from datetime import datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from podium.kernel.errors import BadRequest, Code, Conflict

NO_QUEUE = "QueueDefinition does not exist."

SCHEMA_MEMBERS = ("SpecificDataJsonSchema", "OutputDataJsonSchema", "AnalyticsDataJsonSchema")
SCHEMA_TYPES = ("SpecificData", "OutputData", "AnalyticsData")

ACTIONS = ("Delete", "Archive", "None")
KINDS = ("Final", "Stale")
PERIODS = range(1, 181)
DEFAULT_DAYS = 30


class Definition(NamedTuple):
    """A queue as whoever works on its items needs it; the schemas are JSON texts. `shown`: what events say of it, JSON.

    `revision` is raised at every change of the queue: what was read of it once holds while the revision is the same.
    """

    id: int
    key: UUID
    name: str
    revision: int
    max_retries: int
    is_retried_automatically: bool
    is_retried_when_abandoned: bool
    has_unique_references: bool
    is_encrypted: bool
    sla_minutes: int
    risk_sla_minutes: int
    content_schema: str | None
    output_schema: str | None
    analytics_schema: str | None
    process_id: int | None
    shown: str


class Asked(NamedTuple):
    """A queue as a body asks for it, in the order of the statements; `tags` is JSON text."""

    name: str
    name_key: str
    description: str | None
    max_retries: int
    is_retried_automatically: bool
    is_retried_when_abandoned: bool
    has_unique_references: bool
    is_encrypted: bool
    sla_minutes: int
    risk_sla_minutes: int
    process_id: int | None
    content_schema: str | None
    output_schema: str | None
    analytics_schema: str | None
    tags: str


class Policy(NamedTuple):
    """What becomes of items that are `days` old; `kind` says which: those that have ended, or the others."""

    kind: str
    action: str
    days: int
    bucket_id: int | None


def name_key(name: str) -> str:
    """What two names have in common that mean the same queue."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def clean_name(given: str) -> str:
    """The name as it is stored: NFC, without blanks around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise BadRequest("Name: must not be empty.", Code.QUEUE_NAME_INVALID)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise BadRequest("Name: must not have control characters.", Code.QUEUE_NAME_INVALID)
    return name


def check_times(sla_minutes: int, risk_sla_minutes: int) -> None:
    """Raises BadRequest for a risk that is not told before the time is over; 0 means that there is none."""
    if risk_sla_minutes and risk_sla_minutes >= sla_minutes:
        raise BadRequest("RiskSlaInMinutes: must be less than SlaInMinutes.", Code.INVALID_ARGUMENT)


def check_fixed(asked: Asked, *, has_unique_references: bool, is_encrypted: bool) -> None:
    """Raises Conflict when the queue would change what is settled when it is made."""
    if asked.has_unique_references is not has_unique_references:
        raise Conflict("EnforceUniqueReference: cannot change once the queue is there.", Code.WRONG_STATE)
    if asked.is_encrypted is not is_encrypted:
        raise Conflict("Encrypted: cannot change once the queue is there.", Code.WRONG_STATE)


def policy(kind: str, action: str, days: int | None, bucket_id: int | None, *, prefix: str = "") -> Policy:
    """The policy that the members ask for; `prefix` is how their names begin. Raises BadRequest."""
    period = DEFAULT_DAYS if days is None else days
    if period not in PERIODS:
        message = f"{prefix}Period: must be between {PERIODS[0]} and {PERIODS[-1]} days."
        raise BadRequest(message, Code.INVALID_ARGUMENT)
    if action == "Archive" and not bucket_id:
        raise BadRequest(f"{prefix}BucketId: archived items need a bucket.", Code.INVALID_ARGUMENT)
    return Policy(kind, action, period, bucket_id if action == "Archive" else None)


def check_archive(policy: Policy, *, is_encrypted: bool) -> None:
    """Raises BadRequest when what is sealed in the database would be written in clear into files."""
    if is_encrypted and policy.action == "Archive":
        raise BadRequest("RetentionAction: items of an encrypted queue cannot be archived.", Code.INVALID_ARGUMENT)


def archive_path(queue_id: int, name: str, kind: str, first_id: int, last_id: int) -> str:
    """Where the archive of these items lies in its bucket: the same for the same items, however often it is written."""
    plain = "".join(letter if letter.isalnum() or letter in " -_." else "_" for letter in name)
    return f"Queues/{queue_id} {plain}/{kind} {first_id}-{last_id}.zip"


def old_before(now: datetime, days: int) -> datetime:
    """Items that ended before this instant are older than so many days.

    Days are those of the calendar (UTC): what ended on some day goes when `days` whole days have passed after it.
    """
    return datetime.combine(now.date(), time.min, now.tzinfo) - timedelta(days=days)


class Figures(NamedTuple):
    """What of the ended items of a queue, or of one period, is counted; seconds from start to end.

    Every attempt of an item counts; items that were deleted do not.
    """

    successful: int = 0
    application_exceptions: int = 0
    business_exceptions: int = 0
    retried: int = 0
    successful_s: float = 0.0
    application_exceptions_s: float = 0.0
    business_exceptions_s: float = 0.0

    @property
    def transactions(self) -> int:
        return self.successful + self.application_exceptions + self.business_exceptions


def estimated(count: int, sampled: int, sampled_s: float) -> float:
    """Seconds that so many items took, told from some of them; exact when all of them are sampled."""
    return sampled_s * count / sampled if sampled else 0.0


def periods(now: datetime, days: int) -> list[datetime]:
    """Beginnings of the periods of the last days, the present one last: hours of one day, else days (UTC)."""
    if days == 1:
        hour = now.replace(minute=0, second=0, microsecond=0)
        return [hour - timedelta(hours=back) for back in range(23, -1, -1)]
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return [day - timedelta(days=back) for back in range(days - 1, -1, -1)]
