"""Devices without a browser (RFC 8628)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from podium.identity.oidc.actions import DeviceRequest, approve_device, deny_device, find_device
from podium.identity.sessions import actions as sessions
from podium.kernel.call import Actor, Call
from podium.kernel.contract import Row
from tests.conftest import Node

from .conftest import ISSUER, SECRET, Browser, Party, claims_of, register

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def begin(party: Party, scope: str = "openid offline_access OR.Jobs") -> dict[str, Any]:
    answer = await party.post("/connect/deviceauthorization", {"scope": scope})
    assert answer.status_code == 200, answer.text
    assert "no-store" in answer.headers["cache-control"]
    found: dict[str, Any] = answer.json()
    return found


async def poll(party: Party, device: dict[str, Any]) -> httpx.Response:
    return await party.post("/connect/token", {"grant_type": GRANT, "device_code": device["device_code"]})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def call_of(node: Node, row: Row) -> Call:
    """A call of a page, as `find_device` needs it."""

    async def nothing() -> Any:
        yield b""

    return Call(
        row=row,
        services=node.composition.services,
        db=None,  # type: ignore[arg-type]
        now=node.clock(),
        actor=Actor("anonymous"),
        headers={},
        query={},
        stream=nothing,
        gone=asyncio.Event().wait,
        public_url="http://podium.test",
        trace_id="00-0-0-01",
    )


async def found_by(node: Node, user_code: str) -> DeviceRequest | None:
    return await find_device(call_of(node, node.composition.contract.row("GET", "/web/device")), user_code)


async def approve(node: Node, browser: Browser, user_code: str) -> bool:
    """What the page does when the user agrees."""
    device = await found_by(node, user_code)
    assert device is not None
    assert browser.session is not None
    async with node.db.transaction() as db:
        return await approve_device(db, browser.session, device, node.clock())


class TestBegin:
    async def test_200_with_the_codes_and_the_page(self, public: Party) -> None:
        device = await begin(public)
        assert (device["expires_in"], device["interval"]) == (300, 5)
        assert device["verification_uri"] == f"{ISSUER}/web/device"
        assert device["verification_uri_complete"].endswith(f"?user_code={device['user_code']}")
        assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", device["user_code"])
        assert len(device["device_code"]) == 43

    async def test_400_for_scopes_it_does_not_have(self, public: Party) -> None:
        answer = await public.post("/connect/deviceauthorization", {"scope": "OR.Robots"})
        assert refusal(answer) == (400, "invalid_scope")

    @pytest.mark.parametrize("secret", [None, "wrong"])
    async def test_400_without_the_secret(self, confidential: Party, secret: str | None) -> None:
        answer = await confidential.post("/connect/deviceauthorization", {"client_secret": secret})
        assert refusal(answer) == (400, "invalid_client")


class TestPoll:
    async def test_400_until_the_user_has_decided_and_slower_when_it_hurries(self, node: Node, public: Party) -> None:
        device = await begin(public)
        assert refusal(await poll(public, device)) == (400, "authorization_pending")
        assert refusal(await poll(public, device)) == (400, "slow_down")
        node.clock.forward(seconds=6)  # five were enough before it hurried
        assert refusal(await poll(public, device)) == (400, "slow_down")
        node.clock.forward(seconds=15)
        assert refusal(await poll(public, device)) == (400, "authorization_pending")

    async def test_200_once_the_user_has_agreed_and_only_once(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        device = await begin(public)
        assert await approve(node, browser, device["user_code"].lower().replace("-", " "))
        answer = await poll(public, device)
        assert answer.status_code == 200, answer.text
        assert browser.session is not None
        claims = claims_of(answer.json()["id_token"])
        assert (claims["sub"], claims["sid"]) == (str(node.admin), str(browser.session.id))
        assert await public.is_good(answer.json()["access_token"])
        assert (await public.refresh(answer.json()["refresh_token"])).status_code == 200
        assert refusal(await poll(public, device)) == (400, "invalid_grant")

    async def test_ten_polls_at_once_get_tokens_once(self, node: Node, public: Party, browser: Browser) -> None:
        device = await begin(public)
        await approve(node, browser, device["user_code"])
        answers = await asyncio.gather(*(poll(public, device) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9

    async def test_400_when_the_user_refused(self, node: Node, public: Party) -> None:
        device = await begin(public)
        found = await found_by(node, device["user_code"])
        assert found is not None
        async with node.db.transaction() as db:
            assert await deny_device(db, found, node.clock())
        assert refusal(await poll(public, device)) == (400, "access_denied")
        assert await found_by(node, device["user_code"]) is None

    async def test_400_after_five_minutes(self, node: Node, public: Party) -> None:
        device = await begin(public)
        node.clock.forward(minutes=5)
        assert refusal(await poll(public, device)) == (400, "expired_token")
        assert await found_by(node, device["user_code"]) is None

    async def test_400_for_another_client(self, node: Node, public: Party, browser: Browser) -> None:
        device, other = await begin(public), await register(node)
        await approve(node, browser, device["user_code"])
        assert refusal(await poll(other, device)) == (400, "invalid_grant")
        assert (await poll(public, device)).status_code == 200

    async def test_400_once_the_approving_session_was_ended(self, node: Node, public: Party, browser: Browser) -> None:
        device = await begin(public)
        await approve(node, browser, device["user_code"])
        assert browser.session is not None
        async with node.db.transaction() as db:
            await sessions.end(db, browser.session, node.clock(), 3600)
        assert refusal(await poll(public, device)) == (400, "access_denied")

    @pytest.mark.parametrize("code", ["", "x", "ä" * 43])
    async def test_400_for_text_that_is_no_code(self, public: Party, code: str) -> None:
        assert (await poll(public, {"device_code": code})).status_code == 400


class TestApproval:
    async def test_only_by_a_user_of_the_clients_organization(self, node: Node, public: Party) -> None:
        _, _, user = await node.make_organization("devices")
        browser = Browser(node)
        await browser.sign_in(user)
        device = await begin(public)
        assert not await approve(node, browser, device["user_code"])
        assert refusal(await poll(public, device)) == (400, "authorization_pending")

    async def test_it_says_what_is_asked_for(self, node: Node) -> None:
        party = await register(node, secret=SECRET, name="Lamp")
        device = await begin(party, "OR.Jobs")
        found = await found_by(node, device["user_code"])
        assert found is not None
        assert (found.client.name, found.scopes, found.user_code) == ("Lamp", ("OR.Jobs",), device["user_code"])

    @pytest.mark.parametrize("text", ["", "AAAA-AAAA", "BCDF-GHJ", "BCDF-GHJK-L", "' OR 1=1"])
    async def test_text_that_is_no_code_finds_nothing(self, node: Node, text: str) -> None:
        assert await found_by(node, text) is None
