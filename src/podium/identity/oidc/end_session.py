"""Signing out at the wish of a client (OpenID Connect RP-Initiated Logout)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from podium.identity.issuer import Issuer
from podium.identity.oidc.authorize import current_session, redirect
from podium.identity.oidc.errors import NoRedirect
from podium.identity.oidc.form import read_body
from podium.identity.oidc.rules import parse_parameters, with_parameters
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session, clear_cookie
from podium.identity.tokens.claims import IdHint
from podium.identity.users.actions import active_user
from podium.kernel import audit
from podium.kernel.call import Call, Reply
from podium.kernel.operation import operation


class Wish(NamedTuple):
    """What a client asks for. `hint` None: no ID token of ours. `address`: registered, None when it is not."""

    hint: IdHint | None
    address: str | None
    state: str | None


@operation("GET", "/connect/endsession", connected=False)
async def end_session(call: Call) -> Reply:
    """Sign the user out and lead back to the client, or ask the user when the client does not prove its user.

    An address that is not registered is never gone to.
    """
    try:
        parameters = parse_parameters(call.query_string)
    except NoRedirect:
        return _ask(call)
    if parameters.repeated:
        return _ask(call)
    wish = await _wish(call, parameters.values)
    async with call.services.db.acquire() as db:
        session = await current_session(call, db)
    if wish.hint is None or (session is not None and session.user_id != wish.hint.subject):
        return _ask(call)
    if session is not None:
        await end_browser_session(call, session)
    cookies = (clear_cookie(call.public_url),)
    if wish.address is None:
        return redirect(f"{call.port(Issuer).issuer}/web/logout", cookies=cookies)
    return redirect(with_parameters(wish.address, {"state": wish.state}), cookies=cookies)


@operation("POST", "/connect/endsession", connected=False)
async def end_session_form(call: Call) -> Reply:
    """The wish as a form. It goes on by GET, since a browser sends the session's cookie with that only."""
    body = (await read_body(call)).decode("ascii", "replace")
    try:
        parse_parameters(body)
    except NoRedirect:
        return _ask(call)
    query = urlencode(parse_qsl(body, keep_blank_values=True))
    return redirect(f"{call.port(Issuer).issuer}/connect/endsession?{query}")


async def end_browser_session(call: Call, session: Session) -> None:
    """End the session with all its tokens, and leave the audit row; this node knows of it when it returns."""
    issuer = call.port(Issuer)
    async with call.services.db.transaction() as db:
        await sessions.end(db, session, call.now, issuer.lifetime_s)
        call.db, call.organization_id = db, session.organization_id
        user = await active_user(db, session.organization_id, session.user_id)
        name = user.user_name if user else ""
        call.actor = call.actor._replace(kind="user", subject=session.user_id, name=name)
        call.describe("UserLogout", component="Authentication", entity_id=str(session.user_id), name=name)
        await audit.add(call)
    issuer.note_revoked("session", str(session.id), call.now)


async def _wish(call: Call, values: Mapping[str, str]) -> Wish:
    issuer = call.port(Issuer)
    sent = values.get("id_token_hint", "")
    hint = issuer.read_id_token(sent, call.now) if sent else None
    if hint is None or values.get("client_id", hint.client_id) != hint.client_id:
        return Wish(None, None, None)
    client = await issuer.clients.find(hint.client_id, call.now)
    address = values.get("post_logout_redirect_uri", "")
    known = (*client.post_logout_uris, *client.redirect_uris) if client else ()
    return Wish(hint, address if address in known else None, values.get("state"))


def _ask(call: Call) -> Reply:
    return redirect(f"{call.port(Issuer).issuer}/web/logout")
