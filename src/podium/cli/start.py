"""`podium start`: a process is started, and watched when asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from podium.cli import arguments
from podium.cli.client import GUID, ODATA, Orchestrator, Row
from podium.cli.connection import connect
from podium.cli.failure import Failure
from podium.cli.follow import TIMED_OUT, duration_s, exit_status, follow
from podium.cli.output import Columns, Format, OutputOption, console, printable, show_json, show_rows
from podium.cli.publish import DEFAULT_FOLDER


class Priority(StrEnum):
    """The bands of the wire."""

    LOW = "Low"
    NORMAL = "Normal"
    HIGH = "High"


Wait = Annotated[bool, typer.Option("--wait", "-w", help="Follow until the end; the exit status tells how it ended.")]
Logs = Annotated[bool | None, typer.Option("--logs/--no-logs", help="Show the robot's log; --logs implies --wait.")]
Timeout = Annotated[float | None, typer.Option("--timeout", min=0, help="Seconds to wait; then exit status 124.")]

STARTED: Columns = {"Id": "Id", "Key": "Key", "Process": "ReleaseName", "State": "State"}


def start(
    ctx: typer.Context,
    process: Annotated[str, typer.Argument(help="Name or key of the process.")],
    folder: Annotated[str, typer.Option("--folder", "-f", help="Path, id or key of the folder.")] = DEFAULT_FOLDER,
    given: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="JSON|@FILE|NAME=VALUE", help="Arguments; may be given several times."),
    ] = None,
    entry_point: Annotated[
        str | None, typer.Option("--entry-point", "-e", help="Which part of the package to run.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="How many jobs to start.")] = 1,
    priority: Annotated[Priority | None, typer.Option("--priority", case_sensitive=False)] = None,
    wait: Wait = False,
    logs: Logs = None,
    timeout: Timeout = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Start a process.

    With --wait the exit status is 0 for Successful, 1 for Faulted, 2 for Stopped and 124 when --timeout passed first.
    """
    info = start_info(process, arguments.parse(given or []), entry_point, count, priority)
    with connect(ctx) as orchestrator:
        jobs = start_jobs(orchestrator, info, folder)
        if not (wait or logs):
            return show_rows(jobs, STARTED, output, nothing="No job was started.")
        watch_and_exit(orchestrator, jobs, logs=logs is not False, timeout_s=timeout, output=output)
    return None


def start_info(
    process: str,
    given: dict[str, Any] | None,
    entry_point: str | None = None,
    count: int = 1,
    priority: Priority | None = None,
) -> Row:
    """What StartJobs takes; `process` is a name, or a key when it looks like one."""
    info: Row = {"ReleaseKey" if GUID.fullmatch(process) else "ReleaseName": process, "JobsCount": count}
    info["Strategy"] = "ModernJobsCount"
    if given is not None:
        info["InputArguments"] = json.dumps(given, ensure_ascii=False)
    if entry_point:
        info["EntryPointPath"] = entry_point
    if priority:
        info["JobPriority"] = priority.value
    return info


def start_jobs(orchestrator: Orchestrator, info: Row, folder: str | int) -> list[Row]:
    """The jobs that the server made."""
    answer = orchestrator.post(f"/odata/Jobs/{ODATA}StartJobs", {"startInfo": info}, folder=folder)
    jobs: list[Row] = answer["value"]
    if not jobs:
        raise Failure("The server started no job")
    return jobs


def watch_and_exit(
    orchestrator: Orchestrator,
    jobs: Sequence[Row],
    *,
    logs: bool,
    timeout_s: float | None,
    output: Format,
) -> None:
    """The jobs followed to their end and their results shown; ends the command with the status that tells how.

    With JSON the result alone is on stdout, and what happens meanwhile on stderr.
    """
    ended = follow(orchestrator, jobs, console(stderr=output is Format.JSON), logs=logs, timeout_s=timeout_s)
    status = exit_status(ended)
    if output is Format.JSON:
        show_json(ended[0] if len(ended) == 1 else ended)
    else:
        for job in ended:
            show_result(job)
    if status == TIMED_OUT:
        typer.echo(
            f"Not ended after {timeout_s:g} s; the job goes on: podium jobs follow {ended[0].get('Id')}", err=True
        )
    raise typer.Exit(status)


def show_result(job: Row) -> None:
    """What a job gave: its output arguments, or the reason why it has none."""
    out = console()
    error = job.get("JobError") or {}
    if isinstance(error, dict) and error:
        reason = error.get("detail") or error.get("Detail") or error.get("title") or error.get("Title")
        if reason:
            out.print(f"  {printable(str(reason))}", style="red", markup=False)
    seconds = duration_s(job)
    given = output_of(job)
    if given:
        out.print(
            f"Output of job {job.get('Id')}" + (f" ({seconds:.1f} s)" if seconds is not None else ""), style="bold"
        )
        for name, value in given.items():
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            out.print(f"  {printable(name)}: {printable(shown)}", markup=False)


def output_of(job: Row) -> dict[str, Any]:
    """The job's output arguments; empty when it gave none, or when they were so large that they became a file."""
    try:
        value = json.loads(job.get("OutputArguments") or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {"output": value}
