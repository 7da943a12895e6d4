"""Bodies of the identity server, for every input: one rule for the words, one meaning for the spellings, no surprise."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.kernel.errors import ValidationProblem
from podium.kernel.newtonsoft import decode
from podium.kernel.newtonsoft.binder import bind
from podium.kernel.newtonsoft.shapes import shape_of
from podium.wire import identity as wire

ORDINARY = st.sampled_from("abcdeghijklmopqrsvwxyzABCDEFGHJKLMOPQRSTUVWXYZ")  # begin no value of JSON
LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", max_size=6)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
MODELS: list[Any] = [
    wire.UpdateUserCommand,
    wire.CreateUsersCommand,
    wire.CreateUserCommandSCIM,
    wire.ChangePasswordModel,
    wire.BulkCreateOrUpdateSettingsCommand,
    wire.AuditEventApiDto,
    wire.AuditQueryRecordDto,
    list[UUID],
    list[str],
    dict[str, str],
    str,
]

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


def messages(body: str) -> dict[str, list[str]]:
    with pytest.raises(ValidationProblem) as caught:
        decode(body.encode(), wire.UpdateUserCommand)
    return caught.value.errors


@st.composite
def placed(draw: st.DrawFn, word: str) -> tuple[str, int, int]:
    """A body with the word as a boolean, its line, and the column of its first letter."""
    line_end, before = draw(LINE_ENDS), draw(st.integers(0, 12))
    lines = ["{", *(f'  "name": "{number}",' for number in range(before))]
    start = " " * draw(st.integers(0, 40)) + '"isActive":' + " " * draw(st.integers(0, 3))
    body = line_end.join([*lines, f"{start}{word},", '  "surname": "x"', "}"])
    return body, before + 2, len(start) + 1


def expected(first: tuple[str, int], second: tuple[str, int], line: int) -> dict[str, list[str]]:
    return {
        "isActive": [
            f"Unexpected character encountered while parsing value: {letter}. "
            f"Path 'isActive', line {line}, position {position}."
            for letter, position in (first, second)
        ]
    }


class TestTheRuleForBareWords:
    @given(st.data(), ORDINARY, ORDINARY, LETTERS)
    def test_the_first_two_letters_at_the_column_of_the_first(
        self, data: st.DataObject, first: str, second: str, rest: str
    ) -> None:
        body, line, column = data.draw(placed(first + second + rest))
        if first == "I":
            return
        assert messages(body) == expected((first, column), (second, column), line)

    @given(st.data(), ORDINARY.filter(lambda letter: letter not in "ue"), ORDINARY, LETTERS)
    def test_after_an_n_the_second_and_third_one_column_on(
        self, data: st.DataObject, second: str, third: str, rest: str
    ) -> None:
        body, line, column = data.draw(placed("n" + second + third + rest))
        assert messages(body) == expected((second, column + 1), (third, column + 1), line)

    @given(st.data(), st.sampled_from(["true", "false"]), ORDINARY, st.text("abcdefghij", min_size=5, max_size=9))
    def test_true_and_false_that_turn_into_something_else_twice_where_they_turn(
        self, data: st.DataObject, word: str, letter: str, rest: str
    ) -> None:
        turn = data.draw(st.integers(1, len(word)))
        if word[turn : turn + 1] == letter:
            return
        body, line, column = data.draw(placed(word[:turn] + letter + rest))
        assert messages(body) == expected((letter, column + turn - 1), (letter, column + turn - 1), line)


class Spelling:
    """Writes a document in one of its lenient spellings, drawn bit by bit."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def whole(self, value: object) -> str:
        return f"{self._blank()}{self._value(value)}{self._blank()}"

    def _value(self, value: object) -> str:
        if isinstance(value, dict):
            parts = [f"{self._blank()}{self._name(name)} :{self.whole(each)}" for name, each in value.items()]
            if self._draw(st.booleans()):
                parts.insert(0, "nobody: [1,,{x: 'y'}, 0x1F]")
            return "{" + self._blank() + ",".join(parts) + self._comma(parts) + self._blank() + "}"
        if isinstance(value, list):
            parts = [self.whole(each) for each in value]
            return "[" + self._blank() + ",".join(parts) + self._comma(parts) + self._blank() + "]"
        if isinstance(value, bool):
            return str(self._draw(st.sampled_from([json.dumps(value), f"'{value}'", int(value)])))
        if isinstance(value, int):
            return self._draw(st.sampled_from([str(value), f"'{value}'", f"0x{value:x}", f"0{value:o}"]))
        return self._quoted(value) if isinstance(value, str) else json.dumps(value)

    def _name(self, name: str) -> str:
        name = self._draw(st.sampled_from([name, name.upper(), name.lower()]))
        return name if self._draw(st.booleans()) else self._quoted(name)

    def _quoted(self, text: str) -> str:
        escaped = json.dumps(text, ensure_ascii=self._draw(st.booleans()))[1:-1]
        if self._draw(st.booleans()):
            return f'"{escaped}"'
        return "'" + escaped.replace("'", "\\'") + "'"

    def _comma(self, parts: list[str]) -> str:
        comma: str = self._draw(st.sampled_from(["", ","]))
        return comma if parts else ""

    def _blank(self) -> str:
        return str(self._draw(st.sampled_from(["", "", " ", "\t\r\n", "/* , */", "// ]\n", "\xa0"])))


user = st.fixed_dictionaries(
    {},
    optional={
        "userName": texts,
        "email": texts,
        "type": st.sampled_from(["user", "robot", "application"]),
        "bypassBasicAuthRestriction": st.booleans(),
        "legacyId": st.none() | st.integers(0, 2**40),
        "id": st.none() | st.uuids().map(str),
    },
)
users = st.fixed_dictionaries(
    {},
    optional={
        "groupIDs": st.lists(st.uuids().map(str), max_size=3),
        "partitionGlobalId": st.uuids().map(str),
        "users": st.none() | st.lists(user, max_size=3),
    },
)


@st.composite
def spelled(draw: st.DrawFn) -> tuple[bytes, bytes]:
    document = draw(users)
    return json.dumps(document).encode(), Spelling(draw).whole(document).encode()


class TestSpellings:
    @given(spelled())
    def test_a_lenient_one_binds_like_the_strict_one(self, bodies: tuple[bytes, bytes]) -> None:
        strict, lenient = bodies
        assert decode(lenient, wire.CreateUsersCommand) == decode(strict, wire.CreateUsersCommand)

    @given(users, st.integers(0, 10_000), plain)
    def test_the_quick_pass_takes_nothing_that_the_reader_refuses(
        self, document: dict[str, Any], place: int, foreign: Any
    ) -> None:
        members = list(wire.CreateUsersCommand.__struct_encode_fields__)
        document[members[place % len(members)]] = foreign if place % 2 else [foreign]
        agree(json.dumps(document).encode(), wire.CreateUsersCommand)

    @given(plain, st.sampled_from(MODELS))
    def test_both_give_the_same_for_any_json_and_model(self, document: Any, model: Any) -> None:
        agree(json.dumps(document).encode(), model)

    @given(st.text("0123456789TZ:-+. t", max_size=30) | st.datetimes().map(lambda each: each.isoformat() + "Z"))
    def test_both_read_the_same_instants(self, text: str) -> None:
        agree(json.dumps({"createdOn": text}).encode(), wire.AuditQueryRecordDto)

    @given(st.uuids().map(str) | st.uuids().map(lambda each: each.hex.upper()) | st.text("0123456789abcdef-{}"))
    def test_both_read_the_same_guids(self, text: str) -> None:
        agree(json.dumps([text]).encode(), list[UUID])


def agree(raw: bytes, model: Any) -> None:
    """What `decode` makes of it is what the reader alone would."""
    value, problems = bind(raw.decode(), shape_of(model)._replace(is_nullable=True))
    decoded, refusal = decoded_or_refused(raw, model)
    if refusal is None:
        assert not problems
        assert decoded == value
    elif problems:
        assert refusal == problems.by_key


class TestHostileBodies:
    @settings(max_examples=400)
    @given(
        st.binary(max_size=60)
        | st.text("{}[]:,\"'\\/*ntfuNIe-.019ax \r\n\0\ud7ff\U0001f600", max_size=40).map(str.encode),
        st.sampled_from(MODELS),
    )
    def test_nothing_but_a_validation_problem_comes_of_any_bytes(self, raw: bytes, model: Any) -> None:
        bind_or_refuse(raw, model)

    @settings(max_examples=400)
    @given(spelled(), st.integers(0, 10_000), st.sampled_from([*"{}[]:,\"'\\/nx0-. ", ""]))
    def test_nor_of_a_good_body_with_one_character_wrong(
        self, bodies: tuple[bytes, bytes], place: int, character: str
    ) -> None:
        text = bodies[place % 2].decode()
        at = place % (len(text) + 1)
        bind_or_refuse((text[:at] + character + text[at + 1 :]).encode(), wire.CreateUsersCommand)

    @pytest.mark.parametrize(
        ("start", "unit", "end"),
        [
            ('{"zz": [', "1,", "]}"),
            ('{"zz": [', ",", "]}"),
            ('{"zz": ', "[", ""),
            ('{"zz": ', "{a:", ""),
            ("{", "a:1,", "}"),
            ("{", "/**/", "}"),
            ("{", "//\n", "}"),
            ("{", "\n", "'"),
            ("{'name': '", "\n", "'}"),
            ("{'name': '", "\\n", "'}"),
            ("{'name': '", "\\ud800", "'}"),
            ("{'", "n", "': x}"),
            ("{isActive: '", "1", "'}"),
            ("{zz: 0.", "1", "}"),
            ("{zz: 0x", "1", "}"),
            ("{zz: ", "1", "}"),
            ("{", "isActive: 'x',", "}"),
            ("{groupIDsToAdd: [", "'x',", "]}"),
            ("{groupIDsToAdd: [", "x,", "]}"),
            ("{groupIDsToAdd: [", "[],", "]}"),
            ("{groupIDsToAdd: ['", "1", "']}"),
            ("{extensionUserAttributesToRemove: [", "{},", "]}"),
            ("{/*", "\U0001f600", "*/" + "isActive: 'x'," * 100 + "}"),
        ],
    )
    def test_the_longest_take_a_moment_and_give_a_short_answer(self, start: str, unit: str, end: str) -> None:
        size = (1 << 18) - len(start.encode()) - len(end.encode())
        raw = (start + unit * (size // len(unit.encode())) + end).encode()
        began = time.process_time()
        refused = bind_or_refuse(raw, wire.UpdateUserCommand)
        assert time.process_time() - began < 5  # half a second on an idle machine; minutes if it were quadratic
        assert len(json.dumps(refused)) < 200_000


def bind_or_refuse(raw: bytes, model: Any) -> dict[str, list[str]]:
    _, refusal = decoded_or_refused(raw, model)
    assert refusal is None or (refusal and all(refusal.values()))
    return refusal or {}


def decoded_or_refused(raw: bytes, model: Any) -> tuple[Any, dict[str, list[str]] | None]:
    try:
        return decode(raw, model), None
    except ValidationProblem as refused:
        return None, refused.errors
