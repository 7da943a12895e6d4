"""`podium machines`: the keys with which robots connect."""

from __future__ import annotations

from typing import Annotated

import typer

from podium.cli.client import ODATA
from podium.cli.connection import connect
from podium.cli.output import Columns, Format, OutputOption, show_record, show_rows
from podium.cli.publish import folder_target

app = typer.Typer(no_args_is_help=True, help="Machines: the keys with which robots connect.")

ROW: Columns = {
    "Id": "Id",
    "Name": "Name",
    "Kind": "Type",
    "Slots": "UnattendedSlots",
    "Connected": lambda machine: sum(row.get("Count") or 0 for row in machine.get("RobotVersions") or []),
    "Description": "Description",
}
MADE: Columns = {
    "Name": "Name",
    "Id": "Id",
    "Slots": "UnattendedSlots",
    "Machine key": "LicenseKey",
    "Client secret": "ClientSecret",
}


@app.command("list")
def list_machines(ctx: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """List machines; never their keys."""
    with connect(ctx) as orchestrator:
        rows = orchestrator.rows("/odata/Machines", {"$orderby": "Name"})
    shown = [{name: value for name, value in row.items() if name not in {"LicenseKey", "ClientSecret"}} for row in rows]
    show_rows(shown, ROW, output, nothing="No machines. `podium machines create NAME` makes one.")


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name that no other machine has.")],
    slots: Annotated[
        int, typer.Option("--slots", "-s", min=1, max=1000, help="Jobs at once on each connected host.")
    ] = 1,
    folder: Annotated[
        list[str] | None,
        typer.Option("--folder", "-f", help="Folder whose jobs it may run; may be given several times."),
    ] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Make a machine and print its key, which is shown this once.

    Any number of hosts may connect with the key: podium robot run --machine-key KEY
    """
    with connect(ctx) as orchestrator:
        folders = [folder_target(orchestrator, path) for path in folder or []]
        machine = orchestrator.post("/odata/Machines", {"Name": name, "Type": "Template", "UnattendedSlots": slots})
        if folders:
            ids = {"MachineIds": [machine["Id"]], "FolderIds": [target.folder_id for target in folders]}
            orchestrator.post(f"/odata/Folders/{ODATA}AssignMachines", {"assignments": ids})
    show_record(machine, MADE, output)
    typer.echo("Keep the key now; it is not shown again.", err=True)
    if not folders:
        typer.echo("It runs jobs once it is assigned to a folder (--folder, or in the console).", err=True)
