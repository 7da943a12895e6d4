"""What the clients of a queue know: what they sent, what was acknowledged, and what was answered that may not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["success", "application", "business"]


@dataclass(slots=True)
class Ledger:
    """Kept by the clients, who live on while servers die.

    `added`: id by reference. `takes`: for each item the workers that were given it, one entry for each hand-out.
    `results`: the verdict that was accepted for an item. `expired`: items whose lease was made to run out.
    """

    sent: set[str] = field(default_factory=set)
    added: dict[str, int] = field(default_factory=dict)
    takes: dict[int, list[str]] = field(default_factory=dict)
    results: dict[int, Verdict] = field(default_factory=dict)
    expired: set[int] = field(default_factory=set)
    repeated: int = 0
    unavailable: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def acknowledged(self) -> int:
        """Transactions that are done: accepted results."""
        return len(self.results)

    def take(self, item_id: int, worker: str) -> None:
        """A worker was given an item."""
        self.takes.setdefault(item_id, []).append(worker)

    def result(self, item_id: int, verdict: Verdict) -> None:
        """A result was accepted; a second one of another kind is noted as wrong."""
        if item_id in self.results:
            self.wrong[f"item {item_id}: a second result was accepted"] += 1
        if item_id in self.expired:
            self.wrong[f"item {item_id}: a result was accepted after its lease had ended"] += 1
        self.results[item_id] = verdict
