"""`podium jobs`: runs of processes, looked at and steered."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from podium.cli.client import ODATA, quoted
from podium.cli.connection import connect
from podium.cli.follow import POLL_S, Watch, folder_of, job_named, log_line, new_lines
from podium.cli.output import Columns, Format, OutputOption, console, moment, show_json, show_record, show_rows
from podium.cli.start import STARTED, Logs, Timeout, Wait, watch_and_exit

app = typer.Typer(no_args_is_help=True, help="Runs of processes: list, show, stop, restart, follow.")


class State(StrEnum):
    """The states of the wire."""

    PENDING = "Pending"
    RUNNING = "Running"
    STOPPING = "Stopping"
    TERMINATING = "Terminating"
    FAULTED = "Faulted"
    SUCCESSFUL = "Successful"
    STOPPED = "Stopped"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"


Job = Annotated[str, typer.Argument(metavar="JOB", help="Id or key of the job.")]
Folder = Annotated[str | None, typer.Option("--folder", "-f", help="Path, id or key.", show_default="every folder")]

ROW: Columns = {
    "Id": "Id",
    "Process": "ReleaseName",
    "State": "State",
    "Folder": "OrganizationUnitFullyQualifiedName",
    "Created": moment("CreationTime"),
    "Ended": moment("EndTime"),
    "Host": "HostMachineName",
}
RECORD: Columns = {
    "Id": "Id",
    "Key": "Key",
    "Process": "ReleaseName",
    "State": "State",
    "Info": "Info",
    "Folder": "OrganizationUnitFullyQualifiedName",
    "Source": "Source",
    "Created": moment("CreationTime"),
    "Started": moment("StartTime"),
    "Ended": moment("EndTime"),
    "Host": "HostMachineName",
    "Input": "InputArguments",
    "Output": "OutputArguments",
    "Error": lambda job: (job.get("JobError") or {}).get("detail") or (job.get("JobError") or {}).get("title"),
}


@app.command("list")
def list_jobs(
    ctx: typer.Context,
    folder: Folder = None,
    state: Annotated[
        State | None, typer.Option("--state", "-s", case_sensitive=False, help="Only jobs in this state.")
    ] = None,
    process: Annotated[str | None, typer.Option("--process", "-p", help="Only jobs of this process.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-l", min=1, max=10_000, help="At most so many, the newest first.")
    ] = 50,
    output: OutputOption = Format.TABLE,
) -> None:
    """List jobs, the newest first."""
    conditions = [f"State eq '{state}'"] if state else []
    if process:
        conditions.append(f"ReleaseName eq {quoted(process)}")
    options = {"$filter": " and ".join(conditions) or None, "$orderby": "Id desc"}
    with connect(ctx) as orchestrator:
        rows = orchestrator.rows("/odata/Jobs", options, folder=folder, limit=limit)
    show_rows(rows, ROW, output, nothing="No jobs.")


@app.command()
def show(ctx: typer.Context, job: Job, output: OutputOption = Format.TABLE) -> None:
    """Show one job with its arguments."""
    with connect(ctx) as orchestrator:
        row = job_named(orchestrator, job)
        # lists may leave large members out; the read by key has them all
        row = orchestrator.get(f"/odata/Jobs/{ODATA}GetByKey(identifier={row['Key']})", folder=folder_of(row))
    show_record(row, RECORD, output)


@app.command()
def stop(
    ctx: typer.Context,
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids or keys of the jobs.")],
    kill: Annotated[bool, typer.Option("--kill", help="End it at once instead of asking it to stop.")] = False,
    wait: Wait = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Ask jobs to stop, or end them at once."""
    with connect(ctx) as orchestrator:
        rows = [job_named(orchestrator, job) for job in jobs]
        for folder in dict.fromkeys(folder_of(row) for row in rows):
            ids = [row["Id"] for row in rows if folder_of(row) == folder]
            wanted = {"jobIds": ids, "strategy": "Kill" if kill else "SoftStop"}
            orchestrator.post(f"/odata/Jobs/{ODATA}StopJobs", wanted, folder=folder)
        rows = [job_named(orchestrator, str(row["Key"])) for row in rows]
        if wait:
            watch_and_exit(orchestrator, rows, logs=False, timeout_s=None, output=output)
    show_rows(rows, STARTED, output, nothing="No jobs.")


@app.command()
def restart(
    ctx: typer.Context,
    job: Job,
    wait: Wait = False,
    logs: Logs = None,
    timeout: Timeout = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Start an ended job again with the same arguments; it becomes a new job."""
    with connect(ctx) as orchestrator:
        old = job_named(orchestrator, job)
        new = orchestrator.post(f"/odata/Jobs/{ODATA}RestartJob", {"jobId": old["Id"]}, folder=folder_of(old))
        if wait or logs:
            watch_and_exit(orchestrator, [new], logs=logs is not False, timeout_s=timeout, output=output)
    show_rows([new], STARTED, output, nothing="No job was started.")


@app.command()
def follow(
    ctx: typer.Context,
    job: Job,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Show the robot's log.")] = True,
    timeout: Timeout = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Follow a job until it ends; the exit status tells how it ended."""
    with connect(ctx) as orchestrator:
        row = job_named(orchestrator, job)
        watch_and_exit(orchestrator, [row], logs=logs, timeout_s=timeout, output=output)


@app.command()
def logs(
    ctx: typer.Context,
    job: Job,
    follow_on: Annotated[bool, typer.Option("--follow", help="Go on until the job ends.")] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Print the robot's log of a job, oldest line first."""
    import time

    with connect(ctx) as orchestrator:
        watch = Watch(job_named(orchestrator, job))
        if output is Format.JSON and not follow_on:
            return show_json(new_lines(orchestrator, watch))
        out = console()
        while True:
            has_ended = watch.has_ended
            for row in new_lines(orchestrator, watch):
                show_json(row) if output is Format.JSON else out.print(log_line(row))
            if has_ended or not follow_on:
                return None
            time.sleep(POLL_S)
            watch.job = job_named(orchestrator, watch.key)
