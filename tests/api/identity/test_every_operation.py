"""Laws that hold for every bound row of the identity server. What each row does is tested in its area's file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker

from podium.identity.audit.rules import TREE
from podium.kernel.config import resource
from podium.kernel.contract import Contract, Row
from podium.kernel.operation import build
from podium.kernel.permission import compile_gate
from podium.server.openapi import identity_document
from podium.server.operations import OPERATION_MODULES
from tests.conftest import Caller, Node, Response
from tests.given import Request
from tests.given_identity import MARK, Things, good_request, sender

from .hostile_bodies import bodies

CONTRACT = Contract.load(resource("contract"))
OPERATIONS = [operation for operation in build(CONTRACT, OPERATION_MODULES) if operation.row.context == "identity"]
ROWS = [operation.row for operation in OPERATIONS]
# Forms and redirects have their own laws: tests/api/identity/pages and oidc.
API = [row for row in ROWS if row.tag not in ("web", "connect")]
AUDITED_READS = {operation.row.id for operation in OPERATIONS if operation.audited}
WRITES = [row for row in API if row.method != "GET" or row.id in AUDITED_READS]
GUARDED = [row for row in ROWS if not compile_gate(row.permissions).anonymous]
DUMMY = "00000000-0000-4000-8000-00000000dead"
ADMINISTRATOR = "Identity.Administrator"
UNMODELLED = ("", "object", "discovery", "JWKS", "application/octet-stream")
LOOKS_UP = "looks up, changes nothing"

UNAUDITED: Mapping[str, str] = {
    "Account_PostForgotPassword": "sends a mail to whom nobody has proved to be; the change by its link is written down",
    "Directory_PostBulkResolveByNameByPartitionGlobalId": LOOKS_UP,
    "Directory_PostBulkResolveByPartitionGlobalId": LOOKS_UP,
    "Directory_PostGroupMembershipByPartitionGlobalId": LOOKS_UP,
    "Directory_PostResolveByNameByPartitionGlobalId": LOOKS_UP,
    "Directory_PostResolveByPartitionGlobalId": LOOKS_UP,
    "Group_PostBulkLoadByIdsByPartitionGlobalId": LOOKS_UP,
    "Group_PostByPartitionGlobalIdByGroupIdCheckMembers": LOOKS_UP,
    "UserPartition_Delete": "is always refused",
}
LEAVES_SOMETHING_ELSE: Mapping[str, str] = {"Account_PostForgotPassword": "the mail and its link"}
NO_GOOD_ANSWER: Mapping[str, str] = {
    "Setting_PostVerifySmtpSettings": "needs a mail server: tests/api/identity/test_mail.py",
    "UserPartition_Delete": "a user cannot leave the only organization",
}
REFUSED_AND_AUDITED: Mapping[str, int] = {"Setting_PostVerifySmtpSettings": 400}
# Lists that are rightly empty: there are no other providers and directories.
MAY_BE_EMPTY: Mapping[str, str] = {
    "AuthenticationInformation_GetByOrganizationName": "no providers",
    "AuthenticationSetting_GetGetAllByPartitionGlobalId": "no providers",
    "DirectoryConnection_GetAvailableDirectoryTypes": "no directories",
    "DirectoryConnection_GetConnectionsByPartitionGlobalId": "no directories",
    "ExternalIdentityProvider_Get": "no providers",
}
# Rows that answer well and leave out what the organization does not have.
PASSES_OVER: Mapping[str, str] = {
    "Directory_PostBulkResolveByNameByPartitionGlobalId": "unknown names are left out",
    "Directory_PostBulkResolveByPartitionGlobalId": "unknown ids are left out",
    "Directory_PostGroupMembershipByPartitionGlobalId": "nobody is in no group",
    "Group_DeleteByPartitionGlobalId": "only the listed ones that there are",
    "Group_PostBulkLoadByIdsByPartitionGlobalId": "unknown ids are left out",
    "Portal_DeleteIdentityUser": "only the listed ones that there are",
    "ReferenceToken_Delete": "only the listed ones that there are",
    "RobotAccount_DeleteByPartitionGlobalId": "only the listed ones that there are",
    "User_Delete": "only the listed ones that there are",
    "User_PostInviteUsers": "each row is refused for itself",
}
# Members that an answer of the row leaves out, by model.
MAY_BE_ABSENT: Mapping[str, Mapping[str, frozenset[str]]] = {}


def ids(rows: Iterable[Row]) -> Any:
    """Parameters named by the rows' ids."""
    return [pytest.param(row, id=row.id) for row in rows]


def needs_administrator(row: Row) -> bool:
    return any(ADMINISTRATOR in need for need in compile_gate(row.permissions).need)


def things_of(row: Row) -> list[str]:
    """The parameters of the path that name a thing of an organization."""
    return [param.name for param in row.path_params if param.name not in ("partitionGlobalId", "organizationName")]


def path(row: Row, partition: str, base: str = "/identity_") -> str:
    """The row's address: its partition is the given one, everything else is nobody's."""
    filled = re.sub(r"\{(partitionGlobalId|organizationId)\}", partition, row.path)
    filled = re.sub(r"\{\w+\}", DUMMY, filled)
    return filled if re.match(r"/(portal_|audit_|orgaudit_)/", filled) else base + filled


class TestAdmission:
    @pytest.mark.parametrize("row", ids(GUARDED))
    async def test_401_without_token(self, row: Row, api: Caller, node: Node) -> None:
        answer = await api.with_headers({}).request(row.method, path(row, str(node.organization_id)))
        assert (answer.status, answer.content) == (401, b"")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("row", ids(GUARDED))
    async def test_401_with_a_token_of_somebody_else_s_making(self, row: Row, api: Caller, node: Node) -> None:
        forged = api.bearer("eyJhbGciOiJub25lIn0.e30.")
        answer = await forged.request(row.method, path(row, str(node.organization_id)))
        assert (answer.status, answer.content) == (401, b"")

    @pytest.mark.parametrize("row", ids(row for row in GUARDED if row.scopes))
    async def test_403_with_another_scope(self, row: Row, pm: Caller, node: Node) -> None:
        where = path(row, str(node.organization_id))
        for caller in (
            pm.with_scopes("OR.Jobs", "PM.Nothing"),
            pm.bearer(await node.application_token(["OR.Jobs"])),
        ):
            answer = await caller.request(row.method, where)
            assert (answer.status, answer.content) == (403, b"")

    @pytest.mark.parametrize("row", ids(row for row in GUARDED if row.scopes and row.method != "GET"))
    async def test_403_with_the_scope_to_read_only(self, row: Row, pm: Caller, node: Node) -> None:
        readers = [f"{scope.removesuffix('.Write')}.Read" for scope in row.scopes if scope.endswith(".Write")]
        answer = await pm.with_scopes(*readers).request(row.method, path(row, str(node.organization_id)))
        assert (answer.status, answer.content) == (403, b"")

    @pytest.mark.parametrize("row", ids(row for row in GUARDED if needs_administrator(row)))
    async def test_403_for_a_user_who_is_no_administrator(self, row: Row, api: Caller, node: Node) -> None:
        user = api.as_role().with_scopes(*row.scopes, "IdentityServerApi")
        answer = await user.request(row.method, path(row, str(node.organization_id)))
        assert (answer.status, answer.content) == (403, b"")

    @pytest.mark.parametrize("row", ids(GUARDED))
    async def test_403_under_another_organization_s_address(self, row: Row, pm: Caller, node: Node) -> None:
        id_, name, _ = await node.make_organization("elsewhere")
        for there in (name, str(id_), "nobody"):
            where = path(row, str(node.organization_id), "/identity_")
            answer = await pm.request(row.method, f"/{there}{where}")
            assert (answer.status, answer.content) == (403, b"")

    @pytest.mark.parametrize("row", ids(row for row in GUARDED if "{partitionGlobalId}" in row.path))
    async def test_403_for_another_organization_s_partition(self, row: Row, pm: Caller, node: Node) -> None:
        id_, _, _ = await node.make_organization("elsewhere")
        for partition in (str(id_), DUMMY):
            answer = await pm.request(row.method, path(row, partition), BODIES.get(row.body_model))
            assert (answer.status, answer.content) == (403, b""), answer.text

    @pytest.mark.parametrize("row", ids(row for row in GUARDED if "{partitionGlobalId}" in row.path))
    async def test_400_for_a_partition_that_is_no_guid(self, row: Row, pm: Caller) -> None:
        answer = await pm.request(row.method, path(row, "magic-7"), BODIES.get(row.body_model))
        assert answer.status == 400, answer.text
        assert answer.json["errors"] == {"partitionGlobalId": ["The value 'magic-7' is not valid."]}

    def test_every_operation_of_management_asks_for_a_scope_or_is_named(self) -> None:
        assert {row.id for row in GUARDED if not row.scopes} <= WITHOUT_SCOPE


# A body is read before the handler compares the partition; an empty one of the right shape will do.
BODIES: dict[str, object] = {
    model: [] if model.startswith("array<") else {}
    for model in {row.body_model for row in GUARDED}
    if model and not model.startswith("string")
}
# Anybody of the organization may ask these: each answers for the caller himself, or names only.
WITHOUT_SCOPE = {row.id for row in GUARDED if row.tag in ("ReferenceToken", "Directory", "connect")} | {
    "Portal_GetFilteringLeftnavTenantsAndOrganizationInfo"
}


@pytest.fixture(scope="module")
async def stage(node: Node) -> Things:
    """The installation's own organization with one of everything, for the laws that only read."""
    caller = await Caller(node, "stage")
    things = Things(caller, (node.organization_id, node.config.organization), await node.user(node.admin))
    await things.make_all()
    return things


@pytest.fixture
async def things(node: Node, api: Caller) -> Things:
    """A new organization."""
    return await new_things(node, api)


async def new_things(node: Node, api: Caller) -> Things:
    id_, name, admin = await node.make_organization("laws")
    return Things(api, (id_, name), admin)


async def send(caller: Caller, request: Request) -> Response:
    return await caller.request(request.method, request.path, request.body, **request.options)


class TestWrites:
    @pytest.mark.parametrize("row", ids(row for row in WRITES if row.id not in UNAUDITED))
    async def test_a_write_leaves_one_audit_row(self, row: Row, things: Things) -> None:
        request, caller = await good_request(row, things), await sender(row, things)
        before = await trail(things)
        answer = await send(caller, request)
        assert answer.status == REFUSED_AND_AUDITED.get(row.id, row.success), answer.text
        (written,) = (await trail(things))[len(before) :]
        assert written["operation"] == row.id
        assert written["action"] in TREE[written["component"]]

    @pytest.mark.parametrize("row", ids(row for row in WRITES if row.id in UNAUDITED and row.id not in NO_GOOD_ANSWER))
    async def test_what_changes_nothing_leaves_none(self, row: Row, things: Things) -> None:
        request, caller = await good_request(row, things), await sender(row, things)
        before, held = await trail(things), await holdings(things)
        answer = await send(caller, request)
        assert answer.status == row.success, answer.text
        assert await trail(things) == before
        if row.id not in LEAVES_SOMETHING_ELSE:
            assert await holdings(things) == held

    def test_exceptions_are_bound_rows(self) -> None:
        bound = {row.id for row in ROWS}
        named = {*UNAUDITED, *NO_GOOD_ANSWER, *REFUSED_AND_AUDITED, *MAY_BE_EMPTY, *PASSES_OVER, *MAY_BE_ABSENT}
        assert named <= bound


async def trail(things: Things) -> list[Any]:
    """The audit rows of the organization."""
    return await things.node.rows(
        "SELECT id, operation, component, action FROM kernel.audit WHERE organization_id = $1 ORDER BY id",
        things.organization_id,
    )


TABLES = """
SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
 WHERE table_schema = 'identity' AND column_name = 'organization_id' AND table_type = 'BASE TABLE' ORDER BY 1
"""


async def holdings(things: Things) -> dict[str, str]:
    """Every row of the organization as text, by table."""
    tables = [row[0] for row in await things.node.rows(TABLES)]
    parts = [
        f"SELECT '{table}', coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')"
        f" FROM identity.{table} t WHERE organization_id = $1"
        for table in tables
    ]
    return dict(await things.node.rows(" UNION ALL ".join(parts), things.organization_id))


class TestAnswers:
    @pytest.mark.parametrize(
        "row", ids(row for row in API if row.method == "GET" and row.response_model not in UNMODELLED)
    )
    async def test_200_is_what_the_model_says(self, row: Row, stage: Things) -> None:
        request, caller = await good_request(row, stage), await sender(row, stage)
        answer = await send(caller, request)
        assert answer.status == row.success, answer.text
        assert faults(answer.json, row) == []
        if row.id not in MAY_BE_EMPTY:
            listed = answer.json.get("results", answer.json) if isinstance(answer.json, dict) else answer.json
            assert listed, "an empty answer proves nothing"

    @pytest.mark.parametrize(
        "row", ids(row for row in API if row.method != "GET" and row.response_model and row.id not in NO_GOOD_ANSWER)
    )
    async def test_the_answer_to_a_write_as_well(self, row: Row, things: Things) -> None:
        request, caller = await good_request(row, things), await sender(row, things)
        answer = await send(caller, request)
        assert answer.status == row.success, answer.text
        assert faults(answer.json, row) == []

    @pytest.mark.parametrize(
        ("value", "fault"),
        [
            ({"code": "en", "name": "English", "wrong": 1}, "'wrong' was unexpected"),
            ({"code": "en"}, "'name' is a required property"),
            ({"code": "en", "name": 7}, "7 is not of type 'string'"),
        ],
    )
    def test_a_wrong_answer_is_found(self, value: object, fault: str) -> None:
        (found,) = faults([value], CONTRACT.named("Language_Get"))
        assert fault in found


def faults(value: object, row: Row) -> list[str]:
    """Where a JSON value is not what the document says, every member being there and no other."""
    operations = [operation for operation in OPERATIONS if operation.row is row]
    made = msgspec.json.decode(identity_document(CONTRACT, operations))
    for name, model in made["components"]["schemas"].items():
        if "properties" in model:
            absent = MAY_BE_ABSENT.get(row.id, {}).get(name, frozenset())
            model |= {"required": sorted(set(model["properties"]) - absent), "additionalProperties": False}
    method = made["paths"][row.path][row.method.lower()]
    (content,) = method["responses"][str(row.success)]["content"].values()
    schema = {**content["schema"], "components": made["components"]}
    found = OAS30ReadValidator(schema, format_checker=oas30_format_checker).iter_errors(value)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


class TestOtherOrganizations:
    """What an administrator of another organization gets with our ids: nothing, and nothing of ours changes."""

    @pytest.mark.parametrize("row", ids(GUARDED))
    async def test_our_request_is_refused_or_finds_nothing(self, row: Row, stage: Things, api: Caller) -> None:
        other = await new_things(stage.node, api)
        request, before = await good_request(row, stage), await holdings(stage)
        answer = await send(other.api, request)
        if names(request, [str(stage.organization_id)]):
            assert (answer.status, answer.content) == (403, b""), answer.text
        elif things_of(row):
            assert answer.status in (403, 404), answer.text
        await check_apart(stage, other, before, answer)

    @pytest.mark.parametrize("row", ids(GUARDED))
    async def test_our_things_are_not_in_their_organization(self, row: Row, stage: Things, api: Caller) -> None:
        other = await new_things(stage.node, api)
        before = await holdings(stage)
        request = of_organization(await good_request(row, stage), stage, other)
        answer = await send(other.api, request)
        if things_of(row):
            assert answer.status in (403, 404), answer.text
        elif names(request, stage.ids) and row.id not in PASSES_OVER:
            assert 400 <= answer.status < 500, answer.text
        await check_apart(stage, other, before, answer)

    @pytest.mark.parametrize("row", ids(row for row in GUARDED if row.body_model and things_of(row)))
    async def test_our_ids_do_not_join_their_things(self, row: Row, stage: Things, api: Caller) -> None:
        other = await new_things(stage.node, api)
        request = await good_request(row, other)
        ours = of_organization(await good_request(row, stage), stage, other)
        before = await holdings(stage)
        answer = await send(other.api, replace(request, body=ours.body))
        assert answer.status < 500, answer.text
        await check_apart(stage, other, before)


async def check_apart(ours: Things, other: Things, before: dict[str, str], answer: Response | None = None) -> None:
    """Nothing of ours is changed, nor kept by the other organization, nor told to it."""
    assert await holdings(ours) == before
    kept = " ".join((await holdings(other)).values())
    assert [id_ for id_ in ours.ids if id_ in kept] == []
    if answer is not None:
        assert MARK not in answer.text


def names(request: Request, wanted: Iterable[str]) -> bool:
    text = msgspec.json.encode([request.path, request.body, request.options.get("params")]).decode()
    return any(one in text for one in wanted)


def of_organization(request: Request, ours: Things, other: Things) -> Request:
    """The request with the other organization's id instead of ours."""

    def swapped(value: Any) -> Any:
        text = msgspec.json.encode(value).decode()
        return msgspec.json.decode(text.replace(str(ours.organization_id), str(other.organization_id)))

    options = {**request.options, "params": swapped(request.options.get("params"))}
    return Request(request.method, swapped(request.path), swapped(request.body), options)


class TestHostileBodies:
    @pytest.mark.parametrize("row", ids(row for row in API if row.body_model))
    async def test_are_refused_in_our_shapes(self, row: Row, things: Things) -> None:
        request, caller = await good_request(row, things), await sender(row, things)
        headers = {**request.options["headers"], "content-type": "application/json"}
        wrong = []
        for hostile in bodies(request.body):
            answer = await caller.request(
                request.method,
                request.path,
                content=hostile.content,
                headers=headers,
                params=request.options["params"],
            )
            if not has_our_shape(answer) or (hostile.is_no_body and answer.status != 400):
                wrong.append((hostile.name, answer.status, answer.content[:200]))
        assert wrong == []


def has_our_shape(answer: Response) -> bool:
    """Whether a good answer, or a refusal as the identity server words them."""
    if answer.status < 300:
        return True
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.status in (401, 403):
        return answer.content == b"" or kind == "application/problem+json"
    if not 400 <= answer.status < 500:
        return False
    if kind == "application/scim+json":
        return bool(answer.json["status"] == str(answer.status))
    if kind == "application/json":
        result = answer.json.get("result", answer.json)
        return result["succeeded"] is False and bool(result["errors"])
    problem = answer.json
    is_whole = {"type", "title", "status", "traceId"} <= set(problem) and problem["status"] == answer.status
    return is_whole and (answer.status != 400 or bool(problem["errors"]))
