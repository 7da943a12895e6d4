"""What the server says of itself, the calendar, and licences that nobody needs."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

BASE = "/odata/Settings/UiPath.Server.Configuration.OData"
OPEN = ("GetAuthenticationSettings", "GetLanguages", "GetTimezones", "GetUpdateSettings")
SIGNED_IN = ("GetWebSettings", "GetActivitySettings", "GetLicense")
VIEWED = ("GetConnectionString", "GetCalendar", "GetSecureStoreConfiguration(storeTypeName='Database')")


class TestWhoMayAsk:
    @pytest.mark.parametrize("name", OPEN)
    async def test_200_without_a_token(self, api: Any, name: str) -> None:
        answer = await api.with_headers({}).request("GET", f"{BASE}.{name}")
        assert answer.status == 200, answer.text

    @pytest.mark.parametrize("name", SIGNED_IN)
    async def test_200_with_a_token_and_no_right(self, api: Any, name: str) -> None:
        await (await api.as_role()).get(f"{BASE}.{name}")
        assert (await api.with_headers({}).request("GET", f"{BASE}.{name}")).status == 401

    @pytest.mark.parametrize("name", VIEWED)
    async def test_403_without_the_right(self, api: Any, name: str) -> None:
        assert (await (await api.as_role()).request("GET", f"{BASE}.{name}")).status == 403


class TestFacts:
    async def test_the_version_that_clients_take_features_from(self, api: Any) -> None:
        assert (await api.get(f"{BASE}.GetActivitySettings"))["ApiVersion"] == "18.0"

    async def test_where_to_sign_in(self, api: Any) -> None:
        shown = await api.with_headers({}).get(f"{BASE}.GetAuthenticationSettings")
        assert dict(zip(shown["Keys"], shown["Values"], strict=True))["Auth.Authority"] == (
            "http://podium.test/identity_"
        )

    async def test_nothing_of_the_mail_server_for_everybody(self, api: Any) -> None:
        await api.put(
            "/odata/Settings('Abp.Net.Mail.Smtp.Host')", {"Name": "Abp.Net.Mail.Smtp.Host", "Value": "mx.acme"}
        )
        shown = await api.get(f"{BASE}.GetWebSettings")
        assert not any("Mail." in key for key in shown["Keys"])
        assert "mx.acme" not in shown["Values"]

    async def test_one_default_language(self, api: Any) -> None:
        items = (await api.get(f"{BASE}.GetLanguages"))["Items"]
        assert [one["Name"] for one in items if one["IsDefault"]] == ["en"]

    async def test_every_time_zone_can_be_set(self, api: Any) -> None:
        items = (await api.get(f"{BASE}.GetTimezones"))["items"]
        shown = {one["Value"]: one["Name"] for one in items}
        assert shown["Asia/Kolkata"] == "(UTC+05:30) Asia/Kolkata"
        assert shown["America/St_Johns"] == "(UTC-03:30) America/St_Johns"
        assert shown["UTC"] == "(UTC) UTC"
        assert all(ZoneInfo(name) for name in shown)

    async def test_the_connection_string_names_the_tenant(self, api: Any) -> None:
        found = (await api.get(f"{BASE}.GetConnectionString"))["value"]
        assert re.fullmatch(rf"http://podium\.test/[^/]+/{re.escape(api.tenant_name)}/orchestrator_", found)

    async def test_select_takes_members(self, api: Any) -> None:
        found = await api.get(f"{BASE}.GetLicense", params={"$select": "IsExpired"})
        assert {name: value for name, value in found.items() if not name.startswith("@")} == {"IsExpired": False}


class TestExecutionSettings:
    async def test_200_the_defaults_of_robots_are_what_is_set_globally(self, api: Any) -> None:
        name = "Robots.Execution.ResolutionWidth"
        await api.put(f"/odata/Settings('{name}')", {"Name": name, "Value": "720"})
        found = {}
        for scope in (0, 1):
            shown = await api.get(f"{BASE}.GetExecutionSettingsConfiguration(scope={scope})")
            (width,) = (one for one in shown["Configuration"] if one["Key"] == "ResolutionWidth")
            found[shown["Scope"]] = width["DefaultValue"]
        assert found == {"Global": "0", "Robot": "720"}

    @pytest.mark.parametrize("scope", [-1, 2])
    async def test_400_for_another_scope(self, api: Any, scope: int) -> None:
        await api.get(f"{BASE}.GetExecutionSettingsConfiguration(scope={scope})", expect=400)


class TestCalendar:
    async def test_200_without_days_in_the_tenants_zone(self, api: Any) -> None:
        found = await api.get(f"{BASE}.GetCalendar")
        assert (found["ExcludedDates"], found["TimeZoneId"]) == ([], "UTC")

    async def test_200_days_in_their_order_each_once(self, api: Any) -> None:
        dates = ["2026-12-25T00:00:00Z", "2026-01-01T00:00:00Z", "2026-12-25T02:00:00+02:00"]
        await api.post(f"{BASE}.SetCalendar", {"ExcludedDates": dates, "TimeZoneId": "Europe/Berlin"}, expect=200)
        found = await api.get(f"{BASE}.GetCalendar")
        assert found["ExcludedDates"] == ["2026-01-01T00:00:00Z", "2026-12-25T00:00:00Z"]
        assert found["TimeZoneId"] == "Europe/Berlin"

    async def test_400_for_a_zone_that_is_none(self, api: Any) -> None:
        answer = await api.post(f"{BASE}.SetCalendar", {"TimeZoneId": "Mars/Olympus"}, expect=400)
        assert "TimeZoneId" in answer["message"]


class TestLicense:
    async def test_200_any_number_and_what_is_used(self, api: Any, given: Any) -> None:
        folder = await given.folder()
        machine = await given.machine("M", folder=folder, unattended_slots=3)
        host = {"x-robot-machine": "host-1", "x-robot-version": "25.10.1", "x-robot-agent": "OS=Linux"}
        before = await api.get(f"{BASE}.GetLicense")
        robot = api.machine(machine["LicenseKey"])
        await robot.post("/api/RobotsService/StartService", {"serviceUserName": "svc"}, headers=host)
        after = await api.get(f"{BASE}.GetLicense")
        assert (before["Used"]["Unattended"], after["Used"]["Unattended"]) == (0, 3)
        assert after["Allowed"]["Unattended"] > 100_000
        assert (after["IsRegistered"], after["IsExpired"]) == (True, False)

    @pytest.mark.parametrize(
        "name",
        [
            "ActivateLicenseOffline",
            "ActivateLicenseOnline",
            "DeactivateLicenseOnline",
            "DeleteLicense",
            "GetDeactivateLicenseOffline",
            "GetLicenseOffline",
            "UpdateLicenseOnline",
            "UploadLicense",
        ],
    )
    async def test_409_says_that_none_is_needed(self, api: Any, name: str) -> None:
        answer = await api.post(f"{BASE}.{name}", {"environment": "e", "licenseKey": "k"}, expect=409)
        assert "needs no licence" in answer["message"]
        assert (await (await api.as_role()).request("POST", f"{BASE}.{name}")).status == 403
