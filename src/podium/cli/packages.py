"""`podium packages`: what has been published."""

from __future__ import annotations

from typing import Annotated

import typer

from podium.cli.client import ODATA, quoted
from podium.cli.connection import connect
from podium.cli.output import Columns, Format, OutputOption, moment, show_rows
from podium.cli.publish import folder_target

app = typer.Typer(no_args_is_help=True, help="Packages: what has been published.")

ROW: Columns = {
    "Package": "Id",
    "Version": "Version",
    "In use": "IsActive",
    "Published": moment("Published"),
    "Description": "Description",
}


@app.command("list")
def list_packages(
    ctx: typer.Context,
    package: Annotated[
        str | None, typer.Argument(metavar="[PACKAGE]", help="Show every version of this package.")
    ] = None,
    folder: Annotated[
        str | None, typer.Option("--folder", "-f", help="The folder's own feed.", show_default="the tenant's")
    ] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List packages with their latest version, or every version of one."""
    with connect(ctx) as orchestrator:
        feed_id = folder_target(orchestrator, folder).feed_id if folder else None
        path = (
            f"/odata/Processes/{ODATA}GetProcessVersions(processId={quoted(package)})"
            if package
            else "/odata/Processes"
        )
        rows = orchestrator.rows(path, {"feedId": feed_id})
    show_rows(rows, ROW, output, nothing="No packages. `podium publish` uploads one.")
