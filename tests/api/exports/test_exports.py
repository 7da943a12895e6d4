"""Exports: asked for, written in the background, downloaded by who asked."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from podium.kernel.blobs import Blobs
from podium.orchestrator.exports import loops

ODATA = "UiPath.Server.Configuration.OData"
LOGS = f"/odata/RobotLogs/{ODATA}.Export"
JOBS = f"/odata/Jobs/{ODATA}.Export"

Json = dict[str, Any]


async def write(api: Any) -> int:
    """Do what the loop does, until nothing is left; in how many turns."""
    turns = 0
    while True:
        async with api.node.db.transaction() as db:
            blobs = api.node.port(Blobs)
            if not await loops.write_next(db, blobs, api.node.clock()) + await loops.remove_leftovers(db, blobs):
                return turns
        turns += 1


async def fill(api: Any, folder: int, count: int, message: str = "Line") -> None:
    """That many entries, one a millisecond, in the folder's log."""
    start = api.node.clock() - timedelta(hours=1)
    batch = [
        {
            "message": f"{message} {number}",
            "level": "Error" if number % 2 else "Info",
            "timeStamp": (start + timedelta(milliseconds=number // 3)).isoformat(),
            "fingerprint": str(uuid4()),
            "organizationUnitId": folder,
        }
        for number in range(count)
    ]
    await api.post("/api/Logs/SubmitLogs", batch, expect=200)


async def link(api: Any, export: Json) -> Json:
    found: Json = await api.get(f"/odata/Exports({export['Id']})/{ODATA}.GetDownloadLink")
    return found


async def download(api: Any, export: Json) -> list[list[str]]:
    """The rows of the file, the heading first."""
    access = await link(api, export)
    assert (access["Verb"], access["RequiresAuth"]) == ("GET", False)
    answer = await api.with_headers({}).request("GET", access["Uri"])
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")))


class TestExportRobotLogs:
    async def test_200_new_then_completed_then_a_file(self, api: Any, given: Any, clock: Any) -> None:
        await fill(api, await given.shared(), 3)
        made = await api.post(LOGS, expect=200)
        assert (made["Type"], made["Status"], made["Size"], made["ExecutedAt"]) == ("Logs", "New", None, None)
        assert made["Name"]
        await write(api)
        done = await api.get(f"/odata/Exports({made['Id']})")
        assert done["Status"] == "Completed"
        assert done["Size"] > 0
        assert done["ExecutedAt"] == clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        rows = await download(api, made)
        assert rows[0][:7] == ["Time", "Level", "Process", "Hostname", "Host identity", "Message", "Robot"]
        assert [row[5] for row in rows[1:]] == ["Line 2", "Line 1", "Line 0"]
        assert json.loads(rows[1][-1])["message"] == "Line 2"

    async def test_200_many_pages_in_several_turns_make_one_file_without_gaps(
        self, api: Any, given: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loops, "PART_BYTES", 10_000)
        await fill(api, await given.shared(), 1111)
        made = await api.post(LOGS)
        assert await write(api) > 5
        rows = await download(api, made)
        assert [row[5] for row in rows[1:]] == [f"Line {number}" for number in reversed(range(1111))]
        done = await api.get(f"/odata/Exports({made['Id']})")
        (stored,) = await api.node.rows(
            "SELECT blob, progress FROM orchestrator.exports WHERE tenant_id = $1", api.tenant_id
        )
        assert json.loads(stored["progress"]) == {"parts": []}
        assert (await api.node.port(Blobs).open(stored["blob"])).stat().st_size == done["Size"]

    async def test_200_the_options_select_the_rows(self, api: Any, given: Any) -> None:
        await fill(api, await given.shared(), 500)
        one = await api.post(f"{LOGS}?$filter=Level eq 'Error'&$top=230&$skip=3")
        none = await api.post(f"{LOGS}?$filter=Level eq 'Fatal'")
        await write(api)
        assert [row[5] for row in (await download(api, one))[1:]] == [f"Line {n}" for n in range(493, 34, -2)]
        assert len(await download(api, none)) == 1

    async def test_200_only_folders_that_the_requester_may_view(self, api: Any, given: Any) -> None:
        home, other = await given.folder(), await given.folder()
        await fill(api, home["Id"], 1, "home")
        await fill(api, other["Id"], 1, "other")
        developer = await api.as_role("Automation Developer", folder=home)
        own = await developer.post(LOGS)
        named = await api.post(LOGS, folder=other)
        await write(api)
        assert [row[5] for row in (await download(developer, own))[1:]] == ["home 0"]
        assert [row[5] for row in (await download(api, named))[1:]] == ["other 0"]

    async def test_200_formulas_are_defused(self, api: Any, given: Any) -> None:
        texts = ["=1+1", "+1", "-1", "@x", "\ttab", "\rreturn", "plain", 'q"q,\n;']
        batch = [{"message": text, "organizationUnitId": await given.shared()} for text in texts]
        await api.post("/api/Logs/SubmitLogs", batch, expect=200)
        made = await api.post(LOGS)
        await write(api)
        cells = {row[5] for row in (await download(api, made))[1:]}
        assert cells == {"'=1+1", "'+1", "'-1", "'@x", "'\ttab", "'\rreturn", "plain", 'q"q,\n;'}

    async def test_400_options_that_the_list_refuses(self, api: Any) -> None:
        for query in ("$filter=Nothing eq 1", "$filter=Level eq 'Loud'", "$orderby=Nothing", "$select=Nothing"):
            assert (await api.post(f"{LOGS}?{query}", expect=400))["errorCode"] == 1000

    async def test_403_without_the_permission(self, api: Any, given: Any) -> None:
        user = await api.as_role("Automation User", folder=await given.folder())
        await user.post(LOGS, expect=403)


class TestExportJobs:
    async def test_200_jobs_of_the_folder_as_csv(self, api: Any, given: Any) -> None:
        jobs = [await given.job() for _ in range(2)]
        elsewhere = await given.job(folder=await given.folder())
        made = await api.post(
            f"{JOBS}?$filter=State eq 'Pending'&$expand=Robot&$orderby=Id desc", folder=await given.shared()
        )
        assert made["Type"] == "Jobs"
        await write(api)
        heading, *rows = await download(api, made)
        found = [dict(zip(heading, row, strict=True)) for row in rows]
        assert [row["Key"] for row in found] == [job["Key"] for job in jobs]
        assert (found[0]["State"], found[0]["Process"]) == ("Pending", jobs[0]["ReleaseName"])
        assert elsewhere["Key"] not in {row["Key"] for row in found}


class TestGetExport:
    async def test_404_for_everybody_but_the_requester(self, api: Any, given: Any) -> None:
        made = await api.post(LOGS)
        path = f"/odata/Exports({made['Id']})"
        for stranger in (await api.as_role("Administrator"), await api.tenant("other")):
            await stranger.get(path, expect=404)
            await stranger.get(f"{path}/{ODATA}.GetDownloadLink", expect=404)
        await api.with_headers({}).get(path, expect=401)
        machine = await given.machine(folder=await given.shared())
        await api.machine(machine["LicenseKey"]).get(path, expect=404)
        assert (await api.get(path))["Id"] == made["Id"]


class TestGetDownloadLink:
    async def test_409_before_it_is_completed(self, api: Any) -> None:
        made = await api.post(LOGS)
        answer = await api.get(f"/odata/Exports({made['Id']})/{ODATA}.GetDownloadLink", expect=409)
        assert "not completed" in answer["message"]

    async def test_409_when_it_failed_and_the_others_go_on(
        self, api: Any, given: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await fill(api, await given.shared(), 5)
        made = await api.post(LOGS)
        monkeypatch.setattr(loops, "MOST_BYTES", 100)
        await write(api)
        monkeypatch.undo()
        assert (await api.get(f"/odata/Exports({made['Id']})"))["Status"] == "Failed"
        answer = await api.get(f"/odata/Exports({made['Id']})/{ODATA}.GetDownloadLink", expect=409)
        assert "over the limit" in answer["message"]
        again = await api.post(LOGS)
        await write(api)
        assert len(await download(api, again)) == 6

    async def test_404_after_a_week_when_the_file_is_gone(self, api: Any, clock: Any) -> None:
        made = await api.post(LOGS)
        await write(api)
        access = await link(api, made)
        (stored,) = await api.node.rows("SELECT blob FROM orchestrator.exports WHERE tenant_id = $1", api.tenant_id)
        path = await api.node.port(Blobs).open(stored["blob"])
        clock.forward(minutes=16)
        assert (await api.with_headers({}).request("GET", access["Uri"])).status == 403
        clock.forward(days=8)
        await api.node.run_loop("exports.expire")
        await write(api)
        assert not path.exists()
        await api.get(f"/odata/Exports({made['Id']})/{ODATA}.GetDownloadLink", expect=404)
        assert (await api.get(f"/odata/Exports({made['Id']})"))["Status"] == "Completed"
