"""SQL of tries to sign in.

Whoever locks more than one of these rows does so in this order: the address's budget, the user, the known address.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.partitions.rules import HOST_ID
from podium.identity.users.rules import (
    BUDGET_WINDOW,
    KNOWN_FOR,
    Attempt,
    Failures,
    Lockout,
    LoginResult,
    Spent,
    User,
    network,
)
from podium.kernel.db import Connection

SPENT = "SELECT window_from, failures FROM identity.address_budgets WHERE address = $1"
LOCK_SPENT = "SELECT window_from, failures FROM identity.address_budgets WHERE address = $1 FOR UPDATE"

KNOWN = """
SELECT failed_attempts, locked_until FROM identity.known_addresses
 WHERE organization_id = $1 AND user_id = $2 AND address = $3 AND last_seen_at > $4
"""

LOCK_KNOWN = """
SELECT failed_attempts, locked_until FROM identity.known_addresses
 WHERE organization_id = $1 AND user_id = $2 AND address = $3 AND last_seen_at > $4 FOR UPDATE
"""

LOCK_USER = """
SELECT is_active, locked_until, password_changed_at FROM identity.users
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE
"""

SPEND = """
INSERT INTO identity.address_budgets AS b (address, window_from, failures) VALUES ($1, $2::timestamptz, 1)
ON CONFLICT (address) DO UPDATE
   SET window_from = CASE WHEN b.window_from + $3::interval <= $2::timestamptz THEN $2::timestamptz ELSE b.window_from END,
       failures = CASE WHEN b.window_from + $3::interval <= $2::timestamptz THEN 1 ELSE b.failures + 1 END
"""

# The attempt is written in any case, so that a name that is nobody's takes as long as one that is somebody's.
FAILED = """
WITH attempt AS (
  INSERT INTO identity.login_attempts
    (organization_id, user_id, user_name, client_address, client_name, browser, result, created_at)
  VALUES ($1, $2::uuid, $3, $4, $5, $6, $7::smallint, $8::timestamptz)),
there AS (
  UPDATE identity.known_addresses
     SET failed_attempts = CASE WHEN failed_attempts + 1 < $9::int THEN failed_attempts + 1 ELSE 0 END,
         locked_until = CASE WHEN failed_attempts + 1 < $9::int THEN NULL
                             ELSE $8::timestamptz + make_interval(secs => $10::int) END
   WHERE organization_id = $1 AND user_id = $2::uuid AND address = $12::text AND $11::boolean
     AND (locked_until IS NULL OR locked_until <= $8::timestamptz))
UPDATE identity.users
   SET failed_attempts = CASE WHEN failed_attempts + 1 < $9::int THEN failed_attempts + 1 ELSE 0 END,
       locked_until = CASE WHEN failed_attempts + 1 < $9::int THEN NULL
                           ELSE $8::timestamptz + make_interval(secs => $10::int) END
 WHERE organization_id = $1 AND id = $2::uuid AND $11::boolean AND $12::text IS NULL
   AND (locked_until IS NULL OR locked_until <= $8::timestamptz)
"""

# A success from a known address leaves the account's own count as it is: it is the strangers'.
SUCCEEDED = """
WITH entered AS (
  UPDATE identity.users
     SET failed_attempts = CASE WHEN $10::boolean THEN failed_attempts ELSE 0 END,
         locked_until = CASE WHEN $10::boolean THEN locked_until END,
         last_login_at = $8::timestamptz, is_invitation_accepted = true
   WHERE organization_id = $1 AND id = $2::uuid),
there AS (
  INSERT INTO identity.known_addresses (organization_id, user_id, address, last_seen_at)
  SELECT $1::uuid, $2::uuid, $9::text, $8::timestamptz WHERE $9::text IS NOT NULL
  ON CONFLICT (organization_id, user_id, address) DO UPDATE
     SET failed_attempts = 0, locked_until = NULL, last_seen_at = excluded.last_seen_at)
INSERT INTO identity.login_attempts
  (organization_id, user_id, user_name, client_address, client_name, browser, result, created_at)
VALUES ($1, $2::uuid, $3, $4, $5, $6, $7::smallint, $8::timestamptz)
"""

FORGET_ADDRESSES = """
WITH budgets AS (
  DELETE FROM identity.address_budgets WHERE address IN (
    SELECT address FROM identity.address_budgets WHERE window_from <= $1 LIMIT $3 FOR UPDATE SKIP LOCKED)
  RETURNING 1),
known AS (
  DELETE FROM identity.known_addresses WHERE (organization_id, user_id, address) IN (
    SELECT organization_id, user_id, address FROM identity.known_addresses
     WHERE last_seen_at <= $2 LIMIT $3 FOR UPDATE SKIP LOCKED)
  RETURNING 1)
SELECT (SELECT count(*) FROM budgets) + (SELECT count(*) FROM known)
"""

# Tries with a name that is nobody's are the host's.
KEPT_DAYS = """
SELECT o.id, coalesce(own.value, host.value)::int AS days
  FROM identity.organizations o
  LEFT JOIN identity.settings own ON own.organization_id = o.id AND own.user_id = $2::uuid AND own.key_key = $1
       AND own.value ~ '^[1-9][0-9]{0,4}$'
  LEFT JOIN identity.settings host ON host.organization_id = $2::uuid AND host.user_id = $2::uuid AND host.key_key = $1
       AND host.value ~ '^[1-9][0-9]{0,4}$'
 WHERE coalesce(own.value, host.value) IS NOT NULL
"""

FORGET_ATTEMPTS = """
DELETE FROM identity.login_attempts WHERE (organization_id, id) IN (
  SELECT organization_id, id FROM identity.login_attempts
   WHERE organization_id = $1 AND created_at < $2 ORDER BY created_at LIMIT $3)
RETURNING 1
"""

RETENTION = "auth.signin.attemptretentiondays"
"""The folded key of the setting."""


class Standing(NamedTuple):
    """What is known of an address: its failures of these minutes, and those against the user, None: not known there."""

    spent: Spent | None
    known: Failures | None


async def standing(
    db: Connection, user: User | None, organization_id: UUID, attempt: Attempt, now: datetime
) -> Standing:
    """What is known before the password is looked at; the same statements whether there is such a user or not."""
    address = network(attempt.client_address)
    spent = await db.fetchrow(SPENT, address)
    known = await db.fetchrow(KNOWN, organization_id, user.id if user else None, address, now - KNOWN_FOR)
    return Standing(Spent(*spent) if spent else None, Failures(*known) if known else None)


async def locked_standing(db: Connection, user: User, attempt: Attempt, now: datetime) -> tuple[Standing, User | None]:
    """As it is now, with the user; both stay so until the transaction ends. User None: deleted, or another password."""
    address = network(attempt.client_address)
    spent = await db.fetchrow(LOCK_SPENT, address)
    row = await db.fetchrow(LOCK_USER, user.organization_id, user.id)
    known = await db.fetchrow(LOCK_KNOWN, user.organization_id, user.id, address, now - KNOWN_FOR)
    present = None
    if row is not None and row["password_changed_at"] == user.password_changed_at:
        present = user._replace(is_active=row["is_active"], locked_until=row["locked_until"])
    return Standing(Spent(*spent) if spent else None, Failures(*known) if known else None), present


async def failed(
    db: Connection,
    organization_id: UUID,
    user_id: UUID | None,
    attempt: Attempt,
    result: LoginResult,
    policy: Lockout,
    now: datetime,
    *,
    is_known: bool = False,
) -> None:
    """Record a failed try. A wrong password counts towards the lock (rules.after_failure); other failures do not.

    `is_known`: on the lock of the address, else on that of the account.
    """
    address = network(attempt.client_address)
    counts = policy.is_enabled and result is LoginResult.INVALID_PASSWORD
    if address is not None:
        await db.execute(SPEND, address, now, BUDGET_WINDOW)
    await db.execute(
        FAILED,
        organization_id,
        user_id,
        *attempt,
        int(result),
        now,
        policy.max_failures,
        policy.lock_s,
        counts,
        address if is_known else None,
    )


async def succeeded(
    db: Connection, organization_id: UUID, user_id: UUID, attempt: Attempt, now: datetime, *, is_known: bool
) -> None:
    """Record a success; the caller holds the rows (`locked_standing`). The address is known from now on."""
    await db.execute(
        SUCCEEDED,
        organization_id,
        user_id,
        *attempt,
        int(LoginResult.SUCCESS),
        now,
        network(attempt.client_address),
        is_known,
    )


async def forget_addresses(db: Connection, now: datetime, limit: int) -> int:
    """Delete budgets and known addresses whose time is over; how many."""
    count: int = await db.fetchval(FORGET_ADDRESSES, now - BUDGET_WINDOW, now - KNOWN_FOR, limit)
    return count


async def kept_days(db: Connection) -> list[tuple[UUID, int]]:
    """For how many days tries are kept, of the organizations for which that is set, the host among them."""
    return [(row["id"], row["days"]) for row in await db.fetch(KEPT_DAYS, RETENTION, HOST_ID)]


async def forget_attempts(db: Connection, organization_id: UUID, before: datetime, limit: int) -> int:
    """Delete an organization's tries older than an instant; how many."""
    return len(await db.fetch(FORGET_ATTEMPTS, organization_id, before, limit))
