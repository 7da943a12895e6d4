"""The expression grammar: a Pratt parser over the tokens, for `$filter` and `$orderby`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from podium.kernel.odata.lexer import Token, TokenType, tokens
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
    OrderTerm,
    Path,
    Slot,
    invalid,
    shown,
)

MAX_EXPRESSIONS = 100  # comparisons, functions and bare conditions; the published limit
MAX_DEPTH = 32
MAX_LIST = 1000  # values of one `in`
MAX_ORDER_TERMS = 5
MAX_PATH = 8  # names of one path; each is a join

COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
POWER = {"or": 1, "and": 2, "not": 3, "in": 4} | dict.fromkeys(COMPARISONS, 4)
FUNCTIONS = {
    "contains": 2,
    "startswith": 2,
    "endswith": 2,
    "substringof": 2,
    "indexof": 2,
    "tolower": 1,
    "toupper": 1,
    "trim": 1,
    "length": 1,
    "year": 1,
    "month": 1,
    "day": 1,
    "hour": 1,
    "minute": 1,
    "second": 1,
    "date": 1,
    "now": 0,
}


@dataclass(slots=True)
class Ledger:
    """What the options of one request add up to: the literals in order, and the expressions spent."""

    literals: list[Literal] = field(default_factory=list)
    lists: list[tuple[Literal, ...]] = field(default_factory=list)
    expressions: int = 0

    def spend(self) -> None:
        self.expressions += 1
        if self.expressions > MAX_EXPRESSIONS:
            raise invalid(f"$filter has more than {MAX_EXPRESSIONS} expressions.")

    def slot(self, literal: Literal) -> Slot:
        self.literals.append(literal)
        return Slot(len(self.literals) - 1, literal.type)


class ExpressionParser:
    """One text, read once from left to right."""

    def __init__(self, text: str, ledger: Ledger) -> None:
        self._unread = tokens(text)
        self._next = next(self._unread)
        self._second: Token | None = None
        self._depth = 0
        self._ledger = ledger

    def filter(self) -> Expression:
        """The whole text as one condition."""
        condition = self._term(0)
        if self._next.type is not TokenType.END:
            raise self._unexpected()
        return condition

    def order(self) -> tuple[OrderTerm, ...]:
        """The whole text as a list of order terms."""
        terms: list[OrderTerm] = []
        while True:
            operand = self._prefix()
            if not isinstance(operand, Path | Call):
                raise invalid("$orderby takes properties only.")
            direction = self._next.text.lower() if self._next.type is TokenType.WORD else ""
            if direction in ("asc", "desc"):
                self._take()
            terms.append(OrderTerm(operand, direction == "desc"))
            if len(terms) > MAX_ORDER_TERMS:
                raise invalid(f"$orderby has more than {MAX_ORDER_TERMS} expressions.")
            if self._next.type is TokenType.END:
                return tuple(terms)
            self._mark(",")

    def _take(self) -> Token:
        """The next token, which is read now; END is never taken."""
        token = self._next
        self._next, self._second = self._second or next(self._unread), None
        return token

    def _is_mark(self, text: str) -> bool:
        return self._next.type is TokenType.MARK and self._next.text == text

    def _is_second(self, mark: str) -> bool:
        """Whether the token after the next is this mark."""
        if self._second is None and self._next.type is not TokenType.END:
            self._second = next(self._unread)
        return self._second is not None and self._second.type is TokenType.MARK and self._second.text == mark

    def _mark(self, text: str) -> None:
        if not self._is_mark(text):
            raise self._unexpected(f", '{text}' was expected")
        self._take()

    def _unexpected(self, more: str = "") -> Exception:
        token = self._next
        if token.type is TokenType.END:
            return invalid(f"The expression ends too early{more}.")
        return invalid(f"Unexpected '{shown(token.text)}' at position {token.position}{more}.")

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise invalid(f"The expression is nested more than {MAX_DEPTH} levels deep.")
        yield
        self._depth -= 1

    def _operator(self) -> str:
        return self._next.text.lower() if self._next.type is TokenType.WORD else ""

    def _term(self, power: int) -> Expression:
        """What binds tighter than `power`, beginning here."""
        left = self._prefix()
        while POWER.get(operator := self._operator(), 0) > power and operator != "not":
            if operator == "in":
                left = self._membership(left)
            elif operator in COMPARISONS:
                self._take()
                self._ledger.spend()
                left = Compare(operator, left, self._term(POWER[operator]))
            else:
                left = self._chain(left, operator)
        return left

    def _chain(self, left: Expression, operator: str) -> Logic:
        """Equal operators side by side become one node, so that the tree's depth is that of the parentheses."""
        terms = [left]
        while self._operator() == operator:
            self._take()
            terms.append(self._term(POWER[operator]))
        for term in terms:
            if isinstance(term, Path | Slot):
                self._ledger.spend()
        return Logic(operator, tuple(terms))

    def _prefix(self) -> Expression:
        token = self._next
        if token.type is TokenType.LITERAL:
            assert token.literal is not None
            self._take()
            return self._ledger.slot(token.literal)
        if self._is_mark("("):
            return self._group()
        if token.type is not TokenType.WORD:
            raise self._unexpected()
        if token.text.lower() == "not" and not self._is_second("/"):
            self._take()
            with self._nested():
                return Not(self._term(POWER["not"]))
        if self._is_second("(") and token.text.lower() not in ("any", "all"):
            return self._call()
        return self._path()

    def _group(self) -> Expression:
        with self._nested():
            self._mark("(")
            inside = self._term(0)
            self._mark(")")
        return inside

    def _call(self) -> Call:
        name = self._take().text
        count = FUNCTIONS.get(name.lower())
        if count is None:
            raise invalid(f"Unknown function '{shown(name)}'.")
        self._ledger.spend()
        operands: list[Expression] = []
        with self._nested():
            self._mark("(")
            while not self._is_mark(")"):
                if operands:
                    self._mark(",")
                operands.append(self._term(0))
            self._mark(")")
        if len(operands) != count:
            raise invalid(f"The function '{name}' takes {count} arguments, not {len(operands)}.")
        return Call(name.lower(), tuple(operands))

    def _path(self) -> Expression:
        names = [self._name()]
        while self._is_mark("/"):
            self._take()
            if self._is_second("("):
                return self._lambda(Path(tuple(names)))
            names.append(self._name())
            if len(names) > MAX_PATH:
                raise invalid(f"A path has more than {MAX_PATH} names.")
        return Path(tuple(names))

    def _name(self) -> str:
        if self._next.type is not TokenType.WORD:
            raise self._unexpected(", a property was expected")
        return self._take().text

    def _lambda(self, path: Path) -> AnyOf:
        function = self._name()
        if function.lower() != "any":
            raise invalid(f"Unknown function '{shown(function)}' on the collection '{shown(str(path))}'.")
        self._ledger.spend()
        with self._nested():
            self._mark("(")
            if self._is_mark(")"):
                self._take()
                return AnyOf(path, None, None)
            variable = self._name()
            self._mark(":")
            predicate = self._term(0)
            self._mark(")")
        return AnyOf(path, variable, predicate)

    def _membership(self, operand: Expression) -> In:
        self._take()
        self._ledger.spend()
        self._mark("(")
        values: list[Literal] = []
        while not self._is_mark(")"):
            if values:
                self._mark(",")
            literal = self._next.literal
            if literal is None:
                raise self._unexpected(", a literal was expected")
            self._take()
            values.append(literal)
            if len(values) > MAX_LIST:
                raise invalid(f"The list of an 'in' has more than {MAX_LIST} values.")
        self._mark(")")
        self._ledger.lists.append(tuple(value for value in values if value.type is not LiteralType.NULL))
        return In(operand, len(self._ledger.lists) - 1, len(self._ledger.lists[-1]) < len(values))
