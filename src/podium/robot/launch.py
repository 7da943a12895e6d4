"""What one job's process gets: working folder, arguments, environment variables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podium.robot.disk import write_json
from podium.robot.environments import Environment, PreparationFailed, read_object
from podium.robot.messages import CommandData, json_object
from podium.robot.record import JobFolder, Record
from podium.robot.settings import Settings


def lay_out(folder: JobFolder, record: Record, environment: Environment, arguments: bytes, state: bytes | None) -> None:
    """Makes the job's own files: a copy of the package (jobs may write beside their code), input, configuration.

    A copy and not hard links: a program that opens a file of its package for writing would change the shared one.
    """
    for path in (folder.work, folder.runtime, folder.temporary):
        shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(environment.content, folder.work)
    folder.runtime.mkdir()
    folder.temporary.mkdir()
    folder.input.write_bytes(arguments)
    if environment.is_uipath:
        write_json(folder.runtime / "uipath.json", runtime_config(folder, record.command.data))
        if state is not None:
            (folder.runtime / "state.db").write_bytes(state)


def runtime_config(folder: JobFolder, data: CommandData) -> dict[str, Any]:
    """The package's uipath.json with what this run adds; the runtime is told of it by UIPATH_CONFIG_PATH."""
    config = read_object(folder.work / "uipath.json")
    runtime = config.get("runtime")
    return config | {
        "runtime": (runtime if isinstance(runtime, dict) else {})
        | json_object(data.internal_arguments)
        | {"dir": str(folder.runtime)},
        "fpsProperties": json_object(data.fps_properties),
        "fpsContext": json_object(data.fps_context),
    }


def run_spec(folder: JobFolder, record: Record, environment: Environment, *, grace_s: float) -> dict[str, Any]:
    """The runner's instructions. Raises PreparationFailed when the package has nothing to start."""
    build = uipath_command if environment.is_uipath else plain_command
    argv, cwd = build(folder, record.command.data, Path(environment.venv))
    return {
        "argv": argv,
        "cwd": str(cwd),
        "claim": str(folder.claim(record.attempt)),
        "log": str(folder.log),
        "exit": str(folder.exit),
        "execution_log": str(folder.runtime / "execution.log") if environment.is_uipath else None,
        "grace_s": grace_s,
        "time_limit_s": record.command.data.time_limit_seconds,
    }


def plain_command(folder: JobFolder, data: CommandData, venv: Path) -> tuple[list[str], Path]:
    entry = (data.entry_point_path or "").removeprefix("content/")
    script = inside(folder.work, entry) if entry.endswith(".py") else None
    if script is None:
        script = inside(folder.work, "main.py")
    if script is None:
        raise PreparationFailed("The package has no main.py, and is no project of uipath functions or agents.")
    return [str(venv / "bin" / "python"), str(script), str(folder.input)], folder.work


def uipath_command(folder: JobFolder, data: CommandData, venv: Path) -> tuple[list[str], Path]:
    """The package's own `uipath run`. Arguments travel in a file: they may be long, and a process list shows all.

    An entry point in a folder below is run from there, because the runtime looks for its configuration beside it.
    """
    program = venv / "bin" / "uipath"
    if not program.exists():
        raise PreparationFailed("The package's dependencies do not include 'uipath', which must run it.")
    cwd, entry = folder.work, data.entry_point_path or ""
    script = inside(folder.work, entry.replace("\\", "/")) if "/" in entry.replace("\\", "/") else None
    if script is not None:
        cwd, entry = script.parent, script.name
    argv = [str(program), "run", *([entry] if entry else [])]
    if is_resumed(data) and data.resume_source != "Manual":
        return [*argv, "--resume"], cwd
    return [*argv, "--input-file", str(folder.input)], cwd


def is_resumed(data: CommandData) -> bool:
    return data.persistence_id is not None and data.resume_version is not None


def inside(root: Path, relative: str) -> Path | None:
    """The file, when it exists and lies below the root."""
    path = (root / relative).resolve()
    return path if path.is_relative_to(root.resolve()) and path.is_file() else None


def job_variables(
    folder: JobFolder,
    record: Record,
    environment: Environment,
    settings: Settings,
    *,
    token: str | None,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """The process's environment variables. Those that the job's own settings name come last and win."""
    data = record.command.data
    *_, organization, tenant = ["", "", *settings.url.rstrip("/").split("/")[3:]]
    bin_folder = str(Path(environment.venv) / "bin")
    variables = dict(inherited) | {
        "PATH": os.pathsep.join(filter(None, [bin_folder, inherited.get("PATH", os.defpath)])),
        "VIRTUAL_ENV": environment.venv,
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder.temporary),
        "UIPATH_URL": settings.url.rstrip("/"),
        "UIPATH_JOB_KEY": data.job_key,
        "UIPATH_PROCESS_UUID": data.process_key,
        "UIPATH_FOLDER_KEY": data.folder_key,
        "UIPATH_FOLDER_PATH": data.fully_qualified_folder_name or data.folder_path,
        "UIPATH_TRACE_ID": record.trace_id,
        "UIPATH_ROBOT_KEY": record.command.robot_key,
        "UIPATH_TELEMETRY_ENABLED": "false",
        "UIPATH_CONFIG_PATH": str(folder.runtime / "uipath.json"),
        "PODIUM_OUTPUT": str(folder.output),
    }
    optional = {
        "UIPATH_ORGANIZATION_ID": data.organization_id or inherited.get("UIPATH_ORGANIZATION_ID") or organization,
        "UIPATH_TENANT_ID": data.tenant_id or inherited.get("UIPATH_TENANT_ID") or tenant,
        "UIPATH_ACCESS_TOKEN": data.access_token or token,
        "UIPATH_PARENT_SPAN_ID": data.parent_span_id,
        "UIPATH_ROOT_SPAN_ID": data.root_span_id,
    }
    variables |= {name: value for name, value in optional.items() if value}
    for line in (data.environment_variables or "").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() and "\0" not in line:
            variables[name.strip()] = value
    return variables
