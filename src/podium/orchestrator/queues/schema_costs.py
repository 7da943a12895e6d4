"""How much work a JSON schema can make at most, told from the schema alone. Pure.

Schemas are hostile: a few definitions that each use the next one twice take longer than the universe lasts. What is
counted are the schemas that one place of a value is checked against, along the worst path into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

HIGHEST = 200
"""How many schemas may lie one within the other, references followed."""

SAME_PLACE = ("not", "if", "then", "else", "propertyNames")
SAME_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
DEEPER = ("additionalProperties", "additionalItems", "contains")
SCHEMAS_BY_NAME = ("properties", "patternProperties", "dependencies", "definitions", "$defs")
POINTER = re.compile(r"#(?:/[^#]*)?")


class SchemaRefused(Exception):
    """A schema that cannot be used; the text says why."""


class Cost(NamedTuple):
    """Checks of one place, and how many of them are patterns."""

    steps: int
    patterns: int

    def plus(self, other: Cost) -> Cost:
        return Cost(self.steps + other.steps, self.patterns + other.patterns)


NOTHING = Cost(0, 0)


class Costs:
    """The costs of one schema, which must not be changed meanwhile; kept, as they are asked for again."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema
        self._known: dict[tuple[int, int], Cost] = {}
        self._open: set[tuple[int, int]] = set()

    def of(self, depth: int) -> Cost:
        """The most that a place of a value is checked that is `depth` levels deep. Raises SchemaRefused."""
        return self._of(self._root, depth)

    def _of(self, schema: Any, depth: int) -> Cost:
        if not isinstance(schema, Mapping):
            return Cost(1, 0)
        place = id(schema), depth
        if place in self._known:
            return self._known[place]
        if place in self._open:
            raise SchemaRefused("refers to itself at the same place of a value")
        if len(self._open) >= HIGHEST:
            raise SchemaRefused(f"refers to itself, or to others, more than {HIGHEST} levels deep")
        self._open.add(place)
        cost = Cost(
            1 + len(_listed(schema, "enum")), int("pattern" in schema) + len(_named(schema, "patternProperties"))
        )
        for inner in self._at_same_place(schema):
            cost = cost.plus(self._of(inner, depth))
        if depth > 0:
            cost = cost.plus(self._below(schema, depth - 1))
        self._open.discard(place)
        self._known[place] = cost
        return cost

    def _at_same_place(self, schema: Mapping[str, Any]) -> Iterator[Any]:
        if isinstance(schema.get("$ref"), str):
            yield resolved(self._root, schema["$ref"])
        yield from (schema[name] for name in SAME_PLACE if name in schema)
        for name in SAME_PLACE_LISTS:
            yield from _listed(schema, name)
        yield from _named(schema, "dependencies").values()

    def _below(self, schema: Mapping[str, Any], depth: int) -> Cost:
        """A member has one name and an element one position; the other keywords may all be about the same one."""
        items = schema.get("items")
        positions = items if isinstance(items, list) else [] if items is None else [items]
        cost = NOTHING
        for alternatives in (_named(schema, "properties").values(), positions):
            each = [self._of(inner, depth) for inner in alternatives]
            cost = cost.plus(Cost(max((c.steps for c in each), default=0), max((c.patterns for c in each), default=0)))
        for inner in (
            *_named(schema, "patternProperties").values(),
            *(schema[name] for name in DEEPER if name in schema),
        ):
            cost = cost.plus(self._of(inner, depth))
        return cost


def subschemas(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schema and every schema in it, those that are only referred to included. Raises SchemaRefused."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, Mapping) or id(schema) in seen:
            continue
        seen.add(id(schema))
        yield schema
        if isinstance(schema.get("$ref"), str):
            waiting.append(resolved(root, schema["$ref"]))
        waiting += [schema[name] for name in (*SAME_PLACE, *DEEPER) if name in schema]
        for name in SAME_PLACE_LISTS:
            waiting += _listed(schema, name)
        for name in SCHEMAS_BY_NAME:
            waiting += _named(schema, name).values()
        items = schema.get("items")
        waiting += items if isinstance(items, list) else [items]


def resolved(root: Mapping[str, Any], reference: str) -> Any:
    """What a reference within the schema means. Raises SchemaRefused for one that leads elsewhere or nowhere."""
    if not POINTER.fullmatch(reference):
        raise SchemaRefused(f"$ref: {reference[:200]!r} is not within the schema; only '#' and '#/...' are")
    found: Any = root
    for part in unquote(reference[1:]).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            raise SchemaRefused(f"$ref: there is nothing at {reference[:200]!r}")
    return found


def _listed(schema: Mapping[str, Any], name: str) -> list[Any]:
    found = schema.get(name)
    return found if isinstance(found, list) else []


def _named(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = schema.get(name)
    return found if isinstance(found, Mapping) else {}
