"""Where a person may be sent after a page: only to places of this issuer. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

MAX_CHARACTERS = 16 * 1024

# Names of an organization and a tenant may stand before the service, as in every address.
_NAMES = r"(?:/[A-Za-z0-9][A-Za-z0-9_.-]{0,127}){0,2}"
_PLACES = r"connect/authorize(?:/callback)?|connect/endsession|web/(?:consent|device|logout|account(?:/[a-z-]+)?)"
_PATH = re.compile(rf"{_NAMES}/identity_?/(?:{_PLACES})/?", re.IGNORECASE)
_QUERY = re.compile(r"[!$%-;=?-Z_a-z~\[\]]*")  # visible ASCII without quotes, #, <>, \, ^, ` and braces


def own_path(text: str, base: str) -> str | None:
    """The address to go on to, as it was sent, when it is a path of a page or endpoint of ours; else None.

    `base` is the path of this issuer, `/identity_` with whatever stands before it in the public address. An absolute
    address is refused whatever its host is.
    """
    if not 0 < len(text) <= MAX_CHARACTERS:
        return None
    prefix = base.removesuffix("/identity_")
    if not text.startswith(prefix):
        return None
    path, _, query = text.partition("?")
    if _PATH.fullmatch(path[len(prefix) :]) is None or _QUERY.fullmatch(query) is None:
        return None
    return text


def parameters(return_url: str) -> dict[str, str]:
    """The query of an address to go on to; of a repeated parameter the first. Blank or broken ones are left out."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(return_url.partition("?")[2], errors="strict", max_num_fields=100)
    except ValueError:
        return {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found
