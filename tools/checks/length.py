"""What is too long is not read.

A file of more than 400 lines holds more than one thing, and so does a function of more than 60: the area, not the
layer, is then split. Tests may have 800 lines, for they are read class by class. Generated structs are nobody's to read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.checks.source import Fault, Source

RULE = "length"
FILE_LINES = 400
TEST_LINES = 800
FUNCTION_LINES = 60
GENERATED = "src/podium/wire"


def check(source: Source) -> Iterator[Fault]:
    """Files and functions over their limit."""
    if source.is_in(GENERATED):
        return
    limit = TEST_LINES if source.is_in("tests") else FILE_LINES
    lines = source.text.count("\n")
    if lines > limit:
        yield source.fault(limit + 1, RULE, f"{lines} lines, over {limit}; split the area")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield source.fault(node.lineno, RULE, f"{node.name} has {lines} lines, over {FUNCTION_LINES}")
