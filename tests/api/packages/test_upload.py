"""The upload of packages."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from podium.orchestrator.access.actions import join_folder
from podium.orchestrator.access.resolver import AccessResolver
from tests.builders import nupkg

ODATA = "UiPath.Server.Configuration.OData"


def adder(version: str = "1.0.0") -> tuple[str, bytes]:
    return f"adder.{version}.nupkg", nupkg("adder", version)


async def keys(api: Any, feed: str | None = None) -> list[str]:
    found = await api.get("/odata/Processes", params={"feedId": feed} if feed else None)
    return [each["Key"] for each in found["value"]]


async def folder_feed(api: Any, folder: Any) -> str:
    return str(await api.get(f"/api/PackageFeeds/GetFolderFeed?folderId={folder['Id']}"))


class TestUploadPackage:
    async def test_200_the_body_is_text_with_id_and_version(self, api: Any, upload: Any) -> None:
        answer = await upload(adder())
        assert answer.status == 200
        (item,) = answer.json["value"]
        assert (item["Key"], item["Status"]) == ("adder:1.0.0", "OK")
        assert json.loads(item["Body"]) == {"Id": "adder", "Version": "1.0.0"}
        (shown,) = (await api.get("/odata/Processes"))["value"]
        assert shown["Authors"] == "Tests"
        assert shown["IsLatestVersion"] is True
        assert shown["MainEntryPointPath"] == "main"
        assert [each["name"] for each in json.loads(shown["Arguments"]["Input"])] == ["amount", "name"]

    async def test_200_with_empty_parentheses_and_a_path_as_file_name(self, api: Any) -> None:
        files = {"file": (".uipath/adder.1.0.0.nupkg", nupkg("adder"), "application/octet-stream")}
        await api.post(f"/odata/Processes/{ODATA}.UploadPackage()", files=files, expect=200)

    async def test_200_audited_and_stored_with_its_digest(self, api: Any, node: Any, upload: Any) -> None:
        name, content = adder()
        await upload((name, content))
        (row,) = await node.rows(
            "SELECT sha256 = sha256($2) AS same, size_bytes, blob FROM orchestrator.packages WHERE tenant_id = $1",
            api.tenant_id,
            content,
        )
        assert row["same"]
        assert row["size_bytes"] == len(content)
        (audit,) = await node.rows(
            "SELECT component, action, entity_name FROM kernel.audit WHERE tenant_id = $1 AND operation = $2",
            api.tenant_id,
            "Processes_UploadPackage",
        )
        assert tuple(audit) == ("Packages", "Upload", "adder:1.0.0")

    async def test_409_same_version_in_another_spelling(self, api: Any, upload: Any, blobs: Any) -> None:
        await upload(adder())
        before = blobs()
        answer = await upload(("x.nupkg", nupkg("ADDER", "1.0")))
        assert (answer.status, answer.json["errorCode"]) == (409, 1004)
        assert blobs() == before
        assert await keys(api) == ["adder:1.0.0"]

    async def test_409_for_all_but_one_of_many_at_once(self, api: Any, upload: Any, blobs: Any) -> None:
        before = blobs()
        answers = await asyncio.gather(*(upload(adder()) for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409]
        assert blobs() == before + 1

    async def test_207_each_file_has_its_status(self, api: Any, upload: Any, blobs: Any) -> None:
        await upload(adder())
        before = blobs()
        answer = await upload(adder(), adder("1.1.0"), ("broken.nupkg", b"no archive"))
        assert answer.status == 207
        assert [item["Status"] for item in answer.json["value"]] == ["Conflict", "OK", "BadRequest"]
        assert json.loads(answer.json["value"][0]["Body"])["errorCode"] == 1004
        assert await keys(api) == ["adder:1.1.0"]
        assert blobs() == before + 1

    async def test_200_ten_files(self, api: Any, upload: Any) -> None:
        answer = await upload(*(adder(f"1.{n}.0") for n in range(10)))
        assert answer.status == 200
        assert len(answer.json["value"]) == 10

    async def test_400_eleven_files_or_none(self, api: Any, upload: Any, blobs: Any) -> None:
        before = blobs()
        answer = await upload(*(adder(f"1.{n}.0") for n in range(11)))
        assert (answer.status, answer.json["errorCode"]) == (400, 1666)
        boundary = {"content-type": "multipart/form-data; boundary=x"}
        path = f"/odata/Processes/{ODATA}.UploadPackage"
        answer = await api.request("POST", path, content=b"--x--\r\n", headers=boundary)
        assert (answer.status, answer.json["errorCode"]) == (400, 1666)
        assert await keys(api) == []
        assert blobs() == before

    async def test_400_another_ending(self, api: Any, upload: Any, blobs: Any) -> None:
        before = blobs()
        answer = await upload(("adder.zip", nupkg("adder")))
        assert (answer.status, answer.json["errorCode"]) == (400, 1665)
        assert blobs() == before

    async def test_400_what_is_no_package_leaves_nothing(self, api: Any, upload: Any, blobs: Any) -> None:
        before = blobs()
        for name, content in (("a.nupkg", b""), ("a.nupkg", b"PK\3\4 not really"), ("b.1.0.0.nupkg", nupkg("adder"))):
            answer = await upload((name, content))
            assert answer.status == 400, answer.text
        assert await keys(api) == []
        assert blobs() == before

    async def test_400_what_is_no_form(self, api: Any) -> None:
        path = f"/odata/Processes/{ODATA}.UploadPackage"
        for content, kind in (
            (b"{}", "application/json"),
            (b"--x\r\n", "multipart/form-data"),
            (
                b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.nupkg"\r\n\r\nabc',
                "multipart/form-data; boundary=x",
            ),
            (b"rubbish", "multipart/form-data; boundary=x"),
        ):
            answer = await api.request("POST", path, content=content, headers={"content-type": kind})
            assert answer.status == 400, answer.text

    async def test_413_over_the_limit(self, api: Any, node: Any, upload: Any, blobs: Any) -> None:
        before = blobs()
        limit = node.config.package_limit_bytes
        object.__setattr__(node.config, "package_limit_bytes", 1000)
        try:
            answer = await upload(("adder.1.0.0.nupkg", b"x" * 1001))
        finally:
            object.__setattr__(node.config, "package_limit_bytes", limit)
        assert answer.status == 413
        assert blobs() == before

    async def test_409_a_library_does_not_become_a_process(self, api: Any, upload: Any) -> None:
        project = json.dumps({"studioVersion": "23.10.0", "designOptions": {"outputType": "Library"}})
        await upload(adder())
        library = nupkg(
            "adder",
            "2.0.0",
            files={"content/operate.json": "{}", "content/entry-points.json": "{}", "content/project.json": project},
        )
        answer = await upload(("adder.2.0.0.nupkg", library))
        assert answer.status == 409
        assert "ProcessLibrary" in answer.json["message"]


class TestUploadToFeed:
    async def test_200_in_the_query_or_in_the_form(self, api: Any, given: Any, upload: Any) -> None:
        folder = await given.folder(feed_type="FolderHierarchy")
        feed = await folder_feed(api, folder)
        assert (await upload(adder(), feed=feed)).status == 200
        assert (await upload(adder("1.1.0"), feedId=feed)).status == 200
        assert await keys(api, feed) == ["adder:1.1.0"]
        assert await keys(api) == []

    async def test_404_unknown_feed_and_400_no_guid(self, api: Any, upload: Any, blobs: Any) -> None:
        before = blobs()
        unknown = "00000000-0000-4000-8000-00000000dead"
        assert (await upload(adder(), feed=unknown)).status == 404
        assert (await upload(adder(), feedId=unknown)).status == 404
        assert (await upload(adder(), feed="tenant")).status == 400
        assert blobs() == before

    async def test_403_each_kind_of_feed_asks_for_its_own_right(self, api: Any, given: Any, upload: Any) -> None:
        folder = await given.folder(feed_type="FolderHierarchy")
        feed = await folder_feed(api, folder)
        in_tenant = await api.as_role("Allow to be Automation User")
        in_folder = await api.as_role("Automation Publisher", folder=folder)
        assert (await upload(adder(), by=in_tenant)).status == 200
        assert (await upload(adder(), by=in_folder)).status == 403
        assert (await upload(adder(), by=in_folder, feed=feed)).status == 200
        assert (await upload(adder("2.0.0"), by=in_tenant, feed=feed)).status == 404
        viewer = await api.as_role("Automation User", folder=folder)
        assert (await upload(adder("2.0.0"), by=viewer, feed=feed)).status == 403

    async def test_403_a_right_in_the_tenant_opens_no_feed_of_a_folder(
        self, api: Any, given: Any, upload: Any, node: Any
    ) -> None:
        folder = await given.folder(feed_type="FolderHierarchy")
        user = await api.as_role("Allow to be Automation User")
        async with node.db.transaction() as db:
            await join_folder(db, api.tenant_id, folder["Id"], user.user_id, ["Automation User"], node.clock())
        node.port(AccessResolver).forget()
        assert (await upload(adder(), by=user, feed=await folder_feed(api, folder))).status == 403

    async def test_404_feed_of_another_tenant(self, api: Any, given: Any, upload: Any) -> None:
        feed = await folder_feed(api, await given.folder(feed_type="FolderHierarchy"))
        assert (await upload(adder(), by=api.tenant("stranger"), feed=feed)).status == 404


class TestUploadMovesProcesses:
    async def test_200_with_auto_update_to_a_higher_version_only(
        self, api: Any, given: Any, upload: Any, node: Any
    ) -> None:
        await upload(adder())
        follower = await given.process("follower", package="adder", auto_update=True)
        other = await given.process("other", package="adder")
        await upload(adder("1.2.0"))
        await upload(adder("1.1.0"))
        found = await api.get("/odata/Releases?$select=Name,ProcessVersion,IsLatestVersion&$orderby=Name")
        assert [(each["Name"], each["ProcessVersion"], each["IsLatestVersion"]) for each in found["value"]] == [
            ("follower", "1.2.0", True),
            ("other", "1.0.0", False),
        ]
        events = await node.rows(
            "SELECT payload ->> 'Releases' AS releases, folder_id FROM kernel.outbox WHERE tenant_id = $1 AND type = 'process.updated'",
            api.tenant_id,
        )
        assert [json.loads(event["releases"])[0]["Key"] for event in events] == [follower["Key"]]
        assert events[0]["folder_id"] == follower["FolderId"]
        assert other["IsLatestVersion"] is True

    async def test_200_a_process_whose_entry_point_is_gone_stays(self, api: Any, given: Any) -> None:
        await given.package("multi", entry_points={"main": {}, "second": {}})
        process = await given.process("p", package="multi", entry_point_path="second", auto_update=True)
        await given.package("multi", "2.0.0", entry_points={"main": {}})
        shown = await api.get(f"/odata/Releases({process['Id']})", folder=process["FolderId"])
        assert (shown["ProcessVersion"], shown["EntryPointPath"]) == ("1.0.0", "second")

    async def test_200_in_a_workspace_the_process_is_made_and_moved(self, api: Any, upload: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        me = await api.get(f"/odata/Users/{ODATA}.GetCurrentUserExtended?$expand=PersonalWorkspace")
        workspace, feed = me["PersonalWorkspace"]["Id"], me["PersonalWorskpaceFeedId"]
        assert (await upload(adder(), feed=feed)).status == 200
        (made,) = (await api.get("/odata/Releases", folder=workspace))["value"]
        assert (made["Name"], made["ProcessVersion"]) == ("adder", "1.0.0")
        assert (await upload(adder("1.0.1"), feed=feed)).status == 200
        listed = await api.get(
            f"/odata/Releases/{ODATA}.ListReleases?$select=Id,Key,ProcessVersion&$top=25&$filter=ProcessKey eq 'adder'",
            headers={"x-uipath-organizationunitid": str(feed)},
        )
        assert [(each["Key"], each["ProcessVersion"]) for each in listed["value"]] == [(made["Key"], "1.0.1")]
        assert await keys(api) == []
