"""Operations on machines."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

MACHINES = "/odata/Machines"
ODATA = "UiPath.Server.Configuration.OData"


async def row(api: Any, machine: Any) -> Any:
    return await api.get(f"{MACHINES}({machine['Id']})")


class TestCreateMachine:
    async def test_201_answers_key_and_secret_once(self, api: Any) -> None:
        made = await api.post(MACHINES, {"Name": " Atlas ", "Type": "Template", "UnattendedSlots": 2}, expect=201)
        assert made["Name"] == "Atlas"
        assert made["UnattendedSlots"] == 2
        assert (made["Scope"], made["AutomationType"], made["TargetFramework"]) == ("Default", "Any", "Any")
        assert len(made["LicenseKey"]) == 36
        assert len(made["ClientSecret"]) >= 20
        again = await row(api, made)
        assert again["ClientSecret"] is None
        assert again["LicenseKey"] == made["LicenseKey"]
        (listed,) = (await api.get(f"{MACHINES}?$filter=Name eq 'atlas'"))["value"]
        assert (listed["ClientSecret"], listed["RobotVersions"]) == (None, [])

    async def test_201_the_secret_opens_the_token_endpoint_and_the_key_the_robot_service(
        self, api: Any, given: Any, host: Any
    ) -> None:
        machine = await given.machine()
        form = {
            "grant_type": "client_credentials",
            "client_id": machine["LicenseKey"],
            "client_secret": machine["ClientSecret"],
        }
        answer = await api.request("POST", "/identity_/connect/token", data=form)
        assert (answer.status, "access_token" in answer.json) == (200, True)
        await host(machine)

    async def test_201_with_everything_that_can_be_given(self, api: Any, given: Any) -> None:
        robot = await api.post(
            "/odata/Robots", {"Name": "R", "Type": "Unattended", "HostingType": "Floating"}, expect=201
        )
        key = str(uuid4())
        body = {
            "Name": "Full",
            "Description": "all of it",
            "LicenseKey": key,
            "Scope": "Shared",
            "Type": "Standard",
            "NonProductionSlots": 1,
            "HeadlessSlots": 2,
            "TestAutomationSlots": 3,
            "AutomationType": "Background",
            "TargetFramework": "Portable",
            "Tags": [{"Name": "site", "Value": "Bern"}],
            "RobotUsers": [{"RobotId": robot["Id"]}],
            "UpdatePolicy": {"Type": "SpecificVersion", "SpecificVersion": "25.10"},
            "MaintenanceWindow": {"enabled": False, "duration": 30},
        }
        made = await api.post(MACHINES, body, expect=201)
        assert made["Tags"] == [{"Name": "site", "DisplayName": "site", "Value": "Bern", "DisplayValue": "Bern"}]
        assert [user["RobotId"] for user in made["RobotUsers"]] == [robot["Id"]]
        assert made["MaintenanceWindow"] == {"enabled": False, "duration": 30}
        plain = [name for name in body if name not in ("Tags", "RobotUsers", "MaintenanceWindow")]
        assert {name: made[name] for name in plain} == {name: body[name] for name in plain}

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"UnattendedSlots": -1}, "UnattendedSlots"),
            ({"TestAutomationSlots": -5}, "TestAutomationSlots"),
            ({"AutomationCloudSlots": 1}, "AutomationCloudSlots"),
            ({"LicenseKey": "short"}, "LicenseKey"),
            ({"Scope": "PersonalWorkspace"}, "Scope"),
            ({"Name": "  "}, "Name"),
            ({"Name": None}, "Name"),
            ({"Type": "Cloud"}, "Type"),
            ({"Tags": [{"Value": "x"}]}, "Tags"),
            ({"RobotUsers": [{}]}, "RobotUsers[0].RobotId"),
            ({"UnattendedSlots": 2**31}, "UnattendedSlots"),
        ],
    )
    async def test_400_names_the_member(self, api: Any, members: Any, named: str) -> None:
        refused = await api.post(MACHINES, {"Name": "M"} | members, expect=400)
        assert named in refused["message"]
        assert (await api.get(f"{MACHINES}?$filter=Name eq 'M'"))["value"] == []

    async def test_409_name_taken_in_any_case(self, api: Any, given: Any) -> None:
        await given.machine("Atlas")
        refused = await api.post(MACHINES, {"Name": "ATLAS"}, expect=409)
        assert (refused["errorCode"], refused["message"]) == (1001, "The name ATLAS is already used.")

    async def test_409_license_key_taken_even_by_another_tenant(self, api: Any) -> None:
        key = str(uuid4())
        await api.tenant("other").post(MACHINES, {"Name": "A", "LicenseKey": key}, expect=201)
        await api.post(MACHINES, {"Name": "B", "LicenseKey": key}, expect=409)

    async def test_404_robot_unknown(self, api: Any) -> None:
        body = {"Name": "M", "RobotUsers": [{"RobotId": 999999999}]}
        assert "999999999" in (await api.post(MACHINES, body, expect=404))["message"]

    async def test_501_a_maintenance_window_that_would_not_open(self, api: Any) -> None:
        body = {"Name": "M", "MaintenanceWindow": {"enabled": True, "cronExpression": "0 0 1 * * ?"}}
        await api.post(MACHINES, body, expect=501)

    async def test_403_without_the_right(self, api: Any) -> None:
        await api.as_role("Allow to be Automation User").post(MACHINES, {"Name": "M"}, expect=403)


class TestChangeMachine:
    async def test_put_replaces_slots_by_0(self, api: Any, given: Any) -> None:
        machine = await given.machine("Atlas", slots=3, HeadlessSlots=2, Description="old")
        changed = await api.put(f"{MACHINES}({machine['Id']})", {"Name": "Titan", "HeadlessSlots": 4}, expect=200)
        assert (changed["Name"], changed["UnattendedSlots"], changed["HeadlessSlots"]) == ("Titan", 0, 4)
        assert changed["Description"] is None
        assert changed["LicenseKey"] == machine["LicenseKey"]
        assert changed["Type"] == machine["Type"]

    async def test_patch_changes_what_is_given(self, api: Any, given: Any) -> None:
        machine = await given.machine("Atlas", slots=3, Description="old", Tags=[{"Name": "a"}])
        await api.patch(f"{MACHINES}({machine['Id']})", {"UnattendedSlots": 0}, expect=200)
        changed = await row(api, machine)
        assert (changed["Name"], changed["UnattendedSlots"], changed["Description"]) == ("Atlas", 0, "old")
        assert changed["Tags"][0]["Name"] == "a"

    async def test_patch_null_empties_texts_and_objects_and_leaves_numbers(self, api: Any, given: Any) -> None:
        machine = await given.machine("Atlas", slots=3, Description="old", MaintenanceWindow={"enabled": False})
        nulls = {"Description": None, "MaintenanceWindow": None, "UnattendedSlots": None}
        await api.patch(f"{MACHINES}({machine['Id']})", nulls, expect=200)
        shown = await row(api, machine)
        assert [shown[name] for name in nulls] == [None, None, 3]

    async def test_a_machine_can_be_written_back_as_it_was_read(self, api: Any, given: Any) -> None:
        machine = await given.machine("Atlas", slots=2)
        shown = await row(api, machine)
        await api.put(f"{MACHINES}({machine['Id']})", shown, expect=200)
        after = await row(api, machine)
        assert {**after, "Tags": None} == {**shown, "Tags": None}

    @pytest.mark.parametrize(
        "members", [{"LicenseKey": "another-key-of-a-machine"}, {"Type": "Standard"}, {"Scope": "Shared"}]
    )
    async def test_409_what_is_fixed_does_not_change(self, api: Any, given: Any, members: Any) -> None:
        machine = await given.machine("Atlas")
        refused = await api.patch(f"{MACHINES}({machine['Id']})", members, expect=409)
        assert refused["message"].startswith(next(iter(members)))

    async def test_409_name_of_another(self, api: Any, given: Any) -> None:
        await given.machine("Atlas")
        machine = await given.machine("Titan")
        assert (await api.patch(f"{MACHINES}({machine['Id']})", {"Name": "atlas"}, expect=409))["errorCode"] == 1001
        await api.patch(f"{MACHINES}({machine['Id']})", {"Name": "TITAN"}, expect=200)

    async def test_404_of_another_tenant(self, api: Any, given: Any) -> None:
        machine = await given.machine()
        other = api.tenant("other")
        await other.patch(f"{MACHINES}({machine['Id']})", {"UnattendedSlots": 9}, expect=404)
        await other.get(f"{MACHINES}({machine['Id']})", expect=404)
        await other.delete(f"{MACHINES}({machine['Id']})", expect=404)
        assert (await row(api, machine))["UnattendedSlots"] == 1


class TestDeleteMachine:
    async def test_204_takes_assignments_and_credentials_along(self, api: Any, given: Any, host: Any) -> None:
        machine = await given.machine(folder=await given.shared())
        connected = await host(machine)
        await api.delete(f"{MACHINES}({machine['Id']})", expect=204)
        await api.get(f"{MACHINES}({machine['Id']})", expect=404)
        await connected.beat(expect=401)
        form = {
            "grant_type": "client_credentials",
            "client_id": machine["LicenseKey"],
            "client_secret": machine["ClientSecret"],
        }
        answer = await api.request("POST", "/identity_/connect/token", data=form)
        assert answer.status in (400, 401)

    async def test_409_while_a_job_runs(self, api: Any, given: Any, host: Any) -> None:
        machine = await given.machine(folder=await given.shared())
        connected = await host(machine)
        job = await given.job()
        await connected.run(job)
        refused = await api.delete(f"{MACHINES}({machine['Id']})", expect=409)
        assert refused["errorCode"] == 1013
        await connected.report(job, "Successful")
        await api.delete(f"{MACHINES}({machine['Id']})", expect=204)

    async def test_204_jobs_that_had_not_begun_wait_again(self, api: Any, given: Any, host: Any) -> None:
        shared = await given.shared()
        machine = await given.machine(folder=shared)
        connected = await host(machine)
        job = await given.job()
        assert await connected.beat() != []
        await api.delete(f"{MACHINES}({machine['Id']})", expect=204)
        second = await host(await given.machine(folder=shared), "beta")
        await second.run(job)

    async def test_409_machine_of_a_workspace(self, api: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        (own,) = (await api.get(f"{MACHINES}?$filter=Scope eq 'PersonalWorkspace'"))["value"]
        assert own["LicenseKey"] is None
        await api.delete(f"{MACHINES}({own['Id']})", expect=409)


class TestDeleteBulk:
    async def test_204_all_409_or_404_none(self, api: Any, given: Any) -> None:
        one, two = await given.machine(), await given.machine()
        path = f"{MACHINES}/{ODATA}.DeleteBulk"
        await api.post(path, {"machineIds": [one["Id"], 999999999]}, expect=404)
        await api.get(f"{MACHINES}({one['Id']})", expect=200)
        await api.post(path, {"machineIds": [one["Id"], two["Id"], two["Id"]]}, expect=204)
        await api.get(f"{MACHINES}({two['Id']})", expect=404)
        assert "machineIds" in (await api.post(path, {}, expect=400))["message"]


class TestListMachines:
    async def test_200_robot_versions_are_there_while_a_host_is_connected(
        self, api: Any, given: Any, host: Any
    ) -> None:
        machine = await given.machine()
        first, second = await host(machine, "alpha"), await host(machine, "beta")
        assert (await row(api, machine))["RobotVersions"] == [
            {"Count": 2, "Version": "25.10.1", "MachineId": machine["Id"]}
        ]
        await first.stop()
        assert (await row(api, machine))["RobotVersions"][0]["Count"] == 1
        await second.stop()
        assert (await row(api, machine))["RobotVersions"] == []

    async def test_200_pages_and_counts(self, api: Any, given: Any) -> None:
        for name in ("A", "B", "C"):
            await given.machine(name)
        page = await api.get(f"{MACHINES}?$orderby=Name desc&$top=2&$filter=Type eq 'Template'&$select=Name")
        assert [machine["Name"] for machine in page["value"]] == ["C", "B"]
        assert page["@odata.count"] == 3

    async def test_403_without_the_right(self, api: Any) -> None:
        await api.as_role().get(MACHINES, expect=403)

    async def test_200_other_tenants_are_not_seen(self, api: Any, given: Any) -> None:
        await given.machine("Atlas")
        other = await api.tenant("other").get(MACHINES)
        assert "Atlas" not in [machine["Name"] for machine in other["value"]]


class TestGetAssignedMachines:
    async def test_200_own_and_inherited_without_keys(self, api: Any, given: Any) -> None:
        parent = await given.folder("Parent")
        child = await given.folder("Child", parent)
        machine = await given.machine("Atlas", folder=parent)
        await given.machine("Elsewhere")
        path = f"{MACHINES}/{ODATA}.GetAssignedMachines(folderId={child['Id']})"
        assert (await api.get(path))["value"] == []
        body = {"FolderId": parent["Id"], "MachineId": machine["Id"], "InheritEnabled": True}
        await api.post(f"/odata/Folders/{ODATA}.ToggleFolderMachineInherit", body)
        (found,) = (await api.get(f"{path}?$filter=IsAssignedToFolder eq true"))["value"]
        assert (found["Name"], found["LicenseKey"]) == ("Atlas", None)

    async def test_200_only_machines_that_take_the_robot(self, api: Any, given: Any) -> None:
        shared = await given.shared()
        bodies = [{"Name": name, "Type": "Unattended", "HostingType": "Floating"} for name in ("R1", "R2")]
        one, two = [(await api.post("/odata/Robots", body, expect=201))["Id"] for body in bodies]
        await given.machine("Any", folder=shared)
        await given.machine("One", folder=shared, RobotUsers=[{"RobotId": one}])
        path = f"{MACHINES}/{ODATA}.GetAssignedMachines(folderId={shared})"
        for robot, names in ((one, ["Any", "One"]), (two, ["Any"])):
            found = await api.get(f"{path}?robotId={robot}&$orderby=Name")
            assert [machine["Name"] for machine in found["value"]] == names

    async def test_404_folder_unseen_and_200_for_who_may_start_jobs(self, api: Any, given: Any) -> None:
        folder, hidden = await given.folder(), await given.folder()
        await given.machine("Atlas", folder=folder)
        user = api.as_role("Automation User", folder=folder)
        path = f"{MACHINES}/{ODATA}.GetAssignedMachines(folderId="
        assert [machine["Name"] for machine in (await user.get(f"{path}{folder['Id']})"))["value"]] == ["Atlas"]
        await user.get(f"{path}{hidden['Id']})", expect=404)


class TestGetRuntimesForFolder:
    async def test_200_zero_rows_then_slots_of_connected_hosts(self, api: Any, given: Any, host: Any) -> None:
        shared = await given.shared()
        path = f"{MACHINES}/{ODATA}.GetRuntimesForFolder(folderId={shared})"

        async def unattended() -> tuple[int, int, int]:
            (found,) = (await api.get(f"{path}?$filter=Type eq 'Unattended'"))["value"]
            return found["Total"], found["Connected"], found["Available"]

        everything = await api.get(path)
        assert everything["@odata.count"] == len(everything["value"]) == 5
        assert await unattended() == (0, 0, 0)
        machine = await given.machine(folder=shared, slots=2)
        assert await unattended() == (2, 0, 0)
        first = await host(machine, "alpha")
        assert await unattended() == (2, 2, 2)
        await host(machine, "beta")
        assert await unattended() == (4, 4, 4)
        job = await given.job()
        await first.run(job)
        assert await unattended() == (4, 4, 3)
        await first.report(job, "Successful")
        await first.stop()
        assert await unattended() == (2, 2, 2)
        hosts = f"/odata/Sessions/{ODATA}.GetMachineSessions(key={machine['Id']})"
        (session,) = (await api.get(f"{hosts}?$filter=State eq 'Available'"))["value"]
        body = {"sessionId": session["Id"], "maintenanceMode": "Enabled"}
        await api.post(f"/odata/Sessions/{ODATA}.SetMaintenanceMode", body, expect=204)
        assert await unattended() == (2, 2, 0)
