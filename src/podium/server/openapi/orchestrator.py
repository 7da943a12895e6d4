"""The document of the orchestrator."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Folder, Row
from podium.kernel.operation import Operation
from podium.server.openapi.schemas import JSON_TYPE, SCALARS, Json, parameter, reached, schema_of

FOLDER_HEADER = "X-UIPATH-OrganizationUnitId"

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
    503: "The server cannot answer now; Retry-After says when to try again.",
}
REFUSALS_OF_BODIES = {
    413: "The body is over its limit.",
    415: "The body is of a kind that the operation does not read.",
}
REFUSALS_OF_KEYS = {422: "The Idempotency-Key came before with another request."}
# Good answers beside the one of the contract.
FURTHER: Mapping[str, Json] = {
    "JobTriggers_DeliverPayloadByInboxid": {"208": {"description": "There is a payload already."}},
    "Processes_UploadPackage": {"207": {"description": "Some of the packages were refused; the body names them."}},
    "Queues_StartTransaction": {"204": {"description": "No item is waiting."}},
}


def document(contract: Contract, operations: Iterable[Operation]) -> bytes:
    """The document as JSON: bound operations of the orchestrator only, with the models that they reach.

    OpenAPI 3.0.1, because the field's code generators read no later one. Made once per set of operations.
    """
    bound = frozenset(operation.row.id for operation in operations)
    return _document(tuple(row for row in contract.of_context("orchestrator") if row.id in bound))


@lru_cache(maxsize=4)
def _document(rows: tuple[Row, ...]) -> bytes:
    known = models(resource("contract"))
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
            "schemas": {ERROR: ERROR_SCHEMA} | reached(rows, known, _model),
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
    if row.body_model or row.consumes:
        made["requestBody"] = _body(row)
    if row.permissions or row.scopes:
        scopes = f" OAuth scopes: {', '.join(sorted(row.scopes))}." if row.scopes else ""
        made["description"] = f"Permissions: {row.permissions or 'none'}.{scopes}"
    if row.is_deprecated:
        made["deprecated"] = True
    if "anonymous" in row.permissions.split("; "):
        made["security"] = []
    return made


def _body(row: Row) -> Json:
    kind = JSON_TYPE if row.consumes in ("", "odata-json") else row.consumes
    schema: Json = {"type": "object"}
    if row.body_model != "form":
        schema = schema_of(row.body_model or "file")
    elif kind == "multipart/form-data":
        schema = {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}
    return {"content": {kind: {"schema": schema}}, "required": True}


def _responses(row: Row) -> Json:
    good: Json = {"description": "Success"}
    if row.response_model and row.success != 204:
        good["content"] = {row.produces or JSON_TYPE: {"schema": schema_of(row.response_model)}}
    error = {JSON_TYPE: {"schema": {"$ref": f"#/components/schemas/{ERROR}"}}}
    refusals = dict(REFUSALS)
    if row.body_model or row.consumes:
        refusals |= REFUSALS_OF_BODIES
    if row.method == "POST":
        refusals |= REFUSALS_OF_KEYS
    told = {str(status): {"description": text, "content": error} for status, text in sorted(refusals.items())}
    return {str(row.success): good} | FURTHER.get(row.id, {}) | told


def _model(fields: Mapping[str, Mapping[str, Any]]) -> Json:
    properties: Json = {}
    for name, facts in fields.items():
        schema = schema_of(facts["type"], facts)
        if "$ref" in schema:  # nothing may stand beside a reference
            if not facts["required"]:
                schema = {"allOf": [schema], "nullable": True}
        else:
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


def models(folder: Path) -> dict[str, Json]:
    """Model -> member -> facts: the published models with the additions and the corrections."""
    found: dict[str, Json] = {}
    for file in ("models.json", "models_extra.json"):
        for name, model in json.loads((folder / file).read_text(encoding="utf-8")).items():
            found.setdefault(name, {}).update(model["fields"])
    corrections = tomllib.loads((folder / "corrections.toml").read_text(encoding="utf-8"))
    for change in corrections.get("member", ()):
        facts: Json = found[change["model"]][change["member"]]
        dropped = (*change.get("drop", ()), *(("enum",) if change.get("open") else ()))
        for name in dropped:
            facts.pop(name, None)
        facts.update(change.get("set", {}))
    for change in corrections.get("spelling", ()):
        for name in change["models"]:
            found[name] = {member[0].upper() + member[1:]: facts for member, facts in found[name].items()}
    return found
