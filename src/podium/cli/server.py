"""`podium up` and `podium serve`: the server takes the place of this process."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from podium.cli.failure import Exit, Failure

NEEDED = ("starlette", "uvicorn", "asyncpg")  # by these one sees whether the extra is installed

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[
    int | None, typer.Option("--port", "-p", min=1, max=65535, help="Port to listen on.", show_default="8000")
]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Where everything is kept.", show_default="the user's data folder")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, max=64, help="Server processes.")]


def up(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    robots: Annotated[int | None, typer.Option("--robots", min=0, help="Robots on this machine.")] = None,
    no_robot: Annotated[bool, typer.Option("--no-robot", help="Run no jobs on this machine.")] = False,
) -> None:
    """Start everything on this machine: database, server and a robot."""
    if no_robot and robots:
        raise Failure("--robots and --no-robot exclude each other", Exit.USAGE)
    command = server_command("up", host=host, port=port, data_dir=data_dir, workers=workers, robots=robots)
    replace_process([*command, "--no-robot"] if no_robot else command)


def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    workers: Workers = None,
) -> None:
    """Start a server as it runs in operation: settings from PODIUM_*, no robot, nothing made up."""
    replace_process(server_command("serve", host=host, port=port, data_dir=data_dir, workers=workers))


def server_command(verb: str, **options: str | int | Path | None) -> list[str]:
    """The program and arguments of a server; options that are None are left to it.

    Raises Failure when the extra that holds the server is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise Failure("The server is not installed", hint="pip install 'podium[server]'")
    given = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items() if value is not None]
    return [sys.executable, "-m", "podium.server", verb, *(word for pair in given for word in pair)]


def replace_process(command: Sequence[str]) -> NoReturn:
    """Replace this process by the command; Windows cannot, there it waits for the command and ends as it ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        import subprocess

        raise typer.Exit(subprocess.call(command))  # noqa: S603 - our own interpreter and modules
    os.execv(command[0], list(command))  # noqa: S606 - our own interpreter and modules
