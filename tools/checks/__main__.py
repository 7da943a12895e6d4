"""Runs every check over the checkout: one line for each fault, and exit status 1 when there is one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.checks import clock, length, neighbours, scope, sql, writes
from tools.checks.source import Fault, Source, read

CHECKS = (clock.check, length.check, neighbours.check, scope.check, sql.check, writes.check)
ROOT = Path(__file__).resolve().parents[2]


def faults(sources: Iterable[Source]) -> Iterator[Fault]:
    """What the checks find, file by file."""
    for source in sources:
        for check in CHECKS:
            yield from check(source)


def main() -> int:
    """The exit status."""
    found = sorted(faults(read(ROOT)))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
