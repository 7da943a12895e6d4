"""`podium login`, `logout`, `status`, `token`: who you are to which server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from podium.cli import browser, credentials, device, oauth
from podium.cli.client import ODATA, Orchestrator
from podium.cli.connection import Address, Settings, connect, password_token, resolve, settings_of, token_for
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
WINNING = ("PODIUM_TOKEN", "PODIUM_CLIENT_ID", "PODIUM_USER")
"""Variables that the commands obey before a stored sign-in."""

NO_TERMINAL = "There is no terminal to sign in at"
OTHER_WAYS = (
    "--device and --no-browser work without one, so does --user with --password-stdin; "
    "scripts do better with PODIUM_CLIENT_ID and PODIUM_CLIENT_SECRET"
)


def login(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Option("--url", help="Address of the server.", show_default=False)] = None,
    by_device: Annotated[
        bool, typer.Option("--device", help="Show a code to type into a browser on another machine.")
    ] = False,
    opens_browser: Annotated[
        bool | None,
        typer.Option("--browser/--no-browser", help="Open the browser, or only show the address.", show_default=False),
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for name and password here: an hour, without the management API.")
    ] = False,
    user: Annotated[
        str | None,
        typer.Option("--user", "-u", help="As --password, of this user name or e-mail.", show_default=False),
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="As --password; read it from stdin.")
    ] = False,
) -> None:
    """Sign in and keep the sign-in for the commands that follow.

    In the browser, and then for as long as it is used. Scripts do better with PODIUM_CLIENT_ID and
    PODIUM_CLIENT_SECRET of an external application.
    """
    settings = settings_of(ctx)
    address = resolve(Settings(url or settings.url, settings.organization, settings.tenant))
    by_password = password or password_stdin or user is not None
    if sum((by_device, opens_browser is not None, by_password)) > 1:
        raise Failure("--device, --browser or --no-browser, and --password exclude each other", Exit.USAGE)
    is_open = not by_device and opens_browser is None
    if by_password or (is_open and os.environ.get("PODIUM_USER")):
        stored = _by_password(address, user or os.environ.get("PODIUM_USER"), from_stdin=password_stdin)
    elif is_open and not sys.stdin.isatty():
        raise Failure(NO_TERMINAL, Exit.USAGE, hint=OTHER_WAYS)
    else:
        stored = _by_oauth(address, by_device=by_device, opens_browser=opens_browser is not False)
    path = _replace(stored)
    typer.echo(f"Signed in to {address.url} as {stored.user}")
    typer.echo(f"Kept in {path}", err=True)
    if winning := _winning():
        typer.echo(f"{winning} is set: the commands use it and not this sign-in", err=True)


def _by_oauth(address: Address, *, by_device: bool, opens_browser: bool) -> Stored:
    provider = oauth.discover(address.url)
    if by_device:
        tokens, user = device.sign_in(provider)
    else:
        tokens, user = browser.sign_in(provider, address.organization, opens_browser=opens_browser)
    return Stored(
        address.url,
        address.organization,
        address.tenant,
        user,
        tokens.access_token,
        tokens.refresh_token,
        tokens.expires_at,
    )


def _by_password(address: Address, user: str | None, *, from_stdin: bool) -> Stored:
    if user is None:
        if not sys.stdin.isatty():
            raise Failure("Give --user; there is no terminal to ask on", Exit.USAGE)
        user = typer.prompt(f"User of {address.url}")
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = os.environ.get("PODIUM_PASSWORD") or typer.prompt("Password", hide_input=True)
    return Stored(address.url, address.organization, address.tenant, user, password_token(address, user, password))


def _replace(stored: Stored) -> Path:
    """The file that holds the sign-in now; one to the same server that it held before is ended there."""
    with credentials.locked():
        before = credentials.load()
        path = credentials.save(stored)
        if before is not None and before.url == stored.url and before.refresh_token is not None:
            _give_back(before.url, before.refresh_token)
    return path


def logout() -> None:
    """End the sign-in that `podium login` kept, on the server too."""
    failure = None
    with credentials.locked():
        try:
            stored = credentials.load()
        except Failure:
            stored = None  # a broken file is removed all the same
        if stored is not None and stored.refresh_token is not None:
            failure = _give_back(stored.url, stored.refresh_token)
        is_forgotten = credentials.forget()
    typer.echo("Signed out" if is_forgotten else "You were not signed in")
    if failure is not None:
        typer.echo(f"The server does not know of it: {failure}", err=True)


def _give_back(url: str, refresh_token: str) -> Failure | None:
    """Why the server could not be told; None when it was, which ends the access tokens of the sign-in as well."""
    try:
        oauth.revoke(oauth.discover(url), refresh_token)
    except oauth.Refused as refused:
        return refused.failure
    except Failure as failure:
        return failure
    return None


def token(ctx: typer.Context) -> None:
    """Print an access token that other programs may use for the next minutes, at most an hour.

    It is worth a password as long as it holds: pass it on by $(podium token), do not write it down.
    """
    found = token_for(resolve(settings_of(ctx)))
    typer.echo(found if isinstance(found, str) else found())


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
            "means": _winning() or "podium login",
        }
    show_record(row, STATUS, output)


def _version(orchestrator: Orchestrator) -> str | None:
    answer = orchestrator.get("/api/Status/Version")
    return answer.get("version") if isinstance(answer, dict) else None


def _winning() -> str | None:
    return next((name for name in WINNING if os.environ.get(name)), None)
