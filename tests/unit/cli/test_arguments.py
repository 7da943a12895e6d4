from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.cli import arguments
from podium.cli.failure import Exit, Failure

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.text(st.characters(categories=("L", "N"), include_characters="_"), min_size=1)


class TestParse:
    def test_nothing_given_is_none_and_not_an_empty_object(self) -> None:
        assert arguments.parse([]) is None
        assert arguments.parse(["{}"]) == {}

    @pytest.mark.parametrize(
        ("piece", "value"),
        [
            ("n=3", 3),
            ("n=3.5", 3.5),
            ("n=true", True),
            ("n=null", None),
            ('n=["a", 1]', ["a", 1]),
            ("n=hello world", "hello world"),
            ("n=", ""),
            ("n=a=b", "a=b"),
            ("n=007", "007"),
            ("n:=3", "3"),
            ("n=NaN", "NaN"),
            ('n="3"', "3"),
        ],
    )
    def test_a_value_is_json_where_it_can_be_and_else_text(self, piece: str, value: object) -> None:
        assert arguments.parse([piece]) == {"n": value}

    def test_later_pieces_win(self, tmp_path: Path) -> None:
        file = tmp_path / "input.json"
        file.write_text('\ufeff{"a": 1, "b": 1}', encoding="utf-8")
        assert arguments.parse([f"@{file}", '{"b": 2, "c": 2}', "c=3"]) == {"a": 1, "b": 2, "c": 3}

    @given(st.dictionaries(names, json_values, max_size=4))
    def test_an_object_arrives_as_it_was_written(self, value: dict[str, object]) -> None:
        assert arguments.parse([json.dumps(value)]) == value

    @given(names, json_values)
    def test_a_named_json_value_arrives_as_it_was_written(self, name: str, value: object) -> None:
        assert arguments.parse([f"{name}={json.dumps(value)}"]) == {name: value}

    @given(names, st.text())
    def test_text_stays_text_when_insisted_on(self, name: str, text: str) -> None:
        assert arguments.parse([f"{name}:={text}"]) == {name: text}

    @pytest.mark.parametrize("piece", ["hello", "=3", ":=3", "{", "@/no/such/file", "[1]", '{"a": NaN}'])
    def test_what_cannot_be_read_is_a_wrong_use(self, piece: str) -> None:
        with pytest.raises(Failure) as refused:
            arguments.parse([piece])
        assert refused.value.status is Exit.USAGE

    def test_a_file_with_something_else_than_an_object_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "list.json"
        file.write_text("[1]")
        with pytest.raises(Failure, match="must hold a JSON object, not list"):
            arguments.parse([f"@{file}"])
