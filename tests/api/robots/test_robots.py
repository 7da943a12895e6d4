"""Operations on robots."""

from __future__ import annotations

from typing import Any

import pytest

ROBOTS = "/odata/Robots"
ODATA = "UiPath.Server.Configuration.OData"


def path(action: str) -> str:
    return f"{ROBOTS}/{ODATA}.{action}"


async def make(api: Any, name: str = "R1", **members: Any) -> Any:
    """A robot made by hand."""
    body = {"Name": name, "Type": "Unattended", "HostingType": "Floating", "Username": f"corp\\{name}"} | members
    return await api.post(ROBOTS, body, expect=201)


async def names(api: Any, address: str, **options: Any) -> list[str]:
    return sorted(robot["Name"] for robot in (await api.get(address, **options))["value"])


class TestCreateRobot:
    async def test_201_floating(self, api: Any) -> None:
        settings = {"TracingLevel": "Verbose", "ResolutionWidth": 1920, "LoginToConsole": True}
        made = await make(api, Description="d", ExecutionSettings=settings, LimitConcurrentExecution=True)
        assert (made["HostingType"], made["Type"], made["ProvisionType"]) == ("Floating", "Unattended", "Manual")
        assert (made["Username"], made["Enabled"], made["LimitConcurrentExecution"]) == ("corp\\R1", True, True)
        assert made["ExecutionSettings"] == settings
        assert (made["Password"], made["LicenseKey"]) == (None, None)
        assert made == await api.get(f"{ROBOTS}({made['Id']})") | {"@odata.context": made["@odata.context"]}

    async def test_201_standard_by_name_or_id_of_its_machine(self, api: Any, given: Any) -> None:
        machine = await given.machine("Desk", Type="Standard")
        first = await make(api, "R1", HostingType="Standard", MachineName="desk")
        second = await make(api, "R2", HostingType="Standard", MachineId=machine["Id"])
        assert [robot["MachineId"] for robot in (first, second)] == [machine["Id"]] * 2
        assert first["MachineName"] == "Desk"

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"Name": "a name of 20 letters"}, "Name"),
            ({"Name": " "}, "Name"),
            ({"Type": None}, "Type"),
            ({"HostingType": None}, "HostingType"),
            ({"HostingType": "Standard"}, "MachineName"),
            ({"ExecutionSettings": {"TracingLevel": "Loud"}}, "ExecutionSettings.TracingLevel"),
            ({"ExecutionSettings": {"ResolutionWidth": -1}}, "ExecutionSettings.ResolutionWidth"),
        ],
    )
    async def test_400_names_the_member(self, api: Any, members: Any, named: str) -> None:
        body = {"Name": "R1", "Type": "Unattended", "HostingType": "Floating"} | members
        assert named in (await api.post(ROBOTS, body, expect=400))["message"]

    async def test_409_wrong_machine_name_taken(self, api: Any, given: Any) -> None:
        template = await given.machine("Atlas")
        standard = {"Name": "R1", "Type": "Unattended", "HostingType": "Standard", "MachineId": template["Id"]}
        assert "template" in (await api.post(ROBOTS, standard, expect=409))["message"]
        await api.post(ROBOTS, standard | {"HostingType": "Floating"}, expect=409)
        await make(api, "R1")
        again = {"Name": "r1", "Type": "Unattended", "HostingType": "Floating"}
        assert (await api.post(ROBOTS, again, expect=409))["errorCode"] == 1001

    async def test_404_machine_or_user_unknown(self, api: Any) -> None:
        body = {"Name": "R1", "Type": "Unattended", "HostingType": "Standard", "MachineName": "nowhere"}
        await api.post(ROBOTS, body, expect=404)
        await api.post(ROBOTS, body | {"HostingType": "Floating", "MachineName": None, "UserId": 999999999}, expect=404)

    async def test_501_a_password_is_not_dropped_in_silence(self, api: Any) -> None:
        body = {"Name": "R1", "Type": "Unattended", "HostingType": "Floating", "Password": "secret"}
        refused = await api.post(ROBOTS, body, expect=501)
        assert "secret" not in refused["message"]

    async def test_403_without_the_right(self, api: Any) -> None:
        body = {"Name": "R1", "Type": "Unattended", "HostingType": "Floating"}
        await api.as_role("Allow to be Automation User").post(ROBOTS, body, expect=403)


class TestChangeRobot:
    async def test_put_replaces_patch_changes_what_is_given(self, api: Any) -> None:
        robot = await make(api, Description="d", LimitConcurrentExecution=True)
        address = f"{ROBOTS}({robot['Id']})"
        await api.patch(address, {"Enabled": False}, expect=200)
        shown = await api.get(address)
        assert (shown["Enabled"], shown["Description"], shown["LimitConcurrentExecution"]) == (False, "d", True)
        assert shown["LastModificationTime"] is not None
        body = {"Name": "a name much longer than nineteen", "Type": "NonProduction", "HostingType": "Floating"}
        await api.put(address, body, expect=200)
        shown = await api.get(address)
        assert (shown["Name"], shown["Type"], shown["Enabled"]) == (body["Name"], "NonProduction", True)
        assert (shown["Description"], shown["Username"], shown["LimitConcurrentExecution"]) == (None, None, False)

    async def test_a_robot_can_be_written_back_as_it_was_read(self, api: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        (shown,) = (await api.get(ROBOTS))["value"]
        await api.put(f"{ROBOTS}({shown['Id']})", shown, expect=200)
        after = await api.get(f"{ROBOTS}({shown['Id']})")
        changed = {name for name, value in shown.items() if after[name] != value}
        assert changed <= {"LastModificationTime", "LastModifierUserId"}

    async def test_409_hosting_user_and_name_of_another(self, api: Any) -> None:
        robot = await make(api)
        await make(api, "R2")
        address = f"{ROBOTS}({robot['Id']})"
        for members in ({"HostingType": "Standard"}, {"UserId": 1}, {"Name": "r2"}):
            assert next(iter(members)).lower() in (await api.patch(address, members, expect=409))["message"].lower()

    async def test_409_user_name_and_type_while_jobs_run(self, api: Any, given: Any, host: Any) -> None:
        robot = await make(api)
        connected = await host(await given.machine(folder=await given.shared()))
        job = await given.job(Strategy="Specific", RobotIds=[robot["Id"]])
        await connected.run(job)
        address = f"{ROBOTS}({robot['Id']})"
        for member, value in (("Username", "corp\\other"), ("Type", "Attended")):
            assert member in (await api.patch(address, {member: value}, expect=409))["message"]
        await api.patch(address, {"Description": "still"}, expect=200)
        assert (await api.delete(address, expect=409))["errorCode"] == 1206
        await connected.report(job, "Successful")
        await api.delete(address, expect=204)

    async def test_404_of_another_tenant(self, api: Any) -> None:
        robot = await make(api)
        other = api.tenant("other")
        address = f"{ROBOTS}({robot['Id']})"
        await other.get(address, expect=404)
        await other.patch(address, {"Enabled": False}, expect=404)
        await other.delete(address, expect=404)
        await other.post(path("ToggleEnabledStatus"), {"robotIds": [robot["Id"]], "enabled": False}, expect=404)
        assert (await api.get(address))["Enabled"] is True


class TestDeleteRobots:
    async def test_204_all_or_none(self, api: Any) -> None:
        one, two = await make(api, "R1"), await make(api, "R2")
        await api.post(path("DeleteBulk"), {"robotIds": [one["Id"], 999999999]}, expect=404)
        assert await names(api, ROBOTS) == ["R1", "R2"]
        await api.post(path("DeleteBulk"), {"robotIds": [one["Id"], two["Id"]]}, expect=204)
        assert await names(api, ROBOTS) == []
        await api.post(path("DeleteBulk"), {"robotIds": []}, expect=400)

    async def test_409_jobs_wait_for_it(self, api: Any, given: Any) -> None:
        robot = await make(api)
        await given.job(Strategy="Specific", RobotIds=[robot["Id"]])
        assert (await api.delete(f"{ROBOTS}({robot['Id']})", expect=409))["errorCode"] == 1012

    async def test_409_what_a_machine_brings(self, api: Any, given: Any, host: Any) -> None:
        await host(await given.machine("Atlas"))
        (robot,) = (await api.get(ROBOTS))["value"]
        await api.delete(f"{ROBOTS}({robot['Id']})", expect=409)


class TestToggleEnabledStatus:
    async def test_200_switches_off_and_on(self, api: Any) -> None:
        one, two = await make(api, "R1"), await make(api, "R2")
        body = {"robotIds": [one["Id"], two["Id"]], "enabled": False}
        await api.post(path("ToggleEnabledStatus"), body, expect=200)
        assert await names(api, f"{ROBOTS}?$filter=Enabled eq false") == ["R1", "R2"]
        await api.post(path("ToggleEnabledStatus"), body | {"enabled": True}, expect=200)
        assert await names(api, f"{ROBOTS}?$filter=Enabled eq false") == []
        await api.post(path("ToggleEnabledStatus"), body | {"robotIds": [999999999]}, expect=404)
        assert "enabled" in (await api.post(path("ToggleEnabledStatus"), {"robotIds": [1]}, expect=400))["message"]


class TestConvertToFloating:
    async def test_200_leaves_its_machine(self, api: Any, given: Any) -> None:
        await given.machine("Desk", Type="Standard")
        robot = await make(api, HostingType="Standard", MachineName="Desk")
        await api.post(path("ConvertToFloating"), {"robotId": robot["Id"]}, expect=200)
        shown = await api.get(f"{ROBOTS}({robot['Id']})")
        assert (shown["HostingType"], shown["MachineId"], shown["MachineName"]) == ("Floating", None, None)
        await api.post(path("ConvertToFloating"), {"robotId": robot["Id"]}, expect=409)
        await api.post(path("ConvertToFloating"), {"robotId": 999999999}, expect=404)


class TestListRobots:
    async def test_200_types_are_always_there_and_keys_never(self, api: Any, given: Any, host: Any) -> None:
        await host(await given.machine("Atlas"))
        await make(api)
        found = (await api.get(ROBOTS))["value"]
        assert len(found) == 2
        for robot in found:
            assert robot["HostingType"]
            assert robot["Type"]
            assert (robot.get("Key"), robot["LicenseKey"]) == (None, None)
        await api.get(f"{ROBOTS}?$filter=Key eq {'0' * 8}-0000-0000-0000-{'0' * 12}", expect=400)

    async def test_200_of_a_folder(self, api: Any, given: Any) -> None:
        folder = await given.folder()
        user = await api.as_role("Automation User", folder=folder)
        await make(api, "Inside", UserId=user.user_id)
        await make(api, "Outside")
        assert await names(api, ROBOTS, folder=folder) == ["Inside"]
        assert await names(api, ROBOTS) == ["Inside", "Outside"]

    async def test_200_configured_ones_are_without_those_of_machines(self, api: Any, given: Any, host: Any) -> None:
        await host(await given.machine("Atlas"))
        await make(api, "R1", UserId=api.user_id)
        assert await names(api, path("GetConfiguredRobots")) == ["R1"]
        assert await names(api, path("FindAllAcrossFolders")) == ["Atlas", "R1"]
        (robot,) = (await api.get(f"{path('GetConfiguredRobots')}?$expand=User"))["value"]
        assert robot["User"]["UserName"] == "admin"

    async def test_403_users_without_the_right_to_see_them(self, api: Any) -> None:
        user = api.as_role("Allow to be Automation User")
        for action in ("GetConfiguredRobots", "FindAllAcrossFolders"):
            await user.get(path(action), expect=200)
            await user.get(f"{path(action)}?$expand=User", expect=403)
        await api.as_role().get(ROBOTS, expect=403)

    async def test_200_user_names_once(self, api: Any) -> None:
        await make(api, "R1", Username="corp\\x")
        await make(api, "R2", Username="corp\\x")
        await make(api, "R3", Username=None)
        found = await api.get(path("GetUsernames"))
        assert (found["value"], found["@odata.count"]) == (["corp\\x"], 1)

    async def test_200_license_keys_by_name(self, api: Any, given: Any) -> None:
        machine = await given.machine("Atlas")
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        found = await api.get(path("GetMachineNameToLicenseKeyMappings"))
        assert found["value"] == [{"Key": "Atlas", "Value": machine["LicenseKey"]}]
        await api.as_role("Allow to be Automation User").get(path("GetMachineNameToLicenseKeyMappings"), expect=403)


class TestRobotsOfFolders:
    async def test_200_those_that_the_machine_takes(self, api: Any, given: Any) -> None:
        folder = await given.folder()
        one = await make(api, "R1", UserId=(await api.as_role("Automation User", folder=folder)).user_id)
        await make(api, "R2", UserId=(await api.as_role("Automation User", folder=folder)).user_id)
        any_, only = await given.machine(), await given.machine(RobotUsers=[{"RobotId": one["Id"]}])
        here = f"folderId={folder['Id']}"
        assert await names(api, f"{path('GetFolderRobots')}({here},machineId={any_['Id']})") == ["R1", "R2"]
        assert await names(api, f"{path('GetFolderRobots')}({here},machineId={only['Id']})") == ["R1"]
        assert await names(api, f"{path('GetRobotsFromFolder')}({here})") == ["R1", "R2"]
        assert await names(api, f"{path('GetRobotsFromFolder')}({here})?machineId={only['Id']}") == ["R1"]
        (shown,) = (await api.get(f"{path('GetRobotsFromFolder')}({here})?$filter=Name eq 'R1'"))["value"]
        assert shown["UserType"] == "DirectoryUser"
        assert shown["UserEmail"].endswith("@podium.test")

    async def test_404_folder_unseen_403_seen_without_the_right(self, api: Any, given: Any) -> None:
        folder, hidden = await given.folder(), await given.folder()
        user = api.as_role("Automation User", folder=folder)
        address = path("GetRobotsFromFolder")
        await user.get(f"{address}(folderId={folder['Id']})", expect=200)
        await user.get(f"{address}(folderId={hidden['Id']})", expect=404)
        await api.as_role(folder=folder).get(f"{address}(folderId={folder['Id']})", expect=403)

    async def test_200_robots_for_a_process(self, api: Any, given: Any) -> None:
        folder = await given.folder()
        user = await api.as_role("Automation User", folder=folder)
        await make(api, "Able", UserId=user.user_id)
        await make(api, "Off", UserId=user.user_id, Enabled=False)
        await make(api, "Attended", UserId=user.user_id, Type="Attended")
        process = await given.process(folder=folder)
        assert await names(api, f"{path('GetRobotsForProcess')}(processId='{process['Id']}')") == ["Able"]
        for unknown in ("999999999", "x"):
            await api.get(f"{path('GetRobotsForProcess')}(processId='{unknown}')", expect=404)
        await api.tenant("other").get(f"{path('GetRobotsForProcess')}(processId='{process['Id']}')", expect=404)
