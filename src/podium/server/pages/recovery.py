"""Coming back without the password, and confirming an address: links of mails."""

from __future__ import annotations

from uuid import UUID

from podium.identity.links import actions as links
from podium.identity.links.rules import Purpose
from podium.identity.names import fold
from podium.identity.partitions.actions import active_organizations
from podium.identity.recovery.actions import INVALID_TOKEN, confirm_address, reset_password, send_reset
from podium.kernel.call import Call, Reply
from podium.server.pages.passwords import differing, sentences
from podium.server.pages.returns import own_path
from podium.server.pages.shell import Pages, link, notice, page, page_operation, read_form
from podium.server.pages.sign_in import LOGIN

FORGOT, RESET, CONFIRM = "/web/forgot", "/web/reset", "/web/confirm"


@page_operation("GET", FORGOT)
async def show_forgot(call: Call) -> Reply:
    """The field for a user name or e-mail."""
    back = own_path(call.query.get("returnUrl", ""), call.port(Pages).base) or ""
    asks = call.organization_id is None and await organization_named(call, "") is None
    return page(call, "forgot.html", return_url=back, asks=asks)


@page_operation("POST", FORGOT)
async def forgot(call: Call) -> Reply:
    """The same page for everybody: whether there is such an account is told to its mailbox only."""
    form = await read_form(call)
    organization_id = await organization_named(call, form.get("organization", ""))
    await send_reset(call, organization_id, form.get("username", ""))
    return notice(call, "reset_sent", back=link(call, LOGIN))


@page_operation("GET", RESET)
async def show_reset(call: Call) -> Reply:
    """The form for a new password, while the link holds."""
    token = call.query.get("token", "")
    if not await _holds(call, "reset", token):
        return notice(call, "link_gone", 400, back=link(call, FORGOT))
    return page(call, "reset.html", token=token, problems=[], problem="")


@page_operation("POST", RESET)
async def reset(call: Call) -> Reply:
    """The new password; the link is used up, and everything that let the user in before ends. Nobody is signed in."""
    form = await read_form(call)
    token = form.get("token", "")
    if not await _holds(call, "reset", token):
        return notice(call, "link_gone", 400, back=link(call, FORGOT))
    problems = differing(call, form)
    if not problems:
        faults = await reset_password(call, token, form.get("new_password", ""))
        if INVALID_TOKEN in faults:
            return notice(call, "link_gone", 400, back=link(call, FORGOT))
        problems = sentences(call, faults)
    if problems:
        return page(call, "reset.html", 400, token=token, problems=problems, problem=" ".join(problems))
    return notice(call, "password_changed_sign_in", back=link(call, LOGIN))


@page_operation("GET", CONFIRM)
async def show_confirm(call: Call) -> Reply:
    """A button: programs that look at links in mails must not use them up."""
    token = call.query.get("token", "")
    if not await _holds(call, "confirmation", token):
        return notice(call, "confirmation_gone", 400, back=link(call, LOGIN))
    return page(call, "confirm.html", token=token)


@page_operation("POST", CONFIRM)
async def confirm(call: Call) -> Reply:
    """The e-mail address is the user's; the link is used up."""
    form = await read_form(call)
    if await confirm_address(call, form.get("token", "")):
        return notice(call, "address_confirmed", back=link(call, LOGIN))
    return notice(call, "confirmation_gone", 400, back=link(call, LOGIN))


async def organization_named(call: Call, name: str) -> UUID | None:
    """The organization that a form means: the one in the address, the only one, or the one of that name or id."""
    if call.organization_id is not None:
        return call.organization_id
    async with call.services.db.acquire() as db:
        known = await active_organizations(db)
    if len(known) == 1:
        return known[0][1]
    return next((id_ for key, id_ in known if fold(name.strip()) in (key, str(id_))), None)


async def _holds(call: Call, purpose: Purpose, token: str) -> bool:
    async with call.services.db.acquire() as db:
        return await links.find(db, purpose, token, call.now) is not None
