"""Operations by which clients learn what the server is and what it goes by."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from podium import wire
from podium.kernel.call import Call, Item, Value
from podium.kernel.errors import BadRequest, Code
from podium.kernel.odata import parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.version import own_version
from podium.orchestrator.settings import actions, rules, store
from podium.orchestrator.settings.known import (
    EXECUTION,
    EXECUTIONS,
    KNOWN,
    LANGUAGE,
    LANGUAGES,
    MAIL,
    TIME_ZONE,
    Execution,
    fold,
    zone,
    zones,
)
from podium.orchestrator.settings.store import Row

API_VERSION = "18.0"
SCOPES = ("Global", "Robot")
CALENDAR = "Calendars.Default"
MAX_EXCLUDED_DATES = 10_000


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetActivitySettings", connected=False)
async def get_activity_settings(call: Call) -> Item:
    """The version that clients take features from; there is no SignalR."""
    return _item(call, wire.ActivitySettingsDto(api_version=API_VERSION, signal_r=None), "ActivitySettingsDto")


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetAuthenticationSettings", connected=False)
async def get_authentication_settings(call: Call) -> Item:
    """What a client must know before it signs in."""
    facts = {"Build.Version": own_version(), "Auth.Authority": f"{call.public_url}/identity_"}
    return _dictionary(call, facts)


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetWebSettings")
async def get_web_settings(call: Call) -> Item:
    """What a console goes by: the settings as they hold for the caller, but for those of the mail server."""
    facts = {"Build.Version": own_version(), "Build.ApiVersion": API_VERSION}
    own = {} if call.actor.user_id is None else await store.of_user(call.db, call.tenant_id, call.actor.user_id)
    for key, known in KNOWN.items():
        if not known.name.startswith(MAIL):
            held = await actions.value(call.db, call.tenant_id, known.name)
            facts[known.name] = rules.readable(known, own[key]) if key in own else held
    return _dictionary(call, facts)


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetConnectionString", connected=False)
async def get_connection_string(call: Call) -> Value:
    """The address by which clients reach this tenant; no secret is in it."""
    return Value(f"{call.public_url}/{call.organization_name}/{call.tenant_name}/orchestrator_")


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetLanguages", connected=False)
async def get_languages(call: Call) -> Item:
    default = KNOWN[fold(LANGUAGE)].default
    shown = [
        wire.LanguageInfo(
            name=one.name, display_name=one.title, icon=None, is_default=one.name == default, is_disabled=False
        )
        for one in LANGUAGES
    ]
    return _item(call, wire.ListResultDtoOfLanguageInfo(items=shown), "ListResultDtoOfLanguageInfo")


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetTimezones", connected=False)
async def get_timezones(call: Call) -> Item:
    """Time zones from west to east as they are now; `Value` is what the setting takes."""
    found = sorted((_offset_minutes(name, call.now), name) for name in zones())
    shown = [wire.NameValueDto(name=f"({_clock(minutes)}) {name}", value=name) for minutes, name in found]
    return _item(call, wire.ListResultDtoOfNameValueDto(items=shown), "ListResultDtoOfNameValueDto")


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetUpdateSettings", connected=False)
async def get_update_settings(call: Call) -> Item:
    """No update server is behind this server: clients have nothing to ask it for."""
    shown = wire.UpdateSettingsDto(polling_interval=0, update_server_source="Orchestrator", update_server_url=None)
    return _item(call, shown, "UpdateSettingsDto")


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetExecutionSettingsConfiguration(scope={scope})")
async def get_execution_settings_configuration(call: Call, scope: int) -> Item:
    """What robots can be told: the defaults of the factory (0, Global), or those that the tenant has set (1, Robot)."""
    if scope not in range(len(SCOPES)):
        raise BadRequest("scope: expected 0 (Global) or 1 (Robot).", Code.PARAMETER_INVALID)
    shown = [await _definition(call, one, is_factory=scope == 0) for one in EXECUTIONS]
    found = wire.ExecutionSettingsConfiguration(configuration=shown, scope="Robot" if scope else "Global")
    return _item(call, found, "ExecutionSettingsConfiguration")


@operation("GET", "/odata/Settings/UiPath.Server.Configuration.OData.GetCalendar")
async def get_calendar(call: Call) -> Item:
    """The days on which nothing is to run; without any in the tenant's time zone."""
    stored = (await store.of_tenant(call.db, call.tenant_id)).values.get(fold(CALENDAR))
    if stored is None:
        found = wire.CalendarDto(
            excluded_dates=[], time_zone_id=await actions.value(call.db, call.tenant_id, TIME_ZONE)
        )
    else:
        found = msgspec.json.decode(stored, type=wire.CalendarDto)
    return _item(call, found, "CalendarDto")


@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.SetCalendar")
async def set_calendar(call: Call, body: wire.CalendarDto) -> None:
    """Replace the days of the tenant's one calendar."""
    dates = body.excluded_dates if isinstance(body.excluded_dates, list) else []
    if len(dates) > MAX_EXCLUDED_DATES:
        raise BadRequest(f"ExcludedDates: has more than {MAX_EXCLUDED_DATES} entries.", Code.PARAMETER_INVALID)
    named = body.time_zone_id
    if not isinstance(named, str) or not named.strip():
        named = await actions.value(call.db, call.tenant_id, TIME_ZONE)
    try:
        kept = wire.CalendarDto(
            excluded_dates=sorted({date.astimezone(UTC) for date in dates}), time_zone_id=zone(named)
        )
    except ValueError as wrong:
        raise BadRequest(f"TimeZoneId: {wrong}.", Code.PARAMETER_INVALID) from None
    row = Row(fold(CALENDAR), CALENDAR, msgspec.json.encode(kept).decode(), None)
    await store.put(call.db, call.tenant_id, [row], call.now)
    call.describe("Update", component="Settings", entity_id=CALENDAR, name=CALENDAR)


async def _definition(call: Call, one: Execution, *, is_factory: bool) -> wire.ExecutionSettingDefinition:
    default = one.default if is_factory else await actions.value(call.db, call.tenant_id, f"{EXECUTION}{one.key}")
    return wire.ExecutionSettingDefinition(
        default_value=default,
        display_name=one.title,
        key=one.key,
        possible_values=list(one.choices),
        value_type=one.value_type,
    )


def _offset_minutes(name: str, now: datetime) -> int:
    offset = now.astimezone(ZoneInfo(name)).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() / 60)


def _clock(minutes: int) -> str:
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def _dictionary(call: Call, facts: dict[str, str]) -> Item:
    """The published shape of a dictionary: the keys beside the values."""
    shown = wire.ResponseDictionaryDto(keys=list(facts), values=list(facts.values()))
    return _item(call, shown, "ResponseDictionaryDto")


def _item(call: Call, shown: msgspec.Struct, name: str) -> Item:
    """The one object, with the members that $select names."""
    built = msgspec.to_builtins(shown)
    page = rows_page([built], tuple(shown.__struct_encode_fields__), parse_options(call.query), now=call.now)
    return Item(msgspec.json.encode(page.rows[0]).decode(), name)
