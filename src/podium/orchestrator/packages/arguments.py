"""Arguments of processes: definitions in Studio's form or as JSON schema, and values checked against them.

Studio's form is a JSON array of `{"name", "type", "required", "hasDefault"}` with .NET type names; packages of Python
functions and agents describe their arguments by a JSON schema.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Never

from podium.kernel.errors import BadRequest

MAX_DEPTH = 100  # levels of nesting in arguments, definitions and other JSON of packages
MAX_STEPS = 20_000  # of one check against a schema; a schema of alternatives that refer to each other would never end
MAX_HOPS = 4  # references and alternatives that are followed one after the other
MAX_REFERENCE_STEPS = 8  # names in one reference; packers write `#/$defs/Name`
MAX_ALTERNATIVES = 10  # that are looked at for the type of an argument

_NET_TYPES = {
    "string": "System.String",
    "integer": "System.Int64",
    "number": "System.Double",
    "boolean": "System.Boolean",
    "array": "System.Object[]",
    "object": "System.Object",
}
_INTEGER_RANGES = {
    "SByte": (-(2**7), 2**7), "Int16": (-(2**15), 2**15), "Int32": (-(2**31), 2**31), "Int64": (-(2**63), 2**63),
    "Byte": (0, 2**8), "UInt16": (0, 2**16), "UInt32": (0, 2**32), "UInt64": (0, 2**64),
}  # fmt: skip
_NUMBERS = frozenset({"Double", "Single", "Decimal"})
_TEXTS = frozenset({"String", "Char", "DateTime", "DateTimeOffset", "TimeSpan", "Guid"})
_LIST = re.compile(r"System\.Collections\.Generic\.I?(?:List|Enumerable|Collection|ReadOnlyList)`1")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def read_json(text: str, what: str) -> Any:
    """The value that `text` writes.

    BadRequest naming `what` when it is malformed, nested deeper than MAX_DEPTH, or holds what PostgreSQL or another
    reader cannot take: NaN, infinite numbers, NUL, half surrogate pairs.
    """
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise BadRequest(f"{what} is not valid JSON.") from None
    _check_plain(value, what)
    return value


def write_json(value: Any) -> str:
    """Compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def studio_form(definition: Any) -> str | None:
    """The JSON text in Studio's form of a definition in that form or as JSON schema; None for anything else.

    A schema is translated property by property; what it says in other ways (`patternProperties`) has no such form.
    """
    if isinstance(definition, list):
        return write_json(
            [_studio_argument(each) for each in definition if isinstance(each, dict) and each.get("name")]
        )
    if not isinstance(definition, dict):
        return None
    required = definition.get("required")
    arguments = [
        {
            "name": name,
            "type": _NET_TYPES.get(_type_of(schema, definition), "System.Object"),
            "required": isinstance(required, list) and name in required,
            "hasDefault": isinstance(schema, dict) and "default" in schema,
        }
        for name, schema in _mapping(definition, "properties").items()
    ]
    return write_json(arguments)


def check_arguments(definition_json: str | None, values: Mapping[str, Any]) -> None:
    """Raise BadRequest that names the argument when a value does not fit the definition's text.

    Where there is no definition everything fits.
    Null fits every type, and a missing argument is no error: the process may have a default. A name that is not defined
    is refused for Studio's form, and for a schema only where `additionalProperties` is false: functions in Python read
    what they know and leave the rest.
    """
    if definition_json is None or not definition_json.strip():
        return
    definition = read_json(definition_json, "The definition of the arguments")
    if isinstance(definition, list):
        _check_studio(definition, values)
    elif isinstance(definition, dict):
        _SchemaCheck(definition).arguments(values)
    else:
        raise BadRequest("The definition of the arguments is neither an array nor an object.")


def arguments_object(text: str | None, member: str = "InputArguments") -> dict[str, Any]:
    """The arguments that `text` writes, none for None or blank. BadRequest naming `member` for no JSON object."""
    if text is None or not text.strip():
        return {}
    value = read_json(text, member)
    if not isinstance(value, dict):
        raise BadRequest(f"{member} must be a JSON object.")
    return value


def merge_arguments(defaults_text: str | None, given_text: str | None) -> str | None:
    """The effective arguments as text: each given one in place of its default; None when both texts are empty.

    A text that stands alone is returned as it was written. BadRequest naming InputArguments when one is no JSON object.
    """
    defaults, given = arguments_object(defaults_text), arguments_object(given_text)
    if defaults and given:
        return write_json(defaults | given)
    first_choice = (defaults_text, given_text) if defaults else (given_text, defaults_text)
    return next((text for text in first_choice if text is not None and text.strip()), None)


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def _check_plain(value: Any, what: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                if _UNSTORABLE.search(each):
                    raise BadRequest(f"{what} holds a character that cannot be stored.")
            elif isinstance(each, list):
                below.extend(each)
            elif isinstance(each, dict):
                below.extend(each)
                below.extend(each.values())
        level = below
        if not level:
            return
    raise BadRequest(f"{what} is nested too deeply.")


def _studio_argument(argument: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": str(argument["name"]),
        "type": str(argument.get("type") or "System.Object"),
        "required": argument.get("required") is True,
        "hasDefault": argument.get("hasDefault") is True,
    }


def _mapping(schema: Mapping[str, Any], member: str) -> dict[str, Any]:
    value = schema.get(member)
    return value if isinstance(value, dict) else {}


def _resolved(schema: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """The schema after its references; one that cannot be followed inside the document says nothing."""
    for _ in range(MAX_HOPS):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        start, *steps = reference.split("/", MAX_REFERENCE_STEPS)
        schema = root if start == "#" else None
        for step in steps:
            schema = schema.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(schema, dict) else None
    return {}


def _type_of(schema: Any, root: Mapping[str, Any]) -> str:
    """The schema's first type other than null, `` when it says none; alternatives are searched in their order."""
    schema = _resolved(schema, root)
    for _ in range(MAX_HOPS):
        kind = schema.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        named = [each for each in kinds if isinstance(each, str) and each != "null"]
        if named:
            return named[0]
        choices = next((listed for word in ("anyOf", "oneOf", "allOf") if (listed := _listed(schema, word))), [])
        resolved = [_resolved(choice, root) for choice in choices[:MAX_ALTERNATIVES]]
        schema = next((choice for choice in resolved if choice and choice.get("type") != "null"), {})
    return ""


def _refused(name: str, expected: str) -> BadRequest:
    return BadRequest(f"Argument values did not match definitions: '{name}' must be {expected}.")


def _unknown(name: str) -> BadRequest:
    return BadRequest(f"Argument values did not match definitions: '{name}' is not an argument of the process.")


def _check_studio(definition: list[Any], values: Mapping[str, Any]) -> None:
    types = {
        str(each["name"]): str(each.get("type") or "")
        for each in definition
        if isinstance(each, dict) and "name" in each
    }
    for name, value in values.items():
        if name not in types:
            raise _unknown(name)
        expected = None if value is None else _net_mismatch(types[name], value)
        if expected:
            raise _refused(name, expected)


def _net_mismatch(type_name: str, value: Any) -> str | None:
    """What a value of the .NET type must be, when this one does not fit; types unknown to JSON take everything."""
    name = type_name.split(",", 1)[0].strip()  # `System.String, mscorlib, Version=...`
    if name.endswith("[]") or _LIST.match(name):
        return None if isinstance(value, list) else "a list"
    name = name.removeprefix("System.")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _INTEGER_RANGES:
        lowest, above = _INTEGER_RANGES[name]
        fits = _is_whole(value) and lowest <= value < above
        return None if fits else f"a whole number of type {name}"
    if name in _NUMBERS:
        return None if is_number else "a number"
    if name in _TEXTS:
        return None if isinstance(value, str) else "text"
    if name == "Boolean":
        return None if isinstance(value, bool) else "true or false"
    return None


def _is_whole(value: Any) -> bool:
    """Whether the value is a whole number; `2.0` is, as in JSON schema."""
    return value.is_integer() if isinstance(value, float) else isinstance(value, int) and not isinstance(value, bool)


def _is_of_type(kind: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return _is_whole(value)
        case "number":
            return is_number
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "null":
            return False
        case _:
            return True


class _SchemaCheck:
    """One check of values against a JSON schema: types, enumerations, alternatives, members and items.

    Patterns, formats and limits are left to the process. After MAX_STEPS everything fits.
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._steps = MAX_STEPS

    def arguments(self, values: Mapping[str, Any]) -> None:
        schema = _resolved(self._root, self._root)
        properties = _mapping(schema, "properties")
        for name, value in values.items():
            if name in properties:
                self._require(value, properties[name], name, MAX_DEPTH)
            elif schema.get("additionalProperties") is False and not _mapping(schema, "patternProperties"):
                raise _unknown(name)

    def _require(self, value: Any, schema: Any, path: str, depth: int) -> None:
        """Raise BadRequest naming the path when the value does not fit; null fits always."""
        schema = _resolved(schema, self._root)
        choices = _listed(schema, "enum")
        self._steps -= 1 + len(choices)
        if value is None or self._steps < 0 or not depth:
            return
        kind = schema.get("type")
        kinds = [each for each in (kind if isinstance(kind, list) else [kind]) if isinstance(each, str)]
        if kinds and not any(_is_of_type(each, value) for each in kinds):
            raise _refused(path, "of type " + " or ".join(kinds))
        if choices and value not in choices:
            raise _refused(path, "one of the values that its definition lists")
        for part in _listed(schema, "allOf"):
            self._require(value, part, path, depth - 1)
        for word in ("anyOf", "oneOf"):
            alternatives = _listed(schema, word)
            if alternatives and not any(self._fits(value, each, path, depth - 1) for each in alternatives):
                raise _refused(path, "as one of the alternatives of its definition")
        if isinstance(value, dict):
            properties = _mapping(schema, "properties")
            for name in value.keys() & properties.keys():
                self._require(value[name], properties[name], f"{path}.{name}", depth - 1)
        elif isinstance(value, list) and isinstance(schema.get("items"), dict):
            for place, each in enumerate(value):
                self._require(each, schema["items"], f"{path}[{place}]", depth - 1)

    def _fits(self, value: Any, schema: Any, path: str, depth: int) -> bool:
        try:
            self._require(value, schema, path, depth)
        except BadRequest:
            return False
        return True


def _listed(schema: Mapping[str, Any], member: str) -> list[Any]:
    value = schema.get(member)
    return value if isinstance(value, list) else []
