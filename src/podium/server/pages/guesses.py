"""How many wrong codes a person may type; kept in memory, so a node counts for itself."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from uuid import UUID

MOST = 10
WINDOW = timedelta(minutes=10)
REMEMBERED = 10_000


class Guesses:
    """Wrong device codes of each person in a window that begins with the first. One per process; a port."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[UUID, tuple[datetime, int]] = OrderedDict()

    def are_spent(self, person: UUID, now: datetime) -> bool:
        """Whether the person must wait until the window is over."""
        since, count = self._wrong.get(person, (now, 0))
        return count >= MOST and now - since < WINDOW

    def add(self, person: UUID, now: datetime) -> None:
        """Count a wrong code."""
        since, count = self._wrong.get(person, (now, 0))
        if now - since >= WINDOW:
            since, count = now, 0
        self._wrong[person] = since, count + 1
        self._wrong.move_to_end(person)
        while len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)
