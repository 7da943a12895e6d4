"""Operations of FoldersNavigation, and its like among the folders."""

from __future__ import annotations

import unicodedata
from typing import Any

import msgspec

from podium import wire
from podium.kernel.call import Call
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.operation import operation
from podium.orchestrator.folders import rules
from podium.orchestrator.folders import store as tree
from podium.orchestrator.folders.navigation import store

MAX_TAKE = 1000


@operation("GET", "/api/FoldersNavigation/GetFoldersForCurrentUser")
async def list_folders_of_caller(
    call: Call,
    skip: int | None = None,
    take: int | None = None,
    search_text: str | None = None,
    folder_types: list[str] | None = None,
) -> dict[str, Any]:
    """The folders that the caller reaches, its workspace among them, whose name contains the text; by path."""
    taken, skipped = page_bounds(take, skip)
    search = unicodedata.normalize("NFC", search_text or "").casefold()
    rows = await store.page(
        call.db, call.tenant_id, list(call.reach.folders), search, folder_types or None, taken, skipped
    )
    return {"PageItems": rows.items, "Count": rows.total}


@operation("GET", "/api/Folders/GetAllForCurrentUser")
async def list_all_folders_of_caller(call: Call, take: int | None = None, skip: int | None = None) -> dict[str, Any]:
    taken, skipped = page_bounds(take, skip)
    rows = await store.page(call.db, call.tenant_id, list(call.reach.folders), "", None, taken, skipped)
    items = msgspec.json.decode(rows.items, type=list[dict[str, Any]])
    members = wire.CurrentUserFolderDto.__struct_encode_fields__
    return {"PageItems": [{name: item[name] for name in members} for item in items], "Count": rows.total}


@operation("GET", "/api/FoldersNavigation/GetAllFoldersForCurrentUser")
async def list_tree_of_caller(call: Call) -> msgspec.Raw:
    """Every folder on the way to one that the caller reaches; those merely passed through cannot be chosen."""
    return (await store.shown(call.db, call.tenant_id, list(call.reach.folders), every_level=True)).items


@operation("GET", "/api/FoldersNavigation/GetFolderNavigationContextForCurrentUser")
async def read_navigation_context(
    call: Call, skip: int | None = None, take: int | None = None, folder_id: int | None = None
) -> dict[str, Any]:
    """One folder with those above it and a page of those below; without a folder, the roots."""
    taken, skipped = page_bounds(take, skip)
    reached = list(call.reach.folders)
    place = await _passed(call, reached, folder_id) if folder_id is not None else None
    below = await store.shown(call.db, call.tenant_id, reached, parent_id=folder_id, take=taken, skip=skipped)
    above = await call.db.fetch(store.ABOVE, call.tenant_id, list(place.ancestor_ids[:-1]) if place else [])
    return {
        "Ancestors": [
            {"Id": row["id"], "DisplayName": row["display_name"], "FullyQualifiedName": row["path"]} for row in above
        ],
        "ChildrenPage": below.items,
        "ChildrenCount": below.total,
        "DisplayName": place.display_name if place else None,
        "IsSelectable": place is not None and place.id in call.reach.folders,
        "IsPersonal": place is not None and place.folder_type == "Personal",
        "ProvisionType": "Automatic",
        "Id": place.id if place else None,
    }


def page_bounds(take: int | None, skip: int | None, most: int = MAX_TAKE) -> tuple[int, int]:
    """How many rows to give and to pass over. Raises BadRequest #1009 outside 0 to `most`."""
    taken, skipped = most if take is None else take, skip or 0
    if not 0 <= taken <= most:
        raise BadRequest(f"take must be from 0 to {most}.", Code.INVALID_ARGUMENT)
    if skipped < 0:
        raise BadRequest("skip must not be negative.", Code.INVALID_ARGUMENT)
    return taken, skipped


async def _passed(call: Call, reached: list[int], folder_id: int) -> rules.Place:
    """The folder, if it is reached or lies above one that is."""
    place = await tree.place(call.db, call.tenant_id, folder_id)
    if place is None or not await call.db.fetchval(store.IS_SHOWN, call.tenant_id, reached, folder_id):
        raise NotFound(rules.NO_FOLDER)
    return place
