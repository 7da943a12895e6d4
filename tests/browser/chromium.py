"""The system's Chromium, and what is asked of every page that it shows."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page, ViewportSize

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "Chromium is missing. The tests in tests/browser drive the system's browser: install it (Debian and Ubuntu: "
    "apt-get install chromium), or name its program in PODIUM_CHROMIUM."
)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=360, height=740)
NARROWEST = ViewportSize(width=320, height=640)
SHOTS = os.environ.get("PODIUM_BROWSER_SHOTS")
"""A folder for pictures of every page that is looked at; none are taken without it."""


def program() -> str:
    """The browser's program. Ends the run when there is none: tests that are left out would look as if they passed."""
    named = os.environ.get("PODIUM_CHROMIUM")
    if named:
        return named
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(MISSING, pytrace=False)
    return found


def arguments() -> list[str]:
    """As root, and in containers, the browser's own sandbox does not start."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return ["--disable-dev-shm-usage", *(["--no-sandbox"] if is_root else [])]


async def axe_clean(page: Page, name: str = "") -> None:
    """Fails unless the page as it is now has no fault that axe knows, in either scheme, and fits into 320 pixels.

    `name`: what pictures of it are called, where somebody asked for them.
    """
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found: dict[str, Any] = (await Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})).response
        faults = [
            f"{fault['id']}: {node['target']}: {node.get('failureSummary', '')}"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]
        assert not faults, f"{page.url} ({scheme}):\n" + "\n".join(faults)
    await page.set_viewport_size(NARROWEST)
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROWEST["width"], f"{page.url} is {width} pixels wide on a screen of {NARROWEST['width']}"
    small = await page.evaluate(SMALL_TARGETS)
    assert not small, f"{page.url}: less than 44 pixels high: {small}"
    if SHOTS and name:
        await shoot(page, name)
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(DESKTOP)


SMALL_TARGETS = """() => [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea')]
  .map(one => one.closest('label') || one)
  .filter(one => getComputedStyle(one).display !== 'inline' && one.getBoundingClientRect().height < 44)
  .map(one => one.outerHTML)"""


async def shoot(page: Page, name: str) -> None:
    """Pictures of the page: two screens in two schemes."""
    assert SHOTS is not None
    folder = Path(SHOTS)
    for size_name, size in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(size)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=folder / f"{name}-{size_name}-{scheme}.png", full_page=True)
