"""The token that a job gets with its start: what it opens, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from podium.orchestrator.jobs.leases import KEPT_FOR
from tests.api.queue_items.calls import Desk, refusal
from tests.conftest import Caller, MovableClock

SERVICE = "/api/RobotsService"
ODATA = "UiPath.Server.Configuration.OData"


@dataclass
class Host:
    """A host with Podium's agent that runs nothing."""

    caller: Caller
    headers: dict[str, str] = field(
        default_factory=lambda: {"x-robot-machine": "host-1", "x-robot-capabilities": "function/python"}
    )

    async def post(self, name: str, body: object = None, expect: int = 200) -> Any:
        return await self.caller.post(f"{SERVICE}/{name}", body, headers=self.headers, expect=expect)

    async def poll(self) -> list[dict[str, Any]]:
        answer = await self.post("Commands", {"waitSeconds": 0, "runningJobs": [], "freeSlots": 4})
        return [command["data"] for command in answer["commands"]]

    async def token(self) -> str:
        """That of the only job that is to be started."""
        (command,) = await self.poll()
        assert command["type"] == "StartProcess"
        return str(command["accessToken"])

    async def report(self, key: str, state: str) -> None:
        await self.post("SubmitJobState", [{"jobKey": key, "jobState": state, "robotState": "Busy"}])


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Invoices")


@pytest.fixture
async def other_folder(given: Any) -> Any:
    return await given.folder("Payroll")


@pytest.fixture
async def machine(api: Caller, given: Any, folder: Any, other_folder: Any) -> Any:
    made = await given.machine(folder=folder, slots=4)
    ids = {"MachineIds": [made["Id"]], "FolderIds": [other_folder["Id"]]}
    await api.post(f"/odata/Folders/{ODATA}.AssignMachines", {"assignments": ids})
    return made


@pytest.fixture
async def host(api: Caller, machine: Any) -> Host:
    made = Host(api.machine(machine["LicenseKey"]))
    await made.post("StartService", {})
    return made


@pytest.fixture
async def job(given: Any, folder: Any) -> Any:
    return await given.job(folder=folder)


@pytest.fixture
async def queue(given: Any, folder: Any) -> Any:
    return await given.queue("Incoming", folder=folder)


class TestCommands:
    async def test_200_each_start_has_a_token_of_its_own_and_a_stop_has_none(
        self, api: Caller, given: Any, folder: Any, host: Host
    ) -> None:
        jobs = [await given.job(folder=folder) for _ in range(2)]
        commands = await host.poll()
        assert {command["jobKey"] for command in commands} == {each["Key"] for each in jobs}
        assert len({command["accessToken"] for command in commands}) == 2
        await host.report(jobs[0]["Key"], "Running")
        await api.post(f"/odata/Jobs({jobs[0]['Id']})/{ODATA}.StopJob", {"strategy": "SoftStop"}, folder=folder)
        (stop,) = [command for command in await host.poll() if command["type"] == "StopProcess"]
        assert "accessToken" not in stop

    async def test_200_the_answers_to_heartbeats_have_no_tokens(self, host: Host, job: Any) -> None:
        answer = await host.post("HeartbeatV2", {"CommandState": "All", "Heartbeats": []})
        assert [command["data"]["jobKey"] for command in answer["commands"]] == [job["Key"]]
        assert "accessToken" not in answer["commands"][0]["data"]


class TestInItsFolder:
    async def test_200_takes_and_ends_an_item_as_the_robot_of_the_job(
        self, api: Caller, host: Host, job: Any, queue: Any
    ) -> None:
        desk = Desk(api, queue)
        added = await desk.add(Reference="R-1", SpecificContent={"amount": 12})
        of_job = desk.as_caller(api.bearer(await host.token()))
        taken = await of_job.take()
        assert (taken["Id"], taken["SpecificContent"]) == (added["Id"], {"amount": 12})
        assert (await of_job.try_end(taken, Output={"total": 14})).status == 200
        row = await api.get(f"/odata/QueueItems({added['Id']})?$expand=Robot,Job", folder=queue["FolderId"])
        assert (row["Status"], row["Output"]) == ("Successful", {"total": 14})
        assert (row["ExecutorJobKey"], row["Job"]["HostMachineName"]) == (job["Key"], "host-1")
        assert row["RobotId"] is not None

    async def test_200_reads_assets_and_starts_jobs_of_its_folder_as_their_parent(
        self, api: Caller, given: Any, host: Host, job: Any, folder: Any
    ) -> None:
        process = await given.process(folder=folder)
        caller = api.bearer(await host.token())
        info = {"startInfo": {"ReleaseKey": process["Key"], "JobsCount": 1, "Strategy": "ModernJobsCount"}}
        (child,) = (await caller.post(f"/odata/Jobs/{ODATA}.StartJobs", info, folder=folder, expect=201))["value"]
        (row,) = await api.node.rows("SELECT parent_job_key FROM orchestrator.jobs WHERE id = $1", child["Id"])
        assert str(row["parent_job_key"]) == job["Key"]

    async def test_200_jobs_of_one_robot_have_idempotency_keys_of_their_own(
        self, api: Caller, given: Any, folder: Any, host: Host, queue: Any
    ) -> None:
        for _ in range(2):
            await given.job(folder=folder)
        desk = Desk(api, queue, {"idempotency-key": "first"})
        await desk.add_all([{"Reference": "a"}, {"Reference": "b"}])
        first, second = [
            Desk(api.bearer(command["accessToken"]), queue, {"idempotency-key": "first"})
            for command in await host.poll()
        ]
        assert {(await first.take())["Reference"], (await second.take())["Reference"]} == {"a", "b"}


class TestElsewhere:
    async def test_400_in_another_folder_of_its_machine(
        self, api: Caller, given: Any, host: Host, job: Any, other_folder: Any
    ) -> None:
        there = await given.queue("Salaries", folder=other_folder)
        await Desk(api, there).add(Reference="secret")
        desk = Desk(api.bearer(await host.token()), there)
        assert refusal(await desk.try_take()) == (400, 1100)
        assert refusal(await desk.try_add(Reference="x")) == (400, 1100)

    async def test_404_what_is_not_in_its_folder(
        self, api: Caller, given: Any, host: Host, job: Any, folder: Any, other_folder: Any
    ) -> None:
        there = await given.queue("Salaries", folder=other_folder)
        item = await Desk(api, there).add(Reference="secret")
        caller = api.bearer(await host.token())
        answer = await caller.request("GET", f"/odata/QueueItems({item['Id']})", folder=folder)
        assert answer.status == 404
        assert (await caller.get("/odata/QueueDefinitions"))["value"] == []

    async def test_403_in_another_tenant(self, api: Caller, host: Host, job: Any) -> None:
        other = await api.tenant("elsewhere")
        headers = {"authorization": f"Bearer {await host.token()}"}
        for tenant, status in ((api.tenant_name, 200), (other.tenant_name, 403), ("nowhere", 403)):
            path = f"/{api.node.config.organization}/{tenant}/orchestrator_/odata/Jobs"
            assert (await api.node.http.get(path, headers=headers)).status_code == status, tenant

    @pytest.mark.parametrize(
        "path", ["/odata/Users", "/odata/Roles", "/odata/Settings", "/odata/AuditLogs", "/odata/Machines"]
    )
    async def test_403_what_is_the_tenants(self, api: Caller, host: Host, job: Any, path: str) -> None:
        assert (await api.bearer(await host.token()).request("GET", path)).status == 403

    async def test_200_what_a_robot_with_an_account_may_see_elsewhere_stays_closed(
        self, api: Caller, given: Any, machine: Any, folder: Any, other_folder: Any
    ) -> None:
        administrator = await api.get("/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser")
        host = Host(api.machine(machine["LicenseKey"]))
        await host.post("StartService", {})
        await api.node.rows(
            "UPDATE orchestrator.robots SET user_id = $2 WHERE tenant_id = $1 AND machine_id = $3",
            api.tenant_id,
            administrator["Id"],
            machine["Id"],
        )
        await given.job(folder=folder)
        await given.queue("Here", folder=folder)
        await given.queue("There", folder=other_folder)
        caller = api.bearer(await host.token())
        assert [row["Name"] for row in (await caller.get("/odata/QueueDefinitions"))["value"]] == ["Here"]
        assert (await caller.request("GET", "/odata/Users")).status == 403
        assert refusal(await caller.request("GET", "/odata/Jobs", folder=other_folder)) == (400, 1100)

    async def test_401_where_only_the_machine_may_speak(self, api: Caller, host: Host, job: Any, machine: Any) -> None:
        token = await host.token()
        for headers in ({}, {"x-robot-license": machine["LicenseKey"]}):
            caller = api.with_headers({"authorization": f"Bearer {token}"} | headers)
            answer = await caller.request("POST", f"{SERVICE}/Commands", {}, headers=host.headers)
            assert refusal(answer) == (401, 1203)
            state = f"{SERVICE}/GetPersistentJob?persistenceId={job['Key']}"
            assert refusal(await caller.request("GET", state)) == (401, 1203)

    async def test_404_files_of_another_job(self, api: Caller, given: Any, host: Host, job: Any, folder: Any) -> None:
        token = await host.token()
        other = await given.job(folder=folder)
        caller = api.bearer(token)
        assert (await caller.request("GET", f"{SERVICE}/GetOutputFileAccess?jobKey={job['Key']}")).status == 200
        assert (await caller.request("GET", f"{SERVICE}/GetOutputFileAccess?jobKey={other['Key']}")).status == 404

    @pytest.mark.parametrize("path", ["/api/User/users/x", "/api/ExternalClient/x", "/api/Account/profile"])
    async def test_the_identity_server_does_not_know_it(self, api: Caller, host: Host, job: Any, path: str) -> None:
        headers = {"authorization": f"Bearer {await host.token()}"}
        answer = await api.node.http.get(f"/identity_{path}", headers=headers)
        assert answer.status_code in (401, 403, 404)


class TestEnd:
    async def works(self, api: Caller, token: str, folder: Any) -> bool:
        answer = await api.bearer(token).request("GET", "/odata/QueueDefinitions", folder=folder)
        assert answer.status in (200, 401), answer.text
        return answer.status == 200

    @pytest.mark.parametrize("state", ["Successful", "Faulted", "Stopped"])
    async def test_401_once_the_job_has_ended(
        self, api: Caller, host: Host, job: Any, folder: Any, clock: MovableClock, state: str
    ) -> None:
        token = await host.token()
        assert await self.works(api, token, folder)
        await host.report(job["Key"], "Running")
        clock.forward(hours=20)
        assert await self.works(api, token, folder)
        await host.report(job["Key"], state)
        clock.forward(seconds=KEPT_FOR.total_seconds())
        assert not await self.works(api, token, folder)

    async def test_401_for_the_earlier_of_two_hand_outs(
        self, api: Caller, host: Host, job: Any, folder: Any, clock: MovableClock
    ) -> None:
        earlier = await host.token()
        assert await self.works(api, earlier, folder)
        await host.post("StopService", {}, 204)
        clock.forward(seconds=KEPT_FOR.total_seconds())
        assert not await self.works(api, earlier, folder)
        other = Host(host.caller, host.headers | {"x-robot-machine": "host-2"})
        await other.post("StartService", {})
        later = await other.token()
        assert await self.works(api, later, folder)
        assert not await self.works(api, earlier, folder)

    async def test_401_when_the_robot_is_disabled(
        self, api: Caller, host: Host, job: Any, folder: Any, machine: Any, clock: MovableClock
    ) -> None:
        token = await host.token()
        await api.node.rows(
            "UPDATE orchestrator.robots SET is_enabled = false WHERE tenant_id = $1 AND machine_id = $2",
            api.tenant_id,
            machine["Id"],
        )
        assert not await self.works(api, token, folder)

    async def test_401_after_a_day_though_the_job_still_runs(
        self, api: Caller, host: Host, job: Any, folder: Any, clock: MovableClock
    ) -> None:
        token = await host.token()
        await host.report(job["Key"], "Running")
        clock.forward(hours=24, seconds=61)
        assert not await self.works(api, token, folder)


class TestSecrecy:
    async def test_the_token_is_nowhere_but_in_the_answer(
        self, api: Caller, host: Host, job: Any, queue: Any, capfd: pytest.CaptureFixture[str]
    ) -> None:
        token = await host.token()
        of_job = Desk(api.bearer(token), queue)
        await of_job.add(Reference="R-1")
        await of_job.try_end(await of_job.take())
        signature = token.rpartition(".")[2]
        said = capfd.readouterr()
        assert signature not in said.out + said.err
        for row in await api.node.rows(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN"
            " ('kernel', 'identity', 'orchestrator')"
        ):
            found = await api.node.rows(f"SELECT 1 FROM {row['name']} t WHERE t::text LIKE $1", f"%{signature}%")
            assert found == [], row["name"]
        files = [path for path in api.node.config.data_dir.rglob("*") if path.is_file()]
        assert [path for path in files if signature.encode() in path.read_bytes()] == []

    async def test_what_it_changes_is_audited_under_the_robots_name(
        self, api: Caller, given: Any, host: Host, job: Any, folder: Any, machine: Any
    ) -> None:
        process = await given.process(folder=folder)
        caller = api.bearer(await host.token())
        info = {"startInfo": {"ReleaseKey": process["Key"], "JobsCount": 1, "Strategy": "ModernJobsCount"}}
        await caller.post(f"/odata/Jobs/{ODATA}.StartJobs", info, folder=folder, expect=201)
        (row,) = await api.node.rows(
            "SELECT actor_kind, actor_name FROM kernel.audit WHERE tenant_id = $1 AND actor_kind = 'robot'",
            api.tenant_id,
        )
        assert (row["actor_kind"], row["actor_name"]) == ("robot", machine["Name"])
