"""A place in the text, and the state of the reader that stands there: open objects and arrays, and what was read."""

from __future__ import annotations

import re

from podium.kernel.lenient import MAX_DEPTH
from podium.kernel.newtonsoft.problems import Problem, TooDeep, Unfit, Unreadable, below
from podium.kernel.newtonsoft.strings import Broken, Scanned, scan
from podium.kernel.newtonsoft.tokens import CLOSES, STARTS, Scope, State, Token, Value

SPACE = "\t\v\f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
WHITE = re.compile(f"[\0\r\n{SPACE}]*")  # between tokens, NUL is passed over like a blank
IS_WHITE = re.compile(f"[\r\n{SPACE}]")
LINE_END = re.compile("\r\n|\r|\n")
LINE_COMMENT = re.compile("[^\r\n]*")


class Cursor:
    """`token` and `value` are what was read last. The text ends with a NUL of its own, so that a look ahead never fails."""

    def __init__(self, text: str) -> None:
        self._text = text + "\0"
        self._end = len(text)
        self._at = 0
        self._line = 1
        self._line_start = 0
        self._is_plain = not text or max(text) < "\U00010000"
        self._state = State.START
        self._scopes: list[Scope] = []
        self.token = Token.NONE
        self.value: Value = None

    # Where it stands

    @property
    def depth(self) -> int:
        return max(0, len(self._scopes) - (self.token in STARTS))

    def index_at(self, depth: int) -> int:
        """The index in the array opened at that depth, or in the innermost one that is left."""
        if not self._scopes:
            return 0
        return self._scopes[min(depth, len(self._scopes) - 1)].index

    def unreadable(self, message: str, kind: type[Problem] = Unreadable) -> Problem:
        """The problem at the present place."""
        path, names = self._path()
        before = self._text[self._line_start : self._at]
        position = len(before) if self._is_plain else len(before.encode("utf-16-le", "surrogatepass")) // 2
        is_untouched = self._state is State.START and position == 0 and self.token is not Token.COMMENT
        return kind(message, path, names, 0 if is_untouched else self._line, position)

    def unfit(self, message: str) -> Problem:
        return self.unreadable(message, Unfit)

    def _path(self) -> tuple[str, list[str]]:
        is_inside = self._state not in (State.ARRAY_START, State.OBJECT_START)
        path, names = "", []
        for scope in self._scopes if is_inside else self._scopes[:-1]:
            if scope.kind == "Object":
                path = below(path, scope.name)
                names.append(scope.name)
            else:
                path = f"{path}[{scope.index}]"
        return path, names

    # Passing over

    def _pass_white(self) -> None:
        if self._text[self._at] > " " and self._text[self._at] < "\x7f":
            return
        found = WHITE.match(self._text, self._at, self._end)
        if found:
            self._count_lines(found[0])
            self._at = found.end()

    def _count_lines(self, passed: str) -> None:
        """Count the line ends in what is about to be passed over."""
        if "\n" in passed or "\r" in passed:
            for end in LINE_END.finditer(passed):
                self._line += 1
                self._line_start = self._at + end.end()

    def _pass_comment(self) -> None:
        self._at += 1
        if self._at + 1 >= self._end:
            raise self.unreadable("Unexpected end while parsing comment.")
        kind = self._text[self._at]
        if kind not in "*/":
            raise self.unreadable(f"Error parsing comment. Expected: *, got {kind}.")
        self._at += 1
        if kind == "/":
            found = LINE_COMMENT.match(self._text, self._at, self._end)
            self._at = found.end() if found else self._at
            return
        end = self._text.find("*/", self._at, self._end)
        self._count_lines(self._text[self._at : end if end >= 0 else self._end])
        self._at = end + 2 if end >= 0 else self._end
        if end < 0:
            raise self.unreadable("Unexpected end while parsing comment.")

    def _is_word(self, word: str) -> bool:
        """Pass over the word if it stands here; else stand at the first character that differs."""
        if self._at + len(word) > self._end:
            self._at = self._end
            raise self.unreadable("Unexpected end when reading JSON.")
        for expected in word:
            if self._text[self._at] != expected:
                return False
            self._at += 1
        after = self._text[self._at]
        return after in "}],\0" or IS_WHITE.match(after) is not None or self._ahead(2) in ("/*", "//")

    def _read_quoted(self) -> str:
        try:
            scanned = scan(self._text, self._at, self._end)
        except Broken as broken:
            self._take(broken.scanned)
            raise self.unreadable(broken.message) from None
        self._take(scanned)
        return scanned.text

    def _take(self, scanned: Scanned) -> None:
        self._at = scanned.at
        if scanned.lines:
            self._line += scanned.lines
            self._line_start = scanned.line_start

    def _ahead(self, length: int) -> str:
        return self._text[self._at : min(self._at + length, self._end)]

    def _unexpected(self, character: str) -> Problem:
        return self.unreadable(f"Unexpected character encountered while parsing value: {character}.")

    # State

    def _set(self, token: Token, value: Value = None, *, moves_index: bool = True) -> None:
        self.token, self.value = token, value
        if token is Token.NAME:
            self._state = State.PROPERTY
            self._scopes[-1].name = str(value)
        elif token in CLOSES:
            self._close(token)
        elif token not in (Token.NONE, Token.COMMENT):
            self._value_ends(moves_index=moves_index)

    def _value_ends(self, *, moves_index: bool) -> None:
        self._state = State.POST_VALUE if self._scopes else State.FINISHED
        if moves_index:
            self._count_item()

    def _count_item(self) -> None:
        if self._scopes and self._scopes[-1].kind == "Array":
            self._scopes[-1].index += 1

    def _open(self, token: Token, state: State, kind: str) -> None:
        self._at += 1
        self.token, self.value, self._state = token, None, state
        self._count_item()
        self._scopes.append(Scope(kind))
        if len(self._scopes) > MAX_DEPTH:
            raise self.unreadable(f"The reader's MaxDepth of {MAX_DEPTH} has been exceeded.", TooDeep)

    def _close(self, token: Token) -> None:
        kind = self._scopes.pop().kind if self._scopes else "None"
        if kind != CLOSES[token]:
            raise self.unreadable(f"JsonToken {token} is not valid for closing JsonType {kind}.")
        self._state = State.POST_VALUE if self._scopes else State.FINISHED

    def _state_in_scope(self) -> State:
        if not self._scopes:
            return State.FINISHED
        return State.OBJECT if self._scopes[-1].kind == "Object" else State.ARRAY
