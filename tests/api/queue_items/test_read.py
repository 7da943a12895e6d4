"""Items listed and read."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from podium.kernel.odata import page_statement, parse_options
from podium.orchestrator.access import actions as access
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.queue_items.entity import QUEUE_ITEMS_ACROSS

from .stored import ITEMS, ODATA, SVC, UNKNOWN, Stored

Json = dict[str, Any]


async def ids(api: Any, filter_: str, folder: Any) -> list[int]:
    page = await api.get(ITEMS, folder=folder, params={"$filter": filter_})
    return [item["Id"] for item in page["value"]]


class TestReadItem:
    async def test_200_with_every_member(self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any) -> None:
        content = {"Customer": "Ärö", "Amount": 12.5, "Paid": True, "Note": None}
        id_ = await stored.item(
            queue, content, reference="A-1", progress="half", output={"Total": 3}, state="Successful"
        )
        item = await stored.shown(id_, folder)
        assert item["SpecificContent"] == content
        assert json.loads(item["SpecificData"]) == {"DynamicProperties": content}
        assert item["Output"] == {"Total": 3}
        assert json.loads(item["OutputData"]) == {"DynamicProperties": {"Total": 3}}
        assert (item["Analytics"], item["AnalyticsData"]) == (None, None)
        assert (item["Status"], item["Priority"], item["ReviewStatus"]) == ("Successful", "Normal", "None")
        assert (item["Reference"], item["Progress"], item["Encrypted"]) == ("A-1", "half", False)
        assert (item["DueDate"], item["DeferDate"]) == (None, None)
        assert (item["QueueDefinitionId"], item["OrganizationUnitId"]) == (queue["Id"], folder["Id"])
        assert item["OrganizationUnitFullyQualifiedName"] == "Home"
        assert item["CreationTime"] == clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert base64.b64decode(item["RowVersion"]) == (1).to_bytes(8)
        assert (item["Robot"], item["ReviewerUser"], item["QueueDefinition"]) == (None, None, None)

    async def test_200_with_the_opened_parts_of_an_encrypted_queue(self, api: Any, stored: Stored, folder: Any) -> None:
        queue = await stored.queue(folder, "Hidden", Encrypted=True)
        id_ = await stored.item(queue, {"Pin": "4711", "Big": 2**70}, output={"Deep": {"x": 1}}, state="Successful")
        item = await stored.shown(id_, folder)
        assert item["Encrypted"] is True
        assert item["SpecificContent"] == {"Pin": "4711", "Big": 2**70}
        assert json.loads(item["SpecificData"]) == {"DynamicProperties": {"Pin": "4711", "Big": 2**70}}
        assert (item["Output"], item["Analytics"]) == ({"Deep": {"x": 1}}, None)
        in_clear = await api.node.rows("SELECT 1 FROM orchestrator.queue_item_contents WHERE item_id = $1", id_)
        assert in_clear == []

    async def test_200_with_robot_reviewer_queue_and_job(
        self, api: Any, stored: Stored, queue: Json, folder: Any, given: Any
    ) -> None:
        id_ = await stored.item(queue)
        robot = await api.post(
            "/odata/Robots",
            {"Name": "R1", "Type": "Unattended", "HostingType": "Floating", "Username": "acme\\r1"},
        )
        job = await given.job(folder=folder)
        await api.node.rows(
            "UPDATE orchestrator.queue_items SET robot_id = $2, reviewer_id = $3, job_key = $4 WHERE id = $1",
            id_,
            robot["Id"],
            api.user_id,
            job["Key"],
        )
        expand = {"$expand": "Robot,ReviewerUser,QueueDefinition,Job"}
        item = await api.get(f"{ITEMS}({id_})", folder=folder, params=expand)
        assert item["Robot"]["Name"] == "R1"
        assert item["ReviewerUser"]["UserName"] == "admin"
        assert item["QueueDefinition"]["Name"] == "Orders"
        assert (item["Job"]["Id"], item["ExecutorJobKey"]) == (job["Id"], job["Key"])
        assert "InputArguments" not in item["Job"]

    async def test_404_for_an_item_of_another_folder(self, api: Any, stored: Stored, queue: Json, given: Any) -> None:
        id_ = await stored.item(queue)
        refusal = await api.get(f"{ITEMS}({id_})", folder=await given.folder("Elsewhere"), expect=404)
        assert (refusal["errorCode"], refusal["message"]) == (1002, "QueueItem does not exist.")

    async def test_404_for_an_item_of_a_queue_that_is_gone(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue)
        await api.node.rows("DELETE FROM orchestrator.queues WHERE id = $1", queue["Id"])
        await api.get(f"{ITEMS}({id_})", folder=folder, expect=404)


class TestListItems:
    async def test_200_in_the_order_of_ids_without_a_count(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        made = [await stored.item(queue) for _ in range(3)]
        page = await api.get(f"{ITEMS}?$top=2", folder=folder)
        assert [item["Id"] for item in page["value"]] == made[:2]
        assert "@odata.count" not in page
        counted = await api.get(f"{ITEMS}?$top=2&$count=true", folder=folder)
        assert counted["@odata.count"] == 3
        assert counted["@odata.context"].endswith("/odata/$metadata#QueueItems")

    async def test_200_across_folders_with_an_item_once_per_folder_that_shows_its_queue(
        self, api: Any, stored: Stored, folder: Any, given: Any
    ) -> None:
        queue = await stored.queue(folder)
        folders = [folder, await given.folder("Second"), await given.folder("Third")]
        share = {"QueueIds": [queue["Id"]], "ToAddFolderIds": [each["Id"] for each in folders[1:]]}
        await api.post(f"/odata/QueueDefinitions/{ODATA}.ShareToFolders", share)
        made = [await stored.item(queue) for _ in range(2)]
        page = await api.get(f"{ITEMS}?$count=true")
        assert page["@odata.count"] == 6
        shown = [(item["Id"], item["OrganizationUnitId"]) for item in page["value"]]
        assert sorted(shown) == sorted((id_, each["Id"]) for id_ in made for each in folders)
        walked = []
        for skip in range(6):
            one = await api.get(f"{ITEMS}?$orderby=CreationTime desc&$top=1&$skip={skip}")
            walked += [(item["Id"], item["OrganizationUnitId"]) for item in one["value"]]
        assert sorted(walked) == sorted(shown)
        here = await api.get(ITEMS, folder=folders[2])
        assert {item["OrganizationUnitFullyQualifiedName"] for item in here["value"]} == {"Third"}

    async def test_200_across_folders_in_the_order_of_ids(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        made = [await stored.item(queue) for _ in range(3)]
        later = (
            "UPDATE orchestrator.queue_items SET created_at = created_at - id * interval '1 hour' WHERE tenant_id = $1"
        )
        await api.node.rows(later, api.tenant_id)
        assert [item["Id"] for item in (await api.get(ITEMS))["value"]] == made

    @pytest.mark.parametrize("order", ["", "CreationTime desc", "Id desc"])
    def test_pages_across_folders_part_the_rows_of_one_item(self, order: str) -> None:
        options = parse_options({"$orderby": order} if order else {})
        sql = page_statement(QUEUE_ITEMS_ACROSS, options, "true", []).sql
        (terms,) = re.findall(r"ORDER BY ([^()]*\([^()]*\)[^()]*?) LIMIT", sql)
        assert "t.id || '/' || t.folder_id" in terms

    async def test_200_across_folders_leaves_out_those_without_both_permissions(
        self, api: Any, stored: Stored, folder: Any, given: Any
    ) -> None:
        await stored.item(await stored.queue(folder))
        other = await given.folder("Other")
        await stored.item(await stored.queue(other, "There"))
        body = {"Name": "Half", "Type": "Folder", "Permissions": [{"Name": "Queues.View", "IsGranted": True}]}
        await api.post("/odata/Roles", body)
        reader = await api.as_role("Automation User", folder=other)
        async with api.node.db.transaction() as db:
            await access.join_folder(db, api.tenant_id, folder["Id"], reader.user_id, ["Half"], api.node.clock())
        api.node.port(AccessResolver).forget()
        assert len((await reader.get("/odata/QueueDefinitions"))["value"]) == 2
        page = await reader.get(ITEMS)
        assert {item["OrganizationUnitId"] for item in page["value"]} == {other["Id"]}

    async def test_200_narrowed_to_folders_with_further_permissions(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        await stored.item(queue)
        reader = await api.as_role("Automation User", folder=folder)
        assert len((await reader.get(ITEMS))["value"]) == 1
        wanted = {"mandatoryPermissions": "Queues.Delete"}
        assert (await reader.get(ITEMS, params=wanted))["value"] == []
        one_of = {"atLeastOnePermissions": ["Queues.Delete", "Queues.View"]}
        assert len((await reader.get(ITEMS, params=one_of))["value"]) == 1

    async def test_200_with_the_opened_parts_of_encrypted_and_plain_queues(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        hidden = await stored.queue(folder, "Hidden", Encrypted=True)
        await stored.item(hidden, {"n": 1})
        await stored.item(queue, {"n": 2})
        await stored.item(hidden)
        page = await api.get(f"{ITEMS}?$select=SpecificContent,SpecificData", folder=folder)
        assert [item["SpecificContent"] for item in page["value"]] == [{"n": 1}, {"n": 2}, None]
        assert page["value"][0]["SpecificData"] == '{"DynamicProperties":{"n": 1}}'
        assert page["value"][2]["SpecificData"] is None

    async def test_200_when_a_plain_item_tells_what_a_sealed_one_looks_like(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        hidden = await stored.queue(folder, "Hidden", Encrypted=True)
        secret = await stored.item(hidden, {"Pin": "4711"})
        await stored.item(queue, {"SpecificContent": secret, "Output": str(secret)}, output={"SpecificData": secret})
        page = await api.get(ITEMS, folder=folder, params={"$filter": f"QueueDefinitionId eq {queue['Id']}"})
        assert page["value"][0]["SpecificContent"] == {"SpecificContent": secret, "Output": str(secret)}
        assert page["value"][0]["Output"] == {"SpecificData": secret}

    async def test_200_filtered_by_what_clients_filter_by(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        key = uuid4()
        other = await stored.queue(folder, "Other")
        soon = clock.now + timedelta(hours=1)
        first = await stored.item(queue, reference="DE-1", due_at=soon, priority=0)
        second = await stored.item(queue, state="Failed", key=key, exception_type="BusinessException")
        third = await stored.item(other, {"Customer": "Acme"}, state="Successful", reference="de-2")
        everything = [first, second, third]
        for filter_, expected in (
            ("status eq 'New'", [first]),
            ("Status eq '2'", [second]),
            ("Status in ('Failed','Successful')", [second, third]),
            (f"(Id in ({first},{third}))", [first, third]),
            (f"Key eq {key}", [second]),
            ("Reference eq 'dE-1'", [first]),
            ("Reference in ('DE-2','x')", [third]),
            ("Reference ne 'DE-1'", [second, third]),
            ("endswith(tolower(Reference),'-1')", [first]),
            ("startswith(Reference,'DE-')", [first, third]),
            ("contains(Reference,'-2')", [third]),
            ("Priority eq 'High'", [first]),
            ("DueDate ne null", [first]),
            (f"DueDate lt {(soon + timedelta(minutes=1)).isoformat().replace('+00:00', 'Z')}", [first]),
            ("QueueDefinition/Name eq 'other'", [third]),
            (f"QueueDefinitionId eq {queue['Id']} and ReviewStatus eq 'None'", [first, second]),
            ("ProcessingExceptionType eq 'BusinessException'", [second]),
            ("contains(SpecificData,'acme')", [third]),
            ("Robot/Id eq 123L", []),
            ("RetryNumber eq 0", everything),
        ):
            assert await ids(api, filter_, folder) == expected, filter_

    async def test_200_filtered_by_a_reference_however_it_is_written(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue, reference="Straße Å1")
        for written in ("STRASSE \u00c51", "straße a\u030a1", "Straße Å1"):
            assert await ids(api, f"Reference eq '{written}'", folder) == [id_]
            assert await ids(api, f"startswith(Reference,'{written[:7]}')", folder) == [id_]

    async def test_200_sorted_by_what_may_be_sorted_by(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        first = await stored.item(queue, priority=2, reference="b", due_at=clock.now)
        second = await stored.item(queue, priority=0, reference="A", state="InProgress", retry_number=3)
        for name in (
            *("Id", "CreationTime", "DueDate", "DeferDate", "StartProcessing", "EndProcessing"),
            *("Priority", "Status", "Reference", "RetryNumber"),
        ):
            page = await api.get(f"{ITEMS}?$orderby={name} desc", folder=folder)
            assert sorted(item["Id"] for item in page["value"]) == [first, second], name
        page = await api.get(f"{ITEMS}?$orderby=Priority", folder=folder)
        assert [item["Id"] for item in page["value"]] == [second, first]

    @pytest.mark.parametrize("query", ["$top=1001", "$filter=Nothing eq 1", "$orderby=SpecificContent", "$skip=-1"])
    async def test_400_for_options_that_it_does_not_have(self, api: Any, query: str, folder: Any) -> None:
        refusal = await api.get(f"{ITEMS}?{query}", folder=folder, expect=400)
        assert refusal["errorCode"] == 1000

    async def test_403_without_both_permissions_anywhere(self, api: Any, folder: Any) -> None:
        nobody = await api.as_role(folder=folder)
        await nobody.get(ITEMS, expect=403)


class TestChain:
    async def test_200_with_the_newest_attempt_by_id_and_by_key(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        key = uuid4()
        first = await stored.item(queue, state="Retried", key=key)
        last = await stored.item(queue, {"n": 1}, key=key, retry_number=1)
        await stored.item(queue)
        for path in (
            f"{ITEMS}({first})/{ODATA}.GetItemLastRetry",
            f"{ITEMS}({last})/{ODATA}.GetItemLastRetry",
            f"{ITEMS}/{SVC}.GetItemLastRetryByKey(key={key})",
        ):
            item = await api.get(path, folder=folder)
            assert (item["Id"], item["SpecificContent"]) == (last, {"n": 1}), path

    async def test_200_with_every_attempt_as_the_options_say(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        key = uuid4()
        made = [await stored.item(queue, state="Retried", key=key) for _ in range(2)]
        made.append(await stored.item(queue, key=key))
        await stored.item(queue)
        path = f"{ITEMS}({made[1]})/{SVC}.GetItemProcessingHistory"
        assert [item["Id"] for item in (await api.get(path, folder=folder))["value"]] == made
        newest = await api.get(f"{path}?$orderby=Id desc&$top=1&$count=true&$filter=Status eq 'Retried'", folder=folder)
        assert ([item["Id"] for item in newest["value"]], newest["@odata.count"]) == ([made[1]], 2)

    async def test_404_for_what_the_folder_does_not_show(
        self, api: Any, stored: Stored, queue: Json, given: Any
    ) -> None:
        key = uuid4()
        id_ = await stored.item(queue, key=key)
        other = await given.folder("Other")
        for path in (
            f"{ITEMS}({id_})/{ODATA}.GetItemLastRetry",
            f"{ITEMS}/{SVC}.GetItemLastRetryByKey(key={key})",
            f"{ITEMS}({id_})/{SVC}.GetItemProcessingHistory",
            f"{ITEMS}({UNKNOWN})/{SVC}.GetItemProcessingHistory",
        ):
            await api.get(path, folder=other, expect=404)


class TestGetReviewers:
    async def test_200_with_who_may_edit_transactions_in_the_folder(self, api: Any, folder: Any) -> None:
        may = await api.as_role("Folder Administrator", folder=folder)
        await api.as_role(folder=folder)
        page = await api.get(f"{ITEMS}/{ODATA}.GetReviewers()?$filter=Type eq 'DirectoryUser'", folder=folder)
        found = {user["UserName"]: user["Id"] for user in page["value"]}
        assert found[may.user_name] == may.user_id
        assert found["admin"] == api.user_id
        assert len(found) == 2
