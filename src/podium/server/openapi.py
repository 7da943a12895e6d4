"""The OpenAPI document of the operations that this server answers, made from the contract's rows and models."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Folder, Param, Row
from podium.kernel.operation import Operation

Json = dict[str, Any]

FOLDER_HEADER = "X-UIPATH-OrganizationUnitId"
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
WRAPPED = re.compile(r"(array|map)<(.*)>")

ERROR = "Error"
ERROR_SCHEMA: Json = {
    "type": "object",
    "required": ["message", "errorCode"],
    "properties": {
        "message": {"type": "string"},
        "errorCode": {"type": "integer", "format": "int32"},
        "traceId": {"type": "string"},
        "resourceIds": {"type": "array", "items": {"type": "integer", "format": "int64"}, "nullable": True},
    },
}
REFUSALS = {
    400: "The request cannot be understood or breaks a rule.",
    401: "No credential, or one that does not hold.",
    403: "The caller lacks the permission.",
    404: "Nothing of that name that the caller may see.",
    409: "The present state does not allow it.",
}


def document(contract: Contract, operations: Iterable[Operation]) -> bytes:
    """The document as JSON: bound operations of the orchestrator only, with the models that they reach.

    OpenAPI 3.0.1, because the field's code generators read no later one. Made once per set of operations.
    """
    bound = frozenset(operation.row.id for operation in operations)
    return _document(tuple(row for row in contract.of_context("orchestrator") if row.id in bound))


@lru_cache(maxsize=4)
def _document(rows: tuple[Row, ...]) -> bytes:
    models = _models(resource("contract"))
    paths: dict[str, Json] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    made = {
        "openapi": "3.0.1",
        "info": {"title": "Podium Orchestrator API", "version": "18.0", "x-podium-version": version("podium")},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag} for tag in sorted({row.tag for row in rows})],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": {ERROR: ERROR_SCHEMA} | _reached(rows, models),
        },
    }
    return msgspec.json.encode(made)


def _operation(row: Row) -> Json:
    made: Json = {
        "operationId": row.id,
        "tags": [row.tag],
        "parameters": [_parameter(param) for param in (*row.path_params, *row.query_params)],
        "responses": _responses(row),
    }
    if row.folder is not Folder.NONE:
        made["parameters"].append(
            {
                "name": FOLDER_HEADER,
                "in": "header",
                "description": "Id of the folder.",
                "required": row.folder is Folder.REQUIRED,
                "schema": SCALARS["integer"],
            }
        )
    if row.body_model:
        made["requestBody"] = _body(row)
    if row.permissions or row.scopes:
        scopes = f" OAuth scopes: {', '.join(sorted(row.scopes))}." if row.scopes else ""
        made["description"] = f"Permissions: {row.permissions or 'none'}.{scopes}"
    if row.is_deprecated:
        made["deprecated"] = True
    if "anonymous" in row.permissions.split("; "):
        made["security"] = []
    return made


def _parameter(param: Param) -> Json:
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


def _body(row: Row) -> Json:
    kind = JSON_TYPE if row.consumes in ("", "odata-json") else row.consumes
    schema: Json = {"type": "object"}
    if row.body_model != "form":
        schema = _schema(row.body_model)
    elif kind == "multipart/form-data":
        schema = {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}
    return {"content": {kind: {"schema": schema}}, "required": True}


def _responses(row: Row) -> Json:
    good: Json = {"description": "Success"}
    if row.response_model and row.success != 204:
        good["content"] = {row.produces or JSON_TYPE: {"schema": _schema(row.response_model)}}
    error = {JSON_TYPE: {"schema": {"$ref": f"#/components/schemas/{ERROR}"}}}
    refusals = {str(status): {"description": text, "content": error} for status, text in REFUSALS.items()}
    return {str(row.success): good} | refusals


def _schema(kind: str, facts: Mapping[str, Any] | None = None) -> Json:
    """The schema of a kind such as `array<JobDto>`; format, enumeration and limits hold for the innermost kind."""
    if match := WRAPPED.fullmatch(kind):
        inner = _schema(match[2], facts)
        return (
            {"type": "array", "items": inner}
            if match[1] == "array"
            else {"type": "object", "additionalProperties": inner}
        )
    if kind not in SCALARS:
        return {"$ref": f"#/components/schemas/{kind}"}
    facts = facts or {}
    made = dict(SCALARS[kind])
    if "format" in facts:
        made["format"] = facts["format"]
    if facts.get("enum"):
        made["enum"] = list(facts["enum"])
    return made | {limit: facts[limit] for limit in LIMITS if limit in facts}


def _model(fields: Mapping[str, Mapping[str, Any]]) -> Json:
    properties: Json = {}
    for name, facts in fields.items():
        schema = _schema(facts["type"], facts)
        if "$ref" not in schema:  # nothing may stand beside a reference
            if facts.get("readOnly"):
                schema["readOnly"] = True
            if not facts["required"]:
                schema["nullable"] = True
                if "enum" in schema:
                    schema["enum"].append(None)
        properties[name] = schema
    required = sorted(name for name, facts in fields.items() if facts["required"])
    made: Json = {"type": "object", "properties": properties}
    return made | {"required": required} if required else made


def _reached(rows: Iterable[Row], models: Mapping[str, Json]) -> dict[str, Json]:
    """The schemas of the models that the rows name, and of those that these name in turn."""
    waiting = [_innermost(kind) for row in rows for kind in (row.body_model, row.response_model)]
    found: dict[str, Json] = {}
    while waiting:
        name = waiting.pop()
        if name in models and name not in found:
            found[name] = _model(models[name])
            waiting.extend(_innermost(facts["type"]) for facts in models[name].values())
    return dict(sorted(found.items()))


def _innermost(kind: str) -> str:
    match = WRAPPED.fullmatch(kind)
    return _innermost(match[2]) if match else kind


def _models(folder: Path) -> dict[str, Json]:
    """Model -> member -> facts: the published models with the additions and the corrections."""
    models: dict[str, Json] = {}
    for file in ("models.json", "models_extra.json"):
        for name, model in json.loads((folder / file).read_text(encoding="utf-8")).items():
            models.setdefault(name, {}).update(model["fields"])
    corrections = tomllib.loads((folder / "corrections.toml").read_text(encoding="utf-8"))
    for change in corrections.get("member", ()):
        facts: Json = models[change["model"]][change["member"]]
        dropped = (*change.get("drop", ()), *(("enum",) if change.get("open") else ()))
        for name in dropped:
            facts.pop(name, None)
        facts.update(change.get("set", {}))
    for change in corrections.get("spelling", ()):
        for name in change["models"]:
            models[name] = {member[0].upper() + member[1:]: facts for member, facts in models[name].items()}
    return models
