"""What people do with their own accounts, in a real browser. Scripts are needed for passkeys only."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from itertools import count

import httpx
import pyotp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.acceptance.programs import Server, running_server, until
from tests.acceptance.tools import OWN_SETTINGS
from tests.browser import chromium, people
from tests.browser.application import Application
from tests.browser.chromium import axe_clean
from tests.browser.people import PASSWORD, claims, make_user, manager_token
from tests.browser.steps import sign_in

NEW_PASSWORD = "another good 2 password"
REQUIRED = "Auth.SecondFactor.Required"
_NUMBERS = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that is reached by a name: browsers bind passkeys to nothing else."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    environment["PODIUM_BOOTSTRAP_CLIENT_ID"] = people.CLIENT_ID
    environment["PODIUM_BOOTSTRAP_CLIENT_SECRET"] = people.CLIENT_SECRET
    with running_server(environment, "--no-robot", "--host", "localhost") as running:
        running.url = running.url.replace("127.0.0.1", "localhost")
        yield running


@pytest.fixture
async def other_context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Another browser of the same person."""
    made = await browser.new_context(viewport=chromium.DESKTOP, locale="en-GB")
    yield made
    await made.close()


def web(server: Server, path: str) -> str:
    return f"{server.url}/identity_/web/{path}"


def manage(server: Server, method: str, path: str, body: object = None) -> httpx.Response:
    """A call of the management API as the operator's own application."""
    headers = {"authorization": f"Bearer {manager_token(server)}"}
    answer = httpx.request(method, f"{server.url}/identity_/api/{path}", json=body, headers=headers, trust_env=False)
    assert answer.is_success, answer.text
    return answer


def set_setting(server: Server, key: str, value: str) -> None:
    partition = claims(manager_token(server))["prt_id"]
    body = {"partitionGlobalId": partition, "settings": [{"key": key, "value": value}]}
    manage(server, "PUT", "Setting", body)


def link_to(server: Server, recipient: str) -> str:
    """The link in the last mail to an address, as soon as there is one."""

    def newest() -> str | None:
        mails = manage(server, "GET", "podium/Mail?top=50").json()["results"]
        mail = next((one for one in mails if one["recipient"] == recipient), None)
        return None if mail is None else manage(server, "GET", f"podium/Mail/{mail['id']}").json()["body"]

    body = until(newest, f"a mail to {recipient}", seconds=20, programs=[server.program])
    found = re.search(r"http\S+token=\S+", body or "")
    assert found is not None
    return found[0]


async def newcomer(page: Page, server: Server, path: str = "account") -> str:
    """The name of a new person who is signed in with NEW_PASSWORD, the first one being due."""
    name = make_user(server, f"person{next(_NUMBERS)}")
    await page.goto(web(server, path))
    await sign_in(page, PASSWORD, name)
    await choose_password(page)
    await expect(page).to_have_url(web(server, path))
    return name


async def choose_password(page: Page, password: str = NEW_PASSWORD, repeated: str | None = None) -> None:
    await page.get_by_label("New password", exact=True).fill(password)
    await page.get_by_label("New password, again").fill(repeated or password)
    await page.get_by_role("button").click()


async def code_on(page: Page) -> tuple[str, pyotp.TOTP]:
    """The code of the secret that the page shows, and the authenticator that took it over."""
    secret = (await page.locator("ol.steps code").inner_text()).replace(" ", "")
    totp = pyotp.TOTP(secret)
    return totp.now(), totp


async def with_passkey(page: Page) -> None:
    """Give the browser a security key that says yes to everything."""
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


class TestPassword:
    async def test_a_first_password_must_be_replaced(self, page: Page, server: Server) -> None:
        name = make_user(server, "fresh")
        await page.goto(web(server, "account/sessions"))
        await sign_in(page, PASSWORD, name)
        await expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
        await axe_clean(page, "due-password")
        await choose_password(page, "short", "shorter")
        await expect(page.get_by_role("alert")).to_contain_text("are not the same")
        await choose_password(page, "short")
        await expect(page.get_by_role("alert")).to_contain_text("at least 8 characters")
        await axe_clean(page, "due-password-wrong")
        await choose_password(page)
        await expect(page).to_have_url(web(server, "account/sessions"))

    async def test_forgotten_and_chosen_anew(self, page: Page, server: Server) -> None:
        name = make_user(server, "forgetful")
        await page.goto(web(server, "login"))
        await page.get_by_role("link", name="Forgot your password?").click()
        await axe_clean(page, "forgot")
        await page.get_by_label("User name or e-mail").fill(name)
        await page.get_by_role("button", name="Send the link").click()
        await expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
        await axe_clean(page, "forgot-sent")
        link = link_to(server, f"{name}@podium.test")
        await page.goto(link)
        await axe_clean(page, "reset")
        await choose_password(page, "password1")
        await expect(page.get_by_role("alert")).to_contain_text("guessed first")
        await axe_clean(page, "reset-wrong")
        await choose_password(page)
        await expect(page.get_by_role("heading", name="Your password is changed")).to_be_visible()
        await page.get_by_role("link", name="Sign in").click()
        await sign_in(page, NEW_PASSWORD, name)
        await expect(page).to_have_url(web(server, "account"))
        await page.goto(link)
        await expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()
        await axe_clean(page, "link-gone")

    async def test_changed_by_oneself(self, page: Page, server: Server) -> None:
        name = await newcomer(page, server)
        await axe_clean(page, "account")
        await page.get_by_role("link", name="Change the password").click()
        await axe_clean(page, "own-password")
        await page.get_by_label("Present password").fill("not it")
        await choose_password(page, "a third 3 password")
        field = page.get_by_label("Present password")
        await expect(field).to_have_accessible_description("This is not your present password.")
        await axe_clean(page, "own-password-wrong")
        await field.fill(NEW_PASSWORD)
        await choose_password(page, "a third 3 password")
        await expect(page.get_by_role("heading", name="Your password is changed")).to_be_visible()
        await page.get_by_role("link", name="Back to your account").click()
        await page.get_by_role("link", name="Sign out").click()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("link", name="Sign in again").click()
        await sign_in(page, "a third 3 password", name)
        await expect(page).to_have_url(web(server, "account"))


class TestAuthenticator:
    async def test_set_up_and_asked_at_the_next_sign_in(
        self, page: Page, other_context: BrowserContext, server: Server
    ) -> None:
        name = await newcomer(page, server, "account/authenticator")
        await axe_clean(page, "authenticator")
        picture = page.get_by_role("img", name="QR code")
        assert await picture.evaluate("one => one.naturalWidth") > 100
        code, totp = await code_on(page)
        await page.get_by_label("Code of the app").fill("000000")
        await page.get_by_role("button", name="Switch it on").click()
        await expect(page.get_by_role("alert")).to_contain_text("This was not right")
        await axe_clean(page, "authenticator-wrong")
        await page.get_by_label("Code of the app").fill(code)
        await page.get_by_role("button", name="Switch it on").click()
        await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        await axe_clean(page, "recovery-codes")
        await page.get_by_role("button", name="Make new codes").click()
        codes = await page.locator("ul.codes li").all_inner_texts()
        assert len(codes) == 10
        await axe_clean(page, "recovery-codes-shown")
        await page.get_by_role("link", name="I have kept them").click()
        await expect(page.get_by_text("10 left")).to_be_visible()
        await page.goto(web(server, "account/authenticator"))
        await axe_clean(page, "authenticator-set")
        await self._next_time(await other_context.new_page(), server, name, totp, codes[0])

    async def _next_time(self, page: Page, server: Server, name: str, totp: pyotp.TOTP, spare: str) -> None:
        await page.goto(web(server, "account"))
        await sign_in(page, NEW_PASSWORD, name)
        await expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        await expect(page.get_by_label("Code")).to_be_focused()
        await axe_clean(page, "second-factor")
        await page.get_by_label("Code").fill("123456")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("alert")).to_contain_text("This was not right")
        await axe_clean(page, "second-factor-wrong")
        used = totp.at(time.time(), counter_offset=1)  # the present one was used up by setting it up
        await page.get_by_label("Code").fill(used)
        await page.get_by_role("button", name="Continue").click()
        await expect(page).to_have_url(web(server, "account"))
        await page.context.clear_cookies()
        await page.goto(web(server, "account"))
        await sign_in(page, NEW_PASSWORD, name)
        await page.get_by_label("Code").fill(spare)
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_text("9 left")).to_be_visible()

    async def test_set_up_in_the_sign_in_when_it_is_required(
        self, page: Page, server: Server, application: Application
    ) -> None:
        name = make_user(server, "obliged")
        await page.goto(application.start())
        await sign_in(page, PASSWORD, name)
        await choose_password(page)
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
        await page.context.clear_cookies()
        set_setting(server, REQUIRED, "true")
        try:
            await page.goto(application.start())
            await sign_in(page, NEW_PASSWORD, name)
            await expect(page.get_by_role("heading", name="Set up an authenticator")).to_be_visible()
            await axe_clean(page, "second-factor-enrol")
            await page.get_by_label("Code").fill((await code_on(page))[0])
            await page.get_by_role("button", name="Continue").click()
            await expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
            await axe_clean(page, "recovery-codes-on-the-way")
            await page.get_by_role("button", name="Make new codes").click()
            await page.get_by_role("link", name="I have kept them").click()
            await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
            assert "code" in application.answers[-1]
        finally:
            set_setting(server, REQUIRED, "false")


class TestPasskeys:
    async def test_added_used_and_removed(self, page: Page, server: Server) -> None:
        await with_passkey(page)
        name = await newcomer(page, server, "account/passkeys")
        await axe_clean(page, "passkeys")
        await page.get_by_label("Name").fill("work laptop")
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.get_by_text("work laptop", exact=True)).to_be_visible()
        await axe_clean(page, "passkeys-one")
        await page.context.clear_cookies()
        await page.goto(web(server, "account/passkeys"))
        await sign_in(page, NEW_PASSWORD, name)
        await expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        await axe_clean(page, "second-factor-passkey")
        await page.get_by_role("button", name="Use a passkey").click()
        await expect(page).to_have_url(web(server, "account/passkeys"))
        await page.get_by_role("button", name="Remove work laptop").click()
        await expect(page.get_by_text("No passkey yet.")).to_be_visible()

    async def test_the_key_of_somebody_else_is_refused(self, page: Page, server: Server) -> None:
        await with_passkey(page)
        ids = []
        for _ in range(2):
            await page.context.clear_cookies()
            name = await newcomer(page, server, "account/passkeys")
            await page.get_by_role("button", name="Add a passkey").click()
            await expect(page.get_by_text("Passkey", exact=True)).to_be_visible()
            offered = await page.locator("form[data-passkey]").get_attribute("data-options")
            ids.append(json.loads(offered or "")["excludeCredentials"][0]["id"])
        await page.context.clear_cookies()
        await page.goto(web(server, "account"))
        await sign_in(page, NEW_PASSWORD, name)
        form = page.locator("form[data-passkey]")
        offered = await form.get_attribute("data-options") or ""
        assert ids[1] in offered
        await form.evaluate("(one, options) => { one.dataset.options = options }", offered.replace(ids[1], ids[0]))
        await page.get_by_role("button", name="Use a passkey").click()
        await expect(page.get_by_role("alert")).to_contain_text("This was not right")
        await axe_clean(page, "second-factor-passkey-wrong")

    async def test_a_failed_ceremony_is_told(self, page: Page, server: Server) -> None:
        await newcomer(page, server, "account/passkeys")
        await page.evaluate(
            "() => { navigator.credentials.create = () => Promise.reject(new DOMException('no', 'NotAllowedError')) }"
        )
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.get_by_role("alert")).to_contain_text("The browser could not use a passkey")
        await axe_clean(page, "passkeys-failed")


class TestSessions:
    async def test_another_one_is_ended(self, page: Page, other_context: BrowserContext, server: Server) -> None:
        name = await newcomer(page, server, "account/sessions")
        there = await other_context.new_page()
        await there.goto(web(server, "account"))
        await sign_in(there, NEW_PASSWORD, name)
        await expect(there).to_have_url(web(server, "account"))
        await page.reload()
        await expect(page.get_by_role("listitem")).to_have_count(2)
        await expect(page.get_by_text("Chrome on Linux")).to_have_count(2)
        await axe_clean(page, "sessions")
        await page.get_by_role("button", name="End", exact=True).click()
        await expect(page.get_by_role("listitem")).to_have_count(1)
        await there.reload()
        await expect(there.get_by_role("heading", name="Sign in")).to_be_visible()


class TestApplications:
    async def test_taken_back(self, page: Page, server: Server, application: Application) -> None:
        await newcomer(page, server)
        await page.goto(application.start())
        await page.get_by_role("button", name="Allow").click()
        await expect(page.get_by_role("heading", name="Back at the application")).to_be_visible()
        tokens = application.tokens(application.answers[-1]["code"])
        await page.goto(web(server, "account"))
        await page.get_by_role("link", name="Applications").click()
        await expect(page.get_by_role("heading", name="UiPath tools")).to_be_visible()
        await axe_clean(page, "applications")
        await page.get_by_role("button", name="Take back what UiPath tools was allowed").click()
        await expect(page.get_by_text("You have let no application in.")).to_be_visible()
        await axe_clean(page, "applications-none")
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        assert (await page.request.get(f"{server.url}/identity_/connect/userinfo", headers=headers)).status == 401


class TestInvitation:
    async def test_accepted(self, page: Page, server: Server) -> None:
        manage(server, "POST", "User/InviteUsers", [{"email": "invited@podium.test", "name": "In", "surname": "Vited"}])
        await page.goto(link_to(server, "invited@podium.test"))
        await expect(page.get_by_label("First name")).to_have_value("In")
        await axe_clean(page, "invitation")
        await page.get_by_label("New password", exact=True).fill("short")
        await page.get_by_label("New password, again").fill("short")
        await page.get_by_role("button", name="Create the account").click()
        await expect(page.get_by_role("alert")).to_contain_text("at least 8 characters")
        await axe_clean(page, "invitation-wrong")
        await choose_password(page)
        await sign_in(page, NEW_PASSWORD, "invited@podium.test")
        await expect(page.get_by_text("In Vited")).to_be_visible()

    async def test_an_address_is_confirmed(self, page: Page, server: Server) -> None:
        name = make_user(server, "mover")
        partition = claims(manager_token(server))["prt_id"]
        users = manage(server, "GET", f"User/users/{partition}?searchTerm={name}").json()["results"]
        set_setting(server, "Email.Smtp.Host", "localhost")
        try:
            manage(server, "PUT", f"User/{users[0]['id']}", {"email": "moved@podium.test"})
        finally:
            set_setting(server, "Email.Smtp.Host", "")
        await page.goto(link_to(server, "moved@podium.test"))
        await axe_clean(page, "confirm")
        await page.get_by_role("button", name="Confirm the address").click()
        await expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        await axe_clean(page, "confirmed")
