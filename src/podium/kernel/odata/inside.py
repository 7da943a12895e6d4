"""Conditions on members of a JSON property, whose names only its rows know: `SpecificContent/Customer eq 'x'`.

The name of such a member is a bound value like every literal, never SQL. Neither names nor texts count their case.
Equality is one containment, which a GIN index on the property's `Inside.value` answers; everything else looks at the
rows one by one. A value compares with its own type only: the number 5 is not the text '5'.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from podium.kernel.odata.arguments import NATURAL, Convert, Parameter, Target, check, converter, pattern
from podium.kernel.odata.entity import Inside, Kind
from podium.kernel.odata.tree import (
    Call,
    Compare,
    Expression,
    In,
    Literal,
    LiteralType,
    Path,
    Slot,
    invalid,
    shown,
)

MATCHES = frozenset({"contains", "startswith", "endswith"})
SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
FLIPPED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}
# What no path can have, in the way of XML's names: `Invoice_x0020_Number`, `_x006e_ull`.
ESCAPED = re.compile(r"_x([0-9a-fA-F]{4})_")
LOOKS_LIKE_A_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"


@dataclass(frozen=True)
class Member:
    """A member of the JSON property that the row `alias` has; `rows` is an alias for the rows that hold it."""

    inside: Inside
    alias: str
    rows: str
    name: str
    label: str


@dataclass(frozen=True)
class MemberTest:
    """A condition on one member. `operator`: eq, in, like, present, or one of the four that order.

    `name` and `value` are what is bound: eq and in have both in `value`, present has only the name.
    """

    member: Member
    operator: str
    name: Parameter | None = None
    value: Parameter | None = None
    negated: bool = False


Find = Callable[[Path], Member | None]


def member_of(inside: Inside, alias: str, rows: str, path: Path) -> Member:
    """The member at the end of a path; raises BadRequest for a name that cannot be one."""
    name = ESCAPED.sub(lambda match: chr(int(match[1], 16)), path.names[-1])
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in name):
        raise invalid(f"'{shown(str(path))}' cannot be the name of a member.")
    return Member(inside, alias, rows, name, str(path))


def test(node: Expression, find: Find) -> MemberTest | None:
    """The bound condition when the node is one on a member; None when it is about something else."""
    match node:
        case Compare(operator, left, right):
            if (member := _found(left, find)) is not None:
                return _comparison(member, operator, right)
            if (member := _found(right, find)) is not None:
                return _comparison(member, FLIPPED.get(operator, operator), left)
        case In(operand, index, has_null) if (member := _found(operand, find)) is not None:
            if has_null:
                raise invalid(f"'{shown(member.label)}' cannot be compared with null in a list; use eq null.")
            return MemberTest(member, "in", None, Parameter(index, Kind.JSON, "text[]", _document(member), many=True))
        case Call("substringof", (sought, within)) if (member := _found(within, find)) is not None:
            return _match(member, "contains", sought)
        case Call(name, (within, sought)) if name in MATCHES and (member := _found(within, find)) is not None:
            return _match(member, name, sought)
    return None


def _found(node: Expression, find: Find) -> Member | None:
    """The member that the node is, also inside tolower and toupper, which change nothing."""
    while isinstance(node, Call) and node.name in ("tolower", "toupper"):
        node = node.operands[0]
    return find(node) if isinstance(node, Path) else None


def _comparison(member: Member, operator: str, other: Expression) -> MemberTest:
    slot = _slot(member, other)
    is_equality = operator in ("eq", "ne")
    if slot.type is LiteralType.NULL:
        if not is_equality:
            raise invalid(f"'{shown(member.label)}' cannot be compared by '{operator}' with null.")
        return MemberTest(member, "present", _name(member, slot), negated=operator == "eq")
    if is_equality and slot.type not in (LiteralType.INSTANT, LiteralType.DATE):
        value = Parameter(slot.index, Kind.JSON, "text", _document(member))
        return MemberTest(member, "eq", None, value, negated=operator == "ne")
    if slot.type is LiteralType.BOOLEAN:
        raise invalid(f"'{shown(member.label)}' cannot be compared by '{operator}' with a boolean.")
    natural = NATURAL[slot.type]
    target = Target(Kind.DATETIME if natural is Kind.DATE else natural, member.label)
    value = Parameter(slot.index, target.kind, target.cast, converter(target))
    return MemberTest(member, "same" if is_equality else operator, _name(member, slot), value, operator == "ne")


def _match(member: Member, function: str, sought: Expression) -> MemberTest:
    slot = _slot(member, sought)
    target = Target(Kind.STRING, f"{function}({member.label})")
    check(target, slot.type)
    value = Parameter(slot.index, Kind.STRING, "text", pattern(function, target))
    return MemberTest(member, "like", _name(member, slot), value)


def _slot(member: Member, node: Expression) -> Slot:
    while isinstance(node, Call) and node.name in ("tolower", "toupper"):
        node = node.operands[0]
    if not isinstance(node, Slot):
        raise invalid(f"'{shown(member.label)}' can only be compared with a literal.")
    return node


def _name(member: Member, slot: Slot) -> Parameter:
    return Parameter(slot.index, Kind.STRING, "text", lambda _: member.name)


def _document(member: Member) -> Convert:
    """The function from a literal to the text of a JSON object with that member alone."""

    def convert(literal: Literal) -> str:
        value = literal.value
        if isinstance(value, float) and not math.isfinite(value):
            raise invalid(f"'{shown(member.label)}' is never infinite.")
        plain = value if isinstance(value, str | int | float | bool) else str(value)
        return json.dumps({member.name: plain}, ensure_ascii=False)

    return convert


def sql(test: MemberTest, placeholder: Callable[[Parameter], str]) -> str:
    """The condition as SQL."""
    member = test.member
    document = _at(member.inside.value, member)
    condition = _condition(test, document, placeholder)
    if member.inside.rows:
        rows, join = _at(member.inside.rows, member), _at(member.inside.join, member)
        condition = f"EXISTS (SELECT FROM {rows} WHERE {join} AND {condition})"
    else:
        condition = f"coalesce({condition}, false)"
    return f"(NOT {condition})" if test.negated else condition


def _condition(test: MemberTest, document: str, placeholder: Callable[[Parameter], str]) -> str:
    name = "" if test.name is None else f"lower({placeholder(test.name)})"
    value = "" if test.value is None else placeholder(test.value)
    text = f"({document} ->> {name})"
    match test.operator:
        case "eq":
            return f"{document} @> lower({value})::jsonb"
        case "in":
            return f"{document} @> ANY(ARRAY(SELECT lower(v)::jsonb FROM unnest({value}) v))"
        case "like":
            return f"{text} LIKE lower({value})"
        case "present":
            return f"{text} IS NOT NULL"
    sign = SIGNS.get(test.operator, "=")
    assert test.value is not None
    if test.value.kind is Kind.DATETIME:
        is_one = f"{text} ~ '{LOOKS_LIKE_A_DAY}' AND pg_input_is_valid({text}, 'timestamptz')"
        return f"CASE WHEN {is_one} THEN {text}::timestamptz END {sign} {value}"
    if test.value.kind is Kind.STRING:
        return f"{text} {sign} lower({value})"
    if test.value.kind is Kind.GUID:
        return f"{text} {sign} {value}::text"
    is_one = f"jsonb_typeof({document} -> {name}) = 'number'"
    return f"CASE WHEN {is_one} THEN {text}::numeric END {sign} {value}"


def _at(declared: str, member: Member) -> str:
    return declared.replace("{t}", member.alias).replace("{m}", member.rows)
