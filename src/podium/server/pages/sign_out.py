"""Ending the session of the browser."""

from __future__ import annotations

from podium.identity.oidc.end_session import end_browser_session
from podium.identity.sessions.rules import clear_cookie
from podium.kernel.call import Call, Reply
from podium.server.pages import flow
from podium.server.pages.consent import person
from podium.server.pages.shell import page, page_operation, read_form

LOGOUT = "/web/logout"


@page_operation("GET", LOGOUT)
async def show_sign_out(call: Call) -> Reply:
    """The question; who is not signed in is told so."""
    who = await person(call)
    if who is None:
        return page(call, "signed_out.html")
    return page(call, "sign_out.html", user=who.user.full_name)


@page_operation("POST", LOGOUT)
async def sign_out(call: Call) -> Reply:
    """End the session with its tokens."""
    await read_form(call)
    who = await person(call)
    if who is not None:
        await end_browser_session(call, who.session)
    gone = (clear_cookie(call.public_url), flow.clear_pending(call))
    return page(call, "signed_out.html", cookies=gone)
