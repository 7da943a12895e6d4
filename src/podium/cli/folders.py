"""`podium folders`: where processes and their jobs live."""

from __future__ import annotations

import typer

from podium.cli.connection import connect
from podium.cli.output import Columns, Format, OutputOption, show_rows

app = typer.Typer(no_args_is_help=True, help="Folders: where processes and jobs live.")

ROW: Columns = {
    "Id": "Id",
    "Path": "FullyQualifiedName",
    "Kind": "FolderType",
    "Feed": lambda folder: "own" if folder.get("FeedType") in {"FolderHierarchy", "PersonalWorkspace"} else "tenant",
    "Description": "Description",
}


@app.command("list")
def list_folders(ctx: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """List the folders that you can see."""
    with connect(ctx) as orchestrator:
        rows = orchestrator.rows("/odata/Folders", {"$orderby": "FullyQualifiedName"})
    show_rows(rows, ROW, output, nothing="No folders.")
