"""Recovery codes: how many are left, and new ones, shown once."""

from __future__ import annotations

from podium.identity.acting import write_down
from podium.identity.second_factors import actions as second_factors
from podium.kernel.call import Call, Reply
from podium.server.pages import flow
from podium.server.pages.consent import Person
from podium.server.pages.people import signed_in
from podium.server.pages.returns import own_path
from podium.server.pages.shell import Pages, link, page, page_operation, read_form

RECOVERY_CODES = "/web/account/recovery-codes"


@page_operation("GET", RECOVERY_CODES)
async def show_recovery_codes(call: Call) -> Reply:
    """How many are left; the codes themselves are never shown again.

    A sign-in that has just set up its first factor comes by here; `returnUrl` is where it goes on.
    """
    who = await signed_in(call, RECOVERY_CODES, recently=True)
    return who if isinstance(who, Reply) else await _page(call, who, call.query.get("returnUrl", ""))


@page_operation("POST", RECOVERY_CODES)
async def make_recovery_codes(call: Call) -> Reply:
    """Ten new codes; those of before end. For an account without a second factor none are made."""
    form = await read_form(call)
    who = await signed_in(call, RECOVERY_CODES, recently=True)
    if isinstance(who, Reply):
        return who
    user, codes = who.user, []
    async with call.services.db.transaction() as db:
        if await second_factors.has_any(db, user.organization_id, user.id):
            codes = await second_factors.new_recovery_codes(db, user.organization_id, user.id, call.now)
            await write_down(call, db, user, "Update", detail={"secondFactor": "new recovery codes"})
    return await _page(call, who, form.get("returnUrl", ""), codes)


async def _page(call: Call, who: Person, return_url: str, codes: list[str] | None = None) -> Reply:
    async with call.services.db.acquire() as db:
        factors = await second_factors.factors_of(db, who.user.organization_id, who.user.id)
    goes_on = own_path(return_url, call.port(Pages).base) or ""
    return page(
        call,
        "recovery_codes.html",
        codes=codes or [],
        left=factors.recovery_codes_left,
        has_any=factors.has_any,
        return_url=goes_on,
        back=goes_on or link(call, flow.ACCOUNT),
    )
