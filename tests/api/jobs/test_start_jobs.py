"""Jobs are started: who may, what they get, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

ODATA = "UiPath.Server.Configuration.OData"
START = f"/odata/Jobs/{ODATA}.StartJobs"
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture
async def process(given: Any) -> Any:
    return await given.process("Adder", InputArguments=json.dumps({"amount": 2}))


async def start(api: Any, process: Any, expect: int = 201, **info: Any) -> Any:
    body = {"startInfo": {"ReleaseKey": process["Key"]} | info}
    return await api.post(START, body, folder=process["FolderId"], expect=expect)


class TestStartJobs:
    async def test_201_one_pending_job_when_nothing_else_is_said(self, api: Any, process: Any) -> None:
        (job,) = (await start(api, process))["value"]
        assert (job["State"], job["ReleaseName"], job["SourceType"]) == ("Pending", "Adder", "Manual")
        assert json.loads(job["InputArguments"]) == {"amount": 2}
        assert (job["StartTime"], job["EndTime"], job["HostMachineName"]) == (None, None, None)

    async def test_201_answers_what_a_read_of_the_job_answers(self, api: Any, process: Any) -> None:
        (job,) = (await start(api, process, Reference="r-1", JobPriority="High", StopProcessExpression="60"))["value"]
        read = await api.get(f"/odata/Jobs({job['Id']})", folder=process["FolderId"])
        read.pop("@odata.context")
        assert {name: value for name, value in read.items() if name != "Release"} == {
            name: value for name, value in job.items() if name != "Release"
        }

    async def test_201_by_name_in_any_case_as_the_sdk_sends_it(self, api: Any, process: Any) -> None:
        info = {"releaseName": "ADDER", "inputArguments": "{}", "source": "AgentService"}
        answer = await api.post(START, {"startInfo": info}, folder=process["FolderId"], expect=201)
        assert (answer["value"][0]["Source"], answer["value"][0]["SourceType"]) == ("AgentService", "Manual")

    async def test_201_as_many_jobs_as_asked_for_in_one_batch(self, api: Any, process: Any) -> None:
        jobs = (await start(api, process, Strategy="ModernJobsCount", JobsCount=3))["value"]
        assert len({job["Key"] for job in jobs}) == 3
        assert len({job["BatchExecutionKey"] for job in jobs}) == 1
        assert [job["Id"] for job in jobs] == sorted(job["Id"] for job in jobs)

    async def test_201_given_arguments_win_over_the_defaults(self, api: Any, process: Any) -> None:
        (job,) = (await start(api, process, InputArguments='{"name": "x"}'))["value"]
        assert json.loads(job["InputArguments"]) == {"amount": 2, "name": "x"}

    async def test_201_large_arguments_become_a_file(self, api: Any, process: Any) -> None:
        text = json.dumps({"name": "ä" * 20_000})
        (job,) = (await start(api, process, InputArguments=text))["value"]
        assert job["InputArguments"] is None
        attachment = await api.get(f"/odata/Attachments({job['InputFile']})")
        access = attachment["BlobFileAccess"]
        assert (access["Verb"], access["RequiresAuth"]) == ("GET", False)
        content = await api.with_headers({}).get(access["Uri"].removeprefix("http://podium.test"))
        assert content == {"amount": 2, "name": "ä" * 20_000}

    async def test_201_expanded_when_the_query_says_so(self, api: Any, process: Any) -> None:
        body = {"startInfo": {"ReleaseKey": process["Key"]}}
        answer = await api.post(f"{START}?$expand=Release&$select=Id", body, folder=process["FolderId"], expect=201)
        assert answer["value"][0]["Release"]["Name"] == "Adder"

    async def test_201_parent_job_from_the_header(self, api: Any, process: Any) -> None:
        body = {"startInfo": {"ReleaseKey": process["Key"]}}
        answer = await api.post(START, body, folder=process["FolderId"], headers={"x-uipath-jobkey": UNKNOWN})
        assert answer["value"][0]["ParentJobKey"] == UNKNOWN

    async def test_201_event_and_audit_row_are_there(self, api: Any, process: Any) -> None:
        jobs = (await start(api, process, JobsCount=2))["value"]
        (event,) = await api.node.rows(
            "SELECT payload FROM kernel.outbox WHERE tenant_id = $1 AND type = 'job.created'", api.tenant_id
        )
        payload = json.loads(event["payload"])
        assert [job["Id"] for job in payload["Jobs"]] == [job["Id"] for job in jobs]
        assert payload["StartInfo"]["ReleaseKey"] == process["Key"]
        (row,) = await api.node.rows(
            "SELECT entity_id, actor_name FROM kernel.audit WHERE tenant_id = $1 AND action = 'StartJob'", api.tenant_id
        )
        assert row["entity_id"] == ",".join(str(job["Id"]) for job in jobs)
        assert row["actor_name"] == "Administrator"

    @pytest.mark.parametrize(
        ("info", "named"),
        [
            ({"InputArguments": "nonsense"}, "InputArguments"),
            ({"InputArguments": "[1]"}, "InputArguments"),
            ({"InputArguments": '{"amount": "much"}'}, "amount"),
            ({"JobsCount": 0, "Strategy": "ModernJobsCount"}, "JobsCount"),
            ({"JobsCount": "many"}, "JobsCount"),
            ({"Strategy": "Sometimes"}, "Strategy"),
            ({"Strategy": "Specific"}, "RobotIds"),
            ({"SpecificPriorityValue": 101}, "SpecificPriorityValue"),
            ({"StopProcessExpression": "0 0 * * *"}, "StopProcessExpression"),
            ({"EntryPointPath": "nowhere"}, "EntryPointPath"),
            ({"RuntimeType": "Toaster"}, "RuntimeType"),
            ({"ReleaseKey": "not-a-guid"}, "ReleaseKey"),
        ],
    )
    async def test_400_names_the_member(self, api: Any, process: Any, info: dict[str, Any], named: str) -> None:
        error = await start(api, process, 400, **info)
        assert named in error["message"]
        assert await api.get("/odata/Jobs") | {"@odata.context": ""} == {
            "@odata.context": "",
            "@odata.count": 0,
            "value": [],
        }

    async def test_400_without_start_info(self, api: Any, process: Any) -> None:
        error = await api.post(START, {}, folder=process["FolderId"], expect=400)
        assert "startInfo" in error["message"]

    async def test_400_1101_without_folder(self, api: Any, process: Any) -> None:
        error = await api.post(START, {"startInfo": {"ReleaseKey": process["Key"]}}, expect=400)
        assert error["errorCode"] == 1101

    async def test_404_names_the_process(self, api: Any, process: Any) -> None:
        error = await start(api, process | {"Key": UNKNOWN}, 404)
        assert error["errorCode"] == 1002
        assert UNKNOWN in error["message"]

    async def test_404_process_of_another_folder(self, api: Any, given: Any, process: Any) -> None:
        elsewhere = await given.folder()
        await start(api, process | {"FolderId": elsewhere["Id"]}, 404)

    async def test_404_process_of_another_tenant(self, api: Any, process: Any) -> None:
        other = await api.tenant("other")
        shared = (await other.get("/odata/Folders"))["value"][0]["Id"]
        await start(other, process | {"FolderId": shared}, 404)

    async def test_404_attachment_of_the_input(self, api: Any, process: Any) -> None:
        assert UNKNOWN in (await start(api, process, 404, InputFile=UNKNOWN))["message"]

    async def test_409_unknown_robot(self, api: Any, process: Any) -> None:
        assert (await start(api, process, 409, Strategy="Specific", RobotIds=[999_999]))["errorCode"] == 1671

    async def test_403_who_may_only_look(self, api: Any, process: Any) -> None:
        reader = api.as_role("Automation User", folder=process["FolderId"])
        await start(reader, process)
        await start(api.as_role(folder=process["FolderId"]), process, 403)


class TestValidateDynamicJob:
    async def validate(self, api: Any, process: Any) -> Any:
        body = {"startInfo": {"ReleaseKey": process["Key"]}}
        return await api.post(f"/odata/Jobs/{ODATA}.ValidateDynamicJob", body, folder=process["FolderId"], expect=200)

    async def test_200_says_what_is_missing_one_after_the_other(self, api: Any, given: Any, process: Any) -> None:
        folder = process["FolderId"]
        assert (await self.validate(api, process))["ErrorCodes"] == ["TemplateNotAssignedToFolder"]
        machine = await given.machine(folder=folder, slots=0)
        assert (await self.validate(api, process))["ErrorCodes"] == ["TemplateNoRuntime"]
        await api.patch(f"/odata/Machines({machine['Id']})", {"UnattendedSlots": 1})
        assert (await self.validate(api, process))["ErrorCodes"] == ["TemplateNoHostsAvailable"]
        host = {"x-robot-machine": "h"}
        robot = api.machine(machine["LicenseKey"])
        await robot.post("/api/robotsservice/startservice", {}, headers=host)
        assert (await self.validate(api, process))["ErrorCodes"] == ["DynamicJobConnectedMachinesInvalid"]
        host["x-robot-capabilities"] = "function/python"
        await robot.post("/api/robotsservice/startservice", {}, headers=host)
        assert await self.validate(api, process) == {"IsValid": True, "Errors": [], "ErrorCodes": []}
        job = await given.job(process)
        await robot.post("/api/robotsservice/heartbeatv2", {}, headers=host)
        assert (await self.validate(api, process))["ErrorCodes"] == ["TemplateFullCapacity"]
        existing = await api.post(f"/odata/Jobs({job['Id']})/{ODATA}.ValidateExistingJob", folder=folder)
        assert existing["ErrorCodes"] == ["TemplateFullCapacity"]
        assert "Unattended" in existing["Errors"][0]
