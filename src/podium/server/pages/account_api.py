"""What the vendor's sign-in page calls: the same as our own pages do, as JSON. Tags: Account, Antiforgery.

Cookies are the pages' own. A sign-in is taken with the header that `generate` hands out in a cookie, which only a page
of this site can read.
"""

from __future__ import annotations

from urllib.parse import unquote
from uuid import UUID

import msgspec

from podium.identity import cookies
from podium.identity.acting import write_down
from podium.identity.groups.actions import is_administrator
from podium.identity.issuer import Issuer
from podium.identity.oidc.actions import asked
from podium.identity.oidc.end_session import end_browser_session
from podium.identity.partitions.actions import name_of
from podium.identity.partitions.rules import HOST_ID
from podium.identity.recovery.actions import INVALID_TOKEN, confirm_address, reset_password, send_reset
from podium.identity.results import SUCCEEDED, Fault, Refused
from podium.identity.sessions.rules import clear_cookie
from podium.identity.settings.actions import sign_in_policy
from podium.identity.users.actions import PASSWORD_MISMATCH, active_user, change_password, check_password
from podium.identity.users.rules import Attempt, User
from podium.kernel.call import Call, Reply, given
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Unauthenticated, ValidationProblem
from podium.kernel.operation import operation
from podium.server.pages import catalogue, csrf, flow
from podium.server.pages.consent import person
from podium.server.pages.people import attempt_of, tokens_ended
from podium.server.pages.recovery import organization_named
from podium.server.pages.shell import PRODUCT, Pages, language, session_cookie
from podium.wire import identity as wire

TOKEN_COOKIE, TOKEN_HEADER = "XSRF-TOKEN", "x-xsrf-token"
CLIENT = "Web"
REPEATED = Fault("PasswordsDiffer", "The password and its confirmation are not the same.")


@operation("GET", "/api/Antiforgery/generate", connected=False)
async def generate(call: Call) -> Reply:
    """A cookie with what the header `X-XSRF-TOKEN` of the next posts must hold."""
    return _token(call)


@operation("GET", "/api/Antiforgery/generatelogout", connected=False)
async def generate_for_sign_out(call: Call) -> Reply:
    """The same for who is signed in by now."""
    return _token(call)


@operation("GET", "/api/Account/Login", connected=False)
async def describe_sign_in(call: Call) -> wire.LoginModel:
    """What the sign-in page shows. There are no external providers."""
    request = await asked(call, call.query.get("returnUrl", ""))
    organization_id = request.organization_id if request else await organization_named(call, "")
    async with call.services.db.acquire() as db:
        policy = await sign_in_policy(db, organization_id or HOST_ID)
        name = await name_of(db, organization_id) if organization_id else ""
    return wire.LoginModel(
        allow_remember_login=True,
        enable_basic_auth=not policy.restricts_basic,
        external_identity_providers=[],
        client_name=request.client.name if request else None,
        application_title=PRODUCT,
        partition_name=name or None,
        cookie_expire_minutes=policy.session.idle_minutes,
        external_logout_url=None,
        terms_and_conditions_url=None,
        login_layout=None,
        orchestrator_url=call.public_url,
        application_environment_name=None,
    )


# Without a connection of its own: a refusal must be counted, and none is held while a hash is computed.
@operation("POST", "/api/Account/Login", connected=False)
async def sign_in(call: Call, body: wire.LoginInputModel) -> Reply:
    """The session's cookie. 403 with `nextStep`, a page to open, when the right password is due or not enough."""
    _check_token(call)
    organization_id = await organization_named(call, given(body.partition_name, ""))
    name, password = given(body.username_or_email, "").strip(), given(body.password, "")
    attempt = Attempt(name, call.client_address or None, CLIENT, call.headers.get("user-agent", "")[:256] or None)
    _, user = await check_password(
        call.services.db, call.port(Issuer).passwords, organization_id, attempt, password, call.now
    )
    if user is None:
        raise BadRequest(catalogue.text(language(call), "sign_in.wrong"))
    goes_on = await flow.proceed(call, user, (flow.PASSWORD,), "", is_persistent=given(body.remember_login, False))
    if goes_on.has_begun:
        return Reply(200, cookies=goes_on.cookies)
    problem = {"title": "The sign-in is not complete.", "status": 403, "nextStep": goes_on.location}
    return Reply(403, msgspec.json.encode(problem), "application/problem+json; charset=utf-8", cookies=goes_on.cookies)


@operation("POST", "/api/Account/Logout", connected=False)
async def sign_out(call: Call) -> Reply:
    """End the browser's session with its tokens; it is no error when there is none."""
    _check_token(call)
    who = await person(call)
    if who is not None:
        await end_browser_session(call, who.session)
    return Reply(200, cookies=(clear_cookie(call.public_url), flow.clear_pending(call)))


@operation("GET", "/api/Account/Profile", connected=False)
async def get_profile(call: Call) -> wire.UserProfileDto:
    """Who is signed in at the browser. Raises Unauthenticated when nobody is."""
    who = await person(call)
    if who is None:
        raise Unauthenticated("Nobody is signed in.")
    async with call.services.db.acquire() as db:
        is_admin = await is_administrator(db, who.user.id)
    return wire.UserProfileDto(
        partition_name=who.organization,
        partition_global_id=who.user.organization_id,
        user_name=who.user.user_name,
        name=who.user.first_name,
        is_admin=is_admin,
        full_name=who.user.full_name,
    )


@operation("POST", "/api/Account/ForgotPassword", connected=False)
async def forgot_password(call: Call, body: wire.ForgotPasswordModel) -> None:
    """A mail with a link for the user of that name, if there is one; the answer is the same for everybody."""
    organization_id = await organization_named(call, given(body.partition_name, ""))
    await send_reset(call, organization_id, given(body.username_or_email, ""))


@operation("POST", "/api/Account/ResetPassword", connected=False)
async def reset(call: Call, body: wire.ResetPasswordModel) -> dict[str, object]:
    """A new password for the code of a mail, which is the token of its link."""
    password = given(body.password, "")
    repeated = given(body.confirm_password, None)
    if repeated not in (None, password):
        raise Refused(REPEATED)
    faults = await reset_password(call, given(body.code, ""), password, given(body.user_id, UUID(int=0)))
    if faults:
        raise Refused(*faults)
    return SUCCEEDED


@operation("POST", "/api/Account/ChangePassword", connected=False)
async def change(call: Call, body: wire.ChangePasswordModel) -> dict[str, object]:
    """A new password for who is signed in, or whose sign-in waits for one."""
    user = await _who_changes(call)
    if user is None:
        raise Unauthenticated("Nobody is signed in.")
    if given(body.user_id, UUID(int=0)) != user.id:
        raise Refused(PASSWORD_MISMATCH)
    issuer = call.port(Issuer)

    async def written(db: Connection) -> None:
        await write_down(call, db, user, "PasswordChange")

    faults = await change_password(
        call.services.db,
        issuer.passwords,
        user.organization_id,
        user.id,
        given(body.old_password, ""),
        given(body.new_password, ""),
        attempt_of(call, user, "Password change"),
        call.now,
        lifetime_s=issuer.lifetime_s,
        then=written,
    )
    if faults:
        raise Refused(*faults)
    tokens_ended(call, user)
    return SUCCEEDED


@operation("POST", "/api/Account/EmailConfirmation", connected=False)
async def confirm_email(call: Call, body: wire.ConfirmEmailModel) -> dict[str, object]:
    """The user's address is confirmed by the code of a mail, which is the token of its link."""
    if not await confirm_address(call, given(body.code, ""), given(body.user_id, UUID(int=0))):
        raise Refused(INVALID_TOKEN)
    return SUCCEEDED


async def _who_changes(call: Call) -> User | None:
    """A password alone must not change itself where a second factor is asked, so somebody has to be in a sign-in."""
    who = await person(call)
    if who is not None:
        return who.user
    waiting = flow.pending(call)
    if waiting is None:
        return None
    async with call.services.db.acquire() as db:
        user = await active_user(db, waiting.organization_id, waiting.user_id)
        is_next = user is not None and await flow.is_password_next(call, db, user, waiting.methods)
    return user if is_next else None


def _token(call: Call) -> Reply:
    sent = cookies.read(call.headers, cookies.cookie_name(call.public_url, csrf.COOKIE))
    made: tuple[str, ...] = ()
    if sent is None or not csrf.is_cookie(sent):
        sent = csrf.new_cookie()
        made = (cookies.write(call.public_url, csrf.COOKIE, sent),)
    value = csrf.field(call.port(Pages).form_key, sent, session_cookie(call))
    secure = "; Secure" if call.public_url.startswith("https://") else ""
    readable = f"{TOKEN_COOKIE}={value}; Path=/; SameSite=Lax{secure}"
    return Reply(200, headers={"cache-control": "no-store"}, cookies=(*made, readable))


def _check_token(call: Call) -> None:
    """Raises ValidationProblem unless the post comes from a page of this site."""
    sent = cookies.read(call.headers, cookies.cookie_name(call.public_url, csrf.COOKIE))
    header = unquote(call.headers.get(TOKEN_HEADER, ""))
    is_genuine = csrf.is_genuine(call.port(Pages).form_key, sent, session_cookie(call), header)
    if not is_genuine or not csrf.is_from_here(call.headers, call.public_url):
        raise ValidationProblem({"": ["The antiforgery token is missing or not valid."]})
