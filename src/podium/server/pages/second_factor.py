"""The second step of a sign-in: a code of an authenticator, a recovery code or a passkey; or enrolling the first one."""

from __future__ import annotations

import base64

from podium.identity.acting import write_down
from podium.identity.second_factors import actions as second_factors
from podium.identity.second_factors import passkeys
from podium.identity.second_factors.rules import Factors
from podium.identity.users.actions import active_user
from podium.identity.users.proving.actions import failed_proof, may_prove
from podium.identity.users.rules import User
from podium.kernel.call import Call, Reply
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.server.pages import catalogue, flow
from podium.server.pages.authenticator import enrol, enrolment
from podium.server.pages.people import attempt_of, targets
from podium.server.pages.recovery_codes import RECOVERY_CODES
from podium.server.pages.sealed import keep, kept
from podium.server.pages.shell import language, page, page_operation, read_form, site

SECOND_FACTOR = "/web/second-factor"
PURPOSE = "passkey-proof"

OTP, PASSKEY, SEVERAL = "otp", "hwk", "mfa"  # the words of RFC 8176; a recovery code is a one-time password, too


@page_operation("GET", SECOND_FACTOR)
async def show_second_factor(call: Call) -> Reply:
    """What the account can be proved by; without any yet, how to set an authenticator up."""
    found = await _waiting(call, call.query.get("returnUrl", ""))
    return found if isinstance(found, Reply) else await _form(call, *found)


@page_operation("POST", SECOND_FACTOR)
async def prove(call: Call) -> Reply:
    """On to the session, or the page again. Ten wrong tries in ten minutes, and none is taken for a while.

    Whoever has just set up the first factor is led past the recovery codes.
    """
    form = await read_form(call)
    found = await _waiting(call, form.get("returnUrl", ""))
    if isinstance(found, Reply):
        return found
    waiting, user = found
    method, via = None, waiting.via
    async with call.services.db.transaction() as db:
        may_try = await may_prove(db, user, call.now)
        if may_try and await second_factors.has_any(db, user.organization_id, user.id):
            method = await _proved(call, db, waiting, user, form)
        elif may_try and await enrol(call, db, user, form):
            method, via = OTP, RECOVERY_CODES
        if may_try and method is None:
            await failed_proof(db, user, attempt_of(call, user), call.now)
    if not may_try:
        return await _form(call, waiting, user, form, 429, "second_factor.too_many")
    if method is None:
        return await _form(call, waiting, user, form, 400, "second_factor.wrong")
    methods = (*waiting.methods, method, SEVERAL)
    return await flow.complete(call, user, methods, waiting.return_url, is_persistent=waiting.is_persistent, via=via)


async def _proved(call: Call, db: Connection, waiting: flow.Pending, user: User, form: dict[str, str]) -> str | None:
    """By what the user proved himself, in the words of RFC 8176; None when it is not right."""
    owner = waiting.organization_id
    if form.get("credential"):
        challenge = kept(call, _purpose(waiting), form.get("challenge", ""), str)
        if challenge is None:
            return None
        raw, answer = base64.b64decode(challenge), form["credential"].encode()
        is_right = await passkeys.check(db, site(call), owner, user.id, raw, answer, call.now)
        return PASSKEY if is_right else None
    code = form.get("code", "")
    if await second_factors.check_totp(db, call.port(Keyring), owner, user.id, code, call.now):
        return OTP
    if await second_factors.use_recovery_code(db, owner, user.id, code, call.now):
        await write_down(call, db, user, "RecoveryCodeUsed", component="Authentication")
        return OTP
    return None


def _purpose(waiting: flow.Pending) -> str:
    """A passkey's proof counts for this one sign-in."""
    return f"{PURPOSE}:{waiting.user_id}:{waiting.ends_at}"


async def _waiting(call: Call, return_url: str) -> tuple[flow.Pending, User] | Reply:
    """The sign-in that waits for its second step, or the way to begin anew."""
    waiting = flow.pending(call)
    if waiting is not None:
        async with call.services.db.acquire() as db:
            user = await active_user(db, waiting.organization_id, waiting.user_id)
        if user is not None and len(waiting.methods) == 1:
            return waiting, user
    return flow.expired(call, return_url)


def _hint(factors: Factors) -> str:
    if not factors.has_totp:
        return "second_factor.recovery_hint"
    return "second_factor.either_hint" if factors.recovery_codes_left else "second_factor.code_hint"


async def _form(
    call: Call,
    waiting: flow.Pending,
    user: User,
    form: dict[str, str] | None = None,
    status: int = 200,
    problem: str = "",
) -> Reply:
    owner = waiting.organization_id
    async with call.services.db.acquire() as db:
        factors = await second_factors.factors_of(db, owner, user.id)
        offer = await passkeys.offer_proof(db, site(call), owner, user.id) if factors.passkeys else None
        shown = None if factors.has_any else await enrolment(call, db, user, form)
    said = catalogue.text(language(call), problem) if problem else ""
    return page(
        call,
        "second_factor.html",
        status,
        form_targets=await targets(call, waiting.return_url),
        problem=said,
        enrol=shown,
        factors=factors,
        hint="" if shown else catalogue.text(language(call), _hint(factors)),
        return_url=waiting.return_url,
        passkey_options=offer.options if offer else "",
        challenge=keep(call, _purpose(waiting), base64.b64encode(offer.challenge).decode()) if offer else "",
        user=user.full_name,
    )
