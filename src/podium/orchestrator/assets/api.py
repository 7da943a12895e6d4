"""Operations on assets."""

from __future__ import annotations

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page
from podium.kernel.errors import NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import sharing
from podium.orchestrator.assets import actions, changes, events, rules, store
from podium.orchestrator.assets.entity import ASSETS
from podium.orchestrator.credential_stores.actions import Stores


@operation("GET", "/odata/Assets")
async def list_assets(call: Call) -> Page:
    """The folder's assets without those of type Secret, which clients of this older list do not know."""
    return await _page(call, store.SHOWN_BUT_SECRETS, call.folders_with("Assets.View"))


@operation("GET", "/odata/Assets/UiPath.Server.Configuration.OData.GetFiltered")
async def list_all_assets(call: Call) -> Page:
    """Assets of the folder, or of every folder where the caller may view them; each once, however many show it."""
    return await _page(call, store.SHOWN, call.folders_with("Assets.View"))


@operation("GET", "/odata/Assets/UiPath.Server.Configuration.OData.GetAssetsAcrossFolders")
async def list_assets_across_folders(call: Call, exclude_folder_id: int | None = None) -> Page:
    """Assets of the folders where the caller may view them, but that one; none when there is no such folder."""
    return await _page(call, store.SHOWN, sharing.readable(call, "Assets", exclude_folder_id))


@operation("GET", "/odata/Assets({key})")
async def read_asset(call: Call, key: int) -> Item:
    return await _item(call, key)


@operation("POST", "/odata/Assets")
async def create_asset(call: Call, body: wire.AssetDto) -> Item:
    require_members(body)
    asked = changes.asked(body, changes.DEFAULTS)
    stores = Stores.of(call)
    made = await actions.make(call.db, stores, call.tenant_id, call.folder_id, asked, call.now, call.actor.user_id)
    await _tell(call, made, "Create", "asset.created")
    return await _item(call, made)


@operation("PUT", "/odata/Assets({key})")
async def replace_asset(call: Call, key: int, body: wire.AssetDto) -> Item:
    """Everything but the type, and a secret that is not given anew: values that the body leaves out go."""
    require_members(body)
    asset = await _asset(call, key)
    asked = changes.asked(body, dict(asset))
    await actions.replace(call.db, Stores.of(call), call.tenant_id, asset, asked, call.now, call.actor.user_id)
    await _tell(call, key, "Update", "asset.updated")
    return await _item(call, key)


@operation("DELETE", "/odata/Assets({key})")
async def delete_asset(call: Call, key: int) -> None:
    """From every folder that shows it."""
    asset = await _asset(call, key)
    rules.check_removal(asset["name"], is_deletable=asset["is_deletable"])
    await _tell(call, key, "Delete", "asset.deleted")
    await call.db.execute(store.REMOVE, call.tenant_id, key)


async def _page(call: Call, where: str, folders: list[int]) -> Page:
    options = parse_options(call.query)
    page = await fetch_page(call.db, ASSETS, options, where, [call.tenant_id, folders], now=call.now)
    return Page(page.json, "Assets", page.total)


async def _item(call: Call, asset_id: int) -> Item:
    args = [call.tenant_id, [call.folder_id], asset_id]
    text = await fetch_one(call.db, ASSETS, parse_options(call.query), store.ONE, args, now=call.now)
    if text is None:
        raise NotFound(rules.NO_ASSET)
    return Item(text, "Assets")


async def _asset(call: Call, asset_id: int) -> Record:
    """The folder's asset, locked. Raises NotFound."""
    rows = await sharing.to_change(call.db, store.SHARED, call.tenant_id, [call.folder_id], [asset_id])
    if not rows:
        raise NotFound(rules.NO_ASSET)
    return rows[0]


async def _tell(call: Call, asset_id: int, action: str, event: str) -> None:
    """Say in audit and events what is done to the asset, as it is now."""
    asset = await _asset(call, asset_id)
    folders = await sharing.folders_of(call.db, store.SHARED, call.tenant_id, asset_id)
    call.emit(event, events.asset(asset, [folder["key"] for folder in folders]))
    call.describe(action, component="Assets", entity_id=asset_id, name=asset["name"])
