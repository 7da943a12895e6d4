"""The way through a sign-in: from a right password to a session, with whatever lies between.

A person who has proved a password but owes a second factor or a new password has no session yet. What is known so far
travels in a sealed cookie that lasts ten minutes; `pending` reads it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from podium.identity import cookies
from podium.identity.acting import write_down
from podium.identity.issuer import Issuer
from podium.identity.oidc.user_tokens import greet
from podium.identity.second_factors import actions as second_factors
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session, set_cookie
from podium.identity.settings.actions import sign_in_policy
from podium.identity.settings.rules import SignInPolicy
from podium.identity.users.rules import User, is_password_due
from podium.kernel.call import Call, Reply
from podium.kernel.db import Connection
from podium.kernel.secrets import SecretError, open_, seal
from podium.server.pages import csrf
from podium.server.pages.returns import own_path
from podium.server.pages.shell import Pages, link, redirect, session_cookie

PENDING_COOKIE = "podium-pending"
PENDING_LASTS = timedelta(minutes=10)
LOGIN = "/web/login"
ACCOUNT = "/web/account"
PASSWORD = "pwd"  # noqa: S105 - the word of RFC 8176


class Pending(NamedTuple):
    """A sign-in that is not complete. `methods`: what was proved, in the words of RFC 8176.

    `via`: the page to see once the session has begun, before the way goes on; blank for none.
    """

    organization_id: UUID
    user_id: UUID
    methods: tuple[str, ...]
    return_url: str
    is_persistent: bool
    ends_at: float
    via: str = ""


def safe_return_url(call: Call, text: str) -> str:
    """The address to go on to if it is a place of this issuer, else that of the person's own account."""
    return own_path(text, call.port(Pages).base) or link(call, ACCOUNT)


async def complete(
    call: Call, user: User, methods: Sequence[str], return_url: str, *, is_persistent: bool = False, via: str = ""
) -> Reply:
    """On to the next step of `proceed`, in the browser."""
    location, set_cookies, _ = await proceed(call, user, methods, return_url, is_persistent=is_persistent, via=via)
    return redirect(location, cookies=set_cookies)


class Next(NamedTuple):
    """Where a sign-in goes on, with the cookies to set. `has_begun`: there is a session now."""

    location: str
    cookies: tuple[str, ...]
    has_begun: bool


async def proceed(
    call: Call, user: User, methods: Sequence[str], return_url: str, *, is_persistent: bool = False, via: str = ""
) -> Next:
    """The next step for a user who has proved himself by `methods`.

    That is a second factor, a new password, or a session with a new cookie and the way on. To be called again after
    each of these steps, with every method so far. A passkey that verifies its user is two factors at once
    (`mfa` among the methods). `via`: the path of a page that is shown first and leads to `returnUrl` itself.
    """
    goes_to = safe_return_url(call, return_url)
    async with call.services.db.acquire() as db:
        policy = await sign_in_policy(db, user.organization_id)
        step = await _step(call, db, user, methods, policy)
    if step is not None:
        waiting = Pending(
            user.organization_id,
            user.id,
            tuple(methods),
            goes_to,
            is_persistent,
            (call.now + PENDING_LASTS).timestamp(),
            via,
        )
        return Next(link(call, step, returnUrl=goes_to), (_seal(call, waiting),), has_begun=False)
    await greet(call, user, call.tenant_name)
    made = await _start(call, user, methods, policy, goes_to, is_persistent=is_persistent)
    location = link(call, via, returnUrl=goes_to) if via else goes_to
    return Next(location, (*made, cookies.clear(call.public_url, PENDING_COOKIE)), has_begun=True)


def pending(call: Call) -> Pending | None:
    """The sign-in that this browser is in the midst of; None without one, or when it took too long."""
    sent = cookies.read(call.headers, cookies.cookie_name(call.public_url, PENDING_COOKIE))
    if not sent or not sent.isascii():
        return None
    try:
        sealed = base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4))
        text = open_(call.port(Pages).seal_key, sealed, owner=0, table="web", row=PENDING_COOKIE, column="cookie")
        found = msgspec.json.decode(text, type=Pending)
    except (binascii.Error, ValueError, SecretError, msgspec.DecodeError):
        return None
    return found if found.ends_at > call.now.timestamp() else None


def expired(call: Call, return_url: str) -> Reply:
    """Back to the beginning, for a browser that is in the midst of no sign-in (any more)."""
    goes_to = own_path(return_url, call.port(Pages).base)
    return redirect(link(call, LOGIN, returnUrl=goes_to, errorCode="expired"), cookies=(clear_pending(call),))


def clear_pending(call: Call) -> str:
    """The Set-Cookie value that gives the sign-in up."""
    return cookies.clear(call.public_url, PENDING_COOKIE)


async def current_session(call: Call, db: Connection) -> Session | None:
    """The session of the browser; None when nobody is signed in."""
    sent = session_cookie(call)
    return await sessions.find(db, sent, call.now) if sent else None


async def is_password_next(call: Call, db: Connection, user: User, methods: Sequence[str]) -> bool:
    """Whether a new password is what this sign-in waits for: not before the second factor was proved."""
    policy = await sign_in_policy(db, user.organization_id)
    return await _step(call, db, user, methods, policy) == "/web/password"


async def _step(call: Call, db: Connection, user: User, methods: Sequence[str], policy: SignInPolicy) -> str | None:
    """The page that comes before a session. The second factor first: a password alone must not change itself."""
    if PASSWORD not in methods:
        return None
    is_alone = len(methods) == 1
    if is_alone and (policy.requires_second_factor or await second_factors.has_any(db, user.organization_id, user.id)):
        return "/web/second-factor"
    return "/web/password" if is_password_due(user, policy.password, call.now) else None


def _seal(call: Call, waiting: Pending) -> str:
    text = msgspec.json.encode(waiting).decode()
    sealed = seal(call.port(Pages).seal_key, text, owner=0, table="web", row=PENDING_COOKIE, column="cookie")
    value = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
    return cookies.write(call.public_url, PENDING_COOKIE, value, int(PENDING_LASTS.total_seconds()))


async def _start(
    call: Call, user: User, methods: Sequence[str], policy: SignInPolicy, goes_to: str, *, is_persistent: bool
) -> tuple[str, ...]:
    """A session in place of whatever the browser held before, and the cookies that say so."""
    issuer = call.port(Issuer)
    async with call.services.db.transaction() as db:
        former = await current_session(call, db)
        session, cookie = await sessions.start(
            db,
            user.organization_id,
            user.id,
            tuple(methods),
            call.now,
            policy.session,
            is_persistent=is_persistent,
            address=call.client_address or None,
            browser=call.headers.get("user-agent"),
            return_url=goes_to,
            renews=former,
        )
        if former is not None and former.id != session.id:
            await sessions.end(db, former, call.now, issuer.lifetime_s)
        detail = {"methods": list(methods), "session": str(session.id)}
        await write_down(call, db, user, "UserLogin", component="Authentication", detail=detail)
    if former is not None and former.id != session.id:
        issuer.note_revoked("session", str(former.id), call.now)
    max_age_s = int(timedelta(days=policy.session.persistent_days).total_seconds()) if is_persistent else None
    return (
        set_cookie(call.public_url, cookie, max_age_s),
        cookies.write(call.public_url, csrf.COOKIE, csrf.new_cookie()),
    )
