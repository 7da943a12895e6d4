"""Asking for a new password and choosing it, confirming an address."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from podium.identity.acting import write_down
from podium.identity.issuer import Issuer
from podium.identity.links import actions as links
from podium.identity.links.rules import address
from podium.identity.mails import actions as mails
from podium.identity.mails.rules import is_address
from podium.identity.names import fold
from podium.identity.partitions.rules import HOST_ID
from podium.identity.recovery import store
from podium.identity.results import Fault
from podium.identity.users.actions import active_user, set_password
from podium.identity.users.arriving.actions import confirm_email
from podium.identity.users.rules import User
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring

MOST_WAITING = 10_000
MAX_NAME_CHARACTERS = 256
INVALID_TOKEN = Fault("InvalidToken", "Invalid token.")


class _Used(Exception):
    """Another call used the link between the look at it and its use."""


async def send_reset(call: Call, organization_id: UUID | None, name: str) -> None:
    """Have a link mailed to the user of that name or e-mail, if there is one; the caller cannot tell from this."""
    text = name.strip().encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_NAME_CHARACTERS]
    async with call.services.db.acquire() as db:
        await store.ask(db, organization_id or HOST_ID, fold(text), call.now, MOST_WAITING)


async def reset_password(call: Call, token: str, new: str, user_id: UUID | None = None) -> tuple[Fault, ...]:
    """Why the password was not set; nothing when it was: the link is used up, and what let the user in has ended.

    INVALID_TOKEN for a link that does not hold, or is not that user's (`user_id` None: whosever it is). With other
    faults it holds on.
    """
    async with call.services.db.acquire() as db:
        found = await links.find(db, "reset", token, call.now)
        user = await active_user(db, found.organization_id, found.user_id) if found else None
    if user is None or user_id not in (None, user.id):
        return (INVALID_TOKEN,)
    issuer = call.port(Issuer)

    async def used(db: Connection) -> None:
        if await links.take(db, "reset", token, call.now) is None:
            raise _Used
        await write_down(call, db, user, "PasswordChange", detail={"why": "reset"})

    try:
        faults = await set_password(
            call.services.db,
            issuer.passwords,
            user.organization_id,
            user.id,
            new,
            call.now,
            lifetime_s=issuer.lifetime_s,
            then=used,
        )
    except _Used:
        return (INVALID_TOKEN,)
    if not faults:
        issuer.note_revoked("subject", str(user.id), call.now)
    return faults


async def send_confirmation(call: Call, organization_id: UUID, user: User) -> None:
    """Mail a link by which the user shows that the address is his, in the call's transaction."""
    if not user.email or not is_address(user.email):
        return
    token = await links.create(call.db, organization_id, "confirmation", user.id, call.now)
    values = {"name": user.full_name, "link": address(call.port(Issuer).issuer, "confirmation", token)}
    await mails.post(call.db, call.port(Keyring), organization_id, "EmailConfirmation", user.email, values, call.now)


async def confirm_address(call: Call, token: str, user_id: UUID | None = None) -> bool:
    """Whether the link held, and is that user's (None: whosever it is); the address is confirmed then."""
    with suppress(_Used):
        async with call.services.db.transaction() as db:
            found = await links.find(db, "confirmation", token, call.now)
            if found is None or user_id not in (None, found.user_id):
                return False
            user = await active_user(db, found.organization_id, found.user_id)
            # The user's row first, then his links, as everywhere: two who lock in different orders wait for each other.
            if user is None or not await confirm_email(db, user, call.now):
                return False
            if await links.take(db, "confirmation", token, call.now) is None:
                raise _Used
            await write_down(call, db, user, "Update", detail={"changed": ["emailConfirmed"]})
            return True
    return False
