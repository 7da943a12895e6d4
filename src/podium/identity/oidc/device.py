"""Devices without a browser: their codes, and their polls for tokens (RFC 8628)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from podium.identity.clients.rules import Client, ScopeRefused, parse_scopes
from podium.identity.issuer import Issuer
from podium.identity.oidc import store
from podium.identity.oidc.device_rules import (
    INTERVAL_S,
    LIFE,
    MAX_INTERVAL_S,
    SLOWER_BY_S,
    Poll,
    judge_poll,
    new_user_code,
    shown,
)
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.rules import user_grant
from podium.identity.sessions import actions as sessions
from podium.identity.tokens.claims import SignedIn
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import Unavailable
from podium.kernel.ids import uuid7
from podium.kernel.secrets import hash_machine_secret, new_secret

TRIES = 5


class Polled(NamedTuple):
    """What a poll came to; who approved the device where tokens are due."""

    verdict: Poll
    organization_id: UUID | None = None
    user_id: UUID | None = None
    scopes: list[str] = []  # noqa: RUF012 - a tuple's default, never changed
    how: SignedIn | None = None


async def begin_device(call: Call, client: Client, scope: str) -> bytes:
    """The answer to a device that begins: its code, and what it shows to its user. Raises OAuthError."""
    try:
        scopes = user_grant(client, parse_scopes(scope))
    except ScopeRefused as refusal:
        raise OAuthError("invalid_scope", str(refusal)) from None
    device_code = new_secret()
    user_code = await _keep(call, client, scopes, device_code)
    page = f"{call.port(Issuer).issuer}/web/device"
    answer = {
        "device_code": device_code,
        "user_code": shown(user_code),
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={shown(user_code)}",
        "expires_in": int(LIFE.total_seconds()),
        "interval": INTERVAL_S,
    }
    return msgspec.json.encode(answer)


async def _keep(call: Call, client: Client, scopes: list[str], device_code: str) -> str:
    """The user code under which the device is kept; one in use by another is not given again."""
    async with call.services.db.acquire() as db:
        for _ in range(TRIES):
            user_code = new_user_code()
            if await store.add_device(
                db,
                hash_machine_secret(device_code),
                user_code,
                client.client_id,
                scopes,
                INTERVAL_S,
                call.now,
                call.now + LIFE,
            ):
                return user_code
    raise Unavailable("There is no free user code.")


async def poll_device(db: Connection, presented: str, client_id: str, now: datetime) -> Polled:
    """One poll of a client that has proved itself. In the caller's transaction, which must commit a refusal too."""
    device_hash = hash_machine_secret(presented.encode("utf-8", "replace").decode())
    found = await store.lock_device(db, device_hash)
    verdict = judge_poll(found[0] if found else None, client_id, now)
    if found is None:
        return Polled(verdict)
    grant, row = found
    if verdict in (Poll.PENDING, Poll.SLOW_DOWN):
        slower = SLOWER_BY_S if verdict is Poll.SLOW_DOWN else 0
        await store.polled(db, device_hash, now, min(grant.interval_s + slower, MAX_INTERVAL_S))
    if verdict is not Poll.TOKENS:
        return Polled(verdict)
    await store.use_device(db, device_hash)
    if await sessions.has_ended(db, row["organization_id"], row["session_id"]):
        return Polled(Poll.DENIED)
    how = SignedIn(row["authenticated_at"], tuple(row["methods"]), row["session_id"], uuid7())
    return Polled(verdict, row["organization_id"], row["user_id"], list(row["scopes"]), how)
