"""`podium audit`: proves that nobody changed the audit trail; works on the installation itself, not over the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podium.cli.server import DataDir, replace_process, server_command

app = typer.Typer(no_args_is_help=True, help="Audit: prove that nobody changed the trail.")


@app.command()
def verify(
    data_dir: DataDir = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoints", help="A file of checkpoints; may be repeated.", show_default="that of the data folder"
        ),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="The public key.", show_default="that of the data folder")
    ] = None,
) -> None:
    """Compare every row of the audit trail with its chain and the signed checkpoints; exit status 1 if one is wrong."""
    command = [*server_command("audit", data_dir=data_dir), "verify"]
    for path in checkpoints or ():
        command += ["--checkpoints", str(path)]
    if public_key is not None:
        command += ["--public-key", str(public_key)]
    replace_process(command)
