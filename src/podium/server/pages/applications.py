"""Applications that a person let in, and taking that back."""

from __future__ import annotations

from typing import NamedTuple

from podium.identity.acting import write_down
from podium.identity.issuer import Issuer
from podium.identity.oidc.actions import Application, applications_of, withdraw
from podium.identity.tokens.rules import agreement
from podium.kernel.call import Call, Reply
from podium.server.pages.people import signed_in
from podium.server.pages.scopes import in_words
from podium.server.pages.shell import language, link, page, page_operation, read_form, redirect

APPLICATIONS = "/web/account/applications"


class _Shown(NamedTuple):
    application: Application
    lines: list[str]


@page_operation("GET", APPLICATIONS)
async def show_applications(call: Call) -> Reply:
    """Each with what it may do."""
    who = await signed_in(call, APPLICATIONS)
    if isinstance(who, Reply):
        return who
    found = await applications_of(call, who.user.organization_id, who.user.id)
    spoken = language(call)
    return page(call, "applications.html", applications=[_Shown(one, in_words(spoken, one.scopes)) for one in found])


@page_operation("POST", APPLICATIONS)
async def withdraw_application(call: Call) -> Reply:
    """The application loses everything that it holds of the person, and has to ask again."""
    form = await read_form(call)
    who = await signed_in(call, APPLICATIONS)
    if isinstance(who, Reply):
        return who
    user, issuer = who.user, call.port(Issuer)
    found = await applications_of(call, user.organization_id, user.id)
    chosen = next((one for one in found if one.client_id == form.get("application")), None)
    if chosen is not None:
        async with call.services.db.transaction() as db:
            await withdraw(db, user.organization_id, user.id, chosen.client_id, call.now, issuer.lifetime_s)
            detail = {"application": chosen.name, "clientId": chosen.client_id}
            await write_down(call, db, user, "Revoke", component="Authentication", detail=detail)
        issuer.note_revoked("agreement", agreement(user.id, chosen.client_id), call.now)
    return redirect(link(call, APPLICATIONS))
