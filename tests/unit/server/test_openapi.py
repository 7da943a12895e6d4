"""The document is valid for every row of the contract, and says what the rows say."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator, validate

from podium.kernel.call import Call
from podium.kernel.config import resource
from podium.kernel.contract import Contract, Row
from podium.kernel.operation import Operation
from podium.server.openapi import document

CONTRACT = Contract.load(resource("contract"))


async def _handler(call: Call) -> None: ...


def _bound(rows: tuple[Row, ...]) -> list[Operation]:
    return [Operation(row, _handler, True, True, True, False, None, False, ()) for row in rows]


def _document(*ids: str) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.json.decode(document(CONTRACT, _bound(tuple(CONTRACT.named(id_) for id_ in ids))))
    return made


def test_every_row_bound_makes_a_valid_document() -> None:
    everything = msgspec.json.decode(document(CONTRACT, _bound(CONTRACT.of_context("orchestrator"))))
    validate(everything, cls=OpenAPIV30SpecValidator)
    assert sum(len(methods) for methods in everything["paths"].values()) == len(CONTRACT.of_context("orchestrator"))


def test_only_bound_rows_and_their_models_are_listed() -> None:
    made = _document("Jobs_GetById")
    assert list(made["paths"]) == ["/odata/Jobs({key})"]
    assert {"Error", "JobDto", "SimpleReleaseDto"} <= set(made["components"]["schemas"])
    assert "QueueItemDto" not in made["components"]["schemas"]


def test_rows_of_the_identity_server_are_left_out() -> None:
    row = CONTRACT.of_context("identity")[0]
    assert msgspec.json.decode(document(CONTRACT, _bound((row,))))["paths"] == {}


@pytest.mark.parametrize(("id_", "required"), [("Jobs_StartJobs", True), ("Folders_Get", None)])
def test_the_folder_header_follows_the_rows_rule(id_: str, required: bool | None) -> None:
    (methods,) = _document(id_)["paths"].values()
    (operation,) = methods.values()
    found = [parameter for parameter in operation["parameters"] if parameter["in"] == "header"]
    assert [parameter["required"] for parameter in found] == ([] if required is None else [required])


def test_a_correction_opens_an_enumeration() -> None:
    source = _document("Jobs_StartJobs")["components"]["schemas"]["StartProcessDto"]["properties"]["Source"]
    assert "enum" not in source


def test_anonymous_rows_ask_for_no_token() -> None:
    (methods,) = _document("Account_Authenticate")["paths"].values()
    assert methods["post"]["security"] == []


@pytest.mark.parametrize(
    ("id_", "refusals"),
    [
        ("Jobs_GetById", {"400", "401", "403", "404", "409", "503"}),
        ("Jobs_StartJobs", {"400", "401", "403", "404", "409", "413", "415", "422", "503"}),
        ("Folders_DeleteById", {"400", "401", "403", "404", "409", "503"}),
        ("Folders_PutById", {"400", "401", "403", "404", "409", "413", "415", "503"}),
    ],
)
def test_every_refusal_is_told_with_its_envelope(id_: str, refusals: set[str]) -> None:
    (methods,) = _document(id_)["paths"].values()
    (operation,) = methods.values()
    told = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    assert set(told) == refusals
    for answer in told.values():
        assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_what_may_be_null_says_so_also_when_it_is_a_model() -> None:
    job = _document("Jobs_GetById")["components"]["schemas"]["JobDto"]["properties"]
    assert job["Release"] == {"allOf": [{"$ref": "#/components/schemas/SimpleReleaseDto"}], "nullable": True}
    assert job["Info"]["nullable"] is True


def test_members_of_a_map_of_objects_are_of_any_kind() -> None:
    item = _document("QueueItems_GetById")["components"]["schemas"]["QueueItemDto"]["properties"]
    assert item["SpecificContent"] == {"type": "object", "additionalProperties": {}, "nullable": True}


def test_a_pattern_has_no_slashes_around_it() -> None:
    item = _document("QueueItems_GetById")["components"]["schemas"]["QueueItemDto"]["properties"]
    assert re.fullmatch(item["RowVersion"]["pattern"], "AAAAAAAAAAE=")
    assert not re.fullmatch(item["RowVersion"]["pattern"], "AAA")


def test_a_file_that_is_sent_as_it_is_is_a_body() -> None:
    (methods,) = _document("QueueItems_Import")["paths"].values()
    assert methods["post"]["requestBody"]["content"] == {"text/csv": {"schema": {"type": "string", "format": "binary"}}}
