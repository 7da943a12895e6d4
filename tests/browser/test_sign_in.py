"""Signing in as people do, in a real browser: nothing here needs a script of the page."""

from __future__ import annotations

import re

from playwright.async_api import Browser, Page, expect

from tests.acceptance.programs import Server
from tests.browser.application import Application
from tests.browser.chromium import axe_clean
from tests.browser.people import PASSWORD, make_user
from tests.browser.steps import WRONG, sign_in


class TestSignIn:
    async def test_back_at_the_application_with_a_code(self, page: Page, application: Application) -> None:
        await page.goto(application.start(state="my state"))
        await expect(page).to_have_title("Sign in - Podium")
        await expect(page.get_by_text("to continue to UiPath tools")).to_be_visible()
        await expect(page.get_by_label("User name or e-mail")).to_be_focused()
        await axe_clean(page, "sign-in")
        await sign_in(page)
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
        answer = application.answers[-1]
        assert answer["state"] == "my state"
        tokens = application.tokens(answer["code"])
        assert tokens.keys() >= {"access_token", "id_token", "refresh_token"}

    async def test_by_keyboard_alone(self, page: Page, application: Application) -> None:
        await page.goto(application.start(login_hint="admin"))
        await expect(page.get_by_label("Password", exact=True)).to_be_focused()
        await page.keyboard.type("acceptance-password")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await expect(page.get_by_label("Stay signed in on this device")).to_be_checked()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
        (cookie,) = [one for one in await page.context.cookies() if one["name"] == "podium"]
        assert cookie["expires"] > 0
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")

    async def test_a_wrong_password_is_told_at_the_field(self, page: Page, server: Server) -> None:
        await page.goto(f"{server.url}/identity_/web/login")
        await sign_in(page, "not it")
        await expect(page.get_by_role("alert")).to_contain_text(WRONG)
        await expect(page).to_have_title("Problem: Sign in - Podium")
        field = page.get_by_label("Password", exact=True)
        await expect(field).to_be_focused()
        await expect(field).to_have_value("")
        await expect(field).to_have_accessible_description(re.compile(WRONG))
        await expect(page.get_by_label("User name or e-mail")).to_have_value("admin")
        await axe_clean(page, "sign-in-wrong")

    async def test_an_account_is_closed_after_too_many(self, page: Page, server: Server) -> None:
        name = make_user(server, "guessed")
        await page.goto(f"{server.url}/identity_/web/login")
        for _ in range(10):
            await sign_in(page, "not it", name)
            await expect(page.get_by_role("alert")).to_contain_text(WRONG)
        await sign_in(page, PASSWORD, name)
        await expect(page.get_by_role("alert")).to_contain_text(WRONG)
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    async def test_without_scripts(self, browser: Browser, application: Application) -> None:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(application.start())
        await sign_in(page)
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
        await context.close()

    async def test_a_stale_form_leads_back_to_a_fresh_one(self, page: Page, application: Application) -> None:
        await page.goto(application.start())
        await page.context.clear_cookies()
        await sign_in(page)
        await expect(page.get_by_role("heading", name="Cookies are needed")).to_be_visible()
        await axe_clean(page, "notice")
        await page.get_by_role("link", name="Open the page again").click()
        await expect(page.get_by_text("to continue to UiPath tools")).to_be_visible()
        await sign_in(page)
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()


class TestConsent:
    async def test_allowed(self, page: Page, application: Application) -> None:
        await self._at_the_question(page, application, scope="openid OR.Jobs OR.Assets.Read offline_access")
        await expect(page.get_by_role("listitem")).to_have_text(
            ["Know who you are", "View and change jobs", "View assets", "Stay connected while you are away"]
        )
        await axe_clean(page, "consent")
        await page.get_by_role("button", name="Allow").click()
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
        assert "code" in application.answers[-1]

    async def test_denied(self, page: Page, application: Application) -> None:
        await self._at_the_question(page, application)
        await page.get_by_role("button", name="Deny").click()
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
        assert application.answers[-1]["error"] == "access_denied"

    async def test_another_account(self, page: Page, application: Application) -> None:
        await self._at_the_question(page, application)
        await page.get_by_role("link", name="Use another account").click()
        await sign_in(page)
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()

    async def _at_the_question(self, page: Page, application: Application, **more: str) -> None:
        """Signed in before; a native application is asked about all the same."""
        await page.goto(application.start())
        await sign_in(page)
        await page.wait_for_url(f"{application.redirect_uri}**")
        await page.goto(application.start(**more))
        await expect(page.get_by_role("heading", name="Allow UiPath tools?")).to_be_visible()


class TestDevice:
    async def test_approved(self, page: Page, application: Application) -> None:
        device = application.begin_device()
        await page.goto(device["verification_uri"])
        await sign_in(page)
        await axe_clean(page, "device")
        await page.get_by_label("Code").fill("BBBB-BBBB")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("alert")).to_contain_text("This code is not known")
        await axe_clean(page, "device-wrong")
        await page.get_by_label("Code").fill(device["user_code"].lower())
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", name="Connect UiPath tools?")).to_be_visible()
        await expect(page.get_by_text(device["user_code"])).to_be_visible()
        await axe_clean(page, "device-confirm")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("heading", name="The device is connected")).to_be_visible()
        await axe_clean(page, "device-done")
        assert "access_token" in application.poll(device["device_code"])


class TestSignOut:
    async def test_asked_first(self, page: Page, server: Server, application: Application) -> None:
        await page.goto(application.start())
        await sign_in(page)
        await page.wait_for_url(f"{application.redirect_uri}**")
        await page.goto(f"{server.url}/identity_/connect/endsession")
        await expect(page.get_by_role("heading", name="Sign out?")).to_be_visible()
        await axe_clean(page, "sign-out")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        await axe_clean(page, "signed-out")
        await page.goto(application.start())
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


class TestError:
    async def test_an_unknown_application(self, page: Page, application: Application) -> None:
        await page.goto(application.start(client_id="nobody<script>alert(1)</script>"))
        await expect(page.get_by_role("heading", name="This sign-in cannot go on")).to_be_visible()
        await expect(page.get_by_text("nobody<script>")).to_be_visible()
        await axe_clean(page, "error")
