"""`podium processes`: what can be started in a folder."""

from __future__ import annotations

from typing import Annotated

import typer

from podium.cli.connection import connect
from podium.cli.output import Columns, Format, OutputOption, show_rows

app = typer.Typer(no_args_is_help=True, help="Processes: what can be started.")

ROW: Columns = {
    "Id": "Id",
    "Name": "Name",
    "Package": "ProcessKey",
    "Version": "ProcessVersion",
    "Latest": "IsLatestVersion",
    "Folder": "OrganizationUnitFullyQualifiedName",
}


@app.command("list")
def list_processes(
    ctx: typer.Context,
    folder: Annotated[
        str | None, typer.Option("--folder", "-f", help="Path, id or key.", show_default="every folder")
    ] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List processes with the package version that each one runs."""
    with connect(ctx) as orchestrator:
        rows = orchestrator.rows("/odata/Releases", {"$orderby": "Name"}, folder=folder)
    show_rows(rows, ROW, output, nothing="No processes. `podium publish` makes one of a project.")
