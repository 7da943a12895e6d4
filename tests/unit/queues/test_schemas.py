"""JSON schemas of queues: which are stored, and what a value is told."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.queues import schemas
from podium.orchestrator.queues.schema_costs import Costs

DRAFT = "http://json-schema.org/draft-0%s/schema#"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYWORDS = (
    "$ref $id id $schema type properties items allOf anyOf not if then enum const pattern patternProperties required "
    "dependencies definitions additionalProperties contains minimum multipleOf uniqueItems format propertyNames"
)


def refusal(schema: object) -> str:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    with pytest.raises(BadRequest) as refused:
        schemas.checked(text, "OutputDataJsonSchema")
    assert refused.value.code == 1009
    assert refused.value.message.startswith("OutputDataJsonSchema: ")
    return refused.value.message


def problem(schema: object, value: object) -> str | None:
    return schemas.problems(json.dumps(schema), value)


def chained(links: int, *, times: int) -> dict[str, Any]:
    """Each definition uses the next one so many times at the same place."""
    inner = {f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * times} for n in range(links)}
    return {"definitions": {**inner, f"d{links}": {"type": "object"}}, "allOf": [{"$ref": "#/definitions/d0"}]}


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_no_schema_is_kept_of_a_blank_one(text: str | None) -> None:
    assert schemas.checked(text, "OutputDataJsonSchema") is None


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": DRAFT % 4, "id": "http://a/root.json", "properties": {"id": {"id": "#/properties/id"}}},
        {"$schema": DRAFT % 6, "const": 1},
        {"$schema": (DRAFT % 7).rstrip("#"), "$id": "http://a/b", "properties": {"a": {"$id": "#/properties/a"}}},
        {"definitions": {"a b": {"type": "string"}}, "properties": {"x": {"$ref": "#/definitions/a%20b"}}},
        {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}},
        {"properties": {"kids": {"items": {"$ref": "#"}}}},
        {"enum": [{"$ref": "http://a/b"}]},
        {"properties": {"Name": {"pattern": r"^\w{1,100}$"}, "Text": {"pattern": "^.{1,200}$"}}},
    ],
)
def test_a_schema_is_stored_as_it_is_written(schema: object) -> None:
    text = json.dumps(schema, indent=2)
    assert schemas.checked(text, "OutputDataJsonSchema") == text


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("[]", "no JSON object"),
        ("{", "no JSON object"),
        ("true", "no JSON object"),
        ("{" * 50_000, "no JSON object"),
        ('{"title": "' + "x" * 100_000 + '"}', "100000 characters"),
        ('{"a":' * 40 + "1" + "}" * 40, "32 levels"),
        ({"type": "strin"}, "no valid JSON schema: type"),
        ({"required": "Amount"}, "no valid JSON schema: required"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, "$schema"),
        ({"$schema": DRAFT % 3}, "$schema"),
        ({"$schema": 7}, "$schema"),
        ({"$ref": "http://127.0.0.1:1/schema"}, "is not within the schema"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "is not within the schema"),
        ({"definitions": {"a": {"items": [{"$ref": "other.json#/a"}]}}}, "is not within the schema"),
        ({"$ref": "#/definitions/a"}, "there is nothing at"),
        ({"$ref": "#"}, "refers to itself"),
        ({"allOf": [{"anyOf": [{"$ref": "#"}]}]}, "refers to itself"),
        ({"properties": {"a": {"$id": "http://a/b", "$ref": "#/properties"}}}, "$id"),
        ({"pattern": "("}, "no valid JSON schema: pattern"),
        ({"pattern": r"(a)\1"}, "pattern"),
        ({"pattern": "(?=a)b"}, "pattern"),
        ({"pattern": "(.{1,1000}){1,1000}"}, "pattern"),
        ({"properties": {str(n): {"pattern": "a"} for n in range(51)}}, "50 patterns"),
        (chained(40, times=2), "too complicated"),
        (chained(1500, times=1), "200 levels"),
    ],
)
def test_what_is_refused_is_named(schema: object, said: str) -> None:
    assert said in refusal(schema)


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"properties": {"A": {"type": "integer"}}}, {"A": "secret"}, 'A: the value is not of type "integer".'),
        ({"properties": {"L": {"items": {"enum": ["a"]}}}}, {"L": ["a", "secret"]}, "L[1]: the value is not"),
        ({"required": ["B"]}, {"A": "secret"}, '"B" is a required property.'),
        (
            {"properties": {"B": {}}, "additionalProperties": False},
            {"A": "secret"},
            "Additional properties are not allowed",
        ),
        ({"properties": {"A": {"pattern": "^x$"}}}, {"A": "secret"}, 'A: the value does not match "^x$".'),
        ({"properties": {"A": {"format": "date"}}}, {"A": "secret"}, 'A: the value is not a "date".'),
        ({"$schema": DRAFT % 4, "minimum": 3, "exclusiveMinimum": True}, 3, "The value is less than or equal to"),
    ],
)
def test_the_first_problem_is_a_sentence_without_the_value(schema: object, value: object, said: str) -> None:
    told = problem(schema, value)
    assert told is not None
    assert told.startswith(said)
    assert told.endswith(".")
    assert "secret" not in told


def test_a_value_that_fits_has_no_problem() -> None:
    schema = {"type": "object", "properties": {"A": {"type": "number"}}, "required": ["A"]}
    assert problem(schema, {"A": 10**30, "B": None}) is None


def test_a_tree_is_checked_down_to_its_leaves() -> None:
    schema = {"properties": {"v": {"type": "integer"}, "kids": {"items": {"$ref": "#"}}}}
    value: dict[str, Any] = {"v": 1}
    wrong: dict[str, Any] = {"v": "x"}
    for _ in range(20):
        value, wrong = {"kids": [value]}, {"kids": [wrong]}
    assert problem(schema, value) is None
    assert "is not of type" in str(problem(schema, wrong))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"additionalProperties": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "deep"),
        ({"properties": {"k": {"$ref": "#"}}, "patternProperties": {"k": {"$ref": "#"}, "": {"$ref": "#"}}}, "deep"),
        ({"properties": {"t": {"pattern": "[^a]{0,100}1[01]{100}a"}}}, "long"),
        ({"items": chained(10, times=2)["allOf"][0], **chained(10, times=2)}, "wide"),
    ],
)
def test_what_would_take_too_long_is_not_begun(schema: object, value: str) -> None:
    made: Any = {}
    for _ in range(40):
        made = {"k": made}
    values = {"deep": made, "long": {"t": "0" * 600_000}, "wide": [{}] * 5_000}
    began = time.thread_time()
    assert "to be checked" in str(problem(schema, values[value]))
    assert time.thread_time() - began < 1


@given(st.integers(0, 12), st.integers(1, 3))
def test_the_cost_of_a_chain_is_known(links: int, times: int) -> None:
    # the schema, its reference, and for every link its definition once and its references `times` times, each below.
    below = 1
    for _ in range(links):
        below = 1 + times * (1 + below)
    assert Costs(chained(links, times=times)).of(0).steps == 1 + 1 + below


@given(st.dictionaries(st.sampled_from(KEYWORDS.split()), JSON, max_size=4), JSON)
def test_any_schema_is_taken_or_refused_and_any_value_answered(schema: Any, value: Any) -> None:
    text = json.dumps(schema)
    try:
        stored = schemas.checked(text, "OutputDataJsonSchema")
    except BadRequest:
        refusal(schema)
    else:
        assert stored == text
        told = schemas.problems(text, value)
        assert told is None or told.endswith(".")
