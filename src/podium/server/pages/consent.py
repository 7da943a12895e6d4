"""Asking a person what an application may do in their name."""

from __future__ import annotations

from typing import NamedTuple

from podium.identity.acting import act_as
from podium.identity.issuer import Issuer
from podium.identity.oidc.actions import agree, asked, denied
from podium.identity.oidc.rules import AuthorizeRequest, is_of_client
from podium.identity.partitions.actions import name_of
from podium.identity.sessions.rules import Session
from podium.identity.users.actions import active_user
from podium.identity.users.rules import User
from podium.kernel import audit
from podium.kernel.call import Call, Reply
from podium.server.pages import flow
from podium.server.pages.scopes import in_words
from podium.server.pages.shell import language, link, notice, page, page_operation, read_form, redirect
from podium.server.pages.sign_in import LOGIN

CONSENT = "/web/consent"


class Person(NamedTuple):
    """Who is signed in at the browser."""

    session: Session
    user: User
    organization: str


async def person(call: Call) -> Person | None:
    """Who is signed in; None when nobody is."""
    async with call.services.db.acquire() as db:
        session = await flow.current_session(call, db)
        user = await active_user(db, session.organization_id, session.user_id) if session else None
        if session is None or user is None:
            return None
        return Person(session, user, await name_of(db, session.organization_id))


@page_operation("GET", CONSENT)
async def show_consent(call: Call) -> Reply:
    """What the application asks for; who is not signed in goes there first."""
    return await _answer(call, call.query.get("returnUrl", ""), "")


@page_operation("POST", CONSENT)
async def decide_consent(call: Call) -> Reply:
    """Keep the agreement and lead back, or tell the application that the person refused."""
    form = await read_form(call)
    return await _answer(call, form.get("returnUrl", ""), form.get("decision", ""))


async def _answer(call: Call, return_url: str, decision: str) -> Reply:
    request = await asked(call, return_url)
    if request is None:
        return notice(call, "request_gone", 400)
    who = await person(call)
    if who is None or not is_of_client(request.client, who.session.organization_id):
        return redirect(link(call, LOGIN, returnUrl=return_url))
    if decision == "allow":
        await _agree(call, who, request)
        return redirect(return_url)
    if decision == "deny":
        return redirect(denied(request, call.port(Issuer).issuer))
    return page(
        call,
        "consent.html",
        form_targets=(request.redirect_uri,),
        client=request.client.name,
        user=who.user.full_name,
        organization=who.organization,
        scopes=in_words(language(call), request.scopes),
        is_native=request.is_native,
        return_url=return_url,
    )


async def _agree(call: Call, who: Person, request: AuthorizeRequest) -> None:
    async with call.services.db.transaction() as db:
        await agree(db, who.session, request, call.now)
        call.db = db
        act_as(call, who.user)
        client = request.client
        call.describe("Grant", component="Authentication", entity_id=client.client_id, name=client.name)
        call.audit["detail"] = {"scopes": list(request.scopes)}
        await audit.add(call)
