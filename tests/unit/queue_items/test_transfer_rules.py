"""Lines of files as items."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.queue_items import bulk_rules, transfer_rules

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


def read(text: str, types: dict[str, str] | None = None) -> list[Any]:
    return list(transfer_rules.csv_lines(io.StringIO(text, newline=""), ",", types or {}))


class TestCsvLines:
    @given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
    def test_give_back_what_a_writer_wrote(self, rows: list[tuple[str, str]]) -> None:
        written = io.StringIO(newline="")
        writer = csv.writer(written, quoting=csv.QUOTE_ALL)
        writer.writerows([("One", "Two"), *rows])
        found = read(written.getvalue())
        assert [tuple(line.members["SpecificContent"].values()) for line in found] == rows

    @given(st.text(st.sampled_from('a,"\n\r;1'), max_size=40))
    def test_are_read_or_refused_and_never_break(self, text: str) -> None:
        lines: list[Any] = []
        with contextlib.suppress(BadRequest):
            lines = read("One,Two\n" + text)
        numbers = [line.number for line in lines]
        assert numbers == sorted(set(numbers))
        assert all((line.members is None) is bool(line.problem) for line in lines)

    @given(st.integers(-(2**63), 2**63 - 1))
    def test_keep_whole_numbers_whole(self, number: int) -> None:
        (line,) = read(f"n\n{number}\n", {"n": "integer"})
        assert line.members["SpecificContent"] == {"n": number}

    @given(st.floats(allow_nan=False, allow_infinity=False, width=32))
    def test_keep_numbers(self, number: float) -> None:
        (line,) = read(f"n\n{number!r}\n", {"n": "number"})
        assert line.members["SpecificContent"] == {"n": number}

    @pytest.mark.parametrize(
        ("type_", "cell"),
        [
            *(("integer", cell) for cell in ("1.0", "x", "1e3", "0x1", "١", "1_000")),
            *(("number", cell) for cell in ("1,5", "nan", "inf", "1e999", "x", ".", "١")),
            *(("boolean", cell) for cell in ("1", "yes", "wahr")),
        ],
    )
    def test_name_the_column_of_a_cell_that_is_wrong(self, type_: str, cell: str) -> None:
        (line,) = read(f'n\n"{cell}"\n', {"n": type_})
        assert line.members is None
        assert line.problem.startswith("n: expected")

    def test_have_the_numbers_of_the_lines_they_begin_on(self) -> None:
        lines = read('a\n"x\ny"\n\nz\n')
        assert [line.number for line in lines] == [2, 5]


class TestTypesOf:
    @pytest.mark.parametrize(
        ("schema", "types"),
        [
            (None, {}),
            ("{}", {}),
            (
                {"properties": {"a": {"type": "number"}, "b": {"type": ["null", "boolean"]}}},
                {"a": "number", "b": "boolean"},
            ),
            ({"properties": {"a": {"type": ["number", "string"]}, "b": True, "c": {}}}, {}),
            ({"properties": []}, {}),
        ],
    )
    def test_are_those_that_the_schema_asks_for(self, schema: Any, types: dict[str, str]) -> None:
        text = json.dumps(schema) if isinstance(schema, dict) else schema
        assert transfer_rules.types_of(text) == types


class TestJsonLines:
    def test_leave_out_blank_lines_and_keep_their_numbers(self) -> None:
        file = io.BytesIO(b'\n{"a":1}\r\n   \n{}')
        assert list(transfer_rules.json_lines(file, 100)) == [(2, b'{"a":1}\r\n'), (4, b"{}")]


class TestCheckCount:
    def test_lets_an_expected_number_through(self) -> None:
        bulk_rules.check_count(3, 3, 10)
        bulk_rules.check_count(3, None, 3)
