"""Log entries: taken from robots and users, listed, counted, reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from podium.orchestrator.logs import loops
from podium.orchestrator.robots.actions import robot_of_machine

SUBMIT = "/api/Logs/SubmitLogs"
LOGS = "/odata/RobotLogs"
COUNT = f"{LOGS}/UiPath.Server.Configuration.OData.GetTotalCount"
REPORTS = f"{LOGS}/UiPath.Server.Configuration.OData.Reports"

WAITS_FOR_THE_DAY = """
SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'orchestrator.robot_logs_other'::regclass AND NOT granted)
"""

Json = dict[str, Any]


def entry(job: Mapping[str, Any] | None = None, **fields: object) -> str:
    """The JSON text of an entry as the vendor's robot writes it."""
    said: Json = {
        "message": "a line",
        "level": "Info",
        "timeStamp": "2026-03-02T11:59:00.1234567+00:00",
        "fingerprint": str(uuid4()),
        "robotName": "Ada",
        "logType": "Default",
    }
    if job is not None:
        said["jobId"] = job["Key"]
    return json.dumps(said | fields)


@pytest.fixture
async def job(given: Any) -> Json:
    made: Json = await given.job()
    return made


@pytest.fixture
async def machine(given: Any, api: Any) -> Any:
    """A machine of the folder Shared that sends its key; `robot_key` is that of the robot it brings."""
    made = await given.machine(folder=await given.shared())
    caller = api.machine(made["LicenseKey"])
    async with api.node.db.transaction() as connection:
        robot = await robot_of_machine(connection, api.tenant_id, made["Id"], made["Name"], api.node.clock())
    caller.license_key, caller.robot_key = made["LicenseKey"], robot.key
    return caller


@pytest.fixture
def robot(api: Any, machine: Any) -> Any:
    """The machine's robot, which sends its key and the machine's."""
    authorization = f"UiRobot {machine.robot_key}"
    return api.with_headers({"authorization": authorization, "x-robot-license": machine.license_key})


async def job_row(api: Any, job: Json) -> Any:
    rows = await api.node.rows(
        "SELECT * FROM orchestrator.jobs WHERE tenant_id = $1 AND id = $2", api.tenant_id, job["Id"]
    )
    return rows[0]


async def messages(api: Any, path: str = LOGS, **options: Any) -> list[str]:
    found = await api.get(path, **options)
    return [row["Message"] for row in found["value"]]


class TestSubmitLogs:
    async def test_200_keeps_what_a_robot_sends_with_what_the_job_knows(self, api: Any, robot: Any, job: Json) -> None:
        text = entry(job, message="Grüße", level="Warning", windowsIdentity="corp\\ada", machineName="PC1", extra=[1])
        answer = await robot.request("POST", SUBMIT, [text])
        assert (answer.status, answer.content) == (200, b"")
        (row,) = (await api.get(LOGS))["value"]
        assert row.pop("Id") > 0
        assert json.loads(row.pop("RawMessage")) == json.loads(text)
        assert row.pop("MachineId") is not None
        assert row.pop("MachineKey") is not None
        assert row == {
            "Level": "Warn",
            "WindowsIdentity": "corp\\ada",
            "ProcessName": job["ReleaseName"],
            "TimeStamp": "2026-03-02T11:59:00.123456Z",
            "Message": "Grüße",
            "JobKey": job["Key"],
            "RobotName": "Ada",
            "HostMachineName": "PC1",
            "RuntimeType": "Unattended",
        }

    async def test_200_machine_key_alone_is_enough(self, api: Any, machine: Any, job: Json) -> None:
        await machine.post(SUBMIT, [entry(job)], expect=200)
        assert await messages(api) == ["a line"]

    async def test_200_robot_key_alone_is_enough(self, api: Any, machine: Any, job: Json) -> None:
        await api.with_headers({"authorization": f"UiRobot {machine.robot_key}"}).post(SUBMIT, [entry(job)], expect=200)
        assert await messages(api) == ["a line"]

    async def test_200_one_malformed_entry_does_not_reject_the_rest(self, api: Any, robot: Any, job: Json) -> None:
        await robot.post(
            SUBMIT, [entry(job, message="1"), "{broken", 7, json.loads(entry(job, message="2"))], expect=200
        )
        assert sorted(await messages(api)) == ["1", "2"]

    async def test_200_a_batch_sent_again_is_kept_once(self, api: Any, robot: Any, job: Json) -> None:
        batch = [entry(job, message="1"), entry(job, message="2", fingerprint=None)]
        for _ in range(3):
            await robot.post(SUBMIT, batch, expect=200)
        assert sorted(await messages(api)) == ["1", "2"]

    async def test_200_flags_the_job_and_shows_that_it_lives(self, api: Any, robot: Any, job: Json, clock: Any) -> None:
        await robot.post(SUBMIT, [entry(job, level="Warn")], expect=200)
        before = await job_row(api, job)
        assert (before["has_errors"], before["has_warnings"], before["reported_at"]) == (False, True, None)
        async with api.node.db.acquire() as connection:
            await connection.execute(
                "UPDATE orchestrator.jobs SET state = 1 WHERE tenant_id = $1 AND id = $2", api.tenant_id, job["Id"]
            )
        await robot.post(SUBMIT, [entry(job, level="Error")], expect=200)
        first = await job_row(api, job)
        assert (first["has_errors"], first["has_warnings"], first["reported_at"]) == (True, True, clock.now)
        clock.forward(seconds=1)
        await robot.post(SUBMIT, [entry(job)], expect=200)
        assert (await job_row(api, job))["reported_at"] == first["reported_at"]
        clock.forward(seconds=5)
        await robot.post(SUBMIT, [entry(job)], expect=200)
        assert (await job_row(api, job))["reported_at"] == clock.now

    async def test_200_without_a_job_the_named_folder_counts_when_it_is_reached(
        self, api: Any, given: Any, machine: Any
    ) -> None:
        shared, other = await given.shared(), await given.folder()
        batch = [
            entry(message="here", organizationUnitId=shared),
            entry(message="there", organizationUnitId=other["Id"]),
            entry(message="nowhere"),
            entry(message="unknown job", jobId=str(uuid4()), organizationUnitId=shared),
        ]
        await machine.post(SUBMIT, batch, expect=200)
        assert sorted(await messages(api)) == ["here", "unknown job"]
        await machine.post(SUBMIT, [entry(message="by header")], folder=shared, expect=200)
        assert sorted(await messages(api, folder=shared)) == ["by header", "here", "unknown job"]

    async def test_200_a_job_of_another_tenant_takes_nothing(self, api: Any, given: Any, job: Json) -> None:
        stranger = await api.tenant("other")
        shared = (await stranger.get("/odata/Folders?$filter=DisplayName eq 'Shared'"))["value"][0]["Id"]
        await stranger.post(SUBMIT, [entry(job, level="Error")], expect=200)
        await stranger.post(SUBMIT, [entry(job, level="Error", organizationUnitId=shared)], expect=200)
        assert await messages(api) == []
        assert not (await job_row(api, job))["has_errors"]

    async def test_200_a_user_cannot_write_into_the_log_of_a_job_in_another_folder(self, api: Any, given: Any) -> None:
        home, other = await given.folder(), await given.folder()
        job = await given.job(folder=other)
        user = await api.as_role("Automation User", folder=home)
        await user.post(SUBMIT, [entry(job, level="Error", organizationUnitId=home["Id"])], expect=200)
        assert await messages(api) == []
        assert not (await job_row(api, job))["has_errors"]
        await user.post(SUBMIT, [entry(message="own", organizationUnitId=home["Id"])], expect=200)
        assert await messages(api) == ["own"]

    async def test_200_a_time_that_cannot_be_true_is_now(self, api: Any, robot: Any, job: Json, clock: Any) -> None:
        await robot.post(
            SUBMIT, [entry(job, timeStamp="1980-01-01T00:00:00Z"), entry(job, timeStamp="later")], expect=200
        )
        wanted = clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert [row["TimeStamp"] for row in (await api.get(LOGS))["value"]] == [wanted, wanted]

    @pytest.mark.parametrize("body", [b"", b"null", b"7", b"[{", b"\xff"])
    async def test_400_a_body_that_is_no_list_of_entries(self, robot: Any, body: bytes) -> None:
        answer = await robot.request("POST", SUBMIT, content=body)
        assert answer.status == 400
        assert "logs" in answer.json["message"]

    async def test_401_without_a_credential_and_with_an_unknown_robot(self, api: Any) -> None:
        await api.with_headers({}).post(SUBMIT, [entry()], expect=401)
        await api.with_headers({"authorization": f"UiRobot {uuid4()}"}).post(SUBMIT, [entry()], expect=401)

    async def test_403_without_the_permission_in_any_folder(self, api: Any) -> None:
        await (await api.as_role()).post(SUBMIT, [entry()], expect=403)

    async def test_413_a_body_over_the_limit(self, robot: Any) -> None:
        answer = await robot.request("POST", SUBMIT, content=b"[" + b" " * (31 * 1024 * 1024) + b"]")
        assert answer.status == 413


class TestPostLog:
    async def test_200_takes_one_entry_as_text_or_object(self, api: Any, robot: Any, job: Json) -> None:
        await robot.post("/api/Logs", entry(job, message="text"), expect=200)
        await robot.post("/api/Logs", json.loads(entry(job, message="object")), expect=200)
        assert sorted(await messages(api)) == ["object", "text"]


class TestListRobotLogs:
    @pytest.fixture
    async def filled(self, given: Any, robot: Any) -> list[Json]:
        """Six entries of two jobs, one a minute."""
        jobs = [await given.job(), await given.job()]
        levels = ["Info", "Error", "Warn", "Error", "Trace", "Fatal"]
        batch = [
            entry(jobs[n % 2], message=f"Line {n}", level=level, timeStamp=f"2026-03-02T11:0{n}:00Z")
            for n, level in enumerate(levels)
        ]
        await robot.post(SUBMIT, batch, expect=200)
        return jobs

    @pytest.mark.usefixtures("filled")
    async def test_200_newest_first_with_a_total_when_it_is_asked_for_or_free(self, api: Any) -> None:
        page = await api.get(f"{LOGS}?$top=2")
        assert [row["Message"] for row in page["value"]] == ["Line 5", "Line 4"]
        assert "@odata.count" not in page
        assert (await api.get(f"{LOGS}?$top=2&$count=true"))["@odata.count"] == 6
        assert (await api.get(LOGS))["@odata.count"] == 6

    async def test_200_filters_that_clients_use(self, api: Any, filled: list[Json]) -> None:
        key = filled[1]["Key"]
        by_job = f"{LOGS}?$filter=JobKey eq {key} and Level eq 'Error'&$orderby=TimeStamp desc"
        assert await messages(api, by_job) == ["Line 3", "Line 1"]
        assert await messages(api, f"{LOGS}?$filter=JobKey eq {key} and Level eq '4'") == ["Line 3", "Line 1"]
        assert await messages(api, f"{LOGS}?$filter=Level ge 'Error'") == ["Line 5", "Line 3", "Line 1"]
        since = "TimeStamp ge 2026-03-02T11:04:00Z"
        assert await messages(api, f"{LOGS}?$filter={since}") == ["Line 5", "Line 4"]
        assert await messages(api, f"{LOGS}?$filter=contains(Message,'LINE 2')") == ["Line 2"]
        assert await messages(api, f"{LOGS}?$filter=ProcessName eq '{filled[0]['ReleaseName']}'&$top=1") == ["Line 4"]

    async def test_200_shows_only_folders_where_logs_may_be_viewed(self, api: Any, given: Any, robot: Any) -> None:
        home, other = await given.folder(), await given.folder()
        batch = [entry(await given.job(folder=folder), message=folder["DisplayName"]) for folder in (home, other)]
        await robot.post(SUBMIT, batch, expect=200)
        developer = await api.as_role("Automation Developer", folder=home)
        assert await messages(developer) == [home["DisplayName"]]
        assert await messages(api, folder=other) == [other["DisplayName"]]
        assert len(await messages(api)) == 2
        assert await messages(await api.tenant("other")) == []

    async def test_403_without_the_permission_and_400_for_an_unknown_folder(self, api: Any, given: Any) -> None:
        home = await given.folder()
        await (await api.as_role("Automation User", folder=home)).get(LOGS, expect=403)
        assert (await api.get(LOGS, folder=999_999, expect=400))["errorCode"] == 1100

    async def test_400_unknown_members(self, api: Any) -> None:
        assert (await api.get(f"{LOGS}?$filter=Nothing eq 1", expect=400))["errorCode"] == 1000

    @pytest.mark.usefixtures("filled")
    async def test_200_the_total_count_is_a_number(self, api: Any) -> None:
        assert (await api.get(COUNT))["value"] == 6
        assert (await api.get(f"{COUNT}?$filter=Level eq 'Error'"))["value"] == 2

    @pytest.mark.usefixtures("filled")
    async def test_200_a_report_is_csv(self, api: Any, robot: Any, given: Any) -> None:
        await robot.post(SUBMIT, [entry(await given.job(), message='=1+1 "x"', level="Error")], expect=200)
        answer = await api.request("GET", f"{REPORTS}?$filter=Level eq 'Error'")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "attachment" in answer.headers["content-disposition"]
        lines = answer.text.removeprefix("\ufeff").split("\r\n")
        assert lines[0].startswith("Time,Level,Process,Hostname,Host identity,Message,Robot")
        assert len(lines) == 5
        assert ',"\'=1+1 ""x""",' in lines[1]
        assert (await api.request("GET", f"{REPORTS}?$top=2")).text.count("\r\n") == 3


class TestPartitions:
    async def test_the_days_ahead_are_made_and_rows_go_there(
        self, api: Any, given: Any, robot: Any, job: Json, clock: Any
    ) -> None:
        await api.node.run_loop("audit.partitions")
        clock.forward(days=40)
        assert await api.node.run_loop("logs.partitions") == 9
        assert await api.node.run_loop("logs.partitions") == 0
        stamp = (clock.now + timedelta(hours=1)).isoformat()
        await robot.post(SUBMIT, [entry(job, timeStamp=stamp), entry(job, timeStamp=stamp)], expect=200)
        rows = await api.node.rows(
            "SELECT DISTINCT tableoid::regclass::text AS name FROM orchestrator.robot_logs WHERE tenant_id = $1",
            api.tenant_id,
        )
        assert [row["name"] for row in rows] == [f"orchestrator.robot_logs_{clock.now:%Y%m%d}"]
        await given.folder()
        audited = await api.node.rows(
            "SELECT DISTINCT tableoid::regclass::text AS name FROM kernel.audit WHERE tenant_id = $1 AND executed_at = $2",
            api.tenant_id,
            clock.now,
        )
        assert [row["name"] for row in audited] == [f"kernel.audit_{clock.now:%Y%m}"]

    async def test_a_day_whose_rows_are_in_the_default_partition_stays_there(
        self, api: Any, robot: Any, job: Json, clock: Any
    ) -> None:
        clock.forward(days=40)
        await robot.post(SUBMIT, [entry(job, timeStamp=clock.now.isoformat())], expect=200)
        assert await api.node.run_loop("logs.partitions") == 8
        assert await messages(api) == ["a line"]
        await robot.post(SUBMIT, [entry(job, message="later", timeStamp=clock.now.isoformat())], expect=200)
        assert len(await messages(api)) == 2

    async def test_an_entry_that_is_on_its_way_while_its_day_is_made_is_kept(
        self, api: Any, robot: Any, job: Json, clock: Any
    ) -> None:
        clock.forward(days=40)
        async with api.node.db.acquire() as watcher, api.node.db.transaction() as connection:
            assert await loops.make_log_days(connection, clock.now) == 9
            sent = asyncio.create_task(robot.post(SUBMIT, [entry(job, timeStamp=clock.now.isoformat())], expect=200))
            async with asyncio.timeout(20):
                while not await watcher.fetchval(WAITS_FOR_THE_DAY):  # noqa: ASYNC110 - the database has no event for it
                    await asyncio.sleep(0.01)
        await sent
        assert await messages(api) == ["a line"]
