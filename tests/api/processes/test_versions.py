"""Processes between the versions of their package."""

from __future__ import annotations

from typing import Any

import pytest

ODATA = "UiPath.Server.Configuration.OData"
UNKNOWN = "00000000-0000-4000-8000-00000000dead"


class Moves:
    """A process and the calls that move it, by id or by key."""

    def __init__(self, api: Any, process: Any, *, by_key: bool) -> None:
        self._api = api
        self._process = process
        self._by_key = by_key

    async def call(self, action: str, body: object = None, *, expect: int = 200) -> Any:
        if self._by_key:
            path = f"/odata/Releases/{ODATA}.{action}ByKey(identifier={self._process['Key']})"
        else:
            path = f"/odata/Releases({self._process['Id']})/{ODATA}.{action}"
        answer = await self._api.post(path, body, folder=self._process["FolderId"], expect=expect)
        if expect == 200:
            assert answer["value"] == self._process["Key" if self._by_key else "Id"]
        return answer

    async def version(self) -> str:
        shown = await self._api.get(f"/odata/Releases({self._process['Id']})", folder=self._process["FolderId"])
        return str(shown["ProcessVersion"])


@pytest.fixture(params=[False, True], ids=["by id", "by key"])
async def moves(request: pytest.FixtureRequest, api: Any, given: Any) -> Moves:
    """A process at 1.0.0 of a package with 1.0.0, 2.0.0 and 3.0.0-beta."""
    for version in ("1.0.0", "2.0.0", "3.0.0-beta"):
        await given.package("adder", version)
    return Moves(api, await given.process("p", package="adder"), by_key=request.param)


class TestUpdateToSpecificPackageVersion:
    async def test_200_up_and_down(self, moves: Moves) -> None:
        for version in ("2.0.0", "1.0", "3.0.0-BETA"):
            await moves.call("UpdateToSpecificPackageVersion", {"packageVersion": version})
        assert await moves.version() == "3.0.0-beta"

    async def test_404_no_such_version_400_none_given(self, moves: Moves) -> None:
        refused = await moves.call("UpdateToSpecificPackageVersion", {"packageVersion": "9.0.0"}, expect=404)
        assert refused["errorCode"] == 1662
        await moves.call("UpdateToSpecificPackageVersion", {}, expect=400)
        await moves.call("UpdateToSpecificPackageVersion", {"packageVersion": "x"}, expect=400)
        assert await moves.version() == "1.0.0"


class TestUpdateToLatestPackageVersion:
    async def test_200_and_again_without_another_entry_of_history(self, api: Any, moves: Moves, node: Any) -> None:
        await moves.call("UpdateToLatestPackageVersion")
        await moves.call("UpdateToLatestPackageVersion")
        assert await moves.version() == "3.0.0-beta"
        (shown,) = (await api.get("/odata/Releases?$expand=ReleaseVersions"))["value"]
        assert [each["VersionNumber"] for each in shown["ReleaseVersions"]] == ["3.0.0-beta", "1.0.0"]
        events = await node.rows(
            "SELECT 1 FROM kernel.outbox WHERE tenant_id = $1 AND type = 'process.updated'", api.tenant_id
        )
        assert len(events) == 1


class TestRollback:
    async def test_200_toggles_between_two_versions(self, moves: Moves) -> None:
        await moves.call("UpdateToSpecificPackageVersion", {"packageVersion": "2.0.0"})
        await moves.call("UpdateToLatestPackageVersion")
        seen = []
        for _ in range(3):
            await moves.call("RollbackToPreviousReleaseVersion")
            seen.append(await moves.version())
        assert seen == ["2.0.0", "3.0.0-beta", "2.0.0"]

    async def test_409_nothing_before(self, moves: Moves) -> None:
        assert (await moves.call("RollbackToPreviousReleaseVersion", expect=409))["errorCode"] == 1667

    async def test_409_the_version_before_was_deleted(self, api: Any, moves: Moves) -> None:
        await moves.call("UpdateToLatestPackageVersion")
        await api.delete("/odata/Processes('adder:1.0.0')")
        refused = await moves.call("RollbackToPreviousReleaseVersion", expect=409)
        assert refused["errorCode"] == 1667
        assert "1.0.0" in refused["message"]


class TestAutoUpdate:
    async def test_409_versions_are_managed(self, api: Any, given: Any) -> None:
        for version in ("1.0.0", "2.0.0"):
            await given.package("adder", version)
        process = await given.process("p", package="adder", auto_update=True)
        home, path = process["FolderId"], f"/odata/Releases({process['Id']})"
        body = {"packageVersion": "2.0.0"}
        for action, sent in (("UpdateToSpecificPackageVersion", body), ("RollbackToPreviousReleaseVersion", None)):
            refused = await api.post(f"{path}/{ODATA}.{action}", sent, folder=home, expect=409)
            assert refused["errorCode"] == 1689
        refused = await api.patch(path, {"ProcessVersion": "2.0.0"}, folder=home, expect=409)
        assert refused["errorCode"] == 1689
        await api.patch(path, {"ProcessVersion": "2.0.0", "AutoUpdate": False}, folder=home, expect=200)
        assert (await api.get(path, folder=home))["ProcessVersion"] == "2.0.0"


class TestUpdateToLatestPackageVersionBulk:
    async def test_200_the_others_are_updated_when_some_fail(self, api: Any, given: Any) -> None:
        await given.package("adder", "1.0.0", entry_points={"main": {}, "gone": {}})
        await given.package("adder", "2.0.0", entry_points={"main": {}})
        good = await given.process("good", package="adder")
        stuck = await given.process("stuck", package="adder", entry_point_path="gone")
        home = good["FolderId"]
        path = f"/odata/Releases/{ODATA}.UpdateToLatestPackageVersionBulk"
        answer = await api.post(path, {"releaseIds": [stuck["Id"], good["Id"], 999_999_999]}, folder=home, expect=200)
        assert (answer["Success"], answer["FailedItems"]) == (False, [stuck["Id"], 999_999_999])
        assert "gone" in answer["Message"]
        found = await api.get("/odata/Releases?$orderby=Name&$select=ProcessVersion", folder=home)
        assert [each["ProcessVersion"] for each in found["value"]] == ["2.0.0", "1.0.0"]

    async def test_200_by_key(self, api: Any, given: Any) -> None:
        for version in ("1.0.0", "2.0.0"):
            await given.package("adder", version)
        process = await given.process("p", package="adder")
        path = f"/odata/Releases/{ODATA}.UpdateToLatestPackageVersionBulkByKey"
        answer = await api.post(path, {"releaseKeys": [process["Key"]]}, folder=process["FolderId"], expect=200)
        assert (answer["Success"], answer["FailedItems"]) == (True, [])
        answer = await api.post(path, {"releaseKeys": [UNKNOWN]}, folder=process["FolderId"], expect=200)
        assert (answer["Success"], answer["FailedItems"]) == (False, [UNKNOWN])
        await api.post(path, {}, folder=process["FolderId"], expect=400)

    async def test_403_without_the_right(self, api: Any, given: Any) -> None:
        process = await given.process()
        user = await api.as_role("Automation User", folder=process["FolderId"])
        path = f"/odata/Releases/{ODATA}.UpdateToLatestPackageVersionBulk"
        await user.post(path, {"releaseIds": [process["Id"]]}, folder=process["FolderId"], expect=403)


class TestJobs:
    async def test_jobs_run_the_version_that_the_process_has(self, api: Any, given: Any, node: Any) -> None:
        for version in ("1.0.0", "2.0.0"):
            await given.package("adder", version, entry_points={"main": {}, "other": {}})
        process = await given.process("p", package="adder", entry_point_path="other", environment_variables="A=1")
        first = await given.job(process)
        path = f"/odata/Releases({process['Id']})/{ODATA}.UpdateToLatestPackageVersion"
        await api.post(path, folder=process["FolderId"])
        second = await given.job(process)
        rows = await node.rows(
            "SELECT j.package_version, j.entry_point_path, j.environment_variables, p.version, v.package_version AS of_history"
            "  FROM orchestrator.jobs j JOIN orchestrator.packages p ON p.tenant_id = j.tenant_id AND p.id = j.package_row_id"
            "  JOIN orchestrator.process_versions v ON v.tenant_id = j.tenant_id AND v.id = j.process_version_id"
            " WHERE j.id = ANY($1::bigint[]) ORDER BY j.id",
            [first["Id"], second["Id"]],
        )
        assert [tuple(row) for row in rows] == [
            ("1.0.0", "other", "A=1", "1.0.0", "1.0.0"),
            ("2.0.0", "other", "A=1", "2.0.0", "2.0.0"),
        ]
