"""SQL of the signing keys."""

from __future__ import annotations

from datetime import datetime

from asyncpg import Record

from podium.kernel.db import Connection

LOCK_ROTATION = "SELECT pg_advisory_xact_lock(hashtextextended('identity.signing_keys', 0))"

VERIFYING = """
SELECT kid, sealed, active_from, retired_at FROM identity.signing_keys
 WHERE retired_at IS NULL OR retired_at > $1 ORDER BY active_from, kid
"""

RETIRE_ALL = "UPDATE identity.signing_keys SET retired_at = $1 WHERE retired_at IS NULL"

ADD = "INSERT INTO identity.signing_keys (kid, sealed, created_at, active_from) VALUES ($1, $2, $3, $4)"

FORGET = "DELETE FROM identity.signing_keys WHERE retired_at <= $1"


async def lock_rotation(db: Connection) -> None:
    """Until the end of the transaction no other node makes a key."""
    await db.execute(LOCK_ROTATION)


async def verifying(db: Connection, now: datetime) -> list[Record]:
    """Every key whose signatures hold, announced ones too, oldest first."""
    return await db.fetch(VERIFYING, now)


async def add(db: Connection, kid: str, sealed: bytes, now: datetime, active_from: datetime) -> None:
    """Keep a new key."""
    await db.execute(ADD, kid, sealed, now, active_from)


async def retire_all(db: Connection, until: datetime) -> None:
    """Give every key that has no end yet this one."""
    await db.execute(RETIRE_ALL, until)


async def forget_retired(db: Connection, before: datetime) -> None:
    """Delete the keys that ended before an instant."""
    await db.execute(FORGET, before)
