"""Laws that hold for every operation, over the registry instead of once per test class.

Exceptions are named with their reason. The good requests come from tests/given.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec
import pytest

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Folder, Row, unbound
from podium.kernel.operation import Operation, build
from podium.kernel.permission import compile_gate
from podium.server.openapi import document
from podium.server.operations import OPERATION_MODULES
from tests.conftest import Caller, Node
from tests.given import SENT_BY_A_USER, Request, Things, fill_path, good_request, is_robots

CONTRACT = Contract.load(resource("contract"))
OPERATIONS = build(CONTRACT, OPERATION_MODULES)
ROWS = [operation.row for operation in OPERATIONS]
OPEN_ROWS = unbound(CONTRACT, (row.id for row in ROWS))
OURS = [row for row in ROWS if row.context == "orchestrator"]
HOST = {"x-robot-machine": "host-1"}

UNAUDITED: Mapping[str, str] = {
    "Account_Authenticate": "signing in is kept among the login attempts",
    "Assets_GetRobotAssetByNameForRobotKey": "a read that is a POST because it names a robot's key",
    "Jobs_ValidateDynamicJob": "changes nothing",
    "Jobs_ValidateExistingJobById": "changes nothing",
    "Logs_Post": "robots' traffic; the entries are the record",
    "Logs_SubmitLogs": "robots' traffic; the entries are the record",
    "QueueItems_PreviewBulk": "changes nothing",
    "QueueItems_SetTransactionProgressById": "items have a history of their own",
    "Queues_AddQueueItem": "items have a history of their own",
    "Queues_BulkAddQueueItems": "items have a history of their own",
    "Queues_SetTransactionResultById": "items have a history of their own",
    "Queues_StartTransaction": "items have a history of their own",
    "Settings_ActivateLicenseOffline": "always refused: there are no licences",
    "Settings_ActivateLicenseOnline": "always refused: there are no licences",
    "Settings_DeactivateLicenseOnline": "always refused: there are no licences",
    "Settings_DeleteLicense": "always refused: there are no licences",
    "Settings_GetDeactivateLicenseOffline": "always refused: there are no licences",
    "Settings_GetLicenseOffline": "always refused: there are no licences",
    "Settings_UpdateLicenseOnline": "always refused: there are no licences",
    "Settings_UploadLicense": "always refused: there are no licences",
    "Settings_VerifySmtpSetting": "needs a mail server: tests/api/settings",
    "Users_ChangePassword": "the own password only, and the laws' sender is the administrator of all: tests/api/users",
}
# Rows that name a thing of the tenant and yet do not answer 404 for another tenant's.
NOT_404: Mapping[str, str] = {
    "CredentialStores_GetDefaultStoreForResourceTypeByResourcetype": "names a kind of things, the same everywhere",
    "Folders_GetAllRolesForUserByUsernameAndSkipAndTake": "names a user, who is in both tenants",
    "JobAttachments_GetByJobKey": "a list: nothing of another tenant is in it",
    "Processes_GetProcessVersionsByProcessid": "a list: nothing of another tenant is in it",
    "Settings_GetById": "names a setting, the same everywhere",
    "Settings_GetExecutionSettingsConfigurationByScope": "names a scope, the same everywhere",
    "Settings_GetSecureStoreConfigurationByStoretypename": "names a type, the same everywhere",
    "Settings_PutById": "names a setting, the same everywhere",
    "Tenants_DeleteById": "the host sees every tenant",
    "Tenants_GetById": "the host sees every tenant",
    "Tenants_PatchById": "the host sees every tenant",
}
# Lists that are rightly empty on the laws' stage.
MAY_BE_EMPTY: Mapping[str, str] = {
    "Folders_GetMoveFolderMachinesChanges": "the move changes no machine",
    "Folders_GetSubfoldersWithAssignedMachine": "the machine serves the top folder only",
    "JobTriggers_GetByJobKey": "the job does not wait",
    "JobTriggers_GetWithWaitEventsByJobid": "the job does not wait",
    "PackageFeeds_GetFeeds": "the tenant's own feeds are left out",
}
NO_GOOD_ANSWER: Mapping[str, str] = {
    "CredentialStores_GetResourcesForCredentialsProxyResourceTypes": "there are no proxies: tests/api/credential_stores",
    "Robots_GetPersistentJob": "needs a job that a robot suspended: tests/api/robots_service",
}
NOT_AS_PUBLISHED: Mapping[str, str] = {
    "JobTriggers_GetPayloadByInboxid": "published as a string; the clients read an object with `payload`",
}
# Members that clients read and the published models do not have.
BEYOND_THE_MODEL: Mapping[str, frozenset[str]] = {
    "Users_GetCurrentUserExtended": frozenset({"$.PersonalWorskpaceFeedId: is not in the model"}),
}
PERMITTED_BY_ALL = frozenset({frozenset[str]()})


def ids(rows: Iterable[Row]) -> Any:
    """Parameters named by the rows' ids."""
    return [pytest.param(row, id=row.id) for row in rows]


def is_anonymous(row: Row) -> bool:
    return compile_gate(row.permissions).anonymous


def needs_permission(row: Row) -> bool:
    return frozenset(compile_gate(row.permissions).need) != PERMITTED_BY_ALL


def names_a_thing(row: Row) -> bool:
    return bool(row.path_params) or any(param.required and not param.is_odata for param in row.query_params)


@pytest.fixture(scope="module")
async def stage(node: Node) -> Things:
    """A tenant with one of everything, for the laws that only read."""
    things = Things(await Caller(node, "stage"))
    await things.make_all()
    return things


@pytest.fixture(scope="module")
async def elsewhere(node: Node) -> Things:
    """Another tenant with a folder of its own."""
    things = Things(await Caller(node, "elsewhere"))
    for name in ("folder", "machine"):
        await things.get(name)
    return things


@pytest.fixture(scope="module")
async def member(stage: Things) -> Caller:
    """A member of the stage's folder who may do nothing there, nor anywhere."""
    return await stage.api.as_role(folder=await stage.get("folder"))


async def send(caller: Caller, request: Request, **more: Any) -> Any:
    options = {**request.options, **more}
    return await caller.request(request.method, request.path, request.body, **options)


async def sender(row: Row, things: Things) -> Caller:
    """Who sends such a request: the folder's machine, or the administrator."""
    return await things.robot() if is_robots(row) else things.api


def as_sent(row: Row, request: Request) -> dict[str, Any]:
    """The headers of the request, with those of a host when a machine sends it."""
    return {**request.options["headers"], **(HOST if is_robots(row) else {})}


class TestAdmission:
    @pytest.mark.parametrize("row", ids(row for row in ROWS if not is_anonymous(row)))
    async def test_401_without_token(self, row: Row, stage: Things) -> None:
        answer = await stage.api.with_headers({}).request(row.method, fill_path(row, {}))
        assert answer.status == 401, answer.text
        if row.context == "orchestrator":
            assert answer.json["message"] == "You are not authenticated!"

    @pytest.mark.parametrize("row", ids(row for row in OURS if needs_permission(row)))
    async def test_403_without_permission(self, row: Row, stage: Things, member: Caller) -> None:
        folder = None if row.folder is Folder.NONE else await stage.get("folder.Id")
        answer = await member.request(row.method, fill_path(row, {}), folder=folder)
        assert answer.status == 403, answer.text
        assert answer.json["message"] == "You are not authorized!"

    @pytest.mark.parametrize("row", ids(row for row in OURS if row.folder is Folder.REQUIRED))
    async def test_400_without_folder(self, row: Row, stage: Things) -> None:
        answer = await stage.api.request(row.method, fill_path(row, {}))
        assert (answer.status, answer.json["errorCode"]) == (400, 1101), answer.text

    @pytest.mark.parametrize("row", ids(row for row in OURS if row.folder is not Folder.NONE))
    async def test_400_for_a_folder_that_is_unknown_or_another_tenants(
        self, row: Row, stage: Things, elsewhere: Things
    ) -> None:
        for folder in (999_999_999, await elsewhere.get("folder.Id")):
            answer = await stage.api.request(row.method, fill_path(row, {}), folder=folder)
            assert (answer.status, answer.json["errorCode"]) == (400, 1100), answer.text

    @pytest.mark.parametrize(
        "row", ids(row for row in OURS if names_a_thing(row) and row.id not in (*NOT_404, *NO_GOOD_ANSWER))
    )
    async def test_404_for_a_thing_of_another_tenant(self, row: Row, stage: Things, elsewhere: Things) -> None:
        request = await good_request(row, stage)
        if "folder" in request.options:
            request.options["folder"] = await elsewhere.get("folder.Id")
        answer = await send(await sender(row, elsewhere), request, headers=as_sent(row, request))
        assert answer.status == 404, answer.text


class TestWrites:
    @pytest.mark.parametrize(
        "row", ids(row for row in OURS if row.method != "GET" and row.id not in UNAUDITED and not is_robots(row))
    )
    async def test_a_write_leaves_one_audit_row(self, row: Row, api: Caller) -> None:
        request = await good_request(row, Things(api))
        before = await audited(api, row)
        answer = await send(api, request)
        assert answer.status in (row.success, 200, 201, 204), answer.text
        assert await audited(api, row) == before + 1

    def test_exceptions_are_bound_rows(self) -> None:
        bound = {row.id for row in ROWS}
        named = {
            *NOT_404,
            *MAY_BE_EMPTY,
            *NO_GOOD_ANSWER,
            *NOT_AS_PUBLISHED,
            *BEYOND_THE_MODEL,
            *SENT_BY_A_USER,
            *UNAUDITED,
        }
        assert named <= bound


async def audited(api: Caller, row: Row) -> int:
    found = await api.node.rows(
        "SELECT count(*) FROM kernel.audit WHERE tenant_id = $1 AND operation = $2", api.tenant_id, row.id
    )
    return int(found[0][0])


class TestAnswers:
    @pytest.mark.parametrize(
        "row",
        ids(
            row
            for row in OURS
            if row.method == "GET"
            and row.response_model not in ("", "file")
            and row.id not in (*NO_GOOD_ANSWER, *NOT_AS_PUBLISHED)
        ),
    )
    async def test_200_is_what_the_model_says(self, row: Row, stage: Things) -> None:
        request = await good_request(row, stage)
        answer = await send(await sender(row, stage), request, headers=as_sent(row, request))
        assert answer.status == row.success, answer.text
        assert set(faults(answer.json, schema_of(row))) == BEYOND_THE_MODEL.get(row.id, frozenset())
        if isinstance(answer.json, dict) and isinstance(answer.json.get("value"), list):
            assert answer.json["value"] or row.id in MAY_BE_EMPTY, "an empty list proves nothing"


class TestOpenRows:
    @pytest.mark.parametrize("row", ids(row for row in OPEN_ROWS if not is_anonymous(row)))
    async def test_401_without_and_501_with_token(self, row: Row, stage: Things) -> None:
        path = fill_path(row, {})
        assert (await stage.api.with_headers({}).request(row.method, path)).status == 401
        answer = await stage.api.request(row.method, path)
        assert answer.status == 501, answer.text
        if row.context == "orchestrator":
            assert row.id in answer.json["message"]


def bound_as(row: Row) -> list[Operation]:
    return [operation for operation in OPERATIONS if operation.row is row]


def schema_of(row: Row) -> dict[str, Any]:
    """The schema of the row's good answer, with the document that its references point into."""
    made: dict[str, Any] = msgspec.json.decode(document(CONTRACT, bound_as(row)))
    (content,) = made["paths"][row.path]["get"]["responses"][str(row.success)]["content"].values()
    return {"schema": content["schema"], "models": made["components"]["schemas"]}


def faults(value: object, root: Mapping[str, Any]) -> list[str]:
    """Where a JSON value is not what the schema says: names that are unknown, types that are others."""
    return list(_faults(value, root["schema"], root["models"], "$"))


INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TYPES: Mapping[str, Any] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _faults(value: Any, schema: Mapping[str, Any], models: Mapping[str, Any], path: str) -> Iterable[str]:
    if "allOf" in schema:
        (schema,) = schema["allOf"]
    if "$ref" in schema:
        schema = models[schema["$ref"].rpartition("/")[2]]
    if (
        value is None
        or not schema
        or (schema["type"] == "object" and "properties" not in schema and "additionalProperties" not in schema)
    ):
        return
    if not isinstance(value, TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean"):
        yield f"{path}: {value!r} is not {schema['type']}"
    elif schema["type"] == "array":
        for position, item in enumerate(value):
            yield from _faults(item, schema["items"], models, f"{path}[{position}]")
    elif schema["type"] == "object":
        properties = schema.get("properties")
        for name, member in value.items():
            if properties is None:
                yield from _faults(member, schema["additionalProperties"], models, f"{path}.{name}")
            elif name in properties:
                yield from _faults(member, properties[name], models, f"{path}.{name}")
            elif not name.startswith("@odata."):
                yield f"{path}.{name}: is not in the model"
    elif isinstance(value, str):
        yield from _text_faults(value, schema, path)


def _text_faults(value: str, schema: Mapping[str, Any], path: str) -> Iterable[str]:
    if schema.get("format") == "date-time" and not INSTANT.fullmatch(value):
        yield f"{path}: {value!r} is not an instant"
    if schema.get("format") == "uuid":
        try:
            UUID(value)
        except ValueError:
            yield f"{path}: {value!r} is not a GUID"
    if schema.get("enum") and value not in schema["enum"]:
        yield f"{path}: {value!r} is not one of the names"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"Id": 1, "Wrong": 2}, "$.Wrong: is not in the model"),
        ({"Id": "1"}, "$.Id: '1' is not integer"),
        ({"Id": True}, "$.Id: True is not integer"),
        ({"State": "Flying"}, "$.State: 'Flying' is not one of the names"),
        ({"Key": "x"}, "$.Key: 'x' is not a GUID"),
        ({"CreationTime": "2026-01-01 00:00"}, "$.CreationTime: '2026-01-01 00:00' is not an instant"),
        ({"Release": {"Nothing": None}}, "$.Release.Nothing: is not in the model"),
    ],
)
def test_a_wrong_answer_is_found(value: object, fault: str) -> None:
    assert faults(value, schema_of(CONTRACT.named("Jobs_GetById"))) == [fault]


def test_the_coverage_page_is_what_the_registry_says() -> None:
    page = (resource("contract").parent / "docs" / "reference" / "coverage.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- `(\w+) (.+)`$", page, re.MULTILINE)
    assert sorted(listed) == sorted((row.method, row.path) for row in OPEN_ROWS)
