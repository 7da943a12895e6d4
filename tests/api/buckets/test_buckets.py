"""Buckets: made, read, replaced, deleted, shown in several folders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from podium.orchestrator.buckets import loops
from podium.orchestrator.buckets.storage import Storage
from tests.api.buckets.calls import BUCKETS, ODATA, UNKNOWN, access, of, paths, put, read, write

SHARE = f"{BUCKETS}/{ODATA}.ShareToFolders"


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def other(given: Any) -> Any:
    return await given.folder("Other")


@pytest.fixture
async def bucket(given: Any, folder: Any) -> Any:
    return await given.bucket("Reports", folder=folder)


async def audited(api: Any, action: str) -> list[Any]:
    return list(
        await api.node.rows(
            "SELECT entity_id, entity_name, detail FROM kernel.audit WHERE tenant_id = $1 AND component = 'Buckets'"
            " AND action = $2 ORDER BY id",
            api.tenant_id,
            action,
        )
    )


async def events(api: Any) -> list[str]:
    rows = await api.node.rows(
        "SELECT type FROM kernel.outbox WHERE tenant_id = $1 AND type LIKE 'bucket.%' ORDER BY id", api.tenant_id
    )
    return [row["type"] for row in rows]


class TestCreateBucket:
    async def test_201_with_the_identifier_of_the_client(self, api: Any, folder: Any) -> None:
        key = str(uuid4())
        body = {"Name": " Berichte ä ", "Identifier": key, "Description": "d", "Tags": [{"Name": "t"}]}
        made = await api.post(BUCKETS, body, folder=folder, expect=201)
        assert (made["Name"], made["Identifier"], made["Description"]) == ("Berichte ä", key, "d")
        assert (made["StorageProvider"], made["Options"], made["FoldersCount"]) == (None, "None", 1)
        assert made["Tags"][0]["Name"] == "t"
        assert made["Password"] is None
        assert await api.get(of(made), folder=folder) == made
        assert await api.get(f"{BUCKETS}/{ODATA}.GetByKey(identifier='{key}')", folder=folder) == made
        assert await events(api) == ["bucket.created"]

    async def test_201_makes_an_identifier_for_who_has_none(self, api: Any, folder: Any) -> None:
        made = await api.post(BUCKETS, {"Name": "Reports"}, folder=folder, expect=201)
        assert len(made["Identifier"]) == 36

    async def test_201_takes_the_provider_by_its_name(self, api: Any, folder: Any) -> None:
        made = await api.post(BUCKETS, {"Name": "R", "StorageProvider": "orchestrator"}, folder=folder, expect=201)
        assert made["StorageProvider"] is None

    @pytest.mark.parametrize(
        ("given_options", "shown"),
        [
            ("ReadOnly", "ReadOnly"),
            ("auditreadaccess, readonly", "ReadOnly, AuditReadAccess"),
            ("None", "None"),
            ("6", "AuditReadAccess, AccessDataThroughOrchestrator"),
        ],
    )
    async def test_201_with_options(self, api: Any, folder: Any, given_options: str, shown: str) -> None:
        made = await api.post(BUCKETS, {"Name": "R", "Options": given_options}, folder=folder, expect=201)
        assert made["Options"] == shown

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"Name": None}, "Name"),
            ({"Name": "  "}, "Name"),
            ({"Name": "a\u0007"}, "Name"),
            ({"Name": "x" * 129}, "Name"),
            ({"Options": "ReadOnly,Burn"}, "Options"),
            ({"StorageProvider": "Azure"}, "StorageProvider"),
            ({"StorageParameters": "a=b"}, "StorageParameters"),
            ({"Password": "fern"}, "Password"),
            ({"ExternalName": "vault/1"}, "ExternalName"),
            ({"Identifier": "x"}, "Identifier"),
        ],
    )
    async def test_400_names_the_member(self, api: Any, folder: Any, members: Any, named: str) -> None:
        answer = await api.request("POST", BUCKETS, {"Name": "R", **members}, folder=folder)
        assert answer.status == 400
        assert named in answer.json["message"]

    async def test_409_for_a_name_of_the_folder(self, api: Any, folder: Any, other: Any, bucket: Any) -> None:
        answer = await api.request("POST", BUCKETS, {"Name": "REPORTS"}, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)
        await api.post(BUCKETS, {"Name": "Reports"}, folder=other, expect=201)

    async def test_409_for_an_identifier_that_is_taken(self, api: Any, folder: Any, bucket: Any) -> None:
        body = {"Name": "Second", "Identifier": bucket["Identifier"]}
        answer = await api.request("POST", BUCKETS, body, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1004)


class TestListBuckets:
    async def test_200_by_name_as_clients_look_for_it(self, api: Any, given: Any, folder: Any, bucket: Any) -> None:
        await given.bucket("R & D + 50% ?", folder=folder)
        found = await api.get(BUCKETS, params={"$filter": "Name eq 'R & D + 50% ?'", "$top": 1}, folder=folder)
        assert [row["Name"] for row in found["value"]] == ["R & D + 50% ?"]
        sought = {"$filter": "contains(tolower(Name), tolower('REP'))", "$skip": 0, "$top": 10}
        found = await api.get(BUCKETS, params=sought, folder=folder)
        assert [row["Id"] for row in found["value"]] == [bucket["Id"]]

    async def test_200_across_folders_without_one(self, api: Any, given: Any, folder: Any, bucket: Any) -> None:
        second = await given.bucket("Second", folder=await given.folder("Else"))
        across = f"{BUCKETS}/{ODATA}.GetBucketsAcrossFolders"
        assert [row["Id"] for row in (await api.get(across))["value"]] == [bucket["Id"], second["Id"]]
        left = await api.get(across, params={"excludeFolderId": folder["Id"]})
        assert [row["Id"] for row in left["value"]] == [second["Id"]]
        stranger = api.as_role("Automation User", folder=folder)
        assert [row["Id"] for row in (await stranger.get(across))["value"]] == [bucket["Id"]]

    async def test_404_in_another_folder(self, api: Any, other: Any, bucket: Any) -> None:
        await api.get(of(bucket), folder=other, expect=404)
        await api.get(f"{BUCKETS}/{ODATA}.GetByKey(identifier={bucket['Identifier']})", folder=other, expect=404)
        await api.get(of(bucket, "GetFiles"), folder=other, expect=404)


class TestReplaceBucket:
    async def test_200_replaces(self, api: Any, folder: Any, bucket: Any) -> None:
        made = await api.put(of(bucket), {"Name": "New", "Options": "AuditReadAccess"}, folder=folder, expect=200)
        assert (made["Name"], made["Options"], made["Identifier"]) == ("New", "AuditReadAccess", bucket["Identifier"])
        assert (await api.put(of(bucket), made, folder=folder))["Name"] == "New"
        assert await events(api) == ["bucket.created", "bucket.updated", "bucket.updated"]

    async def test_400_for_another_provider_or_identifier(self, api: Any, folder: Any, bucket: Any) -> None:
        for members in ({"StorageProvider": "Amazon"}, {"Identifier": str(uuid4())}):
            await api.put(of(bucket), {"Name": "New", **members}, folder=folder, expect=400)

    async def test_409_for_a_name_of_the_folder(self, api: Any, given: Any, folder: Any, bucket: Any) -> None:
        await given.bucket("Second", folder=folder)
        await api.put(of(bucket), {"Name": "second"}, folder=folder, expect=409)

    async def test_404_for_an_unknown_one(self, api: Any, folder: Any) -> None:
        await api.put(of({"Id": UNKNOWN}), {"Name": "N"}, folder=folder, expect=404)


class TestDeleteBucket:
    async def test_204_removes_its_files_from_the_disk(
        self, api: Any, node: Any, clock: Any, folder: Any, bucket: Any
    ) -> None:
        clock.forward(minutes=2)
        await node.run_loop("buckets.remove_leftovers")  # those of other tests
        await write(api, bucket, folder, "a/b.txt")
        (row,) = await node.rows("SELECT blob FROM orchestrator.bucket_files WHERE tenant_id = $1", api.tenant_id)
        reading = (await access(api, bucket, folder, "GetReadUri", "a/b.txt"))["Uri"]
        writing = (await access(api, bucket, folder, "GetWriteUri", "a/b.txt"))["Uri"]
        await api.delete(of(bucket), folder=folder, expect=204)
        await api.get(of(bucket), folder=folder, expect=404)
        assert (await api.with_headers({}).request("GET", reading)).status == 404
        assert (await put(api, writing, b"y")).status == 404
        blobs = node.port(Storage).blobs
        assert (await blobs.open(row["blob"])).is_file()
        clock.forward(minutes=2)
        assert await node.run_loop("buckets.remove_leftovers") == 1
        with pytest.raises(Exception, match="no stored file"):
            await blobs.open(row["blob"])

    async def test_409_for_the_archive_of_a_queue(
        self, api: Any, given: Any, node: Any, folder: Any, bucket: Any
    ) -> None:
        queue = await given.queue("Invoices", folder=folder)
        await node.rows(
            "INSERT INTO orchestrator.queue_retention (tenant_id, queue_id, kind, action, period_days, bucket_id)"
            " VALUES ($1, $2, 'Stale', 'Archive', 30, $3)",
            api.tenant_id,
            queue["Id"],
            bucket["Id"],
        )
        answer = await api.request("DELETE", of(bucket), folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1013)

    async def test_404_for_an_unknown_one(self, api: Any, folder: Any) -> None:
        await api.delete(of({"Id": UNKNOWN}), folder=folder, expect=404)


class TestShare:
    async def test_204_shows_the_bucket_and_its_files_in_both(
        self, api: Any, folder: Any, other: Any, bucket: Any
    ) -> None:
        await write(api, bucket, folder, "a.txt", b"one")
        body = {"BucketIds": [bucket["Id"]], "ToAddFolderIds": [other["Id"]]}
        await api.post(SHARE, body, expect=204)
        assert await read(api, bucket, other, "a.txt") == b"one"
        assert (await api.get(of(bucket), folder=other))["FoldersCount"] == 2
        found = await api.get(f"{BUCKETS}/{ODATA}.GetFoldersForBucket(id={bucket['Id']})")
        assert [row["FullyQualifiedName"] for row in found["AccessibleFolders"]] == ["Home", "Other"]
        assert found["TotalFoldersCount"] == 2
        await api.delete(of(bucket), folder=other, expect=204)
        await api.get(of(bucket), folder=folder, expect=404)

    async def test_409_for_the_last_folder(self, api: Any, folder: Any, bucket: Any) -> None:
        body = {"BucketIds": [bucket["Id"]], "ToRemoveFolderIds": [folder["Id"]]}
        await api.post(SHARE, body, expect=409)
        assert (await api.get(of(bucket), folder=folder))["FoldersCount"] == 1

    async def test_409_for_a_name_of_the_target(self, api: Any, given: Any, other: Any, bucket: Any) -> None:
        await given.bucket("reports", folder=other)
        await api.post(SHARE, {"BucketIds": [bucket["Id"]], "ToAddFolderIds": [other["Id"]]}, expect=409)


class TestFolderOfABucket:
    async def test_400_is_not_deleted(self, api: Any, folder: Any, bucket: Any) -> None:
        answer = await api.request("DELETE", f"/odata/Folders({folder['Id']})")
        assert answer.status == 400
        assert "Buckets" in answer.json["message"]


class TestReadOnly:
    async def test_409_for_writes_and_deletes(self, api: Any, folder: Any, bucket: Any) -> None:
        await write(api, bucket, folder, "a.txt", b"one")
        earlier = (await access(api, bucket, folder, "GetWriteUri", "a.txt"))["Uri"]
        await api.put(of(bucket), {"Name": "Reports", "Options": "ReadOnly"}, folder=folder)
        for method, operation in (("GET", "GetWriteUri"), ("DELETE", "DeleteFile")):
            answer = await api.request(method, of(bucket, operation), params={"path": "a.txt"}, folder=folder)
            assert answer.status == 409, answer.text
        assert (await put(api, earlier, b"two")).status == 409
        assert await read(api, bucket, folder, "a.txt") == b"one"
        assert await paths(api, bucket, folder) == ["/a.txt"]


class TestAudit:
    async def test_reads_are_kept_when_the_bucket_asks_for_it(self, api: Any, given: Any, folder: Any) -> None:
        quiet = await given.bucket("Quiet", folder=folder)
        loud = await given.bucket("Loud", folder=folder, options="AuditReadAccess")
        for bucket in (quiet, loud):
            await access(api, bucket, folder, "GetReadUri", "secret plan.txt")
        (row,) = await audited(api, "Download")
        assert (row["entity_id"], row["entity_name"]) == (str(loud["Id"]), "Loud")
        assert "secret plan.txt" in row["detail"]

    async def test_who_may_write_and_who_deletes_is_kept(self, api: Any, folder: Any, bucket: Any) -> None:
        await access(api, bucket, folder, "GetWriteUri", "a.txt")
        await api.delete(of(bucket, "DeleteFile"), params={"path": "a.txt"}, folder=folder, expect=204)
        assert [len(await audited(api, action)) for action in ("CreateBlobFileSas", "DeleteBlobFile")] == [1, 1]


class TestLeftovers:
    async def test_what_a_dead_server_wrote_is_removed_after_a_day(
        self, api: Any, node: Any, clock: Any, folder: Any, bucket: Any
    ) -> None:
        await write(api, bucket, folder, "a.txt", b"kept")
        clock.forward(minutes=2)
        await node.run_loop("buckets.remove_leftovers")  # those of other tests
        storage = node.port(Storage)

        async def once() -> Any:
            yield b"nobody's"

        orphan = await storage.blobs.write(once(), limit_bytes=100)
        path = await storage.blobs.open(orphan.name)
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        async with node.db.transaction() as db:
            assert await loops.remove_orphans(db, storage, written + timedelta(hours=23)) == 0
            assert path.is_file()
            assert await loops.remove_orphans(db, storage, written + timedelta(hours=25)) == 1
        assert not path.exists()
        assert await read(api, bucket, folder, "a.txt") == b"kept"
