"""What must come of an automation that the vendor's command line publishes and starts, whichever robot runs it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.programs import ODATA, Program, Row, Server, until
from tests.acceptance.tools import Tools, run

TOO_LARGE_FOR_A_COMMAND = 12_000
IMPORTS = "import logging\nimport os\nimport time\nfrom dataclasses import dataclass\nfrom pathlib import Path\n\n"

GREETER = """
@dataclass
class Input:
    name: str


@dataclass
class Output:
    greeting: str


def main(input: Input) -> Output:
    logging.getLogger(__name__).info(f"Greeting {input.name}")
    return Output(greeting=f"Hello, {input.name}!")
"""
FAILING = """
@dataclass
class Input:
    lines: int


def main(input: Input) -> None:
    raise ValueError(f"An invoice with {input.lines} lines cannot be paid")
"""
DOUBLING = """
@dataclass
class Input:
    text: str


@dataclass
class Output:
    text: str


def main(input: Input) -> Output:
    return Output(text=input.text * 2)
"""
ENDLESS = """
@dataclass
class Input:
    pid_file: str


def main(input: Input) -> None:
    Path(input.pid_file).write_text(str(os.getpid()))
    while True:
        time.sleep(0.1)
"""


@dataclass
class Workbench:
    """Where a developer works: the vendor's command line, signed in to the server."""

    tools: Tools
    server: Server
    environment: Mapping[str, str]
    folder: Path

    def publish(self, name: str, version: str, source: str) -> Path:
        """The project's folder, after `init`, `pack` and `publish --my-workspace`."""
        project = self.folder / name
        project.mkdir(exist_ok=True)
        (project / "main.py").write_text(IMPORTS + source, encoding="utf-8")
        (project / "uipath.json").write_text('{"functions": {"main": "main.py:main"}}', encoding="utf-8")
        (project / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "{version}"\ndescription = "A test"\n'
            'authors = [{ name = "Podium" }]\nrequires-python = ">=3.11"\ndependencies = ["uipath==2.14.44"]\n',
            encoding="utf-8",
        )
        for arguments in (["init"], ["pack", "--nolock"], ["publish", "--my-workspace"]):
            self._uipath(project, *arguments)
        return project

    def invoke(self, project: Path, arguments: Mapping[str, Any]) -> Row:
        """The job that `uipath invoke` started."""
        (project / "input.json").write_text(json.dumps(arguments), encoding="utf-8")
        self._uipath(project, "invoke", "main", "--file", "input.json")
        return self.server.newest_job(project.name)

    def _uipath(self, project: Path, *arguments: str) -> None:
        run([self.tools.program("uipath"), *arguments], self.environment, folder=project)


class WorkspaceJobs:
    """The cases of both robots; a subclass says which robot by its module's fixture `robot`."""

    def test_a_published_function_ends_successful_with_output_and_logs(
        self, workbench: Workbench, robot: Program
    ) -> None:
        project = workbench.publish("greeter", "1.0.0", GREETER)
        job = workbench.server.wait_for(workbench.invoke(project, {"name": "Ada"})["Key"], robot=robot)
        assert job["State"] == "Successful", job
        assert json.loads(job["OutputArguments"]) == {"greeting": "Hello, Ada!"}
        assert job["StartTime"] <= job["EndTime"]
        assert job["HostMachineName"]
        assert any("Greeting Ada" in message for message in workbench.server.messages(job))

    def test_a_function_that_raises_ends_faulted_with_the_reason(self, workbench: Workbench, robot: Program) -> None:
        project = workbench.publish("failing", "1.0.0", FAILING)
        job = workbench.server.wait_for(workbench.invoke(project, {"lines": 0})["Key"], robot=robot)
        assert job["State"] == "Faulted", job
        assert "An invoice with 0 lines cannot be paid" in job["Info"]
        assert "An invoice with 0 lines cannot be paid" in json.dumps(job["JobError"])

    def test_input_and_output_over_10_kb_arrive_whole(self, workbench: Workbench, robot: Program) -> None:
        project = workbench.publish("doubling", "1.0.0", DOUBLING)
        text = "Größe " * (TOO_LARGE_FOR_A_COMMAND // 6)
        job = workbench.server.wait_for(workbench.invoke(project, {"text": text})["Key"], robot=robot)
        assert job["State"] == "Successful", job
        assert job["InputArguments"] is None
        assert json.loads(read_file(workbench.server, job["InputFile"])) == {"text": text}
        assert json.loads(read_file(workbench.server, job["OutputFile"])) == {"text": text * 2}

    def test_a_running_job_that_is_stopped_ends_stopped(
        self, workbench: Workbench, robot: Program, tmp_path: Path
    ) -> None:
        project = workbench.publish("endless", "1.0.0", ENDLESS)
        pid_file = tmp_path / "pid"
        key = workbench.invoke(project, {"pid_file": str(pid_file)})["Key"]
        job = workbench.server.wait_for(key, "Running", robot=robot)
        assert job["State"] == "Running", job
        until(lambda: pid_file.exists() and pid_file.read_text(), "the function runs", seconds=120, programs=[robot])
        headers = {"X-UIPATH-OrganizationUnitId": str(job["OrganizationUnitId"])}
        body = {"jobIds": [job["Id"]], "strategy": "SoftStop"}
        workbench.server.call("POST", f"/odata/Jobs/{ODATA}StopJobs", json=body, headers=headers)
        job = workbench.server.wait_for(key, robot=robot)
        assert job["State"] == "Stopped", job
        assert not is_alive(int(pid_file.read_text()))

    def test_a_second_version_moves_the_process_of_the_workspace(self, workbench: Workbench, robot: Program) -> None:
        project = workbench.publish("moving", "1.0.0", GREETER)
        before = process_of(workbench.server, "moving")
        workbench.publish("moving", "1.0.1", GREETER.replace("Hello", "Good morning"))
        after = process_of(workbench.server, "moving")
        assert (before["ProcessVersion"], after["ProcessVersion"]) == ("1.0.0", "1.0.1")
        assert before["Key"] == after["Key"]
        job = workbench.server.wait_for(workbench.invoke(project, {"name": "Ada"})["Key"], robot=robot)
        assert json.loads(job["OutputArguments"]) == {"greeting": "Good morning, Ada!"}, job


def process_of(server: Server, name: str) -> Row:
    """The one process of that package."""
    (process,) = server.rows("/odata/Releases", filter=f"ProcessKey eq '{name}'")
    return process


def read_file(server: Server, attachment: str) -> bytes:
    """The content of a large input or output."""
    access = server.call("GET", f"/odata/Attachments({attachment})")["BlobFileAccess"]
    answer = httpx.get(access["Uri"], timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.content


def is_alive(pid: int) -> bool:
    """Whether the process still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
