"""SQL of users and of their tries to sign in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.identity.users.rules import Attempt, Lockout, LoginResult, NewUser, User
from podium.kernel.db import Connection

BY_NAME = """
SELECT organization_id, id, user_name, email, first_name, last_name, display_name, is_active, password_hash,
       must_change_password, locked_until
  FROM identity.users
 WHERE organization_id = $1 AND deleted_at IS NULL AND (user_name_key = $2 OR email_key = $2)
 ORDER BY user_name_key = $2 DESC  -- a user name wins over another user's e-mail
 LIMIT 1
"""

ACTIVE = """
SELECT organization_id, id, user_name, email, first_name, last_name, display_name, is_active, password_hash,
       must_change_password, locked_until
  FROM identity.users
 WHERE organization_id = $1 AND id = $2 AND is_active AND deleted_at IS NULL
"""

ID_BY_NAME = """
SELECT id FROM identity.users WHERE organization_id = $1 AND user_name_key = $2
 ORDER BY deleted_at IS NULL DESC, created_at DESC LIMIT 1
"""

ADD = """
INSERT INTO identity.users (organization_id, id, user_name, user_name_key, email, email_key, first_name, last_name,
                            display_name, is_email_confirmed, is_invitation_accepted, password_hash,
                            password_changed_at, must_change_password, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, true, true, $10::text,
        CASE WHEN $10::text IS NULL THEN NULL ELSE $11::timestamptz END, $12, $11::timestamptz)
"""

# The attempt is written in any case, so that a name that is nobody's takes as long as one that is somebody's.
FAILED = """
WITH attempt AS (
  INSERT INTO identity.login_attempts
    (organization_id, user_id, user_name, client_address, client_name, browser, result, created_at)
  VALUES ($1, $2::uuid, $3, $4, $5, $6, $7::smallint, $8::timestamptz))
UPDATE identity.users
   SET failed_attempts = CASE WHEN failed_attempts + 1 < $9::int THEN failed_attempts + 1 ELSE 0 END,
       locked_until = CASE WHEN failed_attempts + 1 < $9::int THEN NULL
                           ELSE $8::timestamptz + make_interval(secs => $10::int) END
 WHERE organization_id = $1 AND id = $2::uuid AND $11::boolean
   AND (locked_until IS NULL OR locked_until <= $8::timestamptz)
"""

# Guarded: a right password that comes while wrong ones close the account is refused all the same.
SUCCEEDED = """
WITH entered AS (
  UPDATE identity.users
     SET failed_attempts = 0, locked_until = NULL, last_login_at = $8::timestamptz, is_invitation_accepted = true
   WHERE organization_id = $1 AND id = $2::uuid AND is_active AND deleted_at IS NULL
     AND (locked_until IS NULL OR locked_until <= $8::timestamptz)
  RETURNING id)
INSERT INTO identity.login_attempts
  (organization_id, user_id, user_name, client_address, client_name, browser, result, created_at)
SELECT $1, id, $3, $4, $5, $6, $7::smallint, $8::timestamptz FROM entered
RETURNING user_id
"""

REPLACE_HASH = """
UPDATE identity.users SET password_hash = $4
 WHERE organization_id = $1 AND id = $2 AND password_hash = $3
"""


async def by_name(db: Connection, organization_id: UUID, name_key: str) -> User | None:
    """The user of that folded user name or e-mail; inactive and locked ones too."""
    return _user(await db.fetchrow(BY_NAME, organization_id, name_key))


async def active(db: Connection, organization_id: UUID, user_id: UUID) -> User | None:
    """The user, if it may still hold tokens."""
    return _user(await db.fetchrow(ACTIVE, organization_id, user_id))


async def id_by_name(db: Connection, organization_id: UUID, name_key: str) -> UUID | None:
    """The id of the user of that folded user name, of a deleted one where there is no other."""
    found: UUID | None = await db.fetchval(ID_BY_NAME, organization_id, name_key)
    return found


async def add(db: Connection, user: NewUser, user_name_key: str, email_key: str | None, now: datetime) -> None:
    """Keep a new user. Raises UniqueViolationError for a name or e-mail that is taken."""
    await db.execute(
        ADD,
        user.organization_id,
        user.id,
        user.user_name,
        user_name_key,
        user.email,
        email_key,
        user.first_name,
        user.last_name,
        user.display_name,
        user.password_hash,
        now,
        user.must_change_password,
    )


async def failed(
    db: Connection,
    organization_id: UUID,
    user_id: UUID | None,
    attempt: Attempt,
    result: LoginResult,
    policy: Lockout,
    now: datetime,
) -> None:
    """Record a failed try. A wrong password counts towards the lock (rules.after_failure); other failures do not."""
    counts = policy.is_enabled and result is LoginResult.INVALID_PASSWORD
    await db.execute(
        FAILED, organization_id, user_id, *attempt, int(result), now, policy.max_failures, policy.lock_s, counts
    )


async def succeeded(db: Connection, organization_id: UUID, user_id: UUID, attempt: Attempt, now: datetime) -> bool:
    """Record a success; false, and nothing recorded, when the user was locked, disabled or deleted meanwhile."""
    return bool(await db.fetchval(SUCCEEDED, organization_id, user_id, *attempt, int(LoginResult.SUCCESS), now))


async def replace_hash(db: Connection, user: User, new_hash: str) -> None:
    """Store the same password under newer costs, unless it was changed meanwhile."""
    await db.execute(REPLACE_HASH, user.organization_id, user.id, user.password_hash, new_hash)


def _user(row: Record | None) -> User | None:
    return User(*row.values()) if row else None
