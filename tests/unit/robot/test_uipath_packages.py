"""Packages that bring the `uipath` runtime: prepared by uv, run by their own program, suspended and resumed.

A wheel made here stands in for the runtime: it keeps the same files in the same places, and needs no registry.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Begin = Callable[..., Any]

PROGRAM = """
import json, os, sys, time
from pathlib import Path

def say(folder, text, level="INFO"):
    clock = time.strftime("%Y-%m-%d %H:%M:%S")
    with open(folder / "execution.log", "a") as log:
        log.write(f"[{clock},123][{level}] {text}\\n")

def main():
    config = json.loads(Path(os.environ["UIPATH_CONFIG_PATH"]).read_text())
    folder = Path(config["runtime"]["dir"])
    print("progress for people")
    if "--resume" in sys.argv:
        say(folder, "resumed with " + (folder / "state.db").read_text())
        result = {"status": "successful", "output": {"resumed": True}}
    else:
        arguments = json.loads(Path(sys.argv[sys.argv.index("--input-file") + 1]).read_text())
        say(folder, "first line\\nsecond line")
        say(folder, "careful", "WARNING")
        if arguments.get("fail"):
            error = {"code": "Python.FAILED", "title": "It failed", "detail": "unlucky", "category": "User"}
            (folder / "output.json").write_text(json.dumps({"status": "faulted", "output": {}, "error": error}))
            print("Traceback", file=sys.stderr)
            return 1
        if arguments.get("suspend"):
            (folder / "state.db").write_text("saved")
            result = {"status": "suspended", "resume": {"triggerType": "Task", "itemKey": "4711"}}
        else:
            seen = {"argv": sys.argv[1:3], "here": Path.cwd().name, "got": arguments, "config": config}
            result = {"status": "successful", "output": seen}
    (folder / "output.json").write_text(json.dumps(result))
    return 0
"""


def runtime_wheel(folder: Path) -> Path:
    """A wheel named `uipath` with the program above."""
    path = folder / "uipath-9.9.9-py3-none-any.whl"
    info = "uipath-9.9.9.dist-info"
    files = {
        "uipath_stand_in.py": PROGRAM,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: uipath\nVersion: 9.9.9\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nuipath = uipath_stand_in:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    path.write_bytes(memory.getvalue())
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files of a package of uipath functions."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    wheel = runtime_wheel(tmp_path)
    return {
        "pyproject.toml": (
            '[project]\nname = "demo"\nversion = "1.0.0"\nrequires-python = ">=3.11"\n'
            f'dependencies = ["uipath @ {wheel.as_uri()}"]\n'
        ),
        "uipath.json": '{"functions": {"add": "main.py:main"}, "runtime": {"kept": 1}}',
        "main.py": "raise SystemExit('run by the runtime, not by itself')\n",
        "inner/agent.json": "{}",
    }


class TestRun:
    async def test_the_runtime_gets_entry_point_arguments_and_configuration(
        self, peer: Any, agent: Begin, project: dict[str, str]
    ) -> None:
        peer.add_package(project)
        agent()
        key = peer.start(
            arguments={"n": 1},
            entryPointPath="add",
            internalArguments='{"resourceOverwrites": {"a": 1}}',
            fpsProperties='{"b": 2}',
        )
        final = await peer.final(key, limit_s=60)
        assert final["error"] is None
        output = json.loads(final["outputArguments"])
        assert output["argv"] == ["run", "add"]
        assert output["here"] == "work"
        assert output["got"] == {"n": 1}
        assert output["config"]["functions"] == {"add": "main.py:main"}
        assert output["config"]["runtime"]["kept"] == 1
        assert output["config"]["runtime"]["resourceOverwrites"] == {"a": 1}
        assert output["config"]["fpsProperties"] == {"b": 2}

    async def test_its_execution_log_becomes_log_lines(self, peer: Any, agent: Begin, project: dict[str, str]) -> None:
        peer.add_package(project)
        agent()
        key = peer.start(entryPointPath="add")
        await peer.final(key, limit_s=60)
        assert peer.messages_of(key) == [("Info", "first line\nsecond line"), ("Warn", "careful")]

    async def test_an_entry_point_in_a_folder_is_run_from_there(
        self, peer: Any, agent: Begin, project: dict[str, str]
    ) -> None:
        peer.add_package(project)
        agent()
        output = json.loads((await peer.final(peer.start(entryPointPath="inner/agent.json")))["outputArguments"])
        assert (output["argv"], output["here"]) == (["run", "agent.json"], "inner")

    async def test_faulted_with_the_error_that_the_runtime_wrote(
        self, peer: Any, agent: Begin, project: dict[str, str]
    ) -> None:
        peer.add_package(project)
        agent()
        final = await peer.final(peer.start(arguments={"fail": True}, entryPointPath="add"), limit_s=60)
        assert final["jobState"] == "Faulted"
        assert final["error"] == {
            "code": "Python.FAILED",
            "title": "It failed",
            "detail": "unlucky",
            "category": "User",
        }

    async def test_faulted_when_the_dependencies_cannot_be_had(
        self, peer: Any, agent: Begin, project: dict[str, str]
    ) -> None:
        project["pyproject.toml"] = project["pyproject.toml"].replace("file:///", "file:///nowhere/")
        peer.add_package(project)
        agent()
        key = peer.start(entryPointPath="add")
        final = await peer.final(key, limit_s=60)
        assert peer.states_of(key) == ["Faulted"]
        assert final["error"]["code"] == "PYTHON.JOB_PREPARATION_FAILED"
        assert "uv sync" in final["error"]["detail"]


class TestSuspension:
    async def test_a_suspended_job_goes_on_where_it_stopped(
        self, peer: Any, agent: Begin, project: dict[str, str]
    ) -> None:
        peer.add_package(project)
        running = agent()
        key = peer.start(arguments={"suspend": True}, entryPointPath="add", leaseEpoch=1)
        await peer.final(key, limit_s=60)
        dto = peer.suspensions[0]
        assert dto["jobId"] == key
        assert dto["resumeTriggers"] == [{"triggerType": "Task", "itemKey": "4711"}]
        assert dto["resumeVersion"] == 0
        peer.reports.clear()
        peer.start(
            key=key,
            entryPointPath="add",
            leaseEpoch=2,
            persistenceId=dto["persistenceInstanceId"],
            resumeVersion=1,
            resumeSource="Task",
        )
        final = await peer.final(key, limit_s=60)
        assert (final["jobState"], final["outputArguments"]) == ("Successful", '{"resumed":true}')
        assert ("Info", "resumed with saved") in peer.messages_of(key)
        await peer.until(lambda: running.job_folders == [])
