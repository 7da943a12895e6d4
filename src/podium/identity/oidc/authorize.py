"""The authorization endpoint: a user's browser comes, is sent to the pages, and goes back to the client with a code."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import UUID

import msgspec

from podium.identity.issuer import Issuer
from podium.identity.oidc import codes, store
from podium.identity.oidc.errors import AuthorizeError, NoRedirect, OAuthError
from podium.identity.oidc.form import read_body
from podium.identity.oidc.rules import (
    AuthorizeRequest,
    Parameters,
    Step,
    next_step,
    parse_parameters,
    read_request,
    redirect_address,
    return_path,
    with_parameters,
)
from podium.identity.oidc.user_tokens import greet
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session, flow_of, read_cookie
from podium.identity.users.actions import active_user
from podium.kernel.call import Call, Reply
from podium.kernel.db import Connection
from podium.kernel.operation import operation

NOT_ACCEPTED = 219
"""The vendor's number for a user who has not accepted the invitation."""

SHOWN = ("client_id", "redirect_uri", "response_type", "scope")
MAX_SHOWN_CHARACTERS = 500
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


@operation("GET", "/connect/authorize", connected=False)
async def authorize(call: Call) -> Reply:
    """The first step: to a page, or at once back to the client."""
    return await _answer(call, is_callback=False)


@operation("GET", "/connect/authorize/callback", connected=False)
async def authorize_callback(call: Call) -> Reply:
    """The same request again, after a page did what it asked for."""
    return await _answer(call, is_callback=True)


@operation("POST", "/connect/authorize", connected=False)
async def authorize_form(call: Call) -> Reply:
    """The request as a form. It goes on by GET, since a browser sends the session's cookie with that only."""
    try:
        body = (await read_body(call)).decode("ascii", "replace")
        parse_parameters(body)
    except OAuthError as error:
        return _error_page(call, NoRedirect(error.description, {}))
    except NoRedirect as error:
        return _error_page(call, error)
    query = urlencode(parse_qsl(body, keep_blank_values=True))
    return redirect(f"{call.port(Issuer).issuer}/connect/authorize?{query}")


def redirect(location: str, *, cookies: tuple[str, ...] = ()) -> Reply:
    """302, not to be kept anywhere."""
    return Reply(302, headers={"location": location, **NO_STORE}, cookies=cookies)


async def _answer(call: Call, *, is_callback: bool) -> Reply:
    issuer = call.port(Issuer)
    try:
        parameters = parse_parameters(call.query_string)
        client = await issuer.clients.find(parameters.values.get("client_id", ""), call.now)
        redirect_uri = redirect_address(parameters, client)
    except NoRedirect as error:
        return _error_page(call, error)
    assert client is not None
    flow = flow_of(f"?{call.query_string}") if is_callback else b""
    try:
        request = read_request(parameters, client, redirect_uri, flow, is_callback=is_callback)
        return await _proceed(call, issuer, request)
    except AuthorizeError as error:
        return _refuse(issuer, redirect_uri, parameters, error)


async def _proceed(call: Call, issuer: Issuer, request: AuthorizeRequest) -> Reply:
    hinted = _hinted(call, issuer, request)
    standing, user = None, None
    async with call.services.db.acquire() as db:
        session = await current_session(call, db)
        if session is not None:
            user = await active_user(db, session.organization_id, session.user_id)
            standing = await store.standing(db, session, request.client.client_id)
    session = session if user is not None else None  # who may not come in is not signed in
    step = next_step(request, session, standing.consent if standing else None, hinted, call.now)
    if step is Step.SIGN_IN or session is None or user is None or standing is None:
        return _to_page(issuer, "login", return_path(request, issuer.issuer, call.now))
    if not standing.is_invitation_accepted:
        if "none" in request.prompts:
            raise AuthorizeError("interaction_required", "The user has not accepted the invitation.")
        back = return_path(request, issuer.issuer, call.now)
        return _to_page(issuer, "login", back, errorCode=str(NOT_ACCEPTED), traceId=call.trace_id)
    if step is Step.CONSENT:
        return _to_page(issuer, "consent", return_path(request, issuer.issuer, request.asked_at or call.now))
    await greet(call, user, request.tenant_name)
    return await _give_code(call, issuer, request, session)


async def current_session(call: Call, db: Connection) -> Session | None:
    """The session of the browser; None when nobody is signed in there."""
    cookie = read_cookie(call.public_url, call.headers)
    return await sessions.find(db, cookie, call.now) if cookie else None


def _hinted(call: Call, issuer: Issuer, request: AuthorizeRequest) -> UUID | None:
    if not request.id_token_hint:
        return None
    hint = issuer.read_id_token(request.id_token_hint, call.now)
    if hint is None:
        raise AuthorizeError("invalid_request", "The id_token_hint is not an ID token of this issuer.")
    return hint.subject


async def _give_code(call: Call, issuer: Issuer, request: AuthorizeRequest, session: Session) -> Reply:
    async with call.services.db.transaction() as db:
        code = await codes.make(db, session, request, call.now)
    answer = {
        "code": code,
        "scope": " ".join(request.scopes),
        "state": request.state,
        "session_state": _session_state(request, session),
        "iss": issuer.issuer,
    }
    return redirect(with_parameters(request.redirect_uri, answer))


def _session_state(request: AuthorizeRequest, session: Session) -> str:
    """A value that changes with the session and tells nothing else of it."""
    parts = urlsplit(request.redirect_uri)
    salt = secrets.token_urlsafe(16)
    text = f"{request.client.client_id} {parts.scheme}://{parts.netloc} {session.id} {salt}"
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{digest}.{salt}"


def _to_page(issuer: Issuer, page: str, back: str, **more: str) -> Reply:
    return redirect(f"{issuer.issuer}/web/{page}?{urlencode({'returnUrl': back, **more}, quote_via=quote, safe='')}")


def _refuse(issuer: Issuer, redirect_uri: str, parameters: Parameters, error: AuthorizeError) -> Reply:
    said = {
        "error": error.error,
        "error_description": error.description,
        "state": parameters.values.get("state"),
        "iss": issuer.issuer,
    }
    return redirect(with_parameters(redirect_uri, said))


def _error_page(call: Call, error: NoRedirect) -> Reply:
    """To a page of ours: nothing is sent to an address that nobody registered."""
    said = {"error": "invalid_request", "error_description": error.description}
    said |= {name: error.said[name][:MAX_SHOWN_CHARACTERS] for name in SHOWN if name in error.said}
    said["traceId"] = call.trace_id
    error_id = base64.b64encode(msgspec.json.encode(said)).decode()
    query = urlencode({"errorCode": "invalid_request", "errorId": error_id})
    return redirect(f"{call.port(Issuer).issuer}/web/?{query}")
