"""Who may see which folder's rows is decided in one place.

`WHERE t.folder_id = $2` in an area is a second answer to that question, and the next one forgets the tenant. So a
comparison of `folder_id` with a parameter is written as `IN_FOLDERS` of `orchestrator/scope.py`; joins
(`a.folder_id = b.id`) are free, and so is every other column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.checks.source import Fault, Source, line_of

RULE = "scope"
HOME = "src/podium/orchestrator/scope.py"
PARAMETER = r"\(*\s*(?:CAST\s*\(\s*)?\$\d+"
COMPARED = re.compile(
    rf"\b(?:\w+\.)?folder_id\s*(?:=|<>|!=|IN|NOT\s+IN|IS\s+(?:NOT\s+)?DISTINCT\s+FROM)\s*(?:(?:ANY|ALL)\s*)?{PARAMETER}"
    rf"|\$\d+(?:::\w+)?\s*(?:=|<>|!=)\s*(?:\w+\.)?folder_id\b",
    re.IGNORECASE,
)
ASSIGNED = re.compile(r"\bSET\b(?:(?!\bWHERE\b|\bFROM\b).)*$", re.IGNORECASE | re.DOTALL)


def check(source: Source) -> Iterator[Fault]:
    """SQL that compares folder_id with a parameter by itself."""
    if not source.is_in("src") or source.is_in(HOME):
        return
    for text in source.strings:
        for match in COMPARED.finditer(text.text):
            if not ASSIGNED.search(text.text, 0, match.start()):
                message = f"`{match[0]}`: use IN_FOLDERS of podium.orchestrator.scope"
                yield source.fault(line_of(text, match.start()), RULE, message)
