"""Letting a device without a browser sign in: its code is typed here, and its user decides."""

from __future__ import annotations

from podium.identity.acting import act_as
from podium.identity.oidc.actions import DeviceRequest, approve_device, deny_device, find_device
from podium.kernel import audit
from podium.kernel.call import Call, Reply
from podium.server.pages import catalogue
from podium.server.pages.consent import Person, person
from podium.server.pages.guesses import Guesses
from podium.server.pages.scopes import in_words
from podium.server.pages.shell import language, link, notice, page, page_operation, read_form, redirect
from podium.server.pages.sign_in import LOGIN

DEVICE = "/web/device"
MAX_CODE = 20


@page_operation("GET", DEVICE)
async def show_device(call: Call) -> Reply:
    """The field for the code, filled when the address carries one; it is sent by the person, never by the address."""
    code = (call.query.get("user_code") or call.query.get("userCode") or "")[:MAX_CODE]
    if await person(call) is None:
        return _sign_in(call, code)
    return page(call, "device.html", problem="", code=code)


@page_operation("POST", DEVICE)
async def decide_device(call: Call) -> Reply:
    """What the device asks for, or the decision on it."""
    form = await read_form(call)
    code, decision = form.get("user_code", "")[:MAX_CODE], form.get("decision", "")
    who = await person(call)
    if who is None:
        return _sign_in(call, code)
    guesses = call.port(Guesses)
    if guesses.are_spent(who.user.id, call.now):
        return _wrong(call, "device.too_many", code, 429)
    device = await find_device(call, code)
    if device is None:
        guesses.add(who.user.id, call.now)
        return _wrong(call, "device.wrong", code, 400)
    if decision in ("approve", "deny"):
        return await _decide(call, who, device, is_approved=decision == "approve")
    return page(
        call,
        "device_confirm.html",
        client=device.client.name,
        user=who.user.full_name,
        organization=who.organization,
        code=device.user_code,
        scopes=in_words(language(call), device.scopes),
    )


async def _decide(call: Call, who: Person, device: DeviceRequest, *, is_approved: bool) -> Reply:
    async with call.services.db.transaction() as db:
        if is_approved:
            is_done = await approve_device(db, who.session, device, call.now)
        else:
            is_done = await deny_device(db, device, call.now)
        if is_done:
            call.db = db
            act_as(call, who.user)
            verb = "Approve" if is_approved else "Deny"
            call.describe(verb, component="Authentication", entity_id=device.client.client_id, name=device.client.name)
            call.audit["detail"] = {"scopes": list(device.scopes)}
            await audit.add(call)
    if not is_done:
        return notice(call, "forbidden", 403) if is_approved else notice(call, "missing", 404)
    return notice(call, "device_approved" if is_approved else "device_denied")


def _sign_in(call: Call, code: str) -> Reply:
    return redirect(link(call, LOGIN, returnUrl=link(call, DEVICE, user_code=code)))


def _wrong(call: Call, key: str, code: str, status: int) -> Reply:
    return page(call, "device.html", status, problem=catalogue.text(language(call), key), code=code)
