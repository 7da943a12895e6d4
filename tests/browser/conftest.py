"""A browser, a server on a real port, and an application that people sign in to."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

pytest.register_assert_rewrite("tests.browser.chromium", "tests.browser.application", "tests.browser.people")

from tests.acceptance.programs import Server, running_server  # noqa: E402 - after the rewriting is asked for
from tests.acceptance.tools import OWN_SETTINGS  # noqa: E402
from tests.browser import chromium, people  # noqa: E402
from tests.browser.application import Application, listening  # noqa: E402


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium without a window; one for all tests."""
    path, arguments = chromium.program(), chromium.arguments()
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield launched
        await launched.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server without robots, new for each file; its administrator is `admin` with `programs.PASSWORD`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    environment["PODIUM_BOOTSTRAP_CLIENT_ID"] = people.CLIENT_ID
    environment["PODIUM_BOOTSTRAP_CLIENT_SECRET"] = people.CLIENT_SECRET
    with running_server(environment, "--no-robot") as running:
        yield running


@pytest.fixture(scope="module")
def application(server: Server) -> Iterator[Application]:
    """A program on this machine that lets people sign in with the server."""
    with listening(server.url) as running:
        yield running


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser profile that nobody has signed in with, without scripts: every page must do without."""
    made = await browser.new_context(viewport=chromium.DESKTOP, locale="en-GB")
    yield made
    await made.close()


@pytest.fixture
async def page(context: BrowserContext, server: Server) -> AsyncIterator[Page]:
    """A tab. The test fails when a page of the server complained: a blocked resource, an error of a script."""
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    # a refused form has a status of 400, which the browser notes as well
    serious = [one for one in complaints if "Failed to load resource" not in one]
    assert not serious, serious
