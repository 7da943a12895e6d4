"""Areas meet in their `actions`, `entity` and `rules`.

An area that imports another one's `store` or `api` binds itself to how that area works inside, and the two can only
change together. What is free beyond these three is listed here, each with its reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.checks.source import Fault, Source
from tools.checks.writes import CONTEXTS, area_of

RULE = "neighbours"
FREE_NAMES = frozenset({"actions", "entity", "rules"})
FREE = {
    "podium.orchestrator.access.granting": "actions on what a caller may give, a file of their own",
    "podium.orchestrator.access.first_start": "what a new tenant has, for the first start and the host",
    "podium.orchestrator.access.resolver": "the cache that every change of access empties",
    "podium.orchestrator.access.store": "announce_change, which every change of access calls",
    "podium.orchestrator.exports.kinds": "a table of what can be exported",
    "podium.orchestrator.jobs.hand_out": "actions on handing out, a file of their own",
    "podium.orchestrator.jobs.log_flags": "actions on what logs tell of jobs, a file of their own",
    "podium.orchestrator.packages.arguments": "pure",
    "podium.orchestrator.packages.versions": "pure",
    "podium.orchestrator.queues.schemas": "pure",
    "podium.identity.tokens.claims": "pure",
    "podium.identity.users.passwords": "hashing, no SQL",
}

ROOT = Path(__file__).resolve().parents[2]
# Files right in a context belong to no area.
SHARED = frozenset(
    f"podium.{path.parent.name}.{path.stem}" for folder in CONTEXTS for path in (ROOT / folder).glob("*.py")
)


def check(source: Source) -> Iterator[Fault]:
    """Imports of another area's inside."""
    if not source.is_in(*CONTEXTS) or len(source.path.parts) < 5:
        return  # files right in a context put its areas together
    own = ".".join((*source.path.parts[1:3], area_of(source.path)))
    context = own.rpartition(".")[0]
    for node in ast.walk(source.tree):
        for module in _imported(node, context):
            parts = module.split(".")
            is_other = module.startswith(f"{context}.") and ".".join(parts[:3]) != own
            if is_other and len(parts) > 3 and parts[-1] not in FREE_NAMES and module not in FREE:
                message = f"{module} is the inside of another area: import its actions, entity or rules"
                yield source.fault(node.lineno, RULE, message)  # type: ignore[attr-defined]  # imports have a line


def _imported(node: ast.AST, context: str) -> Iterator[str]:
    """The modules that a statement imports; `from area import store` names the module area.store."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        is_area = node.module.startswith(f"{context}.") and node.module.count(".") == context.count(".") + 1
        if is_area and node.module not in SHARED:
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name.islower())
        else:
            yield node.module
