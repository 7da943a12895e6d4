"""What the pages of an account share: who is here, and whether they proved themselves lately."""

from __future__ import annotations

from datetime import timedelta

from podium.identity.issuer import Issuer
from podium.identity.oidc.actions import asked
from podium.identity.users.rules import Attempt, User
from podium.kernel.call import Call, Reply
from podium.server.pages.consent import Person, person
from podium.server.pages.shell import link, redirect
from podium.server.pages.sign_in import LOGIN

RECENT = timedelta(minutes=10)
"""How long ago somebody must have signed in to change how the account is protected."""

MAX_BROWSER = 256


async def signed_in(call: Call, path: str, *, recently: bool = False) -> Person | Reply:
    """Who is signed in, or the way to the sign-in page and back to `path`."""
    who = await person(call)
    if who is None or (recently and call.now - who.session.authenticated_at > RECENT):
        return redirect(link(call, LOGIN, returnUrl=link(call, path)))
    return who


def attempt_of(call: Call, user: User, client: str | None = None) -> Attempt:
    """A try of the user that is recorded; `client`: where it was made."""
    browser = call.headers.get("user-agent", "")[:MAX_BROWSER] or None
    return Attempt(user.user_name, call.client_address or None, client, browser)


def tokens_ended(call: Call, user: User) -> None:
    """Let this node refuse the user's access tokens from now on; to be called after the commit."""
    call.port(Issuer).note_revoked("subject", str(user.id), call.now)


async def targets(call: Call, return_url: str) -> tuple[str, ...]:
    """Where a form may lead to that ends a sign-in: the client's address, when one asked for it."""
    request = await asked(call, return_url) if return_url else None
    return (request.redirect_uri,) if request else ()
