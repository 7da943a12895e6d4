"""SQL of users; their tries to sign in are in sign_in/store.py."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record

from podium.identity.users.rules import NewUser, User
from podium.kernel.db import Connection

BY_NAME = """
SELECT organization_id, id, user_name, email, first_name, last_name, display_name, is_active, password_hash,
       must_change_password, locked_until, password_changed_at, bypasses_basic_restriction
  FROM identity.users
 WHERE organization_id = $1 AND deleted_at IS NULL AND (user_name_key = $2 OR email_key = $2)
 ORDER BY user_name_key = $2 DESC  -- a user name wins over another user's e-mail
 LIMIT 1
"""

BY_ID = """
SELECT organization_id, id, user_name, email, first_name, last_name, display_name, is_active, password_hash,
       must_change_password, locked_until, password_changed_at, bypasses_basic_restriction
  FROM identity.users
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""

# Not FOR UPDATE: what is added about a user meanwhile (a link, a session) need not wait, nor its holder for this one.
LOCK = """
SELECT organization_id, id, user_name, email, first_name, last_name, display_name, is_active, password_hash,
       must_change_password, locked_until, password_changed_at, bypasses_basic_restriction
  FROM identity.users
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
   FOR NO KEY UPDATE
"""

ID_BY_NAME = """
SELECT id FROM identity.users WHERE organization_id = $1 AND user_name_key = $2
 ORDER BY deleted_at IS NULL DESC, created_at DESC LIMIT 1
"""

# Rows of identity keep the number that the caller chose; the next of the sequence otherwise.
ADD = """
INSERT INTO identity.users (organization_id, id, type, user_name, user_name_key, email, email_key, first_name,
                            last_name, display_name, is_email_confirmed, is_invitation_accepted,
                            bypasses_basic_restriction, password_hash, password_changed_at, must_change_password,
                            external_id, legacy_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text,
        CASE WHEN $14::text IS NULL OR $17::boolean THEN NULL ELSE $18::timestamptz END, $15, $16,
        coalesce($19::bigint, nextval(pg_get_serial_sequence('identity.users', 'legacy_id'))), $18::timestamptz)
"""

TAKEN_NAMES = """
SELECT 'user_name' AS what FROM identity.users
 WHERE organization_id = $1 AND user_name_key = $2::text AND deleted_at IS NULL AND id IS DISTINCT FROM $4::uuid
UNION ALL
SELECT 'email' FROM identity.users
 WHERE organization_id = $1 AND email_key = $3::text AND deleted_at IS NULL AND id IS DISTINCT FROM $4::uuid
"""

# Null leaves a member as it is. Activating opens a lock: the administrator has looked at it.
UPDATE = """
UPDATE identity.users
   SET first_name = coalesce($3::text, first_name),
       last_name = coalesce($4::text, last_name),
       display_name = coalesce($5::text, display_name),
       email = CASE WHEN $6::boolean THEN $7::text ELSE email END,
       email_key = CASE WHEN $6::boolean THEN $8::text ELSE email_key END,
       is_email_confirmed = is_email_confirmed AND NOT $9::boolean,
       is_active = coalesce($10::boolean, is_active),
       bypasses_basic_restriction = coalesce($11::boolean, bypasses_basic_restriction),
       is_invitation_accepted = coalesce($12::boolean, is_invitation_accepted),
       attributes = (attributes || $13::jsonb) - $14::text[],
       failed_attempts = CASE WHEN $10::boolean THEN 0 ELSE failed_attempts END,
       locked_until = CASE WHEN $10::boolean THEN NULL ELSE locked_until END,
       updated_at = $15
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""

COUNT_ATTRIBUTES = """
SELECT count(*) FROM identity.users u, jsonb_object_keys(u.attributes) WHERE u.organization_id = $1 AND u.id = $2
"""

REPLACE_HASH = """
UPDATE identity.users SET password_hash = $4
 WHERE organization_id = $1 AND id = $2 AND password_hash = $3
"""

# The old hash goes to the history; of that the last ten stay, which is what the setting asks for at most.
SET_HASH = """
WITH old AS (
  INSERT INTO identity.password_history (organization_id, user_id, password_hash, replaced_at)
  SELECT organization_id, id, password_hash, $4::timestamptz FROM identity.users
   WHERE organization_id = $1 AND id = $2 AND password_hash IS NOT NULL),
older AS (
  DELETE FROM identity.password_history
   WHERE organization_id = $1 AND user_id = $2 AND id IN (
     SELECT id FROM identity.password_history WHERE organization_id = $1 AND user_id = $2
      ORDER BY id DESC OFFSET 9)),
opened AS (
  UPDATE identity.known_addresses SET failed_attempts = 0, locked_until = NULL
   WHERE organization_id = $1 AND user_id = $2)
UPDATE identity.users
   SET password_hash = $3, password_changed_at = $4::timestamptz, must_change_password = $5, failed_attempts = 0,
       locked_until = NULL, updated_at = $4::timestamptz
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""

LAST_HASHES = """
SELECT password_hash FROM identity.password_history
 WHERE organization_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT $3
"""

LOCK_PRESENT = """
SELECT id FROM identity.users WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL
 ORDER BY id FOR NO KEY UPDATE
"""

# Names stay, for old records show them; what lets somebody in or tells where he was goes.
DELETE = """
WITH history AS (DELETE FROM identity.password_history WHERE organization_id = $1 AND user_id = ANY($2::uuid[])),
addresses AS (DELETE FROM identity.known_addresses WHERE organization_id = $1 AND user_id = ANY($2::uuid[]))
UPDATE identity.users
   SET deleted_at = $3, updated_at = $3, is_active = false, password_hash = NULL
 WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL
"""


class Changes(NamedTuple):
    """What is to be different; None leaves a member as it is. An empty `email` removes the address."""

    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    email: str | None = None
    is_active: bool | None = None
    bypasses_basic_restriction: bool | None = None
    is_invitation_accepted: bool | None = None
    attributes: Mapping[str, str] = {}
    removed_attributes: Sequence[str] = ()


async def by_name(db: Connection, organization_id: UUID, name_key: str) -> User | None:
    """The user of that folded user name or e-mail; inactive and locked ones too."""
    return _user(await db.fetchrow(BY_NAME, organization_id, name_key))


async def by_id(db: Connection, organization_id: UUID, user_id: UUID) -> User | None:
    """The user of that id; inactive and locked ones too."""
    return _user(await db.fetchrow(BY_ID, organization_id, user_id))


async def lock(db: Connection, organization_id: UUID, user_id: UUID) -> User | None:
    """As `by_id`; nobody else changes the user until the transaction ends."""
    return _user(await db.fetchrow(LOCK, organization_id, user_id))


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
        user.type,
        user.user_name,
        user_name_key,
        user.email,
        email_key,
        user.first_name,
        user.last_name,
        user.display_name,
        user.is_email_confirmed,
        user.is_invitation_accepted,
        user.bypasses_basic_restriction,
        user.password_hash,
        user.must_change_password,
        user.external_id,
        user.is_operators,
        now,
        user.legacy_id,
    )


async def taken_names(
    db: Connection, organization_id: UUID, user_name_key: str | None, email_key: str | None, but: UUID | None = None
) -> set[str]:
    """Which of `user_name` and `email` another user has; `but`: the one who may."""
    return {row["what"] for row in await db.fetch(TAKEN_NAMES, organization_id, user_name_key, email_key, but)}


async def update(
    db: Connection,
    organization_id: UUID,
    user_id: UUID,
    changes: Changes,
    email_key: str | None,
    now: datetime,
    *,
    doubts_email: bool = False,
) -> None:
    """Change a user. `doubts_email`: the address counts as not confirmed."""
    await db.execute(
        UPDATE,
        organization_id,
        user_id,
        changes.first_name,
        changes.last_name,
        changes.display_name,
        changes.email is not None,
        changes.email or None,
        email_key,
        doubts_email,
        changes.is_active,
        changes.bypasses_basic_restriction,
        changes.is_invitation_accepted,
        msgspec.json.encode(changes.attributes).decode(),
        list(changes.removed_attributes),
        now,
    )


async def count_attributes(db: Connection, organization_id: UUID, user_id: UUID) -> int:
    """How many free attributes the user has."""
    count: int = await db.fetchval(COUNT_ATTRIBUTES, organization_id, user_id)
    return count


async def replace_hash(db: Connection, user: User, new_hash: str) -> None:
    """Store the same password under newer costs, unless it was changed meanwhile."""
    await db.execute(REPLACE_HASH, user.organization_id, user.id, user.password_hash, new_hash)


async def set_password(
    db: Connection, organization_id: UUID, user_id: UUID, new_hash: str, now: datetime, *, must_change: bool
) -> None:
    """A new password; every lock opens."""
    await db.execute(SET_HASH, organization_id, user_id, new_hash, now, must_change)


async def last_hashes(db: Connection, organization_id: UUID, user_id: UUID, most: int) -> list[str]:
    """Hashes of the passwords before the present one, the last first."""
    return [row["password_hash"] for row in await db.fetch(LAST_HASHES, organization_id, user_id, most)]


async def lock_present(db: Connection, organization_id: UUID, user_ids: Collection[UUID]) -> list[UUID]:
    """Those of the ids that users of the organization have; nobody else changes them until the transaction ends."""
    return [row["id"] for row in await db.fetch(LOCK_PRESENT, organization_id, list(user_ids))]


async def delete(db: Connection, organization_id: UUID, user_ids: Collection[UUID], now: datetime) -> None:
    """Users are gone, but for their names."""
    await db.execute(DELETE, organization_id, list(user_ids), now)


def _user(row: Record | None) -> User | None:
    return User(*row.values()) if row else None
