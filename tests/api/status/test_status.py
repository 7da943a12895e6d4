"""The server's own state, and its reach."""

from __future__ import annotations

from typing import Any

import pytest

VERIFY = "/api/Status/VerifyHostAvailibility"


class TestGetStatus:
    async def test_200_without_a_body_for_anybody(self, api: Any) -> None:
        answer = await api.with_headers({"authorization": "Bearer stale"}).request("GET", "/api/Status/Get")
        assert (answer.status, answer.content) == (200, b"")


class TestGetVersion:
    async def test_200_is_taken_for_an_own_installation(self, api: Any) -> None:
        found = await api.with_headers({}).get("/orchestrator_/api/status/version")
        assert found["deployment"] == "ServiceFabric"
        assert found["version"]
        assert found["configsVersion"]
        assert found["timestamp"].endswith("Z")


class TestVerifyHostAvailability:
    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:1/", "http://[::1]/", "https://10.0.0.1/x", "http://169.254.169.254/latest", "http://localhost/",
         "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://0.0.0.0/"],
    )  # fmt: skip
    async def test_200_an_address_inside_is_not_called(self, api: Any, url: str) -> None:
        found = await api.get(VERIFY, params={"url": url}, expect=200)
        assert found == {"canConnect": False, "hasBadSsl": False, "connectionError": "The address is not a public one."}

    @pytest.mark.parametrize(
        "url", ["", "ftp://example.com", "example.com", "http://", "http://a b/", "http://u:p@h/", "http://h:x/"]
    )
    async def test_400_names_the_parameter(self, api: Any, url: str) -> None:
        assert "url" in (await api.get(VERIFY, params={"url": url}, expect=400))["message"]

    async def test_403_without_a_permission_on_webhooks(self, api: Any) -> None:
        await (await api.as_role()).get(VERIFY, params={"url": "http://127.0.0.1/"}, expect=403)
