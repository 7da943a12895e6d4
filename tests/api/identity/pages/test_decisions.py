"""Consent, devices, signing out, and the page that tells why it does not go on."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from podium.server.pages.errors import decode
from podium.server.pages.guesses import MOST
from tests.api.identity.pages.conftest import Visitor
from tests.api.identity.pages.persons import PASSWORD, make_user, sessions_of
from tests.api.identity.pages.test_sign_in import ASKED, CLIENT, callback
from tests.conftest import Node

CONSENT = "/identity_/web/consent"
DEVICE = "/identity_/web/device"
LOGOUT = "/identity_/web/logout"
BACK = "http://localhost:8104/oidc/login"


def answer_of(location: str) -> dict[str, str]:
    """What a redirect to the application tells it."""
    assert location.startswith(f"{BACK}?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


async def authorize(visitor: Visitor, **more: str) -> str:
    """Ask for a code; where that leads."""
    visitor.answer = await visitor.http.get("/identity_/connect/authorize", params=ASKED | more)
    return visitor.location


class TestConsent:
    async def test_allowed_leads_back_and_to_a_code(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "agreeing")
        await visitor.sign_in("agreeing", PASSWORD)
        await visitor.open(await authorize(visitor, scope="openid OR.Jobs.Read Du.Classification.Api", state="s1"))
        for shown in ("Allow UiPath tools?", "agreeing X", "default", "View jobs", "Use Du.Classification.Api"):
            assert shown in visitor.text
        assert "form-action 'self' http://localhost:8104;" in visitor.answer.headers["content-security-policy"]
        await visitor.send(303, decision="allow")
        await visitor.open(visitor.location, 302)
        assert answer_of(visitor.location).keys() >= {"code", "state"}
        (row,) = await node.rows("SELECT * FROM identity.consents WHERE user_id = $1", user.id)
        assert sorted(row["scopes"]) == ["Du.Classification.Api", "OR.Jobs.Read", "openid"]
        trail = await node.rows("SELECT action, entity_id FROM kernel.audit WHERE actor_id = $1 ORDER BY id", user.id)
        assert [tuple(one) for one in trail] == [("UserLogin", str(user.id)), ("Grant", CLIENT)]

    async def test_denied_is_told_to_the_application(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "denying")
        await visitor.sign_in("denying", PASSWORD)
        await visitor.open(await authorize(visitor, state="s 2"))
        await visitor.send(303, decision="deny")
        told = answer_of(visitor.location)
        assert (told["error"], told["state"]) == ("access_denied", "s 2")
        assert await node.rows("SELECT 1 FROM identity.consents WHERE user_id = $1", user.id) == []

    async def test_anything_else_decides_nothing(self, visitor: Visitor) -> None:
        await visitor.sign_in()
        await visitor.open(await authorize(visitor))
        await visitor.send(200, decision="maybe")
        assert "Allow UiPath tools?" in visitor.text

    async def test_303_to_the_sign_in_for_who_is_not_signed_in(self, visitor: Visitor) -> None:
        back = callback(asked_at="1")
        await visitor.open(f"{CONSENT}?returnUrl={quote(back, safe='')}", 303)
        assert visitor.location == f"/identity_/web/login?returnUrl={quote(back, safe='')}"

    @pytest.mark.parametrize(
        "back",
        [
            "",
            "/identity_/web/account",
            "https://evil.test/identity_/connect/authorize/callback",
            callback(client_id="nobody"),
            callback(redirect_uri="https://evil.test/"),
            callback(response_type="token"),
            callback(scope="OR.Jobs") + "&scope=OR.Assets",
        ],
    )
    async def test_400_for_a_request_that_nobody_could_make(self, visitor: Visitor, back: str) -> None:
        await visitor.sign_in()
        await visitor.open(f"{CONSENT}?returnUrl={quote(back, safe='')}", 400)
        assert "This request is no longer valid" in visitor.text
        await visitor.open(LOGOUT)
        visitor.answer = await visitor.http.get(f"{CONSENT}?returnUrl={quote(callback(), safe='')}")
        await visitor.send(400, decision="allow", returnUrl=back)

    async def test_names_are_text(self, visitor: Visitor, node: Node) -> None:
        client = await node.make_client(
            node.organization_id,
            [],
            name='<img src=x onerror="alert(1)">{{ 7*7 }}',
            user_scopes=("OR.Jobs",),
            redirect_uris=(BACK,),
            requires_consent=True,
        )
        await visitor.sign_in()
        await visitor.open(await authorize(visitor, client_id=client.client_id, scope="OR.Jobs"))
        assert "<img" not in visitor.text
        assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt;{{ 7*7 }}" in visitor.text


async def begin_device(visitor: Visitor) -> dict[str, Any]:
    """What a device is told."""
    form = {"client_id": CLIENT, "scope": "openid OR.Assets"}
    answer = await visitor.http.post("/identity_/connect/deviceauthorization", data=form)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def poll(visitor: Visitor, device_code: str) -> dict[str, Any]:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": CLIENT,
        "device_code": device_code,
    }
    found: dict[str, Any] = (await visitor.http.post("/identity_/connect/token", data=form)).json()
    return found


class TestDevice:
    async def test_approved_gives_the_device_tokens(self, visitor: Visitor, node: Node) -> None:
        device = await begin_device(visitor)
        page = urlsplit(device["verification_uri_complete"])
        await visitor.open(f"{page.path}?{page.query}", 303)
        await visitor.open(visitor.location)
        await visitor.send(303, username="admin", password="correct horse 7 battery")
        await visitor.open(visitor.location)
        assert f'value="{device["user_code"]}"' in visitor.text
        await visitor.send(200)
        for shown in ("Connect UiPath tools?", device["user_code"], "View and change assets", "Administrator"):
            assert shown in visitor.text
        await visitor.send(200, decision="approve")
        assert "The device is connected" in visitor.text
        assert "access_token" in await poll(visitor, device["device_code"])

    async def test_denied_is_told_to_the_device(self, visitor: Visitor) -> None:
        device = await begin_device(visitor)
        await visitor.sign_in()
        await visitor.open(DEVICE)
        await visitor.send(200, user_code=device["user_code"].lower().replace("-", " "))
        await visitor.send(200, decision="deny")
        assert "The device was refused" in visitor.text
        assert (await poll(visitor, device["device_code"]))["error"] == "access_denied"
        await visitor.open(DEVICE)
        await visitor.send(400, user_code=device["user_code"])

    async def test_429_after_ten_wrong_codes_until_the_window_is_over(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "guessing")
        device = await begin_device(visitor)
        await visitor.sign_in("guessing", PASSWORD)
        await visitor.open(DEVICE)
        for number in range(MOST):
            await visitor.send(400, user_code=f"BBBB-BBB{'BCDFGHJKLM'[number]}")
            assert "This code is not known" in visitor.text
        await visitor.send(429, user_code=device["user_code"])
        assert "Too many wrong codes" in visitor.text
        node.clock.forward(minutes=10)
        await visitor.send(400, user_code=device["user_code"])  # over by now, but looked at again

    async def test_303_to_the_sign_in_for_a_post_without_a_session(self, visitor: Visitor) -> None:
        await visitor.open("/identity_/web/login")
        fields = {"csrf": visitor.text.split('name="csrf" value="')[1][:64], "user_code": "BCDF-GHJK&x=//evil.test"}
        visitor.answer = await visitor.http.post(DEVICE, data=fields)
        assert visitor.location.startswith("/identity_/web/login?returnUrl=%2Fidentity_%2Fweb%2Fdevice%3F")


class TestSignOut:
    async def test_the_session_and_its_tokens_end(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "leaving")
        await visitor.sign_in("leaving", PASSWORD)
        cookie = visitor.cookie("podium")
        await visitor.open(LOGOUT)
        assert len(await sessions_of(node, user.id)) == 1
        await visitor.send(200, decision="sign_out")
        assert "You are signed out" in visitor.text
        assert visitor.cookie("podium") is None
        assert await sessions_of(node, user.id) == []
        visitor.http.cookies.set("podium", cookie or "", domain="podium.test")
        await visitor.open(LOGOUT)
        assert "You are signed out" in visitor.text

    async def test_a_link_alone_ends_nothing(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "staying")
        await visitor.sign_in("staying", PASSWORD)
        await visitor.open(f"{LOGOUT}?decision=sign_out")
        assert len(await sessions_of(node, user.id)) == 1


def error_id(said: object) -> str:
    return quote(base64.b64encode(json.dumps(said).encode()).decode(), safe="")


class TestError:
    async def test_200_in_our_words_and_the_rest_as_a_quotation(self, visitor: Visitor) -> None:
        said = {
            "error": "invalid_request",
            "error_description": "<a href='https://evil.test'>Win</a>",
            "client_id": "someone",
            "redirect_uri": "https://evil.test/win",
        }
        for path in ("/web/", "/web", "/web/error"):
            await visitor.open(f"/identity_{path}?errorCode=invalid_request&errorId={error_id(said)}")
            assert "not complete or not valid" in visitor.text
            assert "someone" in visitor.text
            assert "&lt;a href=&#39;https://evil.test&#39;&gt;Win&lt;/a&gt;" in visitor.text
            assert "evil.test/win" not in visitor.text
            assert 'href="http' not in visitor.text

    async def test_the_endpoint_s_own_refusals_arrive(self, visitor: Visitor) -> None:
        location = await authorize(visitor, redirect_uri="https://evil.test/")
        parts = urlsplit(location)
        await visitor.open(f"{parts.path}?{parts.query}")
        assert "redirect_uri is not registered" in visitor.text
        assert "evil.test" not in visitor.text

    @pytest.mark.parametrize(
        "broken", ["", "%", "é", "AAAA", "e30", "W10=", "bnVsbA==", "eyJlcnJvciI6MX0=", "x" * 9000, "////", "\0"]
    )
    async def test_200_for_what_cannot_be_read(self, visitor: Visitor, broken: str) -> None:
        await visitor.open(f"/identity_/web/error?errorId={quote(broken, safe='')}")
        assert "Go back to the application and try again." in visitor.text

    def test_only_printable_texts_of_an_object_are_taken(self) -> None:
        raw = base64.urlsafe_b64encode(json.dumps({"error": "a", "b": 1, "c": "x\ny", "d": ["e"]}).encode()).decode()
        assert decode(raw) == {"error": "a"}
        assert decode(raw.rstrip("=")) == {"error": "a"}

    async def test_303_from_the_front_door(self, visitor: Visitor) -> None:
        await visitor.open("/identity_/web/", 303)
        assert visitor.location == "/identity_/web/login"
        await visitor.sign_in()
        await visitor.open("/identity_/web", 303)
        assert visitor.location == "/identity_/web/account"


class TestLanguages:
    async def test_200_the_installed_ones(self, visitor: Visitor) -> None:
        await visitor.open("/identity_/api/Language")
        assert visitor.answer.json() == [{"code": "en", "name": "English"}]

    async def test_200_every_text(self, visitor: Visitor) -> None:
        await visitor.open("/identity_/api/Language/EN/translations")
        assert visitor.answer.json()["sign_in.title"] == "Sign in"

    async def test_404_for_one_that_is_not_installed(self, visitor: Visitor) -> None:
        for code in ("xx", "..%2Fen", "en.toml"):
            await visitor.open(f"/identity_/api/Language/{code}/translations", 404)
