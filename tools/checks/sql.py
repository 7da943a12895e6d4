"""Values never become SQL text.

A statement put together from pieces is where injection lives, and PostgreSQL cannot remember its plan. So a statement is
one literal with $1, $2. A constant of the module may be placed into it that is itself a literal, or made of such
constants, when both stand at the module's level: then the whole text is there when the module is loaded. So may the
constants of `orchestrator/scope.py`; and `kernel/odata`, which compiles filters, is the one place that builds text. `{}`
of anything else, `%`, `+`, `.format` and `.join` are refused.

Since text can be put together in more ways than a check can know, what a connection is given is looked at as well: a
literal, a constant (its name in capitals, made at the module's level), a field of a declared object, or a name of the
function that holds one of these whichever way it is reached. Whatever else is given is refused, however it was made.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tools.checks.source import Fault, Source, joined

RULE = "sql"
BUILDERS = ("src/podium/kernel/odata", "src/podium/orchestrator/scope.py")
SCOPE = "podium.orchestrator.scope"
SINKS = frozenset({"fetch", "fetchrow", "fetchval", "fetchmany", "execute", "executemany", "cursor", "prepare"})
TEXTS = frozenset({"query", "command", "sql"})  # what the first parameter of these is called
FILES = ("src/podium/kernel/migrate.py",)  # its statements are the migrations' own
NO_DATABASE = ("src/podium/robot",)
Function = ast.FunctionDef | ast.AsyncFunctionDef
STATEMENT = re.compile(
    r"^\s*(?:WITH|SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|CREATE|ALTER|DROP|LOCK|SET|NOTIFY|LISTEN)\s+\S|\$\d\b"
)


def check(source: Source) -> Iterator[Fault]:
    """Statements that are put together at run time."""
    if not source.is_in("src") or source.is_in(*BUILDERS):
        return
    names = _scope_names(source.tree)
    constants = _constants(source.tree)
    pieces = _pieces(source.tree, names)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr) and (STATEMENT.search(joined(node)) or _holds_sql(node, constants)):
            allowed = pieces.get(node, names)
            for value in node.values:
                if isinstance(value, ast.FormattedValue) and ast.unparse(value.value) not in allowed:
                    shown = ast.unparse(value.value)
                    yield source.fault(node.lineno, RULE, f"{{{shown}}} in a statement: give it as a parameter")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            if _is_sql(node.left, constants) or _is_sql(node.right, constants):
                yield source.fault(node.lineno, RULE, "a statement is put together: write it as one literal")
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            if _is_sql(node.target, constants) or _is_sql(node.value, constants):
                yield source.fault(node.lineno, RULE, "a statement is put together: write it as one literal")
        elif isinstance(node, ast.Call) and _is_filled(node, constants):
            yield source.fault(node.lineno, RULE, f"{ast.unparse(node.func)[-20:]}(): give values as parameters")
    if not source.is_in(*FILES, *NO_DATABASE):
        yield from _sinks(source)


def _sinks(source: Source) -> Iterator[Fault]:
    """What connections are given that is not plainly a literal or a constant; and ways around this look."""
    called = {node.func for node in ast.walk(source.tree) if isinstance(node, ast.Call)}
    for function, node in _with_functions(source.tree, None):
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)
            and function is not None
            and _is_constant(node)
        ):
            yield source.fault(node.lineno, RULE, f"{node.id} is made in a function: constants belong to the module")
        elif isinstance(node, ast.Attribute) and node.attr in SINKS and node not in called:
            yield source.fault(node.lineno, RULE, f"{ast.unparse(node)} under another name: call it where it is")
        elif isinstance(node, ast.Call) and (given := _given(node)) is not None and not _is_plain(given, function):
            shown = ast.unparse(given)[:60]
            yield source.fault(node.lineno, RULE, f"{shown} is given to a connection: give a constant of the module")


def _with_functions(node: ast.AST, function: Function | None) -> Iterator[tuple[Function | None, ast.AST]]:
    """Every node below, with the innermost function around it."""
    for child in ast.iter_child_nodes(node):
        yield function, child
        yield from _with_functions(
            child, child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        )


def _given(call: ast.Call) -> ast.expr | None:
    """The statement that a call hands to a connection; None when it hands none."""
    if isinstance(call.func, ast.Name) and call.func.id == "getattr" and len(call.args) > 1:
        name = call.args[1]
        return call if isinstance(name, ast.Constant) and name.value in SINKS else None
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in SINKS:
        return None
    named = [keyword.value for keyword in call.keywords if keyword.arg in TEXTS or keyword.arg is None]
    return call.args[0] if call.args else next(iter(named), None)


def _is_plain(node: ast.expr, function: Function | None, *, bound: bool = True) -> bool:
    """Whether the value is text that stands in the source as a whole; `bound`: also by a name of the function."""
    match node:
        case ast.Constant():
            return True
        case ast.Attribute(value=owner):
            return isinstance(owner, ast.Name | ast.Attribute) and (_is_constant(node) or node.attr.islower())
        case ast.IfExp(body=one, orelse=other):
            return _is_plain(one, function, bound=bound) and _is_plain(other, function, bound=bound)
        case ast.Name() if _is_constant(node):
            return True
        case ast.Name(id=name) if bound and function is not None:
            values = list(_values(name, function))
            return bool(values) and all(
                value is not None and _is_plain(value, function, bound=False) for value in values
            )
    return False


def _values(name: str, function: Function) -> Iterator[ast.expr | None]:
    """What the name stands for in the function, at every place that sets it; None where that cannot be told."""
    given = function.args
    if name in {argument.arg for argument in (*given.args, *given.kwonlyargs, *given.posonlyargs)}:
        yield None
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=target), value=value) if target == name:
                yield value
            case ast.Name(id=target, ctx=ast.Store()) if target == name and not _is_simple(node, function):
                yield None


def _is_simple(name: ast.Name, function: Function) -> bool:
    """Whether the name is set by an assignment to it alone."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and node.targets == [name]:
            return True
        if isinstance(node, ast.AnnAssign) and node.target is name:
            return True
    return False


def _is_constant(node: ast.Name | ast.Attribute) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr
    return name.isupper() and len(name) > 1


def _is_filled(call: ast.Call, constants: frozenset[str]) -> bool:
    """Whether it is `.format` or `.replace` of a statement, or `.join` of parts of one."""
    function = call.func
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr == "join":
        parts = (part for given in call.args if isinstance(given, ast.List | ast.Tuple) for part in given.elts)
        return any(_is_sql(part, constants) for part in parts)
    return function.attr in ("format", "format_map", "replace", "substitute") and _is_sql(function.value, constants)


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


def _pieces(tree: ast.Module, names: frozenset[str]) -> dict[ast.JoinedStr, frozenset[str]]:
    """For the f-strings that constants of the module are, what may be placed into each: the literals that came before.

    A name that is set again, at the module's level or anywhere else, is none of them.
    """
    stores = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    whole = set(names)
    found: dict[ast.JoinedStr, frozenset[str]] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name() as target], value=ast.Constant(value=str()) | ast.JoinedStr() as value):
                is_literal = True
                if isinstance(value, ast.JoinedStr):
                    found[value] = frozenset(whole)
                    placed = (part.value for part in value.values if isinstance(part, ast.FormattedValue))
                    is_literal = all(ast.unparse(each) in whole for each in placed)
                if is_literal and _is_constant(target) and stores[target.id] == 1:
                    whole.add(target.id)
    return found


def _holds_sql(node: ast.JoinedStr, constants: frozenset[str]) -> bool:
    """Whether a statement is placed into the text, which makes it one as well."""
    placed = (part.value for part in node.values if isinstance(part, ast.FormattedValue))
    return any(isinstance(each, ast.Name) and each.id in constants for each in placed)


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
