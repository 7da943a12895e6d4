"""`podium`: every command in one tree, and how a command ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from podium.cli import audit, folders, jobs, keys, machines, mail, packages, processes, queues, robot, robots, sessions
from podium.cli.connection import Settings
from podium.cli.demo import demo
from podium.cli.failure import Failure
from podium.cli.login import login, logout, status, token
from podium.cli.pack import pack
from podium.cli.publish import publish
from podium.cli.server import serve, up
from podium.cli.start import start

EPILOG = (
    "Environment: PODIUM_URL, PODIUM_ORG, PODIUM_TENANT; to sign in PODIUM_TOKEN, or PODIUM_CLIENT_ID and "
    "PODIUM_CLIENT_SECRET, or PODIUM_USER and PODIUM_PASSWORD. "
    "Exit status: 0 done, 1 refused, 2 wrong use, 3 server not reached, 4 not signed in."
)

commands = typer.Typer(
    name="podium",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"podium {version('podium')}")
        raise typer.Exit


@commands.callback()
def root(
    ctx: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="PODIUM_URL",
            help="Address of the server.",
            show_default="http://127.0.0.1:8000",
            show_envvar=False,
        ),
    ] = None,
    organization: Annotated[
        str | None, typer.Option("--org", envvar="PODIUM_ORG", help="Organization.", show_envvar=False)
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", envvar="PODIUM_TENANT", help="Tenant.", show_envvar=False)
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Podium: an open automation server that speaks the wire protocol of UiPath Orchestrator.

    `podium demo` shows it at work; `podium up` starts it for real.
    """
    ctx.obj = Settings(url, organization, tenant)


SERVER, WORK, LOOK, ACCOUNT = "Run a server", "Publish and run", "Look and steer", "Sign in"

commands.command(rich_help_panel=SERVER)(demo)
commands.command(rich_help_panel=SERVER)(up)
commands.command(rich_help_panel=SERVER)(serve)
commands.add_typer(robot.app, name="robot", rich_help_panel=SERVER)
commands.add_typer(keys.app, name="keys", rich_help_panel=SERVER)
commands.add_typer(audit.app, name="audit", rich_help_panel=SERVER)
commands.command(rich_help_panel=WORK)(pack)
commands.command(rich_help_panel=WORK)(publish)
commands.command(rich_help_panel=WORK)(start)
for name, module in (
    ("jobs", jobs),
    ("queues", queues),
    ("folders", folders),
    ("processes", processes),
    ("packages", packages),
    ("machines", machines),
    ("robots", robots),
    ("sessions", sessions),
    ("mail", mail),
):
    commands.add_typer(module.app, name=name, rich_help_panel=LOOK)
commands.command(rich_help_panel=ACCOUNT)(login)
commands.command(rich_help_panel=ACCOUNT)(logout)
commands.command(rich_help_panel=ACCOUNT)(status)
commands.command(rich_help_panel=ACCOUNT)(token)


def app(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process; a Failure becomes one line on stderr and its exit status."""
    try:
        commands(None if arguments is None else list(arguments))
    except Failure as failure:
        typer.echo(f"Error: {failure}", err=True)
        sys.exit(int(failure.status))
