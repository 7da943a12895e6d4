"""`podium keys`: the keys that protect what is stored; works on the installation itself, not over the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podium.cli.failure import Exit, Failure
from podium.cli.server import DataDir, replace_process, server_command

app = typer.Typer(no_args_is_help=True, help="Keys: show and replace what seals the stored secrets.")


@app.command("list")
def list_keys(data_dir: DataDir = None) -> None:
    """List the keys, by their ids."""
    replace_process([*server_command("keys", data_dir=data_dir), "list"])


@app.command()
def rotate(
    data_dir: DataDir = None,
    data: Annotated[bool, typer.Option("--data", help="Seal every stored secret again, with a new data key.")] = False,
    data_only: Annotated[bool, typer.Option("--data-only", help="As --data, and leave the master key.")] = False,
    new_key_file: Annotated[
        Path | None,
        typer.Option("--new-key-file", help="The new master key.", show_default="PODIUM_NEW_MASTER_KEY, else made"),
    ] = None,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Let the old master key go on, until `podium keys forget-old`.")
    ] = False,
) -> None:
    """Replace the master key while servers run."""
    if data_only and (keep_old or new_key_file):
        raise Failure("--data-only goes with neither --new-key-file nor --keep-old", Exit.USAGE)
    command = [*server_command("keys", data_dir=data_dir), "rotate"]
    flags = (("--data", data), ("--data-only", data_only), ("--keep-old", keep_old))
    command += [name for name, is_given in flags if is_given]
    if new_key_file is not None:
        command += ["--new-key-file", str(new_key_file)]
    replace_process(command)


@app.command("forget-old")
def forget_old(data_dir: DataDir = None) -> None:
    """End what `rotate --keep-old` left: only the present master key opens the data keys."""
    replace_process([*server_command("keys", data_dir=data_dir), "forget-old"])
