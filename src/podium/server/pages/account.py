"""A person's own account: what protects it, where it is signed in."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from podium.identity.acting import write_down
from podium.identity.issuer import Issuer
from podium.identity.oidc.actions import applications_of
from podium.identity.personal_tokens import actions as personal_tokens
from podium.identity.second_factors import actions as second_factors
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session
from podium.kernel.call import Call, Reply
from podium.server.pages import catalogue, flow
from podium.server.pages.browsers import named
from podium.server.pages.people import signed_in
from podium.server.pages.shell import language, link, page, page_operation, read_form, redirect

SESSIONS = "/web/account/sessions"


class _Shown(NamedTuple):
    id: UUID
    shown: str
    address: str
    since: str
    seen: str
    is_here: bool


@page_operation("GET", flow.ACCOUNT)
async def show_account(call: Call) -> Reply:
    """Name and address, and the state of everything that protects the account."""
    who = await signed_in(call, flow.ACCOUNT)
    if isinstance(who, Reply):
        return who
    user = who.user
    async with call.services.db.acquire() as db:
        factors = await second_factors.factors_of(db, user.organization_id, user.id)
        open_sessions = await sessions.of_user(db, user.organization_id, user.id, call.now)
        token_count = await personal_tokens.count_of_user(db, user.organization_id, user.id, call.now)
    return page(
        call,
        "account.html",
        user=user,
        organization=who.organization,
        factors=factors,
        session_count=len(open_sessions),
        application_count=len(await applications_of(call, user.organization_id, user.id)),
        token_count=token_count,
    )


@page_operation("GET", SESSIONS)
async def show_sessions(call: Call) -> Reply:
    """Every browser in which the account is signed in."""
    who = await signed_in(call, SESSIONS)
    if isinstance(who, Reply):
        return who
    async with call.services.db.acquire() as db:
        found = await sessions.of_user(db, who.user.organization_id, who.user.id, call.now)
    return page(call, "sessions.html", sessions=[_shown(call, one, who.session) for one in found])


@page_operation("POST", SESSIONS)
async def end_sessions(call: Call) -> Reply:
    """End one of them, or all others."""
    form = await read_form(call)
    who = await signed_in(call, SESSIONS)
    if isinstance(who, Reply):
        return who
    user, issuer = who.user, call.port(Issuer)
    async with call.services.db.transaction() as db:
        found = await sessions.of_user(db, user.organization_id, user.id, call.now)
        chosen = [one for one in found if one.id != who.session.id and _is_meant(one.id, form)]
        for one in chosen:
            await sessions.end(db, one, call.now, issuer.lifetime_s)
        if chosen:
            ended = {"sessions": [str(one.id) for one in chosen]}
            await write_down(call, db, user, "UserLogout", component="Authentication", detail=ended)
    for one in chosen:
        issuer.note_revoked("session", str(one.id), call.now)
    return redirect(link(call, SESSIONS))


def _shown(call: Call, session: Session, here: Session) -> _Shown:
    spoken, browser = language(call), named(session.browser)
    if browser is None:
        words = catalogue.text(spoken, "sessions.unknown")
    elif browser.system:
        words = catalogue.text(spoken, "sessions.on", browser=browser.name, system=browser.system)
    else:
        words = browser.name
    since, seen = (at.strftime("%Y-%m-%d %H:%M") for at in (session.authenticated_at, session.last_seen_at))
    return _Shown(session.id, words, session.address or "", since, seen, session.id == here.id)


def _is_meant(session_id: UUID, form: dict[str, str]) -> bool:
    return form.get("decision") == "others" or form.get("session") == str(session_id)
