"""Which queue a command means."""

from __future__ import annotations

from podium.cli.client import Orchestrator, Row, quoted
from podium.cli.failure import Exit, Failure

SHOWN_FOLDERS = 5


def queue_named(orchestrator: Orchestrator, name: str, folder: str | None) -> Row:
    """The queue of that name or id, in the folder or, without one, in any. Raises Failure when it is not just one."""
    text = name.strip()
    condition = f"Name eq {quoted(text)}"
    if text.isdecimal() and text.isascii():
        condition += f" or Id eq {text}"
    rows = orchestrator.rows("/odata/QueueDefinitions", {"$filter": condition, "$orderby": "Id"}, folder=folder)
    rows = [row for row in rows if str(row["Name"]).casefold() == text.casefold()] or rows
    if not rows:
        where = f" in folder {folder!r}" if folder else ""
        raise Failure(
            f"There is no queue {text!r}{where}, or you have no access to it", hint="see `podium queues list`"
        )
    if len(rows) > 1:
        paths = [str(row.get("OrganizationUnitFullyQualifiedName")) for row in rows]
        shown = ", ".join(paths[:SHOWN_FOLDERS]) + (", ..." if len(paths) > SHOWN_FOLDERS else "")
        raise Failure(f"Several folders have a queue {text!r}: {shown}", Exit.USAGE, hint="name one by --folder")
    return rows[0]
