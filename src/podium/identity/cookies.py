"""Cookies of sessions and pages: how they are written, read and named."""

from __future__ import annotations

from collections.abc import Mapping


def cookie_name(public_url: str, name: str) -> str:
    """The name as it is sent: with the prefix that ties the cookie to this very host, where TLS allows it."""
    return f"__Host-{name}" if public_url.startswith("https://") else name


def write(public_url: str, name: str, value: str, max_age_s: int | None = None) -> str:
    """The value of a Set-Cookie header. `max_age_s` None: until the browser is closed."""
    parts = [f"{cookie_name(public_url, name)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if max_age_s is not None:
        parts.append(f"Max-Age={max_age_s}")
    if public_url.startswith("https://"):
        parts.append("Secure")
    return "; ".join(parts)


def clear(public_url: str, name: str) -> str:
    """The Set-Cookie value that makes the browser forget the cookie."""
    return write(public_url, name, "", 0)


def read(headers: Mapping[str, str], sent_name: str) -> str | None:
    """The first cookie of that name, as it is sent; None when there is none."""
    for pair in headers.get("cookie", "").split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals and name == sent_name:
            return value
    return None
