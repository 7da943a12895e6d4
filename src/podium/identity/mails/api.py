"""The mails of an organization, for its administrators: what was sent, what was not, what it says."""

from __future__ import annotations

import msgspec

from podium.identity.mails import store
from podium.identity.mails.actions import open_body
from podium.identity.mails.entity import MAILS
from podium.identity.requests import paged, paging
from podium.identity.row_ids import row_id
from podium.kernel.call import Call, Reply
from podium.kernel.errors import NotFound
from podium.kernel.keyring import Keyring
from podium.kernel.odata.fetch import fetch_one, fetch_page
from podium.kernel.odata.tree import Options
from podium.kernel.operation import operation

IN_ORGANIZATION = "t.organization_id = $1"
ONE = "t.organization_id = $1 AND t.id = $2"


@operation("GET", "/api/podium/Mail")
async def list_mails(call: Call) -> Reply:
    """Mails without their bodies, newest first."""
    asked = paging(call, ())
    return paged(await fetch_page(call.db, MAILS, asked.options, IN_ORGANIZATION, [call.organization_id]))


# The body holds a link that lets somebody in, so that reading it leaves a trace like a change does.
@operation("GET", "/api/podium/Mail/{mailId}", atomic=True, audited=True)
async def get_mail(call: Call, mail_id: str) -> Reply:
    """One mail, with its body while it is kept: until it was sent."""
    id_ = row_id("mailId", mail_id)
    assert call.organization_id is not None
    found = await fetch_one(call.db, MAILS, Options(), ONE, [call.organization_id, id_])
    row = await store.body(call.db, call.organization_id, id_)
    if found is None or row is None:
        raise NotFound("The mail does not exist.")
    shown = msgspec.json.decode(found)
    if row["sealed"] is not None:
        shown["body"] = open_body(call.port(Keyring), call.organization_id, id_, row["sealed"])
    call.describe("Read", component="Setting", entity_id=id_, name=f"{shown['template']} to {shown['recipient']}")
    return Reply(200, msgspec.json.encode(shown), headers={"cache-control": "no-store"})
