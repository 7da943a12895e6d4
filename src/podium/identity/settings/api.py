"""Settings over the wire: read, write, remove, and try a mail server."""

from __future__ import annotations

from urllib.parse import parse_qsl
from uuid import UUID

from podium.identity.mails.actions import try_server
from podium.identity.mails.rules import is_address, is_one_line
from podium.identity.partitions.rules import HOST_ID
from podium.identity.requests import guid
from podium.identity.row_ids import row_id
from podium.identity.settings import actions, levels, store
from podium.identity.settings.levels import Change, Level
from podium.identity.settings.rules import Smtp, may_use_saved_password, sender
from podium.kernel import audit
from podium.kernel.call import Call, given
from podium.kernel.errors import NotFound, ValidationProblem
from podium.kernel.keyring import Keyring
from podium.kernel.operation import operation
from podium.wire import identity as wire


@operation("GET", "/api/Setting")
async def get_settings(call: Call) -> list[wire.SettingDto]:
    """What holds for the named keys; without a key nothing."""
    query = {name.lower(): text for name, text in call.query.items()}
    level = await levels.level_of(call, _optional(query, "partitionGlobalId"), _optional(query, "userId"))
    pairs = parse_qsl(call.query_string)
    keys = [text for name, text in pairs if name.lower() == "key" and text.strip() and "\0" not in text]
    return await levels.shown(call.db, level, keys) if keys else []


def _optional(query: dict[str, str], name: str) -> UUID | None:
    text = query.get(name.lower(), "").strip()
    return guid(name, text) if text else None


@operation("PUT", "/api/Setting")
async def put_settings(call: Call, body: wire.BulkCreateOrUpdateSettingsCommand) -> list[wire.SettingDto]:
    """Write settings; null removes one, so that it is inherited again. What holds afterwards of those written."""
    level = await levels.level_of(call, body.partition_global_id, body.user_id)
    changes = [
        Change(given(one.key, ""), given(one.value, None), f"settings[{at}].key", f"settings[{at}].value")
        for at, one in enumerate(given(body.settings, []))
    ]
    await levels.change(call, level, changes, keyring=call.port(Keyring))
    levels.describe(call, level, changes)
    return [one for one in await levels.shown(call.db, level, [one.key for one in changes]) if one.id]


@operation("PUT", "/portal_/api/identity/Setting")
async def put_settings_from_the_portal(
    call: Call, body: wire.BulkCreateOrUpdateSettingsCommand
) -> list[wire.SettingDto]:
    """The same under the address that consoles use."""
    return await put_settings(call, body)


@operation("DELETE", "/api/Setting")
async def delete_settings(call: Call, body: wire.BulkDeleteSettingsCommand) -> None:
    """Remove settings of the organization, or of the host; keys that are not set are passed over."""
    level = await levels.level_of(call, body.partition_global_id, None)
    changes = [Change(key, None, f"settings[{at}]") for at, key in enumerate(given(body.settings, []))]
    await levels.change(call, level, changes, keyring=call.port(Keyring))
    levels.describe(call, level, changes)


@operation("DELETE", "/api/Setting/{settingId}")
async def delete_setting(call: Call, setting_id: str) -> None:
    """Remove one setting of the organization, of one of its users or, for those who act for it, of the host."""
    id_ = row_id("settingId", setting_id)
    assert call.organization_id is not None
    organization_id, found = call.organization_id, await store.by_id(call.db, call.organization_id, id_)
    if found is None and await levels.acts_for_host(call):
        organization_id, found = HOST_ID, await store.by_id(call.db, HOST_ID, id_)
    if found is None:
        raise NotFound("The setting does not exist.")
    level, change = Level(organization_id, found["user_id"]), Change(found["key"], None, "settingId")
    await levels.change(call, level, [change], keyring=call.port(Keyring))
    levels.describe(call, level, [change])


# The mail server may take its time, so that no connection waits meanwhile.
@operation("POST", "/api/Setting/VerifySmtpSettings", connected=False)
async def verify_smtp_settings(call: Call, body: wire.VerifySmtpSettingsCommand) -> None:
    """Send a test mail with these settings; 400 with the mail server's words when it does not take it."""
    recipient = given(body.recipient, "").strip()
    if not is_address(recipient):
        raise ValidationProblem({"recipient": ["The recipient must be an e-mail address."]})
    server = await _server(call, given(body.smtp_settings, wire.SmtpClientConfiguration()))
    failure = await try_server(server, recipient, call.now)
    call.describe("Execute", component="Setting", name=f"VerifySmtpSettings {server.host}:{server.port}"[:256])
    call.audit["detail"] = {"host": server.host, "port": server.port, "recipient": recipient, "failure": failure}
    async with call.services.db.transaction() as call.db:
        await audit.add(call)
    if failure is not None:
        raise ValidationProblem({"smtpSettings": [failure]})


async def _server(call: Call, asked: wire.SmtpClientConfiguration) -> Smtp:
    """The server to try. What the request leaves out is not taken from the settings, but for the password."""
    host, user = given(asked.host, "").strip(), given(asked.user_name, "").strip()
    port, is_secure = given(asked.port, 25) or 25, given(asked.enable_ssl, False)
    named = given(asked.from_address, "").strip()
    from_name = given(asked.from_display_name, "").strip() or "Podium"
    password = given(asked.password, "")
    checks = {
        "smtpSettings.host": bool(host) and is_one_line(host) and not set(host) & set(" /@"),
        "smtpSettings.port": 1 <= port <= 65_535,
        "smtpSettings.userName": is_one_line(user),
        "smtpSettings.password": is_one_line(password),
        "smtpSettings.fromAddress": not named or is_address(named),
        "smtpSettings.fromDisplayName": is_one_line(from_name),
    }
    wrong = {place: [f"{place} is missing or not valid."] for place, is_right in checks.items() if not is_right}
    if wrong:
        raise ValidationProblem(wrong)
    if given(asked.use_default_credentials, False):
        user = password = ""
    elif user and not password:
        password = await _saved_password(call, host, port, is_secure=is_secure)
    return Smtp(host, port, user or None, password or None, is_secure, sender(named, user, host), from_name)


async def _saved_password(call: Call, host: str, port: int, *, is_secure: bool) -> str:
    assert call.organization_id is not None
    async with call.services.db.acquire() as connection:
        saved = await actions.smtp(connection, call.port(Keyring), call.organization_id)
    if saved is None or not may_use_saved_password(saved, host, port, is_secure=is_secure):
        return ""
    return saved.password or ""
