"""Operations that read and change settings by name."""

from __future__ import annotations

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, Page, Value, given
from podium.kernel.errors import BadRequest, Code, Forbidden
from podium.kernel.keyring import Keyring
from podium.kernel.odata import parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.settings import actions, rules, store
from podium.orchestrator.settings.known import KNOWN, Known, fold
from podium.orchestrator.settings.rules import Change
from podium.orchestrator.settings.store import Row, Stored

MEMBERS = ("Name", "Value", "Scope", "Id")
MAX_AT_ONCE = 1000


@operation("GET", "/odata/Settings")
async def list_settings(call: Call) -> Page:
    """Every setting that there is, with what holds for the tenant."""
    stored = await store.of_tenant(call.db, call.tenant_id)
    rows = [_row(known, stored) for known in KNOWN.values()]
    page = rows_page(rows, MEMBERS, parse_options(call.query), now=call.now)
    return Page(msgspec.json.encode(page.rows).decode(), "Settings", page.total)


@operation("GET", "/odata/Settings('{key}')")
async def read_setting(call: Call, key: str) -> Value:
    known = rules.named(key)
    return Value(_row(known, await store.of_tenant(call.db, call.tenant_id))["Value"])


@operation("PUT", "/odata/Settings('{key}')")
async def replace_setting(call: Call, key: str, body: wire.SettingsDto) -> Item:
    require_members(body)
    known = rules.named(key)
    if rules.named(given(body.name, "")) is not known:
        raise BadRequest("Name: expected the name in the address.", Code.PARAMETER_INVALID)
    await _change(call, [rules.change(key, given(body.value, None), "Value")])
    return Item(msgspec.json.encode(_row(known, await store.of_tenant(call.db, call.tenant_id))).decode(), "Settings")


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.UpdateBulk")
async def update_settings(call: Call, body: wire.SettingsUpdateBulkRequest) -> None:
    """All of them or none."""
    asked = given(body.settings, [])
    _check_amount(len(asked), "settings")
    changes = [
        rules.change(given(one.name, ""), given(one.value, None), f"settings[{at}].Value")
        for at, one in enumerate(asked)
    ]
    # the last one that names a setting rules, as if they had been sent one by one
    await _change(call, list({change.known.name: change for change in changes}.values()))


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.DeleteBulk")
async def delete_settings(call: Call, body: wire.SettingsDeleteBulkRequest) -> None:
    """The defaults hold again; settings that have their default already are passed over."""
    names = given(body.setting_names, [])
    _check_amount(len(names), "settingNames")
    known = {rules.named(name).name: None for name in names}
    await actions.remove(call.db, call.tenant_id, known)
    _tell(call, "Delete", list(known))


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.UpdateUserSetting")
async def update_user_setting(call: Call, body: wire.UpdateUserSettingRequest) -> Item:
    """The caller's own value of a setting that users have for themselves."""
    require_members(body)
    user_id, asked = call.actor.user_id, given(body.setting, wire.SettingsDto())
    if user_id is None:
        raise Forbidden("Only users have settings of their own.", Code.FORBIDDEN_OPERATION)
    change = rules.change(given(asked.name, ""), given(asked.value, None), "setting.Value", by_user=True)
    row = Row(fold(change.known.name), change.known.name, change.value, None)
    await store.put_of_user(call.db, call.tenant_id, user_id, row, call.now)
    call.describe("Update", component="Settings", entity_id=change.known.name, name=change.known.name)
    shown = {"Name": change.known.name, "Value": change.value, "Scope": "User", "Id": change.known.name}
    return Item(msgspec.json.encode(shown).decode(), "Settings")


def _row(known: Known, stored: Stored) -> dict[str, str]:
    key = fold(known.name)
    value = rules.shown(known, stored.values.get(key), has_secret=key in stored.sealed)
    return {"Name": known.name, "Value": value, "Scope": known.scope, "Id": known.name}


def _check_amount(amount: int, member: str) -> None:
    if not amount:
        raise BadRequest(f"{member} is required.", Code.PARAMETER_MISSING)
    if amount > MAX_AT_ONCE:
        raise BadRequest(f"{member}: has more than {MAX_AT_ONCE} entries.", Code.PARAMETER_INVALID)


async def _change(call: Call, changes: list[Change]) -> None:
    await actions.put(call.db, call.port(Keyring), call.tenant_id, changes, call.now)
    _tell(call, "Update", [change.known.name for change in changes])


def _tell(call: Call, action: str, names: list[str]) -> None:
    tenant_id = call.tenant_id
    call.on_commit(lambda: actions.forget(tenant_id))
    shown = ", ".join(names)
    call.describe(action, component="Settings", entity_id=shown[:256], name=shown[:256])
