"""A robot connects, takes jobs, reports, and is lost: what the wire answers and where each job ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

SERVICE = "/api/robotsservice"
ODATA = "UiPath.Server.Configuration.OData"
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


@dataclass
class Robot:
    """A host that speaks the protocol and runs nothing."""

    caller: Any
    headers: dict[str, str] = field(
        default_factory=lambda: {"x-robot-machine": "host-1", "x-robot-capabilities": "function/python"}
    )

    async def post(self, name: str, body: object = None, expect: int = 200) -> Any:
        return await self.caller.post(f"{SERVICE}/{name}", body, headers=self.headers, expect=expect)

    async def commands(self) -> list[dict[str, Any]]:
        answer = await self.post("heartbeatv2", {"CommandState": "All", "Heartbeats": []})
        assert (answer["isUnattended"], answer["isUnattendedLicensed"]) == (True, True)
        assert isinstance(answer["serviceSettingsStamp"], str)
        return [command["data"] for command in answer["commands"]]

    async def poll(
        self, wait: int = 0, running: list[str] | None = None, free: int | None = None
    ) -> list[dict[str, Any]]:
        body: dict[str, Any] = {"waitSeconds": wait, "runningJobs": running or []}
        if free is not None:
            body["freeSlots"] = free
        return [command["data"] for command in (await self.post("Commands", body))["commands"]]

    async def report(self, key: str, state: str | int, expect: int = 200, **members: Any) -> Any:
        return await self.post(
            "SubmitJobState", [{"jobKey": key, "jobState": state, "robotState": "Busy"} | members], expect
        )


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder()


@pytest.fixture
async def robot(api: Any, given: Any, folder: Any) -> Robot:
    machine = await given.machine(folder=folder, slots=2)
    made = Robot(api.machine(machine["LicenseKey"]))
    await made.post("startservice", {})
    return made


async def job_row(api: Any, job: Any) -> Any:
    return await api.get(f"/odata/Jobs/{ODATA}.GetByKey(identifier={job['Key']})?$expand=Machine,Robot,Release")


async def history(api: Any, job: Any) -> list[str]:
    rows = await api.get(f"/api/podium/Jobs/GetHistory?jobKey={job['Key']}", folder=job["FolderId"])
    return [row["state"] for row in rows]


def stored_files(api: Any) -> set[Path]:
    return {path for path in (api.node.config.data_dir / "blobs").rglob("*") if path.is_file()}


class TestConnect:
    async def test_401_unknown_machine_key(self, api: Any) -> None:
        stranger = Robot(api.machine("nobody's key"))
        assert (await stranger.post("startservice", {}, 401))["errorCode"] == 1203

    async def test_401_without_any_credential(self, api: Any) -> None:
        await Robot(api.with_headers({})).post("heartbeatv2", {}, 401)

    async def test_400_without_a_host_name(self, robot: Robot) -> None:
        robot.headers = {}
        assert (await robot.post("startservice", {}, 400))["errorCode"] == 1204

    async def test_200_the_workspace_key_of_a_person(self, api: Any) -> None:
        await api.post("/api/StudioWeb/TryEnableFirstRun")
        first = await api.get(f"{SERVICE}/getsharedconnectiondata")
        second = await api.get(f"{SERVICE}/GetSharedConnectionData")
        assert first == second
        assert first["orchestratorUrl"].endswith("/orchestrator_")
        token = (await api._credential())["authorization"]
        person = Robot(api.with_headers({"authorization": token, "x-robot-license": first["licenseKey"]}))
        details = await person.post("BeginSession", {"userName": "autogen\\admin@podium.local_local"})
        assert (details["hasLicense"], details["robotType"]) == (True, "Development")
        assert details["robotKey"]
        await person.post("EndSession", {"robotKey": details["robotKey"]}, 204)
        await person.post("EndSession", {"robotKey": details["robotKey"]}, 204)

    async def test_404_unknown_robot_by_name(self, robot: Robot) -> None:
        await robot.post("BeginSession", {"userName": "nobody"}, 404)

    async def test_204_stop_gives_unstarted_jobs_back(self, api: Any, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder)
        assert len(await robot.commands()) == 1
        await robot.post("stopservice", {}, 204)
        other = Robot(robot.caller, robot.headers | {"x-robot-machine": "host-2"})
        await other.post("startservice", {})
        assert [command["jobKey"] for command in await other.commands()] == [job["Key"]]


class TestHeartbeat:
    async def test_200_nothing_to_do(self, robot: Robot) -> None:
        assert await robot.commands() == []

    async def test_200_start_is_repeated_until_running_is_reported(self, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder, arguments={"amount": 1})
        for _ in range(2):
            (command,) = await robot.commands()
            assert (command["type"], command["jobKey"], command["leaseEpoch"]) == ("StartProcess", job["Key"], 1)
            assert json.loads(command["inputArguments"]) == {"amount": 1}
            assert len(command["packageHash"]) == 64
        await robot.report(job["Key"], "Running")
        assert await robot.commands() == []

    async def test_200_no_more_jobs_than_slots(self, given: Any, folder: Any, robot: Robot) -> None:
        process = await given.process(folder=folder)
        jobs = [await given.job(process) for _ in range(3)]
        first, second = await robot.commands()
        await robot.report(first["jobKey"], "Running")
        await robot.report(first["jobKey"], "Successful")
        assert {command["jobKey"] for command in await robot.commands()} == {second["jobKey"], jobs[2]["Key"]}

    async def test_200_priority_before_age(self, given: Any, folder: Any, robot: Robot) -> None:
        process = await given.process(folder=folder)
        low, _, high = [await given.job(process, JobPriority=name) for name in ("Low", "Normal", "High")]
        keys = [command["jobKey"] for command in await robot.commands()]
        assert keys[0] == high["Key"]
        assert low["Key"] not in keys

    async def test_200_jobs_of_other_folders_and_capabilities_are_not_offered(
        self, api: Any, given: Any, folder: Any, robot: Robot
    ) -> None:
        await given.job()
        await given.job(folder=folder)
        robot.headers["x-robot-capabilities"] = "agent/python"
        await robot.post("startservice", {})
        assert await robot.commands() == []
        robot.headers.pop("x-robot-capabilities")
        await robot.post("startservice", {})
        assert await robot.commands() == []

    async def test_200_two_hosts_never_get_the_same_job(self, given: Any, folder: Any, robot: Robot) -> None:
        process = await given.process(folder=folder)
        for _ in range(6):
            await given.job(process)
        hosts = [Robot(robot.caller, robot.headers | {"x-robot-machine": f"h{number}"}) for number in range(4)]
        for host in hosts:
            await host.post("startservice", {})
        answers = await asyncio.gather(*(host.commands() for host in hosts))
        keys = [command["jobKey"] for answer in answers for command in answer]
        assert len(keys) == len(set(keys)) == 6

    async def test_200_states_may_come_with_the_heartbeat(
        self, api: Any, given: Any, folder: Any, robot: Robot
    ) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        beat = {"CommandState": 0, "Heartbeats": [{"JobKey": job["Key"], "JobState": 1, "RobotState": 1}]}
        await robot.post("heartbeatv2", beat)
        assert (await job_row(api, job))["State"] == "Running"


class TestCommands:
    async def test_200_answers_as_soon_as_a_job_is_started(self, given: Any, folder: Any, robot: Robot) -> None:
        process = await given.process(folder=folder)
        waiting = asyncio.create_task(robot.poll(wait=30))
        await asyncio.sleep(0)
        job = await given.job(process)
        (command,) = await asyncio.wait_for(waiting, 10)
        assert command["jobKey"] == job["Key"]

    async def test_200_takes_no_more_than_the_free_slots(self, given: Any, folder: Any, robot: Robot) -> None:
        process = await given.process(folder=folder)
        for _ in range(2):
            await given.job(process)
        assert await robot.poll(free=0) == []
        assert len(await robot.poll(free=1)) == 1

    async def test_200_a_stop_reaches_the_waiting_agent(self, api: Any, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder)
        await robot.poll()
        await robot.report(job["Key"], "Running", leaseEpoch=1)
        waiting = asyncio.create_task(robot.poll(wait=30, running=[job["Key"]]))
        await asyncio.sleep(0)
        body = {"strategy": "Kill"}
        await api.post(f"/odata/Jobs({job['Id']})/{ODATA}.StopJob", body, folder=folder)
        (command,) = await asyncio.wait_for(waiting, 10)
        assert (command["type"], command["stopStrategy"]) == ("StopProcess", "Kill")
        assert (await job_row(api, job))["State"] == "Terminating"
        await robot.report(job["Key"], "Stopped", leaseEpoch=1)
        assert await history(api, job) == ["Pending", "Running", "Terminating", "Stopped"]


class TestSubmitJobState:
    @pytest.fixture
    async def job(self, given: Any, folder: Any, robot: Robot) -> Any:
        job = await given.job(folder=folder)
        await robot.commands()
        return job

    async def test_200_running_then_successful_with_output(self, api: Any, robot: Robot, job: Any) -> None:
        await robot.report(job["Key"], "Running")
        await robot.report(job["Key"], "Successful", outputArguments='{"total": 3}')
        row = await job_row(api, job)
        assert (row["State"], row["OutputArguments"], row["HostMachineName"]) == (
            "Successful",
            '{"total": 3}',
            "host-1",
        )
        assert row["StartTime"] is not None
        assert row["EndTime"] is not None
        assert row["Machine"]["Name"]
        assert await history(api, job) == ["Pending", "Running", "Successful"]

    async def test_200_numbers_and_lower_case_are_understood(self, api: Any, robot: Robot, job: Any) -> None:
        await robot.report(job["Key"], 1)
        await robot.report(job["Key"], "successful")
        assert (await job_row(api, job))["State"] == "Successful"

    async def test_200_an_error_is_the_jobs_error_and_info(self, api: Any, robot: Robot, job: Any) -> None:
        error = {"code": "PYTHON.PROCESS_FAILED", "title": "It broke", "category": "USER", "detail": "line 3"}
        await robot.report(job["Key"], "Faulted", error=error)
        row = await job_row(api, job)
        assert (row["State"], row["Info"], row["HasErrors"]) == ("Faulted", "It broke: line 3", True)
        assert (row["JobError"]["Code"], row["ErrorCode"]) == ("PYTHON.PROCESS_FAILED", "PYTHON.PROCESS_FAILED")

    async def test_200_an_end_without_running_ran_all_the_same(self, api: Any, robot: Robot, job: Any) -> None:
        await robot.report(job["Key"], "Successful")
        assert await history(api, job) == ["Pending", "Running", "Successful"]
        assert (await job_row(api, job))["StartTime"] is not None

    async def test_200_late_doubled_and_reversed_reports_change_nothing(self, api: Any, robot: Robot, job: Any) -> None:
        for state in ("Running", "Running", "Successful", "Successful", "Faulted", "Running"):
            await robot.report(job["Key"], state)
        assert await history(api, job) == ["Pending", "Running", "Successful"]
        events = await api.node.rows(
            "SELECT type FROM kernel.outbox WHERE tenant_id = $1 AND type LIKE 'job.%' ORDER BY id", api.tenant_id
        )
        assert [row["type"] for row in events] == ["job.created", "job.started", "job.completed"]

    async def test_200_unknown_jobs_and_nonsense_states_are_ignored(self, robot: Robot, job: Any) -> None:
        await robot.report(UNKNOWN, "Running")
        await robot.report(job["Key"], "Dancing")

    async def test_200_a_session_that_lost_the_job_changes_nothing(self, api: Any, robot: Robot, job: Any) -> None:
        other = Robot(robot.caller, robot.headers | {"x-robot-machine": "host-2"})
        await other.post("startservice", {})
        await other.report(job["Key"], "Faulted")
        assert (await job_row(api, job))["State"] == "Pending"

    async def test_409_a_lease_that_was_given_to_another(self, api: Any, robot: Robot, job: Any) -> None:
        await robot.report(job["Key"], "Running", 409, leaseEpoch=7)
        other = Robot(robot.caller, robot.headers | {"x-robot-machine": "host-2"})
        await other.post("startservice", {})
        await other.report(job["Key"], "Running", 409, leaseEpoch=1)
        assert (await job_row(api, job))["State"] == "Pending"

    async def test_200_the_same_end_twice_under_its_lease(self, robot: Robot, job: Any) -> None:
        for _ in range(2):
            await robot.report(job["Key"], "Successful", leaseEpoch=1)

    @pytest.mark.parametrize("body", [{}, [1], [{"jobKey": "x"}], "text"])
    async def test_400_what_is_no_list_of_reports(self, robot: Robot, body: object) -> None:
        await robot.post("SubmitJobState", body, 400)


class TestFiles:
    async def test_large_output_goes_by_a_file(self, api: Any, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        access = await robot.caller.get(
            f"{SERVICE}/GetOutputFileAccess?jobKey={job['Key']}&fileName=output.json", headers=robot.headers
        )
        blob = access["blobFileAccess"]
        assert (blob["verb"], blob["requiresAuth"], blob["headers"]) == ("PUT", False, {"keys": [], "values": []})
        path = blob["uri"].removeprefix("http://podium.test")
        text = json.dumps({"total": "x" * 20_000}).encode()
        answer = await api.with_headers({}).request("PUT", path, content=text, headers={"x-ms-blob-type": "BlockBlob"})
        assert answer.status == 201
        assert (await api.with_headers({}).request("GET", path)).status == 403
        await robot.report(job["Key"], "Successful", outputFile=access["id"])
        row = await job_row(api, job)
        assert (row["OutputFile"], row["OutputArguments"]) == (access["id"], None)
        found = await api.get(f"/odata/Attachments({row['OutputFile']})")
        content = await api.with_headers({}).get(found["BlobFileAccess"]["Uri"].removeprefix("http://podium.test"))
        assert json.loads(content) == {"total": "x" * 20_000}

    async def test_404_input_of_a_job_without_a_file(self, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder)
        url = f"{SERVICE}/GetInputFileAccess?jobKey={job['Key']}"
        await robot.caller.get(url, headers=robot.headers, expect=404)

    async def test_404_files_of_jobs_elsewhere(self, given: Any, robot: Robot) -> None:
        job = await given.job()
        url = f"{SERVICE}/GetOutputFileAccess?jobKey={job['Key']}"
        await robot.caller.get(url, headers=robot.headers, expect=404)

    async def test_403_expired_and_forged_addresses(
        self, api: Any, given: Any, folder: Any, robot: Robot, clock: Any
    ) -> None:
        job = await given.job(folder=folder, arguments={"name": "y" * 20_000})
        url = f"{SERVICE}/GetInputFileAccess?jobKey={job['Key']}"
        access = await robot.caller.get(url, headers=robot.headers)
        path = access["blobFileAccess"]["uri"].removeprefix("http://podium.test")
        nobody = api.with_headers({})
        assert (await nobody.request("GET", path)).status == 200
        assert (await nobody.request("GET", path[:-2] + "xx")).status == 403
        assert (await nobody.request("PUT", path, content=b"{}")).status == 403
        clock.forward(minutes=16)
        assert (await nobody.request("GET", path)).status == 403


class TestSuspendAndResume:
    async def suspend(self, robot: Robot, job: Any, version: int = 0, state: bytes = b"state", **described: Any) -> Any:
        body = {"jobId": job["Key"], "persistenceInstanceId": UNKNOWN, "resumeVersion": version, "resumeTriggers": []}
        return await robot.caller.request(
            "POST",
            f"{SERVICE}/SuspendPersistentJob",
            files={"file": ("state.db", state, "application/octet-stream")},
            data={"suspendJobDto": json.dumps(body | described)},
            headers=robot.headers,
        )

    async def test_200_by_hand_with_the_state_given_back(self, api: Any, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        await robot.report(job["Key"], "Running")
        assert (await self.suspend(robot, job)).status == 200
        assert (await job_row(api, job))["State"] == "Suspended"
        assert await robot.commands() == []
        await api.post(f"/odata/Jobs/{ODATA}.ResumeJob", {"jobKey": job["Key"]}, folder=folder, expect=200)
        (command,) = await robot.commands()
        assert (command["resumeSource"], command["persistenceId"], command["resumeVersion"]) == ("Manual", UNKNOWN, 1)
        url = f"{SERVICE}/GetPersistentJob?persistenceId={UNKNOWN}&resumeVersion=1"
        assert await robot.caller.get(url, headers=robot.headers) == b"state"
        await robot.caller.get(f"{url}000000000000", headers=robot.headers, expect=404)
        await robot.report(job["Key"], "Running")
        row = await job_row(api, job)
        assert (row["State"], row["ResumeTime"] is None) == ("Running", False)
        error = await api.post(f"/odata/Jobs/{ODATA}.ResumeJob", {"jobKey": job["Key"]}, folder=folder, expect=409)
        assert error["errorCode"] == 1682

    async def test_200_by_a_timer_with_an_empty_state(
        self, api: Any, given: Any, folder: Any, robot: Robot, clock: Any
    ) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        await robot.report(job["Key"], "Running")
        resume_at = (clock.now + timedelta(seconds=5)).isoformat().replace("+00:00", "Z")
        trigger = {"triggerType": "Timer", "itemKey": None, "resumeTime": resume_at}
        assert (await self.suspend(robot, job, state=b"", resumeTriggers=[trigger])).status == 200
        assert (await job_row(api, job))["State"] == "Suspended"
        clock.forward(seconds=6)
        assert await api.node.run_loop("job_triggers.fire") >= 1
        clock.forward(seconds=11)
        (command,) = await robot.commands()
        assert (command["jobKey"], command["resumeSource"], command["resumeVersion"]) == (job["Key"], "Timer", 1)

    async def test_409_a_finished_job(self, api: Any, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        await robot.report(job["Key"], "Successful")
        kept = stored_files(api)
        assert (await self.suspend(robot, job)).status == 409
        assert stored_files(api) == kept, "what is refused leaves no file"

    async def test_a_job_that_was_to_stop_is_stopped(self, api: Any, given: Any, folder: Any, robot: Robot) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        await robot.report(job["Key"], "Running")
        await api.post(f"/odata/Jobs({job['Id']})/{ODATA}.StopJob", {"strategy": "SoftStop"}, folder=folder)
        assert (await self.suspend(robot, job)).status == 200
        assert (await job_row(api, job))["State"] == "Stopped"


class TestLostRobots:
    async def test_a_silent_host_gives_back_what_it_had_not_started(
        self, api: Any, given: Any, folder: Any, robot: Robot, clock: Any
    ) -> None:
        process = await given.process(folder=folder)
        running, waiting = await given.job(process), await given.job(process)
        await robot.commands()
        await robot.report(running["Key"], "Running")
        clock.forward(minutes=3)
        await api.node.run_loop("sessions.mark_silent")
        other = Robot(robot.caller, robot.headers | {"x-robot-machine": "host-2"})
        await other.post("startservice", {})
        (command,) = await other.commands()
        assert (command["jobKey"], command["leaseEpoch"]) == (waiting["Key"], 2)
        await robot.report(waiting["Key"], "Faulted", 409, leaseEpoch=1)
        clock.forward(minutes=31)
        await api.node.run_loop("sessions.end_lost")
        row = await job_row(api, running)
        assert (row["State"], row["Info"]) == ("Faulted", "Job faulted due to service shutdown or disconnect.")
        assert (await job_row(api, waiting))["State"] == "Pending"

    async def test_an_agent_that_restarts_ends_the_jobs_that_it_does_not_name(
        self, api: Any, given: Any, folder: Any, robot: Robot
    ) -> None:
        process = await given.process(folder=folder)
        kept, lost = await given.job(process), await given.job(process)
        await robot.commands()
        for job in (kept, lost):
            await robot.report(job["Key"], "Running")
        await robot.post("startservice", {"runningJobs": [kept["Key"]]})
        assert [(await job_row(api, job))["State"] for job in (kept, lost)] == ["Running", "Faulted"]

    async def test_a_vendors_robot_that_came_back_has_two_minutes_to_speak(
        self, api: Any, given: Any, folder: Any, robot: Robot, clock: Any
    ) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        await robot.report(job["Key"], "Running")
        clock.forward(seconds=30)
        await robot.post("startservice", {})
        await api.node.run_loop("sessions.end_lost")
        assert (await job_row(api, job))["State"] == "Running"
        clock.forward(minutes=3)
        await api.node.run_loop("sessions.end_lost")
        assert (await job_row(api, job))["State"] == "Faulted"

    async def test_a_start_that_nobody_acknowledges_is_tried_once_more_then_faulted(
        self, api: Any, given: Any, folder: Any, robot: Robot, clock: Any
    ) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        clock.forward(minutes=16)
        await api.node.run_loop("jobs.give_back_unacknowledged")
        assert (await job_row(api, job))["State"] == "Pending"
        await robot.commands()
        clock.forward(minutes=16)
        await api.node.run_loop("jobs.give_back_unacknowledged")
        row = await job_row(api, job)
        assert (row["State"], row["ErrorCode"]) == ("Faulted", "ORCH.START_NOT_ACKNOWLEDGED")


class TestTimeLimits:
    async def test_a_job_over_its_limit_is_stopped_then_killed(
        self, api: Any, given: Any, folder: Any, robot: Robot, clock: Any
    ) -> None:
        limits = {"StopProcessExpression": "60", "KillProcessExpression": "30", "StopStrategy": "SoftStop"}
        job = await given.job(folder=folder, **limits)
        await robot.commands()
        await robot.report(job["Key"], "Running")
        for seconds, state in ((61, "Stopping"), (31, "Terminating")):
            clock.forward(seconds=seconds)
            await api.node.run_loop("jobs.stop_overdue")
            assert (await job_row(api, job))["State"] == state

    async def test_a_waiting_job_over_its_limit_is_canceled(
        self, api: Any, given: Any, folder: Any, clock: Any
    ) -> None:
        job = await given.job(folder=folder, StopProcessExpression="10")
        clock.forward(seconds=11)
        await api.node.run_loop("jobs.stop_overdue")
        assert (await job_row(api, job))["State"] == "Stopped"

    async def test_a_job_that_terminates_for_a_day_is_faulted(
        self, api: Any, given: Any, folder: Any, robot: Robot, clock: Any
    ) -> None:
        job = await given.job(folder=folder)
        await robot.commands()
        await robot.report(job["Key"], "Running")
        await api.post(f"/odata/Jobs({job['Id']})/{ODATA}.StopJob", {"strategy": "Kill"}, folder=folder)
        clock.forward(hours=25)
        await api.node.run_loop("jobs.end_terminating")
        assert (await job_row(api, job))["State"] == "Faulted"


class TestGetProcesses:
    async def test_200_only_where_processes_may_be_seen(self, api: Any, given: Any, folder: Any) -> None:
        process = await given.process(folder=folder)
        user, member = api.as_role("Automation User", folder=folder), api.as_role(folder=folder)
        assert [each["processKey"] for each in await user.post(f"{SERVICE}/GetProcesses")] == [process["Key"]]
        assert await member.post(f"{SERVICE}/GetProcesses") == []
