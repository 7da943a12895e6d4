"""Whether a posted form comes from a page of ours.

A form carries a keyed hash over a random cookie of the browser and its session; a stranger's page knows neither. The
browser's own word on where the post comes from is heard as well, where it gives one.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

COOKIE = "podium-csrf"
FIELD = "csrf"

_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def new_cookie() -> str:
    """A random value for the cookie: 256 bits."""
    return secrets.token_urlsafe(32)


def is_cookie(value: str | None) -> bool:
    """Whether a value may be one of ours."""
    return value is not None and _COOKIE_VALUE.fullmatch(value) is not None


def field(key: bytes, cookie: str, session: str) -> str:
    """What the hidden field of a form holds; `session` is the session's cookie, blank without one.

    With the session in it, a cookie that somebody planted in the browser of a signed-in person is of no use.
    """
    return hmac.new(key, f"{len(cookie)}:{cookie}{session}".encode(), "sha256").hexdigest()


def is_genuine(key: bytes, cookie: str | None, session: str, sent: str) -> bool:
    """Whether the hidden field belongs to the cookies that came with it."""
    if cookie is None or not is_cookie(cookie):
        return False
    return hmac.compare_digest(field(key, cookie, session).encode(), sent.encode("utf-8", "replace"))


def is_from_here(headers: Mapping[str, str], public_url: str) -> bool:
    """Whether the browser says that the post comes from this site, or says nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    sent = headers.get("origin")
    return sent is None or sent == origin(public_url)


def origin(address: str) -> str:
    """Scheme, host and port of an address as a browser writes them: lower case, no default port."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    is_default = parts.port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}" if is_default else f"{parts.scheme}://{host}:{parts.port}"
