"""Operations on credential stores."""

from __future__ import annotations

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, Page, Value, given
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.assets import actions as assets
from podium.orchestrator.buckets import actions as buckets
from podium.orchestrator.credential_stores import rules, store
from podium.orchestrator.credential_stores.actions import Stores
from podium.orchestrator.credential_stores.catalogue import StoreTypes
from podium.orchestrator.credential_stores.entity import LISTED, RESOURCES, STORES
from podium.orchestrator.credential_stores.rules import Configured
from podium.orchestrator.credential_stores.store import New, Store
from podium.orchestrator.credential_stores.types import StoreType, WritableStoreType
from podium.orchestrator.robots import actions as robots
from podium.orchestrator.scope import IN_TENANT

ONE = f"{IN_TENANT} AND t.id = $2::bigint"
OF_STORE = f"{IN_TENANT} AND t.store_id = $2::bigint AND t.resource_type = $3::text"
ENTRY_MEMBERS = ("Key", "DisplayName", "ValueType")


@operation("GET", "/odata/CredentialStores")
async def list_stores(call: Call) -> Page:
    """The tenant's stores without their configuration: who picks one need not see how it is reached."""
    page = await fetch_page(call.db, LISTED, parse_options(call.query), IN_TENANT, [call.tenant_id], now=call.now)
    return Page(page.json, "CredentialStores", page.total)


@operation("GET", "/odata/CredentialStores({key})")
async def read_store(call: Call, key: int) -> Item:
    return await _item(call, key)


@operation("POST", "/odata/CredentialStores")
async def create_store(call: Call, body: wire.CredentialStoreDto) -> Item:
    require_members(body)
    name, type_ = rules.clean_name(given(body.name, "")), _type(call, given(body.type, ""))
    if given(body.proxy_id, None) is not None:
        raise BadRequest("ProxyId: there are no credentials proxies.", Code.PARAMETER_INVALID)
    configured = _configured(type_, given(body.additional_configuration, ""), Configured({}, {}))
    await _check_name_is_free(call, name)
    new = _new(call, await store.next_id(call.db), name, configured)
    is_read_only = not isinstance(type_, WritableStoreType)
    await store.add(call.db, call.tenant_id, new, type_.name, call.now, call.actor.user_id, is_read_only=is_read_only)
    call.describe("Create", component="CredentialStores", entity_id=new.id, name=name)
    return await _item(call, new.id)


@operation("PUT", "/odata/CredentialStores({key})")
async def replace_store(call: Call, key: int, body: wire.CredentialStoreDto) -> Item:
    """Another name and configuration; secret entries that are absent or masked stay. The type stays what it is."""
    require_members(body)
    found = await _store(call, key, to_change=True)
    rules.check_changeable(found.name, is_built_in=found.is_built_in)
    if given(body.type, "").casefold() != found.type.casefold():
        raise BadRequest(f"Type: expected {found.type}, the type of the store.", Code.PARAMETER_INVALID)
    name = rules.clean_name(given(body.name, ""))
    stored = Stores.of(call).configured(found)
    configured = _configured(_type(call, found.type), given(body.additional_configuration, ""), stored)
    await _check_name_is_free(call, name, found.id)
    await store.change(call.db, call.tenant_id, _new(call, found.id, name, configured), call.now, call.actor.user_id)
    call.describe("Update", component="CredentialStores", entity_id=key, name=name)
    return await _item(call, key)


@operation("DELETE", "/odata/CredentialStores({key})")
async def delete_store(call: Call, key: int, force_delete: bool | None = None) -> None:
    """What is in the store itself stays there. By force resources that used it go to the default, without secrets."""
    found = await _store(call, key, to_change=True)
    rules.check_changeable(found.name, is_built_in=found.is_built_in)
    used = await store.uses(call.db, call.tenant_id, key)
    if used and not force_delete:
        raise Conflict(f"The credential store {found.name} keeps the secrets of {used} resources.", Code.ITEM_IS_IN_USE)
    call.describe("Delete", component="CredentialStores", entity_id=key, name=found.name)
    defaults = {name: await _default_apart_from(call, name, key) for name in rules.RESOURCE_TYPES}
    credentials, secrets = defaults[rules.ASSET_CREDENTIAL], defaults[rules.SECRETS]
    await assets.leave_store(call.db, call.tenant_id, key, credentials=credentials, secrets=secrets)
    await robots.leave_credential_store(call.db, call.tenant_id, key, defaults[rules.ROBOT_CREDENTIAL])
    if used:
        call.audit["detail"] = {"moved": used}
    # whether the store is used or not: a bucket whose files are kept here names one without using it
    await buckets.leave_store(call.db, call.tenant_id, key, defaults[rules.BUCKET_CREDENTIAL])
    await call.db.execute(store.REMOVE, call.tenant_id, key)


@operation("POST", "/odata/CredentialStores({key})/UiPath.Server.Configuration.OData.SetDefaultStoreForResourceType")
async def set_default(call: Call, key: int, body: wire.CredentialSetDefaultStoreForResourceTypeRequest) -> None:
    """What is made from now on keeps its secrets here, unless it names another store."""
    nested = given(body.set_default_store_for_resource_type, None)
    named = given(body.resource_type, "") or (given(nested.resource_type, "") if nested else "")
    if not named:
        raise BadRequest("resourceType is required.", Code.PARAMETER_MISSING)
    resource_type = rules.resource_type(named)
    found = await _store(call, key, to_change=True)
    await call.db.execute(store.SET_DEFAULT, call.tenant_id, resource_type, key)
    call.describe("Update", component="DefaultCredentialStores", entity_id=key, name=f"{found.name} {resource_type}")


@operation(
    "GET",
    "/odata/CredentialStores/UiPath.Server.Configuration.OData.GetDefaultStoreForResourceType(resourceType='{resourceType}')",
)
async def get_default(call: Call, resource_type: str) -> Value:
    return Value(await store.default(call.db, call.tenant_id, rules.resource_type(resource_type)))


@operation("GET", "/odata/CredentialStores/UiPath.Server.Configuration.OData.GetAvailableCredentialStoreTypes")
async def list_types(call: Call, proxy_id: int | None = None) -> Value:
    """The types that this installation has, those of plug-ins among them."""
    _check_no_proxy(proxy_id)
    return Value(call.port(StoreTypes).names)


@operation(
    "GET",
    "/odata/Settings/UiPath.Server.Configuration.OData.GetSecureStoreConfiguration(storeTypeName='{storeTypeName}')",
)
async def get_configuration_of_type(call: Call, store_type_name: str, proxy_id: int | None = None) -> Page:
    """The entries of AdditionalConfiguration that stores of a type have."""
    _check_no_proxy(proxy_id)
    types = call.port(StoreTypes)
    type_ = types.named(store_type_name)
    if type_ is None and store_type_name.casefold() != rules.DATABASE.casefold():
        raise NotFound(rules.NO_TYPE)
    entries = () if type_ is None else type_.entries
    rows = [{"Key": entry.key, "DisplayName": entry.title, "ValueType": entry.value_type} for entry in entries]
    page = rows_page(rows, ENTRY_MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "Collection(ConfigurationEntry)", page.total)


@operation(
    "GET",
    "/odata/CredentialStores/UiPath.Server.Configuration.OData.GetResourcesForCredentialStoreTypes(key={key},resourceType='{resourceType}')",
)
async def list_resources(call: Call, key: int, resource_type: str) -> Page:
    """What keeps its secrets in the store, of one kind."""
    args = [call.tenant_id, (await _store(call, key)).id, rules.resource_type(resource_type)]
    page = await fetch_page(call.db, RESOURCES, parse_options(call.query), OF_STORE, args, now=call.now)
    return Page(page.json, "Collection(CredentialStoreResourceDto)", page.total)


@operation(
    "GET",
    "/odata/CredentialStores/UiPath.Server.Configuration.OData.GetResourcesForCredentialsProxyResourceTypes(key={key},resourceType='{resourceType}')",
)
async def list_resources_of_proxy(_: Call, key: int, resource_type: str) -> Page:
    """404: there are no credentials proxies; the server reads stores by itself."""
    rules.resource_type(resource_type)
    raise NotFound(f"{rules.NO_PROXY[:-1]}: {key}.")


async def _item(call: Call, id_: int) -> Item:
    options = parse_options(call.query)
    text = await fetch_one(call.db, STORES, options, ONE, [call.tenant_id, id_], now=call.now)
    if text is None:
        raise NotFound(rules.NO_STORE)
    return Item(text, "CredentialStores")


async def _store(call: Call, id_: int, *, to_change: bool = False) -> Store:
    found = await store.by_id(call.db, call.tenant_id, id_, to_change=to_change)
    if found is None:
        raise NotFound(rules.NO_STORE)
    return found


def _type(call: Call, name: str) -> StoreType:
    types = call.port(StoreTypes)
    found = types.named(name)
    if found is None:
        others = ", ".join(types.names[1:])
        raise BadRequest(f"Type: expected one of {others}.", Code.PARAMETER_INVALID)
    return found


def _configured(type_: StoreType, text: str, stored: Configured) -> Configured:
    """What is asked for, with the stored secrets that stay. Raises BadRequest."""
    configured = rules.configured(type_.entries, text, stored)
    try:
        type_.check(configured.values)
    except ValueError as wrong:
        raise BadRequest(f"{rules.ADDITIONAL}: {wrong}.", Code.PARAMETER_INVALID) from None
    return configured


def _new(call: Call, id_: int, name: str, configured: Configured) -> New:
    shown = msgspec.json.encode(configured.shown).decode()
    return New(id_, name, shown, Stores.of(call).seal(id_, configured))


async def _check_name_is_free(call: Call, name: str, apart_from: int = 0) -> None:
    if await store.is_taken(call.db, call.tenant_id, name, apart_from):
        raise Conflict(f"The name {name} is already used.")


async def _default_apart_from(call: Call, resource_type: str, store_id: int) -> int:
    """The default store; the built-in one where the default is the one that goes."""
    found = await store.default(call.db, call.tenant_id, resource_type)
    return int(await call.db.fetchval(store.BUILT_IN, call.tenant_id)) if found == store_id else found


def _check_no_proxy(proxy_id: int | None) -> None:
    if proxy_id is not None:
        raise NotFound(rules.NO_PROXY)
