"""`podium queues`: work for robots, looked at, filled and tried again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from podium.cli import arguments
from podium.cli.client import Orchestrator, Row
from podium.cli.connection import connect
from podium.cli.failure import Exit, Failure
from podium.cli.output import Columns, Format, OutputOption, moment, parse_instant, show_json, show_record, show_rows
from podium.cli.publish import DEFAULT_FOLDER
from podium.cli.queue_files import read_lines, send_lines, types_of
from podium.cli.queue_named import queue_named
from podium.cli.start import Priority

app = typer.Typer(no_args_is_help=True, help="Queues: work for robots. Fill them, watch them, try items again.")

SVC = "UiPathODataSvc."
LONGEST_REASON = 60  # characters of a cell; `podium queues item` shows all of it
SHOWN_REFUSALS = 20


class Status(StrEnum):
    """The states of the wire."""

    NEW = "New"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    SUCCESSFUL = "Successful"
    ABANDONED = "Abandoned"
    RETRIED = "Retried"
    DELETED = "Deleted"


Queue = Annotated[str, typer.Argument(metavar="QUEUE", help="Name or id of the queue.")]
Folder = Annotated[str | None, typer.Option("--folder", "-f", help="Path, id or key.", show_default="every folder")]


def _count(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda queue: queue.get("Counts", {}).get(name)


def _ago(member: str) -> Callable[[Mapping[str, Any]], str | None]:
    """A column that shows a member's instant, and how long ago that was."""

    def shown(row: Mapping[str, Any]) -> str | None:
        instant = parse_instant(row.get(member))
        if instant is None:
            return None
        seconds = max(0, int((datetime.now(UTC) - instant).total_seconds()))
        for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
            if seconds >= length or unit == "s":
                return f"{moment(member)(row)} ({seconds // length} {unit} ago)"
        return None

    return shown


def _reason(item: Mapping[str, Any]) -> str | None:
    """Why the item failed; of one that is worked on, how far it is."""
    exception = item.get("ProcessingException") or {}
    text = exception.get("Reason") or (item.get("Progress") if item.get("Status") == Status.IN_PROGRESS else None)
    if not text:
        return None
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}..."


def _exception(item: Mapping[str, Any]) -> str | None:
    exception = item.get("ProcessingException") or {}
    said = [str(exception[name]) for name in ("Reason", "Details") if exception.get(name)]
    return "\n".join([": ".join(filter(None, [exception.get("Type"), said[0]])), *said[1:]]) if said else None


def _host(item: Mapping[str, Any]) -> str | None:
    return (item.get("Job") or {}).get("HostMachineName")


def _shown_object(member: str) -> Callable[[Mapping[str, Any]], str | None]:
    def shown(item: Mapping[str, Any]) -> str | None:
        value = item.get(member)
        return json.dumps(value, ensure_ascii=False) if value else None

    return shown


ROW: Columns = {
    "Id": "Id",
    "Name": "Name",
    "Folder": "OrganizationUnitFullyQualifiedName",
    "Waiting": _count("ItemsToProcess"),
    "In progress": _count("ItemsInProgress"),
    "Successful": _count("SuccessfulTransactionsNo"),
    "Retries": "MaxNumberOfRetries",
    "Unique references": "EnforceUniqueReference",
}
RECORD: Columns = {
    "Id": "Id",
    "Name": "Name",
    "Folder": "OrganizationUnitFullyQualifiedName",
    "Description": "Description",
    "Retries": "MaxNumberOfRetries",
    "Unique references": "EnforceUniqueReference",
    **{status.value: _count(status.value) for status in Status},
    "Oldest waiting": _ago("OldestWaiting"),
    "Longest in progress": _ago("LongestInProgress"),
}
ITEM_ROW: Columns = {
    "Id": "Id",
    "Reference": "Reference",
    "Status": "Status",
    "Priority": "Priority",
    "Attempt": lambda item: (item.get("RetryNumber") or 0) + 1,
    "Created": moment("CreationTime"),
    "Started": moment("StartProcessing"),
    "Ended": moment("EndProcessing"),
    "Host": _host,
    "Reason": _reason,
}
ITEM_RECORD: Columns = {
    "Id": "Id",
    "Key": "Key",
    "Reference": "Reference",
    "Status": "Status",
    "Review": lambda item: None if item.get("ReviewStatus") == "None" else item.get("ReviewStatus"),
    "Priority": "Priority",
    "Folder": "OrganizationUnitFullyQualifiedName",
    "Attempt": lambda item: (item.get("RetryNumber") or 0) + 1,
    "Created": moment("CreationTime"),
    "Not before": moment("DeferDate"),
    "Due": moment("DueDate"),
    "Started": _ago("StartProcessing"),
    "Ended": moment("EndProcessing"),
    "Host": _host,
    "Job": "ExecutorJobKey",
    "Progress": "Progress",
    "Content": _shown_object("SpecificContent"),
    "Output": _shown_object("Output"),
    "Exception": _exception,
}
ATTEMPT: Columns = {name: ITEM_ROW[name] for name in ("Id", "Attempt", "Status", "Started", "Ended", "Host", "Reason")}


@app.command("list")
def list_queues(ctx: typer.Context, folder: Folder = None, output: OutputOption = Format.TABLE) -> None:
    """List queues, with what waits in them."""
    with connect(ctx) as orchestrator:
        rows = orchestrator.rows("/odata/QueueDefinitions", {"$orderby": "Name"}, folder=folder)
        if output is Format.TABLE:
            counts = {}
            for place in dict.fromkeys(row["OrganizationUnitId"] for row in rows):
                path = f"/odata/QueueProcessingRecords/{SVC}RetrieveQueuesProcessingStatus"
                counts.update({row["Id"]: row for row in orchestrator.rows(path, folder=place)})
            rows = [row | {"Counts": counts.get(row["Id"], {})} for row in rows]
    show_rows(rows, ROW, output, nothing="No queues. `podium queues create NAME` makes one.")


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name that no other queue of the folder has.")],
    folder: Annotated[str, typer.Option("--folder", "-f", help="Path, id or key of the folder.")] = DEFAULT_FOLDER,
    retries: Annotated[
        int, typer.Option("--retries", "-r", min=0, max=50, help="How often an item is tried again after a failure.")
    ] = 0,
    unique_reference: Annotated[
        bool, typer.Option("--unique-reference", help="Refuse an item whose reference the queue has seen.")
    ] = False,
    retry_abandoned: Annotated[
        bool, typer.Option("--retry-abandoned", help="Try items again, too, that a robot left unfinished for a day.")
    ] = False,
    description: Annotated[str | None, typer.Option("--description")] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Make a queue. Failures of the application are retried, those of the business never are."""
    wanted = {
        "Name": name,
        "Description": description,
        "MaxNumberOfRetries": retries,
        "AcceptAutomaticallyRetry": retries > 0,
        "RetryAbandonedItems": retry_abandoned,
        "EnforceUniqueReference": unique_reference,
    }
    with connect(ctx) as orchestrator:
        made = orchestrator.post("/odata/QueueDefinitions", wanted, folder=folder)
        show_record(queue_named(orchestrator, str(made["Id"]), folder) | made, RECORD, output)


@app.command()
def show(ctx: typer.Context, queue: Queue, folder: Folder = None, output: OutputOption = Format.TABLE) -> None:
    """Show a queue: its items by status, and how long the oldest one waits."""
    with connect(ctx) as orchestrator:
        found = queue_named(orchestrator, queue, folder)
        home = found["OrganizationUnitId"]
        asked = {"queueId": found["Id"], "filter": "Id gt 0"}
        answer = orchestrator.post("/api/podium/QueueItems/PreviewBulk", asked, folder=home)
        found["Counts"] = {status.value: 0 for status in (Status.NEW, Status.IN_PROGRESS)} | answer["countByStatus"]
        found["OldestWaiting"] = _first(orchestrator, found, Status.NEW, "CreationTime")
        found["LongestInProgress"] = _first(orchestrator, found, Status.IN_PROGRESS, "StartProcessing")
    show_record(found, RECORD, output)


def _first(orchestrator: Orchestrator, queue: Row, status: Status, member: str) -> Any:
    """The earliest of that instant among the items in that state."""
    options = {
        "$filter": f"QueueDefinitionId eq {queue['Id']} and Status eq '{status}'",
        "$orderby": f"{member} asc",
        "$select": f"Id,{member}",
    }
    rows = orchestrator.rows("/odata/QueueItems", options, folder=queue["OrganizationUnitId"], limit=1)
    return rows[0][member] if rows else None


@app.command()
def items(
    ctx: typer.Context,
    queue: Queue,
    folder: Folder = None,
    status: Annotated[
        Status | None, typer.Option("--status", "-s", case_sensitive=False, help="Only items in this state.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-l", min=1, max=10_000, help="At most so many, the newest first.")
    ] = 50,
    output: OutputOption = Format.TABLE,
) -> None:
    """List items of a queue, the newest first. Each attempt at an item is a row of its own."""
    with connect(ctx) as orchestrator:
        found = queue_named(orchestrator, queue, folder)
        condition = f"QueueDefinitionId eq {found['Id']}" + (f" and Status eq '{status}'" if status else "")
        options = {"$filter": condition, "$orderby": "Id desc", "$expand": "Job"}
        rows = orchestrator.rows("/odata/QueueItems", options, folder=found["OrganizationUnitId"], limit=limit)
    show_rows(rows, ITEM_ROW, output, nothing="No items.")


@app.command()
def item(
    ctx: typer.Context,
    item_id: Annotated[int, typer.Argument(metavar="ITEM", min=1, help="Id of the item.")],
    folder: Folder = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Show one item: who has it, what it holds, why it failed, and the attempts before it."""
    with connect(ctx) as orchestrator:
        options = {"$filter": f"Id eq {item_id}", "$expand": "Job"}
        rows = orchestrator.rows("/odata/QueueItems", options, folder=folder, limit=1)
        if not rows:
            raise Failure(f"Item {item_id} does not exist, or you have no access to it")
        home = rows[0]["OrganizationUnitId"]
        path = f"/odata/QueueItems({item_id})/{SVC}GetItemProcessingHistory"
        attempts = orchestrator.get(path, {"$expand": "Job"}, folder=home)["value"]
    if output is Format.JSON:
        return show_json(rows[0] | {"Attempts": attempts})
    show_record(rows[0], ITEM_RECORD, output)
    if len(attempts) > 1:
        typer.echo()
        show_rows(sorted(attempts, key=lambda row: row["Id"]), ATTEMPT, output, nothing="")
    return None


@app.command()
def add(
    ctx: typer.Context,
    queue: Queue,
    content: Annotated[
        list[str] | None,
        typer.Option("--content", "-c", metavar="JSON|@FILE|NAME=VALUE", help="Content; may be given several times."),
    ] = None,
    folder: Folder = None,
    reference: Annotated[str | None, typer.Option("--reference", "-r", help="What people know the item by.")] = None,
    priority: Annotated[Priority, typer.Option("--priority", "-p", case_sensitive=False)] = Priority.NORMAL,
    output: OutputOption = Format.TABLE,
) -> None:
    """Add one item to a queue."""
    specific = arguments.parse(content or [], "--content") or {}
    with connect(ctx) as orchestrator:
        found = queue_named(orchestrator, queue, folder)
        data = {"Name": found["Name"], "Priority": priority.value, "Reference": reference, "SpecificContent": specific}
        home = found["OrganizationUnitId"]
        made = orchestrator.post(f"/odata/Queues/{SVC}AddQueueItem", {"itemData": data}, folder=home)
    show_record(made, ITEM_RECORD, output)


@app.command("import")
def import_file(
    ctx: typer.Context,
    queue: Queue,
    file: Annotated[Path, typer.Argument(help="CSV with a heading, or one JSON object per line (.ndjson).")],
    folder: Folder = None,
    reference: Annotated[
        str | None, typer.Option("--reference", "-r", metavar="COLUMN", help="Column that is the reference as well.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="What separates the cells.", show_default=",")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Add everything once more, though this file was imported before.")
    ] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Add an item for each line of a file.

    The columns Reference, Priority, DeferDate and DueDate are those of the item, all others its content. The same file
    given again within a day adds nothing, so a command that lost its connection can simply be repeated.
    """
    if delimiter is not None and len(delimiter) != 1:
        raise Failure("--delimiter must be one character", Exit.USAGE)
    for _ in read_lines(file, {}, reference, delimiter):
        pass  # a file that cannot be read to its end is refused before anything is sent
    with connect(ctx) as orchestrator:
        found = queue_named(orchestrator, queue, folder)
        lines = read_lines(file, types_of(found.get("SpecificDataJsonSchema")), reference, delimiter)
        sent = send_lines(orchestrator, found, lines, secrets.token_hex(16) if again else "")
    if output is Format.JSON:
        refused = [{"Line": each.line, "Reason": each.reason} for each in sent.refused]
        show_json({"Lines": sent.lines, "Added": sent.added, "AddedBefore": sent.before, "Refused": refused})
    else:
        new = sent.added - sent.before
        typer.echo(f"{new} {'item' if new == 1 else 'items'} added to {found['Name']}")
        if sent.before:
            typer.echo(f"{sent.before} were there from an earlier import of this file (--again adds them once more)")
        for each in sent.refused[:SHOWN_REFUSALS]:
            typer.echo(f"Line {each.line}: {each.reason}", err=True)
        if len(sent.refused) > SHOWN_REFUSALS:
            typer.echo(f"... and {len(sent.refused) - SHOWN_REFUSALS} more lines", err=True)
    if sent.refused:
        raise Failure(f"{len(sent.refused)} of {sent.lines} lines were refused")


@app.command()
def retry(
    ctx: typer.Context,
    queue: Queue,
    item_ids: Annotated[list[int] | None, typer.Argument(metavar="[ITEM]...", help="Ids of the items.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every item that failed.")] = False,
    abandoned: Annotated[bool, typer.Option("--abandoned", help="Every item that a robot left unfinished.")] = False,
    folder: Folder = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Try items again that failed or were abandoned: each becomes a new item that waits. Those retried before are left."""
    states = [state for state, is_meant in ((Status.FAILED, failed), (Status.ABANDONED, abandoned)) if is_meant]
    if bool(states) == bool(item_ids):
        raise Failure("Give ids of items, or --failed or --abandoned", Exit.USAGE)
    conditions = [f"Id eq {id_}" for id_ in item_ids or []] or [f"Status eq '{state}'" for state in states]
    condition = f"({' or '.join(conditions)})"
    if states:
        condition += " and (ReviewStatus eq 'None' or ReviewStatus eq 'InReview')"
    with connect(ctx) as orchestrator:
        found = queue_named(orchestrator, queue, folder)
        asked = {"queueId": found["Id"], "filter": condition, "action": "Retry"}
        home = found["OrganizationUnitId"]
        done = orchestrator.post("/api/podium/QueueItems/ExecuteBulk", asked, folder=home)
    if output is Format.JSON:
        show_json(done)
    else:
        typer.echo(f"{done['changed']} of {done['count']} items wait for another attempt")
        for each in done["failures"]:
            typer.echo(f"{each['count']} left: {each['reason']}", err=True)
    if done["failed"] or (item_ids and done["count"] < len(set(item_ids))):
        raise Failure("Not every item was retried")
