"""Who calls, as items remember it: for history, for leases and for events."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.kernel.call import Call
from podium.kernel.db import Connection, Database
from podium.kernel.errors import BadRequest, Code

JOB_HEADER = "x-uipath-jobkey"
EPOCH_HEADER = "x-podium-lease-epoch"


class Who(NamedTuple):
    """The caller of an operation on items.

    `holder`: as whom it holds what it takes: the robot, else the job that it says to be, else the user or application.
    `epoch`: the hand-out that it means, None for whichever. `db`: the connection of the call's transaction, if it is in
    one; else changes share commits with those of others.
    """

    tenant_id: int
    folder_id: int
    path: str
    holder: str
    job_key: UUID | None
    robot_id: int | None
    epoch: int | None
    user_id: int | None
    client_id: str | None
    now: datetime
    db: Connection | None


def who(call: Call) -> Who:
    """The caller. Raises BadRequest for an epoch that is no number."""
    actor = call.actor
    assert call.folder is not None
    job_key = actor.job_key or _job_key(call.headers.get(JOB_HEADER, ""))
    if actor.robot_key is not None:
        holder = f"robot {actor.robot_key}"
    elif job_key is not None:
        holder = f"job {job_key}"
    elif actor.subject is not None:
        holder = f"principal {actor.subject}"
    else:
        holder = f"client {actor.client_id}" if actor.client_id else f"machine {actor.machine_id}"
    return Who(
        call.tenant_id,
        call.folder.id,
        call.folder.path,
        holder,
        job_key,
        actor.robot_id,
        _epoch(call.headers.get(EPOCH_HEADER, "")),
        actor.user_id,
        actor.client_id if actor.kind == "application" else None,
        call.now,
        call.db if call.in_transaction else None,
    )


def connection(db: Database, who: Who) -> AbstractAsyncContextManager[Connection]:
    """The caller's connection, in its transaction; without one a pooled connection in autocommit."""
    return db.acquire() if who.db is None else nullcontext(who.db)


def transaction(db: Database, who: Who) -> AbstractAsyncContextManager[Connection]:
    """As `connection`, and in a transaction in either case."""
    return db.transaction() if who.db is None else nullcontext(who.db)


def _job_key(text: str) -> UUID | None:
    try:
        return UUID(text.strip()) if text else None
    except ValueError:
        return None


def _epoch(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest(f"{EPOCH_HEADER}: expected the number that came with the item.", Code.PARAMETER_INVALID)
    return int(text)
