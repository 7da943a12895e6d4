"""What the links of mails are made of, and how long they hold. Pure."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import Literal, NamedTuple
from uuid import UUID

Purpose = Literal["invitation", "reset", "confirmation"]

LIVES: dict[Purpose, timedelta] = {
    "invitation": timedelta(days=7),
    "reset": timedelta(minutes=60),
    "confirmation": timedelta(days=1),
}
SECRET_BYTES = 32
MOST_RESETS_AN_HOUR = 3
"""Mails with a reset link that one user is sent; more would be a way to flood somebody's mailbox."""

PAGES: dict[Purpose, str] = {"invitation": "/web/invitation", "reset": "/web/reset", "confirmation": "/web/confirm"}

_BYTES = 16 + SECRET_BYTES
_CHARACTERS = 64


class Link(NamedTuple):
    """A link that holds, as stored."""

    organization_id: UUID
    user_id: UUID
    redirect_url: str | None


def address(issuer: str, purpose: Purpose, token: str) -> str:
    """What a mail shows: the page that takes the link, below the issuer's own address."""
    return f"{issuer}{PAGES[purpose]}?token={token}"


def token_of(organization_id: UUID, secret: bytes) -> str:
    """The text of a link: the organization, then the secret; 64 characters that are safe in a URL."""
    return base64.urlsafe_b64encode(organization_id.bytes + secret).decode()


def organization_of(token: str) -> UUID | None:
    """The organization that a link's text names; None for text that is no link of ours."""
    if len(token) != _CHARACTERS:
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return UUID(bytes=raw[:16]) if len(raw) == _BYTES else None
