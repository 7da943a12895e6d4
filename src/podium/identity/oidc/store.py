"""SQL of authorization codes, consents and device grants."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.identity.oidc.device_rules import DeviceGrant
from podium.identity.oidc.rules import AuthorizeRequest, Consent
from podium.identity.sessions.rules import Session
from podium.kernel.db import Connection


class Code(NamedTuple):
    """An authorization code as stored. `grant_id`: what its first use gave, None before."""

    organization_id: UUID
    client_id: str
    redirect_uri: str
    user_id: UUID
    session_id: UUID
    scopes: list[str]
    methods: list[str]
    nonce: str | None
    code_challenge: str | None
    authenticated_at: datetime
    expires_at: datetime
    used_at: datetime | None
    grant_id: UUID | None


STANDING = """
SELECT u.is_invitation_accepted, c.scopes, c.flow
  FROM identity.users u
  LEFT JOIN identity.consents c
    ON (c.organization_id, c.user_id, c.client_id) = (u.organization_id, u.id, $3)
 WHERE u.organization_id = $1 AND u.id = $2
"""

PUT_CONSENT = """
INSERT INTO identity.consents (organization_id, user_id, client_id, scopes, granted_at, flow)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (organization_id, user_id, client_id) DO UPDATE
   SET scopes = ARRAY(SELECT DISTINCT unnest(consents.scopes || excluded.scopes) ORDER BY 1),
       granted_at = excluded.granted_at, flow = excluded.flow
"""

IS_EMAIL_CONFIRMED = "SELECT is_email_confirmed FROM identity.users WHERE organization_id = $1 AND id = $2"

USE_CONSENT = """
UPDATE identity.consents SET flow = NULL
 WHERE organization_id = $1 AND user_id = $2 AND client_id = $3 AND flow = $4
"""

REMOVE_CONSENT = """
DELETE FROM identity.consents WHERE organization_id = $1 AND user_id = $2 AND client_id = $3 RETURNING true
"""

# Devices, and clients that need no agreement, are known by the refresh tokens that they hold.
APPLICATIONS_OF = """
SELECT client_id, array_agg(DISTINCT scope ORDER BY scope) AS scopes, max(since) AS granted_at
  FROM (SELECT client_id, scopes, granted_at AS since FROM identity.consents
         WHERE organization_id = $1 AND user_id = $2
        UNION ALL
        SELECT client_id, scopes, authenticated_at FROM identity.refresh_families
         WHERE organization_id = $1 AND subject = $2 AND revoked_at IS NULL AND expires_at > $3) AS held,
       unnest(scopes) AS scope
 GROUP BY client_id
"""

# A code or a device that was let in and has not fetched its tokens yet.
END_UNFINISHED = """
WITH codes AS (
  DELETE FROM identity.authorization_codes
   WHERE organization_id = $1 AND user_id = $2 AND client_id = $3 AND used_at IS NULL)
UPDATE identity.device_grants SET state = 'denied'
 WHERE organization_id = $1 AND user_id = $2 AND client_id = $3 AND state = 'approved'
"""

ADD_CODE = """
INSERT INTO identity.authorization_codes
  (organization_id, code_hash, client_id, redirect_uri, user_id, session_id, scopes, methods, nonce, code_challenge,
   authenticated_at, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

LOCK_CODE = """
SELECT organization_id, client_id, redirect_uri, user_id, session_id, scopes, methods, nonce, code_challenge,
       authenticated_at, expires_at, used_at, grant_id
  FROM identity.authorization_codes WHERE organization_id = $1 AND code_hash = $2 FOR UPDATE
"""

USE_CODE = """
UPDATE identity.authorization_codes SET used_at = $3, grant_id = $4 WHERE organization_id = $1 AND code_hash = $2
"""

ADD_DEVICE = """
INSERT INTO identity.device_grants
  (device_hash, user_code_key, client_id, scopes, interval_s, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (user_code_key) DO NOTHING
RETURNING true
"""

PENDING_DEVICE = """
SELECT client_id, scopes FROM identity.device_grants
 WHERE user_code_key = $1 AND state = 'pending' AND expires_at > $2
"""

APPROVE_DEVICE = """
UPDATE identity.device_grants
   SET state = 'approved', organization_id = $3, user_id = $4, session_id = $5, methods = $6, authenticated_at = $7
 WHERE user_code_key = $1 AND state = 'pending' AND expires_at > $2
RETURNING true
"""

DENY_DEVICE = """
UPDATE identity.device_grants SET state = 'denied'
 WHERE user_code_key = $1 AND state = 'pending' AND expires_at > $2
RETURNING true
"""

LOCK_DEVICE = """
SELECT client_id, state, interval_s, polled_at, expires_at, organization_id, user_id, session_id, scopes, methods,
       authenticated_at
  FROM identity.device_grants WHERE device_hash = $1 FOR UPDATE
"""

POLLED = "UPDATE identity.device_grants SET polled_at = $2, interval_s = $3 WHERE device_hash = $1"

USE_DEVICE = "UPDATE identity.device_grants SET state = 'used' WHERE device_hash = $1"

FORGET_ENDED = """
WITH codes AS (
  DELETE FROM identity.authorization_codes
   WHERE (organization_id, code_hash) IN (
     SELECT organization_id, code_hash FROM identity.authorization_codes WHERE expires_at <= $1
      ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)
  RETURNING 1),
devices AS (
  DELETE FROM identity.device_grants
   WHERE device_hash IN (
     SELECT device_hash FROM identity.device_grants WHERE expires_at <= $2
      ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)
  RETURNING 1)
SELECT (SELECT count(*) FROM codes) + (SELECT count(*) FROM devices)
"""


class Standing(NamedTuple):
    """What is known of a user towards a client."""

    is_invitation_accepted: bool
    consent: Consent | None


async def standing(db: Connection, session: Session, client_id: str) -> Standing:
    """Of the session's user, who exists."""
    row = await db.fetchrow(STANDING, session.organization_id, session.user_id, client_id)
    assert row is not None
    consent = None if row["scopes"] is None else Consent(row["scopes"], row["flow"])
    return Standing(row["is_invitation_accepted"], consent)


async def is_email_confirmed(db: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Whether the user has shown that the e-mail address is his."""
    return bool(await db.fetchval(IS_EMAIL_CONFIRMED, organization_id, user_id))


async def put_consent(db: Connection, session: Session, request: AuthorizeRequest, now: datetime) -> None:
    """Add the request's scopes to what the user agreed to before."""
    who = session.organization_id, session.user_id, request.client.client_id
    await db.execute(PUT_CONSENT, *who, request.scopes, now, request.flow)


async def use_consent(db: Connection, session: Session, request: AuthorizeRequest) -> None:
    """The agreement has been used for the request that it was given on; later ones go by the scopes."""
    await db.execute(USE_CONSENT, session.organization_id, session.user_id, request.client.client_id, request.flow)


async def remove_consent(db: Connection, organization_id: UUID, user_id: UUID, client_id: str) -> bool:
    """Forget an agreement; false when there was none."""
    return bool(await db.fetchval(REMOVE_CONSENT, organization_id, user_id, client_id))


async def applications_of(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> list[Record]:
    """client_id, scopes and granted_at of what the user agreed to, or what holds refresh tokens of the user."""
    return await db.fetch(APPLICATIONS_OF, organization_id, user_id, now)


async def end_unfinished(db: Connection, organization_id: UUID, user_id: UUID, client_id: str) -> None:
    """A client that has been let in and has no tokens yet gets none."""
    await db.execute(END_UNFINISHED, organization_id, user_id, client_id)


async def add_code(
    db: Connection, session: Session, request: AuthorizeRequest, code_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """Keep a new code."""
    await db.execute(
        ADD_CODE,
        session.organization_id,
        code_hash,
        request.client.client_id,
        request.redirect_uri,
        session.user_id,
        session.id,
        request.scopes,
        session.methods,
        request.nonce,
        request.code_challenge,
        session.authenticated_at,
        now,
        expires_at,
    )


async def lock_code(db: Connection, organization_id: UUID, code_hash: bytes) -> Code | None:
    """The code, locked until the end of the transaction, used and expired ones too."""
    row = await db.fetchrow(LOCK_CODE, organization_id, code_hash)
    return Code(**dict(row)) if row else None


async def use_code(
    db: Connection, organization_id: UUID, code_hash: bytes, now: datetime, grant_id: UUID | None
) -> None:
    """Mark a locked code used, for what it gave; None when it gave nothing."""
    await db.execute(USE_CODE, organization_id, code_hash, now, grant_id)


async def add_device(
    db: Connection,
    device_hash: bytes,
    user_code_key: str,
    client_id: str,
    scopes: list[str],
    interval_s: int,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Keep a new device grant; false when the user code is taken."""
    return bool(
        await db.fetchval(ADD_DEVICE, device_hash, user_code_key, client_id, scopes, interval_s, now, expires_at)
    )


async def pending_device(db: Connection, user_code_key: str, now: datetime) -> Record | None:
    """client_id and scopes of the device that waits for its user."""
    return await db.fetchrow(PENDING_DEVICE, user_code_key, now)


async def approve_device(db: Connection, user_code_key: str, session: Session, now: datetime) -> bool:
    """Let a waiting device have tokens of the session's user; false when it does not wait."""
    who = session.organization_id, session.user_id, session.id, session.methods, session.authenticated_at
    return bool(await db.fetchval(APPROVE_DEVICE, user_code_key, now, *who))


async def deny_device(db: Connection, user_code_key: str, now: datetime) -> bool:
    """Refuse a waiting device; false when it does not wait."""
    return bool(await db.fetchval(DENY_DEVICE, user_code_key, now))


async def lock_device(db: Connection, device_hash: bytes) -> tuple[DeviceGrant, Record] | None:
    """The grant of a device code, locked, with the row: who approved it, which scopes."""
    row = await db.fetchrow(LOCK_DEVICE, device_hash)
    return (DeviceGrant(*(row[name] for name in DeviceGrant._fields)), row) if row else None


async def polled(db: Connection, device_hash: bytes, now: datetime, interval_s: int) -> None:
    """Note a poll, and how long the device is to wait from now on."""
    await db.execute(POLLED, device_hash, now, interval_s)


async def use_device(db: Connection, device_hash: bytes) -> None:
    """The device has got its tokens."""
    await db.execute(USE_DEVICE, device_hash)


async def forget_ended(db: Connection, codes_before: datetime, devices_before: datetime, limit: int) -> int:
    """Delete codes and device grants that ended before these instants, up to a limit of each; how many went."""
    count: int = await db.fetchval(FORGET_ENDED, codes_before, devices_before, limit)
    return count
