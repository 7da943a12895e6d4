"""JSON schemas of queues: which may be stored, and whether a value has the form that one asks for. Pure.

Whoever may edit a queue writes its schemas, so that they are hostile until proven: nothing is fetched, patterns are
matched in linear time (no look-around, no back references), and what a check can cost is known before it begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.queues.schema_costs import Costs, SchemaRefused, subschemas

MOST_CHARACTERS = 100_000
DEEPEST = 32
MOST_PATTERNS = 50
MOST_STEPS_OF_PLACE = 20_000
MOST_STEPS = 2_000_000  # of one check: some hundredths of a second
MOST_MATCHED = 500_000  # characters of a value times the patterns that a place of it is matched with
KEPT = 64
PATTERNS = jsonschema_rs.RegexOptions(size_limit=256 * 1024, dfa_size_limit=1024 * 1024)
CHECKED_DEPTH = 2
VALIDATORS: Mapping[str, Any] = {
    "": jsonschema_rs.Draft7Validator,
    "draft-07": jsonschema_rs.Draft7Validator,
    "draft-06": jsonschema_rs.Draft6Validator,
    "draft-04": jsonschema_rs.Draft4Validator,
}


class Compiled(NamedTuple):
    """A schema that is ready to check values."""

    validator: Any
    costs: Costs


class Size(NamedTuple):
    """Of a value: how deep it is, how many values it has, and how many characters their texts and names have."""

    depth: int
    values: int
    characters: int


def checked(text: str | None, member: str) -> str | None:
    """The schema as it is stored, None for a blank one. Raises BadRequest that names the member."""
    if text is None or not text.strip():
        return None
    try:
        compiled(text)
    except SchemaRefused as refused:
        raise BadRequest(f"{member}: {refused}.", Code.INVALID_ARGUMENT) from None
    return text


def problems(schema_text: str, value: object) -> str | None:
    """The first thing in which the value differs from the schema, as a sentence; None when there is none.

    The sentence names the place and never repeats what stands there. `value` is what JSON can say: None, bool, numbers,
    str, lists, and dicts by str.
    """
    schema = compiled(schema_text)
    size = _size(value)
    try:
        cost = schema.costs.of(size.depth)
    except SchemaRefused:
        return "The value is nested too deeply to be checked."
    if cost.steps * size.values > MOST_STEPS or cost.patterns * size.characters > MOST_MATCHED:
        return "The value is too large to be checked against so complicated a schema."
    for error in schema.validator.iter_errors(value):
        return _sentence(error)
    return None


@lru_cache(KEPT)
def compiled(text: str) -> Compiled:
    """The schema of this text, which is kept. Raises SchemaRefused."""
    schema = _parsed(text)
    kind = _draft(schema)
    patterns = 0
    for inner in subschemas(schema):
        _check_id(inner, "id" if kind == "draft-04" else "$id", is_root=inner is schema)
        patterns += int("pattern" in inner)
        named = inner.get("patternProperties")
        patterns += len(named) if isinstance(named, dict) else 0
    if patterns > MOST_PATTERNS:
        raise SchemaRefused(f"has more than {MOST_PATTERNS} patterns")
    costs = Costs(schema)
    if costs.of(CHECKED_DEPTH).steps > MOST_STEPS_OF_PLACE:
        raise SchemaRefused("is too complicated: its parts refer to each other too often")
    try:
        validator = VALIDATORS[kind](schema, offline=True, mask="the value", pattern_options=PATTERNS)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise SchemaRefused(f"is no valid JSON schema: {_sentence(error).rstrip('.')}") from None
    return Compiled(validator, costs)


def _parsed(text: str) -> dict[str, Any]:
    if len(text) > MOST_CHARACTERS:
        raise SchemaRefused(f"has more than {MOST_CHARACTERS} characters")
    try:
        schema = msgspec.json.decode(text)
        depth = _size(schema).depth
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise SchemaRefused("is no JSON object") from None
    if not isinstance(schema, dict):
        raise SchemaRefused("is no JSON object")
    if depth > DEEPEST:
        raise SchemaRefused(f"is nested more than {DEEPEST} levels deep")
    return schema


def _draft(schema: Mapping[str, Any]) -> str:
    """Of which draft the schema says to be. Raises SchemaRefused for a later one, or another language."""
    said = schema.get("$schema", "")
    name = str(said).rstrip("#").removeprefix("https://").removeprefix("http://")
    found = name.removeprefix("json-schema.org/").removesuffix("/schema")
    if not isinstance(said, str) or found not in VALIDATORS:
        raise SchemaRefused("$schema: expected draft-04, draft-06 or draft-07 of json-schema.org")
    return found


def _check_id(schema: Mapping[str, Any], keyword: str, *, is_root: bool) -> None:
    """References mean a place of the whole text, so that a part must not begin a document of its own."""
    said = schema.get(keyword)
    if isinstance(said, str) and not is_root and not said.startswith("#"):
        raise SchemaRefused(f"{keyword}: only the schema itself may have another address, not a part of it")


def _size(value: object) -> Size:
    depth = values = characters = 0
    level = [value]
    while level:
        values += len(level)
        below: list[object] = []
        for each in level:
            if isinstance(each, dict):
                characters += sum(len(name) for name in each)
                below += each.values()
            elif isinstance(each, list):
                below += each
            elif isinstance(each, str):
                characters += len(each)
        level = below
        depth += 1
    return Size(depth - 1, values, characters)


def _sentence(error: Exception) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in getattr(error, "instance_path", ()))
    message = str(getattr(error, "message", error))
    said = message if len(message) <= 500 else f"{message[:500]}..."
    return f"{path.lstrip('.')[:200]}: {said}." if path else f"{said[:1].upper()}{said[1:]}."
