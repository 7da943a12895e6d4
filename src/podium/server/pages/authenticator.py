"""Setting up an authenticator, and removing it."""

from __future__ import annotations

from typing import NamedTuple

import segno

from podium.identity.acting import write_down
from podium.identity.partitions.actions import name_of
from podium.identity.second_factors import actions as second_factors
from podium.identity.users.proving.actions import failed_proof, may_prove
from podium.identity.users.rules import User
from podium.kernel.call import Call, Reply
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.server.pages import catalogue
from podium.server.pages.consent import Person
from podium.server.pages.people import attempt_of, signed_in
from podium.server.pages.sealed import keep, kept
from podium.server.pages.shell import PRODUCT, language, link, page, page_operation, read_form, redirect

AUTHENTICATOR = "/web/account/authenticator"
PURPOSE = "authenticator"


class Enrolment(NamedTuple):
    """A secret to be taken over by an authenticator: as text in groups of four, as a picture, and sealed for the form."""

    secret: str
    picture: str
    sealed: str


async def enrolment(call: Call, db: Connection, user: User, form: dict[str, str] | None = None) -> Enrolment:
    """What an authenticator is set up with: a new secret, or the one that the form was about."""
    secret = kept(call, f"{PURPOSE}:{user.id}", form.get(PURPOSE, ""), str) if form else None
    if secret is None:
        secret = second_factors.new_totp_secret()
    issuer = f"{PRODUCT} ({await name_of(db, user.organization_id)})"
    uri = second_factors.provisioning_uri(secret, user.user_name, issuer)
    grouped = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    picture = segno.make(uri, error="m").svg_data_uri(scale=4, border=4, light="#ffffff")
    return Enrolment(grouped, picture, keep(call, f"{PURPOSE}:{user.id}", secret))


async def enrol(call: Call, db: Connection, user: User, form: dict[str, str]) -> bool:
    """Whether the form's code is of the secret that its page showed; from then on one is asked at each sign-in."""
    secret = kept(call, f"{PURPOSE}:{user.id}", form.get(PURPOSE, ""), str)
    if secret is None:
        return False
    keyring, code = call.port(Keyring), form.get("code", "")
    if not await second_factors.enrol_totp(db, keyring, user.organization_id, user.id, secret, code, call.now):
        return False
    await write_down(call, db, user, "Update", detail={"secondFactor": "authenticator added"})
    return True


@page_operation("GET", AUTHENTICATOR)
async def show_authenticator(call: Call) -> Reply:
    """How to set an authenticator up, or that there is one."""
    who = await signed_in(call, AUTHENTICATOR, recently=True)
    return who if isinstance(who, Reply) else await _form(call, who)


@page_operation("POST", AUTHENTICATOR)
async def change_authenticator(call: Call) -> Reply:
    """Confirm the first code, or remove the authenticator."""
    form = await read_form(call)
    who = await signed_in(call, AUTHENTICATOR, recently=True)
    if isinstance(who, Reply):
        return who
    user = who.user
    if form.get("decision") == "remove":
        async with call.services.db.transaction() as db:
            if await second_factors.remove_totp(db, user.organization_id, user.id):
                await write_down(call, db, user, "Update", detail={"secondFactor": "authenticator removed"})
        return redirect(link(call, "/web/account"))
    async with call.services.db.transaction() as db:
        may_try = await may_prove(db, user, call.now)
        is_right = may_try and await enrol(call, db, user, form)
        if may_try and not is_right:
            await failed_proof(db, user, attempt_of(call, user), call.now)
    if not may_try:
        return await _form(call, who, form, 429, "second_factor.too_many")
    if not is_right:
        return await _form(call, who, form, 400, "second_factor.wrong")
    return redirect(link(call, "/web/account/recovery-codes"))


async def _form(
    call: Call, who: Person, form: dict[str, str] | None = None, status: int = 200, problem: str = ""
) -> Reply:
    user = who.user
    async with call.services.db.acquire() as db:
        factors = await second_factors.factors_of(db, user.organization_id, user.id)
        shown = None if factors.has_totp else await enrolment(call, db, user, form)
    said = catalogue.text(language(call), problem) if problem else ""
    return page(call, "authenticator.html", status, problem=said, enrol=shown)
