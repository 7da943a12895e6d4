"""Values never become SQL text.

A statement put together from pieces is where injection lives, and PostgreSQL cannot remember its plan. So a statement is
one literal with $1, $2; the constants of `orchestrator/scope.py` may be placed into it, and `kernel/odata`, which
compiles filters, is the one place that builds text. `{}` of anything else, `%`, `+` and `.format` are refused.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.checks.source import Fault, Source, joined

RULE = "sql"
BUILDERS = ("src/podium/kernel/odata", "src/podium/orchestrator/scope.py")
SCOPE = "podium.orchestrator.scope"
STATEMENT = re.compile(
    r"^\s*(?:WITH|SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|CREATE|ALTER|DROP|LOCK|SET|NOTIFY|LISTEN)\s+\S|\$\d\b"
)


def check(source: Source) -> Iterator[Fault]:
    """Statements that are put together at run time."""
    if not source.is_in("src") or source.is_in(*BUILDERS):
        return
    names = _scope_names(source.tree)
    constants = _constants(source.tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr) and STATEMENT.search(joined(node)):
            for value in node.values:
                if isinstance(value, ast.FormattedValue) and ast.unparse(value.value) not in names:
                    shown = ast.unparse(value.value)
                    yield source.fault(node.lineno, RULE, f"{{{shown}}} in a statement: give it as a parameter")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            if _is_sql(node.left, constants) or _is_sql(node.right, constants):
                yield source.fault(node.lineno, RULE, "a statement is put together: write it as one literal")
        elif isinstance(node, ast.Call) and _is_filled(node.func, constants):
            yield source.fault(node.lineno, RULE, f"{ast.unparse(node.func)[-20:]}(): give values as parameters")


def _is_filled(function: ast.expr, constants: frozenset[str]) -> bool:
    """Whether it is `.format` or `.replace` of a statement."""
    if not isinstance(function, ast.Attribute) or function.attr not in ("format", "format_map", "replace"):
        return False
    return _is_sql(function.value, constants)


def _is_sql(node: ast.expr, constants: frozenset[str]) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and STATEMENT.search(node.value) is not None
    return (isinstance(node, ast.JoinedStr) and STATEMENT.search(joined(node)) is not None) or (
        isinstance(node, ast.Name) and node.id in constants
    )


def _constants(tree: ast.Module) -> frozenset[str]:
    """Names of the module that hold a statement."""
    assigned = (node for node in tree.body if isinstance(node, ast.Assign) and _is_sql(node.value, frozenset()))
    return frozenset(name.id for node in assigned for name in node.targets if isinstance(name, ast.Name))


def _scope_names(tree: ast.Module) -> frozenset[str]:
    """How the constants of scope.py are written in this file: `IN_FOLDERS`, `scope.IN_FOLDERS`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == SCOPE:
            found |= {alias.asname or alias.name for alias in node.names if alias.name.isupper()}
        elif isinstance(node, ast.ImportFrom) and node.module == SCOPE.rpartition(".")[0]:
            modules = {alias.asname or alias.name for alias in node.names if alias.name == "scope"}
            uses = (use for use in ast.walk(tree) if isinstance(use, ast.Attribute) and use.attr.isupper())
            found |= {ast.unparse(use) for use in uses if ast.unparse(use.value) in modules}
    return frozenset(found)
