"""Argument definitions, values checked against them, and defaults merged with what is given."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.packages.arguments import (
    arguments_object,
    check_arguments,
    merge_arguments,
    read_json,
    studio_form,
)

ADDER = json.dumps(
    {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
              st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abxy"), inner, max_size=3)),
    max_leaves=8,
)  # fmt: skip
OBJECT = st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON, max_size=3)
SCHEMA_WORDS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "allOf", "oneOf", "$ref", "enum", "required", "name"]
)
SCHEMA = st.recursive(
    st.sampled_from(["string", "integer", "null", "#", "#/properties/a", "#/allOf", 1, None, True]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(SCHEMA_WORDS | st.sampled_from("ab"), inner, max_size=4)
    ),
    max_leaves=20,
)


def studio(**types: str) -> str:
    return json.dumps([{"name": name, "type": type_name, "required": True} for name, type_name in types.items()])


def schema(**properties: Any) -> str:
    return json.dumps({"type": "object", "properties": properties, "$defs": {"Color": {"enum": ["red", "blue"]}}})


class TestStudioArguments:
    @pytest.mark.parametrize(
        ("type_name", "fitting", "unfitting"),
        [
            ("System.String", ["", "x"], [1, True, [], {}]),
            ("System.String, mscorlib, Version=4.0.0.0", ["x"], [1]),
            ("System.Int32", [0, -(2**31), 2**31 - 1, 2.0], [2**31, 1.5, "1", True, [], 1e300]),
            ("System.Int64", [2**63 - 1], [2**63, -(2**63) - 1]),
            ("System.Byte", [0, 255], [-1, 256]),
            ("System.Double", [1, 1.5], ["1.5", False]),
            ("System.Decimal", [1.5], ["x"]),
            ("System.Boolean", [True, False], [0, 1, "true"]),
            ("System.DateTime", ["2026-01-01T00:00:00Z"], [20260101]),
            ("System.String[]", [[], ["a"]], ["a", {"0": "a"}]),
            ("System.Collections.Generic.List`1[[System.String, mscorlib]]", [["a"]], ["a"]),
            ("System.Collections.Generic.Dictionary`2[[System.String],[System.Object]]", [{"a": 1}], []),
            ("System.Object", [1, "x", [], {}, True], []),
            ("Newtonsoft.Json.Linq.JObject", [{}], []),
        ],
    )
    def test_types(self, type_name: str, fitting: list[object], unfitting: list[object]) -> None:
        for value in [*fitting, None]:
            check_arguments(studio(x=type_name), {"x": value})
        for value in unfitting:
            with pytest.raises(BadRequest, match="'x' must be"):
                check_arguments(studio(x=type_name), {"x": value})

    def test_400_names_the_unknown_argument(self) -> None:
        with pytest.raises(BadRequest, match="'pad' is not an argument"):
            check_arguments(studio(a="System.String"), {"a": "x", "pad": 1})

    def test_missing_arguments_are_left_to_defaults(self) -> None:
        check_arguments(studio(a="System.String"), {})

    def test_an_empty_list_takes_nothing(self) -> None:
        check_arguments("[]", {})
        with pytest.raises(BadRequest):
            check_arguments("[]", {"a": 1})


class TestSchemaArguments:
    @pytest.mark.parametrize(
        ("definition", "fitting", "unfitting"),
        [
            ({"type": "integer"}, [1, 2.0, 2**70], [1.5, "1", True]),
            ({"type": "number"}, [1, 1.5], ["1", True]),
            ({"type": "string"}, ["x"], [1, [], {}]),
            ({"type": "boolean"}, [True], [1]),
            ({"type": "array", "items": {"type": "integer"}}, [[], [1, None]], [1, {}, ["x"]]),
            ({"type": "object", "properties": {"n": {"type": "integer"}}}, [{}, {"n": 1, "m": "x"}], [[], {"n": "x"}]),
            ({"type": ["integer", "string"]}, [1, "x"], [[], True]),
            ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, [1], ["x"]),
            ({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}, [1, True], ["x"]),
            ({"allOf": [{"type": "integer"}, {"enum": [1, 2]}]}, [1], [3, "x"]),
            ({"$ref": "#/$defs/Color"}, ["red"], ["green", 1]),
            ({"$ref": "#/$defs/Gone"}, [1, "x"], []),
            ({"$ref": "https://example.org/x"}, [1, "x"], []),
            ({"type": "date"}, [1, "x"], []),
            ({"pattern": "(a+)+$"}, ["a" * 100 + "b"], []),
            ({}, [1, "x", []], []),
            (True, [1], []),
        ],
    )
    def test_types(self, definition: object, fitting: list[object], unfitting: list[object]) -> None:
        for value in [*fitting, None]:
            check_arguments(schema(x=definition), {"x": value})
        for value in unfitting:
            with pytest.raises(BadRequest, match="'x"):
                check_arguments(schema(x=definition), {"x": value})

    def test_400_names_the_place_inside(self) -> None:
        definition = schema(x={"type": "array", "items": {"properties": {"n": {"type": "integer"}}}})
        with pytest.raises(BadRequest, match=r"'x\[1\]\.n' must be of type integer"):
            check_arguments(definition, {"x": [{"n": 1}, {"n": "1"}]})

    def test_further_arguments_are_taken(self) -> None:
        check_arguments(ADDER, {"a": 1, "b": 2, "pad": "x" * 20_000})

    def test_400_further_arguments_where_the_schema_closes_itself(self) -> None:
        closed = json.dumps(json.loads(ADDER) | {"additionalProperties": False})
        check_arguments(closed, {"a": 1})
        with pytest.raises(BadRequest, match="'pad'"):
            check_arguments(closed, {"a": 1, "pad": 1})

    def test_missing_arguments_are_left_to_defaults(self) -> None:
        check_arguments(ADDER, {"a": 1})

    def test_a_schema_of_endless_alternatives_ends(self) -> None:
        endless = {"anyOf": [{"$ref": "#/properties/x"}] * 50, "allOf": [{"$ref": "#/properties/x"}] * 50}
        begin = time.thread_time()
        check_arguments(schema(x=endless), {"x": "y"})
        assert time.thread_time() - begin < 2


@pytest.mark.parametrize("definition", [None, "", "  "])
def test_without_definition_everything_fits(definition: str | None) -> None:
    check_arguments(definition, {"anything": [1, {"a": None}]})


@pytest.mark.parametrize("definition", ["{", "1", "null", '"x"'])
def test_400_definition_that_is_none(definition: str) -> None:
    with pytest.raises(BadRequest, match="definition of the arguments"):
        check_arguments(definition, {})


@given(SCHEMA, st.dictionaries(st.sampled_from("ab"), JSON, max_size=2))
def test_any_definition_takes_or_refuses(definition: object, values: dict[str, object]) -> None:
    with suppress(BadRequest):
        check_arguments(json.dumps(definition), values)
    form = studio_form(definition)
    assert form is None or all(set(each) == {"name", "type", "required", "hasDefault"} for each in json.loads(form))


class TestStudioForm:
    def test_every_type_of_a_schema(self) -> None:
        properties = {
            "s": {"type": "string", "default": ""},
            "i": {"type": "integer"},
            "n": {"type": "number"},
            "b": {"type": "boolean"},
            "l": {"type": "array"},
            "o": {"type": "object"},
            "maybe": {"anyOf": [{"type": "null"}, {"type": "integer"}]},
            "either": {"type": ["null", "string"]},
            "named": {"$ref": "#/$defs/N"},
            "any": {},
        }
        form = json.loads(
            studio_form({"properties": properties, "required": ["s"], "$defs": {"N": {"type": "number"}}}) or ""
        )
        assert {each["name"]: each["type"] for each in form} == {
            "s": "System.String",
            "i": "System.Int64",
            "n": "System.Double",
            "b": "System.Boolean",
            "l": "System.Object[]",
            "o": "System.Object",
            "maybe": "System.Int64",
            "either": "System.String",
            "named": "System.Double",
            "any": "System.Object",
        }
        assert [each["name"] for each in form if each["required"]] == ["s"]
        assert [each["name"] for each in form if each["hasDefault"]] == ["s"]

    def test_studio_arguments_stay(self) -> None:
        arguments = [{"name": "x", "type": "System.Int32", "required": True, "hasDefault": True}]
        assert json.loads(studio_form(arguments) or "") == arguments

    def test_no_definition_has_no_form(self) -> None:
        assert studio_form(None) is None


class TestMerge:
    @pytest.mark.parametrize(
        ("defaults", "given_text", "merged"),
        [
            (None, None, None),
            ("", "  ", None),
            (None, "{}", "{}"),
            ('{"a": 1}', None, '{"a": 1}'),
            ('{"a": 1}', "{}", '{"a": 1}'),
            ("{}", '{"a":1,  "b":1.10}', '{"a":1,  "b":1.10}'),
            ('{"a": 1, "b": {"x": 1}}', '{"b": {"y": 2}, "c": "é"}', '{"a":1,"b":{"y":2},"c":"é"}'),
            ('{"a": 1}', '{"a": null}', '{"a":null}'),
        ],
    )
    def test_given_before_defaults(self, defaults: str | None, given_text: str | None, merged: str | None) -> None:
        assert merge_arguments(defaults, given_text) == merged

    @pytest.mark.parametrize(
        "text", ["[]", "1", "null", '"x"', "{", "{'a':1}", '{"a":NaN}', '{"a":1e999}', '{"a":"\\u0000"}', "{}x"]
    )
    def test_400_names_the_member(self, text: str) -> None:
        with pytest.raises(BadRequest, match="InputArguments"):
            merge_arguments(None, text)
        with pytest.raises(BadRequest, match="InputArguments"):
            merge_arguments(text, "{}")

    @given(OBJECT, OBJECT)
    def test_merging_is_the_union_with_what_is_given(
        self, defaults: dict[str, Any], given_values: dict[str, Any]
    ) -> None:
        merged = merge_arguments(json.dumps(defaults), json.dumps(given_values))
        assert arguments_object(merged) == defaults | given_values


@pytest.mark.parametrize("text", ["[" * 200 + "]" * 200, "[" * 100_000, '{"a":' * 50_000])
def test_400_deep_nesting(text: str) -> None:
    with pytest.raises(BadRequest):
        read_json(text, "The text")


@given(JSON)
def test_what_is_read_is_what_was_written(value: object) -> None:
    assert read_json(json.dumps(value), "The text") == value
