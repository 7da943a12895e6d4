"""The document of the identity server: its management API and the endpoints of the protocol, not the pages for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Row
from podium.kernel.operation import Operation
from podium.server.openapi.schemas import JSON_TYPE, Json, parameter, reached, schema_of

BASE = "/identity_"
PAGES = "web"
OWN_BASE = re.compile(r"/(portal_|audit_|orgaudit_)/")
SCIM_TYPE, PROBLEM_TYPE, FORM_TYPE = (
    "application/scim+json",
    "application/problem+json",
    "application/x-www-form-urlencoded",
)
PROTOCOL = "connect"
DISCRIMINATOR = "objectType"
UNMODELLED = {
    "discovery": "object",
    "JWKS": "object",
    "claims": "object",
    "integer:int64": "integer",
    "application/octet-stream": "file",
}

PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "traceId"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "format": "int32"},
        "detail": {"type": "string"},
        "traceId": {"type": "string"},
    },
}
VALIDATION_PROBLEM: Json = {
    "type": "object",
    "required": ["errors", *PROBLEM["required"]],
    "properties": {
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        **{name: schema for name, schema in PROBLEM["properties"].items() if name != "detail"},
    },
}
OAUTH_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
}
SCIM_ERROR: Json = {
    "type": "object",
    "required": ["schemas", "status"],
    "properties": {
        "schemas": {"type": "array", "items": {"type": "string"}},
        "status": {"type": "string"},
        "scimType": {"type": "string"},
        "detail": {"type": "string"},
    },
}
ERRORS = {
    "OAuthError": OAUTH_ERROR,
    "ProblemDetails": PROBLEM,
    "ScimError": SCIM_ERROR,
    "ValidationProblemDetails": VALIDATION_PROBLEM,
}
REFUSED = "IdentityResult"
WORDS = {
    400: "The request cannot be understood, or breaks a rule.",
    401: "No credential, or one that does not hold.",
    403: "The caller lacks the scope or the right, or the organization is another one.",
    404: "Nothing of that id that the caller may see.",
    409: "The name is already used, or the present state does not allow it.",
}


def identity_document(contract: Contract, operations: Iterable[Operation]) -> bytes:
    """The document as JSON: bound operations of the identity server only. Made once per set of operations.

    OpenAPI 3.0.1. Enumerations are numbers, as they are in answers; requests may have their names as well.
    """
    bound = frozenset(operation.row.id for operation in operations)
    return _document(tuple(row for row in contract.of_context("identity") if row.id in bound and row.tag != PAGES))


@lru_cache(maxsize=256)
def _document(rows: tuple[Row, ...]) -> bytes:
    paths: dict[str, Json] = {}
    for row in rows:
        path = paths.setdefault(row.path, {})
        if OWN_BASE.match(row.path):
            path["servers"] = [{"url": "/"}]
        path[row.method.lower()] = _operation(row)
    schemas = reached(rows, _models(resource("contract")), _model, more=[REFUSED])
    made = {
        "openapi": "3.0.1",
        "info": {"title": "Podium Identity API", "version": "v1", "x-podium-version": version("podium")},
        "servers": [{"url": BASE}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag} for tag in sorted({row.tag for row in rows})],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": dict(sorted((ERRORS | schemas).items())),
        },
    }
    return msgspec.json.encode(made)


def _operation(row: Row) -> Json:
    made: Json = {
        "operationId": row.id,
        "tags": [row.tag],
        "parameters": [parameter(param) for param in (*row.path_params, *row.query_params)],
        "responses": _responses(row),
    }
    if row.consumes == FORM_TYPE:
        form = {"type": "object", "additionalProperties": {"type": "string"}}
        made["requestBody"] = {"content": {FORM_TYPE: {"schema": form}}, "required": True}
    elif row.body_model:
        schema = schema_of(UNMODELLED.get(row.body_model, row.body_model))
        made["requestBody"] = {"content": {JSON_TYPE: {"schema": schema}}, "required": True}
    if _is_anonymous(row):
        made["security"] = []
    elif row.scopes:
        made["description"] = f"OAuth scopes: {', '.join(sorted(row.scopes))}."
    return made


def _responses(row: Row) -> Json:
    good: Json = {"description": "Success"}
    if row.response_model and row.success != 204:
        kind = UNMODELLED.get(row.response_model, row.response_model)
        media_type = SCIM_TYPE if _is_scim(row) else row.produces or JSON_TYPE
        if kind == "file":
            media_type = "application/octet-stream"
        good["content"] = {media_type: {"schema": schema_of(kind)}}
    made: Json = {str(row.success): good}
    if row.body_model or row.consumes or row.path_params or row.query_params:
        made["400"] = {"description": WORDS[400], "content": _bad_request(row)}
    if not _is_anonymous(row):
        made |= {str(status): {"description": WORDS[status]} for status in (401, 403)}
    if row.path_params:
        made["404"] = {"description": WORDS[404], "content": _problem(row)}
    if row.method != "GET" and row.tag != PROTOCOL:
        made["409"] = {"description": WORDS[409], "content": _problem(row)}
    return made


def _bad_request(row: Row) -> Json:
    if _is_scim(row):
        return _problem(row)
    if row.tag == PROTOCOL:
        return {JSON_TYPE: {"schema": schema_of("OAuthError")}}
    content = {PROBLEM_TYPE: {"schema": schema_of("ValidationProblemDetails")}}
    return content if row.method == "GET" else content | {JSON_TYPE: {"schema": schema_of(REFUSED)}}


def _problem(row: Row) -> Json:
    if _is_scim(row):
        return {SCIM_TYPE: {"schema": schema_of("ScimError")}}
    return {PROBLEM_TYPE: {"schema": schema_of("ProblemDetails")}}


def _is_scim(row: Row) -> bool:
    return row.path.startswith("/scim/")


def _is_anonymous(row: Row) -> bool:
    return "anonymous" in row.permissions.split("; ")


def _model(fields: Mapping[str, Any]) -> Json:
    if "subtypes" in fields:
        return {
            "oneOf": [schema_of(name) for name in fields["subtypes"]],
            "discriminator": {"propertyName": DISCRIMINATOR},
        }
    properties = {name: _member(facts) for name, facts in fields.items()}
    required = sorted(name for name, facts in fields.items() if facts["required"])
    made: Json = {"type": "object", "properties": properties}
    return made | {"required": required} if required else made


def _member(facts: Mapping[str, Any]) -> Json:
    """What may be null says so, but a reference, beside which nothing may stand."""
    names = list(facts.get("enum", ()))
    if names:
        said = ", ".join(f"{number} {name}" for number, name in enumerate(names))
        made: Json = {"type": "integer", "format": "int32", "enum": list(range(len(names))), "description": said}
        made["x-enum-varnames"] = names
    else:
        made = schema_of(facts["type"], facts)
    if "$ref" not in made and facts.get("nullable", not facts["required"]):
        made["nullable"] = True
        if "enum" in made:
            made["enum"].append(None)
    return made


def _models(folder: Path) -> dict[str, Json]:
    """Model -> member -> facts; a model with subtypes has them instead of members, and each of these its own name."""
    published = json.loads((folder / "models_identity.json").read_text(encoding="utf-8"))
    models = {name: model["fields"] for name, model in published.items()}
    for name, model in published.items():
        for subtype in model.get("subtypes", ()):
            models[subtype][DISCRIMINATOR]["pattern"] = f"^{subtype}$"
            models[name] = {"subtypes": model["subtypes"]}
    return models
