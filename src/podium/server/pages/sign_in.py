"""Signing in with a user name and a password."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from podium.identity.issuer import Issuer
from podium.identity.names import fold
from podium.identity.oidc.actions import asked
from podium.identity.partitions.actions import active_organizations, name_of
from podium.identity.users.actions import check_password
from podium.identity.users.rules import Attempt
from podium.kernel.call import Call, Reply
from podium.server.pages import catalogue, flow
from podium.server.pages.returns import own_path, parameters
from podium.server.pages.shell import Pages, language, link, page, page_operation, read_form, redirect

LOGIN = "/web/login"
MAX_HINT = 256


class Entrance(NamedTuple):
    """What is known before somebody signs in.

    `organization_id` None: there is none of the name that was given, if one was. `organization`: its name, where there
    are several and the address or the client tells which; `asks`: where nothing tells, so that the form has to ask.
    """

    return_url: str
    client: str
    user_name: str
    organization_id: UUID | None
    organization: str
    asks: bool
    targets: tuple[str, ...]


@page_operation("GET", LOGIN)
async def show_sign_in(call: Call) -> Reply:
    """The form; somebody who is signed in and comes for nothing in particular goes to the account."""
    return_url = own_path(call.query.get("returnUrl", ""), call.port(Pages).base) or ""
    code = call.query.get("errorCode", "")
    if not return_url and not code:
        async with call.services.db.acquire() as db:
            if await flow.current_session(call, db) is not None:
                return redirect(link(call, flow.ACCOUNT))
    entrance = await _entrance(call, return_url, "")
    return _form(call, entrance, problem=sentence(call, code) if code else "")


# Without a connection of its own: a refusal must be counted, and none is held while a hash is computed.
@page_operation("POST", LOGIN)
async def sign_in(call: Call) -> Reply:
    """A session, or the form again with one sentence that is the same whatever was wrong."""
    form = await read_form(call)
    return_url = own_path(form.get("returnUrl", ""), call.port(Pages).base) or ""
    named = form.get("organization", "").strip()
    entrance = await _entrance(call, return_url, named)
    name, password = form.get("username", "").strip(), form.get("password", "")
    is_persistent = form.get("remember") == "true"
    if not name or not password:
        problem = catalogue.text(language(call), "sign_in.empty")
        return _form(call, entrance, 400, problem, name, named, is_persistent=is_persistent)
    attempt = Attempt(
        name,
        client_address=call.client_address or None,
        client_name=entrance.client[:MAX_HINT] or "Web",
        browser=call.headers.get("user-agent", "")[:MAX_HINT] or None,
    )
    _, user = await check_password(
        call.services.db, call.port(Issuer).passwords, entrance.organization_id, attempt, password, call.now
    )
    if user is None:
        problem = catalogue.text(language(call), "sign_in.wrong")
        return _form(call, entrance, 400, problem, name, named, is_persistent=is_persistent)
    return await flow.complete(call, user, (flow.PASSWORD,), return_url, is_persistent=is_persistent)


def sentence(call: Call, code: str) -> str:
    """What an `errorCode` means to a person."""
    key = f"code.{code}"
    return catalogue.text(language(call), key if catalogue.has(key) else "code.unknown")


async def _entrance(call: Call, return_url: str, named: str) -> Entrance:
    """What the address to go on to tells; `named`: the organization that the form names."""
    request = await asked(call, return_url) if return_url else None
    told = request.organization_id if request else call.organization_id
    shown = ""
    async with call.services.db.acquire() as db:
        known = await active_organizations(db)
        if told is not None and len(known) > 1:
            shown = await name_of(db, told)
    if told is not None:
        organization_id: UUID | None = told
    elif len(known) == 1:
        organization_id = known[0][1]
    else:
        organization_id = next((id_ for key, id_ in known if fold(named) in (key, str(id_))), None)
    hint = request.login_hint if request else parameters(return_url).get("login_hint", "")
    return Entrance(
        return_url,
        request.client.name if request else "",
        hint[:MAX_HINT],
        organization_id,
        shown,
        told is None and len(known) != 1,
        (request.redirect_uri,) if request else (),
    )


def _form(
    call: Call,
    entrance: Entrance,
    status: int = 200,
    problem: str = "",
    user_name: str = "",
    named: str = "",
    *,
    is_persistent: bool = False,
) -> Reply:
    user_name = user_name or entrance.user_name
    first = "password" if user_name else "username"
    return page(
        call,
        "sign_in.html",
        status,
        form_targets=entrance.targets,
        entrance=entrance,
        problem=problem,
        described="problem" if status == 400 else "",
        named=named,
        user_name=user_name,
        is_remembered=is_persistent,
        focus="organization" if entrance.asks and not named else first,
    )
