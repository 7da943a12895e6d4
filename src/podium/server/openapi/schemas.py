"""Kinds and parameters of the contract as schemas: what both documents write in the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from podium.kernel.contract import Param, Row

Json = dict[str, Any]

JSON_TYPE = "application/json"
LIMITS = ("minLength", "maxLength", "minimum", "maximum", "pattern")
SCALARS: Mapping[str, Json] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "format": "int64"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "date-time": {"type": "string", "format": "date-time"},
    "file": {"type": "string", "format": "binary"},
    "object": {"type": "object"},
}
WRAPPED = re.compile(r"(array|map|Paged)<(?:string,)?(.*)>")
LITERAL = re.compile(r"^/(.*)/$", re.DOTALL)  # a pattern as scripts write it: some are published so


def schema_of(kind: str, facts: Mapping[str, Any] | None = None) -> Json:
    """The schema of a kind such as `array<JobDto>`; format, enumeration and limits hold for the innermost kind."""
    if match := WRAPPED.fullmatch(kind):
        return _wrapped(match[1], schema_of(match[2], facts))
    if kind not in SCALARS:
        return {"$ref": f"#/components/schemas/{kind}"}
    facts = facts or {}
    made = dict(SCALARS[kind])
    if "format" in facts:
        made["format"] = facts["format"]
    if facts.get("enum"):
        made["enum"] = list(facts["enum"])
    made |= {limit: facts[limit] for limit in LIMITS if limit in facts}
    if "pattern" in made:
        made["pattern"] = LITERAL.sub(r"\1", made["pattern"])
    return made


def _wrapped(wrapping: str, inner: Json) -> Json:
    if wrapping == "map":  # of objects: published so where members are of any kind
        return {"type": "object", "additionalProperties": {} if inner == SCALARS["object"] else inner}
    items = {"type": "array", "items": inner}
    if wrapping == "array":
        return items
    return {
        "type": "object",
        "required": ["results", "totalCount"],
        "properties": {"totalCount": SCALARS["integer"], "results": items},
    }


def innermost(kind: str) -> str:
    """The kind that the wrappings hold: `map<string,JobDto>` -> `JobDto`."""
    match = WRAPPED.fullmatch(kind)
    return innermost(match[2]) if match else kind


def reached(
    rows: Iterable[Row], models: Mapping[str, Json], model: Callable[[Json], Json], more: Iterable[str] = ()
) -> dict[str, Json]:
    """The schemas of the models that the rows name (and `more`), and of those that these name in turn.

    `models` holds the members by name, or under `subtypes` the names of the models that it may be instead.
    """
    waiting = [innermost(kind) for row in rows for kind in (row.body_model, row.response_model)]
    waiting.extend(more)
    found: dict[str, Json] = {}
    while waiting:
        name = waiting.pop()
        if name in models and name not in found:
            found[name] = model(models[name])
            subtypes = models[name].get("subtypes")
            kinds = subtypes or [facts["type"] for facts in models[name].values()]
            waiting.extend(innermost(kind) for kind in kinds)
    return dict(sorted(found.items()))


def parameter(param: Param) -> Json:
    """A parameter of the path or the query."""
    schema = dict(SCALARS[param.kind])
    if param.enum:
        schema["enum"] = list(param.enum)
    if param.default is not None:
        schema["default"] = _default(param)
    if param.many:
        schema = {"type": "array", "items": schema}
    made: Json = {"name": param.name, "in": param.place, "required": param.place == "path" or param.required}
    if param.many and param.place == "path":
        made["style"] = "simple"
    return made | {"schema": schema}


def _default(param: Param) -> object:
    assert param.default is not None
    if param.kind == "integer":
        return int(param.default)
    return param.default.lower() == "true" if param.kind == "boolean" else param.default
