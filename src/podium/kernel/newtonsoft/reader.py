"""Reads JSON character by character, with the state machine of Newtonsoft's text reader.

What it takes beyond JSON: comments, single quotes, unquoted names, trailing and repeated commas, NaN and Infinity,
undefined, hexadecimal and octal numbers. Where it stands after an error decides what is read next, so the order in
which state, token and place change is part of the behaviour.
"""

from __future__ import annotations

import re

from podium.kernel.lenient import instant, is_storable
from podium.kernel.newtonsoft import numbers
from podium.kernel.newtonsoft.cursor import IS_WHITE, Cursor
from podium.kernel.newtonsoft.problems import shown
from podium.kernel.newtonsoft.tokens import NOT_NUMBERS, NUMBER_STARTS, STARTS, State, Token, Value, Wanted

IDENTIFIER = re.compile(r"[\w$]+")
NUMBER = re.compile("[-+.0-9a-fA-FxX]*")
NULL = ("null", Token.NULL, None, "null")
WORDS: dict[str, tuple[str, Token, Value, str]] = {
    "t": ("true", Token.FLAG, True, "boolean"),
    "f": ("false", Token.FLAG, False, "boolean"),
    "u": ("undefined", Token.UNDEFINED, None, "undefined"),
}


class Reader(Cursor):
    """Forward only; one per text. Every method raises Problem."""

    # Reading

    def read(self) -> bool:
        """Read the next token, whatever it is; False at the end."""
        if self._state is State.POST_VALUE and self._read_after_value():
            return True
        if self._state in (State.OBJECT, State.OBJECT_START):
            return self._read_member()
        return self._read_after_end() if self._state is State.FINISHED else self._read_value()

    def read_content(self) -> bool:
        """Read the next token that is no comment; False at the end."""
        while self.read():
            if self.token is not Token.COMMENT:
                return True
        return False

    def skip(self) -> None:
        """Pass over what the present token begins."""
        if self.token is Token.NAME:
            self.read()
        if self.token in STARTS:
            depth = self.depth
            while self.read() and depth < self.depth:
                pass

    def read_as(self, wanted: Wanted) -> bool:
        """Read the next value as that kind, null, or the end of an array; False at the end of the text."""
        if self._state is State.FINISHED:
            self._read_after_end()
            self._set(Token.NONE)
        elif self._state in (State.OBJECT, State.OBJECT_START):
            raise self.unreadable(f"Unexpected state: {self._state}.")
        else:
            while not self._read_one_as(wanted):
                pass
        return self.token is not Token.NONE

    def _read_one_as(self, wanted: Wanted) -> bool:
        """False when it was a comment or a comma and the value is still to come."""
        self._pass_white()
        if self._at >= self._end:
            self._set(Token.NONE)
            return True
        character = self._text[self._at]
        match character:
            case '"' | "'":
                self._read_quoted_as(wanted)
            case "n":
                self._read_null()
            case "/":
                self._pass_comment()
                return False
            case ",":
                self._pass_comma()
                return False
            case "]":
                self._at += 1
                if self._state not in (State.ARRAY, State.ARRAY_START, State.POST_VALUE):
                    raise self._unexpected(character)
                self._set(Token.END_ARRAY)
            case _:
                if not self._is_bare(wanted, character):
                    self._at += 1
                    raise self._unexpected(character)
        return True

    def _read_quoted_as(self, wanted: Wanted) -> None:
        text = self._read_quoted()
        self._value_ends(moves_index=True)
        self._set(Token.TEXT, text, moves_index=False)
        self._refuse_unstorable()
        if wanted is Wanted.TEXT:
            return
        if not text:
            self._set(Token.NULL, moves_index=False)
            return
        token, value = _from_text(text, wanted)
        if value is None:
            raise self.unreadable(f"Could not convert string to {wanted}: {shown(text)}.")
        self._set(token, value, moves_index=False)

    def _is_bare(self, wanted: Wanted, character: str) -> bool:
        """Read an unquoted value; False when that kind has none that begins so."""
        is_number = character in NUMBER_STARTS
        match wanted:
            case Wanted.FLAG if is_number:
                self._read_number(None)
                self._set(Token.FLAG, bool(self.value), moves_index=False)
            case Wanted.FLAG | Wanted.TEXT if character in "tf":
                word = "true" if character == "t" else "false"
                if not self._is_word(word):
                    raise self._unexpected(self._text[self._at])
                self._set(*((Token.FLAG, word == "true") if wanted is Wanted.FLAG else (Token.TEXT, word)))
            case Wanted.INT32 | Wanted.DOUBLE | Wanted.TEXT if character in "IN" or self._ahead(2) == "-I":
                self._read_not_a_number(wanted)
            case Wanted.INT32 | Wanted.DOUBLE | Wanted.TEXT if is_number:
                self._read_number(wanted)
            case _:
                return False
        return True

    def _read_value(self) -> bool:
        self._pass_white()
        if self._at >= self._end:
            return False
        character = self._text[self._at]
        if character in WORDS:
            self._read_word(*WORDS[character])
        elif character in "-." or character.isnumeric():
            self._read_bare_number()
        else:
            self._read_structure(character)
        return True

    def _read_structure(self, character: str) -> None:
        match character:
            case '"' | "'":
                text = self._read_quoted()
                self._value_ends(moves_index=True)
                self._set(Token.TEXT, text, moves_index=False)
                self._refuse_unstorable()
            case "n":
                self._read_word_with_n()
            case "N" | "I":
                self._read_not_a_number(None)
            case "/":
                self._read_comment()
            case "{":
                self._open(Token.START_OBJECT, State.OBJECT_START, "Object")
            case "[":
                self._open(Token.START_ARRAY, State.ARRAY_START, "Array")
            case "]" | ")":
                self._at += 1
                self._set(Token.END_ARRAY if character == "]" else Token.END_CONSTRUCTOR)
            case ",":
                self._set(Token.UNDEFINED)  # the comma stays: the next token is behind it
            case _:
                raise self._unexpected(character)

    def _read_bare_number(self) -> None:
        if self._ahead(2) == "-I":
            self._read_not_a_number(None)
        else:
            self._read_number(None)

    def _read_member(self) -> bool:
        self._pass_white()
        if self._at >= self._end:
            return False
        character = self._text[self._at]
        if character == "}":
            self._at += 1
            self._set(Token.END_OBJECT)
        elif character == "/":
            self._read_comment()
        else:
            self._read_name(character)
        return True

    def _read_name(self, character: str) -> None:
        if character in "\"'":
            name = self._read_quoted()
        elif found := IDENTIFIER.match(self._text, self._at, self._end):
            name = found[0]
            self._at = found.end()
            if self._at >= self._end:
                raise self.unreadable("Unexpected end while parsing unquoted property name.")
            after = self._text[self._at]
            if after not in ":\0" and not IS_WHITE.match(after):
                raise self.unreadable(f"Invalid JavaScript property identifier character: {after}.")
        else:
            raise self.unreadable(f"Invalid property identifier character: {character}.")
        self._pass_white()
        after = self._text[self._at] if self._at < self._end else ""
        if after != ":":
            raise self.unreadable(f"Invalid character after parsing property name. Expected ':' but got: {after}.")
        self._at += 1
        self._set(Token.NAME, name)
        self._refuse_unstorable()

    def _read_after_value(self) -> bool:
        """Read what may follow a value; False when that was a comma or the end."""
        self._pass_white()
        if self._at >= self._end:
            self._state = State.FINISHED
            return False
        character = self._text[self._at]
        if character == "/":
            self._read_comment()
            return True
        if character == ",":
            self._at += 1
            self._state = self._state_in_scope()
            return False
        token = {"}": Token.END_OBJECT, "]": Token.END_ARRAY, ")": Token.END_CONSTRUCTOR}.get(character)
        if token is None:
            raise self.unreadable(f"After parsing a value an unexpected character was encountered: {character}.")
        self._at += 1
        self._set(token)
        return True

    def _read_after_end(self) -> bool:
        self._pass_white()
        if self._at >= self._end:
            self._set(Token.NONE)
            return False
        character = self._text[self._at]
        if character != "/":
            raise self.unreadable(f"Additional text encountered after finished reading JSON content: {character}.")
        self._read_comment()
        return True

    # Single values

    def _read_null(self) -> None:
        """A null where a kind is wanted: a word that only begins like it loses two characters."""
        if self._at + 1 >= self._end:
            self._at = self._end
            raise self.unreadable("Unexpected end when reading JSON.")
        if self._text[self._at + 1] == "u":
            self._read_word(*NULL)
        else:
            self._at += 2
            raise self._unexpected(self._text[self._at - 1])

    def _read_word_with_n(self) -> None:
        if self._at + 1 >= self._end:
            self._at += 1
            raise self.unreadable("Unexpected end when reading JSON.")
        match self._text[self._at + 1]:
            case "u":
                self._read_word(*NULL)
            case "e":
                raise self.unreadable("Unexpected content while parsing JSON.")
            case _:
                raise self._unexpected("n")

    def _read_word(self, word: str, token: Token, value: Value, called: str) -> None:
        if not self._is_word(word):
            raise self.unreadable(f"Error parsing {called} value.")
        self._set(token, value)

    def _read_not_a_number(self, wanted: Wanted | None) -> None:
        word = {"N": "NaN", "I": "Infinity"}.get(self._text[self._at], "-Infinity")
        if not self._is_word(word):
            raise self.unreadable(f"Error parsing {word} value.")
        if wanted is Wanted.INT32:
            raise self.unreadable(f"Cannot read {word} value.")
        self._set(*((Token.TEXT, word) if wanted is Wanted.TEXT else (Token.FLOAT, NOT_NUMBERS[word])))

    def _read_number(self, wanted: Wanted | None) -> None:
        found = NUMBER.match(self._text, self._at, self._end)
        text = found[0] if found else ""
        self._at += len(text)
        after = self._text[self._at]
        if after not in ",}])/\0" and not IS_WHITE.match(after):
            raise self.unreadable(f"Unexpected character encountered while parsing number: {after}.")
        self._value_ends(moves_index=True)
        try:
            token, value = _number(text, wanted)
        except ValueError as error:
            self._set(Token.UNDEFINED, moves_index=False)  # so that the reading goes on behind the number
            raise self.unreadable(str(error)) from None
        self._set(token, value, moves_index=False)

    def _refuse_unstorable(self) -> None:
        """NUL and half surrogate pairs can be kept nowhere."""
        text = self.value
        assert isinstance(text, str)
        if not is_storable(text):
            what = "the character NUL" if "\0" in text else "half of a surrogate pair"
            raise self.unreadable(f"A string must not contain {what}.")

    # Between the values

    def _pass_comma(self) -> None:
        self._at += 1
        if self._state is not State.POST_VALUE:
            self._set(Token.UNDEFINED)
            raise self._unexpected(",")
        self._state = self._state_in_scope()

    def _read_comment(self) -> None:
        self._pass_comment()
        self._set(Token.COMMENT)


def _from_text(text: str, wanted: Wanted) -> tuple[Token, Value]:
    """A quoted value as the wanted kind; the value is None when it cannot be one."""
    match wanted:
        case Wanted.FLAG:
            return Token.FLAG, {"true": True, "false": False}.get(text.strip().lower())
        case Wanted.INT32:
            return Token.INTEGER, numbers.quoted_integer(text, numbers.INT32_BITS)
        case Wanted.INSTANT:
            return Token.DATE, instant(text.strip())
    found = numbers.FLOAT.fullmatch(text.strip())
    return Token.FLOAT, float(found[0]) if found else None


def _number(text: str, wanted: Wanted | None) -> tuple[Token, Value]:
    """An unquoted number as the wanted kind. Raises ValueError with the message."""
    if wanted is None:
        number = numbers.any_number(text)
        return Token.INTEGER if isinstance(number, int) else Token.FLOAT, number
    if wanted is Wanted.INT32:
        return Token.INTEGER, numbers.int32(text)
    if wanted is Wanted.DOUBLE:
        return Token.FLOAT, numbers.double(text)
    numbers.double(text, "number")
    return Token.TEXT, text
