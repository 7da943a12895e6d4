"""What people do on the pages, in their words."""

from __future__ import annotations

from playwright.async_api import Page

from tests.acceptance.programs import PASSWORD

WRONG = "These details do not match an active account."


async def sign_in(page: Page, password: str = PASSWORD, user: str = "admin") -> None:
    """Fill in the form and send it."""
    await page.get_by_label("User name or e-mail").fill(user)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()
