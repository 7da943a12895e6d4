"""Authorization codes: made when a user comes back from the pages, redeemed once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from podium.identity.oidc import store
from podium.identity.oidc.rules import AuthorizeRequest, is_verified
from podium.identity.oidc.store import Code
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session
from podium.identity.tokens import actions as tokens
from podium.kernel.db import Connection
from podium.kernel.ids import uuid7

LIFE = timedelta(minutes=5)

_ORGANIZATION_BYTES = 16
_BYTES = 48  # organization (16), secret (32)
_CHARACTERS = 64


class Redeemed(NamedTuple):
    """What came of a code. `code` None: refused. `grant_id`: what its tokens are to carry.

    `ended_grant`: this very use ended what an earlier one gave in `organization_id`, which is to be audited.
    """

    code: Code | None = None
    grant_id: UUID | None = None
    ended_grant: UUID | None = None
    organization_id: UUID | None = None


async def make(db: Connection, session: Session, request: AuthorizeRequest, now: datetime) -> str:
    """A code for the session's user; the sign-in and the agreement that led to it lead to no other."""
    code = base64.urlsafe_b64encode(session.organization_id.bytes + secrets.token_bytes(32)).decode()
    await store.add_code(db, session, request, _hash(code), now, now + LIFE)
    if session.flow is not None and session.flow == request.flow:
        await sessions.use_flow(db, session)
    await store.use_consent(db, session, request)
    return code


async def redeem(
    db: Connection,
    presented: str,
    client_id: str,
    redirect_uri: str,
    verifier: str | None,
    now: datetime,
    lifetime_s: int,
) -> Redeemed:
    """Trade a code, once. In the caller's transaction, which must commit a refusal too.

    The client has been authenticated. Its one try counts whether or not address and verifier are right; a try of
    another client does not. A code that comes again ends whatever it gave (decision 36).
    """
    organization_id = _organization(presented)
    code = await store.lock_code(db, organization_id, _hash(presented)) if organization_id else None
    if code is None:
        return Redeemed()
    if code.used_at is not None:
        if code.grant_id is None:
            return Redeemed()
        await tokens.end_grant(db, code.organization_id, code.grant_id, now, lifetime_s)
        return Redeemed(ended_grant=code.grant_id, organization_id=code.organization_id)
    if code.client_id != client_id or code.expires_at <= now:
        return Redeemed()
    is_good = (
        code.redirect_uri == redirect_uri
        and is_verified(verifier, code.code_challenge)
        and not await sessions.has_ended(db, code.organization_id, code.session_id)
    )
    grant_id = uuid7() if is_good else None
    await store.use_code(db, code.organization_id, _hash(presented), now, grant_id)
    return Redeemed(code, grant_id) if grant_id else Redeemed()


def _organization(code: str) -> UUID | None:
    """The organization that a code names; None for text that is no code of ours."""
    if len(code) != _CHARACTERS:
        return None
    try:
        raw = base64.b64decode(code, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return UUID(bytes=raw[:_ORGANIZATION_BYTES]) if len(raw) == _BYTES else None


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
