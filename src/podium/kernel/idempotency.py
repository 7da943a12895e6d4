"""Calls that came before: a POST with an `Idempotency-Key` is carried out once, and answered the same ever after.

The key is claimed in the transaction of the change. A second call with the same key waits for the first one's end: it
gets its answer, or is carried out itself when the first one failed and left nothing. Keys belong to a principal in a
tenant and are kept for a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from podium.kernel.call import Actor, Call
from podium.kernel.db import Connection
from podium.kernel.errors import ApiError, BadRequest, Code
from podium.kernel.keyring import Keyring
from podium.kernel.loops import Loop

HEADER = "idempotency-key"
REPLAYED = ("idempotency-replayed", "true")
MAX_CHARS = 255
KEEP = timedelta(hours=24)
BATCH = 5000
TABLE, COLUMN = "kernel.idempotency_keys", "sealed"

CLAIM = """
INSERT INTO kernel.idempotency_keys (tenant_id, principal, key, request, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, principal, key) DO NOTHING RETURNING id
"""
FIND = """
SELECT t.id, t.request, t.status, t.sealed
  FROM kernel.idempotency_keys t WHERE t.tenant_id = $1 AND t.principal = $2 AND t.key = $3
"""
KEEP_ANSWER = """
UPDATE kernel.idempotency_keys t SET status = $5, sealed = $6
 WHERE t.tenant_id = $1 AND t.principal = $2 AND t.key = $3 AND t.id = $4
"""
FORGET = """
DELETE FROM kernel.idempotency_keys t WHERE t.ctid = ANY(ARRAY(
 SELECT o.ctid FROM kernel.idempotency_keys o WHERE o.created_at < $1 ORDER BY o.created_at LIMIT $2))
"""


class KeyUsedOtherwise(ApiError):
    """422: the key came before with another request."""

    status = 422
    default_code = Code.INVALID_REQUEST


class Answered(NamedTuple):
    """What the first call was answered."""

    status: int
    content_type: str
    headers: Sequence[tuple[str, str]]
    body: str


class Claim(NamedTuple):
    """A key that is this call's own: `id` is its row."""

    id: int
    principal: str
    key: str


def key_of(call: Call) -> str | None:
    """The call's key. Raises BadRequest for one that is blank, too long or not printable ASCII."""
    key = call.headers.get(HEADER)
    if key is None:
        return None
    if not 0 < len(key) <= MAX_CHARS or not key.isascii() or not key.isprintable():
        raise BadRequest(f"Idempotency-Key: 1 to {MAX_CHARS} printable ASCII characters are needed.")
    return key


def digest_of(call: Call, body: bytes) -> bytes:
    """What makes two requests the same: operation, address with its values, folder and body."""
    folder = str(call.folder.id) if call.folder else ""
    parts = (call.row.id, call.path, call.query_string, folder)
    return hashlib.sha256("\0".join(parts).encode() + b"\0" + body).digest()


async def claim(call: Call, key: str, request: bytes) -> Claim | Answered:
    """The key for this call, or the answer of the call that had it before; waits for one that is under way.

    In the transaction of the change. Raises KeyUsedOtherwise.
    """
    principal = _principal(call.actor)
    row_id = await call.db.fetchval(CLAIM, call.tenant_id, principal, key, request, call.now)
    if row_id is not None:
        return Claim(row_id, principal, key)
    row = await call.db.fetchrow(FIND, call.tenant_id, principal, key)
    if row is None:  # forgotten between the two statements: a day has passed
        return await claim(call, key, request)
    if row["request"] != request:
        raise KeyUsedOtherwise("The Idempotency-Key was used for another request.")
    text = call.port(Keyring).open(row["sealed"], owner=call.tenant_id, table=TABLE, row=row["id"], column=COLUMN)
    return msgspec.json.decode(text, type=Answered)


async def once(call: Call, key: str, request: bytes, act: Callable[[], Awaitable[Answered]]) -> Answered:
    """What `act` answers, or what was answered when the key came before; in the transaction of the change.

    Raises KeyUsedOtherwise.
    """
    claimed = await claim(call, key, request)
    if isinstance(claimed, Answered):
        return claimed._replace(headers=(*claimed.headers, REPLAYED))
    answered = await act()
    await keep(call, claimed, answered)
    return answered


async def keep(call: Call, claimed: Claim, answer: Answered) -> None:
    """Store the answer in the transaction of the change."""
    text = msgspec.json.encode(answer).decode()
    sealed = call.port(Keyring).seal(text, owner=call.tenant_id, table=TABLE, row=claimed.id, column=COLUMN)
    await call.db.execute(
        KEEP_ANSWER,
        call.tenant_id,
        claimed.principal,
        claimed.key,
        claimed.id,
        answer.status,
        sealed,
    )


def _principal(actor: Actor) -> str:
    """Whose key it is: two principals may use the same text."""
    key = actor.subject or actor.client_id or actor.job_key or actor.robot_key or actor.machine_id or actor.name
    return f"{actor.kind}:{key}"


async def forget(db: Connection, now: datetime) -> int:
    """Remove a batch of keys that are a day old; how many."""
    status = await db.execute(FORGET, now - KEEP, BATCH)
    return int(status.split()[-1])


LOOPS = (Loop("kernel.forget_idempotency_keys", every=timedelta(minutes=10), turn=forget),)
