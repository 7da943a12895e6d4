"""`podium pack`: a project folder becomes a package file, without any other tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from podium.cli.failure import Exit, Failure
from podium.cli.package import Package
from podium.cli.package import pack as pack_folder

Version = Annotated[str | None, typer.Option("--version", help="Used in place of the version in pyproject.toml.")]


def pack(
    path: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder for the package.", show_default="PATH/dist")
    ] = None,
    version: Version = None,
) -> None:
    """Make a package (.nupkg) of a Python project.

    A folder with uipath.json is packed as the vendor's tools pack it; any other folder needs a main.py, which a robot
    runs with the path of a JSON file of arguments and whose output it reads from the file named by PODIUM_OUTPUT.
    Packing the same files again gives the same bytes.
    """
    package = packed(path, version)
    target = (output or path / "dist") / package.file_name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(package.archive)
    except OSError as error:
        raise Failure(f"Cannot write {target}: {error.strerror}", Exit.USAGE) from None
    files = "file" if package.file_count == 1 else "files"
    typer.echo(
        f"Packed {package.id} {package.version}: {package.file_count} {files}, {sized(len(package.archive))}", err=True
    )
    typer.echo(str(target))


def packed(path: Path, version: str | None) -> Package:
    """The package of the folder; what was left out is told on stderr."""
    package = pack_folder(path, version=version)
    for warning in package.warnings:
        typer.echo(f"Warning: {warning}", err=True)
    return package


def sized(size_bytes: int) -> str:
    """A size as people read it."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    return f"{size_bytes / 1000:.1f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1_000_000:.1f} MB"
