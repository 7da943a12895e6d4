"""The operations of the tags AuditQuery, audit_, orgaudit_ and the portal's auditLog."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

import msgspec

from podium.identity.audit import records, rules, store
from podium.identity.audit.entity import EVENTS, OF_ORGANIZATION, SORTABLE
from podium.identity.audit.rules import Cursor, cursor_of, cursor_text
from podium.identity.audit.store import Wanted
from podium.identity.requests import guid, not_valid, paging, partition
from podium.kernel.call import Call, Reply
from podium.kernel.errors import ValidationProblem
from podium.kernel.lenient import instant
from podium.kernel.odata.fetch import fetch_page
from podium.kernel.odata.tree import Options, OrderTerm, Path
from podium.kernel.operation import operation

DOWNLOADED, MOST_DOWNLOADED = 10_000, 50_000
MOST_EVENTS = 200
MOST_NAMES = 100
LINK_PARAMETERS = ("from", "to", "source", "target", "type", "userIds", "status", "maxCount")


@operation("GET", "/api/AuditQuery/{partitionGlobalId}")
async def query(call: Call, partition_global_id: str) -> Reply:
    """A page of what happened, the newest first unless asked otherwise."""
    return await _page(call, partition(call, partition_global_id))


@operation("GET", "/api/AuditQuery/{partitionGlobalId}/download")
async def download(call: Call, partition_global_id: str) -> Reply:
    """The newest events as a CSV file."""
    return await _file(call, partition(call, partition_global_id))


@operation("GET", "/audit_/api/auditlogs")
async def list_logs(call: Call) -> Reply:
    """As AuditQuery, of the token's organization."""
    return await _page(call, partition(call, None))


@operation("GET", "/audit_/api/auditlogs/download")
async def download_logs(call: Call) -> Reply:
    """As the download of AuditQuery, of the token's organization."""
    return await _file(call, partition(call, None))


@operation("GET", "/audit_/api/auditlogs/{partitionGlobalId}")
async def list_logs_of(call: Call, partition_global_id: str) -> Reply:
    """As AuditQuery."""
    return await _page(call, partition(call, partition_global_id))


@operation("GET", "/portal_/api/auditLog/{partitionGlobalId}")
async def list_portal_log(call: Call, partition_global_id: str) -> Reply:
    """As AuditQuery."""
    return await _page(call, partition(call, partition_global_id))


@operation("GET", "/orgaudit_/api/query/sources")
async def list_sources(call: Call) -> list[dict[str, object]]:
    """What the filters of the events may name."""
    partition(call, None)
    targets = [{"name": target, "eventTypes": [{"name": one} for one in types]} for target, types in rules.TREE.items()]
    return [{"name": rules.SOURCE, "eventTargets": targets}]


@operation("GET", "/orgaudit_/api/query/events")
async def list_events(call: Call) -> Reply:
    """Events from the newest down. `next` and `previous`: addresses of the older and of the newer ones, null for none."""
    organization_id = partition(call, None)
    asked = {name.lower(): value.strip() for name, value in call.query.items()}
    wanted, limit = _wanted(call, asked), _number(asked, "maxCount", MOST_EVENTS, MOST_EVENTS)
    before, after = _cursor(asked, "before"), _cursor(asked, "after")
    source = asked.get("source", "")
    if source and source.lower() != rules.SOURCE.lower():
        return _json({"auditEvents": [], "next": None, "previous": None})
    if after is not None:
        rows = await store.newer(call.db, organization_id, wanted, after, limit + 1)
        rows, has_newer = rows[-limit:], len(rows) > limit
        has_older = True  # the event that the link was made from
    else:
        rows = await store.older(call.db, organization_id, wanted, before, limit + 1)
        rows, has_older = rows[:limit], len(rows) > limit
        has_newer = before is not None
    first = Cursor(rows[0]["created_at"], rows[0]["id"]) if rows else None
    last = Cursor(rows[-1]["created_at"], rows[-1]["id"]) if rows else None
    body: dict[str, object] = {
        "auditEvents": [records.event(row, organization_id) for row in rows],
        "next": _link(call, "before", last) if has_older else None,
        "previous": _link(call, "after", first) if has_newer else None,
    }
    return _json(body)


async def _page(call: Call, organization_id: UUID) -> Reply:
    asked = paging(call, SORTABLE)
    sort_by, is_descending = asked.sort_by, asked.is_descending
    if not sort_by and any(name.lower() == "sortorder" and value.strip() for name, value in call.query.items()):
        sort_by = "createdOn"
    order = (OrderTerm(Path((sort_by,)), is_descending), OrderTerm(Path(("id",)), is_descending)) if sort_by else ()
    options = Options(orderby=order, top=asked.top, skip=asked.skip, count=True)
    page = await fetch_page(call.db, EVENTS, options, OF_ORGANIZATION, [organization_id])
    results = [records.record(row) for row in page.decoded()]
    return _json({"totalCount": page.total or 0, "results": results})


async def _file(call: Call, organization_id: UUID) -> Reply:
    asked = {name.lower(): value.strip() for name, value in call.query.items()}
    size = _number(asked, "size", DOWNLOADED, MOST_DOWNLOADED)
    options = Options(top=size)
    page = await fetch_page(call.db, EVENTS, options, OF_ORGANIZATION, [organization_id], max_rows=MOST_DOWNLOADED)
    text = records.table([records.record(row) for row in page.decoded()])
    name = f"audit-{call.now:%Y-%m-%d}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Reply(200, text.encode("utf-8", "replace"), "application/octet-stream", headers)


def _wanted(call: Call, asked: dict[str, str]) -> Wanted:
    users = [guid("userIds", text) for text in _many(call, "userids")]
    status = asked.get("status", "")
    if status.lower() not in ("", "0", "1", "success", "failure"):
        raise not_valid("status", status[:100])
    return Wanted(
        since=_instant(asked, "from"),
        until=_instant(asked, "to"),
        targets=[text.lower() for text in _many(call, "target")] or None,
        types=[text.lower() for text in _many(call, "type")] or None,
        users=users or None,
        is_success=None if not status else status.lower() in ("0", "success"),
    )


def _many(call: Call, name: str) -> list[str]:
    """Every value of a parameter that may be repeated or hold several, with commas."""
    found = [value for key, value in _parameters(call) if key.lower() == name]
    texts = [part.strip() for value in found for part in value.split(",") if part.strip()]
    if len(texts) > MOST_NAMES or any("\0" in text or len(text) > 256 for text in texts):
        raise not_valid(name, texts[0][:100])
    return texts


def _parameters(call: Call) -> list[tuple[str, str]]:
    return parse_qsl(call.query_string, keep_blank_values=True)


def _instant(asked: dict[str, str], name: str) -> datetime | None:
    text = asked.get(name, "")
    if not text:
        return None
    found = instant(text.replace(" ", "+"))  # a plus that was not escaped in the address
    if found is None:
        raise not_valid(name, text[:100])
    return found


def _number(asked: dict[str, str], name: str, default: int, most: int) -> int:
    text = asked.get(name.lower(), "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise not_valid(name, text[:100])
    if not 1 <= int(text) <= most:
        raise ValidationProblem({name: [f"The field {name} must be between 1 and {most}."]})
    return int(text)


def _cursor(asked: dict[str, str], name: str) -> Cursor | None:
    text = asked.get(name, "")
    if not text:
        return None
    found = cursor_of(text)
    if found is None:
        raise not_valid(name, text[:100])
    return found


def _link(call: Call, name: str, cursor: Cursor | None) -> str | None:
    if cursor is None:
        return None
    kept = [(key, value) for key, value in _parameters(call) if key.lower() in _LINK_KEYS]
    organization = f"/{quote(call.organization_name, safe='')}" if call.organization_name else ""
    tenant = f"/{quote(call.tenant_name, safe='')}" if call.tenant_name and organization else ""
    query = urlencode([*kept, (name, cursor_text(cursor))])
    return f"{call.public_url}{organization}{tenant}/orgaudit_/api/query/events?{query}"


_LINK_KEYS = frozenset(name.lower() for name in LINK_PARAMETERS)


def _json(body: dict[str, object]) -> Reply:
    return Reply(200, msgspec.json.encode(body))
