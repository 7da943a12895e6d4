"""The page that tells why a sign-in cannot go on, and the front door."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from podium.kernel.call import Call, Reply
from podium.server.pages import flow
from podium.server.pages.shell import link, page, page_operation, redirect, trace
from podium.server.pages.sign_in import LOGIN, sentence

MAX_CHARACTERS = 8 * 1024
MAX_SHOWN = 300


@page_operation("GET", "/web")
async def front_door(call: Call) -> Reply:
    """The error that the address names; without one the way to the account or to the sign-in."""
    if call.query.get("errorCode") or call.query.get("errorId"):
        return await show_error(call)
    async with call.services.db.acquire() as db:
        is_signed_in = await flow.current_session(call, db) is not None
    return redirect(link(call, flow.ACCOUNT if is_signed_in else LOGIN))


@page_operation("GET", "/web/error")
async def show_error(call: Call) -> Reply:
    """What went wrong, in our words; what the address says itself is shown as a quotation and never as a link."""
    said = decode(call.query.get("errorId", ""))
    code = call.query.get("errorCode", "") or said.get("error", "")
    details = {
        "code": code[:MAX_SHOWN],
        "description": said.get("error_description", "")[:MAX_SHOWN],
        "application": said.get("client_id", "")[:MAX_SHOWN],
    }
    return page(
        call,
        "error.html",
        sentence=sentence(call, code),
        details={name: value for name, value in details.items() if value},
        trace=trace(call),
    )


def decode(error_id: str) -> Mapping[str, str]:
    """The texts of an `errorId`, base64 of a JSON object; empty for anything else."""
    if len(error_id) > MAX_CHARACTERS or not error_id.isascii():
        return {}
    text = error_id.replace(" ", "+").translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        found = msgspec.json.decode(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str) and value.isprintable()}
