"""The user's claims."""

from __future__ import annotations

from typing import Any

import pytest

from podium.identity.users.rules import User
from tests.conftest import Node

from .conftest import SECRET, Browser, Party, register

USERINFO = "/identity_/connect/userinfo"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class TestUserinfo:
    async def test_200_what_profile_and_email_open(
        self, node: Node, public: Party, browser: Browser, admin: User
    ) -> None:
        token = (await public.tokens(browser))["access_token"]
        said = (await node.http.get(USERINFO, headers=bearer(token))).json()
        assert (said["sub"], said["prt_id"]) == (str(admin.id), str(node.organization_id))
        assert (said["preferred_username"], said["name"]) == (admin.user_name, admin.full_name)
        assert (said["email"], said["email_verified"]) == (admin.email, True)
        assert {"given_name", "family_name", "first_name", "last_name"} <= set(said)

    @pytest.mark.parametrize(
        ("scope", "names"),
        [
            ("openid", {"sub", "prt_id"}),
            ("openid email", {"sub", "prt_id", "email", "email_verified"}),
        ],
    )
    async def test_200_nothing_else(
        self, node: Node, public: Party, browser: Browser, scope: str, names: set[str]
    ) -> None:
        token = (await public.tokens(browser, scope=scope))["access_token"]
        assert set((await node.http.get(USERINFO, headers=bearer(token))).json()) == names

    async def test_200_posted_with_header_or_form(self, node: Node, public: Party, browser: Browser) -> None:
        token = (await public.tokens(browser))["access_token"]
        by_header = await node.http.post(USERINFO, headers=bearer(token))
        by_form = await node.http.post(USERINFO, data={"access_token": token})
        assert (by_header.status_code, by_form.status_code) == (200, 200)
        assert by_header.json() == by_form.json()
        assert "no-store" in by_form.headers["cache-control"]

    async def test_400_in_two_ways_at_once(self, node: Node, public: Party, browser: Browser) -> None:
        token = (await public.tokens(browser))["access_token"]
        answer = await node.http.post(USERINFO, data={"access_token": token}, headers=bearer(token))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("headers", [{}, {"authorization": "Basic eDp5"}])
    async def test_401_without_a_token(self, node: Node, headers: dict[str, str]) -> None:
        for method in ("GET", "POST"):
            answer = await node.http.request(method, USERINFO, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")

    @pytest.mark.parametrize("token", ["x", "e30.e30.e30", "rt_x"])
    async def test_401_for_a_token_that_does_not_hold(self, node: Node, token: str) -> None:
        answer = await node.http.get(USERINFO, headers=bearer(token))
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]

    async def test_401_for_a_token_in_the_address(self, node: Node, public: Party, browser: Browser) -> None:
        token = (await public.tokens(browser))["access_token"]
        assert (await node.http.get(USERINFO, params={"access_token": token})).status_code == 401

    async def test_401_for_an_id_token(self, node: Node, public: Party, browser: Browser) -> None:
        token = (await public.tokens(browser))["id_token"]
        assert (await node.http.get(USERINFO, headers=bearer(token))).status_code == 401

    async def test_403_without_openid(self, node: Node, public: Party, browser: Browser) -> None:
        program = await register(node, secret=SECRET, application_scopes=("OR.Jobs",))
        form = {"grant_type": "client_credentials"}
        tokens: list[Any] = [
            await public.tokens(browser, scope="OR.Jobs"),
            (await program.post("/connect/token", form)).json(),
        ]
        for one in tokens:
            answer = await node.http.get(USERINFO, headers=bearer(one["access_token"]))
            assert answer.status_code == 403
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
