"""The sentences that people read, by key and language: one file of `catalogue/` per language.

A text may hold placeholders in braces. A language that lacks a key shows the English text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "catalogue"
DEFAULT = "en"

NAME = "language.name"


@cache
def languages() -> Mapping[str, Mapping[str, str]]:
    """Every installed language: its code with its texts by key."""
    return {path.stem: _flat(tomllib.loads(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.toml"))}


def texts(language: str) -> Mapping[str, str]:
    """The texts of an installed language, completed by the English ones. Raises KeyError for another language."""
    return {**languages()[DEFAULT], **languages()[language]}


def has(key: str) -> bool:
    """Whether there is such a text."""
    return key in languages()[DEFAULT]


def text(language: str, key: str, **values: object) -> str:
    """One text with its placeholders filled. Raises KeyError for an unknown key or a missing value."""
    found = languages()[language].get(key) or languages()[DEFAULT][key]
    return found.format_map(values)


def choose(wanted: str, accepted: str) -> str:
    """The language to speak: of `ui_locales` (by preference, blanks between), else of Accept-Language, else English."""
    for tag in (*wanted.split()[:20], *_by_weight(accepted)):
        for code in (tag.lower(), tag.lower().partition("-")[0]):
            if code in languages():
                return code
    return DEFAULT


def _by_weight(accepted: str) -> list[str]:
    weighed = []
    for part in accepted[:1000].split(","):
        tag, _, rest = part.partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighed.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


def _flat(tables: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in tables.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = str(value)
    return found
