"""The figures of all rounds: collected, reduced to medians, printed beside their goals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.load import Tally


class Goal(NamedTuple):
    """A ratio or a value that is wanted: `value` of a round from the figures of that round; met when `holds`."""

    name: str
    value: Callable[[dict[str, float]], float]
    limit: float
    is_upper: bool
    unit: str = ""

    def holds(self, value: float) -> bool:
        """Whether the goal is met by this value."""
        return value <= self.limit if self.is_upper else value >= self.limit


def _ratio(over: str, under: str) -> Callable[[dict[str, float]], float]:
    return lambda figures: figures[over] / figures[under]


GOALS = (
    Goal("last route / first route, CPU", lambda f: f["last route, CPU us"] / f["first route, CPU us"], 1.1, True),
    Goal("framework path / raw ASGI, CPU", lambda f: f["first route, CPU us"] / f["raw ASGI, CPU us"], 2.0, True),
    Goal("heartbeats of 8 callers", lambda f: f["heartbeats /s"], 2000, False, "/s"),
    Goal("StartJobs of 8 callers", lambda f: f["StartJobs /s"], 1000, False, "/s"),
    Goal("tokens / bare RS256 signatures", lambda f: f["tokens /s"] / f["bare RS256 signatures /s"], 0.75, False),
    Goal("verifying a token seen before", lambda f: f["verified token, us"], 5, True, "us"),
    Goal("StartJobs -> in the long poll, p50", lambda f: f["pick-up p50 ms"], 10, True, "ms"),
    *(
        Goal(
            f"backlog {name}: {ours} / {theirs}",
            _ratio(f"backlog {name}: {ours} /s", f"backlog {name}: {theirs} /s"),
            limit,
            False,
        )
        for name in ("1k", "100k", "1M")
        for ours, theirs, limit in (
            ("adds", "raw adds", 0.5),
            ("adds", "procrastinate adds", 2),
            ("pairs", "raw pairs", 0.5),
            ("pairs", "procrastinate pairs", 4),
        )
    ),
    Goal("pairs at a backlog of 1M / of 1k", _ratio("backlog 1M: pairs /s", "backlog 1k: pairs /s"), 0.85, False),
)
NOTES = (
    ("share of a core, 1,000 robots beating each 30 s", lambda f: f["1000 robots, core share %"], "%"),
    ("StartJobs / PostgreSQL writing the same rows", lambda f: f["StartJobs /s"] / f["same rows by asyncpg /s"], ""),
    ("StartJobs / plain commits of PostgreSQL", lambda f: f["StartJobs /s"] / f["plain commits /s"], ""),
)


@dataclass(slots=True)
class Figures:
    """One dictionary of figures per round, in the order in which they were measured; `once`: what no round repeats."""

    rounds: list[dict[str, float]] = field(default_factory=list)
    once: dict[str, float] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """A new round."""
        self.rounds.append({})

    def note(self, name: str, value: float) -> None:
        """A figure of this round."""
        self.rounds[-1][name] = value

    def check(self, name: str, tally: Tally) -> None:
        """Keep every answer that was not a 2xx."""
        for what, count in tally.errors.items():
            self.errors[f"{name}: {what}"] += count

    def over_rounds(self, name: str) -> list[float]:
        """The values of a figure, one of each round."""
        return [figures[name] for figures in self.rounds]

    def report(self) -> str:
        """The table, the goals and the errors as text."""
        lines = [f"{'figure':<52}{'median':>11}{'min':>11}{'max':>11}"]
        for name in self.rounds[0]:
            values = self.over_rounds(name)
            lines.append(
                f"{name:<52}" + "".join(f"{_short(value):>11}" for value in (median(values), min(values), max(values)))
            )
        lines += ["", f"Side by side (median of the ratios of {len(self.rounds)} rounds)"]
        for goal in GOALS:
            if (value := self._median(goal.value)) is None:
                continue
            word, sign = "ok  " if goal.holds(value) else "MISS", "<=" if goal.is_upper else ">="
            lines.append(f"{word} {goal.name:<47}{_short(value):>11} {goal.unit:<3} goal {sign} {goal.limit:g}")
        for name, value_of, unit in NOTES:
            if (value := self._median(value_of)) is not None:
                lines.append(f"     {name:<47}{_short(value):>11} {unit}")
        lines += [f"     {name:<47}{_short(value):>11}    (once)" for name, value in self.once.items()]
        if self.errors:
            lines += ["", "ERRORS: answers that were not 2xx"]
            lines += [f"{count:>8} x {what}" for what, count in self.errors.most_common(20)]
        return "\n".join(lines)

    def _median(self, value_of: Callable[[dict[str, float]], float]) -> float | None:
        """Over the rounds; None when the run had no such part."""
        try:
            return median(map(value_of, self.rounds))
        except KeyError:
            return None

    def save(self, path: Path) -> None:
        """All rounds and errors as JSON."""
        path.write_text(
            json.dumps({"rounds": self.rounds, "once": self.once, "errors": self.errors}, indent=1), encoding="utf-8"
        )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
