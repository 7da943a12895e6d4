"""Asks for exports, finds their files, and writes short reports at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import Forbidden
from podium.orchestrator.exports import pages, rules, store
from podium.orchestrator.exports.kinds import Kind

CONTENT_TYPE = "text/csv; charset=utf-8"
MOST_AT_ONCE = 10_000  # rows of a report that is answered within its request
MOST_BYTES_AT_ONCE = 32 * 1024 * 1024


def target(id_: int) -> str:
    """The name under which blob addresses know an export."""
    return f"export:{id_}"


async def request(call: Call, kind: Kind, folder_ids: Sequence[int], *of: int) -> int:
    """Id of a new export of the rows that the request's options select in these folders; only the caller reads it.

    `of` are the ids that the kind's condition names besides the folders. Raises BadRequest for options that the list
    would refuse, Forbidden for callers that are no user of the tenant.
    """
    if call.actor.user_id is None:
        raise Forbidden("Exports belong to a user; this credential has none.")
    query = msgspec.json.encode(pages.asked(kind, call.query, of)).decode()
    name = f"{kind.type}-{call.now:%Y%m%d-%H%M%S}"
    id_ = await store.add(call.db, call.tenant_id, name, kind.type, query, folder_ids, call.now, call.actor.user_id)
    call.describe("Create", component="Exports", entity_id=id_, name=name)
    return id_


async def blob_of(db: Connection, tenant_id: int, id_: int) -> tuple[str, str, str] | None:
    """Blob name, file name and media type of a completed export; None when there is no file."""
    found = await store.file(db, tenant_id, id_)
    if found is None or found["blob"] is None:
        return None
    return found["blob"], f"{found['name']}.csv", CONTENT_TYPE


async def csv_now(
    db: Connection, tenant_id: int, kind: Kind, folder_ids: Sequence[int], query: Mapping[str, str], now: datetime
) -> str:
    """The CSV of the rows that the options select, up to MOST_AT_ONCE of them and about MOST_BYTES_AT_ONCE."""
    asked = pages.asked(kind, query)
    source = pages.Source(kind, tenant_id, folder_ids, asked, now)
    left = MOST_AT_ONCE if asked.top is None else asked.top
    text = [rules.heading(kind.columns)]
    size = 0
    after = None
    while left > 0 and size < MOST_BYTES_AT_ONCE:
        wanted = min(left, pages.PAGE_ROWS)
        rows = await pages.read(db, source, after, wanted)
        text.append(rules.lines(kind.columns, rows))
        size += len(text[-1])
        if len(rows) < wanted:
            break
        left -= len(rows)
        after = pages.key_of(kind, rows[-1])
    return "".join(text)
