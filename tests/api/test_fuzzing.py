"""Generated requests, well-formed and malformed: every answer is one that the operation's document tells of.

The document is the one that the server gives out; schemathesis makes the cases of it. Half of them hold something that
is there: the keys of the address, and a body that fits but for some members. Every operation has a tenant of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Folder, Row
from podium.kernel.operation import build
from podium.server.openapi import document
from podium.server.openapi.orchestrator import FOLDER_HEADER
from podium.server.operations import OPERATION_MODULES
from tests.conftest import PUBLIC_URL, Caller
from tests.given import HOST, Request, Things, good_address, good_request, is_robots

Json = dict[str, Any]
AnyCase = Case[Any]

CASES = 100 if os.environ.get("PODIUM_TEST_FULL") else 10
SEED = 1
TAGS = frozenset(
    [
        "Assets",
        "AuditLogs",
        "Buckets",
        "CredentialStores",
        "DirectoryService",
        "Exports",
        "OrganizationUnits",
        "Permissions",
        "QueueDefinitions",
        "QueueItemComments",
        "QueueItemEvents",
        "QueueItems",
        "QueueProcessingRecords",
        "QueueRetention",
        "Queues",
        "Roles",
        "Settings",
        "Tenants",
        "Translations",
        "Users",
    ]
)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Operations of the host: a small number in them may be the tenant of another test.
OF_THE_HOST = frozenset({"Tenants_DeleteById", "Tenants_PatchById", "Tenants_SetActive"})
OTHERS = range(1, 100_000)
NAMES = frozenset({"Name", "UserName"})
LEFT_OUT = frozenset({"accept", "authorization", "user-agent"})  # the credential is the caller's

CONTRACT = Contract.load(resource("contract"))
OPERATIONS = build(CONTRACT, OPERATION_MODULES)
ROWS = [row for row in (each.row for each in OPERATIONS) if row.context == "orchestrator" and row.tag in TAGS]


@lru_cache(maxsize=1)
def schema() -> Any:
    """The document as schemathesis reads it."""
    return schemathesis.openapi.from_dict(msgspec.json.decode(document(CONTRACT, OPERATIONS)))


def cases(row: Row, address: Mapping[str, Any], good: Request) -> list[AnyCase]:
    """A good request and the generated ones; fewer of them than asked for when the row has no more."""
    operation = schema()[row.path][row.method]
    headers = {FOLDER_HEADER: str(good.options["folder"])} if row.folder is not Folder.NONE else {}
    fixed: Json = {"path_parameters": dict(address), "headers": headers, "query": good.options["params"] or {}}
    positive, negative = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
    strategies = [
        operation.as_strategy(positive, **fixed),
        operation.as_strategy(negative, path_parameters=dict(address)),
    ]
    anything = [operation.as_strategy(positive, headers=headers), operation.as_strategy(negative)]
    strategies += [each.filter(harmless) for each in anything] if row.id in OF_THE_HOST else anything
    if isinstance(good.body, dict | list):
        strategies.append(near(operation.as_strategy(positive, **fixed), good.body, is_new=row.success == 201))
    made: list[AnyCase] = []
    if not good.options.keys() & {"files", "content"}:
        made.append(operation.Case(**fixed, **({} if good.body is None else {"body": good.body})))
    share = -(-CASES // len(strategies))
    for strategy in strategies:
        made += drawn(strategy, share)
    return made


def harmless(case: AnyCase) -> bool:
    """Whether a case of the host names no tenant that there may be."""
    ids: list[Any] = [*(case.path_parameters or {}).values()]
    listed = case.body.get("tenantIds") if isinstance(case.body, dict) else None
    if isinstance(listed, list):
        ids += listed
    return not any(str(each).strip().isdecimal() and int(str(each)) in OTHERS for each in ids)


def drawn(strategy: st.SearchStrategy[AnyCase], number: int) -> list[AnyCase]:
    """Different cases of a strategy; none when it has none."""
    made: list[AnyCase] = []

    @seed(SEED)
    @settings(
        max_examples=number,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(case: AnyCase) -> None:
        made.append(case)

    try:
        keep()
    except Unsatisfiable:
        assert not made
    return made


@st.composite
def near(draw: st.DrawFn, strategy: st.SearchStrategy[AnyCase], good: object, *, is_new: bool) -> AnyCase:
    """A case whose body is a good one but for a few of its members; what is new gets a name of its own."""
    case = draw(strategy)
    if is_new and isinstance(good, dict):
        number = draw(st.integers(min_value=0))
        good = {name: f"{value}{number}" if name in NAMES else value for name, value in good.items()}
    case.body = mixed(good, case.body, lambda: draw(st.integers(1, 8)) == 8)
    return case


def mixed(good: Any, other: Any, is_other: Callable[[], bool]) -> Any:
    """The good value with parts of the other one."""
    if isinstance(good, dict) and isinstance(other, dict):
        more = {name: value for name, value in other.items() if name not in good and is_other()}
        return {name: mixed(value, other.get(name, value), is_other) for name, value in good.items()} | more
    if isinstance(good, list) and isinstance(other, list) and good:
        return [mixed(good[0], each, is_other) for each in other[:3]] or good
    return other if is_other() else good


async def answered(caller: Caller, case: AnyCase, headers: Mapping[str, str]) -> Response:
    """What comes back, as the checks read it."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=PUBLIC_URL)).prepare()
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    sent = {name: value for name, value in prepared.headers.items() if name.lower() not in LEFT_OUT}
    method, path = str(prepared.method), str(prepared.url).removeprefix(PUBLIC_URL)
    answer = await caller.request(method, path, content=body, headers={**headers, **sent})
    found = {name: [value] for name, value in answer.headers.items()}
    return Response(answer.status, found, answer.content, prepared, 0.0, verify=True)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
async def test_every_answer_is_one_that_the_document_tells_of(row: Row, api: Caller) -> None:
    things = Things(api)
    good = await good_request(row, things)
    caller = await things.robot() if is_robots(row) else api
    faults: dict[str, str] = {}
    for case in cases(row, await good_address(row, things), good):
        answer = await answered(caller, case, HOST if is_robots(row) else {})
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                faults.setdefault(f"{failure.title} {answer.status_code}", str(group))
    assert not faults, "\n\n".join(faults.values())
