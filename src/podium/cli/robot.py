"""`podium robot`: an agent that runs jobs on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from podium.cli.connection import Settings, resolve, settings_of
from podium.cli.failure import Exit, Failure
from podium.cli.server import replace_process

app = typer.Typer(no_args_is_help=True, help="Run jobs on this machine.")

MACHINE_KEY = "PODIUM_ROBOT_MACHINE_KEY"
OTHER_WAYS = (f"{MACHINE_KEY}_FILE", "PODIUM_ROBOT_CLIENT_ID")  # the agent itself reads these


@app.callback()
def robot() -> None:
    """Run jobs on this machine."""


@app.command()
def run(
    ctx: typer.Context,
    url: Annotated[
        str | None, typer.Option("--url", help="Address of the server, with or without /organization/tenant.")
    ] = None,
    machine_key: Annotated[
        str | None, typer.Option("--machine-key", envvar=MACHINE_KEY, help="The key of `podium machines create`.")
    ] = None,
    slots: Annotated[int | None, typer.Option("--slots", min=1, max=1000, help="Jobs at once.")] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Where the agent keeps packages and jobs.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Shown as the host.", show_default="the host name")] = None,
) -> None:
    """Take jobs from a server and run them here, until Ctrl-C.

    Instead of a machine key, PODIUM_ROBOT_CLIENT_ID and PODIUM_ROBOT_CLIENT_SECRET may be set.
    """
    if not machine_key and not any(os.environ.get(other) for other in OTHER_WAYS):
        raise Failure(f"Give --machine-key or {MACHINE_KEY}", Exit.USAGE, hint="`podium machines create` makes a key")
    command = [sys.executable, "-m", "podium.robot", "--url", tenant_url(url or _own_url(), settings_of(ctx))]
    for option, value in (("--slots", slots), ("--folder", folder), ("--name", name)):
        if value is not None:
            command += [option, str(value)]
    if machine_key:
        os.environ[MACHINE_KEY] = machine_key  # a command line is seen by every user of the machine
    replace_process(command)


def tenant_url(url: str | None, settings: Settings) -> str:
    """`https://host/{organization}/{tenant}`: the address as given when it names both, else completed."""
    if url and len(urlsplit(url).path.strip("/").split("/")) == 2:
        return url.rstrip("/")
    address = resolve(Settings(url or settings.url, settings.organization, settings.tenant))
    return f"{address.url}/{address.organization}/{address.tenant}"


def _own_url() -> str | None:
    return os.environ.get("PODIUM_ROBOT_URL")
