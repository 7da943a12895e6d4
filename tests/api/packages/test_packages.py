"""Reading, describing and deleting packages."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from typing import Any

from tests.builders import nupkg

ODATA = "UiPath.Server.Configuration.OData"
SCHEMA = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}


def function(name: str, key: str) -> str:
    return f"/odata/Processes/{ODATA}.{name}(key='{key}')"


def bare(version: str = "1.0.0") -> bytes:
    """A package that says nothing of what is in it."""
    with zipfile.ZipFile(io.BytesIO(nupkg("bare", version))) as whole:
        manifest = whole.read("bare.nuspec")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("bare.nuspec", manifest)
    return buffer.getvalue()


async def versions(api: Any, package: str) -> list[str]:
    found = await api.get(f"/odata/Processes/{ODATA}.GetProcessVersions(processId='{package}')")
    return [each["Version"] for each in found["value"]]


class TestListPackages:
    async def test_200_one_row_per_package_with_its_latest_version(self, api: Any, given: Any) -> None:
        for version in ("1.9.0", "1.10.0", "1.10.0-beta"):
            await given.package("adder", version)
        await given.package("Zebra")
        found = await api.get("/odata/Processes")
        assert [each["Key"] for each in found["value"]] == ["adder:1.10.0", "Zebra:1.0.0"]
        assert found["@odata.count"] == 2

    async def test_200_search_filter_and_order(self, api: Any, given: Any) -> None:
        for name in ("Alpha.One", "Beta.Two", "alpha.three"):
            await given.package(name)
        found = await api.get("/odata/Processes?searchTerm=ALPHA&$orderby=Id desc&$select=Id")
        assert [each["Id"] for each in found["value"]] == ["alpha.three", "Alpha.One"]
        found = await api.get("/odata/Processes?$filter=Id eq 'beta.two'")
        assert [each["Id"] for each in found["value"]] == ["Beta.Two"]

    async def test_200_says_whether_a_process_uses_it(self, api: Any, given: Any) -> None:
        await given.process(package=(await given.package("used"))["Id"])
        await given.package("idle")
        found = await api.get("/odata/Processes?$select=Id,IsActive")
        assert {each["Id"]: each["IsActive"] for each in found["value"]} == {"used": True, "idle": False}

    async def test_403_without_the_right_and_404_for_an_unknown_feed(self, api: Any, given: Any) -> None:
        folder = await given.folder()
        member = await api.as_role("Folder Administrator", folder=folder)
        await member.get("/odata/Processes", expect=403)
        await api.get("/odata/Processes?feedId=00000000-0000-4000-8000-00000000dead", expect=404)

    async def test_200_nothing_of_another_tenant(self, api: Any, given: Any) -> None:
        await given.package("secret")
        assert (await api.tenant("stranger").get("/odata/Processes"))["value"] == []


class TestListVersions:
    async def test_200_the_highest_first_and_without_regard_to_case(self, api: Any, given: Any) -> None:
        for version in ("1.0.0", "1.0.0-rc.1", "2.0.0", "1.0.0.1"):
            await given.package("adder", version)
        assert await versions(api, "ADDER") == ["2.0.0", "1.0.0.1", "1.0.0", "1.0.0-rc.1"]
        assert await versions(api, "nothing") == []


class TestDownloadPackage:
    async def test_200_the_bytes_as_uploaded(self, api: Any, upload: Any) -> None:
        content = nupkg("My (1) adder", "1.0.0")
        await upload(("package.nupkg", content))
        answer = await api.request("GET", function("DownloadPackage", "My (1) adder:1.0.0"))
        assert (answer.status, answer.content) == (200, content)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert 'filename="My (1) adder.1.0.0.nupkg"' in answer.headers["content-disposition"]

    async def test_404_unknown_and_400_malformed_key(self, api: Any, given: Any) -> None:
        await given.package("adder")
        for key in ("adder:9.9.9", "nothing:1.0.0", "adder:not-a-version"):
            refused = await api.get(function("DownloadPackage", key), expect=404)
            assert refused["errorCode"] in (1002, 1677)
        await api.get(function("DownloadPackage", "adder"), expect=400)

    async def test_200_for_a_machine_from_the_feeds_of_its_folders(self, api: Any, given: Any) -> None:
        top = await given.folder(feed_type="FolderHierarchy")
        below = await given.folder(parent=top)
        machine = await given.machine(folder=below)
        feed = await api.get(f"/api/PackageFeeds/GetFolderFeed?folderId={below['Id']}")
        await given.package("adder")
        await given.package("folderly", feed=feed)
        robot = api.machine(machine["LicenseKey"])
        assert (await robot.request("GET", function("DownloadPackage", "adder:1.0.0"))).status == 200
        path = function("DownloadPackage", "folderly:1.0.0") + f"?feedId={feed}"
        assert (await robot.request("GET", path)).status == 200
        stranger = await given.machine(folder=await given.folder())
        assert (await api.machine(stranger["LicenseKey"]).request("GET", path)).status == 404


class TestEntryPoints:
    async def test_200_in_their_order_and_the_main_one(self, api: Any, given: Any) -> None:
        await given.package("multi", entry_points={"zeta": SCHEMA, "alpha": {}})
        found = await api.get(function("GetPackageEntryPoints", "multi:1.0.0"))
        assert [each["Path"] for each in found["value"]] == ["zeta", "alpha"]
        main = await api.get(function("GetPackageMainEntryPoint", "multi:1.0.0"))
        assert main["Path"] == "zeta"
        assert main["Id"] == found["value"][0]["Id"]

    async def test_404_main_entry_point_of_a_package_without_any(self, api: Any, given: Any, upload: Any) -> None:
        answer = await upload(("bare.1.0.0.nupkg", bare()))
        assert answer.status == 200, answer.text
        assert (await api.get(function("GetPackageEntryPoints", "bare:1.0.0")))["value"] == []
        await api.get(function("GetPackageMainEntryPoint", "bare:1.0.0"), expect=404)
        process = await given.process(package="bare", auto_update=True)
        assert (process["EntryPointId"], process["EntryPointPath"]) == (None, None)
        await upload(("bare.1.1.0.nupkg", bare("1.1.0")))
        (shown,) = (await api.get("/odata/Releases"))["value"]
        assert shown["ProcessVersion"] == "1.1.0"


class TestArguments:
    async def test_200_read_and_set(self, api: Any, given: Any) -> None:
        await given.package("adder", entry_points={"main": SCHEMA})
        before = await api.get(function("GetArguments", "adder:1.0.0"))
        assert json.loads(before["Input"]) == [
            {"name": "count", "type": "System.Int64", "required": True, "hasDefault": False}
        ]
        described = [{"name": "Total", "type": "System.String", "required": False, "hasDefault": False}]
        body = {"key": "adder:1.0.0", "arguments": {"Input": json.dumps(described)}}
        await api.post(f"/odata/Processes/{ODATA}.SetArguments", body, expect=200)
        after = await api.get(function("GetArguments", "adder:1.0.0"))
        assert json.loads(after["Input"]) == described
        assert after["Output"] == before["Output"]

    async def test_400_what_was_described_rules_over_the_package(self, api: Any, given: Any) -> None:
        await given.package("adder", entry_points={"main": SCHEMA})
        body = {"key": "adder:1.0.0", "arguments": {"Input": '[{"name": "Total", "type": "System.String"}]'}}
        await api.post(f"/odata/Processes/{ODATA}.SetArguments", body)
        release = {"Name": "p", "ProcessKey": "adder", "ProcessVersion": "1.0.0", "InputArguments": '{"Total": 1}'}
        folder = await given.shared()
        await api.post("/odata/Releases", release, folder=folder, expect=400)
        await api.post("/odata/Releases", release | {"InputArguments": '{"Total": "1"}'}, folder=folder, expect=201)

    async def test_400_no_description_404_no_package_403_no_right(self, api: Any, given: Any) -> None:
        await given.package("adder")
        path = f"/odata/Processes/{ODATA}.SetArguments"
        for text in ("{", "7", '"x"'):
            await api.post(path, {"key": "adder:1.0.0", "arguments": {"Input": text}}, expect=400)
        await api.post(path, {"key": "adder:2.0.0", "arguments": {}}, expect=404)
        user = await api.as_role("Allow to be Automation User")
        await user.post(path, {"key": "adder:1.0.0", "arguments": {}}, expect=403)


class TestDeletePackage:
    async def test_200_one_version_with_its_file(self, api: Any, given: Any, blobs: Any) -> None:
        before = blobs()
        await given.package("adder", "1.0.0")
        await given.package("adder", "2.0.0")
        answer = await api.request("DELETE", "/odata/Processes('Adder:1.0')")
        assert (answer.status, answer.content) == (200, b"")
        assert await versions(api, "adder") == ["2.0.0"]
        async with asyncio.timeout(10):
            while blobs() > before + 1:  # noqa: ASYNC110 (nobody tells when a file is gone)
                await asyncio.sleep(0)

    async def test_200_by_id_what_nobody_uses(self, api: Any, given: Any) -> None:
        for version in ("1.0.0", "2.0.0", "3.0.0"):
            await given.package("adder", version)
        await given.process(package="adder", version="2.0.0")
        await api.delete("/odata/Processes('adder')", expect=200)
        assert await versions(api, "adder") == ["2.0.0"]
        refused = await api.delete("/odata/Processes('adder')", expect=409)
        assert refused["errorCode"] == 1664

    async def test_409_in_use_by_a_process(self, api: Any, given: Any) -> None:
        process = await given.process("payer")
        refused = await api.delete(f"/odata/Processes('{process['ProcessKey']}:1.0.0')", expect=409)
        assert refused["errorCode"] == 1664
        assert "payer" in refused["message"]
        assert await versions(api, process["ProcessKey"]) == ["1.0.0"]

    async def test_409_in_use_by_a_job_that_has_not_ended(self, api: Any, given: Any) -> None:
        await given.package("adder", "1.0.0")
        await given.package("adder", "2.0.0")
        process = await given.process(package="adder")
        await given.job(process)
        await api.patch(f"/odata/Releases({process['Id']})", {"ProcessVersion": "2.0.0"}, folder=process["FolderId"])
        refused = await api.delete("/odata/Processes('adder:1.0.0')", expect=409)
        assert "unfinished job" in refused["message"]

    async def test_a_process_made_meanwhile_keeps_its_package(self, api: Any, given: Any) -> None:
        folder = await given.shared()
        for number in range(8):
            name = f"racer{number}"
            await given.package(name)
            release = {"Name": name, "ProcessKey": name, "ProcessVersion": "1.0.0"}
            made, deleted = await asyncio.gather(
                api.request("POST", "/odata/Releases", release, folder=folder),
                api.request("DELETE", f"/odata/Processes('{name}:1.0.0')"),
            )
            assert (made.status, deleted.status) in ((201, 409), (404, 200))

    async def test_404_unknown_403_without_the_right(self, api: Any, given: Any) -> None:
        await given.package("adder")
        for key in ("nothing", "adder:2.0.0", "adder:x"):
            assert (await api.delete(f"/odata/Processes('{key}')", expect=404))["errorCode"] == 1677
        user = await api.as_role("Allow to be Automation User")
        await user.delete("/odata/Processes('adder')", expect=403)
        await api.tenant("stranger").delete("/odata/Processes('adder:1.0.0')", expect=404)
        assert await versions(api, "adder") == ["1.0.0"]


class TestFeeds:
    async def test_200_the_nearest_feed_above_or_null(self, api: Any, given: Any) -> None:
        plain = await given.folder()
        assert await api.get(f"/api/PackageFeeds/GetFolderFeed?folderId={plain['Id']}") is None
        top = await given.folder(feed_type="FolderHierarchy")
        below = await given.folder(parent=await given.folder(parent=top))
        feeds = {await api.get(f"/api/PackageFeeds/GetFolderFeed?folderId={each['Id']}") for each in (top, below)}
        assert len(feeds) == 1
        listed = await api.get("/api/PackageFeeds/GetFeeds")
        assert [(each["id"], each["folderId"]) for each in listed if each["folderId"]] == [(feeds.pop(), top["Id"])]
        assert [each["purpose"] for each in listed if not each["folderId"]] == ["Processes", "Libraries"]

    async def test_200_only_feeds_of_folders_that_are_seen(self, api: Any, given: Any) -> None:
        await given.folder(feed_type="FolderHierarchy")
        member = await api.as_role("Automation User", folder=await given.folder())
        assert [each["folderId"] for each in await member.get("/api/PackageFeeds/GetFeeds")] == [None, None]

    async def test_200_library_feeds(self, api: Any) -> None:
        (feed,) = await api.get("/api/PackageFeeds/GetLibraryFeeds")
        assert feed["purpose"] == "Libraries"

    async def test_400_without_a_folder_404_for_one_that_is_not_seen(self, api: Any, given: Any) -> None:
        await api.get("/api/PackageFeeds/GetFolderFeed", expect=400)
        folder = await given.folder()
        stranger = await api.as_role("Automation User", folder=await given.folder())
        await stranger.get(f"/api/PackageFeeds/GetFolderFeed?folderId={folder['Id']}", expect=404)
