"""The identity server's document is valid for every row that is bound, and says what the rows say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator, validate

from podium.kernel.config import resource
from podium.kernel.contract import Contract
from podium.kernel.operation import build
from podium.server.openapi import identity_document
from podium.server.operations import OPERATION_MODULES

CONTRACT = Contract.load(resource("contract"))
OPERATIONS = build(CONTRACT, OPERATION_MODULES)
WHOLE: dict[str, Any] = msgspec.json.decode(identity_document(CONTRACT, OPERATIONS))
SCHEMAS = WHOLE["components"]["schemas"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].removeprefix("#/components/schemas/")
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_bound_row_but_the_pages_makes_a_valid_document() -> None:
    validate(WHOLE, cls=OpenAPIV30SpecValidator)
    listed = {
        (method.upper(), path) for path, methods in WHOLE["paths"].items() for method in methods if method != "servers"
    }
    rows = [operation.row for operation in OPERATIONS if operation.row.context == "identity"]
    assert listed == {(row.method, row.path) for row in rows if row.tag != "web"}


def test_every_model_is_there_and_needed() -> None:
    assert set(references(WHOLE)) == set(SCHEMAS)


def test_enumerations_are_numbers_with_names() -> None:
    type_ = SCHEMAS["GroupDto"]["properties"]["type"]
    assert (type_["type"], type_["enum"], type_["x-enum-varnames"]) == ("integer", [0, 1], ["builtIn", "custom"])


def test_what_may_be_null_says_so() -> None:
    members = SCHEMAS["UserDto"]["properties"]
    assert {name for name in ("lastLoginTime", "email", "id", "isActive") if members[name].get("nullable")} == {
        "lastLoginTime",
        "email",
    }


def test_an_entity_is_one_of_its_kinds() -> None:
    kinds = [one["$ref"].rpartition("/")[2] for one in SCHEMAS["DirectoryEntity"]["oneOf"]]
    assert kinds == ["DirectoryApplication", "DirectoryGroup", "DirectoryRobotUser", "DirectoryUser"]
    assert {SCHEMAS[kind]["properties"]["objectType"]["pattern"] for kind in kinds} == {f"^{kind}$" for kind in kinds}


@pytest.mark.parametrize(
    ("path", "method", "status", "types"),
    [
        ("/api/User", "post", "400", {"application/problem+json", "application/json"}),
        ("/api/User/{userId}", "get", "400", {"application/problem+json"}),
        ("/api/User/{userId}", "get", "404", {"application/problem+json"}),
        ("/scim/users", "post", "409", {"application/scim+json"}),
        ("/connect/token", "post", "400", {"application/json"}),
    ],
)
def test_refusals_have_the_shapes_of_their_api(path: str, method: str, status: str, types: set[str]) -> None:
    assert set(WHOLE["paths"][path][method]["responses"][status]["content"]) == types


def test_refusals_without_a_body_have_none() -> None:
    responses = WHOLE["paths"]["/api/User/{userId}"]["get"]["responses"]
    assert [set(responses[status]) for status in ("401", "403")] == [{"description"}] * 2


def test_what_needs_no_token_says_so() -> None:
    assert WHOLE["paths"]["/connect/token"]["post"]["security"] == []
    assert "security" not in WHOLE["paths"]["/api/User"]["post"]


def test_facades_follow_the_root() -> None:
    assert WHOLE["servers"] == [{"url": "/identity_"}]
    assert WHOLE["paths"]["/audit_/api/auditlogs"]["servers"] == [{"url": "/"}]
