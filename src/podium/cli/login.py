"""`podium login`, `logout`, `status`: who you are to which server."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from podium.cli import credentials
from podium.cli.client import ODATA, Orchestrator
from podium.cli.connection import Settings, connect, password_token, resolve, settings_of
from podium.cli.credentials import Stored
from podium.cli.failure import Exit, Failure
from podium.cli.output import Columns, Format, OutputOption, show_record

STATUS: Columns = {
    "Server": "url",
    "Version": "version",
    "Organization": "organization",
    "Tenant": "tenant",
    "User": "user",
    "Signed in by": "means",
}


def login(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option("--url", help="Address of the server.", show_default=False)] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="User name or e-mail; asked for when left out.")
    ] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
) -> None:
    """Sign in and keep the sign-in for the commands that follow.

    It lasts as long as the server's tokens do, usually an hour. Scripts do better with PODIUM_CLIENT_ID and
    PODIUM_CLIENT_SECRET of an external application.
    """
    settings = settings_of(ctx)
    address = resolve(Settings(url or settings.url, settings.organization, settings.tenant))
    if user is None:
        if not sys.stdin.isatty():
            raise Failure("Give --user; there is no terminal to ask on", Exit.USAGE)
        user = typer.prompt(f"User of {address.url}")
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else typer.prompt("Password", hide_input=True)
    token = password_token(address, user, password)
    path = credentials.save(Stored(address.url, address.organization, address.tenant, user, token))
    typer.echo(f"Signed in to {address.url} as {user}")
    typer.echo(f"Kept in {path}", err=True)


def logout() -> None:
    """Forget the sign-in that `podium login` kept."""
    typer.echo("Signed out" if credentials.forget() else "You were not signed in")


def status(ctx: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """Show which server and tenant the commands address, and as whom."""
    address = resolve(settings_of(ctx))
    with connect(ctx) as orchestrator:
        me = orchestrator.get(f"/odata/Users/{ODATA}GetCurrentUser") or {}
        row = {
            "url": address.url,
            "version": _version(orchestrator),
            "organization": address.organization,
            "tenant": address.tenant,
            "user": me.get("UserName") or me.get("EmailAddress"),
            "means": _means(),
        }
    show_record(row, STATUS, output)


def _version(orchestrator: Orchestrator) -> str | None:
    answer = orchestrator.get("/api/Status/Version")
    return answer.get("version") if isinstance(answer, dict) else None


def _means() -> str:
    names = {"PODIUM_TOKEN": "PODIUM_TOKEN", "PODIUM_CLIENT_ID": "PODIUM_CLIENT_ID", "PODIUM_USER": "PODIUM_USER"}
    return next((name for name in names if os.environ.get(name)), "podium login")
