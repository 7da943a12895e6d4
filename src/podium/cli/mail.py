"""`podium mail`: mails that the server sent, or would have sent if it knew how."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from podium.cli.client import checked, open_http, send
from podium.cli.connection import resolve, settings_of, token_for
from podium.cli.failure import Exit, Failure
from podium.cli.output import Columns, Format, OutputOption, moment, printable, show_json, show_record, show_rows

app = typer.Typer(
    no_args_is_help=True,
    help="Mails: invitations and links for new passwords, sent or waiting. Needs `podium login` as an administrator, or "
    "PODIUM_CLIENT_ID and PODIUM_CLIENT_SECRET of an application with the scope PM.Setting.",
)

MAX_PAGE = 1000
HINT = (
    "it takes `podium login` as an administrator, without --password; or PODIUM_CLIENT_ID and PODIUM_CLIENT_SECRET of an "
    "application with the scope PM.Setting"
)


def _state(mail: Any) -> str:
    """What becomes of a mail, in a word."""
    if mail.get("sentAt"):
        return "Sent"
    if mail.get("dueAt"):
        return "Pending"
    return "Waiting" if not mail.get("attempts") else "Given up"


ROW: Columns = {
    "Id": "id",
    "State": _state,
    "Template": "template",
    "Recipient": "recipient",
    "Created": moment("createdAt"),
    "Tries": "attempts",
    "Error": "lastError",
}
RECORD: Columns = {
    "Id": "id",
    "State": _state,
    "Template": "template",
    "To": "recipient",
    "Subject": "subject",
    "Created": moment("createdAt"),
    "Sent": moment("sentAt"),
    "Next try": moment("dueAt"),
    "Tries": "attempts",
    "Error": "lastError",
}


@app.command("list")
def list_mails(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_PAGE, help="How many, newest first.")] = 50,
    output: OutputOption = Format.TABLE,
) -> None:
    """List mails, newest first. One that is Waiting was never sent: the server has no mail server to give it to."""
    show_rows(_get(ctx, "", top=limit)["results"], ROW, output, nothing="No mails.")


@app.command()
def show(
    ctx: typer.Context,
    mail: Annotated[int, typer.Argument(help="Id of a mail, as in the list.")],
    output: OutputOption = Format.TABLE,
) -> None:
    """Show a mail and what it says. The text is kept until the mail was sent; reading it is recorded."""
    found = _get(ctx, f"/{mail}")
    if output is Format.JSON:
        return show_json(found)
    show_record(found, RECORD, output)
    if found.get("body") is None:
        typer.echo("The text is no longer kept.", err=True)
        return None
    typer.echo(f"\n{printable(found['body'])}", nl=False)
    return None


def _get(ctx: typer.Context, path: str, **params: int) -> Any:
    """The answer of the organization's identity server; a refusal says what it takes."""
    address = resolve(settings_of(ctx))
    url = f"{address.url}/{address.organization}/identity_/api/podium/Mail{path}"
    with open_http(url, token_for(address)) as http:
        response = send(http, "GET", url, params=params or None)
    if response.status_code == 403:
        raise Failure("You may not read the mails", Exit.REFUSED, hint=HINT)
    try:
        return checked(response).json()
    except ValueError:
        raise Failure(f"{address.url} did not answer in JSON; is this a Podium server?") from None
