"""SQL of mails."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

NEXT_ID = "SELECT nextval(pg_get_serial_sequence('identity.mails', 'id'))"

# The id is known before, because the body is sealed for its row.
ADD = """
INSERT INTO identity.mails (organization_id, id, template, recipient, subject, sealed, created_at, due_at)
OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

DUE = """
SELECT organization_id, id, template, recipient, subject, sealed, attempts FROM identity.mails
 WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""

TAKE = "UPDATE identity.mails SET attempts = attempts + 1, due_at = $3 WHERE organization_id = $1 AND id = $2"

SENT = """
UPDATE identity.mails SET sent_at = $3, due_at = NULL, sealed = NULL, last_error = NULL
 WHERE organization_id = $1 AND id = $2
"""

FAILED = "UPDATE identity.mails SET due_at = $3, last_error = $4 WHERE organization_id = $1 AND id = $2"

BODY = "SELECT sealed FROM identity.mails WHERE organization_id = $1 AND id = $2"

FORGET = """
DELETE FROM identity.mails WHERE organization_id = $1 AND id IN (
  SELECT id FROM identity.mails WHERE organization_id = $1 AND created_at < $2 ORDER BY id LIMIT $3)
"""


class Mail(NamedTuple):
    """A mail that is to be sent now; `attempts` are those before."""

    organization_id: UUID
    id: int
    template: str
    recipient: str
    subject: str
    sealed: bytes
    attempts: int


async def next_id(db: Connection) -> int:
    """The id of a mail that will be added."""
    found: int = await db.fetchval(NEXT_ID)
    return found


async def add(db: Connection, mail: Mail, now: datetime, due_at: datetime | None) -> None:
    """Keep a mail; without an instant it lies until somebody reads it."""
    await db.execute(ADD, *mail[:6], now, due_at)


async def due(db: Connection, now: datetime, limit: int) -> list[Mail]:
    """Mails to be sent now, locked until the end of the transaction."""
    return [Mail(**dict(row)) for row in await db.fetch(DUE, now, limit)]


async def take(db: Connection, mail: Mail, due_at: datetime | None) -> None:
    """Count a try; `due_at` is when the next one is made if this one's result is never written."""
    await db.execute(TAKE, mail.organization_id, mail.id, due_at)


async def sent(db: Connection, mail: Mail, now: datetime) -> None:
    """The mail is with the server; its body is dropped."""
    await db.execute(SENT, mail.organization_id, mail.id, now)


async def failed(db: Connection, mail: Mail, due_at: datetime | None, reason: str) -> None:
    """The try failed; without an instant there will be no other."""
    await db.execute(FAILED, mail.organization_id, mail.id, due_at, reason)


async def body(db: Connection, organization_id: UUID, mail_id: int) -> Record | None:
    """The sealed body; None when there is no such mail."""
    return await db.fetchrow(BODY, organization_id, mail_id)


async def forget(db: Connection, organization_id: UUID, before: datetime, limit: int) -> int:
    """Delete mails that are older; how many went."""
    return int((await db.execute(FORGET, organization_id, before, limit)).rpartition(" ")[2])
