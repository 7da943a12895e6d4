"""Turns requests for a new password into mails."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from podium.identity.links import actions as links
from podium.identity.links.rules import address
from podium.identity.mails import actions as mails
from podium.identity.mails.rules import is_address
from podium.identity.recovery import store
from podium.identity.users.actions import find_active_by_name
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.kernel.loops import Loop

BATCH = 20


def loops(keyring: Keyring, issuer: str) -> list[Loop]:
    """The loops of this area; links begin with the issuer's address."""

    async def send(db: Connection, now: datetime) -> int:
        waiting = await store.take(db, BATCH)
        for row in waiting:
            await _send(db, keyring, issuer, row["organization_id"], row["name_key"], now)
        return len(waiting)

    return [Loop("recovery.send", every=timedelta(seconds=1), turn=send)]


async def _send(
    db: Connection, keyring: Keyring, issuer: str, organization_id: UUID, name_key: str, now: datetime
) -> None:
    """A mail to an active user who has an address and was not sent too many; for everybody else nothing."""
    user = await find_active_by_name(db, organization_id, name_key)
    if user is None or not user.email or not is_address(user.email):
        return
    if not await links.may_send_reset(db, organization_id, user.id, now):
        return
    token = await links.create(db, organization_id, "reset", user.id, now)
    values = {"name": user.full_name, "link": address(issuer, "reset", token)}
    await mails.post(db, keyring, organization_id, "PasswordReset", user.email, values, now)
