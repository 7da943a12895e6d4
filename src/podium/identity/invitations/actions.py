"""Sending invitations, and accepting them by their links."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from podium.identity.acting import write_down
from podium.identity.issuer import Issuer
from podium.identity.links import actions as links
from podium.identity.links.rules import address
from podium.identity.mails import actions as mails
from podium.identity.results import Fault
from podium.identity.users.actions import active_user, set_password
from podium.identity.users.arriving.actions import Guest, accept, confirm_email
from podium.identity.users.rules import User
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring

MAX_REDIRECT_CHARACTERS = 2000


class Accepted(NamedTuple):
    """What came of accepting an invitation; with faults nothing happened and the link holds on."""

    faults: tuple[Fault, ...] = ()
    redirect_url: str | None = None


class Invitation(NamedTuple):
    """An invitation that holds. `redirect_url`: where to go afterwards, None for the sign-in page."""

    user: User
    redirect_url: str | None


class _Used(Exception):
    """Another call used the link between the look at it and its use."""


async def send(call: Call, organization_id: UUID, user_id: UUID, guest: Guest, redirect_url: str | None) -> None:
    """Mail the user a link, in the call's transaction; earlier ones hold no longer."""
    token = await links.create(call.db, organization_id, "invitation", user_id, call.now, redirect_url)
    values = {
        "name": " ".join(part for part in (guest.first_name, guest.last_name) if part) or guest.email,
        "inviter": call.actor.name,
        "link": address(call.port(Issuer).issuer, "invitation", token),
    }
    await mails.post(call.db, call.port(Keyring), organization_id, "UserInvite", guest.email, values, call.now)


async def may_redirect(call: Call, url: str) -> bool:
    """Whether a person may be sent there after accepting: a page of this installation or of a registered application."""
    if len(url) > MAX_REDIRECT_CHARACTERS or not url.isascii() or not url.isprintable() or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        own = urlsplit(call.public_url)
        is_own = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.username is not None or not parts.hostname:
        return False
    return is_own or await call.port(Issuer).clients.allows_origin(f"{parts.scheme}://{parts.netloc}", call.now)


async def find(call: Call, token: str) -> Invitation | None:
    """The invitation of a link's text, while it holds."""
    async with call.services.db.acquire() as db:
        found = await links.find(db, "invitation", token, call.now)
        user = await active_user(db, found.organization_id, found.user_id) if found else None
    if found is None or user is None:
        return None
    url = found.redirect_url
    return Invitation(user, url if url and await may_redirect(call, url) else None)


async def accept_by_link(call: Call, token: str, first: str, last: str, password: str) -> Accepted | None:
    """The invited user with names and a password; None when the link does not hold."""
    found = await find(call, token)
    if found is None:
        return None
    user, issuer = found.user, call.port(Issuer)

    async def used(db: Connection) -> None:
        if await links.take(db, "invitation", token, call.now) is None:
            raise _Used
        await accept(db, user.organization_id, user.id, call.now, first_name=first, last_name=last)
        await confirm_email(db, user, call.now)
        await write_down(call, db, user, "Update", detail={"changed": ["invitationAccepted", "password"]})

    try:
        faults = await set_password(
            call.services.db,
            issuer.passwords,
            user.organization_id,
            user.id,
            password,
            call.now,
            lifetime_s=issuer.lifetime_s,
            then=used,
        )
    except _Used:
        return None
    if not faults:
        issuer.note_revoked("subject", str(user.id), call.now)
    return Accepted(faults, found.redirect_url)
