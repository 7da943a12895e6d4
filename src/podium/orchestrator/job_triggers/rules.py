"""What a trigger waits for, from what the robot says of it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

TIMER, JOB, QUEUE_ITEM, TASK = "Timer", "Job", "QueueItem", "Task"
WITH_INBOX = frozenset({"Api", "Inbox"})
EXTERNAL = ("DeepRag", "BatchRag", "IxpExtraction", "IndexIngestion", "IxpVsEscalation")
"""Kinds that other products complete. They are kept, and such a job is resumed by hand."""
TYPES = ("None", QUEUE_ITEM, JOB, TASK, TIMER, "Inbox", "Api", *EXTERNAL)

_CANONICAL = {name.lower(): name for name in TYPES}


class Wait(NamedTuple):
    """One thing that resumes a job. `resume_at` only for a timer, `inbox_id` only for what a payload resumes."""

    type: str
    item_key: str | None = None
    item_id: int | None = None
    inbox_id: UUID | None = None
    message: str | None = None
    resume_at: datetime | None = None


def canonical(name: str | None) -> str | None:
    """The name of a trigger type given in any case; None for an unknown one."""
    return _CANONICAL.get((name or "").strip().lower())


def wait(
    type_: str | None,
    *,
    item_key: str | None,
    item_id: int | None,
    inbox_id: UUID | None,
    message: str | None,
    resume_at: datetime | None,
    new_inbox: UUID,
) -> Wait:
    """What to keep of a trigger; one of an unknown type waits for nothing but a resume by hand.

    `new_inbox` is for those that need an inbox and name none. A key of digits is the item's id as well.
    """
    kind = canonical(type_) or "None"
    key = guid(item_key)
    plain = (item_key or "").strip()
    number = int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 19 else None
    return Wait(
        kind,
        str(key) if key else (None if kind == JOB else plain or None),
        item_id if item_id is not None else number,
        (inbox_id or key or new_inbox) if kind in WITH_INBOX else None,
        message,
        resume_at if kind == TIMER else None,
    )


def guid(text: str | None) -> UUID | None:
    """The GUID in a text, None when there is none."""
    try:
        return UUID((text or "").strip())
    except ValueError:
        return None
