"""Addresses that an application may register, to be redirected to after a sign-in or a sign-out. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from podium.identity.clients.rules import LOOPBACK

MAX_ADDRESSES = 50
MAX_CHARACTERS = 2000

_PRINTABLE = re.compile(r"[\x21-\x7E]+")
_NEVER_IN_AN_ADDRESS = re.compile(r'[\\<>"^`{|}*#,]')
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,99}")

# A browser runs these, reads files by them or hands them to a program that is nobody's application.
_NOT_FOR_APPLICATIONS = frozenset(
    ("about", "blob", "chrome", "chrome-extension", "data", "file", "filesystem", "ftp", "gopher", "intent")
) | frozenset(("jar", "javascript", "ldap", "mailto", "ms-settings", "res", "sms", "ssh", "tel", "vbscript"))
_NOT_REDIRECTED_TO = frozenset(("view-source", "ws", "wss", "urn"))


def split(text: str) -> tuple[str, ...]:
    """The addresses of a text that parts them with commas, each once, in their order."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def why_not(address: str, *, allows_http: bool) -> str | None:
    """What is wrong with an address, None when it may be registered.

    It is compared as it is later on, so it must be whole: absolute, without wildcard, fragment or user. `https` and the
    schemes of native applications (`com.example.app:/signed-in`) are for everybody; `http` leaves the code readable on
    the way and is for loopback addresses, for others where `allows_http`: the installation itself is reached by http,
    so that nothing gets worse.
    """
    if len(address) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters"
    if not _PRINTABLE.fullmatch(address):
        return "has characters that an address cannot have"
    if _NEVER_IN_AN_ADDRESS.search(address):
        return "must not have wildcards, fragments or characters to be escaped"
    scheme, colon, rest = address.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme) or not rest.strip("/"):
        return "is not an absolute address"
    if scheme in _NOT_FOR_APPLICATIONS or scheme in _NOT_REDIRECTED_TO:
        return f"has the scheme {scheme}, which no application is reached by"
    if scheme not in ("http", "https"):
        return "must not name a user" if "@" in rest.partition("?")[0] else None
    return _why_not_web(address, allows_http=allows_http)


def _why_not_web(address: str, *, allows_http: bool) -> str | None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not an absolute address"
    if not parts.netloc or not _HOST.fullmatch(host) or port == 0 or parts.netloc.endswith(":"):
        return "is not an absolute address"
    if parts.username is not None or parts.password is not None:
        return "must not name a user"
    if any(segment in (".", "..") for segment in parts.path.split("/")):
        return "must not go up and down in its path"
    if parts.scheme == "http" and host.lower() not in LOOPBACK and not allows_http:
        return "must be https, or a loopback address"
    return None


def faults(addresses: tuple[str, ...], *, allows_http: bool) -> list[str]:
    """What is wrong with a list of addresses, in words that name them."""
    if len(addresses) > MAX_ADDRESSES:
        return [f"There are more than {MAX_ADDRESSES} addresses."]
    wrong = ((one, why_not(one, allows_http=allows_http)) for one in addresses)
    return [f"The address '{one[:200]}' {reason}." for one, reason in wrong if reason is not None]
