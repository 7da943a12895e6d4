"""Sends what is due, and forgets what is old."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from podium.identity.mails import store
from podium.identity.mails.actions import open_body
from podium.identity.mails.rules import wait_after
from podium.identity.mails.store import Mail
from podium.identity.mails.transport import NotSent, send
from podium.identity.settings.actions import mail_retentions, smtp
from podium.identity.settings.rules import Smtp
from podium.kernel.db import Connection, Database
from podium.kernel.keyring import Keyring
from podium.kernel.loops import Loop
from podium.kernel.secrets import SecretError

BATCH = 10  # mails at once
FORGET_BATCH = 1000
MOST_SECONDS = 40.0
"""For a batch: the loop's own transaction waits meanwhile, and PostgreSQL ends one that idles for a minute."""

log = structlog.get_logger(__name__)


def loops(db: Database, keyring: Keyring) -> tuple[Loop, ...]:
    """The loops of this area."""

    async def deliver_next(_db: Connection, now: datetime) -> int:
        return await deliver(db, keyring, now)

    return (
        Loop("mails.deliver", every=timedelta(seconds=3), turn=deliver_next),
        Loop("mails.forget", every=timedelta(hours=1), turn=forget),
    )


async def deliver(db: Database, keyring: Keyring, now: datetime) -> int:
    """Try the mails that are due, some at once; how many.

    A try is counted and committed before the mail leaves, its result afterwards: a node that dies between the two sends
    the mail a second time, after the usual wait, and never in a circle.
    """
    async with db.transaction() as connection:
        mails = await store.due(connection, now, BATCH)
        servers = {mail.organization_id: await smtp(connection, keyring, mail.organization_id) for mail in mails}
        for mail in mails:
            await store.take(connection, mail, _next_try(mail, now))
    tries = (_try(db, keyring, mail, servers[mail.organization_id], now) for mail in mails)
    for result in await asyncio.gather(*tries, return_exceptions=True):  # one that fails must not cut off the others
        if isinstance(result, BaseException):
            raise result
    return len(mails)


async def forget(db: Connection, now: datetime) -> int:
    """Delete mails of organizations that keep them for a time only; how many went."""
    gone = 0
    for organization_id, days in (await mail_retentions(db)).items():
        gone += await store.forget(db, organization_id, now - timedelta(days=days), FORGET_BATCH)
    return gone


def _next_try(mail: Mail, now: datetime) -> datetime | None:
    wait = wait_after(mail.attempts + 1)
    return None if wait is None else now + wait


async def _try(db: Database, keyring: Keyring, mail: Mail, server: Smtp | None, now: datetime) -> None:
    said = log.bind(mail=mail.id, template=mail.template, recipient=mail.recipient, attempt=mail.attempts + 1)
    if server is None:  # it was there when the mail was posted
        said.warning("mail.waiting")
        await _failed(db, mail, None, "No mail server is set.")
        return
    try:
        async with asyncio.timeout(MOST_SECONDS):
            await send(
                server,
                mail.recipient,
                mail.subject,
                open_body(keyring, mail.organization_id, mail.id, mail.sealed),
                now,
            )
    except SecretError as error:
        said.error("mail.unreadable", reason=str(error))
        await _failed(db, mail, None, "The body cannot be opened with the keys of this installation.")
    except (NotSent, TimeoutError) as error:
        due_at = _next_try(mail, now)
        said.warning("mail.not_sent", reason=str(error), next=due_at)
        await _failed(db, mail, due_at, str(error) or "The mail server did not answer in time.")
    else:
        said.info("mail.sent")
        async with db.transaction() as connection:
            await store.sent(connection, mail, now)


async def _failed(db: Database, mail: Mail, due_at: datetime | None, reason: str) -> None:
    async with db.transaction() as connection:
        await store.failed(connection, mail, due_at, reason)
