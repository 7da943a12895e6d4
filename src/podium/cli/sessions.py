"""`podium sessions`: hosts that are or were connected."""

from __future__ import annotations

from typing import Annotated

import typer

from podium.cli.client import ODATA
from podium.cli.connection import connect
from podium.cli.output import Columns, Format, OutputOption, moment, show_rows

app = typer.Typer(no_args_is_help=True, help="Sessions: the hosts on which robots run.")

ROW: Columns = {
    "Id": "Id",
    "Host": "HostMachineName",
    "Machine": "MachineName",
    "State": lambda session: "Unresponsive" if session.get("IsUnresponsive") else session.get("State"),
    "Version": "Version",
    "Platform": "Platform",
    "Last report": moment("ReportingTime"),
}


@app.command("list")
def list_sessions(
    ctx: typer.Context,
    folder: Annotated[str | None, typer.Option("--folder", "-f", help="Only hosts that serve this folder.")] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List the hosts on which robots run, with their state."""
    path = "/odata/Sessions" if folder else f"/odata/Sessions/{ODATA}GetGlobalSessions"
    with connect(ctx) as orchestrator:
        rows = orchestrator.rows(path, folder=folder)
    show_rows(rows, ROW, output, nothing="No robot has connected yet.")
