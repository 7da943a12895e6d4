"""`podium robots`: the accounts that run jobs."""

from __future__ import annotations

import typer

from podium.cli.connection import connect
from podium.cli.output import Columns, Format, OutputOption, show_rows

app = typer.Typer(no_args_is_help=True, help="Robots: the accounts that run jobs.")

ROW: Columns = {
    "Id": "Id",
    "Name": "Name",
    "User": "Username",
    "Kind": "Type",
    "Machine": "MachineName",
    "Enabled": "Enabled",
}


@app.command("list")
def list_robots(ctx: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """List robots."""
    with connect(ctx) as orchestrator:
        rows = orchestrator.rows("/odata/Robots", {"$orderby": "Name"})
    show_rows(rows, ROW, output, nothing="No robots.")
