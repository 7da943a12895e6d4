"""What becomes of old items."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.api.buckets import calls as buckets
from tests.api.queues.items import (
    ABANDONED,
    DELETED,
    FAILED,
    IN_PROGRESS,
    NEW,
    RETRIED,
    SUCCESSFUL,
    add,
    left,
)

RETENTION = "/odata/QueueRetention"
LOOP = "queues.retention"


def of(queue: Any, kind: str | None = None) -> str:
    return f"{RETENTION}({queue['Id']})" + (f"?retentionType={kind}" if kind else "")


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def queue(given: Any, folder: Any) -> Any:
    return await given.queue("Invoices", folder=folder)


@pytest.fixture
def midnight(clock: Any) -> datetime:
    """The beginning of the present day."""
    now: datetime = clock.now
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


class TestReadRetention:
    async def test_200_none_until_it_is_set(self, api: Any, given: Any, folder: Any, queue: Any) -> None:
        shown = await api.get(of(queue), folder=folder)
        del shown["@odata.context"]
        nothing = {"QueueDefinitionId": queue["Id"], "Action": "None", "Period": None, "BucketId": None}
        assert shown == {**nothing, "Type": "Final"}
        await given.queue("Elsewhere", folder=await given.folder("Other"))
        assert (await api.get(RETENTION, folder=folder))["value"] == [shown]
        assert (await api.get(of(queue, "Stale"), folder=folder))["Type"] == "Stale"

    async def test_404_in_another_folder(self, api: Any, given: Any, queue: Any) -> None:
        other = await given.folder("Other")
        await api.get(of(queue), folder=other, expect=404)
        await api.put(of(queue), {"Action": "Delete", "Period": 5}, folder=other, expect=404)
        await api.delete(of(queue), folder=other, expect=404)


class TestSetRetention:
    async def test_200_each_kind_by_itself(self, api: Any, folder: Any, queue: Any) -> None:
        await api.put(of(queue), {"Action": "Delete", "Period": 5}, folder=folder, expect=200)
        await api.put(of(queue, "Stale"), {"Action": "Delete", "Period": 90}, folder=folder, expect=200)
        final, stale = await api.get(of(queue), folder=folder), await api.get(of(queue, "Stale"), folder=folder)
        assert (final["Action"], final["Period"], stale["Action"], stale["Period"]) == ("Delete", 5, "Delete", 90)
        await api.put(of(queue), {"Action": "Delete", "Period": 70, "Type": "Stale"}, folder=folder)
        assert (await api.get(of(queue, "Stale"), folder=folder))["Period"] == 70
        found = await api.get(f"{RETENTION}?$filter=Period eq 5", folder=folder)
        assert [row["QueueDefinitionId"] for row in found["value"]] == [queue["Id"]]

    async def test_200_thirty_days_when_none_are_named(self, api: Any, folder: Any, queue: Any) -> None:
        await api.put(of(queue), {"Action": "Delete", "BucketId": 7}, folder=folder)
        shown = await api.get(of(queue), folder=folder)
        assert (shown["Period"], shown["BucketId"]) == (30, None)

    @pytest.mark.parametrize(
        "body",
        [
            {"Action": "Delete", "Period": 0},
            {"Action": "Delete", "Period": 181},
            {"Action": "Archive", "Period": 5},
            {"Action": "Archive", "Period": 5, "BucketId": 999_999_999},
            {"Action": "Burn", "Period": 5},
        ],
    )
    async def test_400_changes_nothing(self, api: Any, folder: Any, queue: Any, body: Any) -> None:
        answer = await api.request("PUT", of(queue), body, folder=folder)
        assert answer.status == 400
        assert (await api.get(of(queue), folder=folder))["Action"] == "None"

    async def test_a_bucket_must_be_one_that_the_caller_may_write_to(
        self, api: Any, given: Any, folder: Any, queue: Any
    ) -> None:
        other = await given.folder("Other")
        hidden = await given.bucket("Hidden", folder=other)
        user = await api.as_role("Folder Administrator", folder=folder)
        body = {"Action": "Archive", "Period": 5, "BucketId": hidden["Id"]}
        answer = await user.request("PUT", of(queue), body, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (400, 1009)
        member = {"UserIds": [user.user_id], "RolesPerFolder": [{"FolderId": other["Id"], "RoleIds": []}]}
        await api.post("/odata/Folders/UiPath.Server.Configuration.OData.AssignUsers", {"assignments": member})
        answer = await user.request("PUT", of(queue), body, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (400, 1009)
        await api.put(of(queue), body, folder=folder, expect=200)

    async def test_400_what_is_sealed_is_not_archived(self, api: Any, given: Any, folder: Any) -> None:
        sealed = await given.queue("Sealed", folder=folder, encrypted=True)
        bucket = await given.bucket(folder=folder)
        body = {"Action": "Archive", "Period": 5, "BucketId": bucket["Id"]}
        answer = await api.request("PUT", of(sealed), body, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (400, 1009)

    async def test_403_with_the_right_to_look_only(self, api: Any, folder: Any, queue: Any) -> None:
        user = api.as_role("Automation User", folder=folder)
        answer = await user.request("PUT", of(queue), {"Action": "Delete", "Period": 5}, folder=folder)
        assert answer.status == 403
        assert (await user.get(of(queue), folder=folder))["Action"] == "None"


class TestDropRetention:
    async def test_204_back_to_nothing(self, api: Any, folder: Any, queue: Any) -> None:
        for kind in ("Final", "Stale"):
            await api.put(of(queue, kind), {"Action": "Delete", "Period": 5}, folder=folder)
        await api.delete(of(queue), folder=folder, expect=204)
        await api.delete(of(queue), folder=folder, expect=204)
        assert (await api.get(of(queue), folder=folder))["Action"] == "None"
        assert (await api.get(of(queue, "Stale"), folder=folder))["Action"] == "Delete"


class TestRemoval:
    async def test_ended_items_go_a_day_after_their_period(
        self, api: Any, node: Any, given: Any, folder: Any, queue: Any, midnight: datetime
    ) -> None:
        await api.put(of(queue), {"Action": "Delete", "Period": 2}, folder=folder)
        other = await given.queue("Orders", folder=folder)
        second = timedelta(seconds=1)
        old, young = midnight - timedelta(days=2) - second, midnight - timedelta(days=2)
        for state in (SUCCESSFUL, FAILED, ABANDONED, RETRIED, DELETED):
            await add(api, queue, state, old)
        kept = [await add(api, queue, state, old) for state in (NEW, IN_PROGRESS)]
        kept.append(await add(api, queue, SUCCESSFUL, young))
        elsewhere = await add(api, other, SUCCESSFUL, old)
        assert await node.run_loop(LOOP) == 5
        assert await left(api, queue) == kept
        assert await left(api, other) == [elsewhere]
        contents = await node.rows(
            "SELECT item_id FROM orchestrator.queue_item_contents WHERE tenant_id = $1 ORDER BY 1", api.tenant_id
        )
        assert [row["item_id"] for row in contents] == sorted([*kept, elsewhere])

    async def test_stale_items_go_by_the_day_they_were_made(
        self, api: Any, node: Any, folder: Any, queue: Any, midnight: datetime
    ) -> None:
        await api.put(of(queue, "Stale"), {"Action": "Delete", "Period": 10}, folder=folder)
        old = midnight - timedelta(days=11)
        await add(api, queue, NEW, old)
        kept = [await add(api, queue, IN_PROGRESS, old), await add(api, queue, SUCCESSFUL, old)]
        kept.append(await add(api, queue, NEW, midnight - timedelta(days=9)))
        assert await node.run_loop(LOOP) == 1
        assert await left(api, queue) == kept

    async def test_nothing_goes_without_a_policy_or_with_none(
        self, api: Any, node: Any, given: Any, folder: Any, queue: Any, midnight: datetime
    ) -> None:
        kept = await given.queue("Kept", folder=folder)
        await api.put(of(kept), {"Action": "None", "Period": 1}, folder=folder)
        for each in (queue, kept):
            await add(api, each, SUCCESSFUL, midnight - timedelta(days=900))
        assert await node.run_loop(LOOP) == 0
        assert [len(await left(api, each)) for each in (queue, kept)] == [1, 1]

    async def test_many_items_go_in_several_turns(
        self, api: Any, node: Any, folder: Any, queue: Any, midnight: datetime
    ) -> None:
        await api.put(of(queue), {"Action": "Delete", "Period": 1}, folder=folder)
        await api.node.rows(
            """INSERT INTO orchestrator.queue_items (tenant_id, key, unique_key, queue_id, state, rank, created_at, ended_at)
               SELECT $1, gen_random_uuid(), gen_random_uuid(), $2, 3, 4, $3, $3 FROM generate_series(1, 1200)""",
            api.tenant_id,
            queue["Id"],
            midnight - timedelta(days=5),
        )
        assert await node.run_loop(LOOP) == 1200
        assert await left(api, queue) == []

    async def test_a_used_reference_stays_used(
        self, api: Any, node: Any, given: Any, folder: Any, midnight: datetime
    ) -> None:
        unique = await given.queue("Unique", folder=folder, enforce_unique_reference=True)
        await api.put(of(unique), {"Action": "Delete", "Period": 1}, folder=folder)
        await add(api, unique, SUCCESSFUL, midnight - timedelta(days=5), reference="INV-1")
        assert await node.run_loop(LOOP) == 1
        body = {"itemData": {"Name": "Unique", "Reference": "inv-1", "SpecificContent": {}}}
        answer = await api.request("POST", "/odata/Queues/UiPathODataSvc.AddQueueItem", body, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1016), answer.text


class TestArchive:
    @pytest.fixture
    async def bucket(self, given: Any, folder: Any) -> Any:
        return await given.bucket("Archive", folder=folder)

    async def test_items_are_in_the_bucket_before_they_go(
        self, api: Any, node: Any, given: Any, folder: Any, queue: Any, bucket: Any, midnight: datetime
    ) -> None:
        other = await given.folder("Other")
        share = {"QueueIds": [queue["Id"]], "ToAddFolderIds": [other["Id"]]}
        await api.post("/odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders", share)
        body = {"Action": "Archive", "Period": 3, "BucketId": bucket["Id"]}
        await api.put(of(queue), body, folder=folder)
        old = midnight - timedelta(days=9)
        first = await add(api, queue, SUCCESSFUL, old, reference="INV-1", content={"Vendor": "Ä, B", "Sum": 3})
        second = await add(api, queue, FAILED, old, "Business", reference="=cmd()")
        assert await node.run_loop(LOOP) == 2
        assert await left(api, queue) == []
        (path,) = await buckets.paths(api, bucket, folder)
        assert path.removeprefix("/") == f"Queues/{queue['Id']} Invoices/Final {first}-{second}.zip"
        packed = await buckets.read(api, bucket, folder, path)
        assert packed is not None
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            text = archive.read("items.csv").decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(int(row["Id"]), row["Status"]) for row in rows] == [(first, "Successful"), (second, "Failed")]
        assert rows[0]["Specific data"] == '{"Sum": 3, "Vendor": "Ä, B"}'
        assert (rows[1]["Exception"], rows[1]["Exception reason"]) == ("BusinessException", "no such vendor")
        assert rows[1]["Reference"] == "'=cmd()"

    async def test_what_cannot_be_archived_stays_and_holds_up_nothing(
        self, api: Any, node: Any, given: Any, folder: Any, queue: Any, bucket: Any, midnight: datetime
    ) -> None:
        body = {"Action": "Archive", "Period": 3, "BucketId": bucket["Id"]}
        await api.put(of(queue), body, folder=folder)
        other = await given.queue("Orders", folder=folder)
        await api.put(of(other), {"Action": "Delete", "Period": 3}, folder=folder)
        for each in (queue, other):
            await add(api, each, SUCCESSFUL, midnight - timedelta(days=9))
        path, name = f"/odata/Buckets({bucket['Id']})", {"Name": "Archive", "Identifier": bucket["Identifier"]}
        await api.put(path, {**name, "Options": "ReadOnly"}, folder=folder)
        assert await node.run_loop(LOOP) == 1
        assert [len(await left(api, each)) for each in (queue, other)] == [1, 0]
        await api.put(path, {**name, "Options": "None"}, folder=folder)
        assert await node.run_loop(LOOP) == 1
        assert await left(api, queue) == []
