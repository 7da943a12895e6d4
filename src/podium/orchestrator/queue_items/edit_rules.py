"""What of an item may be edited when. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from podium.kernel.errors import Code, Conflict
from podium.orchestrator.queue_items.rules import FINAL, State


class Values(NamedTuple):
    """The members of an item that people edit, beside its content. None in what is asked for: not said."""

    progress: str | None
    priority: int | None
    due_at: datetime | None
    defer_at: datetime | None


def check_erasure(state: State, stored: Values, asked: Values, *, is_content_empty: bool) -> None:
    """Raises Conflict unless an ended item is asked for that is as it was but for its content, which is empty."""
    if state not in FINAL:
        raise Conflict("An item that is in progress cannot be edited.", Code.WRONG_STATE)
    is_same = all(wanted is None or wanted == was for was, wanted in zip(stored, asked, strict=True))
    if not is_content_empty or not is_same:
        raise Conflict(
            f"An item in state {state.name.title()} cannot be edited; only its content can be taken away.",
            Code.WRONG_STATE,
        )
