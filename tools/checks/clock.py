"""Time is an argument.

A function that asks for the time itself cannot be tested at the last second of a lease, and two of its answers within
one call differ. So only the edges ask a clock: `kernel/clock.py`, ids, the server's own files, robot and command line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.checks.source import Fault, Source

RULE = "clock"
ALLOWED = (
    "src/podium/kernel/clock.py",
    "src/podium/kernel/ids.py",
    "src/podium/server",
    "src/podium/robot",
    "src/podium/cli",
    "src/podium/samples",
)
CALLS = frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"})
NAMES = frozenset({"time", "time_ns"})


def check(source: Source) -> Iterator[Fault]:
    """Calls of the system's clock where `now` should be an argument."""
    if not source.is_in("src") or source.is_in(*ALLOWED):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ".".join(ast.unparse(node.func).split(".")[-2:])
            if name in CALLS:
                yield source.fault(node.lineno, RULE, f"{name}() asks for the time; take `now` as an argument")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            for alias in node.names:
                if alias.name in NAMES:
                    yield source.fault(node.lineno, RULE, f"time.{alias.name} is imported; take `now` as an argument")
