"""Reading what was done in a tenant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podium.kernel.blobs import Blobs
from podium.kernel.odata import page_statement, parse_options
from podium.orchestrator.audit_logs.entity import AUDIT_LOGS
from podium.orchestrator.exports import loops as exports
from podium.orchestrator.scope import IN_TENANT
from tests.builders import ODATA
from tests.conftest import Caller, Node
from tests.given import Things

PATH = "/odata/AuditLogs"
EXPORT = f"{PATH}/{ODATA}.Export"
SECRET = "hidden fern 41 under moss"


def details_of(id_: int) -> str:
    return f"{PATH}/{ODATA}.GetAuditLogDetails(auditLogId={id_})"


async def newest(api: Caller, filter_: str = "") -> dict[str, Any]:
    """The last entry of the tenant."""
    query = f"&$filter={filter_}" if filter_ else ""
    page = await api.get(f"{PATH}?$orderby=Id desc&$top=1{query}")
    found: dict[str, Any] = page["value"][0]
    return found


async def asset(things: Things, name: str = "ApiUrl", **members: object) -> dict[str, Any]:
    body = {"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": "blue", **members}
    made: dict[str, Any] = await things.api.post("/odata/Assets", body, folder=await things.get("folder.Id"))
    return made


class TestList:
    async def test_200_who_did_what(self, api: Caller) -> None:
        things = Things(api)
        made = await asset(things)
        entry = await newest(api)
        assert entry == {
            "ServiceName": "Assets",
            "MethodName": "Post",
            "Parameters": entry["Parameters"],
            "ExecutionTime": entry["ExecutionTime"],
            "Component": "Assets",
            "DisplayName": "ApiUrl",
            "EntityId": made["Id"],
            "OperationText": "User admin created asset ApiUrl",
            "UserName": "admin",
            "UserType": "DirectoryUser",
            "UserId": api.user_id,
            "UserIsDeleted": False,
            "ExternalClientId": None,
            "Action": "Create",
            "Id": entry["Id"],
        }
        assert json.loads(entry["Parameters"])["StringValue"] == "blue"

    async def test_200_oldest_first_unless_asked_otherwise(self, api: Caller) -> None:
        things = Things(api)
        await asset(things)
        ids = [row["Id"] for row in (await api.get(PATH))["value"]]
        assert ids == sorted(ids)
        assert len(ids) > 1
        assert [row["Id"] for row in (await api.get(f"{PATH}?$orderby=Id desc"))["value"]] == ids[::-1]

    async def test_200_pages_follow_each_other_by_id(self, api: Caller) -> None:
        things = Things(api)
        for number in range(5):
            await asset(things, f"A{number}")
        every = [row["Id"] for row in (await api.get(f"{PATH}?$select=Id"))["value"]]
        seen: list[int] = []
        while page := (await api.get(f"{PATH}?$select=Id&$top=2&$filter=Id gt {seen[-1] if seen else 0}"))["value"]:
            seen += [row["Id"] for row in page]
        assert seen == every

    @pytest.mark.parametrize(
        "filter_",
        [
            "Component eq 'Assets'",
            "Component eq 'assets' and Action eq 'Create'",
            "UserName eq 'ADMIN' and DisplayName eq 'ApiUrl'",
            "contains(OperationText,'created asset')",
            "EntityId eq {id}",
            "ExecutionTime ge 2026-01-01T00:00:00Z and Component eq 1",
        ],
    )
    async def test_200_filtered(self, api: Caller, filter_: str) -> None:
        things = Things(api)
        made = await asset(things)
        page = await api.get(f"{PATH}?$filter={filter_.format(id=made['Id'])}")
        assert [row["DisplayName"] for row in page["value"]] == ["ApiUrl"]

    @pytest.mark.parametrize(
        "filter_", ["ExecutionTime lt 2020-01-01T00:00:00Z", "Component eq 'Webhooks'", "Action eq 'Delete'"]
    )
    async def test_200_nothing_of_other_kinds_and_times(self, api: Caller, filter_: str) -> None:
        await asset(Things(api))
        assert (await api.get(f"{PATH}?$filter={filter_}"))["value"] == []

    async def test_400_for_an_unknown_word(self, api: Caller) -> None:
        await api.get(f"{PATH}?$filter=Component eq 'Rockets'", expect=400)
        await api.get(f"{PATH}?$filter=Parameters eq 'x'", expect=400)

    async def test_200_counted_only_when_asked(self, api: Caller) -> None:
        await asset(Things(api))
        assert "@odata.count" not in await api.get(f"{PATH}?$top=1")
        assert (await api.get(f"{PATH}?$top=1&$count=true"))["@odata.count"] >= 2

    async def test_200_entities_on_demand(self, api: Caller) -> None:
        made = await asset(Things(api))
        assert "Entities" not in await newest(api)
        page = await api.get(f"{PATH}?$expand=Entities&$orderby=Id desc&$top=1")
        (entity,) = page["value"][0]["Entities"]
        assert (entity["EntityId"], entity["EntityName"], entity["Action"]) == (made["Id"], "ApiUrl", "Create")
        assert entity["AuditLogId"] == page["value"][0]["Id"]

    async def test_200_an_application_by_its_id(self, api: Caller) -> None:
        token = await api.node.application_token(["OR.Folders"])
        await api.bearer(token).post("/odata/Folders", {"DisplayName": "Made by a program"}, expect=201)
        entry = await newest(api)
        assert entry["ExternalClientId"]
        assert entry["OperationText"].startswith("Application ")

    async def test_200_a_word_that_is_not_published_is_unknown(self, api: Caller) -> None:
        await Things(api).get("attachment")
        entries = (await api.get(PATH))["value"]
        assert "Unknown" in {row["Component"] for row in entries}
        assert (await api.get(f"{PATH}?$filter=Component eq 'Unknown'"))["value"]

    async def test_200_nothing_of_another_tenant(self, api: Caller) -> None:
        other = await api.tenant("other")
        await asset(Things(other), "Theirs")
        await asset(Things(api), "Ours")
        names = {row["DisplayName"] for row in (await api.get(PATH))["value"]}
        assert "Ours" in names
        assert "Theirs" not in names

    async def test_403_without_the_permission(self, api: Caller) -> None:
        await (await api.as_role("Automation User")).get(PATH, expect=403)
        await (await api.as_role("Tenant Administrator")).get(PATH, expect=200)


class TestDetails:
    async def test_200_new(self, api: Caller) -> None:
        made = await asset(Things(api))
        page = await api.get(details_of((await newest(api))["Id"]))
        (entity,) = page["value"]
        data = json.loads(entity["CustomData"])
        assert (entity["EntityId"], data["Old"], data["New"]["Name"]) == (made["Id"], None, "ApiUrl")

    async def test_200_old_and_new(self, api: Caller) -> None:
        things = Things(api)
        made = await asset(things)
        body = {"Name": "ApiUrl", "ValueScope": "Global", "ValueType": "Text", "StringValue": "green"}
        await api.put(f"/odata/Assets({made['Id']})", body, folder=await things.get("folder.Id"))
        (entity,) = (await api.get(details_of((await newest(api))["Id"])))["value"]
        data = json.loads(entity["CustomData"])
        assert (data["Old"]["StringValue"], data["New"]["StringValue"]) == ("blue", "green")

    async def test_200_what_was_deleted(self, api: Caller) -> None:
        things = Things(api)
        made = await asset(things)
        await api.delete(f"/odata/Assets({made['Id']})", folder=await things.get("folder.Id"))
        entry = await newest(api)
        (entity,) = (await api.get(details_of(entry["Id"])))["value"]
        data = json.loads(entity["CustomData"])
        assert (entry["Action"], data["Old"]["StringValue"], data["New"]) == ("Delete", "blue", None)

    @pytest.mark.parametrize("thing", ["folder", "machine", "process", "robot"])
    async def test_200_old_of_every_kind_that_has_a_key(self, api: Caller, thing: str) -> None:
        things = Things(api)
        made = await things.get(thing)
        sets = {"folder": "Folders", "machine": "Machines", "process": "Releases", "robot": "Robots"}
        folder = await things.get("folder.Id")
        method = "PUT" if thing == "folder" else "PATCH"
        body = {"DisplayName": "Else"} if thing == "folder" else {"Description": "Else"}
        await api.request(method, f"/odata/{sets[thing]}({made['Id']})", body, folder=folder)
        (entity,) = (await api.get(details_of((await newest(api))["Id"])))["value"]
        assert json.loads(entity["CustomData"])["Old"]["Id"] == made["Id"]

    async def test_200_several_things_of_one_call(self, api: Caller) -> None:
        things = Things(api)
        machines = [(await things.given.machine())["Id"] for _ in range(3)]
        await api.post(f"/odata/Machines/{ODATA}.DeleteBulk", {"machineIds": machines})
        entry = await newest(api)
        rows = (await api.get(details_of(entry["Id"])))["value"]
        assert sorted(row["EntityId"] for row in rows) == sorted(machines)
        assert entry["EntityId"] in machines

    async def test_no_secret_is_in_any_of_it(self, api: Caller) -> None:
        things = Things(api)
        secret = {"ValueType": "Credential", "CredentialUsername": "ana", "CredentialPassword": SECRET}
        made = await asset(things, **secret)
        body = {"Name": "ApiUrl", "ValueScope": "Global", **secret}
        await api.put(f"/odata/Assets({made['Id']})", body, folder=await things.get("folder.Id"))
        entry = await newest(api)
        text = json.dumps([await api.get(details_of(entry["Id"])), await api.get(PATH)])
        assert SECRET not in text
        assert json.loads(entry["Parameters"])["CredentialPassword"] == "***"
        assert json.loads(entry["Parameters"])["CredentialUsername"] == "ana"

    async def test_404_for_an_entry_of_another_tenant(self, api: Caller) -> None:
        other = await api.tenant("other")
        await asset(Things(other))
        id_ = (await newest(other))["Id"]
        await other.get(details_of(id_), expect=200)
        assert (await api.get(details_of(id_), expect=404))["errorCode"] == 1002

    async def test_a_refused_call_leaves_nothing(self, api: Caller) -> None:
        things = Things(api)
        await asset(things)
        before = await newest(api)
        await api.post(
            "/odata/Assets",
            {"Name": "ApiUrl", "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"},
            folder=await things.get("folder.Id"),
            expect=409,
        )
        assert await newest(api) == before


async def exported(api: Caller, query: str = "") -> str:
    asked = await api.post(f"{EXPORT}{query}", expect=200)
    assert (asked["Status"], asked["Type"]) in (("New", "OrchestratorAudit"), ("New", "TestAutomationAudit"))
    for loop in exports.loops(api.node.port(Blobs)):
        await api.node.run_turn(loop.turn)
    shown = await api.get(f"/odata/Exports({asked['Id']})")
    assert shown["Status"] == "Completed"
    link = await api.get(f"/odata/Exports({asked['Id']})/{ODATA}.GetDownloadLink")
    answer = await api.node.http.get(link["Uri"])
    assert answer.status_code == 200
    return answer.content.decode("utf-8-sig")


class TestExport:
    async def test_200_a_file_to_download(self, api: Caller) -> None:
        await asset(Things(api))
        lines = (await exported(api)).splitlines()
        assert lines[0].startswith("Id,Time,Component,Action,User,")
        assert any("User admin created asset ApiUrl" in line for line in lines[1:])

    async def test_200_of_what_the_filter_lets_through(self, api: Caller) -> None:
        things = Things(api)
        for number in range(3):
            await asset(things, f"A{number}")
        lines = (await exported(api, "?$filter=Component eq 'Assets'&$top=2")).splitlines()
        assert len(lines) == 3

    async def test_200_more_than_a_page(self, api: Caller) -> None:
        await Things(api).get("folder")
        await api.node.rows(
            "INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, actor_kind, actor_name, trace_id)"
            " SELECT $1, $2, 'Assets_Post', 'Assets', 'Create', 'user', 'ana', 't' FROM generate_series(1, 450)",
            api.tenant_id,
            api.node.clock(),
        )
        lines = (await exported(api)).splitlines()
        ids = [int(line.split(",")[0]) for line in lines[1:]]
        assert ids == sorted(set(ids))
        assert len(ids) > 450

    async def test_200_of_tests_only(self, api: Caller) -> None:
        await asset(Things(api))
        assert len((await exported(api, "?auditedService=TestAutomation")).splitlines()) == 1

    async def test_404_for_another_user(self, api: Caller) -> None:
        asked = await api.post(EXPORT)
        other = await api.as_role("Administrator")
        await other.get(f"/odata/Exports({asked['Id']})", expect=404)
        await other.get(f"/odata/Exports({asked['Id']})/{ODATA}.GetDownloadLink", expect=404)

    async def test_403_for_a_scope_that_only_reads(self, api: Caller) -> None:
        reader = api.with_scopes("OR.Audit.Read")
        await reader.get(PATH, expect=200)
        await reader.post(EXPORT, expect=403)

    async def test_400_for_options_that_the_list_refuses(self, api: Caller) -> None:
        await api.post(f"{EXPORT}?$filter=Nothing eq 1", expect=400)


class TestPlans:
    """A page never reads everything: its plan goes by an index of the tenant."""

    @pytest.mark.parametrize(
        "query",
        [
            {"$orderby": "Id desc", "$top": "100"},
            {"$top": "100"},
            {"$orderby": "Id desc", "$top": "100", "$filter": "Component eq 'Webhooks'"},
            {"$orderby": "Id desc", "$top": "100", "$filter": "UserId eq 7"},
            {
                "$top": "100",
                "$filter": "ExecutionTime ge 2026-03-01T00:00:00Z and ExecutionTime lt 2026-03-02T00:00:00Z",
            },
            {"$top": "1", "$filter": "Id eq 77"},
        ],
    )
    async def test_no_sequential_scan(self, api: Caller, query: dict[str, str]) -> None:
        await api
        await fill(api.node)
        statement = page_statement(AUDIT_LOGS, parse_options(query), IN_TENANT, [api.tenant_id], counted=False)
        plan = "\n".join(row[0] for row in await api.node.rows(f"EXPLAIN {statement.sql}", *statement.args))
        assert "Seq Scan on audit_other" not in plan, plan  # the other months are empty


_FILLED: set[int] = set()


async def fill(node: Node) -> None:
    """A trail of some size, of twenty tenants; once per node."""
    if id(node) in _FILLED:
        return
    _FILLED.add(id(node))
    await node.rows(
        "INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, user_id, actor_kind, actor_name,"
        " trace_id) SELECT 100000 + n % 20, $1::timestamptz - n * interval '1 minute', 'Assets_Post',"
        " (ARRAY['Assets', 'Jobs', 'Queues'])[1 + n % 3], 'Create', n % 100, 'user', 'ana', 't'"
        " FROM generate_series(1, 20000) n",
        node.clock(),
    )
    await node.rows("ANALYZE kernel.audit")
