"""A parsed tree written back as OData text; every nested condition stands in parentheses."""

from __future__ import annotations

from datetime import datetime

from podium.kernel.odata.tree import (
    AnyOf,
    Call,
    Compare,
    Expression,
    In,
    Literal,
    LiteralType,
    Logic,
    Not,
    Options,
    Path,
    Slot,
)


def literal_text(literal: Literal) -> str:
    value = literal.value
    match literal.type:
        case LiteralType.STRING:
            return "'" + str(value).replace("'", "''") + "'"
        case LiteralType.ENUM:
            return "My.Kind'" + str(value).replace("'", "''") + "'"
        case LiteralType.NULL | LiteralType.BOOLEAN:
            return {None: "null", True: "true", False: "false"}[value]  # type: ignore[index]
        case LiteralType.DECIMAL:
            return f"{value!r}d"
        case LiteralType.INSTANT:
            assert isinstance(value, datetime)
            return value.isoformat().replace("+00:00", "Z")
    return str(value)


def print_expression(node: Expression, options: Options) -> str:
    def inner(child: Expression) -> str:
        text = print_expression(child, options)
        return f"({text})" if isinstance(child, Compare | In | Logic | Not) else text

    match node:
        case Slot(index):
            return literal_text(options.literals[index])
        case Path():
            return str(node)
        case Call(name, operands):
            return f"{name}({','.join(print_expression(operand, options) for operand in operands)})"
        case Compare(operator, left, right):
            return f"{inner(left)} {operator} {inner(right)}"
        case In(operand, index, has_null):
            values = [literal_text(literal) for literal in options.lists[index]] + ["null"] * has_null
            return f"{inner(operand)} in ({', '.join(values)})"
        case AnyOf(path, None, _):
            return f"{path}/any()"
        case AnyOf(path, variable, predicate):
            assert predicate is not None
            return f"{path}/any({variable}: {print_expression(predicate, options)})"
        case Logic(operator, terms):
            return f" {operator} ".join(inner(term) for term in terms)
        case Not(term):
            return f"not {inner(term)}"
