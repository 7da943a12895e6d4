"""Jobs are read, stopped, restarted."""

from __future__ import annotations

from typing import Any

import pytest

ODATA = "UiPath.Server.Configuration.OData"
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


def action(job: Any, name: str) -> str:
    return f"/odata/Jobs({job['Id']})/{ODATA}.{name}"


async def state(api: Any, job: Any) -> str:
    return str((await api.get(f"/odata/Jobs/{ODATA}.GetByKey(identifier={job['Key']})"))["State"])


class TestListJobs:
    async def test_200_across_folders_without_a_header_and_in_one_with_it(self, api: Any, given: Any) -> None:
        elsewhere = await given.folder()
        here, there = await given.job(), await given.job(folder=elsewhere)
        assert {job["Id"] for job in (await api.get("/odata/Jobs"))["value"]} == {here["Id"], there["Id"]}
        assert [job["Id"] for job in (await api.get("/odata/Jobs", folder=elsewhere))["value"]] == [there["Id"]]

    @pytest.mark.parametrize(
        "text",
        [
            "State eq 'Pending'",
            "State eq 'pending'",
            "State eq '0'",
            f"State eq {ODATA}.JobState'Pending'",
            "Key eq {key}",
            "Key eq guid'{key}'",
            "key in ('{key}')",
            "Id in ({id})",
            "contains(tolower(ReleaseName), tolower('PACK'))",
            "startswith(ReleaseName,'Package')",
            "Release/Id eq {process}L",
            "CreationTime ge 2020-01-01T00:00:00.000Z and (State ne 'Faulted' or not (Id lt 0))",
            "Robot/Id eq null",
            "OrganizationUnitId gt 0 and SourceType eq 'Manual'",
        ],
    )
    async def test_200_filters_that_clients_send(self, api: Any, given: Any, text: str) -> None:
        process = await given.process()
        job = await given.job(process)
        chosen = text.format(key=job["Key"], id=job["Id"], process=process["Id"])
        answer = await api.get("/odata/Jobs", params={"$filter": chosen, "$count": "true"})
        assert (answer["@odata.count"], [row["Id"] for row in answer["value"]]) == (1, [job["Id"]])

    @pytest.mark.parametrize(
        "query",
        [
            "$filter=Nonsense eq 1",
            "$top=1001",
            "$skip=-1",
            "$orderby=Id,Key,State,Info,Source,ReleaseName",
            "$expand=Robot/x",
        ],
    )
    async def test_400_1000_what_cannot_be_asked(self, api: Any, query: str) -> None:
        error = await api.get(f"/odata/Jobs?{query}", expect=400)
        assert (error["errorCode"], error["message"][:30]) == (
            1000,
            "Invalid OData query options. ".ljust(30)[:30],
        ) or (error["errorCode"] == 1000 and error["message"].startswith("Invalid OData query options."))

    async def test_400_1100_unknown_folder(self, api: Any) -> None:
        assert (await api.get("/odata/Jobs", folder=999_999, expect=400))["errorCode"] == 1100

    async def test_403_where_nothing_may_be_seen(self, api: Any, given: Any) -> None:
        job = await given.job()
        await api.as_role(folder=job["FolderId"]).get("/odata/Jobs", expect=403)

    async def test_200_all_four_folder_headers(self, api: Any, given: Any) -> None:
        folder = await given.folder("Füße")
        job = await given.job(folder=folder)
        import base64

        path = folder["FullyQualifiedName"]
        for header, value in {
            "x-uipath-organizationunitid": str(folder["Id"]),
            "x-uipath-folderkey": folder["Key"],
            "x-uipath-folderpath-encoded": base64.b64encode(path.upper().encode("utf-16-le")).decode(),
        }.items():
            answer = await api.get("/odata/Jobs", headers={header: value})
            assert [row["Id"] for row in answer["value"]] == [job["Id"]], header
        plain = await given.folder("Plain")
        assert (await api.get("/odata/Jobs", headers={"x-uipath-folderpath": plain["FullyQualifiedName"]}))[
            "value"
        ] == []


class TestGetJob:
    async def test_404_unknown_foreign_and_nonsense_keys(self, api: Any, given: Any) -> None:
        job = await given.job()
        elsewhere = await given.folder()
        for folder, key in [(job["FolderId"], "999999"), (elsewhere["Id"], job["Id"]), (job["FolderId"], "abc")]:
            assert (await api.get(f"/odata/Jobs({key})", folder=folder, expect=404))["errorCode"] == 1002
        for key in (UNKNOWN, "nonsense"):
            await api.get(f"/odata/Jobs/{ODATA}.GetByKey(identifier={key})", expect=404)
        other = await api.tenant("other")
        await other.get(f"/odata/Jobs/{ODATA}.GetByKey(identifier={job['Key']})", expect=404)


class TestStopJob:
    @pytest.mark.parametrize("strategy", ["SoftStop", "Kill", 1, 2, "softstop"])
    async def test_200_a_pending_job_stops_at_once(self, api: Any, given: Any, strategy: str | int) -> None:
        job = await given.job()
        await api.post(action(job, "StopJob"), {"strategy": strategy}, folder=job["FolderId"], expect=200)
        row = await api.get(f"/odata/Jobs({job['Id']})", folder=job["FolderId"])
        assert (row["State"], row["Info"], row["EndTime"] is None) == ("Stopped", "Job canceled", False)

    async def test_409_a_finished_job(self, api: Any, given: Any) -> None:
        job = await given.job()
        await api.post(action(job, "StopJob"), {"strategy": "Kill"}, folder=job["FolderId"])
        for strategy, code in (("SoftStop", 1660), ("Kill", 1661)):
            error = await api.post(action(job, "StopJob"), {"strategy": strategy}, folder=job["FolderId"], expect=409)
            assert error["errorCode"] == code

    async def test_403_without_the_right(self, api: Any, given: Any) -> None:
        job = await given.job()
        user = api.as_role("Automation User", folder=job["FolderId"])
        await user.post(action(job, "StopJob"), {"strategy": "Kill"}, folder=job["FolderId"], expect=403)


class TestStopJobs:
    async def stop(self, api: Any, folder: int, ids: list[int], expect: int = 200) -> Any:
        body = {"jobIds": ids, "strategy": "SoftStop"}
        return await api.post(f"/odata/Jobs/{ODATA}.StopJobs", body, folder=folder, expect=expect)

    async def test_200_finished_ones_are_left_alone(self, api: Any, given: Any) -> None:
        first, second = await given.job(), await given.job()
        await self.stop(api, first["FolderId"], [first["Id"]])
        await self.stop(api, first["FolderId"], [first["Id"], second["Id"]])
        assert [await state(api, job) for job in (first, second)] == ["Stopped", "Stopped"]

    async def test_404_one_unknown_id_stops_none(self, api: Any, given: Any) -> None:
        job = await given.job()
        await self.stop(api, job["FolderId"], [job["Id"], 999_999], 404)
        assert await state(api, job) == "Pending"


class TestRestartJob:
    async def test_200_a_new_job_like_the_old_one(self, api: Any, given: Any) -> None:
        job = await given.job(arguments={"amount": 5}, JobPriority="High", Reference="x")
        folder = job["FolderId"]
        body = {"jobId": job["Id"]}
        error = await api.post(f"/odata/Jobs/{ODATA}.RestartJob", body, folder=folder, expect=409)
        assert error["errorCode"] == 1693
        await api.post(action(job, "StopJob"), {"strategy": "Kill"}, folder=folder)
        again = await api.post(f"/odata/Jobs/{ODATA}.RestartJob", body, folder=folder, expect=200)
        assert again["Id"] != job["Id"]
        for member in ("ReleaseName", "InputArguments", "SpecificPriorityValue", "Reference", "RuntimeType"):
            assert again[member] == job[member], member
        assert again["State"] == "Pending"


class TestJobHistory:
    async def test_200_every_state_in_order(self, api: Any, given: Any) -> None:
        job = await given.job()
        await api.post(action(job, "StopJob"), {"strategy": "SoftStop"}, folder=job["FolderId"])
        rows = await api.get(f"/api/podium/Jobs/GetHistory?jobKey={job['Key']}", folder=job["FolderId"])
        assert [row["state"] for row in rows] == ["Pending", "Stopped"]

    async def test_404_unknown_job(self, api: Any, given: Any) -> None:
        await api.get(f"/api/podium/Jobs/GetHistory?jobKey={UNKNOWN}", folder=await given.shared(), expect=404)
