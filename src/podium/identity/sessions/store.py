"""SQL of browser sessions."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.identity.sessions.rules import Session
from podium.kernel.db import Connection

# An id that exists already is the same user's session going on under a new cookie.
PUT = """
INSERT INTO identity.sessions (organization_id, id, user_id, token_hash, methods, authenticated_at, created_at,
                               last_seen_at, expires_at, is_persistent, idle, address, browser, flow)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (organization_id, id) DO UPDATE
   SET token_hash = excluded.token_hash, methods = excluded.methods, authenticated_at = excluded.authenticated_at,
       created_at = excluded.created_at, last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at,
       is_persistent = excluded.is_persistent, idle = excluded.idle, address = excluded.address,
       browser = excluded.browser, flow = excluded.flow
 WHERE sessions.user_id = excluded.user_id AND sessions.ended_at IS NULL
RETURNING true
"""

FIND = """
SELECT s.organization_id, s.id, s.user_id, s.methods, s.authenticated_at, s.last_seen_at, s.expires_at,
       s.is_persistent, s.created_at, s.idle, s.address, s.browser, s.flow
  FROM identity.sessions s
  JOIN identity.users u ON (u.organization_id, u.id) = (s.organization_id, s.user_id)
  JOIN identity.organizations o ON o.id = s.organization_id
 WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > $2
   AND u.is_active AND u.deleted_at IS NULL AND o.is_active AND o.deleted_at IS NULL
"""

OF_USER = """
SELECT organization_id, id, user_id, methods, authenticated_at, last_seen_at, expires_at, is_persistent, created_at,
       idle, address, browser, flow
  FROM identity.sessions
 WHERE organization_id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3
 ORDER BY last_seen_at DESC, id
"""

TOUCH = "UPDATE identity.sessions SET last_seen_at = $3 WHERE organization_id = $1 AND id = $2 AND last_seen_at < $3"

FORGET_FLOW = "UPDATE identity.sessions SET flow = NULL WHERE organization_id = $1 AND id = $2"

# The lock makes who ends the session wait for what is being given out in its name, and end that as well.
LOCK_OPEN = """
SELECT true FROM identity.sessions WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL FOR SHARE
"""

END = "UPDATE identity.sessions SET ended_at = $3 WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL"

END_ALL_OF_USER = """
UPDATE identity.sessions SET ended_at = $3
 WHERE organization_id = $1 AND user_id = $2 AND ended_at IS NULL AND id IS DISTINCT FROM $4::uuid
"""

FORGET_ENDED = """
DELETE FROM identity.sessions
 WHERE (organization_id, id) IN (
   SELECT organization_id, id FROM identity.sessions WHERE expires_at <= $1
    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING 1
"""


async def put(db: Connection, session: Session, token_hash: bytes) -> bool:
    """Keep a new session, or the new form of one that goes on; false when that one was ended meanwhile."""
    is_kept: bool | None = await db.fetchval(
        PUT,
        session.organization_id,
        session.id,
        session.user_id,
        token_hash,
        session.methods,
        session.authenticated_at,
        session.created_at,
        session.last_seen_at,
        session.expires_at,
        session.is_persistent,
        session.idle,
        session.address,
        session.browser,
        session.flow,
    )
    return bool(is_kept)


async def find(db: Connection, token_hash: bytes, now: datetime) -> Session | None:
    """The session of a cookie's hash unless it ended or its user or organization did; it may have been idle."""
    row = await db.fetchrow(FIND, token_hash, now)
    return _session(row) if row else None


async def of_user(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> list[Session]:
    """The user's sessions that nobody ended, the one seen last first; some may have been idle."""
    return [_session(row) for row in await db.fetch(OF_USER, organization_id, user_id, now)]


async def touch(db: Connection, session: Session, now: datetime) -> None:
    """Note that the session was seen."""
    await db.execute(TOUCH, session.organization_id, session.id, now)


async def forget_flow(db: Connection, session: Session) -> None:
    """The sign-in has led back."""
    await db.execute(FORGET_FLOW, session.organization_id, session.id)


async def lock_open(db: Connection, organization_id: UUID, session_id: UUID) -> bool:
    """Whether there is such a session that nobody ended; nobody does until the end of the transaction."""
    return bool(await db.fetchval(LOCK_OPEN, organization_id, session_id))


async def end(db: Connection, organization_id: UUID, session_id: UUID, now: datetime) -> None:
    """End one session."""
    await db.execute(END, organization_id, session_id, now)


async def end_all_of_user(
    db: Connection, organization_id: UUID, user_id: UUID, now: datetime, but: UUID | None
) -> None:
    """End every session of a user, but for one."""
    await db.execute(END_ALL_OF_USER, organization_id, user_id, now, but)


async def forget_ended(db: Connection, before: datetime, limit: int) -> int:
    """Delete sessions whose time was over before an instant; how many."""
    return len(await db.fetch(FORGET_ENDED, before, limit))


def _session(row: Record) -> Session:
    return Session(**(dict(row) | {"methods": tuple(row["methods"])}))
