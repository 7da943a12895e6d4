"""What the vendor's sign-in page calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from podium.identity.settings.known import SECOND_FACTOR, SMTP_HOST
from tests.api.identity.pages.conftest import new_http
from tests.api.identity.pages.persons import (
    NEW_PASSWORD,
    PASSWORD,
    link_to,
    mails_to,
    make_user,
    sessions_of,
    set_setting,
    token_in,
)
from tests.api.identity.people import NOBODY, OK, codes
from tests.conftest import Caller, Node

API = "/identity_/api"
ACCOUNT = f"{API}/Account"
LOGIN = f"{ACCOUNT}/Login"
PROFILE = f"{ACCOUNT}/Profile"


class Page:
    """The vendor's page in a browser: it keeps cookies and sends the header that the readable one is for."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, path: str, body: object = None, expect: int = 200) -> Any:
        sent = {"x-xsrf-token": self.http.cookies.get("XSRF-TOKEN") or ""}
        answer = await self.http.post(path, json=body, headers=sent)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def sign_in(self, name: str, password: str = PASSWORD, expect: int = 200, **more: Any) -> Any:
        await self.http.get(f"{API}/Antiforgery/generate")
        return await self.post(LOGIN, {"usernameOrEmail": name, "password": password, **more}, expect)


@pytest.fixture
async def page(node: Node) -> AsyncIterator[Page]:
    async with new_http(node) as http:
        yield Page(http)


class TestGetLogin:
    async def test_200_what_the_page_shows(self, page: Page) -> None:
        answer = (await page.http.get(LOGIN)).json()
        assert (answer["enableBasicAuth"], answer["allowRememberLogin"]) == (True, True)
        assert (answer["externalIdentityProviders"], answer["partitionName"]) == ([], "default")
        assert answer["cookieExpireMinutes"] == 30
        assert answer["clientName"] is None

    async def test_200_with_the_client_s_name(self, page: Page) -> None:
        asked = {
            "response_type": "code",
            "client_id": "36dea5b8-e8bb-423d-8e7b-c808df8f1c00",
            "redirect_uri": "http://localhost:8104/oidc/login",
            "scope": "openid",
            "code_challenge": "x" * 43,
            "code_challenge_method": "S256",
        }
        back = f"/identity_/connect/authorize/callback?{httpx.QueryParams(asked)}"
        answer = (await page.http.get(LOGIN, params={"returnUrl": back})).json()
        assert answer["clientName"] == "UiPath tools"

    @pytest.mark.parametrize("back", ["https://evil.test", "", "\\", "/identity_/connect/authorize/callback?x"])
    async def test_200_for_any_other_address(self, page: Page, back: str) -> None:
        assert (await page.http.get(LOGIN, params={"returnUrl": back})).json()["clientName"] is None


class TestLogin:
    async def test_200_a_session(self, page: Page, node: Node) -> None:
        user = await make_user(node, "visitor")
        await page.sign_in("visitor", rememberLogin=True)
        assert len(await sessions_of(node, user.id)) == 1
        profile = (await page.http.get(PROFILE)).json()
        assert profile == {
            "partitionName": "default",
            "partitionGlobalId": str(node.organization_id),
            "userName": "visitor",
            "name": "visitor",
            "isAdmin": False,
            "fullName": "visitor X",
        }

    async def test_200_in_the_organization_that_is_named(self, page: Page, node: Node) -> None:
        id_, name, _ = await node.make_organization("named")
        await make_user(node, "choosy")
        try:
            await page.sign_in("choosy", partitionName="default")
            assert (await page.http.get(PROFILE)).json()["partitionName"] == "default"
            await page.sign_in("choosy", expect=400, partitionName=name)
            await page.sign_in("choosy", expect=400)
        finally:
            await node.rows("UPDATE identity.organizations SET is_active = false WHERE id = $1", id_)

    async def test_400_the_same_for_a_wrong_name_and_a_wrong_password(self, page: Page, node: Node) -> None:
        await make_user(node, "guarded")
        wrong = [
            await page.sign_in(name, password, 400) for name, password in (("guarded", "not it"), ("nobody", PASSWORD))
        ]
        assert len({str(answer["errors"]) for answer in wrong}) == 1
        assert (await page.http.get(PROFILE)).status_code == 401

    async def test_400_without_the_header(self, page: Page, node: Node) -> None:
        await make_user(node, "lured")
        body = {"usernameOrEmail": "lured", "password": PASSWORD}
        await page.http.get(f"{API}/Antiforgery/generate")
        for headers in ({}, {"x-xsrf-token": "0" * 64}):
            answer = await page.http.post(LOGIN, json=body, headers=headers)
            assert answer.status_code == 400
            assert "antiforgery" in answer.text
        good = {"x-xsrf-token": page.http.cookies["XSRF-TOKEN"], "sec-fetch-site": "cross-site"}
        assert (await page.http.post(LOGIN, json=body, headers=good)).status_code == 400

    async def test_415_for_a_form_of_another_site(self, page: Page) -> None:
        await page.http.get(f"{API}/Antiforgery/generate")
        answer = await page.http.post(LOGIN, data={"usernameOrEmail": "x", "password": "y"})
        assert answer.status_code == 415

    async def test_400_names_what_is_missing(self, page: Page) -> None:
        await page.http.get(f"{API}/Antiforgery/generate")
        answer = await page.post(LOGIN, {}, 400)
        assert len(answer["errors"]) == 2

    async def test_403_with_the_next_step(self, page: Page, node: Node) -> None:
        user = await make_user(node, "unready", must_change=True)
        answer = await page.sign_in("unready", expect=403)
        assert answer["nextStep"].startswith("/identity_/web/password")
        await set_setting(node, SECOND_FACTOR, "true")
        answer = await page.sign_in("unready", expect=403)
        await set_setting(node, SECOND_FACTOR, "false")
        assert answer["nextStep"].startswith("/identity_/web/second-factor")
        assert await sessions_of(node, user.id) == []


class TestLogout:
    async def test_200_the_session_ends(self, page: Page, node: Node) -> None:
        user = await make_user(node, "leaving")
        await page.sign_in("leaving")
        await page.post(f"{ACCOUNT}/Logout", expect=400)  # the header was of nobody's session
        await page.http.get(f"{API}/Antiforgery/generatelogout")
        await page.post(f"{ACCOUNT}/Logout")
        assert await sessions_of(node, user.id) == []
        assert (await page.http.get(PROFILE)).status_code == 401


class TestForgotAndReset:
    async def test_200_a_new_password_by_the_code_of_the_mail(self, page: Page, node: Node) -> None:
        user = await make_user(node, "absent")
        for name in ("absent", "nobody"):
            await page.post(f"{ACCOUNT}/ForgotPassword", {"usernameOrEmail": name, "partitionName": "default"})
        await node.run_loop("recovery.send")
        code = token_in(await link_to(node, "absent@podium.test"))
        body = {"userId": str(user.id), "password": NEW_PASSWORD, "confirmPassword": NEW_PASSWORD, "code": code}
        path = f"{ACCOUNT}/ResetPassword"
        assert codes(await page.post(path, {**body, "userId": NOBODY}, 400)) == ["InvalidToken"]
        assert codes(await page.post(path, {**body, "code": "x"}, 400)) == ["InvalidToken"]
        assert codes(await page.post(path, {**body, "confirmPassword": "y"}, 400)) == ["PasswordsDiffer"]
        bad = {**body, "password": "ABCDEFGH", "confirmPassword": "ABCDEFGH"}
        assert "PasswordRequiresDigit" in codes(await page.post(path, bad, 400))
        assert await page.post(path, body) == OK
        assert codes(await page.post(path, body, 400)) == ["InvalidToken"]
        await page.sign_in("absent", NEW_PASSWORD)


class TestChangePassword:
    async def test_200_for_who_is_signed_in(self, page: Page, node: Node) -> None:
        user = await make_user(node, "renewing")
        body = {"userId": str(user.id), "oldPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        await page.post(f"{ACCOUNT}/ChangePassword", body, 401)
        await page.sign_in("renewing")
        assert codes(await page.post(f"{ACCOUNT}/ChangePassword", {**body, "oldPassword": "x"}, 400)) == [
            "PasswordMismatch"
        ]
        assert codes(await page.post(f"{ACCOUNT}/ChangePassword", {**body, "userId": NOBODY}, 400)) == [
            "PasswordMismatch"
        ]
        assert await page.post(f"{ACCOUNT}/ChangePassword", body) == OK
        assert await sessions_of(node, user.id) == []
        await page.sign_in("renewing", NEW_PASSWORD)

    async def test_200_for_a_password_that_is_due(self, page: Page, node: Node) -> None:
        user = await make_user(node, "overdue", must_change=True)
        await page.sign_in("overdue", expect=403)
        body = {"userId": str(user.id), "oldPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        assert await page.post(f"{ACCOUNT}/ChangePassword", body) == OK
        await page.sign_in("overdue", NEW_PASSWORD)

    async def test_401_before_the_second_factor(self, page: Page, node: Node) -> None:
        user = await make_user(node, "halfway", must_change=True)
        await set_setting(node, SECOND_FACTOR, "true")
        await page.sign_in("halfway", expect=403)
        body = {"userId": str(user.id), "oldPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        await page.post(f"{ACCOUNT}/ChangePassword", body, 401)
        await set_setting(node, SECOND_FACTOR, "false")


class TestEmailConfirmation:
    async def test_200_by_the_code_of_the_mail(self, page: Page, pm: Caller, node: Node) -> None:
        user = await make_user(node, "unsure")
        await set_setting(node, SMTP_HOST, "mail.podium.test")
        await pm.put(f"{API}/User/{user.id}", {"email": "sure@podium.test"})
        await node.rows("DELETE FROM identity.settings WHERE key = $1", SMTP_HOST)
        code = token_in(await link_to(node, "sure@podium.test"))
        path = f"{ACCOUNT}/EmailConfirmation"
        assert codes(await page.post(path, {"userId": NOBODY, "code": code}, 400)) == ["InvalidToken"]
        assert await page.post(path, {"userId": str(user.id), "code": code}) == OK
        assert (await pm.get(f"{API}/User/{user.id}"))["emailConfirmed"] is True
        assert codes(await page.post(path, {"userId": str(user.id), "code": code}, 400)) == ["InvalidToken"]
        assert len(await mails_to(node, "sure@podium.test")) == 1
