"""Operations on sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

SESSIONS = "/odata/Sessions"
ODATA = "UiPath.Server.Configuration.OData"


def path(action: str) -> str:
    return f"{SESSIONS}/{ODATA}.{action}"


async def session_of(api: Any, name: str = "alpha") -> Any:
    """The host's session as the tenant's list shows it."""
    (found,) = (await api.get(f"{path('GetGlobalSessions')}?$filter=HostMachineName eq '{name}'"))["value"]
    return found


class TestListSessions:
    async def test_200_state_follows_the_jobs(self, api: Any, given: Any, host: Any) -> None:
        shared = await given.shared()
        machine = await given.machine("Atlas", folder=shared)
        connected = await host(machine)
        shown = await session_of(api)
        assert (shown["State"], shown["MachineName"], shown["MachineId"]) == ("Available", "Atlas", machine["Id"])
        assert (shown["Platform"], shown["Version"], shown["IsUnresponsive"]) == ("Linux", "25.10.1", False)
        job = await given.job()
        await connected.run(job)
        busy = await api.get(f"{SESSIONS}?$filter=State eq 'Busy'&$expand=Job,Robot", folder=shared)
        assert busy["value"][0]["Job"]["Key"] == job["Key"]
        assert busy["value"][0]["Robot"]["Name"] == "Atlas"
        await connected.report(job, "Successful")
        assert (await session_of(api))["State"] == "Available"
        await connected.stop()
        assert (await session_of(api))["State"] == "Disconnected"

    async def test_200_reporting_time_is_that_of_the_last_report(
        self, api: Any, given: Any, host: Any, clock: Any, node: Any
    ) -> None:
        await host(await given.machine())
        opened = (await session_of(api))["ReportingTime"]
        moment = clock.forward(seconds=90) - timedelta(seconds=1)
        await node.rows(
            "INSERT INTO orchestrator.session_beats VALUES ($1, $2, $3) ON CONFLICT (tenant_id, session_id)"
            " DO UPDATE SET reported_at = excluded.reported_at",
            api.tenant_id,
            (await session_of(api))["Id"],
            moment,
        )
        assert (await session_of(api))["ReportingTime"] > opened

    async def test_200_unresponsive_is_a_flag_beside_the_state(
        self, api: Any, given: Any, host: Any, clock: Any, node: Any
    ) -> None:
        await host(await given.machine())
        clock.forward(minutes=3)
        assert await node.run_loop("sessions.mark_silent") >= 1
        shown = await session_of(api)
        assert (shown["State"], shown["IsUnresponsive"]) == ("Available", True)

    async def test_200_folder_view_holds_hosts_that_serve_it(self, api: Any, given: Any, host: Any) -> None:
        folder, other = await given.folder(), await given.folder()
        await host(await given.machine(folder=folder), "alpha")
        await host(await given.machine(folder=other), "beta")
        await host(await given.machine(), "gamma")
        here = await api.get(SESSIONS, folder=folder)
        assert [session["HostMachineName"] for session in here["value"]] == ["alpha"]
        everywhere = await api.get(f"{SESSIONS}?$orderby=HostMachineName")
        assert [session["HostMachineName"] for session in everywhere["value"]] == ["alpha", "beta"]
        tenant_wide = await api.get(path("GetGlobalSessions"))
        assert tenant_wide["@odata.count"] == 3

    async def test_403_users_behind_robots_without_users_view(self, api: Any, given: Any, host: Any) -> None:
        await host(await given.machine())
        user = api.as_role("Allow to be Automation User")
        await user.get(f"{path('GetGlobalSessions')}?$expand=Robot", expect=200)
        await user.get(f"{path('GetGlobalSessions')}?$expand=Robot($expand=User)", expect=403)
        await user.get(f"{path('GetGlobalSessions')}?$filter=Robot/User/UserName eq 'admin'", expect=400)
        await api.get(f"{path('GetGlobalSessions')}?$expand=Robot($expand=User,License)", expect=200)

    async def test_403_without_the_right(self, api: Any) -> None:
        nobody = api.as_role()
        for address in (SESSIONS, path("GetGlobalSessions"), path("GetMachineSessionRuntimes")):
            await nobody.get(address, expect=403)

    async def test_200_other_tenants_are_not_seen(self, api: Any, given: Any, host: Any) -> None:
        await host(await given.machine())
        other = api.tenant("other")
        assert (await other.get(path("GetGlobalSessions")))["value"] == []
        assert (await other.get(path("GetMachineSessionRuntimes")))["value"] == []


class TestMachineSessions:
    async def test_200_with_service_user_404_unknown(self, api: Any, given: Any, host: Any) -> None:
        machine = await given.machine()
        await host(machine, "alpha", "svc")
        await host(machine, "alpha", "other")
        await host(await given.machine(), "beta")
        found = await api.get(f"{path('GetMachineSessions')}(key={machine['Id']})?$orderby=ServiceUserName")
        assert [session["ServiceUserName"] for session in found["value"]] == ["other", "svc"]
        await api.get(f"{path('GetMachineSessions')}(key=999999999)", expect=404)
        await api.tenant("other").get(f"{path('GetMachineSessions')}(key={machine['Id']})", expect=404)


class TestMachineSessionRuntimes:
    async def test_200_a_row_per_host_and_type(self, api: Any, given: Any, host: Any) -> None:
        shared = await given.shared()
        machine = await given.machine("Atlas", folder=shared, slots=2, HeadlessSlots=1)
        connected = await host(machine)
        await host(await given.machine("Empty", slots=0), "beta")
        job = await given.job()
        await connected.run(job)
        found = await api.get(f"{path('GetMachineSessionRuntimes')}?$orderby=HostMachineName,RuntimeType")
        shown = [
            (row["HostMachineName"], row["RuntimeType"], row["Runtimes"], row["UsedRuntimes"], row["Status"])
            for row in found["value"]
        ]
        assert shown == [
            ("alpha", "Headless", 1, 0, "Busy"),
            ("alpha", "Unattended", 2, 1, "Busy"),
            ("beta", "Unattended", 0, 0, "Available"),
        ]
        assert found["@odata.count"] == 3
        headless = await api.get(f"{path('GetMachineSessionRuntimes')}?runtimeType=Headless")
        assert [row["RuntimeType"] for row in headless["value"]] == ["Headless"]
        await api.get(f"{path('GetMachineSessionRuntimes')}?runtimeType=Nothing", expect=400)

    async def test_200_of_a_folder_404_unseen(self, api: Any, given: Any, host: Any) -> None:
        folder, hidden = await given.folder(), await given.folder()
        await host(await given.machine(folder=folder), "alpha")
        await host(await given.machine(folder=hidden), "beta")
        user = api.as_role("Automation User", folder=folder)
        address = path("GetMachineSessionRuntimesByFolderId")
        found = await user.get(f"{address}(folderId={folder['Id']})?runtimeType=Unattended")
        assert [row["HostMachineName"] for row in found["value"]] == ["alpha"]
        await user.get(f"{address}(folderId={hidden['Id']})", expect=404)
        await api.as_role(folder=folder).get(f"{address}(folderId={folder['Id']})", expect=403)


class TestNames:
    async def test_200_user_names_of_hosts(self, api: Any, given: Any, host: Any) -> None:
        machine = await given.machine()
        for name, user in (("alpha", "svc"), ("beta", "svc"), ("gamma", "")):
            await host(machine, name, user)
        found = await api.get(path("GetUsernames"))
        assert found["value"] == ["svc"]
        assert (await api.get(f"{path('GetUsernames')}?$skip=1"))["value"] == []

    async def test_200_robots_of_users(self, api: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        (found,) = (await api.get(path("GetUserRobots")))["value"]
        assert found == {"UserName": "admin", "RobotNames": ["admin"]}


class TestMaintenanceMode:
    async def test_204_keeps_jobs_away_until_it_ends(self, api: Any, given: Any, host: Any) -> None:
        connected = await host(await given.machine(folder=await given.shared()))
        session = await session_of(api)
        body = {"sessionId": session["Id"], "maintenanceMode": "Enabled"}
        await api.post(path("SetMaintenanceMode"), body, expect=204)
        (row,) = (await api.get(path("GetMachineSessionRuntimes")))["value"]
        assert row["MaintenanceMode"] == "Enabled"
        job = await given.job()
        assert await connected.beat() == []
        await api.post(path("SetMaintenanceMode"), body | {"maintenanceMode": "Default"}, expect=204)
        await connected.run(job)

    async def test_204_running_jobs_go_on_without_a_strategy(self, api: Any, given: Any, host: Any) -> None:
        connected = await host(await given.machine(folder=await given.shared()))
        job = await given.job()
        await connected.run(job)
        body = {"sessionId": (await session_of(api))["Id"], "maintenanceMode": "Enabled"}
        await api.post(path("SetMaintenanceMode"), body, expect=204)
        assert (await api.get(f"/odata/Jobs({job['Id']})", folder=job["FolderId"]))["State"] == "Running"

    @pytest.mark.parametrize(("strategy", "state"), [("SoftStop", "Stopping"), ("Kill", "Terminating")])
    async def test_204_a_strategy_stops_what_runs_and_frees_what_had_not_begun(
        self, api: Any, given: Any, host: Any, strategy: str, state: str
    ) -> None:
        shared = await given.shared()
        machine = await given.machine(folder=shared, slots=2)
        connected = await host(machine)
        running, waiting = await given.job(), await given.job()
        await connected.run(running)
        body = {
            "sessionId": (await session_of(api))["Id"],
            "maintenanceMode": "Enabled",
            "stopJobsStrategy": strategy,
        }
        await api.post(path("SetMaintenanceMode"), body, expect=204)
        assert (await api.get(f"/odata/Jobs({running['Id']})", folder=shared))["State"] == state
        assert (await api.get(f"/odata/Jobs({waiting['Id']})", folder=shared))["State"] == "Pending"
        (command,) = await connected.beat()
        assert running["Key"] in str(command)
        other = await host(machine, "beta")
        await other.run(waiting)

    async def test_400_names_the_member_404_unknown_403_without_the_right(
        self, api: Any, given: Any, host: Any
    ) -> None:
        await host(await given.machine())
        body = {"sessionId": (await session_of(api))["Id"], "maintenanceMode": "Enabled"}
        for member in body:
            partial = {name: value for name, value in body.items() if name != member}
            assert member in (await api.post(path("SetMaintenanceMode"), partial, expect=400))["message"]
        await api.post(path("SetMaintenanceMode"), body | {"sessionId": 999999999}, expect=404)
        await api.tenant("other").post(path("SetMaintenanceMode"), body, expect=404)
        await api.as_role("Allow to be Automation User").post(path("SetMaintenanceMode"), body, expect=403)


class TestDebugMode:
    async def test_204_until_the_minutes_are_over(self, api: Any, given: Any, host: Any, clock: Any) -> None:
        await host(await given.machine())
        session = await session_of(api)
        address = f"{SESSIONS}({session['Id']})/{ODATA}.ToggleMachineSessionDebugMode"
        assert "minutes" in (await api.post(address, {"enabled": True}, expect=400))["message"]
        assert "minutes" in (await api.post(address, {"enabled": True, "minutes": 0}, expect=400))["message"]
        await api.post(address, {"enabled": True, "minutes": 5}, expect=204)
        until = (clock() + timedelta(minutes=5)).isoformat(timespec="seconds")
        assert (await session_of(api))["DebugModeExpirationDate"].startswith(until[:19])
        await api.post(address, {"enabled": False}, expect=204)
        assert (await session_of(api))["DebugModeExpirationDate"] is None
        await api.post(f"{SESSIONS}(999999999)/{ODATA}.ToggleMachineSessionDebugMode", {"enabled": False}, expect=404)


class TestDeleteInactive:
    async def test_204_disconnected_ones_and_unknown_ids_are_passed_over(self, api: Any, given: Any, host: Any) -> None:
        machine = await given.machine()
        connected = await host(machine)
        session = await session_of(api)
        body = {"sessionIds": [session["Id"], 999999999]}
        refused = await api.post(path("DeleteInactiveUnattendedSessions"), body, expect=409)
        assert "alpha" in refused["message"]
        await connected.stop()
        await api.tenant("other").post(path("DeleteInactiveUnattendedSessions"), body, expect=204)
        await session_of(api)
        await api.post(path("DeleteInactiveUnattendedSessions"), body, expect=204)
        assert (await api.get(path("GetGlobalSessions")))["value"] == []

    async def test_204_a_silent_host_that_comes_back_gets_work_again(
        self, api: Any, given: Any, host: Any, clock: Any, node: Any
    ) -> None:
        connected = await host(await given.machine(folder=await given.shared()))
        session = await session_of(api)
        clock.forward(minutes=3)
        await node.run_loop("sessions.mark_silent")
        body = {"sessionIds": [session["Id"]]}
        await api.post(path("DeleteInactiveUnattendedSessions"), body, expect=204)
        job = await given.job()
        await connected.run(job)
        assert (await session_of(api))["Id"] != session["Id"]

    async def test_409_while_its_jobs_count_as_running_400_without_ids(self, api: Any, given: Any, host: Any) -> None:
        connected = await host(await given.machine(folder=await given.shared()))
        await connected.run(await given.job())
        await connected.stop()
        body = {"sessionIds": [(await session_of(api))["Id"]]}
        await api.post(path("DeleteInactiveUnattendedSessions"), body, expect=409)
        await api.post(path("DeleteInactiveUnattendedSessions"), {}, expect=400)
