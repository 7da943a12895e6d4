"""Adding and removing passkeys; the browser's script does the ceremony, everything else is a form."""

from __future__ import annotations

import base64
from ipaddress import ip_address
from uuid import UUID

from podium.identity.acting import write_down
from podium.identity.second_factors import passkeys
from podium.kernel.call import Call, Reply
from podium.server.pages import catalogue
from podium.server.pages.consent import Person
from podium.server.pages.people import signed_in
from podium.server.pages.sealed import keep, kept
from podium.server.pages.shell import language, link, page, page_operation, read_form, redirect, site

PASSKEYS = "/web/account/passkeys"
PURPOSE = "passkey-registration"


@page_operation("GET", PASSKEYS)
async def show_passkeys(call: Call) -> Reply:
    """The passkeys of the account, and a way to add one."""
    who = await signed_in(call, PASSKEYS, recently=True)
    return who if isinstance(who, Reply) else await _form(call, who)


@page_operation("POST", PASSKEYS)
async def change_passkeys(call: Call) -> Reply:
    """Add what the browser made, or remove one."""
    form = await read_form(call)
    who = await signed_in(call, PASSKEYS, recently=True)
    if isinstance(who, Reply):
        return who
    user = who.user
    is_done = False
    async with call.services.db.transaction() as db:
        if form.get("remove"):
            passkey_id = _guid(form["remove"])
            is_done = passkey_id is not None and await passkeys.remove(db, user.organization_id, user.id, passkey_id)
            done = "passkey removed"
        else:
            challenge = kept(call, f"{PURPOSE}:{user.id}", form.get("challenge", ""), str)
            if challenge is not None:
                is_done = await passkeys.register(
                    db,
                    site(call),
                    user.organization_id,
                    user.id,
                    base64.b64decode(challenge),
                    form.get("credential", "").encode(),
                    form.get("name", ""),
                    call.now,
                )
            done = "passkey added"
        if is_done:
            await write_down(call, db, user, "Update", detail={"secondFactor": done})
    if not is_done and not form.get("remove"):
        return await _form(call, who, 400, "passkeys.not_added")
    return redirect(link(call, PASSKEYS))


async def _form(call: Call, who: Person, status: int = 200, problem: str = "") -> Reply:
    user = who.user
    async with call.services.db.acquire() as db:
        known = await passkeys.of_user(db, user.organization_id, user.id)
        offer = await passkeys.offer_registration(
            db, site(call), user.organization_id, user.id, user.user_name, user.full_name
        )
    return page(
        call,
        "passkeys.html",
        status,
        problem=catalogue.text(language(call), problem) if problem else "",
        passkeys=known,
        passkey_options="" if is_number(site(call).host) else offer.options,
        challenge=keep(call, f"{PURPOSE}:{user.id}", base64.b64encode(offer.challenge).decode()),
    )


def is_number(host: str) -> bool:
    """Whether a host is an IP address: browsers bind passkeys to names only."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _guid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
