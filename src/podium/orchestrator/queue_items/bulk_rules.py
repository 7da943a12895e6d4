"""Which items a change of many befits, and when it may begin. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.orchestrator.queue_items.review_rules import Fault, Held
from podium.orchestrator.queue_items.rules import State


class Item(NamedTuple):
    """An item as such a change looks at it."""

    held: Held
    priority: int
    due_at: datetime | None
    defer_at: datetime | None

    @property
    def id(self) -> int:
        return self.held.id


def check_count(found: int, expected: int | None, most: int) -> None:
    """Raises Conflict when the filter finds another number of items than the caller knows of, BadRequest for too many."""
    if expected is not None and expected != found:
        raise Conflict(f"The filter finds {found} items now, not {expected}; nothing was changed.", Code.WRONG_STATE)
    if found > most:
        raise BadRequest(f"filter: finds {found} items, at most {most} are changed at once.", Code.INVALID_ARGUMENT)


def takes_priority(priority: int, item: Item) -> bool | Fault:
    """Whether the priority changes: that of an item that waits."""
    return priority != item.priority if item.held.state is State.NEW else Fault.WRONG_STATE


def takes_defer_date(defer_at: datetime | None, now: datetime, item: Item) -> bool | Fault:
    """Whether the item is put off to another instant; not beyond a deadline that is still to come."""
    if item.held.state is not State.NEW:
        return Fault.WRONG_STATE
    if defer_at is not None and item.due_at is not None and now < item.due_at <= defer_at:
        return Fault.TOO_LATE
    return defer_at != item.defer_at
