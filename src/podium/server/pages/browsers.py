"""What a browser says of itself, as a person would. Pure."""

from __future__ import annotations

from typing import NamedTuple

# Most claim to be others as well, so the first that matches counts.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
MAX_CHARACTERS = 40


class Browser(NamedTuple):
    """Names as people know them; the system is blank when it is not said."""

    name: str
    system: str


def named(user_agent: str | None) -> Browser | None:
    """Browser and system of a User-Agent header; None for a blank one. Of a program its first word."""
    text = (user_agent or "").strip()
    if not text:
        return None
    name = next((shown for mark, shown in _BROWSERS if mark in text), text.split()[0].partition("/")[0])
    system = next((shown for mark, shown in _SYSTEMS if mark in text), "")
    return Browser(name[:MAX_CHARACTERS], system)
