"""Queue definitions: made, read, replaced, deleted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from podium.orchestrator.queues import actions

ODATA = "UiPath.Server.Configuration.OData"
QUEUES = "/odata/QueueDefinitions"
CREATE, EDIT = f"{QUEUES}/{ODATA}.CreateQueue", f"{QUEUES}/{ODATA}.EditQueue"
ACROSS = f"{QUEUES}/{ODATA}.GetQueuesAcrossFolders"
UNKNOWN = 999_999_999
SCHEMA = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["Amount"]})


def one(queue: Any) -> str:
    return f"{QUEUES}({queue['Id']})"


async def revision(api: Any, queue: Any) -> int:
    rows = await api.node.rows(
        "SELECT revision FROM orchestrator.queues WHERE tenant_id = $1 AND id = $2", api.tenant_id, queue["Id"]
    )
    return int(rows[0]["revision"])


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def queue(api: Any, folder: Any) -> Any:
    return await api.post(QUEUES, {"Name": "Invoices"}, folder=folder)


class TestCreateQueue:
    async def test_201_has_the_defaults(self, api: Any, folder: Any) -> None:
        made = await api.post(QUEUES, {"Name": " Invoices "}, folder=folder, expect=201)
        assert (made["Name"], made["Description"], made["Key"] is None) == ("Invoices", None, False)
        assert (made["MaxNumberOfRetries"], made["AcceptAutomaticallyRetry"]) == (0, False)
        assert (made["EnforceUniqueReference"], made["Encrypted"], made["RetryAbandonedItems"]) == (False, False, False)
        assert (made["SlaInMinutes"], made["RiskSlaInMinutes"], made["ReleaseId"]) == (0, 0, None)
        assert (made["ProcessScheduleId"], made["FoldersCount"], made["Tags"]) == (None, 1, [])
        assert (made["OrganizationUnitId"], made["OrganizationUnitFullyQualifiedName"]) == (folder["Id"], "Home")
        assert made["IsProcessInCurrentFolder"] is False

    async def test_201_with_everything(self, api: Any, given: Any, folder: Any) -> None:
        process = await given.process(folder=folder)
        body = {
            "Name": "Invoices",
            "Description": "to pay",
            "MaxNumberOfRetries": 3,
            "AcceptAutomaticallyRetry": True,
            "RetryAbandonedItems": True,
            "EnforceUniqueReference": True,
            "Encrypted": True,
            "SpecificDataJsonSchema": SCHEMA,
            "OutputDataJsonSchema": "{}",
            "AnalyticsDataJsonSchema": SCHEMA,
            "SlaInMinutes": 60,
            "RiskSlaInMinutes": 30,
            "ReleaseId": process["Id"],
        }
        ignored = {"FoldersCount": 7, "IsProcessInCurrentFolder": False, "ProcessScheduleId": 5, "Unknown": 1}
        made = await api.post(CREATE, {**body, **ignored, "Tags": [{"Name": "a"}]}, folder=folder, expect=201)
        assert {name: made[name] for name in body} == body
        assert (made["IsProcessInCurrentFolder"], made["FoldersCount"], made["ProcessScheduleId"]) == (True, 1, None)
        assert made["Tags"] == [{"Name": "a", "DisplayName": "a", "Value": None, "DisplayValue": None}]
        assert (made["RetentionAction"], made["RetentionPeriod"], made["StaleRetentionAction"]) == (None, None, None)

    async def test_201_says_so_in_audit_and_events(self, api: Any, queue: Any) -> None:
        await api.delete(one(queue), folder=queue["OrganizationUnitId"])
        rows = await api.node.rows("SELECT type FROM kernel.outbox WHERE tenant_id = $1 ORDER BY id", api.tenant_id)
        assert [row["type"] for row in rows if row["type"].startswith("queue.")] == ["queue.created", "queue.deleted"]

    @pytest.mark.parametrize(
        ("members", "code", "said"),
        [
            ({"Name": "  "}, 1856, "Name"),
            ({"Name": None}, 1014, "Name"),
            ({"Name": "a\nb"}, 1856, "Name"),
            ({"Name": "x" * 51}, 1015, "Name"),
            ({"Description": "x" * 251}, 1015, "Description"),
            ({"MaxNumberOfRetries": 51}, 1015, "MaxNumberOfRetries"),
            ({"SlaInMinutes": -1}, 1015, "SlaInMinutes"),
            ({"SlaInMinutes": 2**31}, 1015, "SlaInMinutes"),
            ({"SlaInMinutes": 10, "RiskSlaInMinutes": 10}, 1009, "RiskSlaInMinutes"),
            ({"RiskSlaInMinutes": 1}, 1009, "RiskSlaInMinutes"),
            ({"SpecificDataJsonSchema": "[]"}, 1009, "SpecificDataJsonSchema"),
            ({"SpecificDataJsonSchema": "{"}, 1009, "SpecificDataJsonSchema"),
            ({"OutputDataJsonSchema": '{"type": "strin"}'}, 1009, "OutputDataJsonSchema"),
            ({"AnalyticsDataJsonSchema": '{"$ref": "http://127.0.0.1/x"}'}, 1009, "AnalyticsDataJsonSchema"),
            ({"ReleaseId": UNKNOWN}, 1009, "ReleaseId"),
            ({"Tags": [{"Value": "x"}]}, 1014, "Tags"),
            ({"RetentionAction": "Delete", "RetentionPeriod": 0}, 1009, "RetentionPeriod"),
            ({"StaleRetentionPeriod": 181}, 1009, "StaleRetentionPeriod"),
            ({"RetentionAction": "Archive", "RetentionPeriod": 5}, 1009, "RetentionBucketId"),
            ({"RetentionAction": "Archive", "RetentionBucketId": UNKNOWN}, 1009, "BucketId"),
            ({"RetentionAction": "Burn"}, 1015, "RetentionAction"),
        ],
    )
    async def test_400_names_the_member(self, api: Any, folder: Any, members: Any, code: int, said: str) -> None:
        answer = await api.request("POST", CREATE, {"Name": "Invoices", **members}, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (400, code), answer.text
        assert said in answer.json["message"]
        assert (await api.get(QUEUES, folder=folder))["value"] == []

    async def test_400_for_a_process_that_the_caller_does_not_see(self, api: Any, given: Any, folder: Any) -> None:
        elsewhere = await given.process(folder=await given.folder("Elsewhere"))
        user = api.as_role("Folder Administrator", folder=folder)
        body = {"Name": "Invoices", "ReleaseId": elsewhere["Id"]}
        assert (await user.request("POST", QUEUES, body, folder=folder)).status == 400
        made = await api.post(QUEUES, body, folder=folder)
        assert (made["ReleaseId"], made["IsProcessInCurrentFolder"]) == (elsewhere["Id"], False)
        # What was set by others and is sent back unchanged is no choice of the caller's.
        await user.put(one(made), {**body, "Description": "x"}, folder=folder, expect=200)

    async def test_409_a_name_that_is_used_there(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        answer = await api.request("POST", QUEUES, {"Name": "iNVOICES"}, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)
        assert answer.json["message"] == "The name iNVOICES is already used."
        await api.post(QUEUES, {"Name": "Invoices"}, folder=await given.folder("Other"), expect=201)

    async def test_409_when_two_make_it_at_once(self, api: Any, folder: Any) -> None:
        calls = [api.request("POST", QUEUES, {"Name": "Twice"}, folder=folder) for _ in range(4)]
        answers = await asyncio.gather(*calls)
        assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
        assert {answer.json["errorCode"] for answer in answers if answer.status == 409} == {1001}

    async def test_400_without_a_folder_403_without_the_right(self, api: Any, folder: Any) -> None:
        answer = await api.request("POST", QUEUES, {"Name": "A"})
        assert (answer.status, answer.json["errorCode"]) == (400, 1101)
        user = api.as_role("Automation User", folder=folder)
        assert (await user.request("POST", CREATE, {"Name": "A"}, folder=folder)).status == 403


class TestReadQueue:
    async def test_200_by_id_by_key_and_with_retention(self, api: Any, folder: Any, queue: Any) -> None:
        read = await api.get(one(queue), folder=folder)
        assert read["Name"] == "Invoices"
        assert "RetentionAction" not in read
        by_key = await api.get(f"{QUEUES}/{ODATA}.GetByKey(identifier={queue['Key']})", folder=folder)
        assert by_key == read
        with_retention = await api.get(f"{QUEUES}/{ODATA}.GetQueue(id={queue['Id']})", folder=folder)
        retention = {name: with_retention.pop(name) for name in list(with_retention) if "Retention" in name}
        assert with_retention == read
        assert len(retention) == 6
        assert set(retention.values()) == {None}

    async def test_404_elsewhere_and_for_others(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        other = await given.folder("Other")
        for path in (one(queue), f"{QUEUES}/{ODATA}.GetByKey(identifier={queue['Key']})", f"{QUEUES}({UNKNOWN})"):
            answer = await api.request("GET", path, folder=other)
            assert (answer.status, answer.json["errorCode"]) == (404, 1002)
        stranger = api.tenant("other")
        await stranger.get(
            one(queue), folder=(await stranger.post("/odata/Folders", {"DisplayName": "Home"})), expect=404
        )


class TestListQueues:
    async def test_200_a_folder_or_all_of_them(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        other = await given.folder("Other")
        await api.post(QUEUES, {"Name": "Orders"}, folder=other)
        add = {"QueueIds": [queue["Id"]], "ToAddFolderIds": [other["Id"]]}
        await api.post(f"{QUEUES}/{ODATA}.ShareToFolders", add, expect=204)
        here = await api.get(QUEUES, folder=folder)
        assert [each["Name"] for each in here["value"]] == ["Invoices"]
        everywhere = await api.get(f"{QUEUES}?$orderby=Name desc")
        assert [each["Name"] for each in everywhere["value"]] == ["Orders", "Invoices"]
        assert everywhere["@odata.count"] == 2
        there = await api.get(QUEUES, folder=other)
        assert {(each["Name"], each["OrganizationUnitId"], each["FoldersCount"]) for each in there["value"]} == {
            ("Invoices", other["Id"], 2),
            ("Orders", other["Id"], 1),
        }

    async def test_200_finds_a_name_in_any_case(self, api: Any, folder: Any, queue: Any) -> None:
        await api.post(QUEUES, {"Name": "Invoices of May"}, folder=folder)
        found = await api.get(f"{QUEUES}?$filter=Name eq 'INVOICES'&$select=Name", folder=folder)
        assert found["value"] == [{"Name": "Invoices"}]

    async def test_only_folders_where_it_may_be_seen(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        other = await given.folder("Other")
        await api.post(QUEUES, {"Name": "Orders"}, folder=other)
        user = api.as_role("Automation User", folder=folder)
        assert [each["Name"] for each in (await user.get(QUEUES))["value"]] == ["Invoices"]
        assert (await user.request("GET", QUEUES, folder=other)).json["errorCode"] == 1100
        nobody = api.as_role(folder=folder)
        assert (await nobody.request("GET", QUEUES)).status == 403
        assert (await nobody.get(ACROSS))["value"] == []

    async def test_200_across_folders_but_one(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        other = await given.folder("Other")
        await api.post(QUEUES, {"Name": "Orders"}, folder=other)
        assert len((await api.get(ACROSS))["value"]) == 2
        rest = await api.get(f"{ACROSS}?excludeFolderId={folder['Id']}")
        assert [each["Name"] for each in rest["value"]] == ["Orders"]


class TestReplaceQueue:
    async def test_200_clears_what_is_left_out(self, api: Any, folder: Any) -> None:
        full = {"Name": "A", "Description": "x", "SpecificDataJsonSchema": SCHEMA, "MaxNumberOfRetries": 3}
        kept = {"EnforceUniqueReference": True, "RetryAbandonedItems": True, "Tags": [{"Name": "a"}]}
        made = await api.post(QUEUES, {**full, **kept}, folder=folder)
        shown = await api.put(one(made), {"Name": "B", "SpecificDataJsonSchema": None}, folder=folder, expect=200)
        assert (shown["Name"], shown["Description"], shown["MaxNumberOfRetries"]) == ("B", None, 0)
        assert shown["SpecificDataJsonSchema"] is None
        assert (shown["EnforceUniqueReference"], shown["RetryAbandonedItems"], len(shown["Tags"])) == (True, True, 1)
        assert await api.get(one(made), folder=folder) == shown

    async def test_the_revision_tells_of_every_change(self, api: Any, folder: Any, queue: Any) -> None:
        assert await revision(api, queue) == 1
        await api.put(one(queue), {"Name": "Invoices"}, folder=folder)
        await api.post(EDIT, {"Id": queue["Id"], "Name": "Bills"}, folder=folder)
        assert await revision(api, queue) == 3

    async def test_others_find_it_by_its_new_name(self, api: Any, folder: Any, queue: Any) -> None:
        await api.put(one(queue), {"Name": "Bills", "MaxNumberOfRetries": 2}, folder=folder)
        async with api.node.db.acquire() as db:
            found = await actions.definition(db, api.tenant_id, folder["Id"], "bILLS ")
            assert await actions.definition(db, api.tenant_id, folder["Id"], "Invoices") is None
            by_id = await actions.definitions(db, api.tenant_id, [queue["Id"], UNKNOWN])
        assert found is not None
        assert (found.id, found.name, found.max_retries, found.revision) == (queue["Id"], "Bills", 2, 2)
        assert by_id == {queue["Id"]: found}

    @pytest.mark.parametrize("member", ["EnforceUniqueReference", "Encrypted"])
    async def test_409_for_what_is_settled(self, api: Any, folder: Any, queue: Any, member: str) -> None:
        for path, send in ((one(queue), api.request), (EDIT, api.request)):
            method = "POST" if path == EDIT else "PUT"
            answer = await send(method, path, {"Id": queue["Id"], "Name": "Other", member: True}, folder=folder)
            assert (answer.status, answer.json["errorCode"]) == (409, 1852)
            assert member in answer.json["message"]
        assert (await api.get(one(queue), folder=folder))["Name"] == "Invoices"

    async def test_409_a_name_that_is_used_in_one_of_its_folders(
        self, api: Any, given: Any, folder: Any, queue: Any
    ) -> None:
        other = await given.folder("Other")
        add = {"QueueIds": [queue["Id"]], "ToAddFolderIds": [other["Id"]]}
        await api.post(f"{QUEUES}/{ODATA}.ShareToFolders", add)
        await api.post(QUEUES, {"Name": "Orders"}, folder=other)
        answer = await api.request("PUT", one(queue), {"Name": "orders"}, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)
        await api.put(one(queue), {"Name": "INVOICES"}, folder=folder, expect=200)

    async def test_400_edit_without_an_id_404_for_another_folder(
        self, api: Any, given: Any, folder: Any, queue: Any
    ) -> None:
        await api.post(EDIT, {"Name": "A"}, folder=folder, expect=400)
        await api.post(EDIT, {"Id": queue["Id"], "Name": "A"}, folder=await given.folder("Other"), expect=404)

    async def test_edit_keeps_the_retention_that_it_does_not_speak_of(self, api: Any, folder: Any) -> None:
        body = {"Name": "A", "RetentionAction": "Delete", "StaleRetentionAction": "None", "StaleRetentionPeriod": 90}
        made = await api.post(CREATE, body, folder=folder)
        assert (made["RetentionPeriod"], made["StaleRetentionAction"], made["StaleRetentionPeriod"]) == (30, "None", 90)
        await api.post(EDIT, {"Id": made["Id"], "Name": "A", "RetentionPeriod": 7}, folder=folder, expect=200)
        shown = await api.get(f"{QUEUES}/{ODATA}.GetQueue(id={made['Id']})", folder=folder)
        assert (shown["RetentionAction"], shown["RetentionPeriod"], shown["StaleRetentionPeriod"]) == ("Delete", 7, 90)


class TestDeleteQueue:
    async def test_204_from_every_folder(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        other = await given.folder("Other")
        add = {"QueueIds": [queue["Id"]], "ToAddFolderIds": [other["Id"]]}
        await api.post(f"{QUEUES}/{ODATA}.ShareToFolders", add)
        await api.put(f"/odata/QueueRetention({queue['Id']})", {"Action": "Delete", "Period": 5}, folder=folder)
        await api.delete(one(queue), folder=folder, expect=204)
        for place in (folder, other):
            assert (await api.get(QUEUES, folder=place))["value"] == []
        await api.delete(one(queue), folder=folder, expect=404)
        await api.post(QUEUES, {"Name": "Invoices"}, folder=folder, expect=201)

    async def test_403_with_the_right_to_look_only(self, api: Any, folder: Any, queue: Any) -> None:
        user = api.as_role("Automation User", folder=folder)
        assert (await user.request("DELETE", one(queue), folder=folder)).status == 403
        await api.get(one(queue), folder=folder)


class TestReadSchema:
    @pytest.mark.parametrize("type_", ["SpecificData", "outputdata", "AnalyticsData"])
    async def test_200_a_file(self, api: Any, folder: Any, type_: str) -> None:
        schemas = {f"{name}JsonSchema": json.dumps({"title": name}) for name in ("SpecificData", "OutputData")}
        made = await api.post(QUEUES, {"Name": "A", "AnalyticsDataJsonSchema": SCHEMA, **schemas}, folder=folder)
        path = f"{one(made)}/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='{type_}')"
        answer = await api.request("GET", path, folder=folder)
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert ".json" in answer.headers["content-disposition"]
        expected = {"specificdata": schemas["SpecificDataJsonSchema"], "outputdata": schemas["OutputDataJsonSchema"]}
        assert answer.text == expected.get(type_.lower(), SCHEMA)

    async def test_404_without_one_400_for_another_type(self, api: Any, folder: Any, queue: Any) -> None:
        path = f"{one(queue)}/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='%s')"
        await api.get(path % "SpecificData", folder=folder, expect=404)
        await api.get(path % "Other", folder=folder, expect=400)


class TestWhatDependsOnQueues:
    async def test_409_a_process_of_a_queue_stays(self, api: Any, given: Any, folder: Any) -> None:
        process = await given.process(folder=folder)
        made = await api.post(QUEUES, {"Name": "Invoices", "ReleaseId": process["Id"]}, folder=folder)
        for method, path in (
            ("DELETE", f"/odata/Releases({process['Id']})"),
            ("DELETE", f"/api/Releases/DeleteByKey?key={process['Key']}"),
        ):
            answer = await api.request(method, path, folder=folder)
            assert (answer.status, answer.json["errorCode"]) == (409, 1012)
            assert "Invoices" in answer.json["message"]
        await api.put(one(made), {"Name": "Invoices"}, folder=folder)
        await api.delete(f"/odata/Releases({process['Id']})", folder=folder, expect=204)

    async def test_400_a_folder_with_queues_stays(self, api: Any, folder: Any, queue: Any) -> None:
        answer = await api.request("DELETE", f"/odata/Folders({folder['Id']})")
        assert (answer.status, answer.json["errorCode"]) == (400, 1012)
        assert "Queues" in answer.json["message"]
        await api.delete(one(queue), folder=folder)
        await api.delete(f"/odata/Folders({folder['Id']})", expect=204)
