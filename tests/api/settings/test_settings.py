"""Settings by name: what holds, what may be written, what is hidden."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from podium.kernel.keyring import Keyring
from podium.orchestrator.settings import actions

SETTINGS = "/odata/Settings"
BASE = f"{SETTINGS}/UiPath.Server.Configuration.OData"
ZONE, PASSWORD = "Abp.Timing.TimeZone", "Abp.Net.Mail.Smtp.Password"
SECRET = "fern and moss 41"
MASK = "********"


async def read(api: Any, name: str, **options: Any) -> Any:
    found = await api.get(f"{SETTINGS}('{name}')", **options)
    return found["value"] if found and "value" in found else found


async def put(api: Any, name: str, value: Any, **options: Any) -> Any:
    return await api.put(f"{SETTINGS}('{name}')", {"Name": name, "Value": value}, **options)


class TestListSettings:
    async def test_200_shows_defaults_until_something_is_set(self, api: Any) -> None:
        await put(api, "Queues.AbandonAfterHours", "12")
        rows = {row["Name"]: row for row in (await api.get(SETTINGS))["value"]}
        assert rows[ZONE] == {"Name": ZONE, "Value": "UTC", "Scope": "All", "Id": ZONE}
        assert rows["Queues.AbandonAfterHours"]["Value"] == "12"
        assert rows["Jobs.RequireRobotAccounts"]["Value"] == "false"

    async def test_200_filters_and_counts(self, api: Any) -> None:
        found = await api.get(SETTINGS, params={"$filter": "startswith(Name,'Queues.')", "$top": "2"})
        assert len(found["value"]) == 2
        assert found["@odata.count"] == 4

    async def test_200_hides_a_secret(self, api: Any) -> None:
        await put(api, PASSWORD, SECRET)
        answer = await api.request("GET", SETTINGS)
        assert SECRET not in answer.text
        assert {row["Name"]: row["Value"] for row in answer.json["value"]}[PASSWORD] == MASK

    async def test_403_without_the_right(self, api: Any) -> None:
        assert (await (await api.as_role()).request("GET", SETTINGS)).status == 403


class TestReadSetting:
    async def test_200_a_name_in_any_case(self, api: Any) -> None:
        assert await read(api, "abp.timing.timezone") == "UTC"

    async def test_404_for_an_unknown_name(self, api: Any) -> None:
        assert (await read(api, "No.Such.Setting", expect=404))["errorCode"] == 1002

    async def test_200_not_another_tenants_value(self, api: Any) -> None:
        await put(api, ZONE, "Europe/Bucharest")
        assert await read(api.tenant("other"), ZONE) == "UTC"


class TestReplaceSetting:
    async def test_200_answers_what_holds(self, api: Any) -> None:
        shown = await put(api, ZONE, "Europe/Bucharest")
        assert (shown["Name"], shown["Value"], shown["Scope"]) == (ZONE, "Europe/Bucharest", "All")
        assert await read(api, ZONE) == "Europe/Bucharest"

    @pytest.mark.parametrize(
        ("name", "value", "stored"),
        [
            ("Queues.RequireRobotForTransaction", "True", "true"),
            ("Queues.AbandonAfterHours", "048", "48"),
            ("Triggers.JobsCountStrategy", "pertrigger", "PERTRIGGER"),
            ("Abp.Localization.DefaultLanguageName", "PT-br", "pt-BR"),
        ],
    )
    async def test_200_one_spelling_is_stored(self, api: Any, name: str, value: str, stored: str) -> None:
        await put(api, name, value)
        assert await read(api, name) == stored

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            (ZONE, "Mars/Olympus"),
            (ZONE, "localtime"),
            ("Queues.AbandonAfterHours", "0"),
            ("Queues.AbandonAfterHours", "-1"),
            ("Queues.AbandonAfterHours", "1e3"),
            ("Jobs.RequireRobotAccounts", "yes"),
            ("Abp.Net.Mail.DefaultFromAddress", "a@b\r\nBcc: c@d"),
            ("Abp.Net.Mail.Smtp.Port", "65536"),
            (ZONE, None),
        ],
    )
    async def test_400_for_a_value_that_cannot_be(self, api: Any, name: str, value: Any) -> None:
        before = await read(api, name)
        answer = await put(api, name, value, expect=400)
        assert "Value" in answer["message"]
        assert await read(api, name) == before

    async def test_400_for_another_name_in_the_body(self, api: Any) -> None:
        await api.put(f"{SETTINGS}('{ZONE}')", {"Name": "Audit.RetentionDays", "Value": "3"}, expect=400)

    async def test_404_for_an_unknown_name(self, api: Any) -> None:
        assert (await put(api, "No.Such.Setting", "1", expect=404))["errorCode"] == 1002

    async def test_409_for_what_tenants_do_not_set(self, api: Any) -> None:
        await put(api, "RateLimits.Enabled", "true", expect=409)

    async def test_403_for_a_reader(self, api: Any) -> None:
        reader = await api.as_role("Allow to be Automation User")
        await read(reader, ZONE)
        await put(reader, ZONE, "UTC", expect=403)


class TestSecrets:
    async def test_the_mask_written_back_keeps_the_secret(self, api: Any) -> None:
        await put(api, PASSWORD, SECRET)
        shown = await put(api, PASSWORD, MASK)
        assert shown["Value"] == MASK
        assert await secret(api) == SECRET

    async def test_a_blank_takes_the_secret_away(self, api: Any) -> None:
        await put(api, PASSWORD, SECRET)
        await put(api, PASSWORD, "")
        assert await read(api, PASSWORD) == ""
        assert await secret(api) == ""

    async def test_neither_table_nor_audit_has_it_in_clear(self, api: Any) -> None:
        await put(api, PASSWORD, SECRET)
        (row,) = await api.node.rows(
            "SELECT value, sealed FROM orchestrator.settings WHERE tenant_id = $1", api.tenant_id
        )
        assert row["value"] is None
        assert SECRET.encode() not in row["sealed"]
        audit = await api.node.rows("SELECT to_jsonb(a)::text FROM kernel.audit a WHERE tenant_id = $1", api.tenant_id)
        assert audit
        assert all(SECRET not in row[0] for row in audit)


async def secret(api: Any) -> str:
    async with api.node.db.acquire() as db:
        return await actions.secret(db, api.node.port(Keyring), api.tenant_id, PASSWORD)


class TestUpdateBulk:
    async def test_200_all_are_set(self, api: Any) -> None:
        body = {"settings": [{"Name": ZONE, "Value": "Asia/Tokyo"}, {"Name": "Audit.RetentionDays", "Value": "90"}]}
        await api.post(f"{BASE}.UpdateBulk", body, expect=200)
        assert (await read(api, ZONE), await read(api, "Audit.RetentionDays")) == ("Asia/Tokyo", "90")

    async def test_200_the_last_of_two_rules(self, api: Any) -> None:
        body = {"settings": [{"Name": ZONE, "Value": "Asia/Tokyo"}, {"Name": ZONE.upper(), "Value": "Asia/Seoul"}]}
        await api.post(f"{BASE}.UpdateBulk", body)
        assert await read(api, ZONE) == "Asia/Seoul"

    @pytest.mark.parametrize(
        ("wrong", "status"), [({"Name": "No.Such", "Value": "1"}, 404), ({"Name": "Audit.RetentionDays"}, 400)]
    )
    async def test_one_that_is_wrong_and_none_is_set(self, api: Any, wrong: Any, status: int) -> None:
        body = {"settings": [{"Name": ZONE, "Value": "Asia/Tokyo"}, wrong]}
        await api.post(f"{BASE}.UpdateBulk", body, expect=status)
        assert await read(api, ZONE) == "UTC"

    async def test_400_for_nothing(self, api: Any) -> None:
        await api.post(f"{BASE}.UpdateBulk", {"settings": []}, expect=400)


class TestDeleteBulk:
    async def test_204_the_default_holds_again(self, api: Any) -> None:
        await put(api, ZONE, "Asia/Tokyo")
        await put(api, PASSWORD, SECRET)
        await api.post(f"{BASE}.DeleteBulk", {"settingNames": [ZONE, PASSWORD, "Audit.RetentionDays"]}, expect=204)
        assert (await read(api, ZONE), await read(api, PASSWORD)) == ("UTC", "")

    async def test_404_for_an_unknown_name_and_nothing_goes(self, api: Any) -> None:
        await put(api, ZONE, "Asia/Tokyo")
        await api.post(f"{BASE}.DeleteBulk", {"settingNames": [ZONE, "No.Such"]}, expect=404)
        assert await read(api, ZONE) == "Asia/Tokyo"


class TestUpdateUserSetting:
    async def test_200_only_the_caller_has_it(self, api: Any) -> None:
        someone = await api.as_role()
        body = {"setting": {"Name": "Abp.Localization.DefaultLanguageName", "Value": "de"}}
        shown = await someone.post(f"{BASE}.UpdateUserSetting", body, expect=200)
        assert (shown["Value"], shown["Scope"]) == ("de", "User")
        assert (await web(someone))["Abp.Localization.DefaultLanguageName"] == "de"
        assert (await web(api))["Abp.Localization.DefaultLanguageName"] == "en"
        assert await read(api, "Abp.Localization.DefaultLanguageName") == "en"

    async def test_409_for_what_is_the_tenants(self, api: Any) -> None:
        body = {"setting": {"Name": "Audit.RetentionDays", "Value": "3"}}
        await api.post(f"{BASE}.UpdateUserSetting", body, expect=409)

    async def test_404_for_an_unknown_name(self, api: Any) -> None:
        await api.post(f"{BASE}.UpdateUserSetting", {"setting": {"Name": "No", "Value": "3"}}, expect=404)


async def web(api: Any) -> dict[str, str]:
    shown = await api.get(f"{BASE}.GetWebSettings")
    return dict(zip(shown["Keys"], shown["Values"], strict=True))


class TestReadByOtherAreas:
    """`settings.actions`: what queues and jobs go by."""

    async def test_a_change_is_read_at_once(self, api: Any) -> None:
        await api
        async with api.node.db.acquire() as db:
            assert await actions.number(db, api.tenant_id, "Queues.AbandonAfterHours") == 24
            assert await actions.switch(db, api.tenant_id, "Queues.RequireRobotForTransaction") is False
        await put(api, "Queues.AbandonAfterHours", "2")
        await put(api, "Queues.RequireRobotForTransaction", "true")
        async with api.node.db.acquire() as db:
            assert await actions.number(db, api.tenant_id, "Queues.AbandonAfterHours") == 2
            assert await actions.switch(db, api.tenant_id, "Queues.RequireRobotForTransaction") is True

    async def test_a_refused_change_is_not(self, api: Any) -> None:
        await put(api, "Queues.AbandonAfterHours", "2")
        body = {
            "settings": [{"Name": "Queues.AbandonAfterHours", "Value": "5"}, {"Name": "Queues.MaxTop", "Value": "0"}]
        }
        await api.post(f"{BASE}.UpdateBulk", body, expect=400)
        async with api.node.db.acquire() as db:
            assert await actions.number(db, api.tenant_id, "Queues.AbandonAfterHours") == 2

    async def test_it_comes_from_memory(self, api: Any) -> None:
        await api
        async with api.node.db.acquire() as db:
            await actions.value(db, api.tenant_id, ZONE)
            await api.node.rows(
                "INSERT INTO orchestrator.settings VALUES ($1, 'abp.timing.timezone', 'x', 'Asia/Tokyo', now())",
                api.tenant_id,
            )
            assert await actions.value(db, api.tenant_id, ZONE) == "UTC"
            actions.forget(api.tenant_id)
            assert await actions.value(db, api.tenant_id, ZONE) == "Asia/Tokyo"

    async def test_another_node_hears_of_the_change(self, api: Any) -> None:
        """A change that this process did not make itself arrives as a notification."""
        await api
        async with api.node.db.acquire() as db:
            assert await actions.value(db, api.tenant_id, ZONE) == "UTC"
        elsewhere = await api.node.db.dedicated()
        try:
            await elsewhere.execute(
                "INSERT INTO orchestrator.settings VALUES ($1, 'abp.timing.timezone', 'x', 'Asia/Tokyo', now())",
                api.tenant_id,
            )
            await elsewhere.execute("SELECT pg_notify('podium_access', $1)", str(api.tenant_id))
        finally:
            await elsewhere.close()
        assert await becomes(api, ZONE, "Asia/Tokyo")

    async def test_a_stored_value_that_cannot_be_counts_as_not_set(self, api: Any) -> None:
        await api
        await api.node.rows(
            "INSERT INTO orchestrator.settings VALUES ($1, 'queues.abandonafterhours', 'x', 'soon', now())",
            api.tenant_id,
        )
        async with api.node.db.acquire() as db:
            assert await actions.number(db, api.tenant_id, "Queues.AbandonAfterHours") == 24


async def becomes(api: Any, name: str, value: str) -> bool:
    async with asyncio.timeout(10), api.node.db.acquire() as db:
        while await actions.value(db, api.tenant_id, name) != value:  # noqa: ASYNC110 - a notification to other code
            await asyncio.sleep(0.02)
    return True
