"""The operation of the catalogue."""

from __future__ import annotations

import msgspec

from podium.kernel.call import Call, Page
from podium.kernel.odata import parse_options, rows_page
from podium.kernel.operation import operation
from podium.orchestrator.access.rules import ALL_PERMISSIONS
from podium.orchestrator.roles.rules import scope_of

MEMBERS = ("Name", "IsGranted", "RoleId", "Scope", "Id")
CATALOGUE = [
    {"Name": name, "IsGranted": False, "RoleId": 0, "Scope": scope_of(name), "Id": number}
    for number, name in enumerate(sorted(ALL_PERMISSIONS), start=1)
]


@operation("GET", "/odata/Permissions")
async def list_permissions(call: Call) -> Page:
    """Every permission that a role can grant, by name: a role under construction, so none of them is granted."""
    page = rows_page(CATALOGUE, MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "Permissions", page.total)
