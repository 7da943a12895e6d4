"""Coming in for the first time, by the link of an invitation."""

from __future__ import annotations

from podium.identity.invitations.actions import accept_by_link, find
from podium.kernel.call import Call, Reply
from podium.server.pages.passwords import differing, sentences
from podium.server.pages.shell import link, notice, page, page_operation, read_form, redirect
from podium.server.pages.sign_in import LOGIN

INVITATION = "/web/invitation"
MAX_NAME = 256


@page_operation("GET", INVITATION)
async def show_invitation(call: Call) -> Reply:
    """The form for name and password, while the link holds."""
    return await _form(call, call.query.get("token", ""), None, [])


@page_operation("POST", INVITATION)
async def accept(call: Call) -> Reply:
    """The account with its password; on to where the invitation leads, else to the sign-in page."""
    form = await read_form(call)
    token = form.get("token", "")
    first, last = (form.get(name, "").strip()[:MAX_NAME] for name in ("first_name", "last_name"))
    problems = differing(call, form)
    if not problems:
        accepted = await accept_by_link(call, token, first, last, form.get("new_password", ""))
        if accepted is None:
            return _gone(call)
        if not accepted.faults:
            return redirect(accepted.redirect_url or link(call, LOGIN))
        problems = sentences(call, accepted.faults)
    return await _form(call, token, (first, last), problems)


async def _form(call: Call, token: str, typed: tuple[str, str] | None, problems: list[str]) -> Reply:
    """The form with what was typed before; the names of the invitation where nothing was."""
    found = await find(call, token)
    if found is None:
        return _gone(call)
    first, last = typed or (found.user.first_name or "", found.user.last_name or "")
    return page(
        call,
        "invitation.html",
        400 if problems else 200,
        form_targets=(found.redirect_url,) if found.redirect_url else (),
        token=token,
        user=found.user.user_name,
        first_name=first,
        last_name=last,
        problems=problems,
        problem=" ".join(problems),
    )


def _gone(call: Call) -> Reply:
    return notice(call, "invitation_gone", 400, back=link(call, LOGIN))
