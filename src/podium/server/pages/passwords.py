"""Choosing a password: one that is due before the session begins, or one's own whenever one wants."""

from __future__ import annotations

from collections.abc import Sequence

from podium.identity.acting import write_down
from podium.identity.issuer import Issuer
from podium.identity.results import Fault
from podium.identity.users.actions import PASSWORD_MISMATCH, active_user, change_password, set_password
from podium.identity.users.rules import User
from podium.kernel.call import Call, Reply
from podium.kernel.db import Connection
from podium.server.pages import catalogue, flow
from podium.server.pages.people import attempt_of, signed_in, targets, tokens_ended
from podium.server.pages.shell import language, link, notice, page, page_operation, read_form

DUE = "/web/password"
OWN = "/web/account/password"


@page_operation("GET", DUE)
async def show_due_password(call: Call) -> Reply:
    """The form for a password that must be changed before the sign-in goes on."""
    found = await _waiting(call, call.query.get("returnUrl", ""))
    return found if isinstance(found, Reply) else await _due_form(call, found[0].return_url, [])


@page_operation("POST", DUE)
async def replace_due_password(call: Call) -> Reply:
    """The new password, and on to the session."""
    form = await read_form(call)
    found = await _waiting(call, form.get("returnUrl", ""))
    if isinstance(found, Reply):
        return found
    waiting, user = found
    new = form.get("new_password", "")
    problems = differing(call, form)
    if not problems:
        issuer = call.port(Issuer)

        async def written(db: Connection) -> None:
            await write_down(call, db, user, "PasswordChange", detail={"why": "due"})

        faults = await set_password(
            call.services.db,
            issuer.passwords,
            waiting.organization_id,
            user.id,
            new,
            call.now,
            lifetime_s=issuer.lifetime_s,
            then=written,
        )
        problems = sentences(call, faults)
    if problems:
        return await _due_form(call, waiting.return_url, problems, 400)
    tokens_ended(call, user)
    async with call.services.db.acquire() as db:
        changed = await active_user(db, waiting.organization_id, user.id)
    if changed is None:
        return flow.expired(call, waiting.return_url)
    return await flow.complete(
        call, changed, waiting.methods, waiting.return_url, is_persistent=waiting.is_persistent, via=waiting.via
    )


@page_operation("GET", OWN)
async def show_own_password(call: Call) -> Reply:
    """The form for changing one's own password."""
    who = await signed_in(call, OWN)
    return who if isinstance(who, Reply) else page(call, "own_password.html", problems=[], problem="", wrong="")


@page_operation("POST", OWN)
async def replace_own_password(call: Call) -> Reply:
    """The new password; every other session and every token ends."""
    form = await read_form(call)
    who = await signed_in(call, OWN)
    if isinstance(who, Reply):
        return who
    user, issuer = who.user, call.port(Issuer)
    problems, wrong = differing(call, form), ""
    if not problems:

        async def written(db: Connection) -> None:
            await write_down(call, db, user, "PasswordChange")

        faults = await change_password(
            call.services.db,
            issuer.passwords,
            user.organization_id,
            user.id,
            form.get("old_password", ""),
            form.get("new_password", ""),
            attempt_of(call, user, "Password change"),
            call.now,
            keep_session=who.session.id,
            lifetime_s=issuer.lifetime_s,
            then=written,
        )
        if PASSWORD_MISMATCH in faults:
            wrong = catalogue.text(language(call), "password.wrong_old")
        problems = sentences(call, [one for one in faults if one != PASSWORD_MISMATCH])
    if problems or wrong:
        return page(call, "own_password.html", 400, problems=problems, problem=wrong or " ".join(problems), wrong=wrong)
    tokens_ended(call, user)
    return notice(call, "password_changed", back=link(call, flow.ACCOUNT))


def differing(call: Call, form: dict[str, str]) -> list[str]:
    """What is to be said when the two new passwords are not the same."""
    same = form.get("new_password", "") == form.get("repeated", "")
    return [] if same else [catalogue.text(language(call), "password.differ")]


def sentences(call: Call, faults: Sequence[Fault]) -> list[str]:
    """What is wrong with a password, to its owner. The rules come with their numbers from the policy."""
    said = []
    for fault in faults:
        key = f"fault.{fault.code}"
        said.append(catalogue.text(language(call), key) if catalogue.has(key) else fault.description)
    return said


async def _waiting(call: Call, return_url: str) -> tuple[flow.Pending, User] | Reply:
    waiting = flow.pending(call)
    if waiting is not None:
        async with call.services.db.acquire() as db:
            user = await active_user(db, waiting.organization_id, waiting.user_id)
            is_next = user is not None and await flow.is_password_next(call, db, user, waiting.methods)
        if user is not None and is_next:
            return waiting, user
    return flow.expired(call, return_url)


async def _due_form(call: Call, return_url: str, problems: list[str], status: int = 200) -> Reply:
    return page(
        call,
        "due_password.html",
        status,
        form_targets=await targets(call, return_url),
        problems=problems,
        problem=" ".join(problems),
        return_url=return_url,
    )
