"""What a browser is told about a page beside its content."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_NEVER = frozenset({"javascript", "data", "vbscript", "blob", "file", "about"})
HSTS = "max-age=31536000"


def security(public_url: str, form_targets: Iterable[str] = ()) -> dict[str, str]:
    """The headers of every page. `form_targets`: addresses that a redirect after one of its forms may lead to."""
    found = {
        "content-security-policy": policy(form_targets),
        "referrer-policy": "same-origin",  # under no-referrer a browser hides the origin of our own forms from us
        "cross-origin-opener-policy": "same-origin",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
    }
    if public_url.startswith("https://"):
        found["strict-transport-security"] = HSTS
    return found


def policy(form_targets: Iterable[str] = ()) -> str:
    """The content security policy. Browsers apply `form-action` to the redirects after a form as well."""
    sources = dict.fromkeys(source for target in form_targets if (source := form_source(target)))
    return "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self' data:",
            "script-src 'self'",
            "connect-src 'self'",
            " ".join(("form-action 'self'", *sources)),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def form_source(address: str) -> str | None:
    """The origin of an address as a source of the policy; None for one that no form of ours may lead to."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme in _NEVER or not _SCHEME.fullmatch(scheme):
        return None
    if scheme not in ("http", "https") or ":" in host:
        return f"{scheme}:"  # an app's own scheme; and the policy's grammar has no IPv6 addresses
    if not _HOST.fullmatch(host):
        return None
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"
