"""Podium's own robot agent: the same cases as with the vendor's, and many jobs at once."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.programs import ODATA, PASSWORD, Program, Row, Server, open_folder, running
from tests.acceptance.tools import Tools, run
from tests.acceptance.workspace_jobs import WorkspaceJobs

JOBS = 50
SLOTS = 4
NOTING = """
import json, os, sys, time
from pathlib import Path

notes = Path(json.loads(Path(sys.argv[1]).read_text())["notes"])
key = os.environ["UIPATH_JOB_KEY"]
began = time.time()
time.sleep(0.05)
with (notes / key).open("a") as file:
    file.write(f"{began} {time.time()}\\n")
Path(os.environ["PODIUM_OUTPUT"]).write_text(json.dumps({"key": key}))
"""


def agent(server: Server, machine_key: str) -> list[str]:
    """The command of an agent."""
    return [sys.executable, "-m", "podium.robot", "--url", server.tenant_url, "--machine-key", machine_key]


@pytest.fixture(scope="module")
def robot(tools: Tools, server: Server) -> Iterator[Program]:
    """`podium robot` with the key of the administrator's workspace."""
    key = server.call("GET", "/api/RobotsService/GetSharedConnectionData")["licenseKey"]
    with running("podium-robot", agent(server, key), tools.environment) as program:
        yield program


class TestPodiumRobot(WorkspaceJobs):
    """`uipath` 2.14.44 and `podium robot`."""


class TestManyJobs:
    """More jobs than slots."""

    def test_50_jobs_on_4_slots_each_run_once(self, tools: Tools, server: Server) -> None:
        machine_key = new_machine(server)
        with open_folder("notes") as folder, running("busy", agent(server, machine_key), tools.environment) as robot:
            notes = folder / "notes"
            notes.mkdir()
            jobs = publish_and_start(tools, server, folder, {"notes": str(notes)})
            assert len({job["Key"] for job in jobs}) == JOBS
            ended = [server.wait_for(job["Key"], robot=robot) for job in jobs]
            assert Counter(job["State"] for job in ended) == {"Successful": JOBS}
            assert all(json.loads(job["OutputArguments"]) == {"key": job["Key"].lower()} for job in ended)
            runs = {file.name: file.read_text().splitlines() for file in notes.iterdir()}
        assert runs.keys() == {job["Key"].lower() for job in jobs}
        assert all(len(lines) == 1 for lines in runs.values())
        assert 1 < most_at_once([line for lines in runs.values() for line in lines]) <= SLOTS


def new_machine(server: Server) -> str:
    """The key of a machine with four slots that serves the folder Shared."""
    body = {"Name": "busy", "Type": "Template", "UnattendedSlots": SLOTS}
    machine = server.call("POST", "/odata/Machines", json=body)
    (shared,) = server.rows("/odata/Folders", filter="FullyQualifiedName eq 'Shared'")
    assignments = {"MachineIds": [machine["Id"]], "FolderIds": [shared["Id"]]}
    server.call("POST", f"/odata/Folders/{ODATA}AssignMachines", json={"assignments": assignments})
    key: str = machine["LicenseKey"]
    return key


def publish_and_start(tools: Tools, server: Server, folder: Path, arguments: dict[str, str]) -> list[Row]:
    """Fifty jobs of a plain Python project, by Podium's own command line."""
    project = folder / "noting"
    project.mkdir()
    (project / "main.py").write_text(NOTING, encoding="utf-8")
    podium = str(Path(sys.executable).with_name("podium"))
    variables = {"PODIUM_URL": server.url, "PODIUM_USER": "admin", "PODIUM_PASSWORD": PASSWORD}
    environment = tools.environment | variables
    run([podium, "publish", str(project), "--folder", "Shared"], environment)
    start = [podium, "start", "noting", "--folder", "Shared", "--count", str(JOBS), "-o", "json"]
    found: list[Row] = json.loads(run([*start, "--input", json.dumps(arguments)], environment))
    return found


def most_at_once(runs: list[str]) -> int:
    """The largest number of runs, each `begin end`, that went on at the same instant."""
    spans = [tuple(map(float, line.split())) for line in runs]
    return max(sum(begin <= instant < end for begin, end in spans) for instant, _ in spans)
