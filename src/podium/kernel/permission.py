"""The contract's permission sentences, compiled once to alternatives of sets; and the check of token scopes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Need = tuple[frozenset[str], ...]
"""Alternatives: each is a set of permissions that suffices together. `NOTHING` is met by everyone, `()` by nobody."""

NOTHING: Need = (frozenset(),)

CONDITIONAL = "[conditional]"
MARKERS = frozenset({"anonymous", "authenticated-only", "host-only", "no-oauth", "robot"})

TOKEN = re.compile(r"\s*(?:([()])|([A-Za-z][A-Za-z.]*))")


class SentenceError(ValueError):
    """A permission sentence that cannot be read."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What the permission cell of a row asks for.

    `conditional`: the named permissions apply by situation, so that `need` lets in whoever has any one of them, and
    the operation asks for the rest. `robot`: a machine's licence key or a robot's credential, no person.
    """

    need: Need = NOTHING
    anonymous: bool = False
    host_only: bool = False
    no_oauth: bool = False
    robot: bool = False
    conditional: bool = False


def compile_gate(cell: str) -> Gate:
    """A permission cell: markers and at most one sentence, parted by semicolons. A blank cell asks for a token only.

    Raises SentenceError.
    """
    parts = [part.strip() for part in cell.split(";") if part.strip()]
    markers = {part for part in parts if part in MARKERS}
    sentences = [part for part in parts if part not in MARKERS]
    if len(sentences) > 1:
        raise SentenceError(f"More than one sentence in {cell!r}.")
    sentence = sentences[0] if sentences else ""
    return Gate(
        need=compile_need(sentence) if sentence else NOTHING,
        anonymous="anonymous" in markers,
        host_only="host-only" in markers,
        no_oauth="no-oauth" in markers,
        robot="robot" in markers,
        conditional=sentence.endswith(CONDITIONAL),
    )


def compile_need(sentence: str) -> Need:
    """`(A or B) and C` -> ({A, C}, {B, C}); `and` binds tighter than `or`; none of the sets holds another.

    With `[conditional]` at the end every named permission is an alternative of its own. Raises SentenceError.
    """
    text = sentence.strip()
    if text.endswith(CONDITIONAL):
        named = frozenset().union(*compile_need(text.removesuffix(CONDITIONAL)))
        return _smallest(frozenset({permission}) for permission in named)
    reader = _Reader(text)
    need = reader.alternatives()
    reader.expect_end()
    return need


def allows(need: Need, granted: frozenset[str], more: frozenset[str] = frozenset()) -> bool:
    """Whether one of the alternatives is granted in full, by the two sets together; nobody builds their union."""
    return any(alternative - granted <= more for alternative in need)


def scope_allows(row_scopes: frozenset[str], token_scopes: frozenset[str]) -> bool:
    """Whether one of the token's scopes is listed by the row; a bare one covers its .Read and .Write.

    A row that lists none asks for none.
    """
    if not row_scopes or not row_scopes.isdisjoint(token_scopes):
        return True
    return any(scope.removesuffix(".Read").removesuffix(".Write") in token_scopes for scope in row_scopes)


def _smallest(alternatives: Iterable[frozenset[str]]) -> Need:
    """Without repeats and without what a smaller alternative already lets in, in a fixed order."""
    every = set(alternatives)
    kept = (each for each in every if not any(other < each for other in every))
    return tuple(sorted(kept, key=lambda each: (len(each), sorted(each))))


class _Reader:
    """Reads a sentence from left to right, by descent."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._tokens: list[str] = []
        end = 0
        while end < len(sentence):
            match = TOKEN.match(sentence, end)
            if match is None:
                raise SentenceError(f"Cannot read {sentence!r} at {sentence[end:]!r}.")
            self._tokens.append(match[1] or match[2])
            end = match.end()
        self._tokens.reverse()

    def alternatives(self) -> Need:
        """`term or term ...`"""
        found = set(self._term())
        while self._take("or"):
            found.update(self._term())
        return _smallest(found)

    def expect_end(self) -> None:
        if self._tokens:
            raise SentenceError(f"{self._sentence!r} goes on after its end, with {self._tokens[-1]!r}.")

    def _term(self) -> Need:
        """`factor and factor ...`"""
        found = self._factor()
        while self._take("and"):
            found = _smallest(left | right for right in self._factor() for left in found)
        return found

    def _factor(self) -> Need:
        if self._take("("):
            inner = self.alternatives()
            if not self._take(")"):
                raise SentenceError(f"A parenthesis of {self._sentence!r} is not closed.")
            return inner
        token = self._tokens.pop() if self._tokens else ""
        if "." not in token:
            raise SentenceError(f"{self._sentence!r} has {token or 'its end'!r} where a permission should be.")
        return (frozenset({token}),)

    def _take(self, word: str) -> bool:
        if self._tokens and self._tokens[-1] == word:
            self._tokens.pop()
            return True
        return False
