"""Processes: made, read, changed, deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

ODATA = "UiPath.Server.Configuration.OData"
SCHEMA = {"type": "object", "properties": {"count": {"type": "integer"}}}
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


def body(name: str = "adder", version: str = "1.0.0", **members: Any) -> dict[str, Any]:
    return {"Name": name, "ProcessKey": "adder", "ProcessVersion": version} | members


def one(process: Any) -> str:
    return f"/odata/Releases({process['Id']})"


@pytest.fixture
async def folder(api: Any, given: Any) -> int:
    """Shared, with two versions of the package `adder` in the feed."""
    await given.package("adder", "1.0.0", entry_points={"main": SCHEMA, "other": {}})
    await given.package("adder", "1.1.0", entry_points={"main": SCHEMA, "other": {}})
    return int(await given.shared())


class TestCreateProcess:
    async def test_201_with_what_the_package_says(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(Description="sums"), folder=folder, expect=201)
        assert made["Name"] == "adder"
        assert made["Description"] == "sums"
        assert (made["ProcessKey"], made["ProcessVersion"]) == ("adder", "1.0.0")
        assert (made["JobPriority"], made["SpecificPriorityValue"]) == ("Normal", 45)
        assert (made["EntryPointPath"], made["TargetFramework"]) == ("main", "Portable")
        assert made["IsLatestVersion"] is False
        assert made["IsProcessDeleted"] is False
        assert json.loads(made["Arguments"]["Input"])[0]["name"] == "count"
        assert made["OrganizationUnitId"] == folder
        assert not {"CurrentVersion", "ReleaseVersions", "EntryPoint"} & made.keys()

    async def test_201_by_create_release_and_with_members_in_another_case(self, api: Any, folder: int) -> None:
        asked = {"name": "P", "processKey": "ADDER", "processVersion": "1.1", "somethingNew": {"x": 1}}
        made = await api.post(f"/odata/Releases/{ODATA}.CreateRelease", asked, folder=folder, expect=201)
        assert (made["ProcessKey"], made["ProcessVersion"]) == ("adder", "1.1.0")
        assert made["IsLatestVersion"] is True

    async def test_201_the_priority_value_wins_over_the_band(self, api: Any, folder: int) -> None:
        cases: list[tuple[dict[str, Any], tuple[str, int]]] = [
            ({"JobPriority": "High"}, ("High", 65)),
            ({"JobPriority": "low"}, ("Low", 25)),
            ({"SpecificPriorityValue": 30}, ("Low", 30)),
            ({"JobPriority": "Low", "SpecificPriorityValue": 61}, ("High", 61)),
        ]
        for number, (members, expected) in enumerate(cases):
            made = await api.post("/odata/Releases", body(f"p{number}", **members), folder=folder)
            assert (made["JobPriority"], made["SpecificPriorityValue"]) == expected

    async def test_201_settings_come_back(self, api: Any, folder: int) -> None:
        members: dict[str, Any] = {
            "InputArguments": '{"count": 3}',
            "EnvironmentVariables": "A=1\nB=x=y",
            "HiddenForAttendedUser": True,
            "RobotSize": "Medium",
            "RemoteControlAccess": "ReadOnly",
            "ProcessSettings": {"ErrorRecordingEnabled": True, "Duration": 40, "AlwaysRunning": False},
            "VideoRecordingSettings": {"VideoRecordingType": "Failed", "MaxDurationSeconds": 180},
            "Tags": [{"Name": "team", "DisplayName": "Team", "Value": "a", "DisplayValue": "A"}],
        }
        made = await api.post("/odata/Releases", body(**members), folder=folder, expect=201)
        assert {name: made[name] for name in members} == members

    async def test_201_entry_point_by_path_and_by_id(self, api: Any, folder: int) -> None:
        by_path = await api.post("/odata/Releases", body("a", EntryPointPath="OTHER"), folder=folder)
        assert by_path["EntryPointPath"] == "other"
        by_id = await api.post("/odata/Releases", body("b", EntryPointId=by_path["EntryPointId"]), folder=folder)
        assert by_id["EntryPointPath"] == "other"
        for members in ({"EntryPointPath": "nowhere"}, {"EntryPointId": 999_999_999}):
            refused = await api.post("/odata/Releases", body("c", **members), folder=folder, expect=400)
            assert "no entry point" in refused["message"]

    async def test_404_names_the_package_or_the_version(self, api: Any, folder: int) -> None:
        refused = await api.post("/odata/Releases", body() | {"ProcessKey": "nothing"}, folder=folder, expect=404)
        assert refused["errorCode"] == 1677
        assert "nothing" in refused["message"]
        refused = await api.post("/odata/Releases", body(version="9.9.9"), folder=folder, expect=404)
        assert refused["errorCode"] == 1662
        assert "9.9.9" in refused["message"]

    async def test_400_malformed(self, api: Any, folder: int) -> None:
        for members, code in (
            ({"ProcessVersion": "latest"}, 1675),
            ({"Name": ""}, None),
            ({"Name": "  "}, None),
            ({"Name": None}, 1014),
            ({"SpecificPriorityValue": 0}, None),
            ({"SpecificPriorityValue": 101}, None),
            ({"JobPriority": "Urgent"}, None),
            ({"InputArguments": "[1]"}, None),
            ({"InputArguments": '{"count": "three"}'}, None),
            ({"InputArguments": json.dumps({"count": "x" * 10_001})}, None),
            ({"EnvironmentVariables": "A=1\nnot a pair"}, None),
            ({"Tags": [{"Value": "no name"}]}, 1014),
        ):
            refused = await api.post("/odata/Releases", body() | members, folder=folder, expect=400)
            assert code in (None, refused["errorCode"]), (members, refused)
        assert (await api.get("/odata/Releases"))["value"] == []

    async def test_409_name_taken_in_the_folder_only(self, api: Any, given: Any, folder: int) -> None:
        await api.post("/odata/Releases", body("Straße"), folder=folder, expect=201)
        refused = await api.post("/odata/Releases", body("STRASSE"), folder=folder, expect=409)
        assert refused["errorCode"] == 1001
        await api.post("/odata/Releases", body("Straße"), folder=await given.folder(), expect=201)

    async def test_400_without_a_folder(self, api: Any, folder: int) -> None:
        assert (await api.post("/odata/Releases", body(), expect=400))["errorCode"] == 1101

    async def test_403_without_the_right_and_for_remote_control(self, api: Any, folder: int) -> None:
        user = await api.as_role("Automation User", folder=folder)
        await user.post("/odata/Releases", body(), folder=folder, expect=403)
        publisher = await api.as_role("Automation Publisher", folder=folder)
        await publisher.post("/odata/Releases", body(RemoteControlAccess="Full"), folder=folder, expect=403)
        await publisher.post("/odata/Releases", body(RemoteControlAccess="None"), folder=folder, expect=201)

    async def test_403_remote_control_alone_makes_and_changes_no_process(
        self, api: Any, node: Any, folder: int
    ) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        await node.rows(
            "INSERT INTO orchestrator.roles (tenant_id, name, name_key, display_name, type, permissions, created_at)"
            " VALUES ($1, 'Watcher', 'watcher', 'Watcher', 'Folder', $2, $3)",
            api.tenant_id,
            ["Processes.View", "RemoteControl.Create"],
            node.clock(),
        )
        watcher = await api.as_role("Watcher", folder=folder)
        await watcher.get(one(made), folder=folder)
        await watcher.post("/odata/Releases", body("x"), folder=folder, expect=403)
        await watcher.patch(one(made), {"Description": "x"}, folder=folder, expect=403)
        await watcher.put(one(made), body(Description="x"), folder=folder, expect=403)

    async def test_201_from_the_folders_own_feed_only(self, api: Any, given: Any, folder: int) -> None:
        own = await given.folder(feed_type="FolderHierarchy")
        feed = await api.get(f"/api/PackageFeeds/GetFolderFeed?folderId={own['Id']}")
        await api.post("/odata/Releases", body(), folder=own, expect=404)
        await given.package("adder", "7.0.0", feed=feed)
        below = await given.folder(parent=own)
        made = await api.post("/odata/Releases", body(version="7.0.0"), folder=below, expect=201)
        assert made["FeedId"] == feed
        refused = await api.post("/odata/Releases", body("x", "7.0.0"), folder=folder, expect=404)
        assert refused["errorCode"] == 1662

    async def test_event_and_audit_row(self, api: Any, node: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        (event,) = await node.rows(
            "SELECT payload ->> 'Releases' AS releases, folder_id FROM kernel.outbox WHERE tenant_id = $1 AND type = $2",
            api.tenant_id,
            "process.created",
        )
        assert json.loads(event["releases"])[0]["Key"] == made["Key"]
        assert event["folder_id"] == folder
        (row,) = await node.rows(
            "SELECT component, action, entity_id FROM kernel.audit WHERE tenant_id = $1 AND operation = 'Releases_Post'",
            api.tenant_id,
        )
        assert tuple(row) == ("Processes", "Create", str(made["Id"]))


class TestReadProcesses:
    async def test_200_in_the_folder_or_in_all_that_are_seen(self, api: Any, given: Any, folder: int) -> None:
        other = await given.folder()
        await api.post("/odata/Releases", body("here"), folder=folder)
        await api.post("/odata/Releases", body("there"), folder=other)
        for path in ("/odata/Releases", f"/odata/Releases/{ODATA}.ListReleases"):
            everywhere = await api.get(f"{path}?$orderby=Name")
            assert [each["Name"] for each in everywhere["value"]] == ["here", "there"]
            assert [each["Name"] for each in (await api.get(path, folder=other))["value"]] == ["there"]
            member = await api.as_role("Automation User", folder=other)
            assert [each["Name"] for each in (await member.get(path))["value"]] == ["there"]

    async def test_200_as_the_vendors_cli_asks(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        found = await api.get(
            f"/odata/Releases/{ODATA}.ListReleases?$select=Id,Key,ProcessVersion&$top=25&$filter=ProcessKey eq 'Adder'",
            headers={"x-uipath-organizationunitid": UNKNOWN},
        )
        assert found["value"] == [{"Key": made["Key"], "ProcessVersion": "1.0.0", "Id": made["Id"]}]
        for key in (made["Key"], f"'{made['Key']}'"):
            assert len((await api.get(f"/odata/Releases?$filter=key eq {key}"))["value"]) == 1

    async def test_200_only_folders_with_what_is_asked_for(self, api: Any, given: Any, folder: int) -> None:
        other = await given.folder()
        for home in (folder, other["Id"]):
            await api.post("/odata/Releases", body(), folder=home)
        user = await api.as_role("Automation Publisher", folder=folder)
        await api.as_role("Automation User", folder=other)
        found = await user.get(
            "/odata/Releases?mandatoryPermissions=Processes.Edit&atLeastOnePermissions=Jobs.Create,Jobs.Edit"
        )
        assert [each["OrganizationUnitId"] for each in found["value"]] == [folder]
        await user.get("/odata/Releases?mandatoryPermissions=Processes.Delete", expect=403)

    async def test_200_one_with_what_is_expanded(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        query = "?$expand=CurrentVersion,ReleaseVersions,EntryPoint,Environment"
        for path in (one(made), f"{one(made)}/{ODATA}.GetRelease"):
            shown = await api.get(path + query, folder=folder)
            assert shown["CurrentVersion"]["VersionNumber"] == "1.0.0"
            assert shown["ReleaseVersions"] == [shown["CurrentVersion"]]
            assert shown["EntryPoint"]["Path"] == "main"
            assert shown["Environment"] is None

    async def test_404_unknown_of_another_folder_and_of_another_tenant(self, api: Any, given: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        assert (await api.get("/odata/Releases(999999999)", folder=folder, expect=404))["errorCode"] == 1002
        await api.get(one(made), folder=await given.folder(), expect=404)
        stranger = await api.tenant("stranger")
        found = await stranger.get("/odata/Folders?$filter=DisplayName eq 'Shared'")
        await stranger.get(one(made), folder=found["value"][0]["Id"], expect=404)
        assert (await stranger.get("/odata/Releases"))["value"] == []


class TestReplaceProcess:
    async def test_200_what_is_left_out_gets_its_default(self, api: Any, folder: int) -> None:
        made = await api.post(
            "/odata/Releases",
            body(Description="d", JobPriority="High", EntryPointPath="other", Tags=[{"Name": "t"}], AutoUpdate=True),
            folder=folder,
        )
        shown = await api.put(one(made), body("renamed"), folder=folder, expect=200)
        assert shown["Key"] == made["Key"]
        assert (shown["Name"], shown["Description"], shown["Tags"]) == ("renamed", None, [])
        assert (shown["JobPriority"], shown["EntryPointPath"], shown["AutoUpdate"]) == ("Normal", "main", False)
        assert shown["LastModificationTime"] is not None

    async def test_200_what_was_read_can_be_sent_back(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(EntryPointPath="other", AutoUpdate=True), folder=folder)
        shown = await api.put(one(made), made, folder=folder, expect=200)
        assert shown | {"LastModificationTime": None, "LastModifierUserId": None} == made

    async def test_200_another_version_keeps_the_entry_point_that_is_sent_back(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(EntryPointPath="other"), folder=folder)
        shown = await api.put(one(made), made | {"ProcessVersion": "1.1.0"}, folder=folder)
        assert (shown["ProcessVersion"], shown["EntryPointPath"]) == ("1.1.0", "other")
        assert shown["EntryPointId"] != made["EntryPointId"]

    async def test_400_another_package_or_feed_or_a_member_missing(self, api: Any, given: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        await api.put(one(made), body() | {"ProcessKey": "else"}, folder=folder, expect=400)
        await api.put(one(made), body(FeedId=UNKNOWN), folder=folder, expect=400)
        assert (await api.put(one(made), {"Name": "x"}, folder=folder, expect=400))["errorCode"] == 1014

    async def test_409_name_of_another(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body("a"), folder=folder)
        await api.post("/odata/Releases", body("b"), folder=folder)
        await api.put(one(made), body("B"), folder=folder, expect=409)
        await api.put(one(made), body("A"), folder=folder, expect=200)


class TestPatchProcess:
    async def test_200_changes_only_what_is_given(self, api: Any, folder: int) -> None:
        made = await api.post(
            "/odata/Releases", body(Description="d", JobPriority="High", EntryPointPath="other"), folder=folder
        )
        answer = await api.request("PATCH", one(made), {"InputArguments": '{"count": 1}'}, folder=folder)
        assert (answer.status, answer.content) == (200, b"")
        shown = await api.get(one(made), folder=folder)
        assert (shown["Description"], shown["JobPriority"], shown["InputArguments"]) == ("d", "High", '{"count": 1}')
        assert shown["EntryPointPath"] == "other"
        await api.patch(one(made), {"Description": None}, folder=folder)
        assert (await api.get(one(made), folder=folder))["Description"] is None

    async def test_200_the_version_as_a_publishing_client_sends_it(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        await api.patch(one(made), body(version="1.1.0"), folder=folder)
        shown = await api.get(f"{one(made)}?$expand=ReleaseVersions", folder=folder)
        assert [each["VersionNumber"] for each in shown["ReleaseVersions"]] == ["1.1.0", "1.0.0"]

    async def test_400_arguments_that_do_not_fit_change_nothing(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        asked = {"Description": "new", "ProcessVersion": "1.1.0", "InputArguments": '{"count": "x"}'}
        await api.patch(one(made), asked, folder=folder, expect=400)
        shown = await api.get(one(made), folder=folder)
        assert (shown["Description"], shown["ProcessVersion"]) == (None, "1.0.0")

    async def test_403_without_the_right(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        user = await api.as_role("Automation User", folder=folder)
        await user.patch(one(made), {"Description": "x"}, folder=folder, expect=403)
        publisher = await api.as_role("Automation Publisher", folder=folder)
        await publisher.patch(one(made), {"RemoteControlAccess": "Full"}, folder=folder, expect=403)
        await publisher.patch(one(made), {"Description": "x"}, folder=folder, expect=200)


class TestUpdateByKey:
    async def test_200_version_entry_point_and_input(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        path = f"/odata/Releases/{ODATA}.UpdateByKey"
        asked = {"releaseKey": made["Key"], "processVersion": "1.1.0", "entryPointPath": "other", "inputArgs": "{}"}
        await api.post(path, asked, folder=folder, expect=200)
        shown = await api.get(one(made), folder=folder)
        assert (shown["ProcessVersion"], shown["EntryPointPath"], shown["InputArguments"]) == ("1.1.0", "other", "{}")
        await api.post(path, {"releaseKey": UNKNOWN}, folder=folder, expect=404)
        assert (await api.post(path, {"releaseKey": "x"}, folder=folder, expect=400))["errorCode"] == 1674
        long = json.dumps({"text": "x" * 10_000})
        await api.post(path, {"releaseKey": made["Key"], "inputArgs": long}, folder=folder, expect=400)


class TestDeleteProcess:
    async def test_204_the_package_stays(self, api: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        await api.delete(one(made), folder=folder, expect=204)
        await api.get(one(made), folder=folder, expect=404)
        assert len((await api.get("/odata/Processes"))["value"]) == 1
        await api.delete(one(made), folder=folder, expect=404)

    async def test_409_while_a_job_has_not_ended_and_its_history_stays(self, api: Any, given: Any, folder: int) -> None:
        made = await given.process("p", package="adder")
        job = await given.job(made)
        assert (await api.delete(one(made), folder=folder, expect=409))["errorCode"] == 1668
        await api.post(f"/odata/Jobs({job['Id']})/{ODATA}.StopJob", {"strategy": "Kill"}, folder=folder)
        await api.delete(one(made), folder=folder, expect=204)
        shown = await api.get(f"/odata/Jobs({job['Id']})", folder=folder)
        assert (shown["ReleaseName"], shown["State"]) == ("p", "Stopped")

    async def test_204_by_key_with_and_without_a_folder(self, api: Any, given: Any, folder: int) -> None:
        made = [await api.post("/odata/Releases", body(name), folder=folder) for name in ("a", "b")]
        path = "/api/Releases/DeleteByKey?key="
        await api.delete(path + made[0]["Key"], folder=await given.folder(), expect=404)
        await api.delete(path + made[0]["Key"], folder=folder, expect=204)
        user = await api.as_role("Folder Administrator", folder=await given.folder())
        await user.delete(path + made[1]["Key"], expect=404)
        await api.delete(path + made[1]["Key"], expect=204)
        await api.delete(path + made[1]["Key"], expect=404)
        await api.delete(path + "x", expect=404)
        await api.delete("/api/Releases/DeleteByKey", expect=400)

    async def test_403_seen_without_the_right(self, api: Any, given: Any, folder: int) -> None:
        made = await api.post("/odata/Releases", body(), folder=folder)
        user = await api.as_role("Automation User", folder=folder)
        await user.delete(one(made), folder=folder, expect=403)
        await user.delete(f"/api/Releases/DeleteByKey?key={made['Key']}", expect=403)
